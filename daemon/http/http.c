/* SPDX-License-Identifier: MIT */

/*
 * Clients and requests.
 *
 * Callbacks of libcurl only record. A request ends in on_transfer_done(), called by the curl_loop when
 * libcurl has returned, or in http_cancel(), nowhere else.
 *
 * Each request has its own easy handle. They must not be reused: up to libcurl 8.1.0 a reused one keeps a
 * pointer into the freed headers of the last response, and uses it if the first header line of the next
 * response begins with a blank.
 *
 * A curl_loop is a pool of connections. When these become suspect, the client replaces it, and the old one
 * disappears with its last request. A request that waits in it gets a connection of the last seconds.
 */

#include "http/http.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "http/authorities.h"
#include "http/curl_loop.h"
#include "http/http_response.h"
#include "util/cleanup.h"
#include "util/container.h"
#include "util/memory.h"
#include "util/timespan.h"

/* Connections are replaced after this time, so that a change in DNS is noticed. */
#define CONNECTION_LIFE_MAX_S 3600L
#define CONNECTION_IDLE_MAX_S 150L

struct http_client {
        sd_event *event;
        struct curl_loop *connections;
        unsigned generation; /* how often `connections` was replaced */
        LIST_HEAD(, http_request) requests;
        bool in_end, in_sent; /* within a callback */
        struct http_settings settings;
};

struct http_request {
        struct http_client *client;
        struct curl_transfer transfer;
        unsigned generation; /* of the connections that it uses */
        struct curl_slist *headers;
        void (*on_sent)(void *userdata);
        void (*on_end)(void *userdata, const struct http_end *end);
        void *userdata;

        int socket_error; /* errno of the last socket(); 0: it succeeded */
        int socket_port;  /* to which it was to connect */
        bool sending;     /* has a connection, and is being sent or was sent */
        bool ending;      /* on_end() is being called */

        struct http_response response;
        char curl_error[CURL_ERROR_SIZE];
        LIST_ENTRY(http_request) link;
};

DEFINE_CLEANUP(struct http_client, http_client_free)

/* ---- time ---- */

/* Rounded up. libcurl interprets 0 as no limit or a default, and refuses more than INT_MAX. */
static long to_milliseconds(uint64_t span_us)
{
        if (span_us >= (uint64_t)INT_MAX * USEC_PER_MSEC)
                return INT_MAX;
        return span_us > 0 ? (long)((span_us + USEC_PER_MSEC - 1) / USEC_PER_MSEC) : 1;
}

/* ---- connections ---- */

/* Whether libcurl opened no connection for the request. */
static bool is_connection_kept(const struct http_request *request)
{
        long opened = 0;

        (void)curl_easy_getinfo(request->transfer.easy, CURLINFO_NUM_CONNECTS, &opened);
        return opened == 0;
}

/*
 * Replaces the connections of the client, unless that has been done since the request got one of them.
 * Without a descriptor for this they remain in use.
 */
static void replace_connections(const struct http_request *request)
{
        struct http_client *client = request->client;
        struct curl_loop *old = client->connections;
        struct http_request *other;

        if (request->generation != client->generation ||
            curl_loop_new(client->event, (long)client->settings.connections_max, &client->connections) < 0)
                return;
        client->generation++;

        LIST_FOREACH(other, &client->requests, link)
        {
                if (!other->sending)
                        (void)curl_easy_setopt(other->transfer.easy, CURLOPT_MAXLIFETIME_CONN, 1L);
        }
        curl_loop_unref(old);
}

/*
 * libcurl has a connection for the request and is about to use it. If that is a kept one and turns out to be
 * lost, libcurl sends the request again, on another kept one up to five times: it is to use a new one.
 */
static int on_curl_ready(void *userdata, char *remote, char *local, int remote_port, int local_port)
{
        (void)remote;
        (void)local;
        (void)remote_port;
        (void)local_port;
        struct http_request *request = userdata;

        if (!request->sending && request->on_sent != NULL && is_connection_kept(request))
                request->transfer.notified = true;
        request->sending = true;
        (void)curl_easy_setopt(request->transfer.easy, CURLOPT_FRESH_CONNECT, 1L);
        return CURL_PREREQFUNC_OK;
}

static void on_transfer_notify(struct curl_transfer *transfer)
{
        struct http_request *request = CONTAINER_OF(transfer, struct http_request, transfer);

        request->client->in_sent = true;
        request->on_sent(request->userdata);
        request->client->in_sent = false;
}

