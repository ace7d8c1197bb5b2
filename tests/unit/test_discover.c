/* SPDX-License-Identifier: MIT */

/* New jobs of an account are watched: an API with a search on one side, the journal on the other. */

#include <sqlite3.h>

#include "discover_fixture.h"
#include "fault_sqlite.h"
#include "monitor/discover.h"
#include "monitor/poll_state.h"
#include "state/sqlite/database.h"
#include "util/container.h"

/* ---- finding them ---- */

static void test_a_new_job_is_watched_until_it_ends(void **state)
{
        struct monitor_test *test = *state;

        assert_int_equal(capture_count(), 0); /* what was there before is not new */
        account_add_job(test, 7, "2026-01-15T10:01:00", "Export of members");
        struct account_job *job = account_add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        wait_for_entries(test, 1);
        expect_field("JOBWATCH_EVENT", "seen");
        expect_field("JOBWATCH_JOB", "8");
        expect_field("JOBWATCH_JOB_NAME", NULL);
        expect_field("JOBWATCH_DISCOVER", "imports");

        job->status = "Completed";
        job->updated = "2026-01-15T10:03:00";
        wait_for_entries(test, 2);
        expect_field("JOBWATCH_EVENT", "succeeded");
        expect_field("JOBWATCH_DISCOVER", "imports");

        /* A later row of it is not that of a new job. */
        job->updated = "2026-01-15T10:04:00";
        discover_wait_for_rounds(test);
        assert_int_equal(capture_count(), 2);
        assert_int_equal(account_polls_of(test, 7), 0);
        assert_int_equal(monitor_count(test->monitor).succeeded, 1);
        assert_int_equal(monitor_count(test->monitor).open, 0);
        assert_int_equal(test->idle, 0); /* there may be another one */
}

static void test_a_job_that_was_there_before_is_not_new(void **state)
{
        struct monitor_test *test = *state;

        test->account[0].status = "Completed";
        test->account[0].updated = "2026-01-15T11:00:00";
        test->account[1].updated = "2026-01-15T11:00:01";
        discover_wait_for_rounds(test);
        assert_int_equal(capture_count(), 0);
        assert_int_equal(test->account[0].polls + test->account[1].polls, 0);
}

static void test_a_span_includes_jobs_that_were_there(void **state)
{
        const struct monitor_options options = { .more = IMPORTS "since = 90min\n", .level = LOG_ERR };

        monitor_begin(state, &options);
        struct monitor_test *test = *state;
        account_add_old_jobs(test);
        account_add_job(test, 103, "2026-01-15T08:00:00", "Import of the past");
        wait_for_entries(test, 2);
        discover_wait_for_rounds(test);
        assert_int_equal(capture_count(), 2);
        assert_int_equal(test->account[2].polls, 0);
}

static void test_new_jobs_are_found_without_the_feed(void **state)
{
        const struct monitor_options options = { .more = "[poll]\nfeed = off\n" IMPORTS, .level = LOG_ERR };

        monitor_begin(state, &options);
        struct monitor_test *test = *state;
        account_add_old_jobs(test);
        loop_until(test->event, &test->searches[1], 2);
        account_add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        wait_for_entries(test, 1);
        expect_field("JOBWATCH_JOB", "8");
        loop_until(test->event, &test->searches[1], test->searches[1] + 3);
        assert_int_equal(capture_count(), 1);
        assert_int_equal(test->searches[0], 0);
}

static void test_it_is_logged_that_new_jobs_cannot_be_found(void **state)
{
        const struct monitor_options options = { .jobs = "1",
                                                 .more = "[poll]\nfeed = off\n" IMPORTS,
                                                 .level = LOG_WARNING };

        monitor_begin(state, &options);
        struct monitor_test *test = *state;
        wait_for_entries(test, 1); /* job 1 is seen */
        loop_until(test->event, &test->searches[1], 2);
        test->search_failure[0] = test->search_failure[1] = "403 Forbidden";
        wait_for_entries(test, 2);
        expect_field("MESSAGE", "New jobs are not found: the user lacks the role BusinessBackgroundJob-List. "
                                "Retrying in 1h.");
        assert_non_null(monitor_count(test->monitor).discovery_problem);
        wait_for_polls(test, 1, 3);
        assert_int_equal(capture_count(), 2);

        /* A reload is a reason to try again. */
        test->search_failure[0] = test->search_failure[1] = NULL;
        reload_to_options(test, &options);
        loop_until(test->event, &test->searches[1], test->searches[1] + 3);
        assert_null(monitor_count(test->monitor).discovery_problem);
        account_add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        wait_for_entries(test, 3);
        expect_field("JOBWATCH_JOB", "8");
}

