/* SPDX-License-Identifier: MIT */

/*
 * The outbox with a real store and real programs. A hook that is to be under way for as long as a test wants
 * reads a line from a fifo, the gate; one that tells what it did appends the event's id to a file.
 */

#include <sqlite3.h>

#include "fault_malloc.h"
#include "hook_fixture.h"
#include "hooks/outbox_internal.h"
#include "store_fixture.h"

#include "config_helpers.h" /* behind cmocka.h */

struct outbox_test {
        struct hook_fixture *hook;
        struct fixture *store;
        struct config *config;
        struct outbox *outbox;
        int gate;
        unsigned idle;
};

static int setup(void **state)
{
        struct outbox_test *test = calloc(1, sizeof(*test));
        void *hook, *store;
        char path[96];

        assert_non_null(test);
        assert_int_equal(hook_setup(&hook), 0);
        assert_int_equal(fixture_setup(&store), 0);
        test->hook = hook;
        test->store = store;
        (void)snprintf(path, sizeof(path), "%s/gate", test->hook->folder);
        assert_return_code(mkfifo(path, 0600), errno);
        test->gate = open(path, O_RDWR | O_CLOEXEC);
        assert_return_code(test->gate, errno);
        (void)snprintf(path, sizeof(path), "%s/told", test->hook->folder);
        fixture_write_file(path, "", 0);
        *state = test;
        return 0;
}

static int teardown(void **state)
{
        struct outbox_test *test = *state;
        void *hook = test->hook, *store = test->store;
        char path[96];

        outbox_free(test->outbox);
        config_free(test->config);
        close(test->gate);
        (void)snprintf(path, sizeof(path), "%s/gate", test->hook->folder);
        assert_return_code(unlink(path), errno);
        (void)snprintf(path, sizeof(path), "%s/told", test->hook->folder);
        assert_return_code(unlink(path), errno);
        assert_int_equal(fixture_teardown(&store), 0);
        assert_int_equal(hook_teardown(&hook), 0);
        free(test);
        return 0;
}

/* Loads hooks, each "NAME true", "NAME false", "NAME gate" or "NAME tell", with that many retries. */
static struct config *load_hooks(const struct outbox_test *test, const char *const hooks[], unsigned retries)
{
        char text[2048] = "[jobs]\nids = 1\n";

        for (size_t i = 0; hooks[i] != NULL; i++) {
                const char *kind = strchr(hooks[i], ' ') + 1;
                const char *folder = test->hook->folder;
                char command[256];

                if (strcmp(kind, "gate") == 0)
                        (void)snprintf(command, sizeof(command),
                                       "/bin/sh -c 'read line <%s/gate; echo $JOBWATCH_EVENT_ID >>%s/told'",
                                       folder, folder);
                else if (strcmp(kind, "tell") == 0)
                        (void)snprintf(command, sizeof(command),
                                       "/bin/sh -c 'echo $JOBWATCH_EVENT_ID >>%s/told'", folder);
                else
                        (void)snprintf(command, sizeof(command), "/bin/%s", kind);
                size_t used = strlen(text);
                (void)snprintf(text + used, sizeof(text) - used,
                               "[hook %.*s]\nexec = %s\nretries = %u\ntimeout = 10min\n",
                               (int)(kind - 1 - hooks[i]), hooks[i], command, retries);
        }
        return load_text(text);
}

static void on_idle(void *userdata)
{
        struct outbox_test *test = userdata;

        test->idle++;
}

static int try_new(struct outbox_test *test)
{
        const struct outbox_parts parts = {
                .event = test->hook->event,
                .store = test->store->store,
                .journal = test->hook->journal,
                .config = test->config,
                .on_idle = on_idle,
                .userdata = test,
        };

        return outbox_new(&parts, &test->outbox);
}

static void start(struct outbox_test *test)
{
        test->idle = 0;
        assert_int_equal(try_new(test), 0);
        outbox_wake(test->outbox);
}

static void record(struct outbox_test *test, unsigned number, uint64_t job, const char *hook)
{
        struct event event = fixture_event(number, job, EVENT_SUCCEEDED);

        assert_int_equal(store_record_event(test->store->store, &event, &hook, 1), 0);
}

