/* SPDX-License-Identifier: MIT */

/* Dictionaries as JSON. The generator escapes control characters; the bus has checked the UTF-8. */

#include "ctl/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "util/memory.h"

static void print(void *unused, const char *text, size_t size)
{
        (void)unused;
        (void)fwrite(text, 1, size, stdout);
}

static yajl_gen generator_new(bool pretty)
{
        static const yajl_alloc_funcs memory = { .malloc = memory_malloc,
                                                 .realloc = memory_realloc,
                                                 .free = memory_free };
        yajl_gen generator = memory_need(yajl_gen_alloc(&memory));

        (void)yajl_gen_config(generator, yajl_gen_print_callback, print, NULL);
        (void)yajl_gen_config(generator, yajl_gen_validate_utf8, 1);
        if (pretty) {
                (void)yajl_gen_config(generator, yajl_gen_beautify, 1);
                (void)yajl_gen_config(generator, yajl_gen_indent_string, "  ");
        }
        return generator;
}

static void put_text(yajl_gen generator, const char *text)
{
        (void)yajl_gen_string(generator, (const unsigned char *)text, strlen(text));
}

static void put_value(yajl_gen generator, const struct value *value)
{
        char number[32];

        switch (value->type) {
        case 's':
                put_text(generator, value->text);
                break;
        case 'b':
                (void)yajl_gen_bool(generator, value->number != 0);
                break;
        case 'a':
                (void)yajl_gen_array_open(generator);
                for (char **text = value->texts; text != NULL && *text != NULL; text++)
                        put_text(generator, *text);
                (void)yajl_gen_array_close(generator);
                break;
        default: /* yajl_gen_integer() has a sign */
                (void)yajl_gen_number(generator, number,
                                      (size_t)snprintf(number, sizeof(number), "%" PRIu64, value->number));
                break;
        }
}

static void put_row(yajl_gen generator, const struct row *row)
{
        (void)yajl_gen_map_open(generator);
        for (size_t i = 0; i < row->count; i++) {
                put_text(generator, row->fields[i].key);
                put_value(generator, &row->fields[i].value);
        }
        (void)yajl_gen_map_close(generator);
}

static void finish(yajl_gen generator, bool pretty)
{
        yajl_gen_free(generator);
        if (!pretty) /* else the generator has ended the line */
                (void)putchar('\n');
}

void json_print_row(const struct row *row, bool pretty)
{
        yajl_gen generator = generator_new(pretty);

        put_row(generator, row);
        finish(generator, pretty);
}

void json_print_rows(const struct rows *rows, bool pretty)
{
        yajl_gen generator = generator_new(pretty);

        (void)yajl_gen_array_open(generator);
        for (size_t i = 0; i < rows->count; i++)
                put_row(generator, &rows->items[i]);
        (void)yajl_gen_array_close(generator);
        finish(generator, pretty);
}
