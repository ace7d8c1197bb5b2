/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Texts of the remote side. Their length is always carried along, since JSON strings may hold NUL; `data` is
 * terminated with one more NUL all the same. A JSON null, or a field that was left out, is `data == NULL`,
 * which differs from the empty text.
 */
struct text {
        char *data;  /* owned, NUL-terminated; NULL for null */
        size_t size; /* bytes, without the terminator */
};

#define TEXT_NULL ((struct text){ 0 })

/* A text that borrows a C string; for comparisons and tests, never to be freed. */
#define TEXT_LITERAL(string) ((struct text){ (char *)(uintptr_t)(string), sizeof(string) - 1 })

/* Copies. A source of NULL data gives null. -ENOMEM, and ret_text untouched. */
int text_copy(const struct text *text, struct text *ret_text);
int text_from(const char *data, size_t size, struct text *ret_text);

/* Frees the data and leaves null. */
void text_clear(struct text *text);

/* Byte for byte; null equals null only. */
bool text_equal(const struct text *left, const struct text *right);

/* "" for null: for printf-like uses where NUL and null do not matter. */
const char *text_or_empty(const struct text *text);

/*
 * Largest length <= limit at which `data` of `size` bytes can be cut without splitting a UTF-8 sequence. A
 * limit of 0 is no limit.
 */
size_t text_cut(const char *data, size_t size, size_t limit);

/*
 * A copy on one line and safe to show on a terminal: control characters (C0, DEL, C1, and those that turn the
 * direction of text) and bytes that are no UTF-8 come out as \n, \t, \xNN; cut at `limit` bytes of the source
 * (0: no limit), with an ellipsis then. Returns malloc()ed memory or NULL when out of memory.
 */
char *text_escape(const char *data, size_t size, size_t limit);

/* Wipes before freeing, so that a secret does not stay in the heap. Takes NULL, returns NULL. */
char *secret_free(char *secret);

/*
 * A digest (64-bit FNV-1a, and the size) that stands for a text too long to be kept in memory. Null and empty
 * texts have different digests. Two texts that differ share one by chance only; it does not withstand someone
 * who wants them to.
 */
struct text_digest {
        uint64_t hash;
        uint64_t size; /* UINT64_MAX for null */
};

struct text_digest text_digest(const struct text *text);
bool text_digest_equal(struct text_digest left, struct text_digest right);
