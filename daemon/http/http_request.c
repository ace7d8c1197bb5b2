/* SPDX-License-Identifier: MIT */

/*
 * One request: made out of a call, counted while its answer comes in, and ended in http_request_end() or in
 * http_cancel(), nowhere else.
 *
 * The body of an answer is looked at only when its status is known to be a 2xx, and counted as it comes out
 * of the decoder, since CURLOPT_MAXFILESIZE stops neither chunked nor compressed bodies.
 *
 * Each request has an easy handle of its own, which costs 2 µs and 8 kB while it lasts. One that is used
 * again must not be: up to libcurl 8.1.0 it keeps a pointer into the headers of the answer before, and an
 * answer whose first header line begins with a blank has that freed memory read and freed once more.
 */

#include "http/http_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/cleanup.h"
#include "util/timespan.h"

/* An error page is read to its end, so that the connection can be used again, unless it is longer. */
#define ERROR_PAGE_MAX (64 * 1024)

/* A connection that has been open this long is replaced, so that a change in DNS is noticed. */
#define CONNECTION_LIFE_MAX_S 3600L
#define CONNECTION_IDLE_MAX_S 150L

DEFINE_CLEANUP(struct http_headers, http_headers_free)
DEFINE_CLEANUP(struct http_request, http_request_free)

/* ---- headers ---- */

int http_headers_new(const char *const lines[], struct http_headers **ret_headers)
{
        CLEANUP(cleanup_http_headers_free) struct http_headers *headers = calloc(1, sizeof(*headers));

        if (headers == NULL)
                return -ENOMEM;
        headers->references = 1;
        for (; *lines != NULL; lines++) {
                struct curl_slist *list = curl_slist_append(headers->list, *lines);
                if (list == NULL)
                        return -ENOMEM;
                headers->list = list;
        }

        *ret_headers = STEAL_POINTER(headers);
        return 0;
}

struct http_headers *http_headers_free(struct http_headers *headers)
{
        if (headers == NULL || --headers->references > 0)
                return NULL;

        for (struct curl_slist *line = headers->list; line != NULL; line = line->next)
                explicit_bzero(line->data, strlen(line->data));
        curl_slist_free_all(headers->list);
        free(headers);
        return NULL;
}

/* ---- answers ---- */

static void excerpt_add(struct http_request *request, const char *data, size_t size)
{
        size_t room = EXCERPT_MAX - request->excerpt_size;

        if (size > room)
                size = room;
        memcpy(request->excerpt + request->excerpt_size, data, size);
        request->excerpt_size += size;
}

/*
 * libcurl has a connection for the request and is about to use it. On a new one nobody knows how long the
 * first request takes to arrive, with proxies and balancers on the way, so that one is not said to be sent
 * before it has ended.
 */
static int on_curl_ready(void *userdata, char *remote, char *local, int remote_port, int local_port)
{
        (void)remote;
        (void)local;
        (void)remote_port;
        (void)local_port;
        struct http_request *request = userdata;
        long connects = 0;

        request->connected = true;
        (void)curl_easy_getinfo(request->easy, CURLINFO_NUM_CONNECTS, &connects);
        if (connects == 0 && request->on_sent != NULL)
                request->sent = request->client->some_sent = true;
        return CURL_PREREQFUNC_OK;
}

/* An invalid head ends the request at once, before any of its body could be taken for that of a success. */
static size_t on_curl_header(char *data, size_t unit, size_t count, void *userdata)
{
        struct http_request *request = userdata;

        if (http_head_take(&request->head, data, unit * count))
                return unit * count;
        request->head_invalid = true;
        return 0;
}