static uint64_t pending(struct outbox_test *test, const char *hook)
{
        uint64_t count = 0;

        assert_int_equal(store_count_pending(test->store->store, &hook, 1, &count), 0);
        return count;
}

static void open_gate(struct outbox_test *test)
{
        assert_int_equal(write(test->gate, "\n", 1), 1);
}

static unsigned under_way(const struct outbox_test *test)
{
        unsigned count = 0;

        for (size_t i = 0; i < test->outbox->lane_count; i++)
                for (size_t k = 0; k < LANE_WIDTH; k++)
                        count += test->outbox->lanes[i]->attempts[k].exec != NULL;
        return count;
}

/* Nothing happens any more but by time. */
static bool settled(const struct outbox_test *test)
{
        return !test->outbox->woken && under_way(test) == 0;
}

/* The last digits of the events' ids in the order in which the programs told of them. */
static void expect_told(struct outbox_test *test, const char *expected)
{
        char path[96], found[512] = "";
        size_t size;

        (void)snprintf(path, sizeof(path), "%s/told", test->hook->folder);
        char *told = fixture_read_file(path, &size);
        assert_int_equal(size % EVENT_ID_SIZE, 0);
        for (size_t at = 0; at < size && at < 100 * sizeof("12"); at += EVENT_ID_SIZE)
                strncat(found, told + at + EVENT_ID_SIZE - 2, 1);
        free(told);
        assert_string_equal(found, expected);
}

