/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

/*
 * A dictionary from the bus, a{sv}. Keys and texts are borrowed from the reply, which must outlive the row;
 * sd-bus guarantees that they are valid UTF-8 without NUL. A key that is absent has no value.
 */

struct value {
        char type; /* as in D-Bus: 's', 't', 'u' or 'b'; 'a' is a list of texts */
        union {
                const char *text;
                uint64_t number; /* of 't' and 'u'; of 'b': 0 or 1 */
                char **texts;    /* owned, NULL-terminated; NULL if empty */
        };
};

struct field {
        const char *key;
        struct value value;
};

struct row {
        struct field *fields;
        size_t count;
};

/* Rows together with the replies that they borrow from. All zeroes: none. */
struct rows {
        struct row *items;
        size_t count;
        sd_bus_message **replies;
        size_t reply_count;
};

/*
 * Reads a dictionary at the current position of the reply. Values of types that this program does not know
 * are skipped. Returns 0 with a row for row_clear(); -ENXIO at the end of an array; or another negative errno
 * if the reply is something else.
 */
int row_read(sd_bus_message *reply, struct row *ret_row);
void row_clear(struct row *row);

/* Appends all dictionaries of an aa{sv} at the current position, and a reference to the reply. Like above. */
int rows_read(struct rows *rows, sd_bus_message *reply);

/* Puts them in the order of a number. */
void rows_sort(struct rows *rows, const char *key);

void rows_clear(struct rows *rows);

/* NULL: absent or of another type. */
const struct value *row_value(const struct row *row, const char *key);
const char *row_text(const struct row *row, const char *key);

/* 0, or false, if absent. */
uint64_t row_number(const struct row *row, const char *key);
bool row_flag(const struct row *row, const char *key);

/* Whether the row has this text. */
bool row_text_is(const struct row *row, const char *key, const char *text);
