/* SPDX-License-Identifier: MIT */

/*
 * libcurl's multi interface under sd-event.
 *
 * The sockets that libcurl waits for are in an epoll descriptor of our own, and sd-event watches only that
 * one: libcurl changes the events of a socket several times per transfer, which is far cheaper this way.
 *
 * Callbacks of libcurl only record. loop_run() does all work; the event loop calls it when a socket is ready,
 * when libcurl's timer has expired, or after a transfer was added or removed. It calls libcurl until nothing
 * remains to be done at once, moves transfers from `active` to `ended`, and then calls on_done() for one
 * after the other. A server that sends faster than that can be read does not keep it: after RUN_US the rest
 * is left to libcurl's timer, which has expired then.
 *
 * The loop is reference counted, since a callback may drop the owner's reference or end the last transfer:
 * one reference for the owner, one per transfer, and one while loop_run() is active.
 */

#include "http/curl_loop.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "util/cleanup.h"
#include "util/memory.h"
#include "util/timer.h"
#include "util/timespan.h"

/* For how long libcurl may go on before other sources of the event loop have their turn. */
#define RUN_US (5 * USEC_PER_MSEC)

TAILQ_HEAD(transfer_list, curl_transfer);

struct curl_loop {
        unsigned references;
        CURLM *multi;
        int epoll_fd;
        sd_event_source *socket_source;
        sd_event_source *timer_source;
        sd_event_source *wake_source; /* calls loop_run() once */
        bool in_libcurl;
        bool running; /* in loop_run() */
        bool act_now; /* libcurl's timer has expired, or is set to 0 */
        struct transfer_list active;
        struct transfer_list ended;
};

DEFINE_CLEANUP(struct curl_loop, curl_loop_unref)

/* ---- time ---- */

/* That of now, not that of the iteration: libcurl may have computed for a while. */
static uint64_t now_us(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

/* libcurl rounds down to milliseconds, so the timer is rounded up. */
static void timer_set(struct curl_loop *loop, long timeout_ms)
{
        if (timeout_ms < 0)
                source_stop(loop->timer_source);
        else
                timer_start_at(loop->timer_source,
                               now_us() + (uint64_t)timeout_ms * USEC_PER_MSEC + (USEC_PER_MSEC - 1));
}

/* ---- callbacks of libcurl: these only record ---- */

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data)
{
        (void)easy;
        (void)socket_data;
        struct curl_loop *loop = userdata;
        struct epoll_event interest = { .data.fd = fd };

        if (what == CURL_POLL_REMOVE) {
                /* Fails if the socket is closed already; then the kernel has removed it. */
                (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
                return 0;
        }

        if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
                interest.events |= EPOLLIN;
        if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
                interest.events |= EPOLLOUT;

        /* Descriptor numbers are reused, and libcurl does not report every removal: try both. */
        int r = epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &interest);
        if (r < 0 && errno == ENOENT)
                r = epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &interest);
        if (r < 0)
                memory_exhausted(); /* in the kernel; the transfer would never end */
        return 0;
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *userdata)
{
        (void)multi;
        struct curl_loop *loop = userdata;

        loop->act_now = timeout_ms == 0;
        timer_set(loop, timeout_ms);
        return 0;
}

/* ---- one run ---- */

static void act(struct curl_loop *loop, int fd, int action)
{
        int running;

        loop->in_libcurl = true;
        if (curl_multi_socket_action(loop->multi, fd, action, &running) != CURLM_OK)
                memory_exhausted(); /* nothing else that fails is not the error of a transfer */
        loop->in_libcurl = false;
}

static void collect_ended(struct curl_loop *loop)
{
        CURLMsg *message;
        int left;

        while ((message = curl_multi_info_read(loop->multi, &left)) != NULL) {
                if (message->msg != CURLMSG_DONE)
                        continue;
                struct curl_transfer *transfer = NULL;
                (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
                assert(transfer != NULL);
                transfer->code = message->data.result;
                transfer->ended = true;
                TAILQ_REMOVE(&loop->active, transfer, link);
                TAILQ_INSERT_TAIL(&loop->ended, transfer, link);
        }
}

static struct curl_transfer *first_notified(const struct curl_loop *loop)
{
        struct curl_transfer *transfer;

        TAILQ_FOREACH(transfer, &loop->active, link)
        {
                if (transfer->notified)
                        break;
        }
        return transfer;
}

/* Starts at the head after each call, since on_notify() may change the list. */
static void notify_transfers(struct curl_loop *loop)
{
        struct curl_transfer *transfer;

        while ((transfer = first_notified(loop)) != NULL) {
                transfer->notified = false;
                transfer->on_notify(transfer);
        }
}

/* Lets libcurl do all it can at once, then calls back; callbacks may add and remove transfers. */
static void loop_run(struct curl_loop *loop)
{
        CLEANUP(cleanup_curl_loop_unref) struct curl_loop *referenced = loop;
        const uint64_t end_us = now_us() + RUN_US;

        referenced->references++;
        loop->running = true;
        do {
                if (loop->act_now) {
                        loop->act_now = false;
                        act(loop, CURL_SOCKET_TIMEOUT, 0);
                }
                collect_ended(loop);
                notify_transfers(loop);

                struct curl_transfer *transfer = TAILQ_FIRST(&loop->ended);
                if (transfer != NULL) {
                        curl_loop_remove(transfer);
                        transfer->on_done(transfer, transfer->code);
                }
        } while ((loop->act_now && now_us() < end_us) || !TAILQ_EMPTY(&loop->ended));
        loop->running = false;
}

static int on_sockets_ready(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        (void)source;
        (void)revents;
        struct curl_loop *loop = userdata;
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
                act(loop, ready[i].data.fd, action);
        }
        loop_run(loop);
        return 0;
}

