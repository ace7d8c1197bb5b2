/* SPDX-License-Identifier: MIT */

/*
 * Values and defaults, the overrides of the command line, merging of files, and that a printed configuration
 * reads back with the same values. Errors are tested in test_config_errors.c.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "config_helpers.h"
#include "util/timespan.h"

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

static void test_defaults(void **state)
{
        struct config *config = load_text("[jobs]\nids = 1\n");

        (void)state;
        assert_string_equal(config->path, "f.ini");
        assert_string_equal(config->api.base_url, "https://spaces.nexudus.com");
        assert_int_equal(config->api.auth, AUTH_TOKEN);
        assert_string_equal(config->api.token_file, "nexudus.token");
        assert_string_equal(config->api.username, "");
        assert_string_equal(config->api.password_file, "nexudus.password");
        assert_string_equal(config->api.client_id, "");
        assert_string_equal(config->api.ca_file, "");
        assert_int_equal(config->api.timeout_us, 30 * USEC_PER_SEC);
        assert_int_equal(config->api.connect_timeout_us, 10 * USEC_PER_SEC);
        assert_int_equal(config->api.max_response, 16 << 20);
        assert_int_equal(config->poll.interval_us, 15 * USEC_PER_SEC);
        assert_int_equal(config->poll.max_interval_us, 2 * USEC_PER_MIN);
        assert_int_equal(config->poll.batch, BATCH_AUTO);
        assert_int_equal(config->poll.batch_size, 100);
        assert_int_equal(config->poll.stalled_after_us, 0);
        assert_int_equal(config->poll.result_wait_us, 0);
        assert_int_equal(config->limits.min_spacing_us, 100 * USEC_PER_MSEC);
        assert_int_equal(config->limits.per_minute, 120);
        assert_int_equal(config->limits.per_hour, 5000);
        assert_int_equal(config->limits.per_day, 200000);
        assert_int_equal(config->status.failure.count, 12);
        assert_string_equal(config->status.failure.items[9], "Completed with errors");
        assert_null(config->status.failure.items[12]);
        assert_int_equal(config->status.success.count, 8);
        assert_int_equal(config->status.running.count, 12);
        assert_int_equal(config->status.failed_result.count, 0);
        assert_null(config->status.failed_result.items);
        assert_int_equal(config->job_count, 1);
        assert_int_equal(config->jobs[0].id, 1);
        assert_null(config->jobs[0].name);
        assert_false(config->jobs[0].hooks_given);
        assert_false(config->jobs[0].from_command_line);
        assert_int_equal(config->jobs[0].poll.interval_us, 15 * USEC_PER_SEC);
        assert_int_equal(config->hook_count, 0);
        assert_int_equal(config->exit_when, EXIT_NEVER);
        assert_int_equal(config->log.level, LOG_INFO);
        assert_int_equal(config->log.target, LOG_TARGET_AUTO);
        assert_int_equal(config->log.result_bytes, 1024);
        assert_false(config->log.personal_data);
        assert_string_equal(config->state_directory, "");
        config_free(config);
}

static void test_values(void **state)
{
        struct config *config = load_text(
                "[api]\nbase_url = http://localhost:8080/api//\nauth = basic\nusername = me@example.com\n"
                "password_file = /etc/p\nca_file = /etc/ca.pem\n"
                "[poll]\ninterval = 1min 30s\nbatch = off\nstalled_after = 2h\n"
                "[limits]\nper_day = 0\n[status]\nrunning =\nfailure = A,,B ,\n   C ; c\nfailure = D\n"
                "[exit]\nwhen = done\n[log]\nlevel = 3\npersonal_data = TRUE\nresult_bytes = 0\n"
                "[state]\ndirectory = /srv/x\n"
                "[jobs]\nids = 5, 9223372036854775807\n   7\n[job a]\nid = 6\ninterval = 5s\nhooks = m\n"
                "[hook m]\non = failed, changed\nexec = /bin/true x\nretries = 0\n"
                "[hook n]\nunit = a@%i.service\n[job b]\nid = 8\nhooks =\n");

        (void)state;
        assert_string_equal(config->api.base_url, "http://localhost:8080/api");
        assert_int_equal(config->api.auth, AUTH_BASIC);
        assert_int_equal(config->poll.interval_us, 90 * USEC_PER_SEC);
        assert_int_equal(config->poll.batch, BATCH_OFF);
        assert_int_equal(config->limits.per_day, 0);
        assert_int_equal(config->status.running.count, 0);
        assert_int_equal(config->status.failure.count, 4);
        assert_string_equal(config->status.failure.items[2], "C");
        assert_int_equal(config->exit_when, EXIT_DONE);
        assert_int_equal(config->log.level, LOG_ERR);
        assert_true(config->log.personal_data);
        assert_int_equal(config->log.result_bytes, 0);

        /* Those of [jobs] first, then the sections. */
        static const uint64_t ids[] = { 5, INT64_MAX, 7, 6, 8 };
        assert_int_equal(config->job_count, 5);
        for (size_t i = 0; i < 5; i++)
                assert_int_equal(config->jobs[i].id, ids[i]);
        assert_string_equal(config->jobs[3].name, "a");
        assert_int_equal(config->jobs[3].poll.interval_us, 5 * USEC_PER_SEC);
        assert_int_equal(config->jobs[3].poll.max_interval_us, 2 * USEC_PER_MIN);
        assert_int_equal(config->jobs[3].poll.stalled_after_us, 2 * USEC_PER_HOUR);
        assert_true(config->jobs[3].hooks_given);
        assert_string_equal(config->jobs[3].hooks.items[0], "m");
        assert_true(config->jobs[4].hooks_given);
        assert_int_equal(config->jobs[4].hooks.count, 0);

        assert_int_equal(config->hook_count, 2);
        assert_int_equal(config->hooks[0].on, EVENT_MASK_FAILED | EVENT_MASK_CHANGED);
        assert_int_equal(config->hooks[0].kind, HOOK_EXEC);
        assert_string_equal(config->hooks[0].target, "/bin/true x");
        assert_int_equal(config->hooks[0].retries, 0);
        assert_int_equal(config->hooks[0].parallel, 4);
        assert_int_equal(config->hooks[0].timeout_us, USEC_PER_MIN);
        assert_string_equal(config->hooks[0].secret_file, "");
        assert_int_equal(config->hooks[1].on, EVENT_MASK_TERMINAL);
        assert_int_equal(config->hooks[1].kind, HOOK_UNIT);

        assert_string_equal(config_state_directory(config), "/srv/x");
        config_free(config);
}

