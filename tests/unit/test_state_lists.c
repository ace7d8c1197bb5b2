/* SPDX-License-Identifier: MIT */

/* Pages of jobs, events and deliveries: their order and limits, what is left out, and damage. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_sqlite.h"
#include "state/lists.h"
#include "state/sqlite/database.h"
#include "state_fixture.h"

#define START UINT64_C(1700000000000000)

static const char *const hooks[] = { "mail", "next" };

/* Records an event with that result, of a job with that Status. */
static void record(struct fixture *fixture, unsigned number, uint64_t job, enum event_kind kind,
                   const char *status, const struct text *result)
{
        struct event event = {
                .kind = kind,
                .outcome = kind == EVENT_FAILED ? OUTCOME_FAILURE : OUTCOME_OPEN,
                .time_us = START + number,
                .record = {
                        .id = job,
                        .has_status = true,
                        .has_result = true,
                        .guid = TEXT_LITERAL("guid"),
                        .user = TEXT_LITERAL("user"),
                },
        };

        if (status != NULL)
                event.record.status = (struct text){ (char *)(uintptr_t)status, strlen(status) };
        if (result != NULL)
                event.record.result = *result;
        memcpy(event.id, fixture_event_id(number), EVENT_ID_SIZE);
        assert_int_equal(store_record_event(fixture->state, &event, hooks, 2, NULL), 0);
        assert_int_equal(store_mark_logged(fixture->state, (const char *[]){ event.id }, 1), 0);
}

static void execute(struct fixture *fixture, const char *sql)
{
        assert_int_equal(fixture_execute(fixture->state, sql, NULL), 0);
}

/* What SQLite has in a column and a server refuses, and what may be there instead. */
static void damage(struct fixture *fixture, const char *sqlite, const char *server)
{
        execute(fixture, fixture_is_on_server() ? server : sqlite);
}

/* ---- what the handlers are given, as words ---- */

struct shown {
        char text[512];
        size_t stop_after; /* rows; 0: none */
        size_t count;
        int result; /* of the handler after so many rows */
};

static int show(struct shown *shown, const char *word)
{
        (void)snprintf(shown->text + strlen(shown->text), sizeof(shown->text) - strlen(shown->text), "%s ",
                       word);
        return ++shown->count == shown->stop_after ? shown->result : 0;
}

static int show_job(void *userdata, struct listed_job *job)
{
        char word[128];

        (void)snprintf(
                word, sizeof(word), "%u:%s:%s:%s", (unsigned)job->record.id, outcome_to_string(job->outcome),
                job->has_event ? event_kind_to_string(job->event) : "-", text_or_empty(&job->record.status));
        assert_null(job->record.guid.data);
        assert_null(job->record.user.data);
        return show(userdata, word);
}

static int show_event(void *userdata, struct event *event)
{
        char word[64];

        (void)snprintf(word, sizeof(word), "%u:%u:%u", (unsigned)event->sequence, (unsigned)event->record.id,
                       (unsigned)event->result_size);
        assert_null(event->result_before.data);
        return show(userdata, word);
}

static int show_delivery(void *userdata, struct listed_delivery *delivery)
{
        char word[160];

        (void)snprintf(word, sizeof(word), "%u:%s:%u:%s:%u%s%s", (unsigned)delivery->delivery.id,
                       text_or_empty(&delivery->hook), (unsigned)delivery->delivery.job_id,
                       event_kind_to_string(delivery->event), (unsigned)delivery->sequence,
                       delivery->failed ? ":failed:" : "", text_or_empty(&delivery->error));
        return show(userdata, word);
}

static void show_status(void *userdata, const struct text *status, uint64_t time_us)
{
        char word[64];

        (void)snprintf(word, sizeof(word), "%s:%u", text_or_empty(status), (unsigned)(time_us - START));
        (void)show(userdata, word);
}

/* ---- jobs ---- */

static int list_jobs(struct fixture *fixture, uint64_t after, uint64_t until, size_t max, uint64_t *ret_last,
                     struct shown *shown)
{
        shown->text[0] = '\0';
        shown->count = 0;
        return store_list_jobs(fixture->state, after, until, max, ret_last, show_job, shown);
}

