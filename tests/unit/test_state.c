/* SPDX-License-Identifier: MIT */

/*
 * The state: what is recorded is read back unchanged after a reopen. Opening unsuitable files is in
 * test_state_open.c, failing disks and memory in test_state_faults.c.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state_fixture.h"

#include "util/cleanup.h"

static const char *const two_hooks[] = { "mail", "restart" };

static void record(struct fixture *fixture, unsigned number, uint64_t job, enum event_kind kind)
{
        struct event event = fixture_event(number, job, kind);

        int r = store_record_event(fixture->state, &event, two_hooks, 2, NULL);
        if (r != 0)
                fail_msg("store_record_event: %d, %s", r, store_error(fixture->state));
}

static int collect_id(void *userdata, struct event *event)
{
        strcat(userdata, event->id + EVENT_ID_SIZE - 4);
        strcat(userdata, " ");
        return 0;
}

/* The last three digits of the ids of all unlogged events, in their order. */
static void assert_unlogged(struct fixture *fixture, const char *expected)
{
        char ids[4096] = "";

        assert_int_equal(store_each_unlogged(fixture->state, 0, collect_id, ids), 0);
        assert_string_equal(ids, expected);
}

static void assert_event_kept(struct fixture *fixture, const struct event *expected)
{
        struct event event;

        assert_int_equal(store_get_event(fixture->state, expected->id, &event), 1);
        assert_event_equal(&event, expected);
        event_clear(&event);
}

/* ---- jobs and events ---- */

static void test_event_comes_back_whole(void **state)
{
        struct fixture *fixture = *state;

        for (unsigned number = 0; number < 36; number++) {
                struct event event =
                        fixture_event(number, 1000 + number, (enum event_kind)(number % EVENT_API_DOWN));
                struct job_record job;

                assert_int_equal(store_record_event(fixture->state, &event, NULL, 0, NULL), 0);
                fixture_reopen(fixture);
                assert_event_kept(fixture, &event);
                assert_int_equal(store_get_job_record(fixture->state, 1000 + number, &job), 1);
                assert_record_equal(&job, &event.record);
                job_record_clear(&job);
        }
}

static void test_job_follows_its_events(void **state)
{
        struct fixture *fixture = *state;
        struct event event = fixture_event(1, UINT64_MAX, EVENT_SEEN);
        struct stored_job job = { .id = 77 };
        CLEANUP(job_record_clear) struct job_record record = { 0 };

        assert_int_equal(store_get_job(fixture->state, UINT64_MAX, &job), 0);
        assert_int_equal(job.id, 77);
        assert_int_equal(store_record_event(fixture->state, &event, NULL, 0, NULL), 0);
        fixture_reopen(fixture);

        assert_int_equal(store_get_job(fixture->state, UINT64_MAX, &job), 1);
        assert_true(job.id == UINT64_MAX);
        assert_int_equal(job.outcome, OUTCOME_OPEN);
        assert_false(job.stalled);
        assert_int_equal(job.changed_us, event.time_us);
        assert_true(text_digest_equal(job.status, text_digest(&event.record.status)));
        assert_true(text_digest_equal(job.result, text_digest(&event.record.result)));

        /* `stalled` sets that of the job and keeps the time of its change; the next change clears it. */
        uint64_t changed_us = event.time_us;
        event = fixture_event(2, UINT64_MAX, EVENT_STALLED);
        assert_int_equal(store_record_event(fixture->state, &event, NULL, 0, NULL), 0);
        fixture_reopen(fixture);
        assert_int_equal(store_get_job(fixture->state, UINT64_MAX, &job), 1);
        assert_true(job.stalled);
        assert_int_equal(job.changed_us, changed_us);

        event = fixture_event(3, UINT64_MAX, EVENT_SUCCEEDED);
        assert_int_equal(store_record_event(fixture->state, &event, NULL, 0, NULL), 0);
        fixture_reopen(fixture);
        assert_int_equal(store_get_job(fixture->state, UINT64_MAX, &job), 1);
        assert_false(job.stalled);
        assert_int_equal(job.changed_us, event.time_us);
        assert_int_equal(job.outcome, OUTCOME_SUCCESS);
        assert_int_equal(store_get_job_record(fixture->state, UINT64_MAX, &record), 1);
        assert_text_equal(&record.status, &event.record.status);
        assert_text_equal(&record.result, &event.record.result);
}

