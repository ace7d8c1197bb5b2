/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "jobs.h"

enum record_shape {
        RECORD_FULL,
        RECORD_PARTIAL,      /* ResultData and most other fields are left out */
        RECORD_EMPTY_RESULT, /* ResultData is always null */
        RECORD_OPEN,         /* ResultData is "", to be filled by the caller */
};

/* Adds "NAME": with a comma if it is needed, unless `omit`, which may be NULL, lists the name. Returns
 * whether. */
bool record_begin_field(struct buffer *buffer, const char *name, const char *omit);

struct record_form {
        uint64_t id; /* can differ from that of the job */
        enum record_shape shape;
        const char *omit; /* names of fields that are left out; may be NULL */
};

/*
 * Adds the JSON of the job. Returns the offset of the closing quote of ResultData in the buffer for
 * RECORD_OPEN, otherwise 0.
 */
size_t record_add(struct buffer *buffer, const struct job *job, const struct record_form *form);

/* Adds so many bytes of text that needs escaping: quotes, newlines, emoji, shell substitutions. */
void record_add_padding(struct buffer *buffer, size_t size);

/* The repeated pattern. */
const char *record_padding(void);
