/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the tests of the outbox share: a real state and real programs. A "gate" hook is in progress until the
 * test lets it go: it reads a line from a fifo. It and a "log" hook append the event's id to a file. Link
 * with state_fixture.c.
 */

#include <sqlite3.h>

#include "delivery/hook_queue.h"
#include "delivery/outbox.h"
#include "hook_fixture.h"
#include "state_fixture.h"

#include "config_helpers.h" /* after cmocka.h */

struct outbox_test {
        struct hook_fixture *hook;
        struct fixture *state;
        struct config *config;
        struct outbox *outbox;
        int gate;
        unsigned idle;
};

static inline int setup(void **context)
{
        struct outbox_test *test = calloc(1, sizeof(*test));
        void *hook, *state;
        char path[96];

        assert_non_null(test);
        assert_int_equal(hook_setup(&hook), 0);
        assert_int_equal(fixture_setup(&state), 0);
        test->hook = hook;
        test->state = state;
        (void)snprintf(path, sizeof(path), "%s/gate", test->hook->directory);
        assert_return_code(mkfifo(path, 0600), errno);
        test->gate = open(path, O_RDWR | O_CLOEXEC);
        assert_return_code(test->gate, errno);
        (void)snprintf(path, sizeof(path), "%s/delivered", test->hook->directory);
        fixture_write_file(path, "", 0);
        *context = test;
        return 0;
}

static inline int teardown(void **context)
{
        struct outbox_test *test = *context;
        void *hook = test->hook, *state = test->state;
        char path[96];

        outbox_free(test->outbox);
        config_free(test->config);
        close(test->gate);
        (void)snprintf(path, sizeof(path), "%s/gate", test->hook->directory);
        assert_return_code(unlink(path), errno);
        (void)snprintf(path, sizeof(path), "%s/delivered", test->hook->directory);
        assert_return_code(unlink(path), errno);
        assert_int_equal(fixture_teardown(&state), 0);
        assert_int_equal(hook_teardown(&hook), 0);
        free(test);
        return 0;
}

/* Loads hooks, each "NAME true", "NAME false", "NAME gate" or "NAME log", with that many retries. */
static inline struct config *load_hooks(const struct outbox_test *test, const char *const hooks[],
                                        unsigned retries)
{
        char text[2048] = "[jobs]\nids = 1\n";

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
                .state = test->state->state,
                .journal = test->hook->journal,
                .config = test->config,
                .on_idle = on_idle,
                .userdata = test,
        };

        return outbox_new(&parts, &test->outbox);
}

static inline void start(struct outbox_test *test)
{
        test->idle = 0;
        assert_int_equal(try_new(test), 0);
        outbox_wake(test->outbox);
}

static inline void record(struct outbox_test *test, unsigned number, uint64_t job, const char *hook)
{
        struct event event = fixture_event(number, job, EVENT_SUCCEEDED);

        assert_int_equal(store_record_event(test->state->state, &event, &hook, 1, NULL), 0);
}

static inline uint64_t pending(struct outbox_test *test, const char *hook)
{
        return fixture_pending(test->state->state, hook);
}

static inline void open_gate(struct outbox_test *test)
{
        assert_int_equal(write(test->gate, "\n", 1), 1);
}

/* Runs the loop until nothing more happens without waiting. */
static inline void settle(const struct outbox_test *test)
{
        int r;

        while ((r = sd_event_run(test->hook->event, 0)) > 0)
                ;
        assert_int_equal(r, 0);
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
        fixture_close(test->state);
        assert_int_equal(sqlite3_open(fixture_path(test->state, "jobwatchd.db"), &database), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(database, query, -1, &statement, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        assert_string_equal((const char *)sqlite3_column_text(statement, 0), expected);
        sqlite3_finalize(statement);
        sqlite3_close(database);
        fixture_open(test->state);
}

/* For expect_states(): all deliveries, oldest first. */
#define ALL_STATES "SELECT group_concat(state || ' ' || attempts) FROM (SELECT * FROM deliveries ORDER BY id)"

#define OUTBOX_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
