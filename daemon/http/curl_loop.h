/* SPDX-License-Identifier: MIT */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

/*
 * A libcurl multi handle on the event loop: a pool of connections, and the transfers that use it. Knows easy
 * handles only, nothing about what they transfer.
 */
struct curl_loop;

/*
 * A transfer. Embedded in an object of the owner, who sets the first three members, keeps the memory and the
 * easy handle until the transfer has ended or was removed, and does not use CURLOPT_PRIVATE.
 */
struct curl_transfer {
        CURL *easy;

        /*
         * The transfer has ended and is no longer in the loop. Called from the event loop, never from within
         * a function below. May call all of them, and free the transfer.
         */
        void (*on_done)(struct curl_transfer *transfer, CURLcode code);

        /*
         * Called from the event loop if a callback of libcurl, which must only record, has set `notified`,
         * unless the transfer has ended by then. May call all functions below.
         */
        void (*on_notify)(struct curl_transfer *transfer);
        bool notified;

        /* Private to curl_loop.c. */
        struct curl_loop *loop; /* NULL: in none */
        CURLcode code;          /* how it ended */
        bool ended;             /* in `ended` of the loop, else in `active` */
        TAILQ_ENTRY(curl_transfer) link;
};

/*
 * At most `connections_max` (at least 1) connections are open at a time; further transfers wait. The caller
 * owns the only reference. Returns 0 or an error of epoll or timerfd.
 */
int curl_loop_new(sd_event *event, long connections_max, struct curl_loop **ret_loop);

/*
 * Drops the reference of the owner, who must not use the loop afterwards. Each transfer in the loop holds
 * another reference; with the last one, all connections are closed. This does not wait for name resolution in
 * progress. Must not be called from a callback of libcurl. Accepts NULL, returns NULL.
 */
struct curl_loop *curl_loop_unref(struct curl_loop *loop);

/* Starts a transfer, which must not be in a loop. Must not be called from libcurl. */
void curl_loop_add(struct curl_loop *loop, struct curl_transfer *transfer);

/* Removes a transfer without calling on_done(), if it is in a loop. Must not be called from libcurl. */
void curl_loop_remove(struct curl_transfer *transfer);