static size_t on_curl_write(char *data, size_t unit, size_t count, void *userdata)
{
        struct http_request *request = userdata;
        size_t size = unit * count;

        if (!http_status_is_success(request->head.status)) {
                request->body_size += size;
                excerpt_add(request, data, size);
                request->page_cut = request->body_size > ERROR_PAGE_MAX;
                return request->page_cut ? 0 : size;
        }

        if (size > request->client->body_max || request->body_size > request->client->body_max - size) {
                request->too_large = true;
                return 0;
        }
        request->body_size += size;

        if (request->on_body == NULL) {
                excerpt_add(request, data, size);
                return size;
        }

        request->error = request->on_body(request->userdata, data, size);
        return request->error < 0 ? 0 : size;
}

/* ---- ends ---- */

const char *http_outcome_to_string(enum http_outcome outcome)
{
        switch (outcome) {
        case HTTP_ANSWERED:
                return "answered";
        case HTTP_UNRESOLVED:
                return "the host's name could not be resolved";
        case HTTP_UNCONNECTED:
                return "the connection was refused or there is no route";
        case HTTP_TLS_FAILED:
                return "TLS failed";
        case HTTP_TIMED_OUT:
                return "it took too long";
        case HTTP_BROKEN:
                return "the connection broke before the answer was whole";
        case HTTP_TOO_LARGE:
                return "the answer is larger than max_response";
        case HTTP_STOPPED:
                return "the answer was refused";
        case HTTP_IMPOSSIBLE:
                return "the request could not be made";
        }
        return "unknown";
}

static enum http_outcome outcome_of(const struct http_request *request, int status)
{
        long sent = 0;

        if (request->head_invalid)
                return HTTP_BROKEN;
        if (request->too_large)
                return HTTP_TOO_LARGE;
        if (request->error < 0)
                return HTTP_STOPPED;
        if (request->page_cut)
                return HTTP_ANSWERED;

        /* libcurl's codes are its own; only those that differ for us are told apart. */
        switch ((int)request->code) {
        case CURLE_OK:
                return HTTP_ANSWERED;
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
                return HTTP_UNRESOLVED;
        case CURLE_COULDNT_CONNECT:
                return HTTP_UNCONNECTED;
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_INVALIDCERTSTATUS:
                return HTTP_TLS_FAILED;
        case CURLE_OPERATION_TIMEDOUT:
                return HTTP_TIMED_OUT;
        case CURLE_FILESIZE_EXCEEDED:
                /* Of an error its status is what counts, however long a page comes with it. */
                return http_status_is_success((int)status) ? HTTP_TOO_LARGE : HTTP_ANSWERED;
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_BAD_FUNCTION_ARGUMENT:
                /* Of our URL, or of what answered: then a request has been sent. */
                (void)curl_easy_getinfo(request->easy, CURLINFO_REQUEST_SIZE, &sent);
                return sent > 0 ? HTTP_BROKEN : HTTP_IMPOSSIBLE;
        case CURLE_URL_MALFORMAT:
        case CURLE_OUT_OF_MEMORY:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_FAILED_INIT:
                return HTTP_IMPOSSIBLE;
        default:
                return HTTP_BROKEN;
        }
}

/* What went wrong, for a person. libcurl's texts differ between releases: shown, never looked into. */
static const char *detail_of(const struct http_request *request, enum http_outcome outcome)
{
        if (request->head_invalid)
                return "the response does not begin as HTTP/1.1 does";
        if (outcome == HTTP_TOO_LARGE || outcome == HTTP_STOPPED)
                return http_outcome_to_string(outcome);
        if (request->code == CURLE_SSL_CACERT_BADFILE)
                return "no CA certificates could be read: ca_file or ca-certificates missing";
        if (*request->curl_error != '\0')
                return request->curl_error;
        return request->code != CURLE_OK ? curl_easy_strerror(request->code)
                                         : http_outcome_to_string(outcome);
}

/* Of the final response: neither of an interim one nor of a trailer. The last counts. */
static uint64_t retry_after_of(CURL *easy)
{
        struct curl_header *header = NULL;

        if (curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1, &header) != CURLHE_OK ||
            curl_easy_header(easy, "Retry-After", header->amount - 1, CURLH_HEADER, -1, &header) != CURLHE_OK)
                return HTTP_RETRY_NONE;
        return http_retry_after_parse(header->value, time(NULL));
}