static void add_many_jobs(struct monitor_test *test)
{
        static char times[30][20];

        for (unsigned i = 0; i < 30; i++) {
                snprintf(times[i], sizeof(times[i]), "2026-01-15T10:02:%02u", i);
                account_add_job(test, 200 + i, times[i], "Import of prices");
        }
}

/* More than a page has. */
static void test_many_new_jobs_are_found_at_a_time(void **state)
{
        const struct monitor_options no_feed = { .more = "[poll]\nfeed = off\n" IMPORTS, .level = LOG_ERR };
        struct monitor_test *test = *state;

        add_many_jobs(test);
        wait_for_entries(test, 30);
        assert_int_equal(monitor_count(test->monitor).open, 30);

        assert_int_equal(monitor_teardown(state), 0);
        monitor_begin(state, &no_feed);
        test = *state;
        account_add_old_jobs(test);
        loop_until(test->event, &test->searches[1], 2);
        add_many_jobs(test);
        wait_for_entries(test, 30);
        assert_int_equal(monitor_count(test->monitor).open, 30);
}

static void test_a_row_that_does_not_show_enough_is_read_by_its_id(void **state)
{
        struct monitor_test *test = *state;

        struct account_job *export = account_add_job(test, 7, "2026-01-15T10:01:00", "Export of members");
        struct account_job *import = account_add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        export->is_brief = import->is_brief = true;
        wait_for_entries(test, 1);
        expect_field("JOBWATCH_JOB", "8");
        expect_field("JOBWATCH_DISCOVER", "imports");

        /* Once. */
        export->updated = "2026-01-15T10:05:00";
        discover_wait_for_rounds(test);
        assert_int_equal(export->polls, 1);
        assert_int_equal(capture_count(), 1);
        assert_int_equal(monitor_count(test->monitor).open, 1);
}

static void test_a_job_has_the_names_of_all_sections_that_match(void **state)
{
        const struct monitor_options options = { .more = "[discover some]\ndescription = *prices\n"
                                                         "[discover none]\ndescription = *x*\n"
                                                         "[discover all]\n",
                                                 .level = LOG_ERR };

        discover_begin(state, &options);
        struct monitor_test *test = *state;
        account_add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        wait_for_entries(test, 1);
        expect_field("JOBWATCH_DISCOVER", "some,all");
}

static void test_a_listed_job_is_not_discovered(void **state)
{
        const struct monitor_options options = { .jobs = "8", .more = IMPORTS, .level = LOG_ERR };

        monitor_begin(state, &options);
        struct monitor_test *test = *state;
        account_add_old_jobs(test);
        wait_for_entries(test, 1);
        account_add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        discover_wait_for_rounds(test);
        assert_int_equal(capture_count(), 1);
        expect_field("JOBWATCH_DISCOVER", NULL);
}

/* ---- what a round of the feed does not show ---- */

/* A page of jobs that no section matches, with UpdatedOn in this form, and a new job that is older. */
static void add_page_and_import(struct monitor_test *test, const char *form)
{
        static char created[30][24], updated[30][24];

        for (unsigned i = 0; i < 30; i++) {
                snprintf(created[i], sizeof(created[i]), "2026-01-15T12:%02u:00", i);
                snprintf(updated[i], sizeof(updated[i]), "%s%s", created[i], form);
                account_add_job(test, 200 + i, created[i], "Export of prices")->updated = updated[i];
        }
        account_add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
}

static void test_a_new_job_that_a_cut_round_did_not_show_is_found(void **state)
{
        struct monitor_test *test = *state;

        add_page_and_import(test, "Z"); /* times that cannot be compared with those before */
        wait_for_entries(test, 1);
        expect_field("JOBWATCH_JOB", "8");
}

static void test_a_new_job_that_a_failed_round_did_not_show_is_found(void **state)
{
        struct monitor_test *test = *state;

        test->loses_large = true;
        add_page_and_import(test, "");
        wait_for_entries(test, 1);
        expect_field("JOBWATCH_JOB", "8");
}

/* The feed, which has no position, shows its newest page. */
static void test_a_new_job_is_found_though_the_first_search_fails(void **state)
{
        const struct monitor_options no_feed = { .more = "[poll]\nfeed = off\n" IMPORTS, .level = LOG_ERR };

        monitor_begin(state, &no_feed);
        struct monitor_test *test = *state;
        account_add_old_jobs(test);
        loop_until(test->event, &test->searches[1], 3);
        add_page_and_import(test, "");
        test->search_failure[1] = "500 Internal Server Error";
        monitor_restart(state, &discover_imports);
        discover_wait_for_rounds(test);
        assert_int_equal(capture_count(), 0);
        test->search_failure[1] = NULL;
        wait_for_entries(test, 1);
        expect_field("JOBWATCH_JOB", "8");
}

