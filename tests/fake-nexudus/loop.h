/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct MHD_Daemon;

/* A callback at a point in time. Zeroed is unset. */
struct loop_timer {
        uint64_t at; /* µs, monotonic */
        void (*fire)(struct loop_timer *timer);
        struct loop_timer *previous, *next;
        bool set;
};

struct loop {
        int epoll;
        int signals;
        struct loop_timer *first, *last; /* by time */
};

/* A callback for when the peer of a socket hangs up. */
struct loop_watch {
        int socket; /* valid while set */
        bool set;
        void (*hung_up)(struct loop_watch *watch);
};

/* Blocks SIGTERM and SIGINT, which end loop_run(). Returns 0 or negative errno. */
int loop_init(struct loop *loop);

void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t at);
void loop_timer_unset(struct loop *loop, struct loop_timer *timer);

/* May fail when out of memory; the hang-up is then noticed only when the answer is written. */
void loop_watch_set(struct loop *loop, struct loop_watch *watch, int socket);
void loop_watch_unset(struct loop *loop, struct loop_watch *watch);

/*
 * Runs until SIGTERM or SIGINT. Timers and watches are called from here, never from callbacks of the HTTP
 * daemon, and must not free the owner of any timer or watch. Returns 0 or a negative errno.
 */
int loop_run(struct loop *loop, struct MHD_Daemon *daemon);

void loop_release(struct loop *loop);
