/* SPDX-License-Identifier: MIT */

/*
 * The JSON text of a value. The last byte written shows whether a comma belongs before the next token: a
 * string ends with a quote, so an opening bracket or a colon at the end is punctuation.
 */

#include "nexudus/json_text.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_START 256

static int append(struct json_text *json, const char *data, size_t size)
{
        if (size > json->max - json->size)
                return -EMSGSIZE;
        if (size >= json->capacity - json->size) { /* a NUL is added at the end */
                size_t capacity = 2 * (json->size + size) + CAPACITY_START;
                char *grown = realloc(json->data, capacity);
                if (grown == NULL)
                        return -ENOMEM;
                json->data = grown;
                json->capacity = capacity;
        }
        memcpy(json->data + json->size, data, size);
        json->size += size;
        return 0;
}

static int append_byte(struct json_text *json, char byte)
{
        return append(json, &byte, 1);
}

static int separate(struct json_text *json)
{
        char last = '[';

        if (json->size > 0)
                last = json->data[json->size - 1];

        return last == '{' || last == '[' || last == ':' ? 0 : append_byte(json, ',');
}

static bool needs_escape(char byte)
{
        return (unsigned char)byte < 0x20 || byte == '"' || byte == '\\';
}

static int append_escape(struct json_text *json, char byte)
{
        static const char short_from[] = "\"\\\b\f\n\r\t", short_to[] = "\"\\bfnrt",
                          digits[] = "0123456789abcdef";
        const char *at = memchr(short_from, byte, sizeof(short_from) - 1);

        if (at != NULL) {
                const char escape[] = { '\\', short_to[at - short_from] };
                return append(json, escape, sizeof(escape));
        }
        const char escape[] = { '\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 0xf] };
        return append(json, escape, sizeof(escape));
}

int json_text_open(struct json_text *json, char bracket)
{
        assert(bracket == '{' || bracket == '[');
        int r = separate(json);

        return r < 0 ? r : append_byte(json, bracket);
}

int json_text_close(struct json_text *json, char bracket)
{
        assert(bracket == '}' || bracket == ']');
        return append_byte(json, bracket);
}

int json_text_add_bare(struct json_text *json, const char *token, size_t size)
{
        int r = separate(json);

        return r < 0 ? r : append(json, token, size);
}

int json_text_add_string(struct json_text *json, const char *data, size_t size)
{
        size_t plain = 0;
        int r = separate(json);

        if (r >= 0)
                r = append_byte(json, '"');
        for (size_t i = 0; i < size && r >= 0; i++) {
                if (!needs_escape(data[i]))
                        continue;
                r = append(json, data + plain, i - plain);
                if (r >= 0)
                        r = append_escape(json, data[i]);
                plain = i + 1;
        }
        if (r >= 0)
                r = append(json, data + plain, size - plain);
        return r < 0 ? r : append_byte(json, '"');
}

int json_text_add_key(struct json_text *json, const char *data, size_t size)
{
        int r = json_text_add_string(json, data, size);

        return r < 0 ? r : append_byte(json, ':');
}

void json_text_take(struct json_text *json, struct text *ret_text)
{
        assert(json->size > 0);
        char *data = realloc(json->data, json->size + 1);

        if (data == NULL)
                data = json->data; /* cannot shrink: as good */
        data[json->size] = '\0';
        *ret_text = (struct text){ data, json->size };
        *json = (struct json_text){ .max = json->max };
}

void json_text_clear(struct json_text *json)
{
        free(json->data);
        *json = (struct json_text){ .max = json->max };
}
