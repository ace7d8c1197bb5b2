/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

/* The bytes of an answer: a text, into which JSON-escaped filling may be put at one place. The filling is
 * made as it is read, so a body of any size takes no memory. */
struct body {
        struct buffer text;
        size_t fill_at;
        uint64_t fill_size;
};

uint64_t body_size(const struct body *body);

/* Copies the bytes at this place; returns how many, 0 at the end. */
size_t body_read(const struct body *body, uint64_t at, char *data, size_t size);

/* A body read as gzip. */
struct body_gzip;

struct body_gzip *body_gzip_new(const struct body *body);
struct body_gzip *body_gzip_free(struct body_gzip *gzip);

/* The next bytes; returns how many, 0 at the end, or -1. */
long body_gzip_read(struct body_gzip *gzip, char *data, size_t size);
