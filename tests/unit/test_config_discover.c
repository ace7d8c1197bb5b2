/* SPDX-License-Identifier: MIT */

/* [discover NAME]: its keys, what is refused, and which jobs it is for. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/discover_match.h"
#include "config_helpers.h"
#include "util/timespan.h"

#define HOOKS "[hook m]\nunit = a.service\n[hook n]\nunit = b.service\n"

static void test_without_listed_jobs(void **state)
{
        (void)state;
        struct config *config = load_text("[discover imports]\n");
        assert_int_equal(config->job_count, 0);
        assert_int_equal(config->discover_count, 1);

        const struct discover_config *discover = &config->discovers[0];
        assert_string_equal(discover->name, "imports");
        assert_int_equal(discover->business.count, 0);
        assert_int_equal(discover->description.count, 0);
        assert_int_equal(discover->since_us, 0);
        assert_false(discover->hooks_given);
        assert_int_equal(discover->poll.interval_us, 15 * USEC_PER_SEC);
        assert_int_equal(config->poll.feed, FEED_AUTO);
        assert_int_equal(config->poll.sweep_interval_us, 15 * USEC_PER_MIN);
        config_free(config);
}

static void test_every_key(void **state)
{
        (void)state;
        struct config *config = load_text("[poll]\ninterval = 7s\nfeed = off\nsweep_interval = 1h\n"
                                          "[discover b]\nbusiness = 7, 12\nbusiness = 13\n"
                                          "description = *import*, \"a, b\"\nfiles = *.csv\n"
                                          "user = *@example.com, Ann ?\nsince = 1d\ninterval = 5s\n"
                                          "stalled_after = 2h\nresult_wait = 3s\nhooks = n, m\n"
                                          "[discover a]\nsince = start\nhooks =\n" HOOKS);
        assert_int_equal(config->poll.feed, FEED_OFF);
        assert_int_equal(config->poll.sweep_interval_us, USEC_PER_HOUR);
        assert_int_equal(config->discover_count, 2);

        /* In the order of the file. */
        const struct discover_config *first = &config->discovers[0], *second = &config->discovers[1];
        assert_string_equal(first->name, "b");
        assert_int_equal(first->business.count, 3);
        assert_int_equal(first->business.ids[0], 7);
        assert_int_equal(first->business.ids[2], 13);
        assert_int_equal(first->description.count, 2);
        assert_string_equal(first->description.items[1], "a, b");
        assert_string_equal(first->files.items[0], "*.csv");
        assert_int_equal(first->user.count, 2);
        assert_int_equal(first->since_us, USEC_PER_DAY);
        assert_int_equal(first->poll.interval_us, 5 * USEC_PER_SEC);
        assert_int_equal(first->poll.max_interval_us, 2 * USEC_PER_MIN);
        assert_int_equal(first->poll.stalled_after_us, 2 * USEC_PER_HOUR);
        assert_int_equal(first->poll.result_wait_us, 3 * USEC_PER_SEC);
        assert_true(first->hooks_given);
        assert_string_equal(first->hooks.items[0], "n");

        assert_string_equal(second->name, "a");
        assert_int_equal(second->since_us, 0);
        assert_int_equal(second->poll.interval_us, 7 * USEC_PER_SEC);
        assert_true(second->hooks_given);
        assert_int_equal(second->hooks.count, 0);
        config_free(config);
}

static void test_lists_add_up_like_others(void **state)
{
        (void)state;
        struct config *config = load_text("[discover a]\nbusiness = 1\n[discover b]\n[discover a]\n"
                                          "business += 2, 3\ndescription =\n");
        assert_int_equal(config->discover_count, 2);
        assert_int_equal(config->discovers[0].business.count, 3);
        assert_int_equal(config->discovers[0].description.count, 0);
        config_free(config);
}