static void test_an_event_knows_what_was_before(void **state)
{
        struct fixture *fixture = *state;
        struct event first = fixture_event(1, 9, EVENT_CHANGED);
        struct event next = { .kind = EVENT_CHANGED, .record.id = 9 };
        struct event gone = { .kind = EVENT_GONE, .record.id = 9, .first_observation = true };

        assert_int_equal(store_fill_event(fixture->state, &next), 0);
        assert_true(next.first_observation);
        assert_null(next.status_before.data);
        assert_null(next.result_before.data);

        assert_int_equal(store_record_event(fixture->state, &first, NULL, 0, NULL), 0);
        for (unsigned i = 0; i < 2; i++) { /* again, as after a failed transaction */
                assert_int_equal(store_fill_event(fixture->state, &next), 0);
                assert_false(next.first_observation);
                assert_text_equal(&next.status_before, &first.record.status);
                assert_text_equal(&next.result_before, &first.record.result);
                assert_null(next.record.status.data);
        }
        assert_int_equal(store_fill_event(fixture->state, &gone), 0);
        assert_false(gone.first_observation);
        assert_text_equal(&gone.status_before, &first.record.status);
        assert_record_equal(&gone.record, &first.record);
        event_clear(&next);
        event_clear(&gone);
}

static void test_an_event_of_an_unknown_job_that_is_gone(void **state)
{
        struct fixture *fixture = *state;
        struct event gone = { .kind = EVENT_GONE, .record.id = 5 };
        struct job_record untouched = { .id = 5 };

        assert_int_equal(store_fill_event(fixture->state, &gone), 0);
        assert_true(gone.first_observation);
        assert_int_equal(gone.record.id, 5);
        assert_null(gone.record.result.data);
        assert_int_equal(store_get_job_record(fixture->state, 1, &untouched), 0);
        assert_int_equal(untouched.id, 5);
}

static void test_large_result(void **state)
{
        struct fixture *fixture = *state;
        size_t size = 2 * 1024 * 1024;
        char *large = malloc(size + 1);
        struct text texts[] = {
                { large, size }, TEXT_NULL, TEXT_LITERAL(""), TEXT_LITERAL("a\0b\0"), { large, size }
        };
        struct job_record job;

        assert_non_null(large);
        for (size_t i = 0; i < size; i++)
                large[i] = (char)(i * 2654435761u >> 13);
        large[size] = '\0';

        for (unsigned i = 0; i < 5; i++) {
                struct event event = fixture_event(i, 9, EVENT_CHANGED);
                event.record.result = texts[i];
                event.result_before = i > 0 ? texts[i - 1] : texts[0];
                assert_int_equal(store_record_event(fixture->state, &event, two_hooks, 2, NULL), 0);
                fixture_reopen(fixture);
                assert_event_kept(fixture, &event);
                assert_int_equal(store_get_job_record(fixture->state, 9, &job), 1);
                assert_record_equal(&job, &event.record);
                job_record_clear(&job);
        }
        free(large);
}

static void test_same_event_twice(void **state)
{
        struct fixture *fixture = *state;
        struct event first = fixture_event(1, 1, EVENT_SEEN);
        struct event again = fixture_event(1, 1, EVENT_FAILED);
        struct stored_job job;

        assert_int_equal(store_record_event(fixture->state, &first, two_hooks, 2, NULL), 0);
        assert_int_equal(store_record_event(fixture->state, &again, two_hooks, 2, NULL), -EEXIST);
        assert_string_equal(store_error(fixture->state), "an event with this ID is already recorded");
        fixture_reopen(fixture);
        assert_int_equal(store_get_job(fixture->state, 1, &job), 1);
        assert_int_equal(job.outcome, OUTCOME_OPEN);
        for (size_t i = 0; i < 2; i++)
                assert_int_equal(fixture_pending(fixture->state, two_hooks[i]), 1);
}

static void test_update_job(void **state)
{
        struct fixture *fixture = *state;
        struct event event = fixture_event(2, 1, EVENT_CHANGED);
        struct job_record refreshed = { .id = 1,
                                        .result = TEXT_LITERAL("read"),
                                        .description = TEXT_LITERAL("new"),
                                        .updated_on = TEXT_LITERAL("later"),
                                        .has_result = true };
        struct stored_job known;
        struct job_record expected, job;

        assert_int_equal(store_update_job(fixture->state, &refreshed), -ENOENT);
        event.record.has_result = false;
        assert_int_equal(store_record_event(fixture->state, &event, NULL, 0, NULL), 0);
        assert_int_equal(store_get_job(fixture->state, 1, &known), 1);
        assert_true(known.result_unread);
        assert_int_equal(store_update_job(fixture->state, &refreshed), 0);
        fixture_reopen(fixture);

        /* Status comes from the event. */
        expected = refreshed;
        expected.status = event.record.status;
        expected.has_status = true;
        assert_int_equal(store_get_job(fixture->state, 1, &known), 1);
        assert_false(known.result_unread);
        assert_int_equal(known.result.size, 4);
        assert_int_equal(store_get_job_record(fixture->state, 1, &job), 1);
        assert_record_equal(&job, &expected);
        job_record_clear(&job);
        assert_event_kept(fixture, &event);
}