static void on_timer(void *userdata)
{
        CLEANUP(cleanup_curl_loop_unref) struct curl_loop *loop = userdata;

        loop->references++;
        loop->act_now = true;
        loop_run(loop);

        /*
         * Newer releases of libcurl read CLOCK_MONOTONIC_RAW, which NTP does not adjust, so the timer may
         * still have expired early for libcurl, which does not request the same time again: query it.
         */
        long left_ms = -1;
        (void)curl_multi_timeout(loop->multi, &left_ms);
        timer_set(loop, left_ms == 0 ? 1 : left_ms);
}

static void on_wake(void *userdata)
{
        loop_run(userdata);
}

/* Has loop_run() called soon, unless it is active and will notice the change anyway. */
static void loop_wake(struct curl_loop *loop)
{
        if (!loop->running)
                deferred_start(loop->wake_source);
}

/* ---- transfers ---- */

void curl_loop_add(struct curl_loop *loop, struct curl_transfer *transfer)
{
        assert(transfer->loop == NULL);
        assert(!loop->in_libcurl);

        if (curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, (char *)transfer) != CURLE_OK ||
            curl_multi_add_handle(loop->multi, transfer->easy) != CURLM_OK)
                memory_exhausted();

        transfer->loop = loop;
        transfer->ended = false;
        TAILQ_INSERT_TAIL(&loop->active, transfer, link);
        loop->references++;
        loop_wake(loop);
}

void curl_loop_remove(struct curl_transfer *transfer)
{
        struct curl_loop *loop = transfer->loop;

        if (loop == NULL)
                return;
        assert(!loop->in_libcurl);

        TAILQ_REMOVE(transfer->ended ? &loop->ended : &loop->active, transfer, link);
        transfer->loop = NULL;
        (void)curl_multi_remove_handle(loop->multi, transfer->easy);
        /* This may have changed what libcurl waits for. */
        loop_wake(loop);
        curl_loop_unref(loop);
}

/* ---- loops ---- */

int curl_loop_new(sd_event *event, long connections_max, struct curl_loop **ret_loop)
{
        CLEANUP(cleanup_curl_loop_unref) struct curl_loop *loop = memory_need(calloc(1, sizeof(*loop)));

        assert(connections_max > 0);
        loop->references = 1;
        TAILQ_INIT(&loop->active);
        TAILQ_INIT(&loop->ended);

        loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (loop->epoll_fd < 0)
                return -errno;

        int r = sd_event_add_io(event, &loop->socket_source, loop->epoll_fd, EPOLLIN, on_sockets_ready, loop);
        if (r < 0)
                return r;
        loop->timer_source = timer_new(event, CLOCK_MONOTONIC, USEC_PER_MSEC, on_timer, loop);
        loop->wake_source = deferred_new(event, on_wake, loop);

        CURLM *multi = loop->multi = memory_need(curl_multi_init());
        if (curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) != CURLM_OK ||
            curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, loop) != CURLM_OK ||
            curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_curl_timer) != CURLM_OK ||
            curl_multi_setopt(multi, CURLMOPT_TIMERDATA, loop) != CURLM_OK ||
            curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections_max) != CURLM_OK ||
            curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections_max) != CURLM_OK)
                memory_exhausted();

        *ret_loop = STEAL_POINTER(loop);
        return 0;
}

struct curl_loop *curl_loop_unref(struct curl_loop *loop)
{
        if (loop == NULL || --loop->references > 0)
                return NULL;
        assert(!loop->in_libcurl);
        assert(TAILQ_EMPTY(&loop->active) && TAILQ_EMPTY(&loop->ended));

        /* libcurl calls back while it closes connections: its handle goes first. */
        if (loop->multi != NULL)
                (void)curl_multi_cleanup(loop->multi);
        sd_event_source_disable_unref(loop->wake_source);
        sd_event_source_disable_unref(loop->timer_source);
        sd_event_source_disable_unref(loop->socket_source);
        cleanup_descriptor(&loop->epoll_fd);
        free(loop);
        return NULL;
}
