/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text that grows. Zeroed is empty. Once memory has run out `failed` stays set and further additions are
 * dropped, so that a caller checks once at the end. `data` has no terminating NUL unless buffer_text() was
 * called. */
struct buffer {
        char *data;
        size_t size;
        size_t room;
        bool failed;
};

void buffer_add(struct buffer *buffer, const void *data, size_t size);
void buffer_add_text(struct buffer *buffer, const char *text);
void buffer_add_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The decimal digits of a number; what buffer_add_format() does, but cheap. */
void buffer_add_number(struct buffer *buffer, uint64_t number);

/* The bytes as a quoted JSON string. What is not UTF-8 goes through as it is when `verbatim`, otherwise the
 * whole is read as Latin-1. */
void buffer_add_json(struct buffer *buffer, const char *data, size_t size, bool verbatim);

/* A quoted JSON string, or null when text is NULL. */
void buffer_add_json_text(struct buffer *buffer, const char *text);

/* All that a file holds, terminated as buffer_text() does. Returns 0 or a negative errno. */
int buffer_add_file(struct buffer *buffer, const char *path);

/* Terminates with a NUL that does not count and returns the text; NULL when memory ran out. */
const char *buffer_text(struct buffer *buffer);

/* Frees what it holds; the buffer is empty and can be used again. */
void buffer_release(struct buffer *buffer);
