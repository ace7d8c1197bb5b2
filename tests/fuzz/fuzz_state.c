/* SPDX-License-Identifier: MIT */

/*
 * Arbitrary bytes as the state database; the corpus has valid databases with pages of 512 bytes. The state is
 * opened and read, an event is recorded, deliveries are ended, and it is opened again. Opening succeeds, or
 * fails with a message and without changing the file. What is read is valid, or an error. In a new database
 * nothing that was recorded is missing.
 *
 * SQLite itself is not instrumented. Besides libFuzzer's mutations there are those of disks: sectors of zeros
 * or of another sector, a run of ones, a truncated file.
 */

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit/fault_vfs.h"
#include "state/sql/jobs.h"
#include "state/sqlite/database.h"
#include "util/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

#define JOB_COUNT   3 /* jobs 1 to 3 are in the states of the corpus */
#define SECTOR_SIZE 512
#define NEW_EVENT   "ffffffff-0000-4000-8000-00000000000f"

static const char *const hooks[] = { "mail", "post" };

#define HOOK_COUNT (sizeof(hooks) / sizeof(hooks[0]))

static char directory[256], database[280];

/* Not inlined, so that the stack trace shows the line. */
__attribute__((noinline)) static void check(bool condition)
{
        if (!condition)
                abort();
}

/* ---- the file ---- */

static void file_remove(const char *suffix)
{
        char path[300];

        (void)snprintf(path, sizeof(path), "%s%s", database, suffix);
        check(unlink(path) == 0 || errno == ENOENT);
}

static void files_remove(void)
{
        file_remove("");
        file_remove("-wal");
        file_remove("-journal");
}

static void directory_remove(void)
{
        char lock[300];

        files_remove();
        (void)snprintf(lock, sizeof(lock), "%s/jobwatchd.lock", directory);
        (void)unlink(lock);
        (void)rmdir(directory);
}

static void directory_make(void)
{
        const char *parent = getenv("TMPDIR");

        /* A VFS that does not sync. */
        check(fault_vfs_register() == SQLITE_OK);
        (void)snprintf(directory, sizeof(directory), "%s/jobwatchd-fuzz-XXXXXX",
                       parent != NULL ? parent : "/tmp");
        check(mkdtemp(directory) != NULL);
        (void)snprintf(database, sizeof(database), "%s/jobwatchd.db", directory);
        check(atexit(directory_remove) == 0);
}