static void test_booleans_and_levels(void **state)
{
        static const char *const levels[] = { "emerg",  "alert", "crit",  "err",   "warning",
                                              "notice", "info",  "debug", "error", "warn" };
        static const int numbers[] = { 0, 1, 2, 3, 4, 5, 6, 7, 3, 4 };
        static const char *const yes[] = { "yes", "Yes", "true", "on", "1" };
        static const char *const no[] = { "no", "NO", "false", "off", "0" };
        char line[64];

        (void)state;
        for (size_t i = 0; i < 10; i++) {
                snprintf(line, sizeof(line), "level = %s", levels[i]);
                struct config *config = load_with("log", line);
                assert_int_equal(config->log.level, numbers[i]);
                config_free(config);
        }
        for (size_t i = 0; i < 5; i++) {
                snprintf(line, sizeof(line), "personal_data = %s", yes[i]);
                struct config *config = load_with("log", line);
                assert_true(config->log.personal_data);
                config_free(config);
                snprintf(line, sizeof(line), "personal_data = %s", no[i]);
                config = load_with("log", line);
                assert_false(config->log.personal_data);
                config_free(config);
        }
}

static void test_jobs(void **state)
{
        static const uint64_t ids[] = { 5, 9 };
        static const uint64_t zero[] = { 0 };
        struct config_overrides overrides = no_overrides;
        struct config_problems problems = { 0 };
        struct config *config = NULL;

        (void)state;
        expect_error("", "f.ini", "no jobs to watch; add \"ids = NUMBER\" under [jobs]");
        expect_error("[poll]\n[jobs]\nids = ,\n", "f.ini:3", "no jobs to watch");
        expect_error("[jobs]\nids = 1\n[job a]\n", "f.ini:3", "[job a] has no id");

        overrides.job_ids = ids;
        overrides.job_count = 2;
        assert_int_equal(config_load_memory("f", "[jobs]\nids = 9\n", 15, &overrides, &problems, &config), 0);
        assert_int_equal(config->job_count, 2);
        assert_int_equal(config->jobs[0].id, 9);
        assert_true(config->jobs[0].from_command_line);
        assert_int_equal(config->jobs[1].id, 5);
        assert_true(config->jobs[1].from_command_line);
        config = config_free(config);
        assert_int_equal(config_load_memory("f", "", 0, &overrides, &problems, &config), 0);
        assert_int_equal(config->job_count, 2);
        config_free(config);
        assert_int_equal(problems.count, 0);

        overrides.job_ids = zero;
        overrides.job_count = 1;
        expect_error_with("[jobs]\nids = 9\n", &overrides, "command line", "invalid job ID in --job 0");
}

