/* SPDX-License-Identifier: MIT */

/* The journal without memory: messages are logged all the same, and events completely or not at all. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include <cmocka.h>

#include "fault_malloc.h"
#include "journal/journal.h"

/* A fake journal that does not allocate: the last entry, one line per field, except JOBWATCH_TIME. */
static char entry[4096];
static unsigned entries;

int __wrap_sd_journal_sendv(const struct iovec *fields, int count);
int __wrap_access(const char *path, int mode);

int __wrap_sd_journal_sendv(const struct iovec *fields, int count)
{
        size_t size = 0;

        entries++;
        for (int i = 0; i < count; i++) {
                if (strncmp(fields[i].iov_base, "JOBWATCH_TIME=", strlen("JOBWATCH_TIME=")) == 0)
                        continue;
                assert_true(fields[i].iov_len + 2 < sizeof(entry) - size);
                memcpy(entry + size, fields[i].iov_base, fields[i].iov_len);
                size += fields[i].iov_len;
                entry[size++] = '\n';
        }
        entry[size] = '\0';
        return 0;
}

int __wrap_access(const char *path, int mode)
{
        (void)path;
        (void)mode;
        return 0;
}

static struct journal *open_journal(void)
{
        const struct log_config settings = { .level = LOG_INFO, .target = LOG_TARGET_JOURNAL };
        struct journal *journal = NULL;

        assert_int_equal(journal_open(&settings, &journal), 0);
        return journal;
}

static void test_message(void **state)
{
        struct journal *journal = open_journal();
        bool failed = true;
        unsigned round = 2;
        (void)state;

        for (; failed; round++) {
                entries = 0;
                fault_malloc_arm(round / 2, round % 2 == 0);
                journal_print_about(journal, LOG_WARNING, "0f1e2d3c4b5a49788695a4b3c2d1e0f0", 7, "import",
                                    "No memory for %s.\n", "job 7");
                failed = fault_malloc_disarm();
                assert_int_equal(entries, 1);
                assert_string_equal(entry, failed ? "MESSAGE=No memory for job 7.?\nPRIORITY=4\n"
                                                    "SYSLOG_IDENTIFIER=jobwatchd\n"
                                                  : "MESSAGE=No memory for job 7.\\n\nPRIORITY=4\n"
                                                    "SYSLOG_IDENTIFIER=jobwatchd\n"
                                                    "MESSAGE_ID=0f1e2d3c4b5a49788695a4b3c2d1e0f0\n"
                                                    "JOBWATCH_JOB=7\nJOBWATCH_JOB_NAME=import\n");
        }
        assert_true(round >
                    8); /* the line, its escaped form and the entry: each alone, and with all after it */
        journal_close(journal);
}

static void test_event(void **state)
{
        const struct event event = {
                .id = "0d2c7e0e-6f0b-4f7e-8d5e-3a4b5c6d7e8f",
                .kind = EVENT_FAILED,
                .record = { .id = 7, .status = TEXT_LITERAL("Failed"), .result = TEXT_LITERAL("why") },
        };
        struct journal *journal = open_journal();
        bool failed = true;
        unsigned nth = 1;
        (void)state;

        for (; failed; nth++) {
                entries = 0;
                fault_malloc_arm(nth, false);
                int r = journal_event(journal, &event);
                failed = fault_malloc_disarm();
                assert_int_equal(r, failed ? -ENOMEM : 0);
                assert_int_equal(entries, failed ? 0 : 1);
        }
        assert_non_null(strstr(entry, "\nJOBWATCH_EVENT=failed\n"));
        assert_true(nth > 10);
        journal_close(journal);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_message),
                cmocka_unit_test(test_event),
        };

        return cmocka_run_group_tests_name("journal_faults", tests, NULL, NULL);
}
