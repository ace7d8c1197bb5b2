/* SPDX-License-Identifier: MIT */

/*
 * Events with arbitrary texts. The first bytes select the kind and which texts are null; the rest is split
 * into the texts at each 0xfe. The document must be JSON, and every text must read back unchanged, or as
 * valid UTF-8 if it was not.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "delivery/payload.h"
#include "utf8_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD_SIZE  8
#define TEXT_COUNT 13

static void check(bool condition)
{
        if (!condition)
                abort();
}

/* The texts in the order of the document, and how many have been read back. */
struct expected {
        const struct text *texts[TEXT_COUNT];
        size_t count, seen;
        bool skip; /* a value that is not a remote text */
};

static int on_key(void *userdata, const unsigned char *data, size_t size)
{
        static const char *const others[] = { "schema", "event",   "event_id", "time",
                                              "id",     "outcome", "attempt" };
        struct expected *expected = userdata;

        expected->skip = false;
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                expected->skip |= size == strlen(others[i]) && memcmp(data, others[i], size) == 0;
        return 1;
}

static int on_string(void *userdata, const unsigned char *data, size_t size)
{
        struct expected *expected = userdata;

        check(is_utf8(data, size));
        if (expected->skip)
                return 1;
        check(expected->seen < expected->count);
        const struct text *text = expected->texts[expected->seen++];
        check(text->data != NULL);
        if (is_utf8((const unsigned char *)text->data, text->size))
                check(size == text->size && memcmp(data, text->data, size) == 0);
        else
                check(size >= text->size);
        return 1;
}

static int on_null(void *userdata)
{
        struct expected *expected = userdata;

        if (!expected->skip) {
                check(expected->seen < expected->count);
                check(expected->texts[expected->seen++]->data == NULL);
        }
        return 1;
}

static void read_back(const char *document, size_t size, struct expected *expected)
{
        static const yajl_callbacks callbacks = { .yajl_map_key = on_key,
                                                  .yajl_string = on_string,
                                                  .yajl_null = on_null };
        yajl_handle parser = yajl_alloc(&callbacks, NULL, expected);

        check(parser != NULL);
        check(size > 0 && document[size - 1] == '\n' && document[size] == '\0' && strlen(document) == size);
        check(yajl_parse(parser, (const unsigned char *)document, size) == yajl_status_ok);
        check(yajl_complete_parse(parser) == yajl_status_ok);
        check(expected->seen == expected->count);
        yajl_free(parser);
}

/* Returns the next text of the input, or null. */
static void next_text(const uint8_t **data, size_t *size, bool is_null, struct text *ret_text)
{
        const uint8_t *end = memchr(*data, 0xfe, *size);
        size_t length = end != NULL ? (size_t)(end - *data) : *size;

        text_from(is_null ? NULL : (const char *)*data, length, ret_text);
        *size -= length + (end != NULL);
        *data += length + (end != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct event event = { .id = "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0" };
        struct job_record *record = &event.record;
        struct text *const texts[TEXT_COUNT] = {
                &event.job_name,      &record->guid,       &record->description, &record->business,
                &record->files,       &record->created_on, &record->updated_on,  &record->user,
                &record->email,       &record->status,     &event.status_before, &record->result,
                &event.result_before,
        };
        struct expected expected = { .count = 0 };

        if (size < HEAD_SIZE)
                return 0;
        unsigned mask = (unsigned)data[1] << 8 | data[2];
        bool personal_data = data[3] & 1;
        event.kind = (enum event_kind)(data[0] % EVENT_API_DOWN); /* those of jobs */
        event.outcome = (enum outcome)(data[3] >> 1 & 3);
        event.first_observation = data[3] >> 3 & 1;
        event.time_us = (uint64_t)data[4] << (data[5] % 57);
        record->id = (uint64_t)data[6] << (data[5] % 57);
        record->business_id = data[7];
        data += HEAD_SIZE;
        size -= HEAD_SIZE;

        for (size_t i = 0; i < TEXT_COUNT; i++) {
                static const struct text none = { .data = NULL };
                bool before = texts[i] == &event.status_before || texts[i] == &event.result_before;
                bool personal = texts[i] == &record->user || texts[i] == &record->email;

                next_text(&data, &size, mask >> i & 1, texts[i]);
                if (personal && !personal_data)
                        continue;
                expected.texts[expected.count++] = before && event.first_observation ? &none : texts[i];
        }

        char *document = payload_write(&event, 1 + mask, personal_data);
        read_back(document, strlen(document), &expected);
        free(document);
        event_clear(&event);
        return 0;
}
