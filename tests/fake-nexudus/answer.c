/* SPDX-License-Identifier: MIT */

/*
 * Builds the HTTP response from the answer of an endpoint and the fault of the request. Plain answers are
 * sent from memory in one write. Answers that a fault truncates, delays, resets or generates are read in
 * pieces through a callback.
 *
 * libmicrohttpd has no API to set a reason phrase, but gets it from an exported function. The definition in
 * this program takes precedence with dynamic linking. When linked statically, delete the two functions; the
 * phrase is "Conflict" then.
 */

#include "answer.h"

#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "body.h"

static const char throttled_phrase[] = "You must wait before accessing this url again.";

const char *MHD_get_reason_phrase_for(unsigned int code)
{
        static const char *(*original)(unsigned int);

        if (!original)
                *(void **)&original = dlsym(RTLD_NEXT, "MHD_get_reason_phrase_for");
        return code == 409 ? throttled_phrase : original ? original(code) : "Unknown";
}

size_t MHD_get_reason_phrase_len_for(unsigned int code)
{
        return strlen(MHD_get_reason_phrase_for(code));
}

/* An answer read in pieces. Freed with its response; the exchange may have been freed before. */
struct pieces {
        struct exchange *exchange;
        struct fault *fault;
        struct body body;
        struct body_gzip *gzip; /* compresses while reading */
        uint64_t stop_at;       /* where it is truncated or reset; UINT64_MAX: nowhere */
        uint64_t sent;
        bool waited;
};

static struct pieces *pieces_free(struct pieces *pieces)
{
        body_gzip_free(pieces->gzip);
        buffer_release(&pieces->body.text);
        fault_unref(pieces->fault);
        free(pieces);
        return NULL;
}

static int socket_of(const struct exchange *exchange)
{
        return MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

/* Sends buffered data at once, although the HTTP daemon uses MSG_MORE. */
static void push(int fd)
{
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
}

/*
 * Dissolving the association sends RST at once; closing with SO_LINGER 0 would follow the FIN of the HTTP
 * daemon.
 */
static void reset_connection(int fd)
{
        struct sockaddr nobody = { .sa_family = AF_UNSPEC };

        if (connect(fd, &nobody, sizeof nobody) < 0)
                setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 },
                           sizeof(struct linger));
}

