/* SPDX-License-Identifier: MIT */
#pragma once

/* HTTP header lines that a user adds to the requests of a url hook. They may contain secrets. */

/*
 * Splits a text of lines "Name: value" (CREDENTIAL_LINES). Empty lines are ignored. Refused are invalid
 * names, values that are empty or not ASCII, and headers that belong to the daemon or to HTTP, such as Host,
 * Content-Length and the webhook-* of signatures. Returns 0 with the lines, ending with NULL, each exactly
 * "Name: value"; or -EINVAL with *ret_problem, a malloc()ed text such as "is invalid at line 2: write \"Name:
 * value\"", which continues a sentence that begins with the name of the file and contains nothing of the
 * line.
 */
int header_lines_parse(const char *text, char **ret_problem, char ***ret_lines);

/* The value in a parsed line. */
const char *header_line_value(const char *line);

/* Wipes the lines. Accepts NULL, returns NULL. */
char **header_lines_free(char **lines);
