/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/record.h"

/*
 * Reads job records out of a JSON body that arrives in pieces of any size, without ever holding the body.
 *
 * Two shapes are understood: one object, and an array of such objects. Names are compared exactly, and at the
 * record's own level only. Unknown fields are skipped whatever they hold; of the same field given twice the
 * last counts. A reader is used for one body and then freed.
 *
 * What becomes of a value: Id must be a whole number from 1 to 2^63-1, written plainly (not "1", 1.0 or 1e3),
 * or the object is no job. A text that comes as a number or boolean is that text ("3", "true"); as an object
 * or array it is absent: null, and has_status or has_result false. BusinessId of any other type is 0. Every
 * text is well-formed UTF-8: a body that is not is malformed, and a \uXXXX that is half of a surrogate pair
 * without the other half becomes U+FFFD. A byte order mark is skipped.
 *
 * Nothing that a reader hands up may be acted upon before record_reader_finish() has returned 0: until then
 * the document may turn out to be cut short or to be no JSON at all.
 */
struct record_reader;

enum record_shape {
        RECORD_SHAPE_OBJECT, /* GET …/{id} */
        RECORD_SHAPE_ARRAY,  /* GET …/?id=[…] */
};

/* What record_reader_feed() and record_reader_finish() return beside 0 and a negative errno. */
enum record_problem {
        RECORD_OK = 0,
        RECORD_MALFORMED = 1, /* not JSON, cut short, or followed by something else */
        RECORD_TOO_DEEP = 2,  /* nested deeper than depth_max */
        RECORD_TOO_LONG = 3,  /* a string beyond string_max, or a number of more than 1024 bytes */
        RECORD_TOO_MANY = 4,  /* more rows than records_max */
        RECORD_NOT_A_JOB =
                5, /* valid JSON of another shape, or an object without Id: an error envelope, say */
};

struct record_limits {
        size_t depth_max;   /* nesting, the outermost value being 1 */
        size_t string_max;  /* decoded bytes of a string or key; up to six times that is held */
        size_t records_max; /* rows of an array */
        bool brief;         /* leave out what does not show whether a job has changed */
};

/*
 * Called for each record as soon as its object closes, from within record_reader_feed(). The record is the
 * reader's and is gone when the callback returns; texts that are to be kept are copied or stolen (set to
 * TEXT_NULL). A negative errno ends the reading and is what feed() then returns. The callback must not free
 * the reader.
 */
typedef int (*record_handler)(void *userdata, struct job_record *record);

/* `limits` is copied. `on_record` must not be NULL. Returns -ENOMEM. */
int record_reader_new(enum record_shape shape, const struct record_limits *limits, record_handler on_record,
                      void *userdata, struct record_reader **ret_reader);
struct record_reader *record_reader_free(struct record_reader *reader);

/*
 * Takes the next `size` bytes of the body. Returns 0, a record_problem, or a negative errno (-ENOMEM, or the
 * handler's). After anything but 0 the reader takes no more: further calls return the same value. What is
 * returned, and which records came up before, depends on the body alone and not on how it was cut into
 * pieces.
 */
int record_reader_feed(struct record_reader *reader, const void *data, size_t size);

/*
 * Says that the body is over. Returns as feed() does; 0 means that the document was whole and of the right
 * shape.
 */
int record_reader_finish(struct record_reader *reader);

/*
 * After a problem: what it was, for a person ("cut short at byte 311", "nested deeper than 64 levels", "an
 * object without Id; it carries WasSuccessful: 'false', Message: 'Not found'"). One line, control characters
 * escaped, at most 300 bytes. Never NULL; the reader's.
 */
const char *record_reader_explain(const struct record_reader *reader);
