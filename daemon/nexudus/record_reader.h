/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include "model/record.h"
#include "nexudus/search_page.h"

/*
 * Reads job records from a JSON body that arrives in pieces of any size, without holding the whole body.
 *
 * Three shapes are read: one object, an array of such objects, and a page of the search, which is an object
 * with such an array in its field Records, before or behind the fields of struct search_page. Names are
 * compared exactly, and at the level of the record or of the page only. Unknown fields are skipped; of a
 * repeated field the last value counts, but Records must not be repeated. A reader is used for one body and
 * then freed.
 *
 * Values: Id must be an integer from 1 to 2^63-1 without quotes, fraction or exponent; otherwise the object
 * is not a job. A text given as a number or boolean is its JSON text ("3", "true"). So is Status or
 * ResultData given as an object or array: without white space, numbers as they were sent, and only the
 * escapes that JSON requires, so that equal values give equal texts; status_is_json or result_is_json is then
 * set. Any other text given as an object or array is null. BusinessId of any other type is 0. Texts other
 * than Status and ResultData are cut at RECORD_DETAIL_MAX bytes. Every text is valid UTF-8: a body that is
 * not is malformed, and a \uXXXX that is a lone surrogate becomes U+FFFD. A byte order mark is skipped.
 *
 * Records must not be acted upon before record_reader_finish() has returned 0: until then the document may
 * turn out to be truncated or malformed.
 */
struct record_reader;

enum record_shape {
        RECORD_SHAPE_OBJECT, /* GET …/{id} */
        RECORD_SHAPE_ARRAY,  /* GET …/?id=[…] */
        RECORD_SHAPE_PAGE,   /* GET …?page=… */
};

/*
 * Called for each record when its object ends, from within record_reader_feed(). The record is borrowed and
 * cleared when the callback returns; texts to keep are copied or stolen (set to TEXT_NULL). A negative errno
 * stops the reader and is returned by feed(). The callback must not free the reader.
 */
typedef int (*record_handler)(void *userdata, struct job_record *record);

/* `records_max` is that of the rows of an array or a page. `on_record` must not be NULL. Never NULL. */
struct record_reader *record_reader_new(enum record_shape shape, size_t records_max, record_handler on_record,
                                        void *userdata);
/* Accepts NULL, returns NULL. Must not be called from the callback. */
struct record_reader *record_reader_free(struct record_reader *reader);

/*
 * Reads the next `size` bytes of the body. Returns 0, or the first failure: -EBADMSG, it is not JSON; -E2BIG,
 * it is nested too deep or has more rows than records_max; -ENOMSG, JSON of another shape, or an object
 * without Id or Records, such as an error envelope; or what the handler returned. The records and the result
 * of finish() depend on the body alone, not on how it is split into pieces.
 */
int record_reader_feed(struct record_reader *reader, const void *data, size_t size);

/* Ends the body. Returns as feed() does, or -ENODATA: it is truncated. 0: complete and of the right shape. */
int record_reader_finish(struct record_reader *reader);

/* Of a page, after finish() has returned 0. Borrowed from the reader. */
const struct search_page *record_reader_page(const struct record_reader *reader);

/*
 * After a failure, its description: "truncated at byte 311", "nested deeper than 64 levels", "an object
 * without Id; it has WasSuccessful: 'false', Message: 'Not found'". One line, control characters escaped, at
 * most 300 bytes. Never NULL; borrowed from the reader.
 */
const char *record_reader_explain(const struct record_reader *reader);
