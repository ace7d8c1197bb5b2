/* SPDX-License-Identifier: MIT */

/* Invalid configurations: every check, with the location and the text of its message. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/value_checks.h"
#include "config_helpers.h"
#include "util/suggestion.h"

static void test_unknown(void **state)
{
        (void)state;
        expect_bad("poll", "intervall = 5s",
                   "unknown key \"intervall\" in [poll]; did you mean \"interval\"?");
        expect_bad("poll", "Interval = 5s", "did you mean \"interval\"?");
        expect_bad("poll", "max-interval = 5s", "did you mean \"max_interval\"?");
        expect_bad("poll", "auth = token", "it belongs to [api]");
        expect_bad("api", "on = failed", "it belongs to [hook NAME]");
        expect_bad("api", "zzzzzz = 1", "unknown key \"zzzzzz\" in [api]; remove the line");
        expect_error("[jobs]\nids = 1\n[job a]\nid = 2\nintrval = 5s\n", "f.ini:5",
                     "in [job a]; did you mean");
        expect_error("[jobs]\nids = 1\n[pol]\nfoo = 1\n bar\n", "f.ini:3",
                     "unknown section [pol]; did you mean [poll]?");
        expect_error("[jobs]\nids = 1\n[jbo a]\nid = 1\n", "f.ini:3", "did you mean [job NAME]?");
        expect_error("[jobs]\nids = 1\n[POLL]\n", "f.ini:3", "did you mean [poll]?");
        expect_error("[jobs]\nids = 1\n[ poll ]\n", "f.ini:3", "did you mean [poll]?");
        expect_error("[jobs]\nids = 1\n[poll x]\n", "f.ini:3", "unknown section [poll x]");
        expect_error("[jobs]\nids = 1\n[whatever]\n", "f.ini:3", "known sections are api, poll");
        expect_error("[jobs]\nids = 1\n[job]\n", "f.ini:3", "has no name");
        expect_error("[jobs]\nids = 1\n[hook]\n", "f.ini:3", "has no name");
        expect_error("[jobs]\nids = 1\n[job a/b]\n", "f.ini:3", "1 to 40 letters");
        expect_error("[jobs]\nids = 1\n[job a b]\n", "f.ini:3", "1 to 40 letters");
        expect_error("[jobs]\nids = 1\n[job 12345678901234567890123456789012345678901]\n", "f.ini:3",
                     "1 to 40");
        expect_error("interval = 5s\n[jobs]\nids = 1\n", "f.ini:1",
                     "is before the first section; write a section header, [poll]");
}

static void test_duplicates(void **state)
{
        (void)state;
        expect_error("[jobs]\nids = 1\n[poll]\ninterval = 5s\n[api]\n[poll]\ninterval = 6s\n", "f.ini:7",
                     "set twice, first in line 4");
        expect_error("[jobs]\nids = 1, 2,\n  1\n", "f.ini:3", "job 1 is listed twice, also at f.ini:2");
        expect_error("[job a]\nid = 7\n[jobs]\nids = 7\n", "f.ini:2",
                     "job 7 is listed twice, also at f.ini:4");
        expect_error("[job a]\nid = 7\n[job b]\nid = 07\n", "f.ini:4",
                     "job 7 is listed twice, also at f.ini:2");
}

static void test_indentation(void **state)
{
        (void)state;
        expect_error("[jobs]\nids = 1\n[poll]\ninterval = 5s\n  max_interval = 5s\n", "f.ini:5", "column 1");
        expect_error("[jobs]\nids = 1\n[poll]\ninterval = 5s\n  1ms\n", "f.ini:5",
                     "but interval takes a single value");
        expect_error("[jobs]\n  ids = 1\n", "f.ini:2", "column 1");
}

static void test_bad_values(void **state)
{
        static const char *const ids[] = { "0",   "-1", "1x", "9223372036854775808", "18446744073709551617",
                                           "1 2", "+1" };
        char line[128];

        (void)state;
        for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
                snprintf(line, sizeof(line), "id = %s", ids[i]);
                expect_bad("job a", line, "write a job ID");
                snprintf(line, sizeof(line), "[jobs]\nids = 3, %s\n", ids[i]);
                expect_error(line, "f.ini:2", "invalid job ID");
        }
        expect_bad("poll", "interval = 15x", "interval = 15x is invalid: write a time span");
        expect_bad("poll", "interval = 15s # c", "interval is invalid: \"#\" does not start a comment");
        expect_bad("poll", "interval = 15s #c", "a comment after a value starts with \" ;\"");
        expect_bad("api", "username = \"me\"", "username is invalid: a single value takes no quotes");
        expect_bad("api", "username += me", "username is invalid: \"+=\" adds to a list");
        expect_bad("poll", "interval += 15s", "interval is invalid: \"+=\" adds to a list");
        expect_bad("poll", "interval =", "interval is empty");
        expect_bad("poll", "interval = 99ms", "interval = 99ms is out of range; write 100ms to 365d");
        expect_bad("poll", "max_interval = 0", "out of range");
        expect_bad("poll", "interval = 99999999999999999999s", "out of range");
        expect_bad("job a", "interval = 50ms\nid = 2", "out of range");
        expect_bad("poll", "batch = yes", "batch = yes is invalid: write auto or off");
        expect_bad("poll", "batch_size = 0", "write 1 to 100");
        expect_bad("poll", "batch_size = 101", "write 1 to 100");
        expect_bad("poll", "batch_size = ten", "write a whole number");
        expect_bad("poll", "batch_size = 18446744073709551617", "write 1 to 100");
        expect_bad("limits", "per_minute = -1", "write a whole number");
        expect_bad("api", "timeout = 0", "out of range");
        expect_bad("api", "connect_timeout = 0s", "out of range");
        expect_bad("api", "max_response = 16X", "write a number of bytes");
        expect_bad("api", "max_response = 1", "write 1K to 1G");
        expect_bad("api", "max_response = 99999999999999999999G", "write 1K to 1G");
        expect_bad("api", "auth = tokens", "did you mean \"token\"?");
        expect_bad("api", "auth = oauth2", "write token, password, basic or login");
        expect_bad("exit", "when = finished", "write never or done");
        expect_bad("log", "level = verbose", "write emerg, alert");
        expect_bad("log", "level = 8", "write emerg, alert");
        expect_bad("log", "target = syslog", "write auto, journal or console");
        expect_bad("log", "personal_data = maybe", "write yes or no");
        expect_bad("state", "directory = var/lib", "write an absolute path");
        expect_bad("api", "ca_file = ca.pem", "write an absolute path");
        expect_bad("api", "username = me # mine", "\"#\" does not start a comment");
        expect_bad("status", "failure = A, B # mine", "failure is invalid: \"#\" does not start a comment");
        expect_bad("status", "failure = A, \"B", "failure is invalid: the double quote is not closed");
        expect_bad("status", "failure = A, \"B\\\"", "failure is invalid: the double quote is not closed");
        expect_bad("status", "failure = \"A\" B", "text after the closing quote");
        expect_bad("status", "failure = \"A\";c", "text after the closing quote");
        expect_bad("status", "failure = \"A\\q\"", "invalid escape");
        expect_bad("status", "failure = \"A\\x4\"", "invalid escape");
        expect_bad("status", "failure = \"A\\0\"", "invalid escape");
        expect_bad("status", "failure = \"A\\000\"", "invalid escape");
        expect_bad("status", "failure = \"A\\400\"", "invalid escape");
}

/* A value of any length is shown in part, so that the message can be read. */
static void test_long_values(void **state)
{
        static char text[100000];

        (void)state;
        snprintf(text, sizeof(text), "[jobs]\nids = 1\n[poll]\ninterval = %0*dx\n", 90000, 15);
        expect_error(text, "f.ini:4", "00… is invalid: ");
        snprintf(text, sizeof(text), "[jobs]\nids = %0*dx\n", 90000, 15);
        expect_error(text, "f.ini:2", "invalid job ID \"000");
        snprintf(text, sizeof(text), "[jobs]\nids = 1\n[hook a]\nexec = /%0*d \\q\n", 90000, 15);
        expect_error(text, "f.ini:4", "000 is invalid: unclosed quote or unknown escape");
}

