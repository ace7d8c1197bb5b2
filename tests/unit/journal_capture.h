/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "journal/journal.h"
#include "model/event.h"

/*
 * Entries as they would go to journald: link with journal_capture.c and
 * -Wl,--wrap=sd_journal_sendv,--wrap=access. The journal's socket then seems to be there, every entry is kept
 * here instead, and the last one can be asked for its fields. Include after cmocka.h.
 */

/* What sd_journal_sendv() returns from now on, and whether the journal's socket seems to be there. */
void capture_result(int result);
void capture_socket(bool exists);

/* Entries so far, since capture_reset(). */
unsigned capture_count(void);
void capture_reset(void);

/* The value of a field of the last entry, and its size; NULL if it has none of that name. */
const char *capture_field(const char *name, size_t *ret_size);

/* The names in the order of the last entry; NULL behind the last one. */
const char *capture_name(size_t index);

/* Fails the test unless the last entry has the field with just that value; NULL: unless it lacks it. */
void expect_field(const char *name, const char *value);

/* An event with every text set to something of its own. Its texts are borrowed. */
struct event capture_event(enum event_kind kind);

/* Settings as they are by default, but with the journal as the target. */
struct log_config capture_settings(void);
