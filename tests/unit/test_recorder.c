/* SPDX-License-Identifier: MIT */

/*
 * The recorder: an event is reported when it is on disk. While the journal is unavailable, entries are logged
 * later, in order.
 */

#include "outbox_fixture.h"

#include "journal_capture.h"
#include "monitor/recorder.h"
#include "state/sqlite/database.h"
#include "util/cleanup.h"

struct recorder_test {
        struct outbox_test *outbox;
        struct state *state; /* of the outbox */
        struct journal *journal;
        struct recorder *recorder;
        unsigned recorded, failed; /* what done() was called with */
};

static int recorder_setup(void **state)
{
        const struct log_config settings = capture_settings();
        struct recorder_test *test = calloc(1, sizeof(*test));
        void *outbox;

        assert_non_null(test);
        assert_int_equal(setup(&outbox), 0);
        test->outbox = outbox;
        test->outbox->config = load_text("[jobs]\nids = 1\n");
        capture_reset();
        assert_int_equal(journal_open(&settings, &test->journal), 0);
        test->state = test->outbox->state;
        assert_int_equal(try_new(test->outbox), 0);
        test->recorder = recorder_new(test->outbox->hook->event, test->state, test->outbox->outbox,
                                      test->journal, test->outbox->config);
        *state = test;
        return 0;
}

static int recorder_teardown(void **state)
{
        struct recorder_test *test = *state;
        void *outbox = test->outbox;

        test->outbox->state = state_close(test->state);
        recorder_free(test->recorder);
        assert_int_equal(teardown(&outbox), 0);
        journal_close(test->journal);
        capture_reset();
        free(test);
        return 0;
}

static void on_recorded(void *userdata, bool recorded)
{
        struct recorder_test *test = userdata;

        *(recorded ? &test->recorded : &test->failed) += 1;
}

static void queue_event(struct recorder_test *test, enum event_kind kind, const char *status)
{
        const struct job job = { .planning.id = 1 };
        const struct change change = { .has_event = true, .kind = kind, .outcome = OUTCOME_OPEN };
        CLEANUP(job_record_clear) struct job_record record = { .id = 1, .has_status = true };

        text_from(status, strlen(status), &record.status);
        recorder_record(test->recorder, &job, &change, &record, on_recorded, test);
}

static void run_until_idle(struct recorder_test *test)
{
        while (!state_is_idle(test->state))
                assert_true(sd_event_run(test->outbox->hook->event, LOOP_LIMIT_US) > 0);
}

static void record_event(struct recorder_test *test, enum event_kind kind, const char *status)
{
        queue_event(test, kind, status);
        run_until_idle(test);
}

static void wait_for_entries(struct recorder_test *test, unsigned count)
{
        while (capture_count() < count)
                assert_true(sd_event_run(test->outbox->hook->event, LOOP_LIMIT_US) > 0);
        assert_int_equal(capture_count(), count);
}

static int on_unlogged(void *userdata, struct event *event)
{
        (void)event;
        ++*(unsigned *)userdata;
        return 0;
}

static unsigned unlogged(struct recorder_test *test)
{
        unsigned count = 0;

        state_put_value(test->state, "with this", "", 0); /* writes the marks that wait */
        run_until_idle(test);
        assert_int_equal(store_each_unlogged(state_store(test->state), 0, on_unlogged, &count), 0);
        return count;
}

/* ---- commits ---- */

static void test_an_event_is_reported_only_after_its_commit(void **state)
{
        struct recorder_test *test = *state;

        queue_event(test, EVENT_SEEN, "Queued");
        assert_int_equal(test->recorded, 0);
        assert_int_equal(capture_count(), 0);
        run_until_idle(test);
        assert_int_equal(test->recorded, 1);
        assert_int_equal(capture_count(), 1);
        expect_field("JOBWATCH_STATUS", "Queued");
        assert_int_equal(unlogged(test), 0);
}