/* ---- the next run ---- */

static void test_the_next_run_continues(void **state)
{
        struct monitor_test *test = *state;

        struct account_job *open = account_add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        struct account_job *ended = account_add_job(test, 9, "2026-01-15T10:02:01", "Import of rooms");
        ended->status = "Completed";
        wait_for_entries(test, 2);
        discover_wait_for_rounds(test);

        /* Meanwhile. */
        struct account_job *created = account_add_job(test, 10, "2026-01-15T11:00:00", "Import of passes");
        created->status = "Completed";
        open->status = "Failed";
        open->updated = "2026-01-15T11:00:01";
        ended->updated = "2026-01-15T11:00:02";
        monitor_restart(state, &discover_imports);
        wait_for_entries(test, 4);
        discover_wait_for_rounds(test);
        assert_int_equal(capture_count(), 4);
        assert_int_equal(ended->polls, 1);
        assert_int_equal(created->polls, 1);
        assert_int_equal(test->account[0].polls, 0);
}

static void test_a_new_job_that_could_not_be_recorded_is_found_again(void **state)
{
        struct monitor_test *test = *state;

        limit(test, 1);
        struct account_job *job = account_add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        loop_until(test->event, &job->polls, 2);
        account_add_job(test, 9, "2026-01-15T12:00:00", "Export of prices"); /* is newer */
        discover_wait_for_rounds(test);
        unsigned entries = capture_count(); /* that nothing can be recorded */
        monitor_restart(state, &discover_imports);
        wait_for_entries(test, entries + 1);
        expect_field("JOBWATCH_EVENT", "seen");
        expect_field("JOBWATCH_JOB", "8");
}

static void test_the_search_survives_an_outage_beside_a_job_that_has_ended(void **state)
{
        const struct monitor_options listed = { .jobs = "1", .more = IMPORTS, .level = LOG_CRIT };

        monitor_begin(state, &listed);
        struct monitor_test *test = *state;
        test->status[1] = "Completed";
        account_add_old_jobs(test);
        while (monitor_count(test->monitor).succeeded == 0)
                discover_wait_for_rounds(test);
        monitor_restart(state, &listed);
        discover_wait_for_rounds(test);
        test->all = "500 Internal Server Error";
        while (monitor_count(test->monitor).failure == FAILURE_NONE)
                loop_until(test->event, &test->requests, test->requests + 1);
        test->all = NULL;
        discover_wait_for_rounds(test);
        assert_int_equal(monitor_count(test->monitor).failure, FAILURE_NONE);
}

/* ---- damage ---- */

/* What the writer is to do in between. */
struct interlude {
        struct state_operation operation;
        const char *damage; /* SQL; NULL: none */
        int failure;        /* of SQLite from now on */
        unsigned done;
};

static int interlude_run(struct state_operation *operation, struct store *store)
{
        const struct interlude *interlude = CONTAINER_OF(operation, struct interlude, operation);

        (void)fault_sqlite_disarm();
        if (interlude->damage != NULL)
                return store->engine->execute(store, interlude->damage, NULL);
        if (interlude->failure != SQLITE_OK)
                fault_sqlite_arm(1, interlude->failure, true);
        return 0;
}

static void interlude_done(struct state_operation *operation, int r)
{
        (void)r; /* a failure may be that of the transaction */
        CONTAINER_OF(operation, struct interlude, operation)->done++;
}

static void interrupt(struct monitor_test *test, const char *damage, int failure)
{
        struct interlude interlude = {
                .operation = { .run = interlude_run, .done = interlude_done, .only_reads = damage == NULL },
                .damage = damage,
                .failure = failure
        };

        state_queue(test->state, &interlude.operation);
        loop_until(test->event, &interlude.done, 1);
}

static void test_jobs_are_not_new_because_the_state_cannot_be_read(void **state)
{
        struct monitor_test *test = *state;

        struct account_job *ended = account_add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        ended->status = "Completed";
        wait_for_entries(test, 1);
        monitor_restart(state, &discover_imports);
        interrupt(test, NULL, SQLITE_IOERR);
        discover_wait_for_rounds(test);
        interrupt(test, NULL, SQLITE_OK);
        unsigned entries = capture_count();
        account_add_job(test, 9, "2026-01-15T10:02:01", "Import of rooms");
        wait_for_entries(test, entries + 1);
        expect_field("JOBWATCH_JOB", "9");
        loop_until(test->event, &test->searches[0], test->searches[0] + 20);
        assert_int_equal(capture_count(), entries + 1);
        assert_int_equal(ended->polls, 1);
}