/* ---- batches ---- */

static void test_batch(void **state)
{
        struct fixture *fixture = *state;

        assert_int_equal(store_batch_begin(fixture->state), 0);
        assert_int_equal(store_batch_begin(fixture->state), -EBUSY);
        record(fixture, 1, 1, EVENT_SEEN);
        record(fixture, 2, 2, EVENT_SEEN);
        assert_int_equal(store_batch_end(fixture->state, true), 0);
        assert_int_equal(store_batch_end(fixture->state, true), -EINVAL);
        fixture_reopen(fixture);
        assert_unlogged(fixture, "001 002 ");

        assert_int_equal(store_batch_begin(fixture->state), 0);
        record(fixture, 3, 1, EVENT_CHANGED);
        assert_int_equal(store_batch_end(fixture->state, false), 0);
        assert_unlogged(fixture, "001 002 ");

        /* A write that fails is undone alone. */
        struct event known = fixture_event(1, 5, EVENT_SEEN);
        struct stored_job job;
        assert_int_equal(store_batch_begin(fixture->state), 0);
        record(fixture, 4, 4, EVENT_SEEN);
        assert_int_equal(store_record_event(fixture->state, &known, two_hooks, 2, NULL), -EEXIST);
        record(fixture, 5, 4, EVENT_CHANGED);
        assert_int_equal(store_batch_end(fixture->state, true), 0);
        fixture_reopen(fixture);
        assert_unlogged(fixture, "001 002 004 005 ");
        assert_int_equal(store_get_job(fixture->state, 5, &job), 0);

        /* Closing rolls a batch back. */
        assert_int_equal(store_batch_begin(fixture->state), 0);
        record(fixture, 6, 6, EVENT_SEEN);
        fixture_reopen(fixture);
        assert_unlogged(fixture, "001 002 004 005 ");
}

/* ---- logged or not ---- */

static void test_unlogged(void **state)
{
        struct fixture *fixture = *state;
        const char *ids[] = { NULL };

        for (unsigned number = 1; number <= 5; number++)
                record(fixture, number, number, EVENT_SEEN);
        assert_unlogged(fixture, "001 002 003 004 005 ");

        ids[0] = fixture_event_id(2);
        assert_int_equal(store_mark_logged(fixture->state, ids, 1), 0);
        assert_int_equal(store_mark_logged(fixture->state, ids, 1), 0);
        assert_unlogged(fixture, "001 003 004 005 ");
        fixture_reopen(fixture);
        assert_unlogged(fixture, "001 003 004 005 ");

        /* In a batch, too. */
        ids[0] = fixture_event_id(3);
        assert_int_equal(store_batch_begin(fixture->state), 0);
        assert_int_equal(store_mark_logged(fixture->state, ids, 1), 0);
        assert_int_equal(store_batch_end(fixture->state, false), 0);
        assert_unlogged(fixture, "001 003 004 005 ");
        assert_int_equal(store_batch_begin(fixture->state), 0);
        assert_int_equal(store_mark_logged(fixture->state, ids, 1), 0);
        assert_int_equal(store_batch_end(fixture->state, true), 0);
        fixture_reopen(fixture);
        assert_unlogged(fixture, "001 004 005 ");

        ids[0] = "no such event";
        assert_int_equal(store_mark_logged(fixture->state, ids, 1), 0);
}

struct marker {
        struct store *state;
        unsigned count, stop_at;
};

static int mark_in_handler(void *userdata, struct event *event)
{
        struct marker *marker = userdata;
        const char *id = event->id;

        if (++marker->count == marker->stop_at)
                return -ECANCELED;
        return store_mark_logged(marker->state, &id, 1);
}