static void test_overrides(void **state)
{
        struct config_overrides overrides = {
                .exit_when_done = true,
                .state_directory = "/s",
                .log_level = LOG_DEBUG,
                .log_target = LOG_TARGET_CONSOLE,
        };
        struct config_problems problems = { 0 };
        struct config *config = NULL;

        (void)state;
        assert_int_equal(config_load_memory("f", "[jobs]\nids = 9\n", 15, &overrides, &problems, &config), 0);
        assert_int_equal(config->exit_when, EXIT_DONE);
        assert_int_equal(config->log.level, LOG_DEBUG);
        assert_int_equal(config->log.target, LOG_TARGET_CONSOLE);
        assert_string_equal(config_state_directory(config), "/s");
        config = config_free(config);

        overrides.state_directory = "s";
        expect_error_with("[jobs]\nids = 9\n", &overrides, "command line", "write an absolute path");
        overrides.state_directory = "/a ;b";
        expect_error_with("[jobs]\nids = 9\n", &overrides, "command line", "without \" ;\"");
        overrides.state_directory = "/a ";
        expect_error_with("[jobs]\nids = 9\n", &overrides, "command line", "a blank at its end");
        overrides.state_directory = "/a # b";
        expect_error_with("[jobs]\nids = 9\n", &overrides, "command line", "\" # \"");
        overrides.state_directory = "/a\nb";
        expect_error_with("[jobs]\nids = 9\n", &overrides, "command line", "/a\\nb is invalid");

        config = load_text("[jobs]\nids = 1\n");
        assert_int_equal(setenv("STATE_DIRECTORY", "/e", 1), 0);
        assert_string_equal(config_state_directory(config), "/e");
        assert_int_equal(unsetenv("STATE_DIRECTORY"), 0);
        assert_string_equal(config_state_directory(config), "/var/lib/jobwatchd");
        config_free(config);
}

/* A printed configuration, read back, prints the same again. */
static void check_round_trip(const char *text)
{
        struct config *config = load_text(text);
        char *first = print(config);
        struct config *again = load_text(first);
        char *second = print(again);

        assert_string_equal(first, second);
        assert_int_equal(config->job_count, again->job_count);
        for (size_t i = 0; i < config->job_count; i++) {
                assert_int_equal(config->jobs[i].id, again->jobs[i].id);
                assert_memory_equal(&config->jobs[i].poll, &again->jobs[i].poll, sizeof(struct poll_config));
                assert_int_equal(config->jobs[i].hooks_given, again->jobs[i].hooks_given);
        }
        assert_int_equal(config->status.failed_result.count, again->status.failed_result.count);
        for (size_t i = 0; i < config->status.failed_result.count; i++)
                assert_string_equal(config->status.failed_result.items[i],
                                    again->status.failed_result.items[i]);
        free(first);
        free(second);
        config_free(config);
        config_free(again);
}

