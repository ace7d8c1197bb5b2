/* SPDX-License-Identifier: MIT */

/* Journal entries, field by field, and lines on the console. */

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "journal/event_message.h"
#include "journal_capture.h"

static int journal_setup(void **state)
{
        const struct log_config settings = capture_settings();
        struct journal *journal = NULL;
        int r = journal_open(&settings, &journal);

        capture_reset();
        *state = journal;
        return r;
}

static int journal_teardown(void **state)
{
        capture_reset();
        return journal_close(*state) == NULL ? 0 : -1;
}

/* ---- events ---- */

static void test_every_field(void **state)
{
        struct event event = capture_event(EVENT_FAILED);

        event.discover = TEXT_LITERAL("imports,all");
        assert_int_equal(journal_event(*state, &event), 0);
        assert_int_equal(capture_count(), 1);
        expect_field("MESSAGE", "Job 87654323 (members-import): Running → Completed: {\"rows\":12}");
        expect_field("PRIORITY", "3");
        expect_field("SYSLOG_IDENTIFIER", "jobwatchd");
        expect_field("MESSAGE_ID", event_message_id(EVENT_FAILED));
        expect_field("JOBWATCH_EVENT", "failed");
        expect_field("JOBWATCH_EVENT_ID", "0d2c7e0e-6f0b-4f7e-8d5e-3a4b5c6d7e8f");
        expect_field("JOBWATCH_SEQUENCE", "17");
        expect_field("JOBWATCH_JOB", "87654323");
        expect_field("JOBWATCH_JOB_NAME", "members-import");
        expect_field("JOBWATCH_DISCOVER", "imports,all");
        expect_field("JOBWATCH_JOB_GUID", "a1b2c3d4-e5f6-7890-abcd-ef1234567890");
        expect_field("JOBWATCH_STATUS", "Completed");
        expect_field("JOBWATCH_STATUS_BEFORE", "Running");
        expect_field("JOBWATCH_RESULT", "{\"rows\":12}");
        expect_field("JOBWATCH_RESULT_BEFORE", "half of it");
        expect_field("JOBWATCH_RESULT_BYTES", "11");
        expect_field("JOBWATCH_OUTCOME", "failure");
        expect_field("JOBWATCH_DESCRIPTION", "Import of members");
        expect_field("JOBWATCH_BUSINESS", "Harbour");
        expect_field("JOBWATCH_BUSINESS_ID", "4711");
        expect_field("JOBWATCH_UPDATED_ON", "2026-01-15T10:30:00Z");
        expect_field("JOBWATCH_TIME", "2023-11-14T22:13:20.000000Z"); /* of the event */
        assert_non_null(capture_name(21));
        assert_null(capture_name(22)); /* and no other */
}