static void test_handler_may_use_the_state(void **state)
{
        struct fixture *fixture = *state;
        struct marker marker = { .state = fixture->state, .stop_at = 100 };

        for (unsigned number = 0; number < 150; number++)
                record(fixture, number, 1, EVENT_CHANGED);
        assert_int_equal(store_each_unlogged(fixture->state, 0, mark_in_handler, &marker), -ECANCELED);
        assert_int_equal(marker.count, 100);

        fixture_reopen(fixture);
        marker = (struct marker){ .state = fixture->state };
        assert_int_equal(store_each_unlogged(fixture->state, 0, mark_in_handler, &marker), 0);
        assert_int_equal(marker.count, 51);
        assert_unlogged(fixture, "");
}

/* ---- values ---- */

static void assert_value(struct fixture *fixture, const char *key, const void *expected, size_t expected_size)
{
        void *data = NULL;
        size_t size = 0;

        assert_int_equal(store_get_value(fixture->state, key, &data, &size), 1);
        assert_int_equal(size, expected_size);
        assert_memory_equal(data, expected, expected_size);
        assert_int_equal(((char *)data)[size], '\0');
        free(data);
}

static void test_values(void **state)
{
        struct fixture *fixture = *state;
        void *data = fixture;
        size_t size = 42;

        assert_int_equal(store_get_value(fixture->state, "token", &data, &size), 0);
        assert_ptr_equal(data, fixture);
        assert_int_equal(size, 42);

        assert_int_equal(store_put_value(fixture->state, "token", "s3cr\0et", 7), 0);
        assert_int_equal(store_put_value(fixture->state, "window", "", 0), 0);
        fixture_reopen(fixture);
        assert_value(fixture, "token", "s3cr\0et", 7);
        assert_value(fixture, "window", "", 0);

        assert_int_equal(store_put_value(fixture->state, "token", "new", 3), 0);
        assert_value(fixture, "token", "new", 3);
        assert_int_equal(store_put_value(fixture->state, "token", NULL, 0), 0);
        assert_int_equal(store_put_value(fixture->state, "token", NULL, 0), 0);
        fixture_reopen(fixture);
        assert_int_equal(store_get_value(fixture->state, "token", &data, &size), 0);
        assert_value(fixture, "window", "", 0);
}

static void test_deleted_value_leaves_the_file(void **state)
{
        struct fixture *fixture = *state;
        static const char secret[] = "a-token-found-nowhere-else";
        size_t size;

        assert_int_equal(store_put_value(fixture->state, "token", secret, sizeof(secret) - 1), 0);
        fixture_reopen(fixture);
        assert_int_equal(store_put_value(fixture->state, "token", NULL, 0), 0);
        fixture_close(fixture);

        char *file = fixture_read_file(fixture_path(fixture, "jobwatchd.db"), &size);
        assert_null(memmem(file, size, secret, sizeof(secret) - 1));
        free(file);
}

/* Prunes all that may be pruned. Both hooks are configured. */
static void prune(struct fixture *fixture, uint64_t age_us)
{
        assert_int_equal(store_prune(fixture->state, UINT64_MAX, age_us,
                                     &(struct store_configured){ .hooks = two_hooks, .hook_count = 2 }),
                         0);
}

static void test_prune(void **state)
{
        struct fixture *fixture = *state;
        const char *ids[] = { "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000003",
                              "00000000-0000-4000-8000-000000000004" };
        struct delivery deliveries[2];
        struct event event;
        struct stored_job job;

        for (unsigned number = 1; number <= 4; number++) {
                struct event made = fixture_event(number, number, EVENT_SEEN);
                assert_int_equal(
                        store_record_event(fixture->state, &made, two_hooks, number == 3 ? 2 : 0, NULL), 0);
        }
        assert_int_equal(store_mark_logged(fixture->state, ids, 3), 0);

        /* 1 is old and logged; 2 is not logged; 3 has a delivery pending; 4 is not old. */
        prune(fixture, 1);
        fixture_reopen(fixture);
        assert_int_equal(store_get_event(fixture->state, fixture_event_id(1), &event), 0);
        for (unsigned number = 2; number <= 4; number++) {
                assert_int_equal(store_get_event(fixture->state, fixture_event_id(number), &event), 1);
                event_clear(&event);
        }
        assert_int_equal(store_get_job(fixture->state, 1, &job), 1);

        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(store_pending_deliveries(fixture->state, two_hooks[i], 0, deliveries, 2), 1);
                assert_int_equal(store_delivery_done(fixture->state, deliveries[0].id, 1), 0);
        }
        prune(fixture, 1);
        fixture_reopen(fixture);
        assert_int_equal(store_get_event(fixture->state, fixture_event_id(3), &event), 0);
        assert_int_equal(store_get_event(fixture->state, fixture_event_id(2), &event), 1);
        event_clear(&event);
}

