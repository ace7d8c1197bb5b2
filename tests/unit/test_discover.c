/* SPDX-License-Identifier: MIT */

/* New jobs of an account are watched: an API with a search on one side, the journal on the other. */

#include <sqlite3.h>

#include "fault_sqlite.h"
#include "monitor_fixture.h"
#include "state/sqlite/database.h"
#include "util/container.h"

#define IMPORTS "[discover imports]\ndescription = *import*\n"

static const struct monitor_options imports = { .more = IMPORTS, .level = LOG_ERR };

/* Two jobs that are older than any section. */
static void add_old_jobs(struct monitor_test *test)
{
        test->account[0] = (struct account_job){ .id = 101,
                                                 .created = "2026-01-15T10:00:00",
                                                 .updated = "2026-01-15T10:00:10",
                                                 .description = "Import of members",
                                                 .status = "Running" };
        test->account[1] = (struct account_job){ .id = 102,
                                                 .created = "2026-01-15T09:00:00",
                                                 .updated = "2026-01-15T10:00:20",
                                                 .description = "Import of invoices",
                                                 .status = "Running" };
        test->account_count = 2;
}

static struct account_job *add_job(struct monitor_test *test, unsigned id, const char *created,
                                   const char *description)
{
        struct account_job *job = &test->account[test->account_count++];

        assert_true(test->account_count <= ACCOUNT_JOBS);
        *job = (struct account_job){ .id = id,
                                     .created = created,
                                     .updated = created,
                                     .description = description,
                                     .status = "Running" };
        return job;
}

static unsigned polls_of(const struct monitor_test *test, unsigned id)
{
        size_t i = 0;

        while (test->account[i].id != id)
                i++;
        return test->account[i].polls;
}

/* Until the sections have begun, and what the feed shows is known. */
static void wait_for_rounds(struct monitor_test *test)
{
        loop_until(test->event, &test->searches[0], test->searches[0] + 3);
}

static void begin(void **state, const struct monitor_options *options)
{
        monitor_begin(state, options);
        add_old_jobs(*state);
        wait_for_rounds(*state);
}

static int setup(void **state)
{
        begin(state, &imports);
        return 0;
}

static int set_up_nothing(void **state)
{
        *state = NULL;
        return 0;
}

/* ---- finding them ---- */

static void test_a_new_job_is_watched_until_it_ends(void **state)
{
        struct monitor_test *test = *state;

        assert_int_equal(capture_count(), 0); /* what was there before is not new */
        add_job(test, 7, "2026-01-15T10:01:00", "Export of members");
        struct account_job *job = add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
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
        wait_for_rounds(test);
        assert_int_equal(capture_count(), 2);
        assert_int_equal(polls_of(test, 7), 0);
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
        wait_for_rounds(test);
        assert_int_equal(capture_count(), 0);
        assert_int_equal(test->account[0].polls + test->account[1].polls, 0);
}

static void test_a_span_includes_jobs_that_were_there(void **state)
{
        const struct monitor_options options = { .more = IMPORTS "since = 90min\n", .level = LOG_ERR };

        monitor_begin(state, &options);
        struct monitor_test *test = *state;
        add_old_jobs(test);
        add_job(test, 103, "2026-01-15T08:00:00", "Import of the past");
        wait_for_entries(test, 2);
        wait_for_rounds(test);
        assert_int_equal(capture_count(), 2);
        assert_int_equal(test->account[2].polls, 0);
}

static void test_new_jobs_are_found_without_the_feed(void **state)
{
        const struct monitor_options options = { .more = "[poll]\nfeed = off\n" IMPORTS, .level = LOG_ERR };

        monitor_begin(state, &options);
        struct monitor_test *test = *state;
        add_old_jobs(test);
        loop_until(test->event, &test->searches[1], 2);
        add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
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
        add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        wait_for_entries(test, 3);
        expect_field("JOBWATCH_JOB", "8");
}

