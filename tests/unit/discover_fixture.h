/* SPDX-License-Identifier: MIT */
#pragma once

#include "monitor_fixture.h"

/* An account with a search, in which jobs are discovered. Link with discover_fixture.c and what
 * monitor_fixture.h needs. */

#define IMPORTS "[discover imports]\ndescription = *import*\n"

/* A section for imports. */
extern const struct monitor_options discover_imports;

/* Adds two jobs that are older than any section. */
void account_add_old_jobs(struct monitor_test *test);

/* Adds a job that runs. Its texts are borrowed. */
struct account_job *account_add_job(struct monitor_test *test, unsigned id, const char *created,
                                    const char *description);

/* How often a job was polled. */
unsigned account_polls_of(const struct monitor_test *test, unsigned id);

/* Runs the loop until the sections have begun, and what the feed shows is known. */
void discover_wait_for_rounds(struct monitor_test *test);

/* Begins with the two old jobs. */
void discover_begin(void **state, const struct monitor_options *options);

/* For cmocka: begins with `discover_imports`, or leaves that to the test. */
int discover_setup(void **state);
int discover_set_up_nothing(void **state);
