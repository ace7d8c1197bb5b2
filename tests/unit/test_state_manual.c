/* SPDX-License-Identifier: MIT */

/* Jobs that were added or removed at run time are known at the next start. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state_fixture.h"

#define DAY_US UINT64_C(86400000000)

/* Borrows the texts: must not be cleared. */
static struct manual_job manual(uint64_t id, enum manual_kind kind, const char *name, const char *hooks,
                                bool again)
{
        return (struct manual_job){ .id = id,
                                    .kind = kind,
                                    .name = (char *)(uintptr_t)name,
                                    .hooks = (char *)(uintptr_t)hooks,
                                    .again = again };
}

static void put(struct fixture *fixture, uint64_t id, enum manual_kind kind)
{
        const struct manual_job job = manual(id, kind, NULL, NULL, false);

        assert_int_equal(store_change_manual(fixture->state, &job, 1, NULL, 0), 0);
}

/* "ID:KIND:NAME:HOOKS:AGAIN " each. */
static int collect(void *userdata, struct manual_job *job)
{
        char *list = userdata;

        snprintf(list + strlen(list), 400 - strlen(list), "%d:%s:%s:%s:%d ", (int)job->id,
                 manual_kind_to_string(job->kind), job->name != NULL ? job->name : "-",
                 job->hooks != NULL ? job->hooks : "-", job->again);
        return 0;
}

static void expect(struct fixture *fixture, const char *expected)
{
        char list[400] = "";

        fixture_reopen(fixture);
        assert_int_equal(store_each_manual(fixture->state, collect, list), 0);
        assert_string_equal(list, expected);
}

static void execute(struct fixture *fixture, const char *sql)
{
        assert_int_equal(fixture_execute(fixture->state, sql, NULL), 0);
}

static void test_what_was_asked_for_is_known_at_the_next_start(void **state)
{
        struct fixture *fixture = *state;
        const struct manual_job jobs[] = { manual(9, MANUAL_REMOVED, NULL, NULL, false),
                                           manual(7, MANUAL_ADDED, "members-import", "mail,web", true),
                                           manual(8, MANUAL_EXTENDED, NULL, "mail", false) };

        expect(fixture, "");
        assert_int_equal(store_change_manual(fixture->state, jobs, 3, NULL, 0), 0);
        expect(fixture, "7:added:members-import:mail,web:1 8:extended:-:mail:0 9:removed:-:-:0 ");

        const uint64_t dropped[] = { 9, 7, 1234 };
        const struct manual_job changed = manual(8, MANUAL_DISMISSED, NULL, NULL, false);
        assert_int_equal(store_change_manual(fixture->state, &changed, 1, dropped, 3), 0);
        expect(fixture, "8:dismissed:-:-:0 ");
}

static void test_one_job_is_looked_up(void **state)
{
        struct fixture *fixture = *state;
        struct manual_job found = MANUAL_JOB_NONE;

        put(fixture, 7, MANUAL_ADDED);
        put(fixture, 9, MANUAL_REMOVED);
        assert_int_equal(store_get_manual(fixture->state, 7, &found), 1);
        assert_int_equal(found.id, 7);
        assert_int_equal(found.kind, MANUAL_ADDED);
        manual_job_clear(&found);
        assert_int_equal(store_get_manual(fixture->state, 8, &found), 0);
        assert_int_equal(store_get_manual(fixture->state, 10, &found), 0);
}

static void test_a_job_is_read_again_once(void **state)
{
        struct fixture *fixture = *state;
        const struct manual_job job = manual(7, MANUAL_ADDED, NULL, NULL, true);

        assert_int_equal(store_change_manual(fixture->state, &job, 1, NULL, 0), 0);
        expect(fixture, "7:added:-:-:1 ");
        assert_int_equal(store_manual_read(fixture->state, 7), 0);
        assert_int_equal(store_manual_read(fixture->state, 999), 0);
        expect(fixture, "7:added:-:-:0 ");
}