static void add_many_jobs(struct monitor_test *test)
{
        static char times[30][20];

        for (unsigned i = 0; i < 30; i++) {
                snprintf(times[i], sizeof(times[i]), "2026-01-15T10:02:%02u", i);
                add_job(test, 200 + i, times[i], "Import of prices");
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
        add_old_jobs(test);
        loop_until(test->event, &test->searches[1], 2);
        add_many_jobs(test);
        wait_for_entries(test, 30);
        assert_int_equal(monitor_count(test->monitor).open, 30);
}

static void test_a_row_that_does_not_show_enough_is_read_by_its_id(void **state)
{
        struct monitor_test *test = *state;

        struct account_job *export = add_job(test, 7, "2026-01-15T10:01:00", "Export of members");
        struct account_job *import = add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        export->is_brief = import->is_brief = true;
        wait_for_entries(test, 1);
        expect_field("JOBWATCH_JOB", "8");
        expect_field("JOBWATCH_DISCOVER", "imports");

        /* Once. */
        export->updated = "2026-01-15T10:05:00";
        wait_for_rounds(test);
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

        begin(state, &options);
        struct monitor_test *test = *state;
        add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        wait_for_entries(test, 1);
        expect_field("JOBWATCH_DISCOVER", "some,all");
}

static void test_a_listed_job_is_not_discovered(void **state)
{
        const struct monitor_options options = { .jobs = "8", .more = IMPORTS, .level = LOG_ERR };

        monitor_begin(state, &options);
        struct monitor_test *test = *state;
        add_old_jobs(test);
        wait_for_entries(test, 1);
        add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        wait_for_rounds(test);
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
                add_job(test, 200 + i, created[i], "Export of prices")->updated = updated[i];
        }
        add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
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
        add_old_jobs(test);
        loop_until(test->event, &test->searches[1], 3);
        add_page_and_import(test, "");
        test->search_failure[1] = "500 Internal Server Error";
        monitor_restart(state, &imports);
        wait_for_rounds(test);
        assert_int_equal(capture_count(), 0);
        test->search_failure[1] = NULL;
        wait_for_entries(test, 1);
        expect_field("JOBWATCH_JOB", "8");
}

/* ---- the next run ---- */

static void test_the_next_run_continues(void **state)
{
        struct monitor_test *test = *state;

        struct account_job *open = add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        struct account_job *ended = add_job(test, 9, "2026-01-15T10:02:01", "Import of rooms");
        ended->status = "Completed";
        wait_for_entries(test, 2);
        wait_for_rounds(test);

        /* Meanwhile. */
        struct account_job *created = add_job(test, 10, "2026-01-15T11:00:00", "Import of passes");
        created->status = "Completed";
        open->status = "Failed";
        open->updated = "2026-01-15T11:00:01";
        ended->updated = "2026-01-15T11:00:02";
        monitor_restart(state, &imports);
        wait_for_entries(test, 4);
        wait_for_rounds(test);
        assert_int_equal(capture_count(), 4);
        assert_int_equal(ended->polls, 1);
        assert_int_equal(created->polls, 1);
        assert_int_equal(test->account[0].polls, 0);
}

static void test_a_new_job_that_could_not_be_recorded_is_found_again(void **state)
{
        struct monitor_test *test = *state;

        limit(test, 1);
        struct account_job *job = add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        loop_until(test->event, &job->polls, 2);
        add_job(test, 9, "2026-01-15T12:00:00", "Export of prices"); /* is newer */
        wait_for_rounds(test);
        unsigned entries = capture_count(); /* that nothing can be recorded */
        monitor_restart(state, &imports);
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
        add_old_jobs(test);
        while (monitor_count(test->monitor).succeeded == 0)
                wait_for_rounds(test);
        monitor_restart(state, &listed);
        wait_for_rounds(test);
        test->all = "500 Internal Server Error";
        while (monitor_count(test->monitor).failure == FAILURE_NONE)
                loop_until(test->event, &test->requests, test->requests + 1);
        test->all = NULL;
        wait_for_rounds(test);
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
                return store_execute(store, interlude->damage, NULL);
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

        struct account_job *ended = add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        ended->status = "Completed";
        wait_for_entries(test, 1);
        monitor_restart(state, &imports);
        interrupt(test, NULL, SQLITE_IOERR);
        wait_for_rounds(test);
        interrupt(test, NULL, SQLITE_OK);
        unsigned entries = capture_count();
        add_job(test, 9, "2026-01-15T10:02:01", "Import of rooms");
        wait_for_entries(test, entries + 1);
        expect_field("JOBWATCH_JOB", "9");
        loop_until(test->event, &test->searches[0], test->searches[0] + 20);
        assert_int_equal(capture_count(), entries + 1);
        assert_int_equal(ended->polls, 1);
}

static void test_a_damaged_job_does_not_hide_others(void **state)
{
        struct monitor_test *test = *state;

        add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        struct account_job *job = add_job(test, 9, "2026-01-15T10:02:01", "Import of rooms");
        wait_for_entries(test, 2);
        interrupt(test, "UPDATE jobs SET stalled = 'text' WHERE id = 8", SQLITE_OK);
        monitor_restart(state, &imports);
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
                monitor_begin(state, &imports);
                struct monitor_test *test = *state;
                add_old_jobs(test);
                add_job(test, 7, times[i], "Import of the past")->updated = "2026-01-15T10:00:00";
                wait_for_rounds(test);
                add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
                wait_for_entries(test, 1);
                expect_field("JOBWATCH_JOB", "8");
                wait_for_rounds(test);
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
        add_old_jobs(test);
        test->created_max = 12;
        loop_until(test->event, &test->searches[1], 6); /* two fail in each round */
        add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        wait_for_entries(test, 2);
        expect_field("JOBWATCH_JOB", "8");
}

