/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdio.h>

/*
 * Writes one line NAME="VALUE" that EnvironmentFile= and sh read back to the same value: \ " ` and $ are
 * escaped, line breaks are kept. Bytes that are not UTF-8 and noncharacters, for which systemd would reject
 * the whole file, become U+FFFD. The value ends at a NUL. ferror(3) tells of errors.
 */
void environment_line(FILE *stream, const char *name, const char *value, size_t size);
