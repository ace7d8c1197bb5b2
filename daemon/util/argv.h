/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Splits a command line into words as systemd splits ExecStart= (systemd.service(5), systemd.syntax(7)):
 * white space parts words; "…" and '…' hold together what is between them, within a word too, and an empty
 * pair is an empty word; a backslash, quoted or not, begins a C escape (\\ \" \' \a \b \f \n \r \t \v \s for
 * a space, \xHH, \NNN in octal, \uXXXX, \UXXXXXXXX; and \; for the semicolon, which systemd wants escaped
 * where it stands alone). Nothing is expanded: no variables, no specifiers, no globs, and no shell stands
 * between. The characters that systemd takes in front of a command (@ - : + !) mean nothing here.
 *
 * Returns 0 and a malloc()ed, NULL-terminated vector of malloc()ed words (at least one), to be freed with
 * command_free(); -EINVAL for an unfinished quote, an escape that is unknown or unfinished or stands for NUL
 * or for no character, or nothing at all; -ENOMEM.
 */
int argv_split(const char *line, char ***ret_words);

/* Takes NULL, returns NULL. */
char **command_free(char **words);