/* One of many cannot be stored: none is. */
static void test_all_jobs_of_a_request_are_stored_or_none(void **state)
{
        skip_on_server();
        struct fixture *fixture = *state;
        const struct manual_job jobs[] = { manual(7, MANUAL_ADDED, NULL, NULL, false),
                                           manual(8, MANUAL_ADDED, NULL, NULL, false),
                                           manual(9, MANUAL_ADDED, NULL, NULL, false) };
        const uint64_t dropped[] = { 1, 2 };

        put(fixture, 1, MANUAL_ADDED);
        put(fixture, 2, MANUAL_ADDED);
        execute(fixture, "CREATE TEMP TRIGGER refuse BEFORE INSERT ON manual WHEN new.job = 9 "
                         "BEGIN SELECT RAISE(ABORT, 'no'); END");
        assert_true(store_change_manual(fixture->state, jobs, 3, NULL, 0) < 0);
        expect(fixture, "1:added:-:-:0 2:added:-:-:0 ");

        execute(fixture, "CREATE TEMP TRIGGER refuse BEFORE DELETE ON manual WHEN old.job = 2 "
                         "BEGIN SELECT RAISE(ABORT, 'no'); END");
        assert_true(store_change_manual(fixture->state, jobs, 1, dropped, 2) < 0);
        expect(fixture, "1:added:-:-:0 2:added:-:-:0 ");
}

static void test_damaged_rows_are_skipped(void **state)
{
        struct fixture *fixture = *state;
        struct manual_job found = MANUAL_JOB_NONE;
        char list[400] = "";

        put(fixture, 7, MANUAL_ADDED);
        put(fixture, 8, MANUAL_ADDED);
        put(fixture, 9, MANUAL_ADDED);
        execute(fixture, "UPDATE manual SET kind = 'nonsense' WHERE job = 7");
        execute(fixture, fixture_is_on_server() ? "UPDATE manual SET kind = '' WHERE job = 8"
                                                : "UPDATE manual SET name = 5 WHERE job = 8");
        assert_int_equal(store_each_manual(fixture->state, collect, list), -EUCLEAN);
        assert_string_equal(list, "9:added:-:-:0 ");
        assert_int_equal(store_get_manual(fixture->state, 7, &found), -EUCLEAN);
        put(fixture, 7, MANUAL_ADDED);
        assert_int_equal(store_get_manual(fixture->state, 7, &found), 1);
}

static int refuse(void *userdata, struct manual_job *job)
{
        (void)userdata;
        (void)job;
        return -ECANCELED;
}

static void test_a_handler_ends_the_iteration(void **state)
{
        struct fixture *fixture = *state;

        put(fixture, 7, MANUAL_ADDED);
        assert_int_equal(store_each_manual(fixture->state, refuse, NULL), -ECANCELED);
}

/* ---- what is kept ---- */

static bool is_known(struct fixture *fixture, uint64_t job)
{
        struct stored_job found;

        int r = store_get_job(fixture->state, job, &found);
        assert_in_range(r, 0, 1);
        return r > 0;
}

static void record(struct fixture *fixture, unsigned number, uint64_t job, uint64_t time_us)
{
        struct event event = fixture_event(number, job, EVENT_SEEN);

        event.time_us = time_us;
        assert_int_equal(store_record_event(fixture->state, &event, NULL, 0, NULL), 0);
}

/* Time passes by events only. The age is an hour. */
static void prune(struct fixture *fixture, uint64_t now_us, const struct store_configured *configured)
{
        static unsigned number = 900;

        record(fixture, number++, 900, now_us);
        assert_int_equal(store_prune(fixture->state, now_us, DAY_US / 24, configured), 0);
        fixture_reopen(fixture);
}

static void test_a_job_that_was_added_never_expires(void **state)
{
        struct fixture *fixture = *state;
        const uint64_t start_us = UINT64_C(1700000000000000);

        record(fixture, 1, 7, start_us);
        record(fixture, 2, 8, start_us);
        record(fixture, 3, 9, start_us);
        put(fixture, 7, MANUAL_ADDED);
        put(fixture, 8, MANUAL_EXTENDED);
        put(fixture, 9, MANUAL_REMOVED);
        prune(fixture, start_us, &NOTHING_CONFIGURED);
        prune(fixture, start_us + DAY_US, &NOTHING_CONFIGURED);
        prune(fixture, start_us + 2 * DAY_US, &NOTHING_CONFIGURED);
        assert_true(is_known(fixture, 7));
        assert_true(is_known(fixture, 8));
        assert_false(is_known(fixture, 9));
        expect(fixture, "7:added:-:-:0 8:extended:-:-:0 9:removed:-:-:0 ");

        const uint64_t dropped = 7;
        assert_int_equal(store_change_manual(fixture->state, NULL, 0, &dropped, 1), 0);
        prune(fixture, start_us + 3 * DAY_US, &NOTHING_CONFIGURED);
        prune(fixture, start_us + 4 * DAY_US, &NOTHING_CONFIGURED);
        assert_false(is_known(fixture, 7));
}

