/* SPDX-License-Identifier: MIT */

/* Where the configurations of two hosts differ. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config_helpers.h"

#include "config/config_digest.h"

#define COMMON "[jobs]\nids = 1, 2\n[hook mail]\nexec = /bin/true\n"

static char *digest_text(const char *text)
{
        struct config *config = load_text(text);
        char *digest = config_digest(config);

        config_free(config);
        return digest;
}

/* `expected` is NULL if they do not differ. */
static void expect(const char *ours, const char *theirs, const char *expected)
{
        char *our_digest = digest_text(ours), *their_digest = digest_text(theirs);
        char *difference = config_difference(our_digest, their_digest);

        if (expected == NULL)
                assert_null(difference);
        else
                assert_string_equal(difference, expected);
        free(difference);
        free(our_digest);
        free(their_digest);
}

static void test_equal_settings_however_they_are_written(void **state)
{
        (void)state;
        expect(COMMON, COMMON, NULL);
        expect(COMMON "[poll]\ninterval = 1min\n", "[poll]\ninterval = 60s\n" COMMON, NULL);
}

static void test_settings_are_named(void **state)
{
        (void)state;
        expect(COMMON "[poll]\ninterval = 1min\n", COMMON, "[poll] interval");
        expect(COMMON "[limits]\nper_hour = 10\n", COMMON "[poll]\nfeed = off\n",
               "[poll] feed, [limits] per_hour");
        expect(COMMON, "[jobs]\nids = 1, 2\n[hook mail]\nexec = /bin/false\n", "[hook mail] exec");
}

static void test_jobs_are_one_setting(void **state)
{
        (void)state;
        expect(COMMON, COMMON "[job other]\nid = 3\n", "[jobs]");
        expect(COMMON "[job other]\nid = 4\n", COMMON "[job other]\nid = 3\n", "[jobs]");
}

static void test_a_section_that_one_lacks(void **state)
{
        const char *more = COMMON "[hook two]\nunit = two.service\n";
        const char *names = "[hook two] on, [hook two] unit, [hook two] timeout, [hook two] retries, "
                            "[hook two] parallel";
        (void)state;

        expect(more, COMMON, names);
        expect(COMMON, more, names);
}

static void test_what_belongs_to_a_host(void **state)
{
        (void)state;
        expect(COMMON, COMMON "[state]\ndirectory = /other\n[log]\nlevel = debug\n", NULL);
        expect(COMMON "[api]\nclient_id = one\n", COMMON "[api]\nclient_id = two\n", NULL);
        expect(COMMON "[api]\ntoken_file = /one\n", COMMON "[api]\ntoken_file = /two\n", NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_equal_settings_however_they_are_written),
                cmocka_unit_test(test_settings_are_named),
                cmocka_unit_test(test_jobs_are_one_setting),
                cmocka_unit_test(test_a_section_that_one_lacks),
                cmocka_unit_test(test_what_belongs_to_a_host),
        };

        return cmocka_run_group_tests_name("config_digest", tests, NULL, NULL);
}