static void test_print(void **state)
{
        static char text[200000];

        (void)state;
        check_round_trip("[jobs]\nids = 1\n");
        check_round_trip(
                "[api]\nbase_url = http://[::1]:8080/\nauth = password\nusername =;me\npassword_file = /p q\n"
                "client_id = #1\ntimeout = 1.5s\nmax_response = 1025\n"
                "[poll]\ninterval = 1234567us\nmax_interval = 10d\nbatch = off\nbatch_size = "
                "7\nstalled_after = 1h\n"
                "result_wait = 1min\n[limits]\nmin_spacing = 0\nper_minute = 0\nper_hour = 7\nper_day = 8\n"
                "[status]\nfailure =\nsuccess = caf\xc3\xa9, [ab]*, #x, a=b, b\"c\n"
                "running = a,;b\nfailed_result = *\"Errors\":[1-9]*\n  x,[y]\n  x,k = v\n"
                "[jobs]\nids = 1, 2, 3\n[job a]\nid = 4\ninterval = 5s\nhooks = h1,h2\n[job b]\nid = "
                "5\nhooks =\n"
                "[job c]\nid = 6\nmax_interval = 20d\nstalled_after = 0\nresult_wait = 2s\n"
                "[hook h1]\non = seen, changed, stalled\nexec = /bin/sh -c 'a; b # c' \"d\"\ntimeout = 2min\n"
                "[hook h2]\nunit = a@%i.service\nretries = 3\nparallel = 1\n[hook h3]\nurl = "
                "https://a.b/?c\nsecret_file = "
                "s\n"
                "[exit]\nwhen = done\n[log]\nlevel = warn\ntarget = console\nresult_bytes = 0\npersonal_data "
                "= yes\n"
                "[state]\ndirectory = /a b\n");

        /* Values and items of any length. */
        for (int size = 1; size <= 50000; size = size < 300 ? size + 1 : size * 7) {
                snprintf(text, sizeof(text),
                         "[jobs]\nids = 1\n[status]\nfailed_result = %0*d, \"[%0*d\"\n b\n[api]\nusername = "
                         "%0*d\n",
                         size, 7, size, 7, size, 7);
                check_round_trip(text);
        }
}

static void test_print_many_ids(void **state)
{
        char text[8192] = "[jobs]\nids =\n";
        size_t used = strlen(text);

        (void)state;
        for (unsigned id = 1; id <= 500; id++)
                used += (size_t)snprintf(text + used, sizeof(text) - used, " %u,\n", id * 1000);
        struct config *config = load_text(text);
        assert_int_equal(config->job_count, 500);
        config_free(config);
        check_round_trip(text);
}

static void write_file(const char *directory, const char *name, const char *text)
{
        char path[512];

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        assert_int_equal(fputs(text, file) < 0, 0);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(chmod(path, 0644), 0);
}

static void remove_file(const char *directory, const char *name)
{
        char path[512];

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        assert_int_equal(unlink(path), 0);
}

