/* SPDX-License-Identifier: MIT */

/*
 * libcurl's multi interface under sd-event.
 *
 * libcurl says which sockets it waits for; they go into an epoll descriptor of our own, and sd-event watches
 * only that one. This costs a third of what one event source a socket costs, since libcurl changes its mind
 * about a socket several times a transfer, and sd-event arms a timer for each of libcurl's frequent "at
 * once".
 *
 * Everything that libcurl calls back only records. All work is done by client_run(), which the loop calls
 * when a socket is ready, when libcurl's time has come, or when a request was started: it lets libcurl act
 * until there is nothing to do at once, moves finished requests to a list, and then ends them one by one. A
 * request ends in request_end() or in http_cancel(), nowhere else.
 *
 * The body of an answer is looked at only when its status is known to be a 2xx, and counted as it comes out
 * of the decoder, as CURLOPT_MAXFILESIZE stops neither chunked nor compressed bodies.
 */

#include "http/http_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "util/cleanup.h"
#include "util/timespan.h"

DEFINE_CLEANUP(struct http_client, http_client_free)

/* ---- what libcurl calls: these only record ---- */

/* libcurl itself is not told: up to 8.x it gives up all transfers for it, and trips over what is left. */
static void note_unwatched(struct http_client *client, CURL *easy, int error)
{
        struct http_request *request = NULL;

        if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&request) != CURLE_OK || request == NULL)
                return;
        request->unwatched = error;
        client->some_unwatched = true;
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data)
{
        (void)socket_data;
        struct http_client *client = userdata;
        struct epoll_event interest = { .data.fd = fd };

        if (what == CURL_POLL_REMOVE) {
                /* The socket may be closed already, and then it is out of the set by itself. */
                (void)epoll_ctl(client->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
                return 0;
        }

        if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
                interest.events |= EPOLLIN;
        if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
                interest.events |= EPOLLOUT;

        /* Descriptor numbers come back, and not always is the old one reported removed: try both. */
        int r = epoll_ctl(client->epoll_fd, EPOLL_CTL_MOD, fd, &interest);
        if (r < 0 && errno == ENOENT)
                r = epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, fd, &interest);
        if (r < 0)
                note_unwatched(client, easy, errno);
        return 0;
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *userdata)
{
        (void)multi;
        struct http_client *client = userdata;

        client->act_now = timeout_ms == 0;
        client->timer_ms = timeout_ms;
        client->timer_changed = true;
        return 0;
}

int http_client_ready(struct http_client *client)
{
        if (client->multi != NULL)
                return 0;

        CURLM *multi = curl_multi_init();
        if (multi == NULL)
                return -ENOMEM;
        if (curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) != CURLM_OK ||
            curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client) != CURLM_OK ||
            curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_curl_timer) != CURLM_OK ||
            curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client) != CURLM_OK ||
            curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, client->connections_max) != CURLM_OK ||
            curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, client->connections_max) != CURLM_OK) {
                (void)curl_multi_cleanup(multi);
                return -ENOMEM;
        }
        client->multi = multi;
        return 0;
}

/* ---- the engine ---- */

static void request_finish(struct http_client *client, struct http_request *request, CURLcode code)
{
        request->code = code;
        TAILQ_REMOVE(request->listed, request, link);
        request->listed = &client->finished;
        TAILQ_INSERT_TAIL(request->listed, request, link);
}

static void collect_finished(struct http_client *client)
{
        CURLMsg *message;
        int left;

        while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
                struct http_request *request = NULL;

                if (message->msg != CURLMSG_DONE)
                        continue;
                (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request);
                request_finish(client, request, message->data.result);
        }
}

/* Nobody would hear of an answer: these requests are over. */
static void end_unwatched(struct http_client *client)
{
        if (!client->some_unwatched)
                return;
        client->some_unwatched = false;
        for (struct http_request *request = TAILQ_FIRST(&client->active), *next; request != NULL;
             request = next) {
                next = TAILQ_NEXT(request, link);
                if (request->unwatched == 0)
                        continue;
                (void)snprintf(request->curl_error, sizeof(request->curl_error),
                               "its socket cannot be waited for: %s", strerror(request->unwatched));
                request_finish(client, request, CURLE_OUT_OF_MEMORY);
        }
}

/*
 * libcurl has met an error that is not one of a request: memory, most likely. It is not to be asked for
 * anything more (7.88 divides by zero then), so all that was under way is over, and there is a new handle. If
 * there cannot be one now, http_start() tries again.
 */
static void multi_renew(struct http_client *client)
{
        struct http_request *request;

        client->broken = false;
        while ((request = TAILQ_FIRST(&client->active)) != NULL) {
                (void)snprintf(request->curl_error, sizeof(request->curl_error),
                               "libcurl failed, for want of memory perhaps");
                request_finish(client, request, CURLE_OUT_OF_MEMORY);
        }
        TAILQ_FOREACH(request, &client->finished, link)
        {
                (void)curl_multi_remove_handle(client->multi, request->easy);
        }
        (void)curl_multi_cleanup(client->multi);
        client->act_now = false;
        client->timer_ms = -1;
        client->timer_changed = true;
        client->multi = NULL;
        (void)http_client_ready(client);
}

/* A request whose answer is in already ends at once; whether it was sent is then no news any more. */
static void tell_sent(struct http_client *client)
{
        struct http_request *request;

        if (!client->some_sent)
                return;
        client->some_sent = false;
        TAILQ_FOREACH(request, &client->active, link)
        {
                if (!request->sent)
                        continue;
                request->sent = false;
                request->on_sent(request->userdata);
        }
}

