/* SPDX-License-Identifier: MIT */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include "state/sql/engine.h"
#include "state/sql/jobs.h"
#include "state/store.h"

/*
 * A state in a directory of its own under $TMPDIR, for tests. With $TEST_DATABASE, a URI, it is in that
 * database of a PostgreSQL server ($TEST_DATABASE_PASSWORD), and an instance of its own. All functions fail
 * the calling test instead of returning an error.
 */
struct fixture {
        char directory[256];
        struct store *state;
};

/* For cmocka: *state becomes a struct fixture with an open state. The teardown removes the directory. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* As store_open(). */
int fixture_try_open(struct fixture *fixture, char **ret_message, struct store **ret_store);

void fixture_open(struct fixture *fixture);
void fixture_close(struct fixture *fixture);
/* Closes and opens the state, so that a test sees what is on disk. */
void fixture_reopen(struct fixture *fixture);

/*
 * Another process that has the closed store open and so holds its lock, until the end. Returns its pid;
 * *ret_leash goes to fixture_holder_end(), which waits for it.
 */
pid_t fixture_holder_start(struct fixture *fixture, int *ret_leash);
void fixture_holder_end(pid_t holder, int leash);

/* "DIRECTORY/NAME": in one of a few static buffers. */
const char *fixture_path(const struct fixture *fixture, const char *name);

/* Reads or writes a whole file. The data is the caller's to free. */
char *fixture_read_file(const char *path, size_t *ret_size);
void fixture_write_file(const char *path, const void *data, size_t size);

/* The event id of a number: "00000000-0000-4000-8000-%012u". */
const char *fixture_event_id(unsigned number);

/*
 * An event about `job` with every field set, among them texts with NUL, empty and null ones, all derived from
 * `number`. Its texts are borrowed: it must not be cleared. Valid until the second call after this one.
 */
struct event fixture_event(unsigned number, uint64_t job, enum event_kind kind);

#define NOTHING_CONFIGURED ((const struct store_configured){ .hook_count = 0 })

/* Executes SQL in the database of the store: see execute() in state/sql/engine.h. */
int fixture_execute(struct store *store, const char *sql, int64_t *ret_number);

/* Whether the states are in the database of a server. */
bool fixture_is_on_server(void);

/* Skips the test there: what it does or looks at is SQLite's. */
void skip_on_server(void);

/* How many deliveries of the hook are pending in the database. */
uint64_t fixture_pending(struct store *state, const char *hook);

void assert_text_equal(const struct text *left, const struct text *right);
void assert_record_equal(const struct job_record *left, const struct job_record *right);
void assert_event_equal(const struct event *left, const struct event *right);
