/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the tests of the outbox share: a real state and real programs. A "gate" hook is in progress until the
 * test lets it go: it reads a line from a fifo. It and a "log" hook append the event's id to a file. Link
 * with state_fixture.c.
 *
 * Every test runs twice: with a state that executes operations at once, and with the state writer.
 */

#include <sqlite3.h>

#include "delivery/outbox.h"
#include "hook_fixture.h"
#include "state/state.h"
#include "state_fixture.h"
#include "state_open.h"
#include "util/container.h"

#include "config_helpers.h" /* after cmocka.h */

struct outbox_test {
        struct hook_fixture *hook;
        struct fixture *files; /* of the state; its store is closed */
        struct state *state;
        bool has_writer, once;
        struct config *config;
        struct outbox *outbox;
        int gate;
        unsigned idle;
};

static inline void open_state(struct outbox_test *test)
{
        char *message = NULL;

        assert_int_equal(state_open(test->hook->event, test->files->directory, &message, &test->state), 0);
}

static inline int setup(void **context)
{
        struct outbox_test *test = calloc(1, sizeof(*test));
        void *hook, *files;
        char path[96];

        assert_non_null(test);
        assert_int_equal(hook_setup(&hook), 0);
        assert_int_equal(fixture_setup(&files), 0);
        test->hook = hook;
        test->files = files;
        fixture_close(test->files);
        open_state(test);
        (void)snprintf(path, sizeof(path), "%s/gate", test->hook->directory);
        assert_return_code(mkfifo(path, 0600), errno);
        test->gate = open(path, O_RDWR | O_CLOEXEC);
        assert_return_code(test->gate, errno);
        (void)snprintf(path, sizeof(path), "%s/delivered", test->hook->directory);
        fixture_write_file(path, "", 0);
        *context = test;
        return 0;
}

static inline int setup_with_writer(void **context)
{
        assert_int_equal(setup(context), 0);
        struct outbox_test *test = *context;
        test->has_writer = true;
        return 0;
}

static inline int teardown(void **context)
{
        struct outbox_test *test = *context;
        void *hook = test->hook, *files = test->files;
        char path[96];

        outbox_free(test->outbox);
        state_close(test->state);
        config_free(test->config);
        close(test->gate);
        (void)snprintf(path, sizeof(path), "%s/gate", test->hook->directory);
        assert_return_code(unlink(path), errno);
        (void)snprintf(path, sizeof(path), "%s/delivered", test->hook->directory);
        assert_return_code(unlink(path), errno);
        assert_int_equal(fixture_teardown(&files), 0);
        assert_int_equal(hook_teardown(&hook), 0);
        free(test);
        return 0;
}

/* Loads hooks, each "NAME true", "NAME false", "NAME gate" or "NAME log", with that many retries. */
static inline struct config *load_hooks(const struct outbox_test *test, const char *const hooks[],
                                        unsigned retries)
{
        char text[4096] = "[jobs]\nids = 1\n";

        for (size_t i = 0; hooks[i] != NULL; i++) {
                const char *kind = strchr(hooks[i], ' ') + 1;
                const char *directory = test->hook->directory;
                char command[256];

                if (strcmp(kind, "gate") == 0)
                        (void)snprintf(
                                command, sizeof(command),
                                "/bin/sh -c 'read line <%s/gate; echo $JOBWATCH_EVENT_ID >>%s/delivered'",
                                directory, directory);
                else if (strcmp(kind, "log") == 0)
                        (void)snprintf(command, sizeof(command),
                                       "/bin/sh -c 'echo $JOBWATCH_EVENT_ID >>%s/delivered'", directory);
                else
                        (void)snprintf(command, sizeof(command), "/bin/%s", kind);
                size_t used = strlen(text);
                (void)snprintf(text + used, sizeof(text) - used,
                               "[hook %.*s]\nexec = %s\nretries = %u\ntimeout = 10min\n",
                               (int)(kind - 1 - hooks[i]), hooks[i], command, retries);
        }
        return load_text(text);
}

static inline void on_idle(void *userdata)
{
        struct outbox_test *test = userdata;

        test->idle++;
}

static inline int try_new(struct outbox_test *test)
{
        const struct outbox_parts parts = {
                .event = test->hook->event,
                .state = test->state,
                .journal = test->hook->journal,
                .config = test->config,
                .once = test->once,
                .on_idle = on_idle,
                .userdata = test,
        };
        struct outbox_load *load;

        int r = outbox_load(state_store(test->state), test->config, &load);
        if (r < 0)
                return r;
        r = outbox_new(&parts, load, &test->outbox);
        outbox_load_free(load);
        return r;
}

/* Makes the outbox, in place of an earlier one, and starts the writer if the test has one. */
static inline void start(struct outbox_test *test)
{
        test->outbox = outbox_free(test->outbox);
        test->state = state_close(test->state);
        open_state(test);
        test->idle = 0;
        assert_int_equal(try_new(test), 0);
        if (test->has_writer)
                assert_int_equal(state_start(test->state), 0);
}

/* Something that a test does with the store, between the operations of the outbox. */
struct store_access {
        struct state_operation operation;
        int (*run)(struct store_access *access, struct store *store);
        int result;
        bool done;
        struct event event;
        const char *hook;
        uint64_t number; /* an argument or a result */
        const struct config *config;
        struct outbox_load *load;
};

