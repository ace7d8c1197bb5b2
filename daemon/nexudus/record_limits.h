/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/record.h"

/* What a body of job records may be, what may be wrong with it, and to whom its records are passed. */

enum record_shape {
        RECORD_SHAPE_OBJECT, /* GET …/{id} */
        RECORD_SHAPE_ARRAY,  /* GET …/?id=[…] */
};

/* Returned by record_reader_feed() and record_reader_finish() besides a negative errno. */
enum record_problem {
        RECORD_OK = 0,
        RECORD_MALFORMED = 1, /* not JSON, truncated, or with trailing data */
        RECORD_TOO_DEEP = 2,  /* nested deeper than depth_max */
        RECORD_TOO_LONG = 3,  /* beyond string_max, or a number longer than 1024 bytes */
        RECORD_TOO_MANY = 4,  /* more rows than records_max */
        RECORD_NOT_A_JOB = 5, /* JSON of another shape, or an object without Id, such as an error envelope */
};

struct record_limits {
        size_t depth_max;   /* levels of nesting; the outermost value is level 1 */
        size_t string_max;  /* decoded bytes of a string or key, of which up to six times as many are held;
                               bytes of a Status or ResultData that is an object or array, as JSON text */
        size_t records_max; /* rows of an array */
        bool brief;         /* read only the fields that show whether a job has changed */
};

/*
 * Called for each record when its object ends, from within record_reader_feed(). The record is borrowed and
 * cleared when the callback returns; texts to keep are copied or stolen (set to TEXT_NULL). A negative errno
 * stops the reader and is returned by feed(). The callback must not free the reader.
 */
typedef int (*record_handler)(void *userdata, struct job_record *record);