static void test_file_names(void **state)
{
        (void)state;
        assert_null(check_secret_file("nexudus.token"));
        assert_null(check_secret_file("/run/x y"));
        assert_non_null(check_secret_file("./x"));
        assert_non_null(check_secret_file("a/b"));
        assert_non_null(check_secret_file(".."));
        assert_non_null(check_secret_file("a b"));
        expect_bad("api", "token_file = secrets/token", "name of a credential without a slash");
        expect_bad("api", "token_file =", "auth = token needs token_file");
        expect_bad("api", "auth = basic", "auth = basic needs a username");
        expect_bad("api", "auth = password", "auth = password needs a username");
        expect_bad("api", "password_file =\nauth = basic\nusername = a", "needs password_file");
}

static void test_urls(void **state)
{
        static const char *const right[] = { "https://a.b",
                                             "HTTPS://a.b:1/c/",
                                             "http://localhost",
                                             "http://127.0.0.1",
                                             "http://127.9.8.7:80",
                                             "http://[::1]:8080/x",
                                             "https://[2001:db8::1]/",
                                             "https://1.2.3.4:65535" };
        static const char *const wrong[] = { "",
                                             "a.b",
                                             "ftp://a.b",
                                             "https:/a.b",
                                             "https://",
                                             "https:///x",
                                             "https://:80",
                                             "https://a.b:0",
                                             "https://a.b:65536",
                                             "https://a.b:",
                                             "https://a.b:8x",
                                             "https://a b",
                                             "https://a.b/c d",
                                             "https://caf\xc3\xa9",
                                             "https://u:p@a.b",
                                             "https://u@a.b",
                                             "https://a.b?x",
                                             "https://a.b/#x",
                                             "https://[::1",
                                             "https://[::1]x",
                                             "https://[zz]",
                                             "http://a.b",
                                             "http://127.0.0.1.evil.example",
                                             "http://localhost.evil.example",
                                             "http://127.1",
                                             "http://128.0.0.1",
                                             "http://[::2]",
                                             "http://0.0.0.0",
                                             "http://localhost@evil.example" };

        (void)state;
        for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++)
                if (check_base_url(right[i]) != NULL)
                        fail_msg("%s: %s", right[i], check_base_url(right[i]));
        for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
                if (check_base_url(wrong[i]) == NULL)
                        fail_msg("%s is accepted", wrong[i]);
        assert_null(check_hook_url("https://a.b/c?d=e"));
        assert_non_null(check_hook_url("https://a.b/c?d=e#f"));
        assert_non_null(check_hook_url("http://a.b/"));
        expect_bad("api", "base_url = http://spaces.nexudus.com", "write https://");
}