static void test_what_is_refused_is_named_with_its_line(void **state)
{
        (void)state;
        expect_error("[discover]\n", "f.ini:1", "[discover] has no name; write [discover NAME]");
        expect_error("[discover a b]\n", "f.ini:1", "invalid name in [discover a b]");
        expect_error("[discver a]\n", "f.ini:1", "did you mean [discover NAME]?");
        expect_error("[discover a]\ndescripton = *x*\n", "f.ini:2", "did you mean \"description\"?");
        expect_error("[discover a]\nid = 7\n", "f.ini:2", "it belongs to [job NAME]");
        expect_error("[discover a]\nbusiness = 7, Riverside\n", "f.ini:2",
                     "business = Riverside is invalid: write IDs");
        expect_error("[discover a]\nbusiness = 0\n", "f.ini:2", "business = 0 is invalid");
        expect_error("[discover a]\nsince = yesterday\n", "f.ini:2", "write start, or a time span");
        expect_error("[discover a]\nsince = 2000d\n", "f.ini:2", "out of range");
        expect_error("[discover a]\nsince =\n", "f.ini:2", "since is empty; write start");
        expect_error("[discover a]\nsince = 1h\nsince = 2h\n", "f.ini:3", "since is set twice");
        expect_error("[discover a]\ninterval = 5min\n", "f.ini:2",
                     "add \"max_interval = 5min\" or more to [discover a]");
        expect_error("[discover a]\nmax_interval = 5s\n", "f.ini:2",
                     "add \"interval = 5s\" or less to [discover a]");
        expect_error("[discover a]\nmax_interval = 5s\ninterval = 6s\n", "f.ini:2", "shorter than interval");
        expect_error("[discover a]\nhooks = mal\n[hook mail]\nunit = a.service\n", "f.ini:2",
                     "unknown hook \"mal\"; did you mean \"mail\"?");
        expect_error("[discover a]\nhooks += m\n[hook m]\nunit = a.service\n", "f.ini:2",
                     "\"+=\" has no list to add to");
        expect_bad("poll", "feed = on", "write auto or off");
        expect_bad("poll", "sweep_interval = 0", "out of range");
}

static void test_new_jobs_have_no_end(void **state)
{
        struct config_overrides overrides = no_overrides;

        (void)state;
        expect_error("[discover a]\n[exit]\nwhen = done\n", "f.ini:3",
                     "when = done has no meaning with [discover a]");
        overrides.exit_when_done = true;
        expect_error_with("[jobs]\nids = 1\n[discover a]\n", &overrides, "command line",
                          "--exit-when-done has no meaning with [discover a]");
        config_free(load_text("[discover a]\n[exit]\nwhen = never\n"));
}

static char *print(const struct config *config)
{
        char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);

        assert_non_null(file);
        assert_int_equal(config_print(config, file), 0);
        assert_int_equal(fclose(file), 0);
        return text;
}

static void test_what_is_printed_is_read_back(void **state)
{
        (void)state;
        struct config *config =
                load_text("[poll]\ninterval = 7s\nfeed = off\nsweep_interval = 90s\n"
                          "[discover b]\nbusiness = 7, 12\ndescription = *import*, \"a, b\", \"#x\"\n"
                          "user = Ann ?\nsince = 1d\nmax_interval = 8s\nhooks =\n[discover a]\nhooks = n, m\n"
                          "files = \\*\n" HOOKS);
        char *first = print(config);
        struct config *again = load_text(first);
        char *second = print(again);

        assert_string_equal(first, second);
        assert_non_null(strstr(first, "[discover b]\nbusiness = 7, 12\n"));
        assert_null(strstr(first, "[jobs]"));
        assert_int_equal(again->discover_count, 2);
        assert_string_equal(again->discovers[0].description.items[1], "a, b");
        assert_int_equal(again->discovers[0].since_us, USEC_PER_DAY);
        assert_int_equal(again->discovers[0].poll.max_interval_us, 8 * USEC_PER_SEC);
        assert_true(again->discovers[0].hooks_given);
        assert_int_equal(again->discovers[0].hooks.count, 0);
        assert_string_equal(again->discovers[1].files.items[0], "\\*");
        assert_int_equal(again->discovers[1].poll.interval_us, 7 * USEC_PER_SEC);
        free(first);
        free(second);
        config_free(config);
        config_free(again);
}

