/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "config/config.h"
#include "journal/entry.h"

/* Where entries go: the socket of journald, or standard error. Does not change once it is opened. */
struct target {
        bool native; /* journald */
        bool coloured;
};

/* Whether standard error is connected to the journal. */
bool target_is_standard_error(void);

/* Returns 0, or a negative errno if the journal is selected but its socket is missing. */
int target_open(enum log_target configured, struct target *ret_target);

/*
 * Adds a line for the console, with the present time and the priority, as fields without names. `message` is
 * borrowed.
 */
void target_add_line(const struct target *target, struct field_list *fields, int priority,
                     const char *message);

/* Sends an entry. For the console it is the fields of one line. May block without limit. Returns 0 or a
 * negative errno. */
int target_send(const struct target *target, const struct entry *entry);

/*
 * Waits until journald has read what was sent, at most 3 s. journald finds out from which unit an entry is by
 * the process that sent it: from one that has exited, it is not found by "journalctl -u".
 */
void target_drain(const struct target *target);
