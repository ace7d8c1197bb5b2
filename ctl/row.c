/* SPDX-License-Identifier: MIT */

/* Reads dictionaries from the bus. Lists have thousands of rows, so nothing is copied but lists of texts. */

#include "ctl/row.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"

static int read_number(sd_bus_message *reply, char type, struct value *ret_value)
{
        uint32_t number;
        int flag, r;

        switch (type) {
        case 't':
                return sd_bus_message_read_basic(reply, type, &ret_value->number);
        case 'u':
                r = sd_bus_message_read_basic(reply, type, &number);
                ret_value->number = r > 0 ? number : 0;
                return r;
        default:
                r = sd_bus_message_read_basic(reply, type, &flag);
                ret_value->number = r > 0 && flag != 0;
                return r;
        }
}

/* Returns 1 if there is a value, 0 if it was skipped. */
static int read_variant(sd_bus_message *reply, struct value *ret_value)
{
        const char *contents;

        int r = sd_bus_message_peek_type(reply, NULL, &contents);
        if (r < 0)
                return r;
        bool list = strcmp(contents, "as") == 0;
        if (!list && (contents[1] != '\0' || strchr("stub", *contents) == NULL)) {
                r = sd_bus_message_skip(reply, "v");
                return r < 0 ? r : 0;
        }

        r = sd_bus_message_enter_container(reply, 'v', contents);
        if (r < 0)
                return r;
        ret_value->type = *contents;
        if (list)
                r = sd_bus_message_read_strv(reply, &ret_value->texts);
        else if (*contents == 's')
                r = sd_bus_message_read_basic(reply, 's', &ret_value->text);
        else
                r = read_number(reply, *contents, ret_value);
        if (r >= 0)
                r = sd_bus_message_exit_container(reply);
        return r < 0 ? r : 1;
}

static int read_fields(sd_bus_message *reply, struct row *row)
{
        int r;

        while ((r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
                row->fields = array_grow(row->fields, row->count, sizeof(*row->fields));
                struct field *field = &row->fields[row->count];
                *field = (struct field){ 0 };
                r = sd_bus_message_read_basic(reply, 's', &field->key);
                if (r >= 0)
                        r = read_variant(reply, &field->value);
                if (r > 0)
                        row->count++;
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
                if (r < 0)
                        return r;
        }
        return r;
}

int row_read(sd_bus_message *reply, struct row *ret_row)
{
        struct row row = { 0 };

        int r = sd_bus_message_enter_container(reply, 'a', "{sv}");
        if (r < 0)
                return r;
        if (r == 0)
                return -ENXIO;
        r = read_fields(reply, &row);
        if (r >= 0)
                r = sd_bus_message_exit_container(reply);
        if (r < 0)
                row_clear(&row);
        else
                *ret_row = row;
        return r < 0 ? r : 0;
}

void row_clear(struct row *row)
{
        for (size_t i = 0; i < row->count; i++) {
                struct value *value = &row->fields[i].value;
                if (value->type != 'a' || value->texts == NULL)
                        continue;
                for (char **text = value->texts; *text != NULL; text++)
                        free(*text);
                free(value->texts);
        }
        free(row->fields);
        *row = (struct row){ 0 };
}

int rows_read(struct rows *rows, sd_bus_message *reply)
{
        struct row row = { 0 };

        sd_bus_message **replies = array_grow(rows->replies, rows->reply_count, sizeof(*replies));
        rows->replies = replies;
        replies[rows->reply_count++] = sd_bus_message_ref(reply);

        int r = sd_bus_message_enter_container(reply, 'a', "a{sv}");
        if (r < 0)
                return r;
        while ((r = row_read(reply, &row)) >= 0) {
                rows->items = array_grow(rows->items, rows->count, sizeof(*rows->items));
                rows->items[rows->count++] = row;
        }
        return r == -ENXIO ? sd_bus_message_exit_container(reply) : r;
}

static int compare_rows(const void *left, const void *right, void *key)
{
        uint64_t a = row_number(left, key), b = row_number(right, key);

        return (a > b) - (a < b);
}

void rows_sort(struct rows *rows, const char *key)
{
        union {
                const char *key;
                void *passed; /* compare_rows() does not write to it */
        } argument = { .key = key };

        if (rows->count > 0)
                qsort_r(rows->items, rows->count, sizeof(*rows->items), compare_rows, argument.passed);
}

void rows_clear(struct rows *rows)
{
        for (size_t i = 0; i < rows->count; i++)
                row_clear(&rows->items[i]);
        for (size_t i = 0; i < rows->reply_count; i++)
                sd_bus_message_unref(rows->replies[i]);
        free(rows->items);
        free(rows->replies);
        *rows = (struct rows){ 0 };
}

const struct value *row_value(const struct row *row, const char *key)
{
        for (size_t i = 0; i < row->count; i++)
                if (strcmp(row->fields[i].key, key) == 0)
                        return &row->fields[i].value;
        return NULL;
}

const char *row_text(const struct row *row, const char *key)
{
        const struct value *value = row_value(row, key);

        return value != NULL && value->type == 's' ? value->text : NULL;
}

uint64_t row_number(const struct row *row, const char *key)
{
        const struct value *value = row_value(row, key);

        return value != NULL && (value->type == 't' || value->type == 'u') ? value->number : 0;
}

bool row_flag(const struct row *row, const char *key)
{
        const struct value *value = row_value(row, key);

        return value != NULL && value->type == 'b' && value->number != 0;
}

bool row_text_is(const struct row *row, const char *key, const char *text)
{
        const char *own = row_text(row, key);

        return own != NULL && strcmp(own, text) == 0;
}