static void test_field_names_are_valid(void **state)
{
        const struct event event = capture_event(EVENT_SEEN);

        assert_int_equal(journal_event(*state, &event), 0);
        for (size_t i = 0; capture_name(i) != NULL; i++) {
                const char *name = capture_name(i);

                assert_int_equal(strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"), strlen(name));
                assert_in_range(name[0], 'A', 'Z');
                assert_true(strlen(name) <= 64);
                for (size_t k = 0; k < i; k++)
                        assert_string_not_equal(capture_name(k), name);
        }
}

static void test_null_has_no_field(void **state)
{
        struct event event = { .kind = EVENT_SEEN,
                               .record = { .id = 1, .has_result = true },
                               .first_observation = true };

        assert_int_equal(journal_event(*state, &event), 0);
        expect_field("JOBWATCH_JOB", "1");
        expect_field("JOBWATCH_OUTCOME", "open");
        expect_field("JOBWATCH_RESULT_BYTES", "0");
        expect_field("JOBWATCH_STATUS", NULL);
        expect_field("JOBWATCH_STATUS_BEFORE", NULL);
        expect_field("JOBWATCH_RESULT", NULL);
        expect_field("JOBWATCH_JOB_NAME", NULL);
        expect_field("JOBWATCH_DISCOVER", NULL);
        expect_field("JOBWATCH_BUSINESS_ID", NULL);

        event.record.result = TEXT_LITERAL("");
        assert_int_equal(journal_event(*state, &event), 0);
        expect_field("JOBWATCH_RESULT", "");

        /* An unknown ResultData has no size. */
        event.record.result = TEXT_NULL;
        event.record.has_result = false;
        assert_int_equal(journal_event(*state, &event), 0);
        expect_field("JOBWATCH_RESULT_BYTES", NULL);
}

static void test_priorities_and_ids(void **state)
{
        static const char *const priorities[EVENT_KIND_COUNT] = {
                [EVENT_SEEN] = "6",     [EVENT_CHANGED] = "5",     [EVENT_SUCCEEDED] = "5",
                [EVENT_FAILED] = "3",   [EVENT_GONE] = "3",        [EVENT_STALLED] = "4",
                [EVENT_API_DOWN] = "3", [EVENT_API_REFUSED] = "5", [EVENT_API_OK] = "5",
        };

        for (unsigned kind = 0; kind < EVENT_KIND_COUNT; kind++) {
                const struct event event = capture_event((enum event_kind)kind);

                assert_int_equal(journal_event(*state, &event), 0);
                expect_field("PRIORITY", priorities[kind]);
                assert_int_equal(event_priority(event.kind), atoi(priorities[kind]));
                expect_field("MESSAGE_ID", event_message_id(event.kind));
                expect_field("JOBWATCH_EVENT", event_kind_to_string(event.kind));
                for (unsigned other = 0; other < kind; other++)
                        assert_string_not_equal(event_message_id((enum event_kind)other),
                                                event_message_id(event.kind));
        }
}

static void test_results_are_cut(void **state)
{
        struct log_config settings = capture_settings();
        struct event event = capture_event(EVENT_CHANGED);

        event.record.result = TEXT_LITERAL("abc\xc3\xa4xyz");
        event.result_before = TEXT_LITERAL("0123456789");
        settings.result_bytes = 4; /* in the middle of the ä */
        journal_set(*state, &settings);
        assert_int_equal(journal_event(*state, &event), 0);
        expect_field("JOBWATCH_RESULT", "abc");
        expect_field("JOBWATCH_RESULT_BEFORE", "0123");
        expect_field("JOBWATCH_RESULT_BYTES", "8"); /* of the complete text */

        settings.result_bytes = 0;
        journal_set(*state, &settings);
        assert_int_equal(journal_event(*state, &event), 0);
        expect_field("JOBWATCH_RESULT", "abc\xc3\xa4xyz");
}

static void test_every_field_but_the_result_is_at_most_1_kib(void **state)
{
        enum { SIZE = 5000, MAX = 1024 };
        static const char *const cut[] = {
                "JOBWATCH_JOB_NAME",    "JOBWATCH_JOB_GUID", "JOBWATCH_STATUS",     "JOBWATCH_STATUS_BEFORE",
                "JOBWATCH_DESCRIPTION", "JOBWATCH_BUSINESS", "JOBWATCH_UPDATED_ON", "JOBWATCH_USER",
                "JOBWATCH_USER_EMAIL",  "JOBWATCH_DISCOVER",
        };
        struct log_config settings = capture_settings();
        struct event event = capture_event(EVENT_CHANGED);
        char data[SIZE + 1];
        const struct text text = { data, SIZE };
        size_t size = 0;

        /* An é in the middle of which the limit is. */
        memset(data, 'x', SIZE);
        memcpy(data + MAX - 1, "é", strlen("é"));
        data[SIZE] = '\0';
        event.job_name = event.discover = event.status_before = event.result_before = text;
        event.record.guid = event.record.status = event.record.result = text;
        event.record.description = event.record.business = event.record.updated_on = text;
        event.record.user = event.record.email = text;
        settings.personal_data = true;
        settings.result_bytes = 2000;
        journal_set(*state, &settings);
        assert_int_equal(journal_event(*state, &event), 0);

        for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
                assert_non_null(capture_field(cut[i], &size));
                assert_int_equal(size, MAX - 1);
        }
        for (size_t i = 0; capture_name(i) != NULL; i++) {
                const char *name = capture_name(i);
                assert_non_null(capture_field(name, &size));
                if (strncmp(name, "JOBWATCH_RESULT", strlen("JOBWATCH_RESULT")) != 0 &&
                    strcmp(name, "MESSAGE") != 0)
                        assert_true(size <= MAX);
        }
        assert_non_null(capture_field("JOBWATCH_RESULT", &size));
        assert_int_equal(size, 2000);
        assert_non_null(capture_field("JOBWATCH_RESULT_BEFORE", &size));
        assert_int_equal(size, 2000);
        expect_field("JOBWATCH_RESULT_BYTES", "5000");
}

