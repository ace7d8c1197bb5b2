/* SPDX-License-Identifier: MIT */

/* Names of units: escaping as in systemd-escape, and which names are valid. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "delivery/unit/unit_name.h"

static struct event sample(void)
{
        return (struct event){ .id = "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0",
                               .kind = EVENT_FAILED,
                               .outcome = OUTCOME_FAILURE,
                               .job_name = TEXT_LITERAL("members-import"),
                               .record = { .id = 87654321 } };
}

static void expect_name(const char *pattern, const struct event *event, const char *expected)
{
        char *reason = NULL, *name = NULL;

        int r = unit_name_expand(pattern, event, &reason, &name);
        if (r != 0)
                fail_msg("%s: %s", pattern, reason);
        assert_null(reason);
        assert_string_equal(name, expected);
        assert_true(unit_name_is_valid(name));
        free(name);
}

static void expect_refusal(const char *pattern, const struct event *event, const char *part)
{
        char *reason = NULL, *name = NULL;

        assert_int_equal(unit_name_expand(pattern, event, &reason, &name), -EINVAL);
        assert_null(name);
        assert_non_null(strstr(reason, part));
        free(reason);
}

static void test_specifiers(void **state)
{
        struct event event = sample();

        (void)state;
        expect_name("plain.service", &event, "plain.service");
        expect_name("a@%i.service", &event, "a@87654321.service");
        expect_name("a@%n.target", &event, "a@members\\x2dimport.target");
        expect_name("a@%e.service", &event, "a@0f1e2d3c\\x2d4b5a\\x2d4978\\x2d8695\\x2da4b3c2d1e0f0.service");
        expect_name("a-%o@%i-%o.service", &event, "a-failure@87654321-failure.service");
        expect_name("a@%%i.service", &event, "a@\\x25i.service");
        expect_name("%n.timer", &event, "members\\x2dimport.timer");

        event.job_name = TEXT_LITERAL("../@a b/%i.é");
        event.record.id = UINT64_MAX;
        expect_name("a@%n%i.service", &event,
                    "a@\\x2e.-\\x40a\\x20b-\\x25i.\\xc3\\xa918446744073709551615.service");
}

static void test_refusals(void **state)
{
        struct event event = sample();
        char pattern[301];

        (void)state;
        event.job_name = TEXT_NULL;
        expect_refusal("a@%n.service", &event,
                       "\"a@.service\", which is not a valid unit name: "
                       "the job has no name for %n");
        expect_refusal("%n.service", &event, "has no name for %n");
        expect_name("a@%n%i.service", &event, "a@87654321.service");
        expect_refusal("a@.service", &event, "is not a valid unit name");
        expect_refusal("a b@%i.service", &event, "is not a valid unit name");
        expect_refusal("a@%i", &event, "is not a valid unit name");

        memset(pattern, 'a', 300);
        strcpy(pattern + 247, ".service");
        expect_name(pattern, &event, pattern);
        pattern[247] = 'a';
        strcpy(pattern + 248, ".service");
        expect_refusal(pattern, &event, "is not a valid unit name");
}

static void test_valid_names(void **state)
{
        static const char *const good[] = { "a.service", "a@b.service", "a@b@c.service",
                                            "-.mount",   "a.b.target",  "a\\x2d:_.path" };
        static const char *const bad[] = { "",           "a",     ".service",   "@a.service",
                                           "a@.service", "a.svc", "a/b.timer",  "a b.socket",
                                           "a.service ", "a.",    "a.service.", "é.service",
                                           "a%.service" };

        (void)state;
        for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
                if (!unit_name_is_valid(good[i]))
                        fail_msg("%s", good[i]);
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                if (unit_name_is_valid(bad[i]))
                        fail_msg("%s", bad[i]);
}

/* ---- against systemd itself ---- */

static void ask_systemd_escape(const char *text, char answer[static 2048])
{
        int ends[2];

        assert_return_code(pipe(ends), errno);
        pid_t child = fork();
        assert_return_code(child, errno);
        if (child == 0) {
                (void)dup2(ends[1], STDOUT_FILENO);
                close(ends[0]);
                execlp("systemd-escape", "systemd-escape", "--", text, (char *)NULL);
                _exit(127);
        }
        close(ends[1]);
        size_t size = 0;
        for (ssize_t n; (n = read(ends[0], answer + size, 2047 - size)) > 0;)
                size += (size_t)n;
        close(ends[0]);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        answer[size > 0 && answer[size - 1] == '\n' ? size - 1 : size] = '\0';
}

static void test_same_as_systemd(void **state)
{
        char all[256], answer[2048];
        const char *const texts[] = { "plain", ".hidden", "..",        "a.b",       "-",  "a-b/c", "\\x2d",
                                      "/",     "a@b:c_d", "1 2\t3\n4", "Ünïcode €", "%i", "\"'$`", all };

        (void)state;
        for (unsigned i = 1; i < 256; i++)
                all[i - 1] = (char)i;
        all[255] = '\0';
        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
                char *name = unit_name_escape(texts[i], strlen(texts[i]));

                assert_non_null(name);
                ask_systemd_escape(texts[i], answer);
                assert_string_equal(name, answer);
                free(name);
        }
        char *nothing = unit_name_escape("", 0);
        assert_string_equal(nothing, "");
        free(nothing);
        char *null = unit_name_escape("a\0b", 3);
        assert_string_equal(null, "a\\x00b");
        free(null);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_specifiers),
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_valid_names),
                cmocka_unit_test(test_same_as_systemd),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