static void test_jobs(void **state)
{
        struct fixture *fixture = *state;
        struct shown shown = { .count = 0 };
        uint64_t last = 77;

        assert_int_equal(list_jobs(fixture, 0, UINT64_MAX, 10, &last, &shown), 0);
        assert_int_equal(last, 77);
        record(fixture, 1, 5, EVENT_SEEN, "Running", NULL);
        record(fixture, 2, 9, EVENT_SEEN, "Running", NULL);
        record(fixture, 3, 7, EVENT_SEEN, NULL, NULL);
        record(fixture, 4, 5, EVENT_FAILED, "Failed", NULL);
        assert_int_equal(list_jobs(fixture, 0, UINT64_MAX, 10, &last, &shown), 0);
        assert_string_equal(shown.text, "5:failure:failed:Failed 7:open:seen: 9:open:seen:Running ");
        assert_int_equal(list_jobs(fixture, 0, UINT64_MAX, 2, &last, &shown), 1);
        assert_string_equal(shown.text, "5:failure:failed:Failed 7:open:seen: ");
        assert_int_equal(last, 7);
        assert_int_equal(list_jobs(fixture, last, 8, 2, &last, &shown), 0);
        assert_string_equal(shown.text, "");
        assert_int_equal(list_jobs(fixture, 5, 7, 5, &last, &shown), 0);
        assert_string_equal(shown.text, "7:open:seen: ");
        assert_int_equal(list_jobs(fixture, UINT64_MAX, UINT64_MAX, 5, &last, &shown), 0);

        /* The handler ends it. */
        shown.stop_after = 1;
        shown.result = 1;
        assert_int_equal(list_jobs(fixture, 0, UINT64_MAX, 5, &last, &shown), 1);
        assert_int_equal(last, 5);
        shown.result = -EXFULL;
        assert_int_equal(list_jobs(fixture, 0, UINT64_MAX, 5, &last, &shown), -EXFULL);
        shown.stop_after = 0;

        /* Without an event, and damaged. */
        execute(fixture, "DELETE FROM unlogged");
        execute(fixture, "DELETE FROM events");
        execute(fixture, "UPDATE jobs SET outcome = 'odd' WHERE id = 5");
        damage(fixture, "UPDATE jobs SET status = 1 WHERE id = 7",
               "UPDATE jobs SET outcome = 'odd' WHERE id = 7");
        assert_int_equal(list_jobs(fixture, 0, UINT64_MAX, 3, &last, &shown), 1);
        assert_string_equal(shown.text, "9:open:-:Running ");
        assert_int_equal(last, 9);
}

static void show_duration(void *userdata, const struct text *description, uint64_t duration_us)
{
        char word[64];

        (void)snprintf(word, sizeof(word), "%s:%u", text_or_empty(description), (unsigned)duration_us);
        (void)show(userdata, word);
}

static void test_durations_of_jobs_that_ended_while_they_were_watched(void **state)
{
        struct fixture *fixture = *state;
        struct shown shown = { .count = 0 };

        assert_int_equal(store_list_durations(fixture->state, 5, show_duration, &shown), 0);
        record(fixture, 10, 5, EVENT_SEEN, "Running", NULL);
        record(fixture, 11, 6, EVENT_SEEN, "Running", NULL);
        record(fixture, 12, 7, EVENT_FAILED, "Failed", NULL); /* it had ended before */
        record(fixture, 15, 5, EVENT_CHANGED, "Processing", NULL);
        record(fixture, 16, 6, EVENT_FAILED, "Failed", NULL);
        record(fixture, 30, 5, EVENT_FAILED, "Failed", NULL);
        damage(fixture, "UPDATE jobs SET description = X'66697665' WHERE id = 5",
               "UPDATE jobs SET description = 'five' WHERE id = 5");
        assert_int_equal(store_list_durations(fixture->state, 5, show_duration, &shown), 0);
        assert_string_equal(shown.text, "five:20 :5 ");
        shown.text[0] = '\0';
        assert_int_equal(store_list_durations(fixture->state, 1, show_duration, &shown), 0);
        assert_string_equal(shown.text, "five:20 ");

        /* One that is damaged is left out. */
        damage(fixture, "UPDATE jobs SET description = 1 WHERE id = 5", "DELETE FROM jobs WHERE id = 5");
        shown.text[0] = '\0';
        assert_int_equal(store_list_durations(fixture->state, 5, show_duration, &shown), 0);
        assert_string_equal(shown.text, ":5 ");
}