static void test_values_are_kept_byte_for_byte(void **state)
{
        struct event event = capture_event(EVENT_CHANGED);
        size_t size = 0;

        event.record.result = TEXT_LITERAL("a\0b\nPRIORITY=0\n\x1b[31m");
        assert_int_equal(journal_event(*state, &event), 0);
        const char *value = capture_field("JOBWATCH_RESULT", &size);
        assert_non_null(value);
        assert_int_equal(size, event.record.result.size);
        assert_memory_equal(value, event.record.result.data, size);
        expect_field("PRIORITY", "5");
}

static void test_personal_data_only_on_request(void **state)
{
        struct log_config settings = capture_settings();
        const struct event event = capture_event(EVENT_CHANGED);

        assert_int_equal(journal_event(*state, &event), 0);
        for (size_t i = 0; capture_name(i) != NULL; i++) {
                const char *value = capture_field(capture_name(i), NULL);
                assert_null(strstr(value, "Ada"));
                assert_null(strstr(value, "ada@"));
        }

        settings.personal_data = true;
        journal_set(*state, &settings);
        assert_int_equal(journal_event(*state, &event), 0);
        expect_field("JOBWATCH_USER", "Ada Example");
        expect_field("JOBWATCH_USER_EMAIL", "ada@example.com");
}

static void test_events_ignore_the_level(void **state)
{
        struct log_config settings = capture_settings();
        const struct event event = capture_event(EVENT_SEEN);

        settings.level = LOG_EMERG;
        journal_set(*state, &settings);
        assert_int_equal(journal_event(*state, &event), 0);
        assert_int_equal(capture_count(), 1);
}

static void test_journal_errors_are_returned(void **state)
{
        const struct event event = capture_event(EVENT_SEEN);

        capture_result(-ENOBUFS);
        assert_int_equal(journal_event(*state, &event), -ENOBUFS);
        capture_result(0);
        assert_int_equal(journal_event(*state, &event), 0);
}

/* ---- messages ---- */

static void test_messages(void **state)
{
        struct journal *journal = *state;

        journal_print(journal, LOG_WARNING, "one %d\n\x1b%s", 2, "three");
        assert_int_equal(capture_count(), 1);
        expect_field("MESSAGE", "one 2\\n\\x1bthree");
        expect_field("PRIORITY", "4");
        expect_field("SYSLOG_IDENTIFIER", "jobwatchd");
        expect_field("MESSAGE_ID", NULL);
        expect_field("JOBWATCH_JOB", NULL);

        journal_print(journal, LOG_DEBUG, "beyond the level");
        assert_int_equal(capture_count(), 1);

        journal_print_about(journal, LOG_ERR, "00112233445566778899aabbccddeeff", 7, "seven", "x");
        expect_field("MESSAGE_ID", "00112233445566778899aabbccddeeff");
        expect_field("JOBWATCH_JOB", "7");
        expect_field("JOBWATCH_JOB_NAME", "seven");

        journal_print_about(journal, LOG_ERR, NULL, 7, NULL, "x");
        expect_field("MESSAGE_ID", NULL);
        expect_field("JOBWATCH_JOB", "7");
        expect_field("JOBWATCH_JOB_NAME", NULL);
        expect_field("JOBWATCH_EVENT_ID", NULL);
        expect_field("JOBWATCH_HOOK", NULL);
        expect_field("JOBWATCH_ATTEMPT", NULL);

        const struct journal_delivery delivery = {
                .job_id = 7, .job_name = "seven", .event_id = "id", .hook = "mail", .attempt = 2
        };
        journal_print_delivery(journal, LOG_INFO, NULL, &delivery, "hook %s", "mail");
        expect_field("MESSAGE", "hook mail");
        expect_field("JOBWATCH_JOB", "7");
        expect_field("JOBWATCH_JOB_NAME", "seven");
        expect_field("JOBWATCH_EVENT_ID", "id");
        expect_field("JOBWATCH_HOOK", "mail");
        expect_field("JOBWATCH_ATTEMPT", "2");
}

