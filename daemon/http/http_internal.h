/* SPDX-License-Identifier: MIT */
#pragma once

/* What the halves of http.h share: http_client.c drives libcurl, http_request.c makes and ends requests. */

#include "http/http.h"
#include "http/http_header.h"

#include <curl/curl.h>
#include <sys/queue.h>

#define EXCERPT_MAX 512

struct http_headers {
        struct curl_slist *list;
        unsigned references; /* the owner's, and one a request that uses them */
};

TAILQ_HEAD(request_list, http_request);

struct http_request {
        struct http_client *client;
        CURL *easy;
        struct http_headers *headers;
        int (*on_body)(void *userdata, const void *data, size_t size);
        void (*on_sent)(void *userdata);
        void (*on_end)(void *userdata, const struct http_end *end);
        void *userdata;
        uint64_t body_size;
        struct http_head head;
        bool head_invalid; /* what came is no head of HTTP/1.1, or libcurl read it otherwise */
        CURLcode code;     /* how it finished */
        int error;         /* what on_body() returned */
        bool too_large;    /* stopped by us */
        bool sent;         /* on_sent() is to be called */
        bool connected;    /* libcurl had a connection for it, TLS included */
        int unwatched;     /* errno: its socket could not be put into the epoll descriptor */
        bool page_cut;     /* stopped by us, having seen enough of an error page */
        char excerpt[EXCERPT_MAX];
        size_t excerpt_size;
        char curl_error[CURL_ERROR_SIZE];
        TAILQ_ENTRY(http_request) link;
        struct request_list *listed; /* the client's `active` or `finished`; NULL: in none */
};

struct http_client {
        CURLM *multi; /* NULL: lost, and there was no memory for another */
        int epoll_fd;
        sd_event_source *socket_source;
        sd_event_source *timer_source;
        sd_event_source *start_source; /* runs the client once after http_start() */
        bool some_sent;                /* some request is `sent` */
        bool broken;                   /* libcurl failed as a whole */
        bool some_unwatched;           /* some request is `unwatched` */
        bool act_now;                  /* libcurl wants to be called without waiting */
        bool timer_changed;
        long timer_ms; /* what libcurl last asked for; -1: none */
        struct request_list active;
        struct request_list finished;

        char *user_agent;
        char *ca_file;
        uint64_t timeout_us;
        uint64_t connect_timeout_us;
        uint64_t stall_us;
        size_t body_max;
        long connections_max;
};

/* Tells the request's owner how it ended and frees it. It is in the list of finished ones. */
void http_request_end(struct http_request *request);

/* Takes the request out of libcurl and its list, gives the easy handle back, frees the rest. */
struct http_request *http_request_free(struct http_request *request);

/* Has the loop call the client soon, since something was started or cancelled outside of its run. */
int http_client_wake(struct http_client *client);

/* Sees to it that there is a multi handle. -ENOMEM. */
int http_client_ready(struct http_client *client);