static int port_of(const struct curl_sockaddr *address)
{
        struct sockaddr_in internet; /* the port of an IPv6 address is at the same place */

        if (address->family != AF_INET && address->family != AF_INET6)
                return 0;
        memcpy(&internet, &address->addr, sizeof(internet));
        return ntohs(internet.sin_port);
}

/* As libcurl does it, but the errno and the port are kept. */
static curl_socket_t open_socket(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
        (void)purpose;
        struct http_request *request = userdata;

        int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
        request->socket_error = fd < 0 ? errno : 0;
        request->socket_port = port_of(address);
        return fd;
}

/* ---- ends ---- */

static struct http_request *request_free(struct http_request *request)
{
        if (request == NULL)
                return NULL;

        LIST_REMOVE(request, link);
        curl_loop_remove(&request->transfer);
        curl_easy_cleanup(request->transfer.easy);
        for (struct curl_slist *line = request->headers; line != NULL; line = line->next)
                explicit_bzero(line->data, strlen(line->data)); /* perhaps credentials */
        curl_slist_free_all(request->headers);
        free(request);
        return NULL;
}

DEFINE_CLEANUP(struct http_request, request_free)

static struct http_curl_result result_of(const struct http_request *request, CURLcode code)
{
        long os_error = 0, sent = 0;
        curl_off_t answered_us = 0;

        (void)curl_easy_getinfo(request->transfer.easy, CURLINFO_OS_ERRNO, &os_error);
        (void)curl_easy_getinfo(request->transfer.easy, CURLINFO_REQUEST_SIZE, &sent);
        (void)curl_easy_getinfo(request->transfer.easy, CURLINFO_STARTTRANSFER_TIME_T, &answered_us);
        return (struct http_curl_result){
                .code = (int)code,
                .text = request->curl_error,
                .os_error = os_error != 0 ? (int)os_error : request->socket_error,
                .port = request->socket_port,
                .sent = request->sending,
                .contacted = sent > 0,
                .answered = answered_us > 0,
        };
}

/* See struct http_end. A network that is not available is no shortage. */
static int shortage_of(const struct http_request *request, enum http_outcome outcome, CURLcode code)
{
        int error = request->socket_error;

        if (code == CURLE_OUT_OF_MEMORY && outcome == HTTP_IMPOSSIBLE)
                return ENOMEM;
        if (outcome != HTTP_UNCONNECTED)
                return 0;
        return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS ? error : 0;
}

/* Whether no authority that is trusted has signed the certificate. */
static bool is_untrusted(const struct http_request *request, CURLcode code)
{
        long result = X509_V_OK;

        if (code != CURLE_PEER_FAILED_VERIFICATION)
                return false;
        (void)curl_easy_getinfo(request->transfer.easy, CURLINFO_SSL_VERIFYRESULT, &result);
        return result == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
               result == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
               result == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
               result == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
               result == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT || result == X509_V_ERR_CERT_UNTRUSTED;
}

/* Whether the end shows that a kept connection does not work, and so, perhaps, all of them. */
static bool is_suspicious(const struct http_request *request, enum http_outcome outcome)
{
        if (!request->sending || !is_connection_kept(request))
                return false;
        bool has_begun = request->response.head_begun || request->response.head_invalid;
        return outcome == HTTP_TIMED_OUT || (outcome == HTTP_BROKEN && !has_begun);
}

static void on_transfer_done(struct curl_transfer *transfer, CURLcode code)
{
        CLEANUP(cleanup_request_free)
        struct http_request *request = CONTAINER_OF(transfer, struct http_request, transfer);

        const struct http_curl_result result = result_of(request, code);
        struct http_end end = http_response_end(&request->response, &result);
        end.shortage = shortage_of(request, end.outcome, code);
        end.untrusted = is_untrusted(request, code);
        if (is_suspicious(request, end.outcome))
                replace_connections(request);

        request->ending = true;
        request->client->in_end = true;
        request->on_end(request->userdata, &end);
        request->client->in_end = false;
}

/* ---- requests ---- */

/* Does nothing after the first failure. */
#define SET(option, value)                                                                                   \
        do {                                                                                                 \
                if (code == CURLE_OK)                                                                        \
                        code = curl_easy_setopt(easy, option, value);                                        \
        } while (false)

static struct curl_slist *copy_headers(const char *const *lines)
{
        struct curl_slist *list = NULL;

        for (; lines != NULL && *lines != NULL; lines++)
                list = memory_need(curl_slist_append(list, *lines));
        return list;
}