struct http_request *http_request_free(struct http_request *request)
{
        if (request == NULL)
                return NULL;

        if (request->listed != NULL) {
                TAILQ_REMOVE(request->listed, request, link);
                (void)curl_multi_remove_handle(request->client->multi, request->easy);
        }
        curl_easy_cleanup(request->easy);
        http_headers_free(request->headers);
        free(request);
        return NULL;
}

void http_request_end(struct http_request *request)
{
        int status = request->head.status;
        long status_of_curl = 0;

        /* libcurl goes by its own number to tell where the response ends. */
        (void)curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status_of_curl);
        if (status != 0 && status != status_of_curl) {
                request->head_invalid = true;
                status = 0;
        }
        enum http_outcome outcome = outcome_of(request, status);
        if (outcome == HTTP_ANSWERED && status == 0)
                outcome = HTTP_BROKEN;

        /*
         * Out of the list first: on_end() may free the whole client's other requests, but this one is ours.
         */
        TAILQ_REMOVE(request->listed, request, link);
        request->listed = NULL;
        (void)curl_multi_remove_handle(request->client->multi, request->easy);

        const char *detail = detail_of(request, outcome);
        const struct http_end end = {
                .outcome = outcome,
                .status = status,
                .error = request->error,
                .retry_after_us = retry_after_of(request->easy),
                .connected = request->connected,
                .body_size = request->body_size,
                .detail = detail,
                .excerpt = request->excerpt,
                .excerpt_size = request->excerpt_size,
        };
        request->on_end(request->userdata, &end);
        http_request_free(request);
}

/* ---- requests ---- */

/* Remembers the first failure of a run of setopt calls, so that they can be read as a list. */
#define SET(option, value)                                                                                   \
        do {                                                                                                 \
                if (code == CURLE_OK)                                                                        \
                        code = curl_easy_setopt(request->easy, option, value);                               \
        } while (false)

/* libcurl takes 0 for no limit and a default, and refuses more than an int holds. */
static long milliseconds(uint64_t span_us)
{
        if (span_us >= (uint64_t)INT_MAX * USEC_PER_MSEC)
                return INT_MAX;
        return span_us > USEC_PER_MSEC ? (long)(span_us / USEC_PER_MSEC) : 1;
}

/* A limit below a second is one of a second; 0 stays none. libcurl takes no more than 65535 here. */
static long seconds_up(uint64_t span_us)
{
        if (span_us >= 65535 * USEC_PER_SEC)
                return 65535;
        return (long)((span_us + USEC_PER_SEC - 1) / USEC_PER_SEC);
}

/*
 * The length of scheme, host and port, if what follows is a path that libcurl would ask for as it stands;
 * else of the whole.
 */
static size_t origin_size(const char *url)
{
        static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-_~%?=&,";
        const char *host = strstr(url, "://");
        const char *path = host != NULL ? strchr(host + 3, '/') : NULL;

        if (path == NULL || path[strspn(path, plain)] != '\0')
                return strlen(url);
        return (size_t)(path - url);
}

/*
 * libcurl takes a URL apart and puts it together again, byte by byte and several times. Most of it is the
 * path, so that goes by as the target of the request.
 */
static CURLcode set_url(CURL *easy, const char *url)
{
        size_t size = origin_size(url);
        CLEANUP(cleanup_free) char *origin = strndup(url, size);

        CURLcode code = origin != NULL ? curl_easy_setopt(easy, CURLOPT_URL, origin) : CURLE_OUT_OF_MEMORY;
        if (code == CURLE_OK && url[size] != '\0')
                code = curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, url + size);
        return code;
}