static int timer_apply(struct http_client *client)
{
        if (!client->timer_changed)
                return 0;
        client->timer_changed = false;

        if (client->timer_ms < 0)
                return sd_event_source_set_enabled(client->timer_source, SD_EVENT_OFF);

        int r = sd_event_source_set_time_relative(client->timer_source,
                                                  (uint64_t)client->timer_ms * USEC_PER_MSEC);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(client->timer_source, SD_EVENT_ONESHOT);
}

static void act(struct http_client *client, int fd, int action)
{
        int running;

        if (curl_multi_socket_action(client->multi, fd, action, &running) != CURLM_OK)
                client->broken = true;
}

/* Lets libcurl do all it can do at once, then ends what has finished; callbacks may start more of both. */
static int client_run(struct http_client *client)
{
        do {
                while (client->act_now && !client->broken) {
                        client->act_now = false;
                        act(client, CURL_SOCKET_TIMEOUT, 0);
                }
                collect_finished(client);
                end_unwatched(client);
                if (client->broken)
                        multi_renew(client);
                tell_sent(client);

                struct http_request *request = TAILQ_FIRST(&client->finished);
                if (request != NULL)
                        http_request_end(request);
        } while (client->act_now || !TAILQ_EMPTY(&client->finished));

        return timer_apply(client);
}

static int on_sockets_ready(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        (void)source;
        (void)revents;
        struct http_client *client = userdata;
        struct epoll_event ready[64];

        int count = epoll_wait(fd, ready, sizeof(ready) / sizeof(ready[0]), 0);
        for (int i = 0; i < count; i++) {
                int action = 0;

                if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLRDHUP))
                        action |= CURL_CSELECT_IN;
                if (ready[i].events & EPOLLOUT)
                        action |= CURL_CSELECT_OUT;
                if (ready[i].events & EPOLLERR)
                        action |= CURL_CSELECT_ERR;
                if (!client->broken)
                        act(client, ready[i].data.fd, action);
        }
        return client_run(client);
}

static int on_time(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)source;
        (void)time_us;
        struct http_client *client = userdata;

        client->act_now = true;
        int r = client_run(client);
        if (r < 0)
                return r;

        /*
         * libcurl rounds its times down, so this may have been a little early, and then it does not ask again
         * for the time that it believes to have been granted.
         */
        long left_ms = -1;
        (void)curl_multi_timeout(client->multi, &left_ms);
        client->timer_ms = left_ms == 0 ? 1 : left_ms;
        client->timer_changed = true;
        return timer_apply(client);
}

static int on_started(sd_event_source *source, void *userdata)
{
        (void)source;
        return client_run(userdata);
}

int http_client_wake(struct http_client *client)
{
        return sd_event_source_set_enabled(client->start_source, SD_EVENT_ONESHOT);
}

/* ---- clients ---- */

int http_client_new(sd_event *event, const struct http_settings *settings, struct http_client **ret_client)
{
        CLEANUP(cleanup_http_client_free) struct http_client *client = calloc(1, sizeof(*client));
        int r;

        if (client == NULL)
                return -ENOMEM;
        client->epoll_fd = -1;
        TAILQ_INIT(&client->active);
        TAILQ_INIT(&client->finished);
        client->timeout_us = settings->timeout_us;
        client->connect_timeout_us = settings->connect_timeout_us;
        client->stall_us = settings->stall_us;
        client->body_max = settings->body_max;
        client->connections_max = settings->connections_max > 0 ? (long)settings->connections_max : 1;

        client->user_agent = strdup(settings->user_agent);
        client->ca_file = strdup(settings->ca_file != NULL ? settings->ca_file : "");
        if (client->user_agent == NULL || client->ca_file == NULL)
                return -ENOMEM;

        client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (client->epoll_fd < 0)
                return -errno;

        r = sd_event_add_io(event, &client->socket_source, client->epoll_fd, EPOLLIN, on_sockets_ready,
                            client);
        if (r < 0)
                return r;
        r = sd_event_add_time(event, &client->timer_source, CLOCK_MONOTONIC, 0, USEC_PER_MSEC, on_time,
                              client);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(client->timer_source, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = sd_event_add_defer(event, &client->start_source, on_started, client);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(client->start_source, SD_EVENT_OFF);
        if (r < 0)
                return r;
        (void)sd_event_source_set_description(client->socket_source, "http-sockets");
        (void)sd_event_source_set_description(client->timer_source, "http-timer");
        (void)sd_event_source_set_description(client->start_source, "http-start");

        r = http_client_ready(client);
        if (r < 0)
                return r;

        *ret_client = STEAL_POINTER(client);
        return 0;
}

static void list_clear(struct request_list *list)
{
        while (!TAILQ_EMPTY(list))
                http_request_free(TAILQ_FIRST(list));
}

struct http_client *http_client_free(struct http_client *client)
{
        if (client == NULL)
                return NULL;

        list_clear(&client->active);
        list_clear(&client->finished);

        /*
         * libcurl still calls back while it closes its connections: its handle goes before what it calls
         * into.
         */
        if (client->multi != NULL)
                (void)curl_multi_cleanup(client->multi);
        sd_event_source_disable_unref(client->start_source);
        sd_event_source_disable_unref(client->timer_source);
        sd_event_source_disable_unref(client->socket_source);
        cleanup_descriptor(&client->epoll_fd);

        free(client->user_agent);
        free(client->ca_file);
        free(client);
        return NULL;
}