static void test_units_and_commands(void **state)
{
        (void)state;
        assert_null(check_unit("a.service"));
        assert_null(check_unit("a@%i-%n.target"));
        assert_null(check_unit("a-b\\x2dc@%%.timer"));
        assert_non_null(check_unit("a"));
        assert_non_null(check_unit(".service"));
        assert_non_null(check_unit("a.servic"));
        assert_non_null(check_unit("a.slice"));
        assert_non_null(check_unit("a@.service"));
        assert_non_null(check_unit("@a.service"));
        assert_non_null(check_unit("a b.service"));
        assert_non_null(check_unit("a/b.service"));
        assert_non_null(check_unit("a@%x.service"));
        assert_null(check_exec("/bin/true"));
        assert_null(check_exec("\"/opt/my tool\" 'a b' \\\"x"));
        assert_non_null(check_exec("true"));
        assert_non_null(check_exec("-/bin/true"));
        expect_bad("hook a", "unit = finished", "write the full name of a unit");
        expect_bad("hook a", "exec = mail -s x", "absolute path of the program");
        expect_bad("hook a", "exec = /bin/sh -c 'x", "unclosed quote");
        expect_bad("hook a", "exec = /bin/sh \\", "unknown escape");
        expect_bad("hook a", "exec = /bin/sh \\$HOME", "unknown escape");
        expect_bad("hook a", "url = http://example.com", "write https://");
}

static void test_intervals(void **state)
{
        (void)state;
        expect_bad("poll", "max_interval = 5s", "max_interval (5s) is shorter than interval (15s)");
        expect_bad("poll", "interval = 5min", "add \"max_interval = 5min\" or more");
        expect_error("[job a]\nid = 1\ninterval = 5min\n", "f.ini:3", "or more to [job a]");
        expect_error("[job a]\nid = 1\nmax_interval = 5s\n", "f.ini:3",
                     "add \"interval = 5s\" or less to [job a]");
        expect_error("[job a]\nid = 1\nmax_interval = 5s\ninterval = 6s\n", "f.ini:3",
                     "shorter than interval (6s)");
}