static void test_the_status_before_is_that_of_the_state(void **state)
{
        struct recorder_test *test = *state;

        queue_event(test, EVENT_SEEN, "Queued");
        queue_event(test, EVENT_CHANGED, "Running"); /* queued before the first is committed */
        run_until_idle(test);
        assert_int_equal(test->recorded, 2);
        expect_field("JOBWATCH_STATUS", "Running");
        expect_field("JOBWATCH_STATUS_BEFORE", "Queued");
}

static void test_a_gone_job_is_reported_with_its_last_record(void **state)
{
        struct recorder_test *test = *state;
        const struct job job = { .planning.id = 1 };
        const struct change change = { .has_event = true, .kind = EVENT_GONE, .outcome = OUTCOME_GONE };

        record_event(test, EVENT_SEEN, "Queued");
        recorder_record(test->recorder, &job, &change, NULL, on_recorded, test);
        run_until_idle(test);
        expect_field("JOBWATCH_EVENT", "gone");
        expect_field("JOBWATCH_STATUS", "Queued");
        expect_field("JOBWATCH_STATUS_BEFORE", "Queued");
}

/* A transaction that is open already stands for a disk that cannot be written. */
static void break_state(struct recorder_test *test)
{
        assert_int_equal(store_batch_begin(state_store(test->state)), 0);
}

static void repair_state(struct recorder_test *test)
{
        assert_int_equal(store_batch_end(state_store(test->state), false), 0);
}

static void test_a_commit_that_fails_is_no_event(void **state)
{
        struct recorder_test *test = *state;

        break_state(test);
        record_event(test, EVENT_SEEN, "Queued");
        record_event(test, EVENT_SEEN, "Queued");
        assert_int_equal(test->failed, 2);
        assert_int_equal(capture_count(), 1); /* for both */
        expect_field("JOBWATCH_EVENT", NULL);
        expect_field("PRIORITY", "3");
        assert_non_null(strstr(recorder_state_error(test->recorder), "batch"));

        repair_state(test);
        assert_int_equal(unlogged(test), 0);
        record_event(test, EVENT_SEEN, "Queued");
        assert_int_equal(test->recorded, 1);
        assert_null(recorder_state_error(test->recorder));
        assert_int_equal(capture_count(), 3);
        expect_field("JOBWATCH_EVENT", "seen");
}

/* The configuration in which it was observed has the names of its hooks. */
static void test_a_reload_does_not_wait_for_commits(void **state)
{
        struct recorder_test *test = *state;

        queue_event(test, EVENT_SEEN, "Queued");
        struct config *next = load_text("[jobs]\nids = 1\n[hook h]\nexec = /bin/true\n");
        recorder_reload(test->recorder, next);
        config_free(test->outbox->config);
        test->outbox->config = next;
        run_until_idle(test);
        assert_int_equal(test->recorded, 1);
}

/* ---- the journal ---- */

static void test_entries_that_fail_are_replayed(void **state)
{
        struct recorder_test *test = *state;

        capture_result(-EAGAIN);
        record_event(test, EVENT_SEEN, "Queued");
        expect_field("JOBWATCH_EVENT", "seen");
        record_event(test, EVENT_CHANGED, "Running");
        assert_int_equal(capture_count(), 1); /* it waits for the previous one */
        assert_int_equal(unlogged(test), 2);
        wait_for_entries(test, 2);
        expect_field("JOBWATCH_EVENT", "seen");

        capture_result(0);
        wait_for_entries(test, 5);
        expect_field("JOBWATCH_EVENT", NULL); /* the message about the delay is the last entry */
        expect_field("PRIORITY", "4");
        assert_int_equal(unlogged(test), 0);

        record_event(test, EVENT_CHANGED, "Resting");
        assert_int_equal(capture_count(), 6);
        expect_field("JOBWATCH_STATUS", "Resting");
        assert_int_equal(unlogged(test), 0);
}