/* Ends the outbox and compares how each delivery stands: "STATE ATTEMPTS", separated by commas. */
static void expect_states(struct outbox_test *test, const char *query, const char *expected)
{
        sqlite3_stmt *statement;
        sqlite3 *database;

        test->outbox = outbox_free(test->outbox);
        fixture_close(test->store);
        assert_int_equal(sqlite3_open(fixture_path(test->store, "jobwatchd.db"), &database), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(database, query, -1, &statement, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        assert_string_equal((const char *)sqlite3_column_text(statement, 0), expected);
        sqlite3_finalize(statement);
        sqlite3_close(database);
        fixture_open(test->store);
}

#define ALL_STATES "SELECT group_concat(state || ' ' || attempts) FROM (SELECT * FROM deliveries ORDER BY id)"

static void expect_selected(const struct config *config, uint64_t job, enum event_kind kind,
                            const char *expected)
{
        struct event event = fixture_event(1, job, kind);
        const char *names[8];
        char found[128] = "";

        event.first_sight = false;
        size_t count = outbox_select(config, config_find_job(config, job), &event, names);
        for (size_t i = 0; i < count; i++)
                strcat(strcat(found, names[i]), " ");
        assert_string_equal(found, expected);
}

static void test_select(void **state)
{
        struct config *config = load_text("[jobs]\nids = 1\n[job a]\nid = 2\nhooks = stalls, ends\n"
                                          "[hook ends]\nexec = /bin/true\n"
                                          "[hook changes]\nexec = /bin/true\non = seen, changed\n"
                                          "[hook stalls]\nexec = /bin/true\non = stalled, failed\n");
        (void)state;

        expect_selected(config, 1, EVENT_SEEN, "changes ");
        expect_selected(config, 1, EVENT_CHANGED, "changes ");
        expect_selected(config, 1, EVENT_STALLED, "stalls ");
        expect_selected(config, 1, EVENT_FAILED, "ends changes stalls ");
        expect_selected(config, 2, EVENT_CHANGED, "");
        expect_selected(config, 2, EVENT_SUCCEEDED, "ends ");
        expect_selected(config, 2, EVENT_FAILED, "ends stalls ");
        config_free(config);
}

static void test_delivered_and_given_up(void **state)
{
        struct outbox_test *test = *state;

        test->config = load_hooks(test, (const char *const[]){ "good tell", "bad false", NULL }, 0);
        record(test, 1, 10, "good");
        record(test, 2, 10, "bad");
        record(test, 3, 10, "unknown");
        start(test);
        assert_false(outbox_is_idle(test->outbox));
        HOOK_WAIT(test->hook, test->idle > 0);
        assert_true(outbox_is_idle(test->outbox));
        expect_told(test, "1");
        expect_states(test, ALL_STATES, "done 1,failed 1,failed 0");
}

static void test_retried_later(void **state)
{
        struct outbox_test *test = *state;

        test->config = load_hooks(test, (const char *const[]){ "bad false", NULL }, 1);
        record(test, 1, 10, "bad");
        start(test);
        HOOK_WAIT(test->hook, settled(test));
        assert_false(outbox_is_idle(test->outbox)); /* something waits for its time */
        assert_int_equal(test->idle, 0);
        expect_states(test, ALL_STATES, "pending 1");

        assert_int_equal(store_delivery_retry(test->store->store, 1, 0, "now"), 0);
        start(test);
        HOOK_WAIT(test->hook, test->idle > 0);
        expect_states(test, ALL_STATES, "failed 3");
}

static void test_order_and_width(void **state)
{
        struct outbox_test *test = *state;

        test->config = load_hooks(test, (const char *const[]){ "slow gate", "quick true", NULL }, 0);
        record(test, 1, 10, "slow");
        record(test, 2, 10, "slow");
        record(test, 3, 10, "slow");
        start(test);
        HOOK_WAIT(test->hook, settled(test) || under_way(test) > 0);
        for (unsigned left = 3; left > 0; left--) {
                assert_int_equal(pending(test, "slow"), left);
                HOOK_WAIT(test->hook, !test->outbox->woken);
                assert_int_equal(under_way(test), 1); /* never two of one job */
                open_gate(test);
                HOOK_WAIT(test->hook, pending(test, "slow") < left);
        }
        expect_told(test, "123");

        for (unsigned i = 0; i < 6; i++)
                record(test, 4 + i, 20 + i, "slow");
        record(test, 10, 10, "quick");
        outbox_wake(test->outbox);
        HOOK_WAIT(test->hook, !test->outbox->woken && pending(test, "quick") == 0); /* not held up */
        for (unsigned left = 6; left > 0; left--) {
                HOOK_WAIT(test->hook, !test->outbox->woken);
                assert_int_equal(under_way(test), left < LANE_WIDTH ? left : LANE_WIDTH);
                open_gate(test);
                HOOK_WAIT(test->hook, pending(test, "slow") < left);
        }
        HOOK_WAIT(test->hook, outbox_is_idle(test->outbox));
}

static void test_stop_and_free(void **state)
{
        struct outbox_test *test = *state;

        test->config = load_hooks(test, (const char *const[]){ "slow gate", NULL }, 0);
        record(test, 1, 10, "slow");
        record(test, 2, 20, "slow");
        record(test, 3, 10, "slow");
        start(test);
        HOOK_WAIT(test->hook, under_way(test) == 2);
        outbox_stop(test->outbox);
        assert_int_equal(test->idle, 0);
        HOOK_WAIT(test->hook, test->idle > 0);
        assert_int_equal(under_way(test), 0);
        expect_told(test, "");
        expect_states(test, ALL_STATES, "pending 0,pending 0,pending 0");

        start(test);
        HOOK_WAIT(test->hook, under_way(test) == 2);
        expect_states(test, ALL_STATES, "pending 0,pending 0,pending 0"); /* killed */

        start(test);
        for (unsigned i = 0; i < 3; i++)
                open_gate(test);
        HOOK_WAIT(test->hook, test->idle > 0);
        expect_states(test, ALL_STATES, "done 1,done 1,done 1");
}

static void test_reload(void **state)
{
        struct outbox_test *test = *state;
        struct config *next = load_hooks(test, (const char *const[]){ "mail tell", "new true", NULL }, 0);

        test->config = load_hooks(test, (const char *const[]){ "old gate", "mail gate", NULL }, 0);
        record(test, 1, 10, "mail");
        record(test, 2, 10, "mail");
        record(test, 3, 10, "old");
        start(test);
        HOOK_WAIT(test->hook, under_way(test) == 2);

        unsigned nth = 1;
        for (int r = -ENOMEM; r < 0; nth++) {
                fault_malloc_arm(nth, false);
                r = outbox_reload(test->outbox, next);
                bool failed = fault_malloc_disarm();
                if (r < 0) {
                        assert_true(failed);
                        assert_int_equal(r, -ENOMEM);
                        assert_int_equal(test->outbox->lane_count, 2);
                        assert_ptr_equal(test->outbox->parts.config, test->config);
                        assert_int_equal(pending(test, "old"), 1);
                }
        }
        assert_true(nth > 4);
        config_free(next);
        HOOK_WAIT(test->hook, !test->outbox->woken);
        assert_int_equal(under_way(test), 2); /* as they began; the second event still waits for the first */
        assert_int_equal(pending(test, "mail"), 2);
        open_gate(test);
        open_gate(test);
        HOOK_WAIT(test->hook, test->idle > 0);
        assert_int_equal(test->outbox->lane_count, 2);
        expect_states(test, ALL_STATES " WHERE hook = 'mail'", "done 1,done 1");
}

static void test_new_without_memory(void **state)
{
        struct outbox_test *test = *state;
        bool failed = true;
        unsigned nth = 1;

        test->config = load_hooks(test, (const char *const[]){ "a true", "b true", NULL }, 0);
        record(test, 1, 10, "a");
        for (; failed; nth++) {
                fault_malloc_arm(nth, nth % 2 == 0);
                int r = try_new(test);
                failed = fault_malloc_disarm();
                if (r < 0) {
                        assert_true(failed);
                        assert_int_equal(r, -ENOMEM);
                        assert_null(test->outbox);
                }
                test->outbox = outbox_free(test->outbox);
        }
        assert_true(nth > 5);
        expect_states(test, ALL_STATES, "pending 0");
}

/* Whatever could not be had: after that the event arrives. */
static void test_delivery_without_memory(void **state)
{
        struct outbox_test *test = *state;
        bool failed = true;
        unsigned nth = 1;

        test->config = load_hooks(test, (const char *const[]){ "mail tell", NULL }, 9);
        start(test);
        for (; failed; nth++) {
                record(test, nth, nth, "mail");
                outbox_wake(test->outbox);
                fault_malloc_arm(nth, nth % 2 == 0);
                HOOK_WAIT(test->hook, settled(test));
                failed = fault_malloc_disarm();
                outbox_wake(test->outbox);
                HOOK_WAIT(test->hook, settled(test));
                if (pending(test, "mail") > 0) { /* it would be tried again in some seconds */
                        assert_true(failed);
                        assert_int_equal(store_delivery_retry(test->store->store, nth, 0, "now"), 0);
                        outbox_wake(test->outbox);
                        HOOK_WAIT(test->hook, pending(test, "mail") == 0);
                }
        }
        assert_true(nth > 20);
        expect_states(test, "SELECT group_concat(DISTINCT state) FROM deliveries", "done");
}

/* What is due but cannot be read is not asked for over and over, and is not forgotten. */
static void test_due_without_memory(void **state)
{
        struct outbox_test *test = *state;
        uint64_t time_us, now_us;

        test->config = load_hooks(test, (const char *const[]){ "mail tell", NULL }, 0);
        record(test, 1, 10, "mail");
        start(test);
        fault_malloc_arm(1, true);
        HOOK_WAIT(test->hook, settled(test));
        assert_true(fault_malloc_disarm());
        assert_int_equal(test->idle, 0);
        assert_false(outbox_is_idle(test->outbox));
        assert_true(sd_event_source_get_time(test->outbox->lanes[0]->timer, &time_us) >= 0);
        assert_true(sd_event_now(test->hook->event, CLOCK_BOOTTIME, &now_us) >= 0);
        assert_true(time_us > now_us + RECORD_AGAIN_US / 2);
        outbox_wake(test->outbox);
        HOOK_WAIT(test->hook, test->idle > 0);
        expect_told(test, "1");
        expect_states(test, ALL_STATES, "done 1");
}

#define OUTBOX_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_select),        OUTBOX_TEST(test_delivered_and_given_up),
                OUTBOX_TEST(test_retried_later),      OUTBOX_TEST(test_order_and_width),
                OUTBOX_TEST(test_stop_and_free),      OUTBOX_TEST(test_reload),
                OUTBOX_TEST(test_new_without_memory), OUTBOX_TEST(test_delivery_without_memory),
                OUTBOX_TEST(test_due_without_memory),
        };

        return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
