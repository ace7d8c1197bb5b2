/* SPDX-License-Identifier: MIT */
#pragma once

#include "journal/journal.h"

/*
 * Opens what another program is to have as its standard output and error: a stream to the journal, whose
 * lines become entries of `identifier` with the priority info unless they begin with one of their own
 * ("<3>…"); or, if entries do not go to the journal or it does not take the stream, our own standard error.
 *
 * Returns a new descriptor, above 2 and closed on exec, or a negative errno.
 */
int journal_stream_open(const struct journal *journal, const char *identifier);