static void test_results_are_read_as_far_as_they_are_shown(void **state)
{
        struct fixture *fixture = *state;
        const size_t size = 3000000;
        struct text large = { malloc(size + 1), size }, small = TEXT_LITERAL("done"),
                    empty = TEXT_LITERAL("");
        struct listed_job job;

        assert_non_null(large.data);
        for (size_t i = 0; i < size; i++)
                large.data[i] = "\xe2\x82\xac"[i % 3];
        large.data[size] = '\0';
        record(fixture, 1, 5, EVENT_SEEN, "A", &large);
        record(fixture, 2, 6, EVENT_SEEN, "B", &small);
        record(fixture, 3, 7, EVENT_SEEN, "C", &empty);
        record(fixture, 4, 8, EVENT_SEEN, "D", NULL);

        /* Up to a character. */
        assert_int_equal(store_get_listed_job(fixture->state, 5, 1000, &job), 1);
        assert_int_equal(job.result_size, size);
        assert_int_equal(job.record.result.size, 999);
        assert_memory_equal(job.record.result.data, large.data, 999);
        assert_string_equal(job.record.guid.data, "guid");
        assert_null(job.record.user.data);
        listed_job_clear(&job);
        assert_int_equal(store_get_listed_job(fixture->state, 5, 2 * size, &job), 1);
        assert_text_equal(&job.record.result, &large);
        listed_job_clear(&job);
        assert_int_equal(store_get_listed_job(fixture->state, 6, 2, &job), 1);
        assert_string_equal(job.record.result.data, "do");
        assert_int_equal(job.result_size, 4);
        listed_job_clear(&job);
        assert_int_equal(store_get_listed_job(fixture->state, 7, 2, &job), 1);
        assert_text_equal(&job.record.result, &empty);
        listed_job_clear(&job);
        assert_int_equal(store_get_listed_job(fixture->state, 8, 2, &job), 1);
        assert_null(job.record.result.data);
        assert_int_equal(job.result_size, 0);
        listed_job_clear(&job);
        assert_int_equal(store_get_listed_job(fixture->state, 0, 2, &job), 0);
        assert_int_equal(store_get_listed_job(fixture->state, 4, 2, &job), 0);
        free(large.data);
}

/* ---- events ---- */

static int list_events(struct fixture *fixture, uint64_t after, const uint64_t jobs[], size_t count,
                       size_t max, uint64_t *ret_last, struct shown *shown)
{
        shown->text[0] = '\0';
        shown->count = 0;
        return store_list_events(fixture->state, after, jobs, count, max, ret_last, show_event, shown);
}

static void test_events(void **state)
{
        static const struct text result = TEXT_LITERAL("0123456789");
        static const uint64_t some[] = { 3, 5, 9 };
        struct fixture *fixture = *state;
        struct shown shown = { .count = 0 };
        uint64_t newest = 9, pruned = 9, last = 0;

        assert_int_equal(store_event_range(fixture->state, &newest, &pruned), 0);
        assert_int_equal(newest, 0);
        assert_int_equal(pruned, 0);
        record(fixture, 1, 5, EVENT_SEEN, "A", &result);
        record(fixture, 2, 6, EVENT_SEEN, "A", NULL);
        record(fixture, 3, 5, EVENT_CHANGED, "B", &result);
        record(fixture, 4, 9, EVENT_SEEN, "B", NULL);
        assert_int_equal(list_events(fixture, 0, NULL, 0, 10, &last, &shown), 0);
        assert_string_equal(shown.text, "1:5:10 2:6:0 3:5:10 4:9:0 ");
        assert_int_equal(list_events(fixture, 1, NULL, 0, 2, &last, &shown), 1);
        assert_string_equal(shown.text, "2:6:0 3:5:10 ");
        assert_int_equal(last, 3);
        assert_int_equal(list_events(fixture, 0, some + 1, 1, 10, &last, &shown), 0);
        assert_string_equal(shown.text, "1:5:10 3:5:10 ");
        assert_int_equal(list_events(fixture, 0, some, 3, 10, &last, &shown), 0);
        assert_string_equal(shown.text, "1:5:10 3:5:10 4:9:0 ");
        assert_int_equal(list_events(fixture, 0, some, 3, 2, &last, &shown), 1);
        assert_int_equal(last, 3);
        shown.stop_after = 1;
        shown.result = 1;
        assert_int_equal(list_events(fixture, 0, NULL, 0, 10, &last, &shown), 1);
        assert_int_equal(last, 1);
        shown.stop_after = 0;

        /* A damaged one is left out. */
        execute(fixture, "UPDATE events SET kind = 'odd' WHERE sequence = 2");
        assert_int_equal(list_events(fixture, 0, NULL, 0, 10, &last, &shown), 0);
        assert_string_equal(shown.text, "1:5:10 3:5:10 4:9:0 ");
}