static int request_set_options(struct http_request *request, const struct http_call *call)
{
        const struct http_client *client = request->client;
        bool plain = strncasecmp(call->url, "http:", 5) == 0;
        CURLcode code = CURLE_OK;

        SET(CURLOPT_PRIVATE, (char *)request);
        SET(CURLOPT_ERRORBUFFER, request->curl_error);
        SET(CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
        SET(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
        SET(CURLOPT_NOSIGNAL, 1L);
        SET(CURLOPT_QUICK_EXIT, 1L); /* a request that is ended does not wait for the resolver's thread */
        SET(CURLOPT_FOLLOWLOCATION, 0L);
        SET(CURLOPT_USERAGENT, client->user_agent);
        SET(CURLOPT_ACCEPT_ENCODING, "gzip");
        SET(CURLOPT_TIMEOUT_MS, milliseconds(client->timeout_us));
        SET(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(client->connect_timeout_us));
        SET(CURLOPT_LOW_SPEED_LIMIT, client->stall_us > 0 ? 16L : 0L);
        SET(CURLOPT_LOW_SPEED_TIME, seconds_up(client->stall_us));
        SET(CURLOPT_MAXAGE_CONN, CONNECTION_IDLE_MAX_S);
        SET(CURLOPT_MAXLIFETIME_CONN, CONNECTION_LIFE_MAX_S);
        SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)client->body_max);
        SET(CURLOPT_FRESH_CONNECT, call->fresh_connection ? 1L : 0L);
        SET(CURLOPT_PREREQFUNCTION, on_curl_ready);
        SET(CURLOPT_PREREQDATA, request);
        SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* a proxy's own head is no part of the response */
        SET(CURLOPT_HEADERFUNCTION, on_curl_header);
        SET(CURLOPT_HEADERDATA, request);
        SET(CURLOPT_WRITEFUNCTION, on_curl_write);
        SET(CURLOPT_WRITEDATA, request);
        if (plain)
                SET(CURLOPT_PROXY, ""); /* it goes to loopback only, whatever http_proxy says */
        if (*client->ca_file != '\0')
                SET(CURLOPT_CAINFO, client->ca_file);
        if (request->headers != NULL)
                SET(CURLOPT_HTTPHEADER, request->headers->list);
        if (call->username != NULL) {
                SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
                SET(CURLOPT_USERNAME, call->username);
                SET(CURLOPT_PASSWORD, call->password);
        }
        if (call->post != NULL) {
                SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->post_size);
                SET(CURLOPT_POSTFIELDS, call->post);
        }

        if (code == CURLE_OK)
                code = set_url(request->easy, call->url);

        /*
         * What can fail here is memory, or a library built without what we need: either way there is no
         * request.
         */
        return code == CURLE_OK ? 0 : -ENOMEM;
}

int http_start(struct http_client *client, const struct http_call *call, struct http_request **ret_request)
{
        CLEANUP(cleanup_http_request_free) struct http_request *request = calloc(1, sizeof(*request));
        int r;

        if (request == NULL)
                return -ENOMEM;
        request->client = client;
        request->head = HTTP_HEAD_INITIAL;
        request->on_body = call->on_body;
        request->on_sent = call->on_sent;
        request->on_end = call->on_end;
        request->userdata = call->userdata;
        if (call->headers != NULL) {
                request->headers = call->headers;
                request->headers->references++;
        }
        request->easy = curl_easy_init();
        if (request->easy == NULL)
                return -ENOMEM;

        r = request_set_options(request, call);
        if (r < 0)
                return r;
        r = http_client_ready(client);
        if (r >= 0)
                r = http_client_wake(client);
        if (r < 0)
                return r;
        if (curl_multi_add_handle(client->multi, request->easy) != CURLM_OK)
                return -ENOMEM;

        request->listed = &client->active;
        TAILQ_INSERT_TAIL(request->listed, request, link);
        if (ret_request != NULL)
                *ret_request = request;
        STEAL_POINTER(request);
        return 0;
}

struct http_request *http_cancel(struct http_request *request)
{
        if (request == NULL)
                return NULL;

        /* Taking it out may have changed what libcurl waits for. */
        (void)http_client_wake(request->client);
        return http_request_free(request);
}
