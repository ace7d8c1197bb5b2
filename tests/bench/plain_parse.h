/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <yajl/yajl_parse.h>

/*
 * The least that a program has to do with a body: yajl, and callbacks that find the four fields that matter.
 * Nothing is copied, checked or kept.
 */
struct plain_parse {
        size_t *wanted; /* where the next value belongs; NULL: nowhere */
        uint64_t records;
        size_t id, status, result, updated; /* lengths of what was found */
};

/* A parser for one body. NULL without memory. */
yajl_handle plain_parse_new(struct plain_parse *parse);