static void file_write(const uint8_t *data, size_t size)
{
        files_remove();
        CLEANUP(cleanup_descriptor) int file = open(database, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        check(file >= 0 && write(file, data, size) == (ssize_t)size);
}

static bool file_is(const uint8_t *data, size_t size)
{
        CLEANUP(cleanup_descriptor) int file = open(database, O_RDONLY | O_CLOEXEC);
        CLEANUP(cleanup_free) char *found = malloc(size + 1);

        check(file >= 0 && found != NULL);
        return read(file, found, size + 1) == (ssize_t)size && (size == 0 || memcmp(found, data, size) == 0);
}

/* ---- contents ---- */

static void check_result(const struct store *state, int r)
{
        check(r >= 0 || (strcmp(store_error(state), "no error") != 0 && *store_error(state) != '\0'));
}

static void check_event(const struct event *event)
{
        check(strlen(event->id) < EVENT_ID_SIZE);
        check((unsigned)event->kind < EVENT_KIND_COUNT);
        check(outcome_to_string(event->outcome) != NULL);
}

static struct event new_event(void)
{
        return (struct event){
                .id = NEW_EVENT,
                .kind = EVENT_SUCCEEDED,
                .outcome = OUTCOME_SUCCESS,
                .time_us = UINT64_C(1800000000000000),
                .job_name = TEXT_LITERAL("members-import"),
                .record = {
                        .id = 1,
                        .status = TEXT_LITERAL("Completed"),
                        .result = TEXT_LITERAL("{\"done\": 100}"),
                        .updated_on = TEXT_LITERAL("2026-11-23T21:30:49Z"),
                        .has_status = true,
                        .has_result = true,
                },
                .status_before = TEXT_LITERAL("Running"),
                .result_before = TEXT_LITERAL("{\"done\": 10}"),
        };
}

static int on_unlogged(void *userdata, struct event *event)
{
        const char *const ids[] = { event->id };

        check_event(event);
        if (event->id[0] != 'f')
                (void)store_mark_logged(userdata, ids, 1);
        return 0;
}

static void read_jobs(struct store *state)
{
        for (uint64_t id = 1; id <= JOB_COUNT; id++) {
                CLEANUP(job_record_clear) struct job_record record = { 0 };
                struct stored_job job;

                int r = store_get_job(state, id, &job);
                check_result(state, r);
                check(r <= 0 || (job.id == id && outcome_to_string(job.outcome) != NULL));
                r = store_get_job_record(state, id, &record);
                check_result(state, r);
                check(r <= 0 || record.id == id);
                if (r > 0)
                        check_result(state, store_update_job(state, &record));
        }
}

static void end_deliveries(struct store *state)
{
        for (size_t i = 0; i < HOOK_COUNT; i++) {
                struct delivery deliveries[4];

                int due = store_pending_deliveries(state, hooks[i], 0, deliveries, 4);
                check_result(state, due);
                check(due <= 4);
                for (int k = 0; k < due; k++) {
                        CLEANUP(event_clear) struct event event = { .id = "" };
                        uint64_t id = deliveries[k].id;

                        int r = store_get_event(state, deliveries[k].event_id, &event);
                        check_result(state, r);
                        check(r <= 0 || strcmp(event.id, deliveries[k].event_id) == 0);
                        r = k % 3 == 0   ? store_delivery_done(state, id, 1)
                            : k % 3 == 1 ? store_delivery_retry(state, id, 1, 1, "not now")
                                         : store_delivery_failed(state, id, 3, NULL);
                        check_result(state, r);
                }
        }
}

static void on_pending_hook(void *userdata, const char *hook, uint64_t count)
{
        (void)userdata;
        check(hook != NULL && count > 0);
}

static int on_discovered(void *userdata, const struct stored_discovery *discovery)
{
        (void)userdata;
        check(discovery->sections != NULL && outcome_to_string(discovery->outcome) != NULL);
        return 0;
}

static int on_manual(void *userdata, struct manual_job *manual)
{
        uint64_t *last = userdata;

        check(manual_kind_to_string(manual->kind) != NULL);
        *last = manual->id;
        return 0;
}

/* What someone asks for. */
static void change(struct store *state)
{
        const struct manual_job added = { .id = 1, .kind = MANUAL_ADDED };
        const uint64_t two = 2, delivery = 1;
        struct stored_delivery found;
        struct manual_job read = MANUAL_JOB_NONE;
        uint64_t count, manual = 1;

        check_result(state, store_each_manual(state, on_manual, &manual));
        check_result(state, store_get_manual(state, manual, &read));
        manual_job_clear(&read);
        check_result(state, store_change_manual(state, &added, 1, &two, 1));
        int r = store_get_delivery(state, delivery, &found);
        check_result(state, r);
        if (r > 0) {
                check(found.hook.data != NULL);
                stored_delivery_clear(&found);
        }
        check_result(state, store_retry_failed(state, hooks[0], &count));
        check_result(state, store_drop_deliveries(state, &delivery, 1));
}

static void read_values(struct store *state)
{
        void *value = NULL;
        size_t value_size = 0;

        int r = store_get_value(state, "token", &value, &value_size);
        check_result(state, r);
        check(r <= 0 || ((const char *)value)[value_size] == '\0');
        free(value);
        if (store_put_value(state, "token", "new", 3) == 0) {
                r = store_get_value(state, "token", &value, &value_size);
                check_result(state, r);
                if (r > 0) {
                        check(((const char *)value)[value_size] == '\0');
                        free(value);
                }
        }
}

/* ---- a run ---- */

static struct store *reopen(void)
{
        struct store *state = NULL;
        char *message = NULL;

        int r = store_open(directory, &message, &state);
        check((r == 0) == (state != NULL) && r <= 0);
        check((r < 0) == (message != NULL));
        check(message == NULL || strstr(message, directory) != NULL);
        free(message);
        return state;
}

/* The event that was recorded, after closing and opening. */
static void check_kept(struct store *state, bool new)
{
        CLEANUP(event_clear) struct event found = { .id = "" };
        const struct event expected = new_event();

        int r = store_get_event(state, NEW_EVENT, &found);
        check_result(state, r);
        check(r > 0 || !new);
        if (r > 0)
                check_event(&found);
        check(!new || text_equal(&found.record.result, &expected.record.result));
}

static void run(const uint8_t *data, size_t size)
{
        static const uint64_t jobs[] = { 1, 2, 3 };
        static const struct store_configured configured = {
                .hooks = hooks, .hook_count = HOOK_COUNT, .jobs = jobs, .job_count = JOB_COUNT
        };
        struct event event = new_event();

        struct store *state = reopen();
        if (state == NULL) {
                check(file_is(data, size));
                return;
        }

        (void)store_each_unlogged(state, 0, on_unlogged, state);
        read_jobs(state);
        end_deliveries(state);
        read_values(state);
        check_result(state, store_each_discovered(state, on_discovered, NULL));
        change(state);
        int recorded = store_record_event(state, &event, hooks, 1, NULL);
        check_result(state, recorded);
        check(recorded == 0 || size > 0);
        check_result(state, store_each_pending_hook(state, on_pending_hook, NULL));
        check_result(state, store_prune(state, UINT64_C(1700000000000000), 0, &configured));
        state = store_close(state);

        state = reopen();
        check(state != NULL || size > 0);
        if (state != NULL && recorded == 0)
                check_kept(state, size == 0);
        store_close(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (*directory == '\0')
                directory_make();
        file_write(data, size);
        run(data, size);
        return 0;
}

/* ---- mutations of disks ---- */

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
        size_t sectors = size / SECTOR_SIZE;

        if (sectors < 2)
                return LLVMFuzzerMutate(data, size, max_size);
        size_t from = (seed >> 8) % sectors * SECTOR_SIZE, to = (seed >> 16) % sectors * SECTOR_SIZE;
        switch (seed % 8) {
        case 0:
                memset(data + to, 0, SECTOR_SIZE);
                return size;
        case 1:
                memmove(data + to, data + from, SECTOR_SIZE);
                return size;
        case 2:
                memset(data + to + (seed >> 8) % 256, 0xff, 1 + (seed >> 24));
                return size;
        case 3:
                return to;
        case 4:
                return LLVMFuzzerMutate(data, size, max_size);
        default:
                /* Within a sector: libFuzzer's own mutations move the bytes after it, disks do not. */
                (void)LLVMFuzzerMutate(data + to, SECTOR_SIZE, SECTOR_SIZE);
                return size;
        }
}
