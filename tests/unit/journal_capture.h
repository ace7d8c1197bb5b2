/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "journal/journal.h"
#include "model/event.h"

/*
 * Captures entries for journald: link with journal_capture.c and -Wl,--wrap=sd_journal_sendv,--wrap=access.
 * The journal's socket then seems to exist, and the fields of the last entry can be read. Include after
 * cmocka.h.
 */

/* Set the result of sd_journal_sendv(), and whether the journal's socket seems to exist. */
void capture_result(int result);
void capture_socket(bool exists);

/* The number of entries since capture_reset(). */
unsigned capture_count(void);
void capture_reset(void);

/* The value and size of a field of the last entry, or NULL. */
const char *capture_field(const char *name, size_t *ret_size);

/* The name of the field at `index` of the last entry, or NULL. */
const char *capture_name(size_t index);

/* Fails the test unless the last entry has the field with exactly this value, or, for NULL, lacks it. */
void expect_field(const char *name, const char *value);

/* An event with a different value in every text. Its texts are borrowed. */
struct event capture_event(enum event_kind kind);

/* The default settings, with the journal as the target. */
struct log_config capture_settings(void);
