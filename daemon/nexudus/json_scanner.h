/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/utf8.h"

/*
 * Finds the token boundaries of a JSON body that arrives in pieces, so that a parser can be fed complete
 * tokens only. Reads each byte once. It also refuses strings that are not valid UTF-8, tokens that are too
 * long, and control characters between tokens, some of which parsers accept as white space. The grammar of
 * JSON is left to the parser.
 */
struct json_scanner {
        bool in_string, after_backslash;
        int64_t token_size; /* of the open token: a lower bound of its decoded bytes */
        struct utf8_state utf8;
};

#define JSON_SCANNER_START ((struct json_scanner){ 0 })

enum json_scan {
        JSON_SCAN_OK,
        JSON_SCAN_INVALID_UTF8,    /* inside a string */
        JSON_SCAN_STRING_TOO_LONG, /* certainly more than string_max decoded bytes */
        JSON_SCAN_CONTROL,         /* a control character outside strings that is not white space */
        JSON_SCAN_BARE_TOO_LONG,   /* a number or a literal beyond JSON_BARE_MAX */
};

#define JSON_BARE_MAX 1024

/*
 * Scans the next `size` bytes. *ret_whole is the number of bytes up to the last token boundary, or
 * JSON_NO_END if the token that was open before is still open; 0: it ended just before them. *ret_scanned is
 * the number of valid bytes: all of them if the result is JSON_SCAN_OK; otherwise the scanner must not be
 * used again. After a control character or a bare token that is too long, *ret_whole equals *ret_scanned. A
 * string may pass with more than string_max bytes as long as escapes can account for them.
 */
#define JSON_NO_END SIZE_MAX

enum json_scan json_scan(struct json_scanner *scanner, const unsigned char *data, size_t size,
                         size_t string_max, size_t *ret_whole, size_t *ret_scanned);

/* The beginning of a token whose end has not arrived. */
struct json_held {
        unsigned char *data;
        size_t size, capacity;
};

#define JSON_HELD_NULL ((struct json_held){ 0 })

/* Appends `size` bytes. `data` must not point into the held bytes. Returns -ENOMEM. */
int json_hold(struct json_held *held, const unsigned char *data, size_t size);
void json_held_clear(struct json_held *held);

/*
 * Replaces escapes of lone surrogates by \ufffd, the replacement character; parsers decode them to invalid
 * UTF-8. *data is the held bytes, or complete tokens in read-only memory: these are copied to `held`, which
 * must be empty, if they contain a lone surrogate, and *data is set to the copy. Returns -ENOMEM.
 */
int json_fix_surrogates(struct json_held *held, const unsigned char **data, size_t size);
