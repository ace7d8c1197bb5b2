/* SPDX-License-Identifier: MIT */

/*
 * Bodies in memory or generated while they are read, plain or compressed. The filling is a JSON-escaped
 * pattern repeated as often as it fits, then plain characters, so that no escape is split.
 */

#include "body.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "record.h"

uint64_t body_size(const struct body *body)
{
        return body->text.size + body->fill_size;
}

static const struct buffer *pattern(void)
{
        static struct buffer escaped;

        if (!escaped.data) {
                buffer_add_json(&escaped, record_padding(), strlen(record_padding()), true);
                if (escaped.failed) {
                        buffer_release(&escaped);
                        return &escaped;
                }
                escaped.size--; /* without its quotes */
                memmove(escaped.data, escaped.data + 1, --escaped.size);
        }
        return &escaped;
}

static size_t fill(const struct body *body, uint64_t at, char *data, size_t size)
{
        const struct buffer *piece = pattern();
        uint64_t whole = piece->size > 0 ? body->fill_size / piece->size * piece->size : 0;
        size_t done = 0;

        if (size > body->fill_size - at)
                size = body->fill_size - at;
        while (done < size && at < whole) {
                size_t offset = at % piece->size, n = piece->size - offset;
                n = n < size - done ? n : size - done;
                memcpy(data + done, piece->data + offset, n);
                done += n;
                at += n;
        }
        memset(data + done, 'x', size - done);
        return size;
}

size_t body_read(const struct body *body, uint64_t at, char *data, size_t size)
{
        uint64_t fill_at = body->fill_size > 0 ? body->fill_at : body->text.size;

        if (at >= fill_at && at - fill_at < body->fill_size)
                return fill(body, at - fill_at, data, size);

        uint64_t end = at < fill_at ? fill_at : body->text.size,
                 from = at < fill_at ? at : at - body->fill_size;
        if (from >= end)
                return 0;
        size_t n = size < end - from ? size : end - from;
        memcpy(data, body->text.data + from, n);
        return n;
}

struct body_gzip {
        const struct body *body;
        z_stream stream;
        uint64_t at;
        bool ended;
        char input[16384];
};

struct body_gzip *body_gzip_new(const struct body *body)
{
        struct body_gzip *gzip = calloc(1, sizeof *gzip);

        if (gzip && deflateInit2(&gzip->stream, 4, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
                free(gzip);
                return NULL;
        }
        if (gzip)
                gzip->body = body;
        return gzip;
}

struct body_gzip *body_gzip_free(struct body_gzip *gzip)
{
        if (gzip)
                deflateEnd(&gzip->stream);
        free(gzip);
        return NULL;
}

long body_gzip_read(struct body_gzip *gzip, char *data, size_t size)
{
        z_stream *stream = &gzip->stream;

        stream->next_out = (unsigned char *)data;
        stream->avail_out = (unsigned)size;
        while (!gzip->ended && stream->avail_out > 0) {
                if (stream->avail_in == 0) {
                        size_t n = body_read(gzip->body, gzip->at, gzip->input, sizeof gzip->input);
                        gzip->at += n;
                        stream->next_in = (unsigned char *)gzip->input;
                        stream->avail_in = (unsigned)n;
                }
                int r = deflate(stream, gzip->at == body_size(gzip->body) ? Z_FINISH : Z_NO_FLUSH);
                if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
                        return -1;
                gzip->ended = r == Z_STREAM_END;
        }
        return (long)(size - stream->avail_out);
}
