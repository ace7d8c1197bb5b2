/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "buffer.h"
#include "jobs.h"

enum record_shape {
        RECORD_FULL,
        RECORD_PARTIAL,      /* ResultData and most other fields are left out */
        RECORD_EMPTY_RESULT, /* ResultData is always null */
        RECORD_OPEN,         /* ResultData is "", to be filled by the caller */
};

/*
 * Adds the JSON of the job with this Id, which can differ from its own. Returns the offset of the closing
 * quote of ResultData in the buffer for RECORD_OPEN, otherwise 0.
 */
size_t record_add(struct buffer *buffer, const struct job *job, uint64_t id, enum record_shape shape);

/* Adds so many bytes of text that needs escaping: quotes, newlines, emoji, shell substitutions. */
void record_add_padding(struct buffer *buffer, size_t size);

/* The repeated pattern. */
const char *record_padding(void);