static bool matches(const char *keys, const struct job_record *record)
{
        char text[1024];

        snprintf(text, sizeof(text), "[discover a]\n%s\n", keys);
        struct config *config = load_text(text);
        bool is_match = discover_config_matches(&config->discovers[0], record);
        config_free(config);
        return is_match;
}

static const struct job_record import_of_members = {
        .id = 5,
        .description = { (char *)(uintptr_t) "Import of Members", 17 },
        .files = { (char *)(uintptr_t) "members.csv", 11 },
        .business_id = 12,
        .user = { (char *)(uintptr_t) "Ann Lee", 7 },
        .email = { (char *)(uintptr_t) "ann@example.com", 15 },
};

static void test_a_job_has_to_match_every_key_and_one_of_its_items(void **state)
{
        const struct job_record *record = &import_of_members;

        (void)state;
        assert_true(matches("", record));
        assert_true(matches("business = 7, 12", record));
        assert_false(matches("business = 7, 13", record));
        assert_true(matches("description = *export*, *IMPORT*", record));
        assert_false(matches("description = import", record));
        assert_true(matches("files = *.csv", record));
        assert_false(matches("files = *.xlsx", record));
        assert_true(matches("user = ann lee", record));
        assert_true(matches("user = *@EXAMPLE.com", record));
        assert_false(matches("user = *@example.org", record));
        assert_true(matches("business = 12\ndescription = *import*\nfiles = m*\nuser = ann*", record));
        assert_false(matches("business = 12\ndescription = *import*\nfiles = x*\nuser = ann*", record));
        assert_false(matches("business = 11\ndescription = *import*\nfiles = m*\nuser = ann*", record));
}

static void test_a_null_matches_no_pattern(void **state)
{
        const struct job_record record = { .id = 5, .email = TEXT_LITERAL("a") },
                                empty = { .id = 5, .description = TEXT_LITERAL("") };

        (void)state;
        assert_true(matches("", &record));
        assert_false(matches("business = 1", &record));
        assert_false(matches("description = *", &record));
        assert_true(matches("description = *", &empty));
        assert_false(matches("files = *", &record));
        assert_true(matches("user = *", &record));
        assert_false(matches("user = *", &empty));
}

static void test_a_field_that_a_row_omits_is_missing_only_if_a_filter_needs_it(void **state)
{
        const struct job_record nothing = { .id = 5 };
        const struct {
                const char *key;
                struct job_record row;
        } filters[] = {
                { "business = 1", { .has_business_id = true } },
                { "description = *", { .has_description = true } },
                { "files = *", { .has_files = true } },
                { "user = *", { .has_user = true, .has_email = true } },
        };
        char text[1024];

        (void)state;
        for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++) {
                snprintf(text, sizeof(text), "[discover none]\n[discover a]\n%s\n", filters[i].key);
                struct config *config = load_text(text);
                assert_true(discover_config_has_fields(&config->discovers[0], &nothing));
                for (size_t row = 0; row < sizeof(filters) / sizeof(*filters); row++)
                        assert_int_equal(discover_config_has_fields(&config->discovers[1], &filters[row].row),
                                         row == i);
                config_free(config);
        }

        /* The name or the e-mail address alone may be the one that does not match. */
        const struct job_record name_only = { .has_user = true }, email_only = { .has_email = true };
        struct config *config = load_text("[discover a]\nuser = x\n");
        assert_false(discover_config_has_fields(&config->discovers[0], &name_only));
        assert_false(discover_config_has_fields(&config->discovers[0], &email_only));
        config_free(config);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_without_listed_jobs),
                cmocka_unit_test(test_every_key),
                cmocka_unit_test(test_lists_add_up_like_others),
                cmocka_unit_test(test_what_is_refused_is_named_with_its_line),
                cmocka_unit_test(test_new_jobs_have_no_end),
                cmocka_unit_test(test_what_is_printed_is_read_back),
                cmocka_unit_test(test_a_job_has_to_match_every_key_and_one_of_its_items),
                cmocka_unit_test(test_a_null_matches_no_pattern),
                cmocka_unit_test(test_a_field_that_a_row_omits_is_missing_only_if_a_filter_needs_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
