/* SPDX-License-Identifier: MIT */

/* Shared by the tests of the state: a directory for each, events that set every field, and comparisons. */

#include "state_fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int fixture_setup(void **state)
{
        const char *parent = getenv("TMPDIR");
        struct fixture *fixture = calloc(1, sizeof(*fixture));

        assert_non_null(fixture);
        (void)snprintf(fixture->directory, sizeof(fixture->directory), "%s/jobwatchd-state-XXXXXX",
                       parent != NULL ? parent : "/tmp");
        assert_non_null(mkdtemp(fixture->directory));
        fixture_open(fixture);
        *state = fixture;
        return 0;
}

int fixture_teardown(void **state)
{
        struct fixture *fixture = *state;
        struct dirent *entry;

        fixture_close(fixture);
        DIR *directory = opendir(fixture->directory);
        assert_non_null(directory);
        while ((entry = readdir(directory)) != NULL)
                if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                        assert_int_equal(remove(fixture_path(fixture, entry->d_name)), 0);
        closedir(directory);
        assert_int_equal(rmdir(fixture->directory), 0);
        free(fixture);
        return 0;
}

int fixture_try_open(struct fixture *fixture, char **ret_message, struct store **ret_store)
{
        const struct store_database database = {
                .uri = getenv("TEST_DATABASE"),
                .password = getenv("TEST_DATABASE_PASSWORD"),
                .instance = fixture->directory,
        };

        return database.uri != NULL
                       ? store_open_database(fixture->directory, &database, ret_message, ret_store)
                       : store_open(fixture->directory, ret_message, ret_store);
}

bool fixture_is_on_server(void)
{
        return getenv("TEST_DATABASE") != NULL;
}

void skip_on_server(void)
{
        if (fixture_is_on_server())
                skip();
}

int fixture_execute(struct store *store, const char *sql, int64_t *ret_number)
{
        return store->engine->execute(store, sql, ret_number);
}

void fixture_open(struct fixture *fixture)
{
        char *message = NULL;

        int r = fixture_try_open(fixture, &message, &fixture->state);
        if (r < 0)
                fail_msg("store_open: %s (%s)", strerror(-r), message != NULL ? message : "no message");
}

void fixture_close(struct fixture *fixture)
{
        fixture->state = store_close(fixture->state);
}

void fixture_reopen(struct fixture *fixture)
{
        fixture_close(fixture);
        fixture_open(fixture);
}