static void test_a_damaged_job_does_not_hide_others(void **state)
{
        struct monitor_test *test = *state;

        account_add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        struct account_job *job = account_add_job(test, 9, "2026-01-15T10:02:01", "Import of rooms");
        wait_for_entries(test, 2);
        interrupt(test, "UPDATE jobs SET stalled = 'text' WHERE id = 8", SQLITE_OK);
        monitor_restart(state, &discover_imports);
        assert_int_equal(capture_count(), 3);
        job->status = "Completed";
        job->updated = "2026-01-15T10:03:00";
        wait_for_entries(test, 4);
        expect_field("JOBWATCH_JOB", "9");
        expect_field("JOBWATCH_EVENT", "succeeded");
}

/* ---- what the search answers ---- */

static void test_rows_without_a_usable_time_are_ignored(void **state)
{
        static const char *const times[] = { "", "\\/Date(1705314600000)\\/" };

        for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
                if (i > 0)
                        assert_int_equal(monitor_teardown(state), 0);
                monitor_begin(state, &discover_imports);
                struct monitor_test *test = *state;
                account_add_old_jobs(test);
                account_add_job(test, 7, times[i], "Import of the past")->updated = "2026-01-15T10:00:00";
                discover_wait_for_rounds(test);
                account_add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
                wait_for_entries(test, 1);
                expect_field("JOBWATCH_JOB", "8");
                discover_wait_for_rounds(test);
                assert_int_equal(capture_count(), 1);
        }
}

static void test_pages_that_fail_become_smaller(void **state)
{
        const struct monitor_options options = { .jobs = "1",
                                                 .more = "[poll]\nfeed = off\n" IMPORTS,
                                                 .level = LOG_ERR };

        monitor_begin(state, &options);
        struct monitor_test *test = *state;
        account_add_old_jobs(test);
        test->created_max = 12;
        loop_until(test->event, &test->searches[1], 6); /* two fail in each round */
        account_add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        wait_for_entries(test, 2);
        expect_field("JOBWATCH_JOB", "8");
}

/* The latest are remembered, however many there were. */
static void test_ids_that_are_not_new_are_bounded(void **state)
{
        const struct monitor_test *test = *state;
        const struct marked_set *known = &test->monitor->discover.known;

        for (uint64_t id = 1; id <= 250000; id++) {
                discover_remember(test->monitor, id, 1);
                assert_true(known->count <= KNOWN_IDS_MAX);
        }
        assert_true(marked_set_has(known, 250000));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, discover_setup, monitor_teardown)
#define TEST_BARE(function)                                                                                  \
        cmocka_unit_test_setup_teardown(function, discover_set_up_nothing, monitor_teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_a_new_job_is_watched_until_it_ends),
                TEST(test_a_job_that_was_there_before_is_not_new),
                TEST_BARE(test_a_span_includes_jobs_that_were_there),
                TEST_BARE(test_new_jobs_are_found_without_the_feed),
                TEST_BARE(test_it_is_logged_that_new_jobs_cannot_be_found),
                TEST(test_many_new_jobs_are_found_at_a_time),
                TEST(test_a_row_that_does_not_show_enough_is_read_by_its_id),
                TEST_BARE(test_a_job_has_the_names_of_all_sections_that_match),
                TEST_BARE(test_a_listed_job_is_not_discovered),
                TEST(test_a_new_job_that_a_cut_round_did_not_show_is_found),
                TEST(test_a_new_job_that_a_failed_round_did_not_show_is_found),
                TEST_BARE(test_a_new_job_is_found_though_the_first_search_fails),
                TEST(test_the_next_run_continues),
                TEST_BARE(test_the_search_survives_an_outage_beside_a_job_that_has_ended),
                TEST(test_a_new_job_that_could_not_be_recorded_is_found_again),
                TEST(test_jobs_are_not_new_because_the_state_cannot_be_read),
                TEST(test_a_damaged_job_does_not_hide_others),
                TEST_BARE(test_rows_without_a_usable_time_are_ignored),
                TEST_BARE(test_pages_that_fail_become_smaller),
                TEST(test_ids_that_are_not_new_are_bounded),
        };

        return cmocka_run_group_tests_name("discover", tests, NULL, NULL);
}
