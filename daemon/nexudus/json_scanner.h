/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Looks at each byte of a JSON body once, whatever pieces it comes in, and finds where tokens end, so that a
 * parser can be fed whole tokens only. It also refuses what a lenient parser lets through: strings that are
 * no well-formed UTF-8, and tokens without end. It knows nothing of JSON's grammar; that stays the parser's.
 */
struct json_scanner {
        bool in_string, after_backslash;
        int64_t token_size;                     /* least number of bytes the open token stands for */
        unsigned char awaited, lowest, highest; /* UTF-8: continuation bytes, bounds of the next */
};

#define JSON_SCANNER_START ((struct json_scanner){ 0 })

enum json_scan {
        JSON_SCAN_OK,
        JSON_SCAN_NO_UTF8,         /* inside a string */
        JSON_SCAN_STRING_TOO_LONG, /* more than string_max bytes decoded, for certain */
        JSON_SCAN_BARE_TOO_LONG,   /* a number or a literal beyond JSON_BARE_MAX */
};

#define JSON_BARE_MAX 1024

/*
 * Goes on with the next `size` bytes. Sets *ret_whole to how many of them end where no token is open, or to
 * JSON_NO_END if the token that was open before is still open after all of them; 0 says that it ended right
 * before them. Sets *ret_scanned to how many bytes were good: all of them unless there is a problem, and none
 * of the rest is to be scanned then. Of a bare token that is too long, *ret_whole takes in what was scanned.
 * Bytes beyond string_max may pass as long as escapes can account for them.
 */
#define JSON_NO_END SIZE_MAX

enum json_scan json_scan(struct json_scanner *scanner, const unsigned char *data, size_t size,
                         size_t string_max, size_t *ret_whole, size_t *ret_scanned);

/* The part of a body that waits for the end of its token. */
struct json_held {
        unsigned char *data;
        size_t size, room;
};

#define JSON_HELD_NULL ((struct json_held){ 0 })

/* Adds `size` bytes. `data` must not be the held bytes themselves. Returns -ENOMEM. */
int json_hold(struct json_held *held, const unsigned char *data, size_t size);
void json_held_clear(struct json_held *held);

/*
 * Writes \ufffd, the replacement character, over escapes of surrogates that lack their other half, of which
 * parsers make a wrong character or no UTF-8. *data is the held bytes, or else whole tokens in memory that is
 * not to be written to: if there is something to mend, they are copied to `held`, which must be empty, and
 * *data points there. Returns -ENOMEM.
 */
int json_fix_surrogates(struct json_held *held, const unsigned char **data, size_t size);
