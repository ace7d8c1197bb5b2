/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include "model/event.h"

/*
 * What a unit finds out about the event it was started for: EVENT_ID.json with the document and EVENT_ID.env
 * with the variables of event_variables.h, in a folder under /run. The folder is 0750 and the files are 0640:
 * systemd reads them for EnvironmentFile= and LoadCredential= whatever user the unit runs as; who is to open
 * them himself must be in the group of the daemon.
 *
 * Files stay as long as anyone holds them. The holders are hooks, by name: one that was not seen to have
 * ended goes on holding, and holds the same files once when it tries again.
 */
struct event_files;

/*
 * `folder` must be absolute; NULL for the usual one: $RUNTIME_DIRECTORY/events, else /run/jobwatchd/events.
 * What an earlier daemon left there is removed, unless another one has the folder in use. The folder need not
 * exist, and is made when it is needed. Returns 0 or -ENOMEM.
 */
int event_files_new(const char *folder, struct event_files **ret_files);

/* Leaves the files, for units that are still at work. Takes NULL, returns NULL. */
struct event_files *event_files_free(struct event_files *files);

/*
 * Writes both files, each whole or not at all, over what is there, and holds them. Returns 0, or a negative
 * errno with nothing held that was not before, and *ret_reason for a person or NULL; -EINVAL for an event
 * whose id is no UUID.
 */
int event_files_hold(struct event_files *files, const char *holder, const struct event *event,
                     unsigned attempt, const char *document, size_t document_size, char **ret_reason);

/* The last one to let go removes the files. No error if it does not hold them. */
void event_files_release(struct event_files *files, const char *holder, const char *event_id);

/*
 * One line NAME="VALUE" as EnvironmentFile= and sh read it back to the very value: \ " ` and $ are escaped,
 * and a line break stands as it is, within the quotes. What systemd does not take (it would refuse the whole
 * file: bytes that are no UTF-8, and code points that are no characters) becomes U+FFFD. The value ends at a
 * NUL. malloc()ed, or NULL when out of memory.
 */
char *environment_line(const char *name, const char *value, size_t size);
