/* SPDX-License-Identifier: MIT */
#pragma once

#include "journal/journal.h"

/*
 * Opens standard output and error for another program: a stream to the journal, whose lines become entries
 * with `identifier` and priority info, or the priority of a prefix such as "<3>". If entries do not go to the
 * journal, or the stream cannot be opened, it is a duplicate of the daemon's standard error.
 *
 * Returns a new descriptor above 2 with close-on-exec, owned by the caller, or a negative errno.
 */
int journal_stream_open(const struct journal *journal, const char *identifier);
