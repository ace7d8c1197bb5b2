/* SPDX-License-Identifier: MIT */

/*
 * The JSON document for hooks, written by yajl's generator.
 *
 * The generator does not check its allocations, so without memory the process ends (memory.h).
 *
 * Texts come from the state, whose file may have been altered. Bytes that are not UTF-8 become U+FFFD, since
 * a receiver's parser might reject the whole document.
 */

#include "delivery/payload.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "util/cleanup.h"
#include "util/memory.h"
#include "util/timespan.h"
#include "util/utf8.h"

/* A copy in which each byte that belongs to no sequence is replaced. */
static char *fix(const char *data, size_t size, size_t *ret_size)
{
        char *copy = memory_malloc(NULL, size * strlen(UTF8_REPLACEMENT)), *end = copy;

        for (size_t at = 0; at < size;) {
                size_t good = utf8_valid_size(data + at, size - at);
                end = mempcpy(end, data + at, good);
                at += good;
                if (at < size) {
                        end = mempcpy(end, UTF8_REPLACEMENT, strlen(UTF8_REPLACEMENT));
                        at++;
                }
        }
        *ret_size = (size_t)(end - copy);
        return copy;
}

/* ---- values ---- */

static void written(yajl_gen_status status)
{
        assert(status == yajl_gen_status_ok); /* the calls form a document */
        (void)status;
}

static void put_string(yajl_gen generator, const char *data, size_t size)
{
        written(yajl_gen_string(generator, (const unsigned char *)data, size));
}

static void put_key(yajl_gen generator, const char *key)
{
        put_string(generator, key, strlen(key));
}

static void put_literal(yajl_gen generator, const char *key, const char *word)
{
        put_key(generator, key);
        put_string(generator, word, strlen(word));
}

static void put_fixed(yajl_gen generator, const char *data, size_t size)
{
        CLEANUP(cleanup_free) char *fixed = NULL;

        if (utf8_valid_size(data, size) < size)
                fixed = fix(data, size, &size);
        put_string(generator, fixed != NULL ? fixed : data, size);
}

static void put_text(yajl_gen generator, const char *key, const struct text *text)
{
        put_key(generator, key);
        if (text->data == NULL)
                written(yajl_gen_null(generator));
        else
                put_fixed(generator, text->data, text->size);
}

/* Names, which are separated by commas. */
static void put_names(yajl_gen generator, const char *key, const struct text *names)
{
        const char *at = names->data, *end = at + names->size, *comma;

        put_key(generator, key);
        written(yajl_gen_array_open(generator));
        for (; (comma = memchr(at, ',', (size_t)(end - at))) != NULL; at = comma + 1)
                put_fixed(generator, at, (size_t)(comma - at));
        put_fixed(generator, at, (size_t)(end - at));
        written(yajl_gen_array_close(generator));
}

static void put_number(yajl_gen generator, const char *key, uint64_t number)
{
        char digits[24];
        int length = snprintf(digits, sizeof(digits), "%" PRIu64, number);

        put_key(generator, key);
        written(yajl_gen_number(generator, digits, (size_t)length));
}

static void put_truth(yajl_gen generator, const char *key, bool truth)
{
        put_key(generator, key);
        written(yajl_gen_bool(generator, truth));
}

/* 0: null. */
static void put_id(yajl_gen generator, const char *key, uint64_t id)
{
        if (id != 0) {
                put_number(generator, key, id);
                return;
        }
        put_key(generator, key);
        written(yajl_gen_null(generator));
}

/* ---- the document ---- */

static void write_job(yajl_gen generator, const struct event *event, bool personal_data)
{
        const struct job_record *record = &event->record;

        put_key(generator, "job");
        if (event_kind_is_of_api(event->kind)) {
                written(yajl_gen_null(generator));
                put_text(generator, "description", &record->description);
                return;
        }
        written(yajl_gen_map_open(generator));
        put_number(generator, "id", record->id);
        put_text(generator, "name", &event->job_name);
        put_text(generator, "guid", &record->guid);
        put_text(generator, "description", &record->description);
        put_key(generator, "business");
        written(yajl_gen_map_open(generator));
        put_id(generator, "id", record->business_id);
        put_text(generator, "name", &record->business);
        written(yajl_gen_map_close(generator));
        put_text(generator, "files", &record->files);
        put_text(generator, "created_on", &record->created_on);
        put_text(generator, "updated_on", &record->updated_on);
        if (personal_data) {
                put_text(generator, "user", &record->user);
                put_text(generator, "user_email", &record->email);
        }
        written(yajl_gen_map_close(generator));
}

static void write_document(yajl_gen generator, const struct event *event, unsigned attempt,
                           bool personal_data)
{
        /* The first observation has no state before, even if the texts are set. */
        const struct text *status_before = event->first_observation ? &TEXT_NULL : &event->status_before;
        bool before_known = !event->first_observation && event->result_before_size == 0;
        const struct text *result_before = before_known ? &event->result_before : &TEXT_NULL;
        const struct text *result = event->result_size == 0 ? &event->record.result : &TEXT_NULL;
        char stamp[TIMESTAMP_TEXT_MAX];

        written(yajl_gen_map_open(generator));
        put_number(generator, "schema", EVENT_DOCUMENT_SCHEMA);
        put_literal(generator, "event", event_kind_to_string(event->kind));
        if (event->test)
                put_truth(generator, "test", true);
        put_literal(generator, "event_id", event->id);
        put_number(generator, "sequence", event->sequence);
        put_literal(generator, "time", timestamp_format(event->time_us, stamp));
        write_job(generator, event, personal_data);
        if (event->discover.data != NULL)
                put_names(generator, "discover", &event->discover);
        put_text(generator, "status", &event->record.status);
        put_text(generator, "status_before", status_before);
        put_literal(generator, "outcome", outcome_to_string(event->outcome));
        put_text(generator, "result", result);
        put_text(generator, "result_before", result_before);
        put_truth(generator, "result_known", event->record.has_result && event->result_size == 0);
        put_number(generator, "attempt", attempt);
        written(yajl_gen_map_close(generator));
}

char *payload_write(const struct event *event, unsigned attempt, bool personal_data)
{
        yajl_alloc_funcs memory = { memory_malloc, memory_realloc, memory_free, NULL };
        yajl_gen generator = yajl_gen_alloc(&memory);
        const unsigned char *json;
        size_t size;

        write_document(generator, event, attempt, personal_data);
        yajl_gen_reset(generator, "\n"); /* as if another document followed */
        (void)yajl_gen_get_buf(generator, &json, &size);
        char *document = memory_need(strdup((const char *)json));
        yajl_gen_free(generator);
        return document;
}
