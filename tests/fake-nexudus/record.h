/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>

#include "buffer.h"
#include "jobs.h"

enum record_shape {
        RECORD_FULL,
        RECORD_PARTIAL,      /* ResultData and most other fields are left out */
        RECORD_EMPTY_RESULT, /* ResultData is null, whatever it really is */
        RECORD_OPEN,         /* ResultData is "", for somebody who fills it */
};

/* Adds the job's JSON with this Id, which need not be its own. Returns where in the buffer ResultData's
 * closing quote stands when the shape is RECORD_OPEN, otherwise 0. */
size_t record_add(struct buffer *buffer, const struct job *job, uint64_t id, enum record_shape shape);

/* Adds so many bytes of text that is awkward everywhere: quotes, newlines, emoji, things a shell would run.
 */
void record_add_padding(struct buffer *buffer, size_t size);

/* The piece of it that is repeated. */
const char *record_padding(void);