/* Of more than are read at a time, none is lost, repeated, or out of order, while new ones are recorded. */
static void test_a_long_backlog_is_logged_in_order(void **state)
{
        struct recorder_test *test = *state;

        capture_result(-EAGAIN);
        record_event(test, EVENT_SEEN, "Queued");
        break_state(test);
        for (unsigned number = 1; number < 250; number++) { /* as if by the recorder, but in a transaction */
                struct event event = fixture_event(number, 1, EVENT_CHANGED);

                assert_int_equal(store_record_event(state_store(test->state), &event, NULL, 0, NULL), 0);
        }
        assert_int_equal(store_batch_end(state_store(test->state), true), 0);

        capture_reset();
        capture_result(0);
        while (capture_count() < 100)
                assert_true(sd_event_run(test->outbox->hook->event, LOOP_LIMIT_US) > 0);
        queue_event(test, EVENT_CHANGED, "Running");
        wait_for_entries(test, 250 + 1 + 1);
        expect_field("JOBWATCH_EVENT", NULL); /* the message about the delay */
        assert_int_equal(unlogged(test), 0);
        record_event(test, EVENT_CHANGED, "Resting");
        expect_field("JOBWATCH_STATUS", "Resting");
        expect_field("JOBWATCH_STATUS_BEFORE", "Running");
        assert_int_equal(capture_count(), 250 + 1 + 1 + 1);
}

/* What an outage has had so far is not ahead of its events. */
static void test_a_value_is_stored_only_with_its_event(void **state)
{
        struct recorder_test *test = *state;
        const struct recorder_value value = { "outage", "down", 4 };
        struct store *store = state_store(test->state);
        CLEANUP(cleanup_free) void *data = NULL;
        size_t size = 0;

        assert_int_equal(sqlite3_exec(sqlite_of(store)->database,
                                      "CREATE TEMP TRIGGER refuse BEFORE INSERT ON main.events BEGIN "
                                      "SELECT raise(ABORT, 'refused'); END",
                                      NULL, NULL, NULL),
                         SQLITE_OK);
        recorder_record_api(test->recorder, EVENT_API_DOWN, "no answer", &value, on_recorded, test);
        run_until_idle(test);
        assert_int_equal(test->failed, 1);
        assert_int_equal(store_get_value(store, "outage", &data, &size), 0);

        assert_int_equal(sqlite3_exec(sqlite_of(store)->database, "DROP TRIGGER refuse", NULL, NULL, NULL),
                         SQLITE_OK);
        recorder_record_api(test->recorder, EVENT_API_DOWN, "no answer", &value, on_recorded, test);
        run_until_idle(test);
        assert_int_equal(test->recorded, 1);
        assert_int_equal(store_get_value(store, "outage", &data, &size), 1);
        assert_int_equal(size, 4);
}

/* ---- statuses ---- */

static void note_status(struct recorder_test *test, unsigned number)
{
        const struct job job = { .planning.id = 1 };
        char data[16];

        (void)snprintf(data, sizeof(data), "Status %u", number);
        recorder_note_unrecognised_status(test->recorder, &job, &(struct text){ data, strlen(data) });
}

static void test_an_unrecognised_status_is_logged_once(void **state)
{
        struct recorder_test *test = *state;

        for (unsigned round = 0; round < 2; round++)
                for (unsigned number = 0; number < 256; number++)
                        note_status(test, number);
        assert_int_equal(capture_count(), 256);
        for (unsigned number = 256; number < 1000; number++) /* remote data cannot fill the memory */
                note_status(test, number);
        note_status(test, 999);
        assert_int_equal(capture_count(), 1000);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, recorder_setup, recorder_teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_an_event_is_reported_only_after_its_commit),
                TEST(test_the_status_before_is_that_of_the_state),
                TEST(test_a_gone_job_is_reported_with_its_last_record),
                TEST(test_a_commit_that_fails_is_no_event),
                TEST(test_a_reload_does_not_wait_for_commits),
                TEST(test_entries_that_fail_are_replayed),
                TEST(test_a_long_backlog_is_logged_in_order),
                TEST(test_a_value_is_stored_only_with_its_event),
                TEST(test_an_unrecognised_status_is_logged_once),
        };

        return cmocka_run_group_tests_name("recorder", tests, NULL, NULL);
}
