/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A growing text. Zeroed is empty. When out of memory `failed` is set and further additions are dropped, so
 * that a caller checks once at the end. `data` is NUL-terminated only by buffer_text().
 */
struct buffer {
        char *data;
        size_t size;
        size_t room;
        bool failed;
};

void buffer_add(struct buffer *buffer, const void *data, size_t size);
void buffer_add_text(struct buffer *buffer, const char *text);
void buffer_add_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The decimal digits of a number; faster than buffer_add_format(). */
void buffer_add_number(struct buffer *buffer, uint64_t number);

/*
 * The bytes as a quoted JSON string. Invalid UTF-8 is copied if `verbatim`; otherwise the bytes are read as
 * Latin-1.
 */
void buffer_add_json(struct buffer *buffer, const char *data, size_t size, bool verbatim);

/* A quoted JSON string, or null when text is NULL. */
void buffer_add_json_text(struct buffer *buffer, const char *text);

/* Adds the content of a file, terminated as by buffer_text(). Returns 0 or a negative errno. */
int buffer_add_file(struct buffer *buffer, const char *path);

/* Returns the text with a terminating NUL, which is not part of its size; NULL when out of memory. */
const char *buffer_text(struct buffer *buffer);

/* Frees the data. The buffer is empty and can be used again. */
void buffer_release(struct buffer *buffer);