/* Between two prunes: what the change feed showed in the meantime was not read. */
static void test_a_job_that_is_added_again_is_known_to_have_been_unwatched(void **state)
{
        struct fixture *fixture = *state;
        const uint64_t start_us = UINT64_C(1700000000000000), dropped = 7, ids[] = { 7, 8, 9 };
        const struct store_configured configured = { .jobs = ids + 1, .job_count = 2 };
        struct stored_job found;

        for (unsigned i = 0; i < 3; i++)
                record(fixture, i + 1, ids[i], start_us);
        put(fixture, 7, MANUAL_ADDED);
        put(fixture, 9, MANUAL_ADDED);
        prune(fixture, start_us, &configured);
        assert_int_equal(store_change_manual(fixture->state, NULL, 0, &dropped, 1), 0);
        put(fixture, 8, MANUAL_REMOVED);
        for (unsigned i = 0; i < 3; i++)
                put(fixture, ids[i], MANUAL_ADDED);
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(store_get_job(fixture->state, ids[i], &found), 1);
                assert_int_equal(found.unwatched, ids[i] != 9); /* which was watched all the time */
        }

        /* Removed once more, it is kept as long as others. */
        assert_int_equal(store_change_manual(fixture->state, NULL, 0, &dropped, 1), 0);
        prune(fixture, start_us + 1, &configured);
        assert_true(is_known(fixture, 7));
}

static void test_a_name_is_found(void **state)
{
        struct fixture *fixture = *state;
        const struct manual_job named[] = { manual(7, MANUAL_ADDED, "import", NULL, false),
                                            manual(8, MANUAL_REMOVED, "plans", NULL, false) };
        uint64_t other = 0;

        assert_int_equal(store_change_manual(fixture->state, named, 2, NULL, 0), 0);
        assert_int_equal(store_find_manual_name(fixture->state, "import", 9, &other), 1);
        assert_int_equal(other, 7);
        assert_int_equal(store_find_manual_name(fixture->state, "import", 7, &other), 0);
        assert_int_equal(store_find_manual_name(fixture->state, "plans", 9, &other), 0);
        assert_int_equal(store_find_manual_name(fixture->state, "Import", 9, &other), 0);
}

/* It must not be taken for a new one. */
static void test_a_dismissed_job_is_known_as_long_as_if_it_had_ended(void **state)
{
        struct fixture *fixture = *state;
        const uint64_t start_us = UINT64_C(1700000000000000);
        const struct stored_discovery discovery = {
                .job = 7, .sections = "imports", .created_ticks = -7, .created_form = 1
        };

        assert_int_equal(store_put_discovered(fixture->state, &discovery), 0);
        record(fixture, 1, 7, start_us);
        put(fixture, 7, MANUAL_DISMISSED);
        prune(fixture, start_us, &NOTHING_CONFIGURED);
        prune(fixture, start_us + 6 * DAY_US, &NOTHING_CONFIGURED);
        assert_true(is_known(fixture, 7));
        expect(fixture, "7:dismissed:-:-:0 ");
        prune(fixture, start_us + 8 * DAY_US, &NOTHING_CONFIGURED);
        assert_false(is_known(fixture, 7));
        expect(fixture, "");
}

static void test_a_job_that_was_dismissed_before_its_first_event_expires(void **state)
{
        struct fixture *fixture = *state;
        const uint64_t listed = 8;
        const struct store_configured configured = { .jobs = &listed, .job_count = 1 };

        put(fixture, 7, MANUAL_DISMISSED);
        put(fixture, 8, MANUAL_DISMISSED);
        execute(fixture, "UPDATE manual SET written = 1700000000");
        prune(fixture, UINT64_C(1700000000000000) + 6 * DAY_US, &configured);
        expect(fixture, "7:dismissed:-:-:0 8:dismissed:-:-:0 ");
        prune(fixture, UINT64_C(1700000000000000) + 8 * DAY_US, &configured);
        expect(fixture, "8:dismissed:-:-:0 ");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_what_was_asked_for_is_known_at_the_next_start),
                TEST(test_one_job_is_looked_up),
                TEST(test_a_job_is_read_again_once),
                TEST(test_all_jobs_of_a_request_are_stored_or_none),
                TEST(test_damaged_rows_are_skipped),
                TEST(test_a_handler_ends_the_iteration),
                TEST(test_a_job_that_was_added_never_expires),
                TEST(test_a_job_that_is_added_again_is_known_to_have_been_unwatched),
                TEST(test_a_name_is_found),
                TEST(test_a_dismissed_job_is_known_as_long_as_if_it_had_ended),
                TEST(test_a_job_that_was_dismissed_before_its_first_event_expires),
        };

        return cmocka_run_group_tests_name("state_manual", tests, NULL, NULL);
}
