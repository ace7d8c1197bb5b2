/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is valid but probably not meant, or does not work in the service, for --check. Each returns a
 * malloc()ed text that names the reason and what to write or do instead, or NULL if there is nothing to say.
 */

/* Operators and variables of a shell, which no shell interprets. */
char *hook_advice_shell(const char *command);

/* What follows " ;" outside of quotes, as of struct hook_config: perhaps a second command. */
char *hook_advice_comment(const char *comment);

/* %i, which is replaced in the names of units only. `value` is that of exec or url. */
char *hook_advice_specifier(const char *key, const char *value);

/* Programs that the sandbox of the services hides. */
char *hook_advice_sandbox(const char *command);

/* Why the service, whose unit is `unit`, cannot write [metrics] textfile. */
char *metrics_advice(const char *textfile, const char *unit);
