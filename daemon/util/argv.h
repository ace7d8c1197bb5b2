/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Splits a command line into words as systemd splits ExecStart= (systemd.service(5), systemd.syntax(7)).
 * White space separates words. "…" and '…' quote, also within a word; an empty pair is an empty word. A
 * backslash, also within quotes, starts a C escape: \\ \" \' \a \b \f \n \r \t \v, \s for a space, \xHH, \NNN
 * in octal, \uXXXX, \UXXXXXXXX, and \; for a semicolon. Nothing is expanded: no variables, specifiers or
 * globs, and no shell is involved. The prefixes that systemd accepts before a command (@ - : + !) have no
 * meaning here.
 *
 * Returns 0 and a malloc()ed, NULL-terminated array of malloc()ed words (at least one), to be freed with
 * command_free(). Returns -EINVAL for an unclosed quote, an unknown or incomplete escape, an escape for NUL
 * or an invalid character, or a line without words.
 */
int argv_split(const char *line, char ***ret_words);

/* Accepts NULL, returns NULL. */
char **command_free(char **words);