static void test_hooks(void **state)
{
        (void)state;
        expect_error("[jobs]\nids = 1\n[hook a]\non = failed\n", "f.ini:3", "has no target; add unit");
        expect_error("[jobs]\nids = 1\n[hook a]\nexec = /a\nunit = a.service\n", "f.ini:5",
                     "more than one of");
        expect_bad("hook a", "on =\nexec = /a", "on is empty");
        expect_bad("hook a", "on = success\nexec = /a", "on = success is invalid");
        expect_bad("hook a", "on = succeded\nexec = /a", "did you mean \"succeeded\"?");
        expect_bad("hook a", "secret_file = a\nexec = /a", "secret_file is for url hooks only");
        expect_bad("hook a", "retries = 1001\nexec = /a", "write 0 to 1000");
        expect_bad("hook a", "parallel = 0\nexec = /a", "write 1 to 64");
        expect_bad("hook a", "parallel = 65\nexec = /a", "write 1 to 64");
        expect_error("[job a]\nid = 1\nhooks += mail\n[hook mail]\nexec = /a\n", "f.ini:3",
                     "hooks is invalid: \"+=\" has no list to add to");
        expect_error("[job a]\nid = 1\nhooks = mail\n", "f.ini:3", "unknown hook \"mail\"; add a section");
        expect_error("[job a]\nid = 1\nhooks = mal\n[hook mail]\nexec = /a\n", "f.ini:3",
                     "did you mean \"mail\"?");
        expect_error("[job a]\nid = 1\nhooks =\n   a b\n", "f.ini:4", "1 to 40 letters");

        struct config *config = load_with("hook a", "url = https://a.b\nsecret_file = s\nexec =");
        assert_int_equal(config->hooks[0].kind, HOOK_URL);
        config_free(config);
}

static void test_one_problem_a_cause(void **state)
{
        (void)state;
        /* Where a line was refused, no key is reported as missing. */
        expect_error("[jobs]\nids: 1\n", "f.ini:2", "\"ids\" is neither");
        expect_error("[Jobs]\nids = 1\n", "f.ini:1", "did you mean [jobs]?");
        expect_error("[job a]\nidd = 1\n", "f.ini:2", "did you mean \"id\"?");
        expect_error("[job a\nid = 1\n", "f.ini:1", "not closed");
        expect_error("[jobs]\nids = 1\n[hook a]\nexce = /bin/true\n", "f.ini:4", "did you mean \"exec\"?");
}

/* Nothing is concluded from the default that stands in for a value that was refused. */
static void test_no_error_follows_from_a_refused_value(void **state)
{
        (void)state;
        expect_error("[jobs]\nids = 1\n[poll]\ninterval = 5 minuts\nmax_interval = 2s\n", "f.ini:4",
                     "5 minuts");
        expect_error("[jobs]\nids = 1\n[poll]\ninterval = 5min\nmax_interval = 1 our\n", "f.ini:5", "1 our");
        expect_error("[jobs]\nids = 1\n[poll]\ninterval += 1s\nmax_interval = 2s\n", "f.ini:4", "+=");
        expect_error("[jobs]\nids = 1\n[poll]\ninterval = 1s # c\nmax_interval = 2s\n", "f.ini:4", "\"#\"");
        expect_error("[jobs]\nids = 1\n[poll]\ninterval: 1s\nmax_interval = 2s\n", "f.ini:4", "neither");
        expect_error("[jobs]\nids = 1\n[poll]\nintervall = 1s\nmax_interval = 2s\n", "f.ini:4",
                     "unknown key");
        expect_error("[jobs]\nids = 1\n[pol]\ninterval = 1s\n[poll]\nmax_interval = 2s\n", "f.ini:3",
                     "unknown section");
        expect_error("[poll]\ninterval = x\n[job a]\nid = 1\nmax_interval = 2s\n", "f.ini:2", "interval = x");
        expect_error("[poll]\nmax_interval = x\n[job a]\nid = 1\ninterval = 5min\n", "f.ini:2",
                     "interval = x");
        expect_error("[job a]\nid = 1\ninterval = x\nmax_interval = 2s\n", "f.ini:3", "interval = x");
        expect_error("[job a]\nid = 1\ninterval = 5min\nmax_interval = x\n", "f.ini:4", "interval = x");
        expect_error("[job a]\nid = x\n", "f.ini:2", "id = x");
        expect_error("[job a]\nid += 5\n", "f.ini:2", "+=");
        expect_error("[jobs]\nids = 1 # c\n", "f.ini:2", "\"#\"");
        expect_error("[jobs]\nids = x\n", "f.ini:2", "invalid job ID");
        expect_error("[jobs]\nids = 1\n[api]\nauth = tokn\ntoken_file =\n", "f.ini:4", "auth = tokn");
        expect_error("[jobs]\nids = 1\n[api]\nauth = basic\nusername = a # b\n", "f.ini:5", "\"#\"");
        expect_error("[jobs]\nids = 1\n[api]\nauth = basic\nusername = a\npassword_file = a/b\n", "f.ini:6",
                     "a/b");
        expect_error("[jobs]\nids = 1\n[hook a]\nunit += a.service\n", "f.ini:4", "+=");
        expect_error("[jobs]\nids = 1\n[hook a]\nexec = /a # b\n", "f.ini:4", "\"#\"");
        expect_error("[jobs]\nids = 1\n[hook a]\nexec = /a\non = failed # b\n", "f.ini:5", "\"#\"");
        expect_error("[job a]\nid = 1\nhooks = b\n[hok b]\nexec = /a\n", "f.ini:4", "unknown section");
        expect_error("[job a]\nid = 1\nhooks = b c\n", "f.ini:3", "1 to 40 letters");
}

