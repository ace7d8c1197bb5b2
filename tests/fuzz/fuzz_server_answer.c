/* SPDX-License-Identifier: MIT */

/*
 * An answer takes these bytes of the input, each of which is 0 once that has ended:
 *
 *      status    which of the status lines, or a line of its own
 *      headers   bits: which of the header lines, and one of its own
 *      body      a valid document, with what makes it invalid; or bytes; or very much of one byte
 *      framing   the length as it is, too small or too large, in chunks, up to the end, or none at all
 *      end       the connection stays, is closed or reset, after all or after part of the answer
 *
 * Texts are a length and so many bytes.
 */

#include "fuzz_server_answer.h"

#include <stdio.h>
#include <string.h>

/* Larger than max_response in fuzz_server.c. */
#define FILLER_MAX (128 * 1024)

struct buffer {
        char *data;
        size_t size;
};

static unsigned next_byte(struct answer_input *input)
{
        return input->at < input->end ? *input->at++ : 0;
}

static void append(struct buffer *buffer, const void *data, size_t size)
{
        buffer->data = realloc(buffer->data, buffer->size + size + 1);
        check(buffer->data != NULL);
        if (size > 0)
                memcpy(buffer->data + buffer->size, data, size);
        buffer->size += size;
        buffer->data[buffer->size] = '\0';
}

static void append_string(struct buffer *buffer, const char *string)
{
        append(buffer, string, strlen(string));
}

__attribute__((format(printf, 2, 3))) static void append_format(struct buffer *buffer, const char *format,
                                                                ...)
{
        char text[512];
        va_list arguments;

        va_start(arguments, format);
        int length = vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        check(length >= 0 && (size_t)length < sizeof(text));
        append(buffer, text, (size_t)length);
}

/* A text of the input. */
static void append_own(struct buffer *buffer, struct answer_input *input)
{
        size_t size = next_byte(input), left = (size_t)(input->end - input->at);

        if (size > left)
                size = left;
        append(buffer, input->at, size);
        input->at += size;
}

/* ---- documents ---- */

/* Completed if the input has ended; the first byte of the others chooses among these. */
static const char *const statuses[] = {
        "\"Completed\"", "\"Running\"", "\"Failed\"", "\"Queued\"", "\"Unheard of\"",
        "null",          "{\"a\":[1]}", "7",          "\"\"",       "\"\\u0000\\ud800\\n\""
};
static const char *const results[] = { "null",
                                       "\"1 of 9\"",
                                       "\"{\\\"rows\\\": 400, \\\"done\\\": 260}\"",
                                       "[1,{\"b\":null}]",
                                       "\"\\u001b[2J\\ufeff\"",
                                       "\"\"" };
static const char *const times[] = { "\"2026-11-23T21:30:49Z\"",
                                     "\"2026-11-23T21:30:49.123\"",
                                     "null",
                                     "\"9999-12-31T23:59:59Z\"",
                                     "\"yesterday\"",
                                     "1" };

#define CHOOSE(table, byte) ((table)[(byte) % (sizeof(table) / sizeof((table)[0]))])

static void append_record(struct buffer *buffer, struct answer_input *input, uint64_t id)
{
        unsigned status = next_byte(input), more = next_byte(input);

        append_format(buffer, "{\"Id\":%llu", (unsigned long long)(more & 128 ? id ^ 1 : id));
        if (status < 240)
                append_format(buffer, ",\"Status\":%s", CHOOSE(statuses, status));
        if (!(more & 64))
                append_format(buffer, ",\"ResultData\":%s", CHOOSE(results, more & 7));
        if (!(more & 32))
                append_format(buffer, ",\"UpdatedOn\":%s", CHOOSE(times, more >> 3 & 3));
        if (status >= 200) {
                append_string(buffer, ",\"Description\":\"");
                append_own(buffer, input);
                append_string(buffer, "\"");
        }
        append_string(buffer, "}");
}

/* The ids that a batch was requested for, or those of the account. */
static void append_rows(struct buffer *buffer, struct answer_input *input, const char *ids, bool all)
{
        unsigned count = 0;

        append_string(buffer, "[");
        for (uint64_t id = 1; id <= ANSWER_JOBS; id++) {
                const char digit[2] = { (char)('0' + id), '\0' };
                unsigned what = next_byte(input);

                if (what >= 128 || (!all && strpbrk(ids, digit) == NULL))
                        continue;
                append_string(buffer, count++ > 0 ? "," : "");
                append_record(buffer, input, id);
        }
        append_string(buffer, "]");
}

static void append_document(struct buffer *buffer, struct answer_input *input, const char *head)
{
        const char *path = strstr(head, "businessbackgroundjobs");

        if (path == NULL)
                return;
        path += strlen("businessbackgroundjobs");
        const char *batch = strstr(path, "%5B");
        if (*path == '?') {
                unsigned what = next_byte(input);
                append_string(buffer, "{\"Records\":");
                append_rows(buffer, input, "", true);
                append_format(buffer, ",\"CurrentPage\":%u,\"TotalItems\":%u,\"HasNextPage\":%s}",
                              1 + (what >> 4), ANSWER_JOBS + (what & 7), what & 8 ? "true" : "false");
        } else if (batch != NULL) {
                char ids[256];
                (void)snprintf(ids, sizeof(ids), "%.*s", (int)strcspn(batch + 3, " "), batch + 3);
                /* The escapes of the brackets and commas have digits, too. */
                for (char *escape; (escape = strchr(ids, '%')) != NULL;)
                        memmove(escape, escape + 3, strlen(escape + 3) + 1);
                append_rows(buffer, input, ids, false);
        } else {
                append_record(buffer, input, strtoull(path + 1, NULL, 10));
        }
}

