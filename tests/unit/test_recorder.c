/* SPDX-License-Identifier: MIT */

/* The recorder while the journal is unavailable: entries are logged later, in order. */

#include "outbox_fixture.h"

#include "journal_capture.h"
#include "monitor/recorder.h"
#include "util/cleanup.h"

struct recorder_test {
        struct outbox_test *outbox;
        struct journal *journal;
        struct recorder *recorder;
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
        assert_int_equal(try_new(test->outbox), 0);
        assert_int_equal(recorder_new(test->outbox->hook->event, test->outbox->state->state,
                                      test->outbox->outbox, test->journal, test->outbox->config,
                                      &test->recorder),
                         0);
        *state = test;
        return 0;
}

static int recorder_teardown(void **state)
{
        struct recorder_test *test = *state;
        void *outbox = test->outbox;

        recorder_free(test->recorder);
        assert_int_equal(teardown(&outbox), 0);
        journal_close(test->journal);
        capture_reset();
        free(test);
        return 0;
}

static void record_event(struct recorder_test *test, enum event_kind kind, const char *status)
{
        const struct job job = { .planning.id = 1 };
        const struct change change = { .has_event = true, .kind = kind, .outcome = OUTCOME_OPEN };
        CLEANUP(job_record_clear) struct job_record record = { .id = 1, .has_status = true };

        assert_int_equal(text_from(status, strlen(status), &record.status), 0);
        assert_int_equal(recorder_record(test->recorder, &job, &change, &record), 0);
}

static void wait_for_entries(struct recorder_test *test, unsigned count)
{
        while (capture_count() < count)
                assert_true(sd_event_run(test->outbox->hook->event, LOOP_LIMIT_US) > 0);
        assert_int_equal(capture_count(), count);
}

static int on_unlogged(void *userdata, const struct event *event)
{
        (void)event;
        ++*(unsigned *)userdata;
        return 0;
}

static unsigned unlogged(struct recorder_test *test)
{
        unsigned count = 0;

        assert_int_equal(store_each_unlogged(test->outbox->state->state, on_unlogged, &count), 0);
        return count;
}

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

/* A recorder that is freed before that tries once more. */
static void test_last_attempt_when_freed(void **state)
{
        struct recorder_test *test = *state;

        capture_result(-EAGAIN);
        record_event(test, EVENT_SEEN, "Queued");
        capture_result(0);
        test->recorder = recorder_free(test->recorder);
        assert_int_equal(capture_count(), 2);
        expect_field("JOBWATCH_EVENT", "seen");
        assert_int_equal(unlogged(test), 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, recorder_setup, recorder_teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_entries_that_fail_are_replayed),
                TEST(test_last_attempt_when_freed),
        };

        return cmocka_run_group_tests_name("recorder", tests, NULL, NULL);
}
