/* SPDX-License-Identifier: MIT */

/* New jobs of an account: what a reload changes, and --once. */

#include "app/summary.h"
#include "discover_fixture.h"

/* ---- reload ---- */

static void test_jobs_are_not_those_of_another_api(void **state)
{
        const struct monitor_options other = { .path = "/other", .more = IMPORTS, .level = LOG_ERR };
        struct monitor_test *test = *state;

        struct account_job *job = account_add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        wait_for_entries(test, 1);
        reload_to_options(test, &other);
        loop_until(test->event, &test->reloads, 1);
        assert_int_equal(monitor_count(test->monitor).watched, 0);
        unsigned polls = job->polls;
        discover_wait_for_rounds(test);
        assert_int_equal(job->polls, polls);

        account_add_job(test, 9, "2026-01-15T10:02:01", "Import of rooms");
        wait_for_entries(test, 2);
        monitor_restart(state, &other);
        assert_int_equal(monitor_count(test->monitor).watched, 1);
        monitor_restart(state, &discover_imports);
        assert_int_equal(monitor_count(test->monitor).watched, 0);
        monitor_restart(state, &other);
        assert_int_equal(monitor_count(test->monitor).watched, 0);
}

static void test_a_job_is_watched_as_long_as_one_of_its_sections_is_there(void **state)
{
        const struct monitor_options both = { .more = IMPORTS "[discover all]\n", .level = LOG_ERR };
        const struct monitor_options one = { .more = "[discover all]\n" };
        const struct monitor_options none = { .jobs = "1" };

        discover_begin(state, &both);
        struct monitor_test *test = *state;
        struct account_job *job = account_add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
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
        discover_wait_for_rounds(test);
        job->updated = "2026-01-15T10:10:00";
        discover_wait_for_rounds(test);
        assert_int_equal(monitor_count(test->monitor).watched, 0);
        assert_int_equal(capture_count(), entries);
}

/* What was read before the new section could begin, and was for none of the others. */
static void test_a_section_with_since_finds_a_job_that_no_other_wanted(void **state)
{
        const struct monitor_options both = { .more = IMPORTS
                                              "[discover exports]\ndescription = *export*\nsince = 1h\n",
                                              .level = LOG_EMERG };
        struct monitor_test *test = *state;

        test->search_failure[1] = "500 Internal Server Error";
        reload_to_options(test, &both);
        loop_until(test->event, &test->reloads, 1);
        struct account_job *job = account_add_job(test, 8, "2026-01-15T10:02:00", "Export of prices");
        job->is_brief = true;
        while (job->polls == 0 || monitor_count(test->monitor).watched > 0)
                assert_true(sd_event_run(test->event, UINT64_MAX) > 0);
        test->search_failure[1] = NULL;
        while (monitor_count(test->monitor).watched == 0)
                assert_true(sd_event_run(test->event, UINT64_MAX) > 0);
        discover_wait_for_rounds(test);
        assert_int_equal(monitor_count(test->monitor).watched, 1);
}

static void test_jobs_that_are_dropped_are_named(void **state)
{
        const struct monitor_options with = { .more = IMPORTS, .level = LOG_NOTICE };
        const struct monitor_options without = { .jobs = "1" };

        discover_begin(state, &with);
        struct monitor_test *test = *state;
        account_add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
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

        struct account_job *job = account_add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        wait_for_entries(test, 1);
        monitor_restart(state, &without);
        wait_for_polls(test, 1, 3);
        assert_int_equal(monitor_count(test->monitor).watched, 1);
        monitor_restart(state, &discover_imports);
        discover_wait_for_rounds(test);
        job->updated = "2026-01-15T10:10:00";
        discover_wait_for_rounds(test);
        assert_int_equal(monitor_count(test->monitor).watched, 0);
}

static void test_a_discovered_job_that_is_listed_goes_on(void **state)
{
        const struct monitor_options listed = { .jobs = "8", .more = IMPORTS };
        struct monitor_test *test = *state;

        struct account_job *job = account_add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        wait_for_entries(test, 1);
        reload_to_options(test, &listed);
        loop_until(test->event, &test->reloads, 1);
        discover_wait_for_rounds(test);
        reload_to_options(test, &discover_imports);
        loop_until(test->event, &test->reloads, 2);
        discover_wait_for_rounds(test);
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
        account_add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        discover_wait_for_rounds(test);
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

        monitor_begin(state, &discover_imports);
        struct monitor_test *test = *state;
        account_add_old_jobs(test);
        discover_wait_for_rounds(test);
        account_add_job(test, 8, "2026-01-15T10:02:00", "Import of prices");
        account_add_job(test, 9, "2026-01-15T10:02:01", "Import of rooms")->is_brief = true;
        account_add_job(test, 10, "2026-01-15T10:02:02", "Export of rooms")->is_brief = true;
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

        account_add_job(test, 8, "2026-01-15T10:02:00", "Import of prices")->status = "Completed";
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
        account_add_old_jobs(test);
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
#define TEST(function) cmocka_unit_test_setup_teardown(function, discover_setup, monitor_teardown)
#define TEST_BARE(function)                                                                                  \
        cmocka_unit_test_setup_teardown(function, discover_set_up_nothing, monitor_teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_jobs_are_not_those_of_another_api),
                TEST_BARE(test_a_job_is_watched_as_long_as_one_of_its_sections_is_there),
                TEST(test_a_section_with_since_finds_a_job_that_no_other_wanted),
                TEST_BARE(test_jobs_that_are_dropped_are_named),
                TEST(test_jobs_that_are_dropped_are_forgotten),
                TEST(test_a_discovered_job_that_is_listed_goes_on),
                TEST(test_a_job_that_is_found_during_a_reload_is_watched),
                TEST_BARE(test_once_makes_one_round),
                TEST(test_once_ends_with_nothing_new),
                TEST_BARE(test_once_ends_without_the_search),
                TEST_BARE(test_once_fails_with_the_search),
        };

        return cmocka_run_group_tests_name("discover_reload", tests, NULL, NULL);
}
