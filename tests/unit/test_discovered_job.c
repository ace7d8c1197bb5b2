/* SPDX-License-Identifier: MIT */

/* A discovered job has the settings of the first of its sections and the hooks of all. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config_helpers.h"
#include "monitor/job.h"
#include "util/timespan.h"

#define TEXT                                                                                                 \
        "[poll]\ninterval = 7s\nstalled_after = 1h\n"                                                        \
        "[discover one]\ninterval = 1s\nhooks = b, a\n[discover two]\ninterval = 2s\nhooks = c, a\n"         \
        "[discover three]\nhooks =\n[discover every]\ninterval = 4s\n"                                       \
        "[hook a]\nunit = a.service\n[hook b]\nunit = b.service\n[hook c]\nunit = c.service\n"

static const struct remote_time created = { .form = REMOTE_TIME_UTC, .ticks = 17 };

/* `hooks` as "a b "; NULL: all. */
static void expect_job(const char *sections, uint64_t interval_us, const char *hooks)
{
        struct config *config = load_text(TEXT);
        struct job *job = NULL;
        char found[64] = "";

        job = discovered_job_new(config, 8, &created, sections);
        assert_int_equal(job->planning.id, 8);
        assert_null(job->name);
        assert_false(job->listed);
        assert_string_equal(job->discovery->sections, sections);
        assert_int_equal(job->discovery->created.ticks, 17);
        assert_int_equal(job->planning.settings.interval_us, interval_us);
        assert_int_equal(job->planning.settings.stalled_after_us, USEC_PER_HOUR);
        assert_int_equal(job->hooks == NULL, hooks == NULL);
        for (size_t i = 0; job->hooks != NULL && i < job->hooks->count; i++)
                snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s ", job->hooks->items[i]);
        if (hooks != NULL)
                assert_string_equal(found, hooks);
        job_free(job);
        config_free(config);
}

static void test_settings_of_the_first_and_hooks_of_all(void **state)
{
        (void)state;
        expect_job("one", 1 * USEC_PER_SEC, "b a ");
        expect_job("two", 2 * USEC_PER_SEC, "c a ");
        expect_job("one,two", 1 * USEC_PER_SEC, "b a c ");
        expect_job("three", 7 * USEC_PER_SEC, "");
        expect_job("two,three", 2 * USEC_PER_SEC, "c a ");
        expect_job("every", 4 * USEC_PER_SEC, NULL);
        expect_job("three,every", 7 * USEC_PER_SEC, NULL);
        expect_job("", 7 * USEC_PER_SEC, ""); /* to be decided */
}

/* The order is that of the file, also if it has changed since. */
static void test_sections_that_are_removed_do_not_count(void **state)
{
        (void)state;
        expect_job("gone,two,one", 1 * USEC_PER_SEC, "b a c ");
        expect_job("on,e,wo,twoo", 7 * USEC_PER_SEC, "");
}

static void test_a_job_is_configured_by_any_section(void **state)
{
        struct config *config = load_text(TEXT);

        (void)state;
        assert_true(discovered_job_is_configured(config, "gone,two"));
        assert_true(discovered_job_is_configured(config, "two,gone"));
        assert_false(discovered_job_is_configured(config, "gone"));
        assert_false(discovered_job_is_configured(config, "tw,thr,every2"));
        assert_false(discovered_job_is_configured(config, ""));
        config_free(config);
}

static void test_a_job_changes_with_the_configuration(void **state)
{
        struct config *config = load_text(TEXT);
        struct config *next = load_text("[discover two]\ninterval = 9s\n");
        struct job *job = NULL;

        (void)state;
        job = discovered_job_new(config, 8, &created, "one,two");
        const struct planner_settings settings = discovered_job_update(next, job);
        assert_int_equal(settings.interval_us, 9 * USEC_PER_SEC);
        assert_null(job->hooks);
        assert_string_equal(job->discovery->sections, "one,two");
        job_free(job);
        config_free(config);
        config_free(next);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_settings_of_the_first_and_hooks_of_all),
                cmocka_unit_test(test_sections_that_are_removed_do_not_count),
                cmocka_unit_test(test_a_job_is_configured_by_any_section),
                cmocka_unit_test(test_a_job_changes_with_the_configuration),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