static ssize_t stop_here(const struct pieces *pieces)
{
        int fd = socket_of(pieces->exchange);

        push(fd);
        if (pieces->fault->reset != RESET_NONE)
                reset_connection(fd);
        return MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t read_piece(void *userdata, uint64_t position, char *data, size_t size)
{
        struct pieces *pieces = userdata;
        const struct fault *fault = pieces->fault;
        struct exchange *exchange = pieces->exchange;

        (void)position;
        if (exchange->client_gone || exchange->fake->stopping)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        if (pieces->sent >= pieces->stop_at)
                return stop_here(pieces);
        if (fault->chunk_delay > 0 && pieces->sent > 0 && !pieces->waited) {
                push(socket_of(exchange));
                pieces->waited = true;
                exchange_suspend(exchange, clock_now() + fault->chunk_delay);
                return 0;
        }
        if (fault->chunk > 0 && size > fault->chunk)
                size = fault->chunk;
        if (size > pieces->stop_at - pieces->sent)
                size = pieces->stop_at - pieces->sent;

        long n = pieces->gzip ? body_gzip_read(pieces->gzip, data, size)
                              : (long)body_read(&pieces->body, pieces->sent, data, size);
        if (n < 0)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        if (n == 0)
                return MHD_CONTENT_READER_END_OF_STREAM;
        pieces->waited = false;
        pieces->sent += (uint64_t)n;
        exchange->sent += (uint64_t)n;
        return n;
}

static void free_pieces(void *userdata)
{
        pieces_free(userdata);
}

void answer_refuse(struct answer *answer, unsigned status, const char *message)
{
        answer->status = status;
        answer->body.size = 0;
        buffer_add_text(&answer->body, "{\"Message\":");
        buffer_add_json_text(&answer->body, message);
        buffer_add_text(&answer->body, "}");
}

static const char html_page[] =
        "<!DOCTYPE html>\r\n<html><head><title>Service unavailable</title>"
        "<style>body{font:14px sans-serif}</style></head>\r\n"
        "<body><h1>Something went wrong</h1><p>We&#39;re looking into it &mdash; please try "
        "again later.</p></body></html>\r\n";

static const char failure_envelope[] =
        "{\"Status\":500,\"Message\":\"The request could not be "
        "completed.\",\"Value\":null,\"RedirectURL\":null,"
        "\"Errors\":[{\"AttemptedValue\":null,\"Message\":\"Internal error.\",\"PropertyName\":\"Id\"}],"
        "\"WasSuccessful\":false}";

/* Replaces the status and body of the answer by those of the fault. */
static void apply_fault(struct answer *answer, const struct fault *fault)
{
        if (fault_replaces_answer(fault)) {
                answer->status = fault->status > 0 ? fault->status : 200;
                answer->body.size = 0;
                if (fault->has_body)
                        buffer_add(&answer->body, fault->body.data, fault->body.size);
                else if (fault->envelope)
                        buffer_add_text(&answer->body, failure_envelope);
                else if (fault->html)
                        buffer_add_text(&answer->body, html_page);
                if (fault->html && !fault->has_body)
                        answer->content_type = "text/html; charset=utf-8";
        }
        if (fault->content_type)
                answer->content_type = fault->content_type;
}

static bool wants_gzip(const struct exchange *exchange)
{
        const struct fault *fault = exchange->fault;
        const char *accepted = exchange_header(exchange, "Accept-Encoding");

        if (!fault || fault->gzip == GZIP_NO)
                return false;
        return fault->gzip == GZIP_FORCE || (accepted && strcasestr(accepted, "gzip"));
}

/* Compresses the whole body in memory, so that its length is known. */
static int compress_text(struct body *body)
{
        struct body_gzip *gzip = body_gzip_new(body);
        struct buffer compressed = { 0 };
        char block[16384];
        long n = -1;

        while (gzip && (n = body_gzip_read(gzip, block, sizeof block)) > 0)
                buffer_add(&compressed, block, (size_t)n);
        body_gzip_free(gzip);
        if (n < 0 || compressed.failed) {
                buffer_release(&compressed);
                return -1;
        }
        buffer_release(&body->text);
        body->text = compressed;
        return 0;
}

static uint64_t stop_position(const struct fault *fault, uint64_t size)
{
        if (fault->reset == RESET_HEADERS)
                return 0;
        if (fault->truncated)
                return fault->truncate;
        if (fault->reset == RESET_BODY)
                return size == MHD_SIZE_UNKNOWN ? 16384 : size / 2;
        return UINT64_MAX;
}

static struct MHD_Response *respond_in_pieces(struct exchange *exchange, struct answer *answer, bool gzip)
{
        const struct fault *fault = exchange->fault;
        struct pieces *pieces = calloc(1, sizeof *pieces);
        if (!pieces)
                return NULL;
        pieces->exchange = exchange;
        pieces->fault = fault_ref(exchange->fault);
        pieces->body.text = answer->body;
        answer->body = (struct buffer){ 0 };

        bool replaced = fault_replaces_answer(fault);
        if (fault->oversize > pieces->body.text.size && (replaced || answer->fill_at > 0)) {
                pieces->body.fill_at = replaced ? pieces->body.text.size : answer->fill_at;
                pieces->body.fill_size = fault->oversize - pieces->body.text.size;
        }
        if (gzip && pieces->body.fill_size > 0)
                pieces->gzip = body_gzip_new(&pieces->body);
        if (gzip && !pieces->gzip && (pieces->body.fill_size > 0 || compress_text(&pieces->body) < 0)) {
                pieces_free(pieces);
                return NULL;
        }

        uint64_t size = pieces->gzip ? MHD_SIZE_UNKNOWN : body_size(&pieces->body);
        pieces->stop_at = stop_position(fault, size);
        if (fault->chunk > 0 || fault->chunk_delay > 0)
                size = MHD_SIZE_UNKNOWN;
        else if (size == 0 && pieces->stop_at == 0)
                size = 1; /* an empty body cannot be truncated */
        exchange->pieces = true;
        return MHD_create_response_from_callback(size, 32768, read_piece, pieces, free_pieces);
}

static struct MHD_Response *respond_from_memory(struct exchange *exchange, struct answer *answer)
{
        void *data = answer->body.data;
        size_t size = answer->body.size;

        answer->body = (struct buffer){ 0 };
        exchange->body_size = size;
        struct MHD_Response *response = MHD_create_response_from_buffer(size, data, MHD_RESPMEM_MUST_FREE);
        if (!response)
                free(data);
        return response;
}

static bool needs_pieces(const struct fault *fault)
{
        return fault && (fault->reset != RESET_NONE || fault->truncated || fault->chunk > 0 ||
                         fault->chunk_delay > 0 || fault->oversize > 0 || fault->gzip != GZIP_NO);
}

static void add_fault_headers(struct MHD_Response *response, const struct fault *fault)
{
        for (size_t i = 0; i < fault->header_count; i++) {
                size_t length = strcspn(fault->headers[i], ":");
                char *name = strndup(fault->headers[i], length);
                const char *value = fault->headers[i] + length + 1;
                if (name)
                        MHD_add_response_header(response, name, value + strspn(value, " "));
                free(name);
        }
}

static void add_headers(struct MHD_Response *response, const struct answer *answer, bool has_body)
{
        char number[32];

        if (answer->content_type || has_body)
                MHD_add_response_header(response, "Content-Type",
                                        answer->content_type ? answer->content_type
                                                             : "application/json; charset=utf-8");
        if (answer->retry_after > 0) {
                snprintf(number, sizeof number, "%llu", (unsigned long long)answer->retry_after);
                MHD_add_response_header(response, "Retry-After", number);
        }
        if (answer->status == 401)
                MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
}

enum MHD_Result answer_send(struct exchange *exchange, struct answer *answer)
{
        const struct fault *fault = exchange->fault;

        if (fault && fault->reset == RESET_BEFORE) {
                reset_connection(socket_of(exchange));
                buffer_release(&answer->body);
                return MHD_NO;
        }
        if (fault)
                apply_fault(answer, fault);
        if (answer->body.failed || answer->status == 0) {
                buffer_release(&answer->body);
                return MHD_NO;
        }

        bool gzip = wants_gzip(exchange), has_body = answer->body.size > 0;
        struct MHD_Response *response = needs_pieces(fault) ? respond_in_pieces(exchange, answer, gzip)
                                                            : respond_from_memory(exchange, answer);
        buffer_release(&answer->body);
        if (!response)
                return MHD_NO;
        add_headers(response, answer, has_body);
        if (gzip)
                MHD_add_response_header(response, "Content-Encoding", "gzip");
        if (fault)
                add_fault_headers(response, fault);
        exchange->status = answer->status;
        enum MHD_Result queued = MHD_queue_response(exchange->connection, answer->status, response);
        MHD_destroy_response(response);
        return queued;
}
