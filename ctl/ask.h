/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Asks a person for a line: on the terminal that controls the process or, if there is none, by
 * systemd-ask-password(1), which asks where its agents are. A secret is not echoed, and passes through no
 * other memory than `line` and the descriptor it is read from.
 *
 * Ctrl-C and other signals end the process as usual, but not before the terminal is as it was. While the
 * process is stopped the terminal is so, too; afterwards the question is asked again.
 */

struct question {
        const char *text;
        bool is_secret;
};

/*
 * Puts the answer, NUL-terminated, without the line feed, into `line`. Returns 0; or, after a message,
 * -ECANCELED at the end of the input, -E2BIG if the answer has `size` bytes or more, or another negative
 * errno if nobody can be asked.
 */
int ask(const struct question *question, char *line, size_t size);
