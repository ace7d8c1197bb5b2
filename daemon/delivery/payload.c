/* SPDX-License-Identifier: MIT */

/*
 * The JSON document for hooks, written by yajl's generator.
 *
 * The generator prints to a sink that grows. Its own two small allocations come from a reserve, since yajl
 * does not check them. If the sink cannot grow, it drops the rest and the call fails with -ENOMEM.
 *
 * Texts come from the state, whose file may have been altered. Bytes that are not UTF-8 become U+FFFD, since
 * a receiver's parser might reject the whole document.
 */

#include "delivery/payload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "util/cleanup.h"
#include "util/reserve.h"
#include "util/timestamp.h"
#include "util/utf8.h"

#define SINK_START 4096

/* More than yajl_gen_alloc() asks for in all. */
#define GENERATOR_BYTES 4096

/* ---- the sink ---- */

struct sink {
        char *data;
        size_t size, room;
        bool exhausted;
};

static void sink_add(void *userdata, const char *data, size_t size)
{
        struct sink *sink = userdata;

        if (sink->exhausted || size == 0)
                return;
        if (size > sink->room - sink->size) {
                size_t room = sink->room > 0 ? sink->room : SINK_START;
                while (room - sink->size < size && room <= SIZE_MAX / 2)
                        room *= 2;
                char *grown = room - sink->size >= size ? realloc(sink->data, room) : NULL;
                if (grown == NULL) {
                        sink->exhausted = true;
                        return;
                }
                sink->data = grown;
                sink->room = room;
        }
        memcpy(sink->data + sink->size, data, size);
        sink->size += size;
}

/* A copy in which each byte that belongs to no sequence is replaced. NULL: out of memory. */
static char *fix(const char *data, size_t size, size_t *ret_size)
{
        size_t bad = 0;

        for (size_t at = utf8_valid_size(data, size); at < size;
             at += 1 + utf8_valid_size(data + at + 1, size - at - 1))
                bad++;
        char *copy = malloc(size + bad * (sizeof(UTF8_REPLACEMENT) - 2) + 1);
        if (copy == NULL)
                return NULL;

        char *end = copy;
        for (size_t at = 0; at < size;) {
                size_t good = utf8_valid_size(data + at, size - at);
                memcpy(end, data + at, good);
                end += good;
                at += good;
                if (at < size) {
                        memcpy(end, UTF8_REPLACEMENT, sizeof(UTF8_REPLACEMENT) - 1);
                        end += sizeof(UTF8_REPLACEMENT) - 1;
                        at++;
                }
        }
        *ret_size = (size_t)(end - copy);
        return copy;
}

/* ---- values ---- */

struct writer {
        yajl_gen generator;
        struct sink sink;
        yajl_gen_status status; /* the first error */
        bool exhausted;         /* out of memory for a text */
};

static void note(struct writer *writer, yajl_gen_status status)
{
        if (writer->status == yajl_gen_status_ok)
                writer->status = status;
}

static void put_string(struct writer *writer, const char *data, size_t size)
{
        note(writer, yajl_gen_string(writer->generator, (const unsigned char *)data, size));
}

static void put_key(struct writer *writer, const char *key)
{
        put_string(writer, key, strlen(key));
}

static void put_literal(struct writer *writer, const char *key, const char *word)
{
        put_key(writer, key);
        put_string(writer, word, strlen(word));
}

static void put_text(struct writer *writer, const char *key, const struct text *text)
{
        CLEANUP(cleanup_free) char *fixed = NULL;
        size_t size = text->size;

        put_key(writer, key);
        if (text->data == NULL) {
                note(writer, yajl_gen_null(writer->generator));
                return;
        }
        if (utf8_valid_size(text->data, text->size) < text->size) {
                fixed = fix(text->data, text->size, &size);
                writer->exhausted |= fixed == NULL;
                if (fixed == NULL)
                        return;
        }
        put_string(writer, fixed != NULL ? fixed : text->data, size);
}

static void put_number(struct writer *writer, const char *key, uint64_t number)
{
        char digits[24];
        int length = snprintf(digits, sizeof(digits), "%" PRIu64, number);

        put_key(writer, key);
        note(writer, yajl_gen_number(writer->generator, digits, (size_t)length));
}