/* Whoever knows event 2 has missed something if event 3 was deleted, and nothing if event 2 was. */
static void test_pruned_events_are_known(void **state)
{
        struct fixture *fixture = *state;
        const uint64_t day_us = UINT64_C(86400000000);
        uint64_t newest, pruned;

        for (unsigned i = 1; i <= 4; i++)
                record(fixture, i, i, EVENT_SEEN, "A", NULL);
        execute(fixture, "UPDATE deliveries SET state = 'done' WHERE event <> 2");
        assert_int_equal(store_prune(fixture->state, START + 100 * day_us, 0, &NOTHING_CONFIGURED), 0);
        assert_int_equal(store_event_range(fixture->state, &newest, &pruned), 0);
        assert_int_equal(newest, 4);
        assert_int_equal(pruned, 3);
        fixture_reopen(fixture);
        assert_int_equal(store_event_range(fixture->state, &newest, &pruned), 0);
        assert_int_equal(pruned, 3);
}

/* ---- deliveries ---- */

static int list_deliveries(struct fixture *fixture, uint64_t after, const struct delivery_filter *filter,
                           size_t max, struct shown *shown)
{
        uint64_t last;

        shown->text[0] = '\0';
        shown->count = 0;
        return store_list_deliveries(fixture->state, after, filter, max, &last, show_delivery, shown);
}

static void test_deliveries(void **state)
{
        struct fixture *fixture = *state;
        struct shown shown = { .count = 0 };
        uint64_t pending, failed;

        record(fixture, 1, 5, EVENT_SEEN, "A", NULL);
        record(fixture, 2, 6, EVENT_FAILED, "B", NULL);
        assert_int_equal(store_delivery_done(fixture->state, 1, START), 0);
        assert_int_equal(store_delivery_failed(fixture->state, 3, START, "no"), 0);
        const struct {
                struct delivery_filter filter;
                const char *shown;
        } cases[] = {
                { { NULL, NULL, 0 }, "2:next:5:seen:1 3:mail:6:failed:2:failed:no 4:next:6:failed:2 " },
                { { "pending", NULL, 0 }, "2:next:5:seen:1 4:next:6:failed:2 " },
                { { "failed", NULL, 0 }, "3:mail:6:failed:2:failed:no " },
                { { NULL, "next", 0 }, "2:next:5:seen:1 4:next:6:failed:2 " },
                { { NULL, NULL, 6 }, "3:mail:6:failed:2:failed:no 4:next:6:failed:2 " },
                { { "pending", "next", 5 }, "2:next:5:seen:1 " },
                { { "failed", "next", 0 }, "" },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_int_equal(list_deliveries(fixture, 0, &cases[i].filter, 10, &shown), 0);
                assert_string_equal(shown.text, cases[i].shown);
        }
        assert_int_equal(list_deliveries(fixture, 2, &cases[0].filter, 1, &shown), 1);
        assert_string_equal(shown.text, "3:mail:6:failed:2:failed:no ");
        shown.stop_after = 1;
        shown.result = 1;
        assert_int_equal(list_deliveries(fixture, 0, &cases[0].filter, 10, &shown), 1);
        shown.stop_after = 0;
        assert_int_equal(store_count_deliveries(fixture->state, 6, &pending, &failed), 0);
        assert_int_equal(pending, 1);
        assert_int_equal(failed, 1);
        assert_int_equal(store_count_deliveries(fixture->state, 7, &pending, &failed), 0);
        assert_int_equal(pending + failed, 0);

        damage(fixture, "UPDATE deliveries SET attempts = 'odd' WHERE id = 2",
               "UPDATE events SET kind = 'odd' WHERE sequence = (SELECT event FROM deliveries WHERE id = 2)");
        execute(fixture, "UPDATE events SET kind = 'odd' WHERE sequence = 2");
        assert_int_equal(list_deliveries(fixture, 0, &cases[0].filter, 10, &shown), 0);
        assert_string_equal(shown.text, "");
}

/* So that others have their turn. */
static void test_few_among_many_deliveries_are_found_in_several_rounds(void **state)
{
        struct fixture *fixture = *state;
        const struct delivery_filter filters[] = { { "failed", NULL, 0 },
                                                   { NULL, "rare", 0 },
                                                   { NULL, NULL, 6 } };
        struct shown shown = { .count = 0 };

        record(fixture, 1, 5, EVENT_SEEN, "A", NULL);
        execute(fixture, "WITH RECURSIVE n (i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < 25000) "
                         "INSERT INTO deliveries (id, event, job, hook, next_us) "
                         "SELECT i, 1, 5, 'mail', 0 FROM n;"
                         "UPDATE deliveries SET state = 'failed', hook = 'rare', job = 6 WHERE id = 24999");
        for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
                unsigned rounds = 0;
                uint64_t last = 0;
                int r = 1;

                for (; r == 1 && shown.count == 0; rounds++) {
                        uint64_t before = last;
                        r = store_list_deliveries(fixture->state, last, &filters[i], 10, &last, show_delivery,
                                                  &shown);
                        assert_in_range(last - before, 1, 10000);
                }
                assert_in_range(r, 0, 1);
                assert_int_equal(shown.count, 1);
                assert_int_equal(rounds, 3);
                shown = (struct shown){ .count = 0 };
        }
}