/* A receiver recognises a late duplicate by its number, so no later event may get it. */
static void test_sequence_numbers_grow_and_are_never_reused(void **state)
{
        struct fixture *fixture = *state;
        uint64_t last = 0;

        for (unsigned number = 1; number <= 5; number++) {
                struct event made = fixture_event(number, 1, EVENT_CHANGED), found;
                const char *id = fixture_event_id(number);

                assert_int_equal(store_record_event(fixture->state, &made, NULL, 0, NULL), 0);
                assert_true(made.sequence > last);
                last = made.sequence;
                assert_int_equal(store_get_event(fixture->state, id, &found), 1);
                assert_true(found.sequence == last);
                event_clear(&found);

                /* All that may be pruned is. */
                assert_int_equal(store_mark_logged(fixture->state, &id, 1), 0);
                assert_int_equal(store_prune(fixture->state, UINT64_MAX, 0, &NOTHING_CONFIGURED), 0);
                fixture_reopen(fixture);
        }

        /* Nothing is recorded by a batch that is rolled back, nor by an event that is known. */
        struct event lost = fixture_event(6, 1, EVENT_CHANGED), known = fixture_event(5, 1, EVENT_CHANGED);
        assert_int_equal(store_record_event(fixture->state, &known, NULL, 0, NULL), -EEXIST);
        assert_int_equal(known.sequence, 0);
        assert_int_equal(store_batch_begin(fixture->state), 0);
        assert_int_equal(store_record_event(fixture->state, &lost, NULL, 0, NULL), 0);
        assert_int_equal(store_batch_end(fixture->state, false), 0);
        struct event next = fixture_event(7, 1, EVENT_CHANGED);
        assert_int_equal(store_record_event(fixture->state, &next, NULL, 0, NULL), 0);
        assert_true(next.sequence > last);
}

/* Events are old only by a clock that has dated an event. */
static void test_history_outlives_a_wrong_clock(void **state)
{
        const uint64_t day_us = UINT64_C(86400000000), years_us = 3650 * day_us, keep_us = 90 * day_us;
        struct fixture *fixture = *state;
        struct event event = fixture_event(1, 1, EVENT_SEEN);
        const char *id = "00000000-0000-4000-8000-000000000001";
        uint64_t recorded_us = event.time_us;

        assert_int_equal(store_record_event(fixture->state, &event, NULL, 0, NULL), 0);
        assert_int_equal(store_mark_logged(fixture->state, &id, 1), 0);
        assert_int_equal(store_prune(fixture->state, recorded_us + years_us, keep_us, &NOTHING_CONFIGURED),
                         0);
        assert_int_equal(store_prune(fixture->state, 0, keep_us, &NOTHING_CONFIGURED),
                         0); /* a machine without a clock */
        assert_int_equal(store_get_event(fixture->state, id, &event), 1);
        event_clear(&event);

        /* Events of the wrong clock do not make others old once it is right. */
        struct event later = fixture_event(2, 1, EVENT_SEEN);
        later.time_us += years_us;
        assert_int_equal(store_record_event(fixture->state, &later, NULL, 0, NULL), 0);
        assert_int_equal(store_prune(fixture->state, recorded_us + day_us, keep_us, &NOTHING_CONFIGURED), 0);
        assert_int_equal(store_get_event(fixture->state, id, &event), 1);
        event_clear(&event);

        later = fixture_event(3, 1, EVENT_SEEN);
        later.time_us = recorded_us + keep_us;
        assert_int_equal(store_record_event(fixture->state, &later, NULL, 0, NULL), 0);
        assert_int_equal(store_prune(fixture->state, recorded_us + keep_us, keep_us, &NOTHING_CONFIGURED), 0);
        assert_int_equal(store_get_event(fixture->state, id, &event), 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_event_comes_back_whole),
                TEST(test_sequence_numbers_grow_and_are_never_reused),
                TEST(test_job_follows_its_events),
                TEST(test_an_event_knows_what_was_before),
                TEST(test_an_event_of_an_unknown_job_that_is_gone),
                TEST(test_large_result),
                TEST(test_same_event_twice),
                TEST(test_update_job),
                TEST(test_batch),
                TEST(test_unlogged),
                TEST(test_handler_may_use_the_state),
                TEST(test_values),
                TEST(test_deleted_value_leaves_the_file),
                TEST(test_prune),
                TEST(test_history_outlives_a_wrong_clock),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