/* The present second. time() may be some milliseconds behind the clock that messages have their time from. */
static void format_second(char text[static 32])
{
        struct timespec now;
        struct tm parts;

        assert_return_code(clock_gettime(CLOCK_REALTIME, &now), errno);
        assert_true(strftime(text, 32, "%FT%T", gmtime_r(&now.tv_sec, &parts)) > 0);
}

/* The time at which a message was made, which may be long before the journal has it. */
static void test_messages_have_their_time(void **state)
{
        const struct journal_delivery delivery = { .job_id = 7, .hook = "mail", .attempt = 1 };
        char before[32], after[32];
        size_t size;

        for (int output = 0; output < 2; output++) {
                format_second(before);
                if (output)
                        journal_print_output(*state, &delivery, LOG_INFO, "x", 1);
                else
                        journal_print(*state, LOG_INFO, "x");
                format_second(after);

                const char *found = capture_field("JOBWATCH_TIME", &size);
                assert_non_null(found);
                assert_int_equal(size, strlen("2026-01-01T00:00:00.000000Z"));
                assert_true(strcmp(found, before) > 0);
                assert_true(strncmp(found, after, strlen("2026-01-01T00:00:00")) <= 0);
                assert_int_equal(strspn(found + 20, "0123456789"), 6);
                assert_string_equal(found + 26, "Z");
        }
}

static void test_no_journal(void **state)
{
        const struct log_config settings = capture_settings();
        struct journal *const untouched = *state;
        struct journal *journal = untouched;

        capture_socket(false);
        assert_int_equal(journal_open(&settings, &journal), -ENOENT);
        assert_ptr_equal(journal, untouched);
        assert_null(journal_close(NULL));
}

/* ---- the console ---- */

struct console {
        struct journal *journal;
        int saved; /* the real standard error */
        int fd;    /* the output */
};

/* Redirects standard error to `fd` and opens a journal on it. */
static void console_open(struct console *console, int fd, enum log_target target)
{
        struct log_config settings = capture_settings();

        settings.target = target;
        console->fd = fd;
        fflush(stderr);
        console->saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        assert_true(console->saved >= 0);
        assert_true(dup2(fd, STDERR_FILENO) >= 0);
        int r = journal_open(&settings, &console->journal);
        if (r < 0)
                (void)dup2(console->saved, STDERR_FILENO);
        assert_int_equal(r, 0);
}

static void console_close(struct console *console)
{
        fflush(stderr);
        assert_true(dup2(console->saved, STDERR_FILENO) >= 0);
        close(console->saved);
        assert_null(journal_close(console->journal));
}

/* Logs an event and three messages. */
static void console_log(struct console *console)
{
        struct event event = capture_event(EVENT_FAILED);

        event.status_before = TEXT_LITERAL("a\x1b[0m\n");
        assert_int_equal(journal_event(console->journal, &event), 0);
        journal_print(console->journal, LOG_WARNING, "careful: \x1b%s\n", "x");
        journal_print(console->journal, LOG_INFO, "plain");
        journal_print(console->journal, LOG_DEBUG, "never");
}

static void expect_match(const char *text, const char *pattern)
{
        regex_t regex;

        assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
        int r = regexec(&regex, text, 0, NULL, 0);
        regfree(&regex);
        if (r != 0)
                fail_msg("'%s' does not match %s", text, pattern);
}

#define STAMP "20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} "