/* These, and those of the system unless they are excluded. NULL: those of the system. */
static CURLcode set_authorities(CURL *easy, const struct http_authorities *authorities)
{
        struct curl_blob blob = { .flags = CURL_BLOB_NOCOPY };
        CURLcode code = CURLE_OK;

        if (authorities == NULL)
                return CURLE_OK;
        blob.data = http_authorities_pem(authorities, &blob.len);
        SET(CURLOPT_CAINFO_BLOB, &blob);
        if (http_authorities_exclude_system(authorities))
                SET(CURLOPT_CAPATH, NULL);
        return code;
}

/* A failure means that memory is short, or that libcurl was built without what is needed. */
static CURLcode set_options(struct http_request *request, const struct http_call *call)
{
        const struct http_settings *settings = &request->client->settings;
        bool plain = strncasecmp(call->url, "http:", 5) == 0;
        CURL *easy = request->transfer.easy;
        CURLcode code = CURLE_OK;

        SET(CURLOPT_TIMEOUT_MS, to_milliseconds(settings->timeout_us));
        SET(CURLOPT_ERRORBUFFER, request->curl_error);
        SET(CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
        /* One connection per request at a time: one that hangs delays no other request. */
        SET(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
        SET(CURLOPT_NOSIGNAL, 1L);
        SET(CURLOPT_QUICK_EXIT, 1L); /* do not join the resolver's thread when a request ends */
        SET(CURLOPT_FOLLOWLOCATION, 0L);
        SET(CURLOPT_USERAGENT, settings->user_agent);
        SET(CURLOPT_ACCEPT_ENCODING, "gzip");
        SET(CURLOPT_CONNECTTIMEOUT_MS, to_milliseconds(settings->connect_timeout_us));
        SET(CURLOPT_MAXAGE_CONN, CONNECTION_IDLE_MAX_S);
        SET(CURLOPT_MAXLIFETIME_CONN, CONNECTION_LIFE_MAX_S);
        SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)settings->body_max);
        SET(CURLOPT_PREREQFUNCTION, on_curl_ready);
        SET(CURLOPT_PREREQDATA, request);
        SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
        SET(CURLOPT_OPENSOCKETDATA, request);
        if (plain)
                SET(CURLOPT_PROXY, "");
        if (code == CURLE_OK)
                code = set_authorities(easy, settings->authorities);
        SET(CURLOPT_HTTPHEADER, request->headers);
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
                code = http_response_attach(&request->response, easy);
        SET(CURLOPT_URL, call->url);
        return code;
}

struct http_request *http_start(struct http_client *client, const struct http_call *call)
{
        struct http_request *request = memory_malloc(NULL, sizeof(*request));

        assert(call->url != NULL && call->on_end != NULL);
        assert(call->username == NULL || call->password != NULL);
        *request = (struct http_request){
                .client = client,
                .transfer = {
                        .easy = curl_easy_init(),
                        .on_done = on_transfer_done,
                        .on_notify = on_transfer_notify,
                },
                .generation = client->generation,
                .headers = copy_headers(call->headers),
                .on_sent = call->on_sent,
                .on_end = call->on_end,
                .userdata = call->userdata,
                .response = {
                        .body_max = client->settings.body_max,
                        .on_body = call->on_body,
                        .userdata = call->userdata,
                },
        };
        LIST_INSERT_HEAD(&client->requests, request, link);
        if (request->transfer.easy == NULL || set_options(request, call) != CURLE_OK)
                memory_exhausted();
        curl_loop_add(client->connections, &request->transfer);
        return request;
}

struct http_request *http_cancel(struct http_request *request)
{
        if (request == NULL)
                return NULL;

        assert(!request->ending && !request->client->in_sent);
        return request_free(request);
}

/* ---- clients ---- */

int http_client_new(sd_event *event, const struct http_settings *settings, struct http_client **ret_client)
{
        CLEANUP(cleanup_http_client_free)
        struct http_client *client = memory_need(calloc(1, sizeof(*client)));
        LIST_INIT(&client->requests);
        client->event = sd_event_ref(event);
        client->settings = *settings;
        int r = curl_loop_new(event, (long)settings->connections_max, &client->connections);
        if (r < 0)
                return r;

        *ret_client = STEAL_POINTER(client);
        return 0;
}

struct http_client *http_client_free(struct http_client *client)
{
        if (client == NULL)
                return NULL;

        assert(!client->in_end && !client->in_sent);
        while (!LIST_EMPTY(&client->requests))
                request_free(LIST_FIRST(&client->requests));
        curl_loop_unref(client->connections);
        sd_event_unref(client->event);
        free(client);
        return NULL;
}
