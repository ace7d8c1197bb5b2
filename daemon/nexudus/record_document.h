/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <yajl/yajl_parse.h>

#include "nexudus/json_text.h"
#include "nexudus/record_fields.h"
#include "nexudus/record_limits.h"
#include "util/reserve.h"

#define RECORD_EXPLANATION_MAX 300

/*
 * The document that a parser reports by callbacks, as far as it has been read. Everything up to `result` is
 * set by its owner before the first callback, the rest is zero.
 */
struct record_document {
        enum record_shape shape;
        struct record_limits limits;
        record_handler on_record;
        void *userdata;
        const struct reserve *reserve; /* of the parser; the callbacks stop when it is exhausted */

        int result; /* enum record_problem or negative errno: the first problem */
        char explanation[RECORD_EXPLANATION_MAX + 1];

        bool in_handler;
        bool is_envelope;    /* an object where an array was expected */
        size_t depth;        /* open containers */
        size_t fields_depth; /* the depth at which keys are fields of a record; 0: nothing was read yet */
        size_t rows;
        const struct record_field *field; /* of the next value; NULL: skip that value */
        struct record_reading reading;
        const struct record_field *kept_field; /* of the open object or array that is kept; NULL: none */
        struct json_text kept;
};

/* For yajl, with the document as the context. They stop the parser when `result` is set or memory runs out.
 */
extern const yajl_callbacks record_document_callbacks;

void record_document_clear(struct record_document *document);

/* Set `result` and its explanation unless there was a problem before. Return `result`. */
int record_document_fail(struct record_document *document, int result, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
int record_document_fail_memory(struct record_document *document);
int record_document_fail_string(struct record_document *document); /* RECORD_TOO_LONG */