static void test_drop_ins(void **state)
{
        char directory[] = "/tmp/test_config.XXXXXX";
        char path[64], drop_ins[64], part[256];
        struct config_problems problems = { 0 };
        struct config *config = NULL;

        (void)state;
        assert_non_null(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/f.ini", directory);
        snprintf(drop_ins, sizeof(drop_ins), "%s/f.ini.d", directory);
        assert_int_equal(mkdir(drop_ins, 0755), 0);
        write_file(directory, "f.ini",
                   "[poll]\ninterval = 5s\nmax_interval = 1min\n[status]\nrunning = A, B\n[jobs]\nids = "
                   "1\n[job a]\nid = 2\n"
                   "interval = 7s\n");
        write_file(drop_ins, "B.ini", "[poll]\ninterval = 6s\n[status]\nrunning = C\n[jobs]\nids = 3\n");
        write_file(drop_ins, "a.ini",
                   "[poll]\ninterval = 8s\n[job a]\nmax_interval = 2min\n[job b]\nid = 4\n");
        write_file(drop_ins, "z.txt", "nonsense\n");
        write_file(drop_ins, ".h.ini", "nonsense\n");
        write_file(drop_ins, "c.ini~", "nonsense\n");

        assert_int_equal(config_load(path, NULL, &problems, &config), 0);
        assert_int_equal(problems.count, 0);
        /* Capitals come first: files are in byte order. */
        assert_int_equal(config->poll.interval_us, 8 * USEC_PER_SEC);
        assert_int_equal(config->poll.max_interval_us, USEC_PER_MIN);
        assert_int_equal(config->status.running.count, 1);
        assert_string_equal(config->status.running.items[0], "C");
        assert_int_equal(config->job_count, 4);
        assert_int_equal(config->jobs[0].id, 1);
        assert_int_equal(config->jobs[1].id, 3);
        assert_int_equal(config->jobs[2].id, 2);
        assert_int_equal(config->jobs[2].poll.interval_us, 7 * USEC_PER_SEC);
        assert_int_equal(config->jobs[2].poll.max_interval_us, 2 * USEC_PER_MIN);
        assert_string_equal(config->jobs[3].name, "b");
        config = config_free(config);

        /* The same id in another file, and an error in a drop-in, each with its own file and line. */
        write_file(drop_ins, "z.ini", "[jobs]\nids = 1\n[log]\nlevl = info\n");
        assert_int_equal(config_load(path, NULL, &problems, &config), -EINVAL);
        assert_int_equal(problems.count, 2);
        snprintf(part, sizeof(part), "%s/z.ini:2: job 1 is listed twice, also at %s:7", drop_ins, path);
        assert_memory_equal(problems.items[0].message, part, strlen(part));
        snprintf(part, sizeof(part), "%s/z.ini:4: unknown key", drop_ins);
        assert_memory_equal(problems.items[1].message, part, strlen(part));
        config_problems_clear(&problems);
        remove_file(drop_ins, "z.ini");

        /* An invalid value is an error also where a later file replaces it. */
        write_file(drop_ins, "C.ini", "[poll]\ninterval = x\n");
        assert_int_equal(config_load(path, NULL, &problems, &config), -EINVAL);
        assert_int_equal(problems.count, 1);
        assert_non_null(strstr(problems.items[0].message, "C.ini:2: interval = x is invalid"));
        config_problems_clear(&problems);
        remove_file(drop_ins, "C.ini");

        /* World-writable: a warning only. */
        assert_int_equal(chmod(path, 0666), 0);
        assert_int_equal(config_load(path, NULL, &problems, &config), 0);
        assert_int_equal(problems.count, 1);
        assert_int_equal(problems.errors, 0);
        assert_true(problems.items[0].warning);
        assert_non_null(strstr(problems.items[0].message, "f.ini: the file is world-writable"));
        config_problems_clear(&problems);
        config = config_free(config);

        static const char *const names[] = { "B.ini", "a.ini", "z.txt", ".h.ini", "c.ini~" };
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                remove_file(drop_ins, names[i]);
        assert_int_equal(rmdir(drop_ins), 0);

        /* A file where the directory should be. */
        write_file(directory, "f.ini.d", "");
        assert_int_equal(config_load(path, NULL, &problems, &config), -EINVAL);
        assert_non_null(strstr(problems.items[problems.count - 1].message, "f.ini.d: cannot be listed"));
        config_problems_clear(&problems);
        remove_file(directory, "f.ini.d");

        remove_file(directory, "f.ini");
        assert_int_equal(config_load(path, NULL, &problems, &config), -EINVAL);
        assert_int_equal(problems.count, 1);
        assert_non_null(
                strstr(problems.items[0].message, "f.ini: cannot be read: No such file or directory"));
        config_problems_clear(&problems);

        assert_int_equal(config_load(directory, NULL, &problems, &config), -EINVAL);
        assert_non_null(strstr(problems.items[0].message, "not a regular file but a directory; name"));
        config_problems_clear(&problems);
        assert_int_equal(rmdir(directory), 0);
        assert_null(config);
}

static void test_a_login_needs_no_secret(void **state)
{
        struct config *config = load_with("api", "auth = login\npassword_file =\ntoken_file =");

        (void)state;
        assert_int_equal(config->api.auth, AUTH_LOGIN);
        assert_true(config_has_session(config));
        config_free(config);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_a_login_needs_no_secret),
                cmocka_unit_test(test_booleans_and_levels),
                cmocka_unit_test(test_jobs),
                cmocka_unit_test(test_overrides),
                cmocka_unit_test(test_print),
                cmocka_unit_test(test_print_many_ids),
                cmocka_unit_test(test_drop_ins),

        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
