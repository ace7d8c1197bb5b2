/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * For the tests of the record reader. Every document is fed in one piece, in pieces of 1, 2, 3 and 7 bytes
 * and, if it is short, split in two at every byte: the result and the records must be the same each time.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nexudus/record_fields.h"
#include "nexudus/record_reader.h"
#include "util/cleanup.h"
#include "util/text.h"

#define EVERY_CUT_MAX 400 /* longer documents are not split at every byte */

#define ROWS_MAX 100

/*
 * The records that were read, as one text: a line "id|status|result|…" each, null as "-". Behind those of a
 * page that is complete, "page CurrentPage/TotalItems", with "+" if there is a next one.
 */
struct outcome {
        int result;
        char *records;
        size_t size;
        FILE *stream;
        char explanation[400];
        int handler_result; /* what the handler returns for the second record */
        size_t count;
};

static void print_text(FILE *stream, const struct text *text)
{
        if (text->data == NULL) {
                fputs("|-", stream);
                return;
        }
        assert_int_equal(text->data[text->size], '\0');
        fputs("|", stream);
        fwrite(text->data, 1, text->size, stream);
}

static int on_record(void *userdata, struct job_record *record)
{
        struct outcome *outcome = userdata;

        if (++outcome->count == 2 && outcome->handler_result != 0)
                return outcome->handler_result;

        const struct text *texts[] = {
                &record->status,   &record->result, &record->guid,  &record->description, &record->files,
                &record->business, &record->user,   &record->email, &record->created_on,  &record->updated_on,
        };
        fprintf(outcome->stream, "%ju", (uintmax_t)record->id);
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                print_text(outcome->stream, texts[i]);
        fprintf(outcome->stream, "|%ju|%s%s%s%s\n", (uintmax_t)record->business_id,
                record->has_status ? "s" : "", record->has_result ? "r" : "",
                record->status_is_json ? "S" : "", record->result_is_json ? "R" : "");

        /* Stealing a text must be possible. */
        text_clear(&record->description);
        return 0;
}

static void print_page(FILE *stream, const struct search_page *page)
{
        fprintf(stream, "page %ju/", (uintmax_t)page->number);
        if (page->has_total)
                fprintf(stream, "%ju", (uintmax_t)page->total);
        else
                assert_int_equal(page->total, 0);
        fprintf(stream, "%s\n", page->has_next ? "+" : "");
}

static inline void outcome_clear(struct outcome *outcome)
{
        free(outcome->records);
        *outcome = (struct outcome){ 0 };
}

/* Feeds `first` bytes, then pieces of `step` bytes. */
static inline struct outcome read_body(enum record_shape shape, size_t records_max, const char *body,
                                       size_t size, size_t first, size_t step, int handler_result)
{
        struct outcome outcome = { .handler_result = handler_result };
        struct record_reader *reader = NULL;
        size_t at = 0;
        int r = 0;

        outcome.stream = open_memstream(&outcome.records, &outcome.size);
        assert_non_null(outcome.stream);
        reader = record_reader_new(shape, records_max, on_record, &outcome);
        assert_string_equal(record_reader_explain(reader), "no problem");

        while (r == 0 && at < size) {
                size_t piece = at == 0 && first > 0 ? first : step;
                if (piece > size - at)
                        piece = size - at;
                /* A copy, so that a sanitizer finds reads beyond the piece. */
                char *copy = malloc(piece);
                assert_non_null(copy);
                memcpy(copy, body + at, piece);
                r = record_reader_feed(reader, copy, piece);
                free(copy);
                at += piece;
        }
        outcome.result = record_reader_finish(reader);
        if (outcome.result == 0 && shape == RECORD_SHAPE_PAGE)
                print_page(outcome.stream, record_reader_page(reader));
        if (r != 0) {
                assert_int_equal(outcome.result, r);
                assert_int_equal(record_reader_feed(reader, " ", 1), r);
        }
        assert_true(strlen(record_reader_explain(reader)) <= 300);
        assert_true(strlen(record_reader_explain(reader)) > 0);
        strcpy(outcome.explanation, record_reader_explain(reader));
        assert_null(record_reader_free(reader));
        fclose(outcome.stream);
        return outcome;
}