/* ---- reload ---- */

static void test_jobs_are_not_those_of_another_api(void **state)
{
        const struct monitor_options other = { .path = "/other", .more = IMPORTS, .level = LOG_ERR };
        struct monitor_test *test = *state;

        struct account_job *job = add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        wait_for_entries(test, 1);
        reload_to_options(test, &other);
        loop_until(test->event, &test->reloads, 1);
        assert_int_equal(monitor_count(test->monitor).watched, 0);
        unsigned polls = job->polls;
        wait_for_rounds(test);
        assert_int_equal(job->polls, polls);

        add_job(test, 9, "2026-01-15T10:02:01", "Import of rooms");
        wait_for_entries(test, 2);
        monitor_restart(state, &other);
        assert_int_equal(monitor_count(test->monitor).watched, 1);
        monitor_restart(state, &imports);
        assert_int_equal(monitor_count(test->monitor).watched, 0);
        monitor_restart(state, &other);
        assert_int_equal(monitor_count(test->monitor).watched, 0);
}

static void test_a_job_is_watched_as_long_as_one_of_its_sections_is_there(void **state)
{
        const struct monitor_options both = { .more = IMPORTS "[discover all]\n", .level = LOG_ERR };
        const struct monitor_options one = { .more = "[discover all]\n" };
        const struct monitor_options none = { .jobs = "1" };

        begin(state, &both);
        struct monitor_test *test = *state;
        struct account_job *job = add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        wait_for_entries(test, 1);
        reload_to_options(test, &one);
        loop_until(test->event, &test->reloads, 1);
        assert_int_equal(monitor_count(test->monitor).watched, 1);

        reload_to_options(test, &none);
        loop_until(test->event, &test->reloads, 2);
        assert_int_equal(monitor_count(test->monitor).watched, 1); /* job 1 */
        wait_for_entries(test, 2);

        /* Nor by a section that comes later. */
        reload_to_options(test, &both);
        loop_until(test->event, &test->reloads, 3);
        unsigned entries = capture_count();
        wait_for_rounds(test);
        job->updated = "2026-01-15T10:10:00";
        wait_for_rounds(test);
        assert_int_equal(monitor_count(test->monitor).watched, 0);
        assert_int_equal(capture_count(), entries);
}

static void test_jobs_that_are_dropped_are_named(void **state)
{
        const struct monitor_options with = { .more = IMPORTS, .level = LOG_NOTICE };
        const struct monitor_options without = { .jobs = "1" };

        begin(state, &with);
        struct monitor_test *test = *state;
        add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        wait_for_entries(test, 1);
        reload_to_options(test, &without); /* whose level is err */
        loop_until(test->event, &test->reloads, 1);
        expect_field("MESSAGE", "No longer watching 1 job of [discover] sections that were removed: 8.");
}

/* Also if the configuration changed while the daemon was not running. */
static void test_jobs_that_are_dropped_are_forgotten(void **state)
{
        const struct monitor_options without = { .jobs = "1", .level = LOG_ERR };
        struct monitor_test *test = *state;

        struct account_job *job = add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        wait_for_entries(test, 1);
        monitor_restart(state, &without);
        wait_for_polls(test, 1, 3);
        assert_int_equal(monitor_count(test->monitor).watched, 1);
        monitor_restart(state, &imports);
        wait_for_rounds(test);
        job->updated = "2026-01-15T10:10:00";
        wait_for_rounds(test);
        assert_int_equal(monitor_count(test->monitor).watched, 0);
}

static void test_a_discovered_job_that_is_listed_goes_on(void **state)
{
        const struct monitor_options listed = { .jobs = "8", .more = IMPORTS };
        struct monitor_test *test = *state;

        struct account_job *job = add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        wait_for_entries(test, 1);
        reload_to_options(test, &listed);
        loop_until(test->event, &test->reloads, 1);
        wait_for_rounds(test);
        reload_to_options(test, &imports);
        loop_until(test->event, &test->reloads, 2);
        wait_for_rounds(test);
        assert_int_equal(capture_count(), 1);
        assert_int_equal(monitor_count(test->monitor).open, 1);

        job->status = "Completed";
        job->updated = "2026-01-15T10:10:00";
        wait_for_entries(test, 2);
        expect_field("JOBWATCH_EVENT", "succeeded");
}

