/* SPDX-License-Identifier: MIT */

/*
 * Arbitrary bytes as a body for the record reader. The first four bytes select the shape, whether the limits
 * are tight, and a seed for the sizes of the pieces; the rest is the body. It is read twice, in one piece and
 * in several, with the same result, the same records and the same page. Every text is valid UTF-8 within the
 * limits, and the text of an object or an array is JSON.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nexudus/record_reader.h"
#include "utf8_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD_SIZE 4

struct collected {
        size_t records_max;
        size_t body_size; /* a text is never longer */
        uint64_t digest;
        size_t count;
};

static void check(bool condition)
{
        if (!condition)
                abort();
}

static void collect_number(struct collected *collected, uint64_t number)
{
        for (int i = 0; i < 8; i++) {
                collected->digest ^= (number >> (8 * i)) & 0xff;
                collected->digest *= UINT64_C(0x100000001b3);
        }
}

static void collect_text(struct collected *collected, const struct text *text)
{
        collect_number(collected, text->data == NULL ? UINT64_MAX : text->size);
        if (text->data == NULL) {
                check(text->size == 0);
                return;
        }
        check(text->data[text->size] == '\0');
        check(is_utf8((const unsigned char *)text->data, text->size));
        check(text->size <= collected->body_size);
        for (size_t i = 0; i < text->size; i++)
                collect_number(collected, (unsigned char)text->data[i]);
}

static int skip_record(void *userdata, struct job_record *record)
{
        (void)userdata;
        (void)record;
        return 0;
}

/* The text of an object or an array is JSON itself: as a skipped value of a record it is read without error.
 */
static void check_json(const struct collected *collected, const struct text *text, bool is_json)
{
        struct record_reader *reader = NULL;

        if (!is_json)
                return;
        check(text->size >= 2);
        reader = record_reader_new(RECORD_SHAPE_OBJECT, collected->records_max, skip_record, NULL);
        check(record_reader_feed(reader, "{\"Id\":1,\"x\":", 12) == 0);
        check(record_reader_feed(reader, text->data, text->size) == 0);
        check(record_reader_feed(reader, "}", 1) == 0);
        check(record_reader_finish(reader) == 0);
        record_reader_free(reader);
}

static int on_record(void *userdata, struct job_record *record)
{
        struct collected *collected = userdata;
        const struct text *texts[] = {
                &record->status,   &record->result, &record->guid,  &record->description, &record->files,
                &record->business, &record->user,   &record->email, &record->created_on,  &record->updated_on,
        };

        check(record->id > 0 && record->id <= INT64_MAX);
        check(record->business_id <= INT64_MAX);
        check(record->status.data == NULL || record->has_status);
        check(record->result.data == NULL || record->has_result);
        check_json(collected, &record->status, record->status_is_json);
        check_json(collected, &record->result, record->result_is_json);
        collected->count++;
        collect_number(collected, record->id);
        collect_number(collected, record->business_id);
        collect_number(collected, record->has_status);
        collect_number(collected, record->has_result);
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                collect_text(collected, texts[i]);

        /* Some handlers steal, and some fail. */
        text_clear(&record->result);
        return record->id == 13 ? -7 : 0;
}

static void collect_page(struct collected *collected, const struct search_page *page)
{
        check(page->number <= INT64_MAX && page->total <= INT64_MAX);
        check(page->has_total || page->total == 0);
        collect_number(collected, page->number);
        collect_number(collected, page->total);
        collect_number(collected, page->has_total);
        collect_number(collected, page->has_next);
}

/* The size of the next piece: mostly small. */
static size_t piece_size(uint32_t *seed)
{
        *seed = *seed * 1664525 + 1013904223;
        return (*seed >> 28) == 0 ? *seed >> 12 : 1 + (*seed >> 24) % 24;
}

static int read_body(enum record_shape shape, const uint8_t *body, size_t size, uint32_t seed,
                     struct collected *collected)
{
        struct record_reader *reader = NULL;
        size_t at = 0;
        int r = 0;

        reader = record_reader_new(shape, collected->records_max, on_record, collected);
        while (r == 0 && at < size) {
                size_t piece = seed == 0 ? size : piece_size(&seed);
                if (piece > size - at)
                        piece = size - at;
                r = record_reader_feed(reader, body + at, piece);
                at += piece;
        }
        if (r == 0)
                r = record_reader_finish(reader);
        check(record_reader_finish(reader) == r);
        if (r == 0 && shape == RECORD_SHAPE_PAGE)
                collect_page(collected, record_reader_page(reader));

        const char *explanation = record_reader_explain(reader);
        check(strlen(explanation) > 0 && strlen(explanation) <= 300);
        check(is_utf8((const unsigned char *)explanation, strlen(explanation)));
        for (const char *c = explanation; *c != '\0'; c++)
                check((unsigned char)*c >= 0x20 && *c != 0x7f);
        record_reader_free(reader);
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size < HEAD_SIZE)
                return 0;
        enum record_shape shape = data[0] & 4   ? RECORD_SHAPE_PAGE
                                  : data[0] & 1 ? RECORD_SHAPE_ARRAY
                                                : RECORD_SHAPE_OBJECT;
        size_t records_max = data[0] & 2 ? 2 : 100;
        uint32_t seed = ((uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3]) + 1;
        struct collected whole = { .records_max = records_max, .body_size = size - HEAD_SIZE },
                         pieces = whole;

        int whole_result = read_body(shape, data + HEAD_SIZE, size - HEAD_SIZE, 0, &whole);
        int pieces_result = read_body(shape, data + HEAD_SIZE, size - HEAD_SIZE, seed, &pieces);
        check(whole_result == pieces_result);
        check(whole.count == pieces.count && whole.digest == pieces.digest);
        check(whole.count <= records_max);
        return 0;
}