/* A document with a text of the input in it, or without its end. */
static void append_damaged(struct buffer *buffer, struct answer_input *input, const char *head, bool cut)
{
        struct buffer whole = { .data = NULL };

        append_document(&whole, input, head);
        size_t at = whole.size > 0 ? next_byte(input) % whole.size : 0;
        append(buffer, whole.data, at);
        if (!cut) {
                append_own(buffer, input);
                append(buffer, whole.data + at, whole.size - at);
        }
        free(whole.data);
}

static void append_filler(struct buffer *buffer, struct answer_input *input, const char *head)
{
        size_t size = ((size_t)next_byte(input) + 1) * (FILLER_MAX / 256);
        char *filler = malloc(size);

        check(filler != NULL);
        memset(filler, (int)next_byte(input), size);
        append(buffer, filler, size);
        append_document(buffer, input, head);
        free(filler);
}

static void append_body(struct buffer *buffer, struct answer_input *input, const char *head)
{
        switch (next_byte(input) % 8) {
        default:
                append_document(buffer, input, head);
                break;
        case 4:
                append_damaged(buffer, input, head, false);
                break;
        case 5:
                append_damaged(buffer, input, head, true);
                break;
        case 6:
                append_own(buffer, input);
                break;
        case 7:
                append_filler(buffer, input, head);
                break;
        }
}

/* ---- responses ---- */

static const char *const lines[] = {
        "200 OK",        "200 OK",          "200 OK",           "200 OK",
        "404 Not Found", "429 Too Many",    "401 Unauthorized", "403 Forbidden",
        "500 Error",     "503 Unavailable", "400 Bad Request",  "302 Found",
        "204 None",      "100 Continue",    "999 What",         "206 Partial",
};

static const char *const headers[] = {
        "Retry-After: 30\r\n",
        "Retry-After: 99999999999\r\n",
        "Content-Type: text/html\r\n",
        "Content-Encoding: gzip\r\n",
        "Connection: close\r\n",
        "Location: /\r\n",
        "Set-Cookie: a=b; Max-Age=-1\r\n",
};

#define HEADER_COUNT (sizeof(headers) / sizeof(headers[0]))

static void append_head(struct buffer *buffer, struct answer_input *input)
{
        unsigned line = next_byte(input), chosen = next_byte(input);

        append_string(buffer, "HTTP/1.1 ");
        if (line >= 240)
                append_own(buffer, input);
        else
                append_string(buffer, CHOOSE(lines, line));
        append_string(buffer, "\r\n");
        for (size_t i = 0; i < HEADER_COUNT; i++)
                if (chosen & 1U << i)
                        append_string(buffer, headers[i]);
        if (chosen & 128)
                append_own(buffer, input);
}

static void append_chunks(struct buffer *buffer, struct answer_input *input, const struct buffer *body)
{
        size_t at = 0;

        append_string(buffer, "Transfer-Encoding: chunked\r\n\r\n");
        while (at < body->size) {
                size_t size = next_byte(input);
                if (size == 0 || size > body->size - at)
                        size = body->size - at;
                append_format(buffer, "%zx\r\n", size);
                append(buffer, body->data + at, size);
                append_string(buffer, "\r\n");
                at += size;
        }
        append_string(buffer, "0\r\n\r\n");
}

static void append_framed(struct buffer *buffer, struct answer_input *input, const struct buffer *body)
{
        unsigned framing = next_byte(input);

        switch (framing % 8) {
        default:
                append_format(buffer, "Content-Length: %zu\r\n\r\n", body->size);
                append(buffer, body->data, body->size);
                break;
        case 4:
                append_format(buffer, "Content-Length: %zu\r\n\r\n", body->size + (framing >> 3));
                append(buffer, body->data, body->size);
                break;
        case 5:
                append_format(buffer, "Content-Length: %zu\r\n\r\n", body->size / 2);
                append(buffer, body->data, body->size);
                break;
        case 6:
                append_chunks(buffer, input, body);
                break;
        case 7:
                append_string(buffer, "\r\n");
                append(buffer, body->data, body->size);
                break;
        }
}

static void send_answer(struct loopback_peer *peer, struct answer_input *input, const struct buffer *answer)
{
        unsigned end = next_byte(input);
        size_t size = answer->size;

        if (end & 4)
                size = size * (end >> 4) / 16;
        loopback_send(peer, answer->data, size);
        if ((end & 3) == 2)
                loopback_finish(peer);
        else if ((end & 3) == 3)
                loopback_reset(peer);
}

void answer_request(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        struct answer_input *input = userdata;
        struct buffer answer = { .data = NULL }, document = { .data = NULL };

        (void)body;
        append_head(&answer, input);
        append_body(&document, input, head);
        append_framed(&answer, input, &document);
        send_answer(peer, input, &answer);
        free(answer.data);
        free(document.data);
}