static void test_a_job_that_is_found_during_a_reload_is_watched(void **state)
{
        const struct monitor_options other = { .jobs = "1", .more = IMPORTS };
        struct monitor_test *test = *state;

        hold(test);
        reload_to_options(test, &other);
        add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        wait_for_rounds(test);
        release(test);
        loop_until(test->event, &test->reloads, 1);
        wait_for_entries(test, 2); /* of jobs 1 and 8 */
        assert_int_equal(monitor_count(test->monitor).open, 2);
}

/* ---- --once ---- */

static enum exit_status once_status(const struct monitor_test *test)
{
        const struct monitor_counts counts = monitor_count(test->monitor);

        return exit_status_of_round(&counts, false);
}

static void test_once_makes_one_round(void **state)
{
        const struct monitor_options once = { .more = IMPORTS, .once = true, .level = LOG_ERR };

        monitor_begin(state, &imports);
        struct monitor_test *test = *state;
        add_old_jobs(test);
        wait_for_rounds(test);
        add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        add_job(test, 9, "2026-01-15T10:02:01", "Import of rooms")->is_brief = true;
        add_job(test, 10, "2026-01-15T10:02:02", "Export of rooms")->is_brief = true;
        monitor_restart(state, &once);
        loop_until(test->event, &test->idle, test->idle + 1);
        const struct monitor_counts counts = monitor_count(test->monitor);
        assert_int_equal(capture_count(), 2);
        assert_int_equal(counts.open, 2);
        assert_int_equal(counts.unanswered, 0);
}

/* Rows of jobs that have ended are looked up. */
static void test_once_ends_with_nothing_new(void **state)
{
        const struct monitor_options once = { .more = IMPORTS, .once = true, .level = LOG_ERR };
        struct monitor_test *test = *state;

        add_job(test, 8, "2026-01-15T10:02:00", "Import of prices")->status = "Completed";
        wait_for_entries(test, 1);
        monitor_restart(state, &once);
        loop_until(test->event, &test->idle, test->idle + 1);
        assert_int_equal(capture_count(), 1);
}

static void test_once_ends_without_the_search(void **state)
{
        const struct monitor_options once = { .more = "[poll]\nfeed = off\n" IMPORTS,
                                              .once = true,
                                              .level = LOG_ERR };

        monitor_begin(state, &once);
        struct monitor_test *test = *state;
        add_old_jobs(test);
        loop_until(test->event, &test->idle, test->idle + 1);
        assert_int_equal(test->searches[0], 0);
        assert_int_equal(test->searches[1], 1);
        assert_int_equal(once_status(test), EXIT_STATUS_SUCCESS);
}

/* Whatever else was answered. */
static void test_once_fails_with_the_search(void **state)
{
        static const struct {
                const char *answer;
                enum exit_status status;
        } cases[] = {
                { "403 Forbidden", EXIT_STATUS_REFUSED },
                { "500 Internal Server Error", EXIT_STATUS_API },
                { "400 Bad Request", EXIT_STATUS_API },
        };
        static const char *const jobs[] = { NULL, "1" };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) * 2; i++) {
                const struct monitor_options once = { .jobs = jobs[i % 2],
                                                      .more = i < 2 ? "[poll]\nfeed = off\n" IMPORTS
                                                                    : IMPORTS,
                                                      .once = true,
                                                      .level = LOG_WARNING };

                if (i > 0)
                        assert_int_equal(monitor_teardown(state), 0);
                monitor_begin(state, &once);
                struct monitor_test *test = *state;
                test->search_failure[0] = test->search_failure[1] = cases[i / 2].answer;
                loop_until(test->event, &test->idle, test->idle + 1);
                assert_int_equal(once_status(test), cases[i / 2].status);
                assert_true(capture_count() > (jobs[i % 2] != NULL));
        }
}

int main(void)
{
#define TEST(function)      cmocka_unit_test_setup_teardown(function, setup, monitor_teardown)
#define TEST_BARE(function) cmocka_unit_test_setup_teardown(function, set_up_nothing, monitor_teardown)
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
                TEST(test_jobs_are_not_those_of_another_api),
                TEST_BARE(test_a_job_is_watched_as_long_as_one_of_its_sections_is_there),
                TEST_BARE(test_jobs_that_are_dropped_are_named),
                TEST(test_jobs_that_are_dropped_are_forgotten),
                TEST(test_a_discovered_job_that_is_listed_goes_on),
                TEST(test_a_job_that_is_found_during_a_reload_is_watched),
                TEST_BARE(test_once_makes_one_round),
                TEST(test_once_ends_with_nothing_new),
                TEST_BARE(test_once_ends_without_the_search),
                TEST_BARE(test_once_fails_with_the_search),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
