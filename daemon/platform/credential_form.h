/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

enum credential_form {
        CREDENTIAL_LINE,  /* one line, such as a password */
        CREDENTIAL_WORD,  /* one line without blanks, quotes or "Bearer ", such as a token, a key or a URL */
        CREDENTIAL_LINES, /* one or more lines, such as HTTP headers */
};

/* Tokens, passwords and URLs are much shorter. */
#define CREDENTIAL_BYTES_MAX (64 * 1024)

/*
 * Drops the newline at the end of a secret of at most CREDENTIAL_BYTES_MAX bytes, and with CREDENTIAL_LINES
 * the \r at the end of each line. `secret` has a byte more, for the NUL. Returns the new size, 0 if there is
 * nothing but that newline; a secret that is too large keeps its size.
 */
size_t credential_form_trim(enum credential_form form, char *secret, size_t size);

/*
 * What is wrong with a trimmed secret, and what to write instead; continues a sentence that begins with the
 * name of the file. NULL if nothing is wrong. Static.
 */
const char *credential_form_problem(enum credential_form form, const char *secret, size_t size);