pid_t fixture_holder_start(struct fixture *fixture, int *ret_leash)
{
        int ready[2], leash[2];
        char byte;

        assert_int_equal(pipe(ready), 0);
        assert_int_equal(pipe(leash), 0);
        pid_t holder = fork();
        assert_true(holder >= 0);
        if (holder == 0) {
                struct store *state = NULL;
                char *message = NULL;
                close(leash[1]);
                byte = fixture_try_open(fixture, &message, &state) == 0;
                (void)!write(ready[1], &byte, 1);
                (void)!read(leash[0], &byte, 1); /* until it is closed */
                _exit(0);                        /* without closing the store: the lock ends all the same */
        }

        close(leash[0]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        assert_int_equal(byte, 1);
        close(ready[0]);
        close(ready[1]);
        *ret_leash = leash[1];
        return holder;
}

void fixture_holder_end(pid_t holder, int leash)
{
        int status;

        close(leash);
        assert_int_equal(waitpid(holder, &status, 0), holder);
        assert_int_equal(status, 0);
}

const char *fixture_path(const struct fixture *fixture, const char *name)
{
        static char paths[4][512];
        static unsigned next;
        char *path = paths[next++ % 4];

        (void)snprintf(path, sizeof(paths[0]), "%s/%s", fixture->directory, name);
        return path;
}

uint64_t fixture_pending(struct store *state, const char *hook)
{
        char sql[160];
        int64_t count = -1;

        /* Over the connection of the state, which has locked the file. */
        (void)snprintf(sql, sizeof(sql),
                       "SELECT count(*) FROM deliveries WHERE state = 'pending' AND hook = '%s'", hook);
        assert_int_equal(fixture_execute(state, sql, &count), 0);
        return (uint64_t)count;
}

char *fixture_read_file(const char *path, size_t *ret_size)
{
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        assert_int_equal(fseek(file, 0, SEEK_END), 0);
        long size = ftell(file);
        assert_true(size >= 0);
        rewind(file);

        char *data = malloc((size_t)size + 1);
        assert_non_null(data);
        assert_int_equal(fread(data, 1, (size_t)size, file), (size_t)size);
        fclose(file);
        *ret_size = (size_t)size;
        return data;
}

void fixture_write_file(const char *path, const void *data, size_t size)
{
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        assert_int_equal(fwrite(data, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
}

const char *fixture_event_id(unsigned number)
{
        static char ids[4][EVENT_ID_SIZE];
        static unsigned next;
        char *id = ids[next++ % 4];

        (void)snprintf(id, EVENT_ID_SIZE, "00000000-0000-4000-8000-%012u", number);
        return id;
}

/* A text in one of a few static buffers. */
static struct text numbered(unsigned slot, const char *word, unsigned number)
{
        static char texts[16][48];

        (void)snprintf(texts[slot], sizeof(texts[0]), "%s %u", word, number);
        return (struct text){ texts[slot], strlen(texts[slot]) };
}

struct event fixture_event(unsigned number, uint64_t job, enum event_kind kind)
{
        static unsigned turn;
        unsigned slot = turn++ % 2 * 8;
        struct event event = {
                .kind = kind,
                .outcome = kind == EVENT_SUCCEEDED ? OUTCOME_SUCCESS
                           : kind == EVENT_FAILED  ? OUTCOME_FAILURE
                           : kind == EVENT_GONE    ? OUTCOME_GONE
                                                   : OUTCOME_OPEN,
                .time_us = UINT64_C(1700000000000000) + number,
                .job_name = TEXT_LITERAL("members-import"),
                .record = {
                        .id = job,
                        .status = numbered(slot, "Running", number),
                        .result = numbered(slot + 1, "result", number),
                        .guid = TEXT_LITERAL("cafe\0babe"),
                        .description = numbered(slot + 2, "description", number),
                        .files = TEXT_LITERAL(""),
                        .business = TEXT_LITERAL("\xff\xfe not UTF-8"),
                        .business_id = UINT64_MAX - number,
                        .email = TEXT_LITERAL("x@example.org"),
                        .created_on = TEXT_LITERAL("2024-01-01T00:00:00Z"),
                        .updated_on = numbered(slot + 3, "at", number),
                        .has_status = true,
                        .has_result = number % 2 == 0,
                },
                .status_before = number % 3 == 0 ? TEXT_NULL : numbered(slot + 4, "Before", number),
                .result_before = number % 5 == 0   ? TEXT_LITERAL("")
                                 : number % 7 == 0 ? numbered(slot + 5, "result", number)
                                                   : TEXT_NULL,
                .first_observation = number % 2 == 0,
        };

        memcpy(event.id, fixture_event_id(number), EVENT_ID_SIZE);
        return event;
}

void assert_text_equal(const struct text *left, const struct text *right)
{
        if (!text_equal(left, right))
                fail_msg("texts differ: \"%.40s\" (%zu) and \"%.40s\" (%zu)", text_or_empty(left), left->size,
                         text_or_empty(right), right->size);
        if (left->data != NULL)
                assert_int_equal(left->data[left->size], '\0');
}

void assert_record_equal(const struct job_record *left, const struct job_record *right)
{
        assert_int_equal(left->id, right->id);
        assert_text_equal(&left->status, &right->status);
        assert_text_equal(&left->result, &right->result);
        assert_text_equal(&left->guid, &right->guid);
        assert_text_equal(&left->description, &right->description);
        assert_text_equal(&left->files, &right->files);
        assert_text_equal(&left->business, &right->business);
        assert_int_equal(left->business_id, right->business_id);
        assert_text_equal(&left->user, &right->user);
        assert_text_equal(&left->email, &right->email);
        assert_text_equal(&left->created_on, &right->created_on);
        assert_text_equal(&left->updated_on, &right->updated_on);
        assert_int_equal(left->has_status, right->has_status);
        assert_int_equal(left->has_result, right->has_result);
}

void assert_event_equal(const struct event *left, const struct event *right)
{
        assert_string_equal(left->id, right->id);
        assert_int_equal(left->sequence, right->sequence);
        assert_int_equal(left->kind, right->kind);
        assert_int_equal(left->outcome, right->outcome);
        assert_int_equal(left->time_us, right->time_us);
        assert_text_equal(&left->job_name, &right->job_name);
        assert_text_equal(&left->discover, &right->discover);
        assert_record_equal(&left->record, &right->record);
        assert_text_equal(&left->status_before, &right->status_before);
        assert_text_equal(&left->result_before, &right->result_before);
        assert_int_equal(left->first_observation, right->first_observation);
}
