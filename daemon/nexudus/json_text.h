/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include "util/text.h"

/*
 * Writes the JSON text of one value token by token, as a parser reports it. Without white space, with numbers
 * as they were sent and only those escapes that JSON requires: equal values give equal texts, and a text is
 * never longer than the value was.
 */
struct json_text {
        char *data;
        size_t size, capacity;
        size_t max; /* bytes of the text; set by the owner before the first token */
};

/*
 * Append a token, with the comma that may belong before it. Return 0, -EMSGSIZE if the text would be longer
 * than `max`, or -ENOMEM; after an error the text is incomplete and can only be cleared.
 */
int json_text_open(struct json_text *json, char bracket);
int json_text_close(struct json_text *json, char bracket);
int json_text_add_bare(struct json_text *json, const char *token, size_t size); /* a number or a literal */
int json_text_add_string(struct json_text *json, const char *data, size_t size);
int json_text_add_key(struct json_text *json, const char *data, size_t size);

/* Moves the text, at least one token, to *ret_text and starts another one. */
void json_text_take(struct json_text *json, struct text *ret_text);
void json_text_clear(struct json_text *json);