static void test_console_lines(void **state)
{
        struct console console = { 0 };
        char text[4096] = "";
        (void)state;

        capture_reset();
        int fd = memfd_create("console", MFD_CLOEXEC);
        assert_true(fd >= 0);
        console_open(&console, fd, LOG_TARGET_CONSOLE);
        console_log(&console);
        console_close(&console);
        assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
        close(fd);

        assert_int_equal(capture_count(), 0);
        expect_match(text,
                     "^" STAMP "error   Job 87654323 \\(members-import\\): a\\\\x1b\\[0m\\\\n → Completed: "
                     "\\{\"rows\":12\\} \\[failed, result of 11 bytes\\]\n" STAMP
                     "warning careful: \\\\x1bx\\\\n\n" STAMP "info    plain\n$");
        assert_null(strchr(text, '\x1b'));
}

static void test_console_colours_on_a_terminal(void **state)
{
        struct console console = { 0 };
        char text[4096] = "";
        size_t size = 0;
        int controller, terminal;
        (void)state;

        if (openpty(&controller, &terminal, NULL, NULL, NULL) < 0)
                skip(); /* there is no /dev/pts */
        capture_reset();
        (void)unsetenv("NO_COLOR");
        console_open(&console, terminal, LOG_TARGET_CONSOLE);
        console_log(&console);
        console_close(&console);
        while (strstr(text, "plain") == NULL || text[size - 1] != '\n') {
                ssize_t n = read(controller, text + size, sizeof(text) - 1 - size);
                assert_true(n > 0);
                size += (size_t)n;
        }
        expect_match(text, "^\x1b\\[1;31m" STAMP "error   Job .*\x1b\\[0m\r\n\x1b\\[1;33m" STAMP
                           "warning .*\x1b\\[0m\r\n" STAMP "info    plain\r\n$");

        /* Unless NO_COLOR is set: https://no-color.org */
        assert_int_equal(setenv("NO_COLOR", "1", 1), 0);
        console_open(&console, terminal, LOG_TARGET_CONSOLE);
        console_log(&console);
        console_close(&console);
        (void)unsetenv("NO_COLOR");
        memset(text, 0, sizeof(text));
        for (size = 0; strstr(text, "plain") == NULL;) {
                ssize_t n = read(controller, text + size, sizeof(text) - 1 - size);
                assert_true(n > 0);
                size += (size_t)n;
        }
        assert_null(strchr(text, '\x1b'));
        close(terminal);
        close(controller);
}

static void test_auto_target(void **state)
{
        struct console console = { 0 };
        struct stat st;
        char stream[64];
        (void)state;

        capture_reset();
        int fd = memfd_create("stream", MFD_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(fstat(fd, &st), 0);

        (void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
                       (unsigned long long)st.st_ino);
        assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
        console_open(&console, fd, LOG_TARGET_AUTO);
        journal_print(console.journal, LOG_INFO, "to the journal");
        assert_int_equal(capture_count(), 1);
        console_close(&console);

        /* Another file, invalid values, or unset. */
        (void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
                       (unsigned long long)st.st_ino + 1);
        const char *const others[] = { stream, "", "7", "a:b", NULL };
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
                if (others[i] != NULL)
                        assert_int_equal(setenv("JOURNAL_STREAM", others[i], 1), 0);
                else
                        assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
                console_open(&console, fd, LOG_TARGET_AUTO);
                journal_print(console.journal, LOG_INFO, "to the console");
                assert_int_equal(capture_count(), 1);
                console_close(&console);
        }
        close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, journal_setup, journal_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_every_field),
                TEST(test_field_names_are_valid),
                TEST(test_null_has_no_field),
                TEST(test_priorities_and_ids),
                TEST(test_results_are_cut),
                TEST(test_every_field_but_the_result_is_at_most_1_kib),
                TEST(test_values_are_kept_byte_for_byte),
                TEST(test_personal_data_only_on_request),
                TEST(test_events_ignore_the_level),
                TEST(test_journal_errors_are_returned),
                TEST(test_messages),
                TEST(test_messages_have_their_time),
                TEST(test_no_journal),
                cmocka_unit_test(test_console_lines),
                cmocka_unit_test(test_console_colours_on_a_terminal),
                cmocka_unit_test(test_auto_target),
        };

        return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
