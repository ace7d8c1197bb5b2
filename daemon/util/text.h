/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A text from the API. It has a length because JSON strings may contain NUL; `data` is NUL-terminated as
 * well. A JSON null or a missing field is `data == NULL`, which differs from the empty text.
 */
struct text {
        char *data;  /* owned, NUL-terminated; NULL for null */
        size_t size; /* bytes, without the terminator */
};

#define TEXT_NULL ((struct text){ 0 })

/* A text that borrows a string literal. Must not be cleared. */
#define TEXT_LITERAL(string) ((struct text){ (char *)(uintptr_t)(string), sizeof(string) - 1 })

/* Copy a text. NULL data gives null. */
void text_copy(const struct text *text, struct text *ret_text);
void text_from(const char *data, size_t size, struct text *ret_text);

/* Frees the data and sets the text to null. */
void text_clear(struct text *text);

/* Whether the bytes are equal; null equals only null. */
bool text_equal(const struct text *left, const struct text *right);

/* Returns the data, "" for null; for uses where an embedded NUL does not matter. */
const char *text_or_empty(const struct text *text);

/*
 * Returns the largest length <= limit at which `data` of `size` bytes can be cut without splitting a UTF-8
 * sequence. A limit of 0 means no limit.
 */
size_t text_cut(const char *data, size_t size, size_t limit);

/*
 * Returns how many bytes from the start are visible characters in valid UTF-8: `size` if all are. Not visible
 * are controls, all spaces but the ordinary one, and format characters such as zero-width and direction
 * marks.
 */
size_t text_visible_size(const char *data, size_t size);

/*
 * Returns a malloc()ed copy on one line that is safe on a terminal.
 * Characters that are not visible are escaped as \n, \t, \r, \xNN, \uNNNN or \UNNNNNNNN, bytes of invalid
 * UTF-8 as \xNN; a backslash is not escaped. It is cut at `limit` bytes of the source (0: no limit); an
 * ellipsis then follows.
 */
char *text_escape(const char *data, size_t size, size_t limit);

/*
 * Removes a full stop at the end of a text that becomes part of a message: what a server or a library says
 * may end with one. Accepts NULL; an ellipsis of three stops stays.
 */
void text_strip_full_stop(char *text);

/* Overwrite a secret before freeing it. The first accepts NULL and returns NULL. */
char *secret_free(char *secret);
void secret_text_clear(struct text *text);

/*
 * A digest (64-bit FNV-1a and the size) in place of a text that is too long to be kept in memory. Null and
 * empty texts have different digests. It does not resist deliberate collisions.
 */
struct text_digest {
        uint64_t hash;
        uint64_t size; /* UINT64_MAX for null */
};

struct text_digest text_digest(const struct text *text);
struct text_digest text_digest_of(const char *string);
bool text_digest_equal(struct text_digest left, struct text_digest right);