static void test_statuses(void **state)
{
        struct fixture *fixture = *state;
        struct shown shown = { .count = 0 };
        uint64_t last = 0;

        record(fixture, 1, 5, EVENT_SEEN, "A", NULL);
        record(fixture, 2, 6, EVENT_SEEN, NULL, NULL);
        record(fixture, 3, 5, EVENT_CHANGED, "B", NULL);
        assert_int_equal(store_list_job_statuses(fixture->state, 0, 10, &last, show_status, &shown), 0);
        assert_string_equal(shown.text, "B:3 ");
        shown.text[0] = '\0';
        assert_int_equal(store_list_event_statuses(fixture->state, 0, 2, &last, show_status, &shown), 1);
        assert_int_equal(store_list_event_statuses(fixture->state, last, 2, &last, show_status, &shown), 0);
        assert_string_equal(shown.text, "A:1 B:3 ");
        shown.text[0] = '\0';
        damage(fixture, "UPDATE events SET status = 1 WHERE sequence = 1",
               "UPDATE events SET status = NULL WHERE sequence = 1");
        assert_int_equal(store_list_event_statuses(fixture->state, 0, 5, &last, show_status, &shown), 0);
        assert_string_equal(shown.text, "B:3 ");
}

/* ---- faults ---- */

static int list_all(struct fixture *fixture)
{
        static const uint64_t job = 5;
        const struct delivery_filter any = { NULL, NULL, 0 };
        struct shown shown = { .count = 0 };
        struct listed_job listed = { .has_event = false };
        uint64_t last, number;

        int r = list_jobs(fixture, 0, UINT64_MAX, 10, &last, &shown);
        if (r >= 0)
                r = store_get_listed_job(fixture->state, 5, 10000, &listed);
        listed_job_clear(&listed);
        if (r >= 0)
                r = store_list_durations(fixture->state, 10, show_duration, &shown);
        if (r >= 0)
                r = list_events(fixture, 0, &job, 1, 10, &last, &shown);
        if (r >= 0)
                r = list_events(fixture, 0, NULL, 0, 10, &last, &shown);
        if (r >= 0)
                r = store_event_range(fixture->state, &number, &number);
        shown.text[0] = '\0';
        if (r >= 0)
                r = list_deliveries(fixture, 0, &any, 10, &shown);
        if (r >= 0)
                r = store_count_deliveries(fixture->state, 5, &number, &number);
        if (r >= 0)
                r = store_list_job_statuses(fixture->state, 0, 10, &last, show_status, &shown);
        if (r >= 0)
                r = store_list_event_statuses(fixture->state, 0, 10, &last, show_status, &shown);
        return r;
}

/* Whatever fails first ends it with that error, and the next call succeeds. */
static void test_each_call_may_fail(void **state)
{
        skip_on_server();
        struct fixture *fixture = *state;
        char large[8192];
        const struct text result = { large, sizeof(large) - 1 };
        bool failed = true;
        unsigned n;

        memset(large, 'x', sizeof(large));
        large[result.size] = '\0';
        record(fixture, 1, 5, EVENT_SEEN, "A", &result);
        record(fixture, 2, 6, EVENT_SEEN, "A", NULL);
        for (n = 1; failed; n++) {
                fixture_reopen(fixture); /* so that statements are prepared again */
                fault_sqlite_arm(n, SQLITE_IOERR, false);
                fault_sqlite_set_errno(EIO);
                int r = list_all(fixture);
                failed = fault_sqlite_disarm();
                assert_int_equal(r, failed ? -EIO : 0);
                assert_int_equal(list_all(fixture), 0);
        }
        assert_true(n > 30);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_jobs),
                TEST(test_results_are_read_as_far_as_they_are_shown),
                TEST(test_durations_of_jobs_that_ended_while_they_were_watched),
                TEST(test_events),
                TEST(test_pruned_events_are_known),
                TEST(test_deliveries),
                TEST(test_few_among_many_deliveries_are_found_in_several_rounds),
                TEST(test_statuses),
                TEST(test_each_call_may_fail),
        };

        return cmocka_run_group_tests_name("state_lists", tests, NULL, NULL);
}