/* In the order of the lines, whichever step found them. */
static void test_order_of_problems(void **state)
{
        static const char text[] =
                "[poll]\ninterval = x\nfoo = 1\n[job a]\n[jobs]\nids = 1\n ids = 2\n[log\n";
        struct config_problems problems = { 0 };
        struct config *config = NULL;
        unsigned last = 0;

        (void)state;
        assert_int_equal(config_load_memory("f", text, strlen(text), NULL, &problems, &config), -EINVAL);
        assert_int_equal(problems.count, 5);
        assert_int_equal(problems.errors, 5);
        for (size_t i = 0; i < problems.count; i++) {
                unsigned line = 0;
                assert_int_equal(sscanf(problems.items[i].message, "f:%u: ", &line), 1);
                assert_true(line > last);
                last = line;
        }
        config_problems_clear(&problems);
        assert_null(problems.items);
        config_problems_clear(&problems);
}

static const char *nearest_of(const char *typed, const char *const words[3])
{
        return nearest_word(typed, words, sizeof(*words), 3);
}

static void test_suggestions(void **state)
{
        static const char *const keys[] = { "interval", "batch_size", "max_interval" };
        static const char *const near[] = { "xyz", "abx", "axy" };

        (void)state;
        assert_string_equal(nearest_of("interval", keys), "interval");
        assert_string_equal(nearest_of("INTERVAL", keys), "interval");
        assert_string_equal(nearest_of("intreval", keys), "interval");
        assert_string_equal(nearest_of("intervl", keys), "interval");
        assert_string_equal(nearest_of("xinterval", keys), "interval");
        assert_string_equal(nearest_of("inxtervl", keys), "interval");
        assert_string_equal(nearest_of("batchsize", keys), "batch_size");
        assert_null(nearest_of("colour", keys));

        /* Too far away; and of two that are near, the nearer, whichever comes first. */
        assert_string_equal(nearest_of("abc", near), "abx");
        assert_string_equal(nearest_of("axy", near), "axy");
        assert_null(nearest_word("abc", near, sizeof(*near), 1));
        assert_null(nearest_of("", near));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_unknown),
                cmocka_unit_test(test_duplicates),
                cmocka_unit_test(test_indentation),
                cmocka_unit_test(test_bad_values),
                cmocka_unit_test(test_file_names),
                cmocka_unit_test(test_urls),
                cmocka_unit_test(test_units_and_commands),
                cmocka_unit_test(test_intervals),
                cmocka_unit_test(test_hooks),
                cmocka_unit_test(test_one_problem_a_cause),
                cmocka_unit_test(test_no_error_follows_from_a_refused_value),
                cmocka_unit_test(test_long_values),
                cmocka_unit_test(test_order_of_problems),
                cmocka_unit_test(test_suggestions),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