static inline int access_run(struct state_operation *operation, struct store *store)
{
        struct store_access *access = CONTAINER_OF(operation, struct store_access, operation);

        return access->run(access, store);
}

static inline void access_done(struct state_operation *operation, int r)
{
        struct store_access *access = CONTAINER_OF(operation, struct store_access, operation);

        access->result = r;
        access->done = true;
}

/* Returns what `run` returns. The loop goes on meanwhile. */
static inline int access_store(struct outbox_test *test, struct store_access *access)
{
        access->operation = (struct state_operation){ .run = access_run, .done = access_done };
        access->done = false;
        state_queue(test->state, &access->operation);
        HOOK_WAIT(test->hook, access->done);
        return access->result;
}

static inline int access_record(struct store_access *access, struct store *store)
{
        return store_record_event(store, &access->event, &access->hook, 1, &access->number);
}

/* Records an event that the hook gets. */
static inline void record(struct outbox_test *test, unsigned number, uint64_t job, const char *hook)
{
        struct store_access access = { .run = access_record,
                                       .event = fixture_event(number, job, EVENT_SUCCEEDED),
                                       .hook = hook };

        assert_int_equal(access_store(test, &access), 0);
        if (test->outbox != NULL)
                outbox_add(test->outbox, &access.event, &hook, &access.number, 1);
}

static inline int access_load(struct store_access *access, struct store *store)
{
        return outbox_load(store, access->config, &access->load);
}

static inline int try_reload(struct outbox_test *test, struct config *config)
{
        struct store_access access = { .run = access_load, .config = config };

        int r = access_store(test, &access);
        if (r < 0)
                return r;
        r = outbox_reload(test->outbox, config, access.load);
        outbox_load_free(access.load);
        return r;
}

static inline int access_pending(struct store_access *access, struct store *store)
{
        access->number = fixture_pending(store, access->hook);
        return 0;
}

/* How many deliveries are pending in the state. */
static inline uint64_t pending(struct outbox_test *test, const char *hook)
{
        struct store_access access = { .run = access_pending, .hook = hook };

        assert_int_equal(access_store(test, &access), 0);
        return access.number;
}

static inline void open_gate(struct outbox_test *test)
{
        assert_int_equal(write(test->gate, "\n", 1), 1);
}

/* Runs the loop until nothing more happens without waiting. */
static inline void settle(const struct outbox_test *test)
{
        int r;

        do
                while ((r = sd_event_run(test->hook->event, 0)) > 0)
                        ;
        while (r >= 0 && !state_is_idle(test->state));
        assert_int_equal(r, 0);
}

static inline int access_retry(struct store_access *access, struct store *store)
{
        return store_delivery_retry(store, access->number, 0, 0, "now");
}

/* For the next outbox. Counts as an attempt. */
static inline void make_due(struct outbox_test *test, uint64_t delivery)
{
        struct store_access access = { .run = access_retry, .number = delivery };

        assert_int_equal(access_store(test, &access), 0);
}

/* Attempts in progress: the children of this process. Allocates no memory. */
static inline unsigned in_progress(void)
{
        char path[64], list[1024];
        unsigned count = 0;

        (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_return_code(fd, errno);
        ssize_t size = read(fd, list, sizeof(list));
        assert_in_range(size, 0, sizeof(list) - 1);
        close(fd);
        for (ssize_t i = 0; i < size; i++)
                count += list[i] == ' ';
        return count;
}

/* Nothing is in progress, and the next thing to happen is a timer. */
static inline bool is_done(const struct outbox_test *test)
{
        settle(test);
        return in_progress() == 0;
}

/* The last digits of the events' ids in the order of their deliveries. */
static inline void expect_delivered(struct outbox_test *test, const char *expected)
{
        char path[96], found[1024] = "";
        size_t size;

        (void)snprintf(path, sizeof(path), "%s/delivered", test->hook->directory);
        char *ids = fixture_read_file(path, &size);
        assert_int_equal(size % EVENT_ID_SIZE, 0);
        assert_true(size < sizeof(found));
        for (size_t at = 0; at < size; at += EVENT_ID_SIZE)
                strncat(found, ids + at + EVENT_ID_SIZE - 2, 1);
        free(ids);
        assert_string_equal(found, expected);
}

/* Frees the outbox and compares the state of each delivery: "STATE ATTEMPTS", separated by commas. */
static inline void expect_states(struct outbox_test *test, const char *query, const char *expected)
{
        sqlite3_stmt *statement;
        sqlite3 *database;

        test->outbox = outbox_free(test->outbox);
        test->state = state_close(test->state);
        assert_int_equal(sqlite3_open(fixture_path(test->files, "jobwatchd.db"), &database), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(database, query, -1, &statement, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        assert_string_equal((const char *)sqlite3_column_text(statement, 0), expected);
        sqlite3_finalize(statement);
        sqlite3_close(database);
        open_state(test);
}

/* For expect_states(): all deliveries, oldest first. */
#define ALL_STATES "SELECT group_concat(state || ' ' || attempts) FROM (SELECT * FROM deliveries ORDER BY id)"

/* Twice: see above. */
#define OUTBOX_TEST(function)                                                                                \
        cmocka_unit_test_setup_teardown(function, setup, teardown),                                          \
        {                                                                                                    \
#function " with the writer", function, setup_with_writer, teardown, NULL                    \
        }