static inline void assert_same(struct outcome *left, const struct outcome *right)
{
        assert_int_equal(left->result, right->result);
        assert_int_equal(left->size, right->size);
        assert_memory_equal(left->records, right->records, left->size);
        outcome_clear(left);
}

/* The outcome of the document, after checking that its division into pieces makes no difference. */
static inline struct outcome read_in_all_pieces(enum record_shape shape, size_t records_max, const char *body,
                                                size_t size)
{
        static const size_t steps[] = { 1, 2, 3, 7 };
        struct outcome whole = read_body(shape, records_max, body, size, 0, size + 1, 0), other;

        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
                other = read_body(shape, records_max, body, size, 0, steps[i], 0);
                assert_same(&other, &whole);
        }
        for (size_t cut = 1; size <= EVERY_CUT_MAX && cut < size; cut++) {
                other = read_body(shape, records_max, body, size, cut, size, 0);
                assert_same(&other, &whole);
        }
        return whole;
}

static inline void expect_sized(enum record_shape shape, size_t records_max, const char *body, size_t size,
                                int result, const char *records, size_t records_size)
{
        struct outcome outcome = read_in_all_pieces(shape, records_max, body, size);

        if (outcome.result != result)
                fail_msg("%.200s: %d (%s), expected %d", body, outcome.result, outcome.explanation, result);
        if (records != NULL &&
            (records_size != outcome.size || memcmp(records, outcome.records, records_size)))
                fail_msg("%.200s: '%s', expected '%s'", body, outcome.records, records);
        outcome_clear(&outcome);
}

#define EXPECT_OBJECT(body, result, records)                                                                 \
        expect_sized(RECORD_SHAPE_OBJECT, ROWS_MAX, body, sizeof(body) - 1, result, records,                 \
                     sizeof(records) - 1)
#define EXPECT_ARRAY(body, result, records)                                                                  \
        expect_sized(RECORD_SHAPE_ARRAY, ROWS_MAX, body, sizeof(body) - 1, result, records,                  \
                     sizeof(records) - 1)
#define EXPECT_PAGE(body, result, records)                                                                   \
        expect_sized(RECORD_SHAPE_PAGE, ROWS_MAX, body, sizeof(body) - 1, result, records,                   \
                     sizeof(records) - 1)

/* The rest of a record that has only Status and ResultData. */
#define REST "|-|-|-|-|-|-|-|-|0|"

static inline void expect_explanation(enum record_shape shape, size_t records_max, const char *body,
                                      int result, const char *explanation)
{
        struct outcome outcome = read_in_all_pieces(shape, records_max, body, strlen(body));

        assert_int_equal(outcome.result, result);
        assert_string_equal(outcome.explanation, explanation);
        outcome_clear(&outcome);
}

static const char documented[] =
        "{\"BusinessId\":0,\"BusinessName\":null,\"UserId\":null,\"UserFullName\":null,\"UserEmail\":null,"
        "\"JobId\":null,\"Description\":null,\"Files\":null,\"Status\":null,\"ResultData\":null,"
        "\"Id\":87654321,\"UpdatedOn\":\"2025-01-15T10:30:00Z\",\"CreatedOn\":\"2025-01-10T08:00:00Z\","
        "\"UniqueId\":\"a1b2c3d4-e5f6-7890-abcd-ef1234567890\",\"UpdatedBy\":\"admin@example.com\","
        "\"IsNew\":false,\"SystemId\":null,\"ToStringText\":\"BusinessBackgroundJob Example\","
        "\"LocalizationDetails\":null,\"CustomFields\":null}";
