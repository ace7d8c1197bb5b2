/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <yajl/yajl_parse.h>

/* Minimal parsing of a body: yajl with callbacks that find the four relevant fields. Nothing is copied. */
struct plain_parse {
        size_t *target; /* where to store the length of the next value; NULL: nowhere */
        uint64_t records;
        size_t id, status, result, updated; /* lengths of the values */
};

/* Returns a parser for one body, or NULL when out of memory. */
yajl_handle plain_parse_new(struct plain_parse *parse);
