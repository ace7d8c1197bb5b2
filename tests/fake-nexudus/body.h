/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

/*
 * The bytes of an answer: a text with optional JSON-escaped filling at one offset. The filling is generated
 * while it is read, so its size needs no memory.
 */
struct body {
        struct buffer text;
        size_t fill_at;
        uint64_t fill_size;
};

uint64_t body_size(const struct body *body);

/* Copies the bytes at this offset. Returns how many, 0 at the end. */
size_t body_read(const struct body *body, uint64_t at, char *data, size_t size);

/* A body read as gzip. */
struct body_gzip;

struct body_gzip *body_gzip_new(const struct body *body);
struct body_gzip *body_gzip_free(struct body_gzip *gzip);

/* Reads the next bytes. Returns how many, 0 at the end, -1 on failure. */
long body_gzip_read(struct body_gzip *gzip, char *data, size_t size);
