/* SPDX-License-Identifier: MIT */

/* See discover_fixture.h. */

#include "discover_fixture.h"

const struct monitor_options discover_imports = { .more = IMPORTS, .level = LOG_ERR };

/* Two jobs that are older than any section. */
void account_add_old_jobs(struct monitor_test *test)
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

struct account_job *account_add_job(struct monitor_test *test, unsigned id, const char *created,
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

unsigned account_polls_of(const struct monitor_test *test, unsigned id)
{
        size_t i = 0;

        while (test->account[i].id != id)
                i++;
        return test->account[i].polls;
}

/* Until the sections have begun, and what the feed shows is known. */
void discover_wait_for_rounds(struct monitor_test *test)
{
        loop_until(test->event, &test->searches[0], test->searches[0] + 3);
}

void discover_begin(void **state, const struct monitor_options *options)
{
        monitor_begin(state, options);
        account_add_old_jobs(*state);
        discover_wait_for_rounds(*state);
}

int discover_setup(void **state)
{
        discover_begin(state, &discover_imports);
        return 0;
}

int discover_set_up_nothing(void **state)
{
        *state = NULL;
        return 0;
}
