/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "model/event.h"

/*
 * The event for the unit that is started for it: EVENT_ID.json with the document and EVENT_ID.env with the
 * variables of variables.h, in a directory under /run. The directory has mode 0750 and the files 0640:
 * systemd reads them for EnvironmentFile= and LoadCredential= whatever user the unit runs as; a unit that
 * opens them itself must be in the daemon's group.
 *
 * Files exist as long as any hook holds them. Hooks are identified by name, and each holds an event once.
 * What is held, and for which unit, is noted in the directory, for a daemon that is started again.
 */
struct event_files;

/* Called for what an earlier daemon held, with borrowed texts. */
typedef void (*event_files_handler)(void *userdata, const char *holder, const char *event_id,
                                    const char *unit);

/*
 * The directory is $RUNTIME_DIRECTORY/events, otherwise /run/jobwatchd/events. It is created when it is first
 * needed. Unless another daemon uses it, `on_held` is called for what an earlier one held there, which is
 * held again.
 */
struct event_files *event_files_new(event_files_handler on_held, void *userdata);

/* Leaves the files in place, for units that are still running. Accepts NULL, returns NULL. */
struct event_files *event_files_free(struct event_files *files);

/*
 * Writes both files, each atomically, replacing existing ones, and holds them for `unit`. Returns 0, or a
 * negative errno with *ret_reason (see hook.h); -EINVAL if the event's id is not a UUID. After an error they
 * have to be released, too.
 */
int event_files_hold(struct event_files *files, const char *holder, const char *unit,
                     const struct event *event, unsigned attempt, const char *document, char **ret_reason);

/* Removes the files when the last holder releases them. Not an error if `holder` does not hold them. */
void event_files_release(struct event_files *files, const char *holder, const char *event_id);

/*
 * Writes a variable, "NAME=VALUE", as a line NAME="VALUE" that EnvironmentFile= and sh read back to the same
 * value: \ " ` and $ are escaped, line breaks are kept. Bytes that are not UTF-8 and noncharacters, for which
 * systemd would reject the whole file, become U+FFFD. ferror(3) tells of errors.
 */
void environment_line(FILE *stream, const char *variable);