static void put_truth(struct writer *writer, const char *key, bool truth)
{
        put_key(writer, key);
        note(writer, yajl_gen_bool(writer->generator, truth));
}

/* 0: null. */
static void put_id(struct writer *writer, const char *key, uint64_t id)
{
        if (id != 0) {
                put_number(writer, key, id);
                return;
        }
        put_key(writer, key);
        note(writer, yajl_gen_null(writer->generator));
}

static void put_time(struct writer *writer, const char *key, uint64_t time_us)
{
        char stamp[TIMESTAMP_TEXT_MAX];

        put_literal(writer, key, timestamp_format(time_us, stamp));
}

static void open_map(struct writer *writer)
{
        note(writer, yajl_gen_map_open(writer->generator));
}

static void close_map(struct writer *writer)
{
        note(writer, yajl_gen_map_close(writer->generator));
}

/* ---- the document ---- */

static void write_job(struct writer *writer, const struct event *event, bool personal_data)
{
        const struct job_record *record = &event->record;

        put_key(writer, "job");
        open_map(writer);
        put_number(writer, "id", record->id);
        put_text(writer, "name", &event->job_name);
        put_text(writer, "guid", &record->guid);
        put_text(writer, "description", &record->description);
        put_key(writer, "business");
        open_map(writer);
        put_id(writer, "id", record->business_id);
        put_text(writer, "name", &record->business);
        close_map(writer);
        put_text(writer, "files", &record->files);
        put_text(writer, "created_on", &record->created_on);
        put_text(writer, "updated_on", &record->updated_on);
        if (personal_data) {
                put_text(writer, "user", &record->user);
                put_text(writer, "user_email", &record->email);
        }
        close_map(writer);
}

static void write_document(struct writer *writer, const struct event *event, unsigned attempt,
                           bool personal_data)
{
        /* The first observation has no state before, even if the texts are set. */
        const struct text *status_before = event->first_observation ? &TEXT_NULL : &event->status_before;
        bool before_known = !event->first_observation && event->result_before_size == 0;
        const struct text *result_before = before_known ? &event->result_before : &TEXT_NULL;
        const struct text *result = event->result_size == 0 ? &event->record.result : &TEXT_NULL;

        open_map(writer);
        put_number(writer, "schema", EVENT_DOCUMENT_SCHEMA);
        put_literal(writer, "event", event_kind_to_string(event->kind));
        put_literal(writer, "event_id", event->id);
        put_number(writer, "sequence", event->sequence);
        put_time(writer, "time", event->time_us);
        write_job(writer, event, personal_data);
        put_text(writer, "status", &event->record.status);
        put_text(writer, "status_before", status_before);
        put_literal(writer, "outcome", outcome_to_string(event->outcome));
        put_text(writer, "result", result);
        put_text(writer, "result_before", result_before);
        put_truth(writer, "result_known", event->record.has_result && event->result_size == 0);
        put_number(writer, "attempt", attempt);
        close_map(writer);
        sink_add(&writer->sink, "\n", 2); /* and the terminating NUL, which is not counted */
}

int payload_write(const struct event *event, unsigned attempt, bool personal_data, char **ret_document,
                  size_t *ret_size)
{
        struct reserve reserve = RESERVE_NULL;
        const yajl_alloc_funcs allocator = { reserve_malloc, reserve_realloc, reserve_free, &reserve };
        struct writer writer = { .status = yajl_gen_status_ok };
        int r;

        r = reserve_prepare(&reserve, GENERATOR_BYTES);
        if (r < 0)
                return r;
        writer.generator = yajl_gen_alloc(&allocator);
        if (writer.generator != NULL && !reserve.exhausted &&
            yajl_gen_config(writer.generator, yajl_gen_print_callback, sink_add, &writer.sink) != 0)
                write_document(&writer, event, attempt, personal_data);
        else
                writer.exhausted = true;
        if (writer.generator != NULL)
                yajl_gen_free(writer.generator);
        reserve_clear(&reserve);

        if (writer.exhausted || writer.sink.exhausted)
                r = -ENOMEM;
        else if (writer.status != yajl_gen_status_ok)
                r = -EINVAL;
        if (r < 0) {
                free(writer.sink.data);
                return r;
        }
        *ret_document = writer.sink.data;
        *ret_size = writer.sink.size - 1;
        return 0;
}
