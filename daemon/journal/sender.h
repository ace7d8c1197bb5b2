/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "journal/entry.h"
#include "journal/target.h"

/*
 * The log sender: a queue of entries, and a thread that sends them in order. Without the thread, before
 * sender_start() and after sender_stop(), entries are sent at once.
 */
struct sender;

struct sender_parts {
        struct target target;

        /* An event was sent; its id is borrowed. Called from the loop, or by sender_send() itself. */
        void (*on_sent)(void *userdata, const char *event_id);

        /*
         * The queue is empty. Since it last was, this many entries that are no events were dropped and
         * events were refused or not sent, the first one with the errno `-refused` (0: none was).
         */
        void (*on_drained)(void *userdata, size_t dropped, int refused);
        void *userdata;
};

struct sender *sender_new(const struct sender_parts *parts);

/*
 * Starts the thread. Returns 0 or a negative errno, after which entries are still sent at once.
 */
int sender_start(struct sender *sender, sd_event *event);

/*
 * Waits until everything is sent, at most for this time, and ends the thread. If it is stuck, it is
 * abandoned, and from now on entries are lost. Returns whether everything was sent.
 */
bool sender_stop(struct sender *sender, uint64_t timeout_us);

/*
 * Sends an entry, which it takes over, or queues it. The queue has room for 4 MiB, or for one entry that is
 * larger. Returns 0, or a negative errno if it was not accepted, or could not be sent at once: -EXFULL if the
 * queue is full. An event is also refused with -EXFULL if an event before it was refused or not sent, until
 * on_drained(), so that events are sent in order.
 */
int sender_send(struct sender *sender, struct entry *entry);

/* Whether nothing is queued. */
bool sender_is_idle(const struct sender *sender);

/* Whether a quarter of the queue is used and entries are being sent. */
bool sender_is_busy(const struct sender *sender);

/* Whether entries are queued, and not a single one was sent for 5 s. */
bool sender_is_stuck(const struct sender *sender);

/* Waits until everything is sent unless the thread was abandoned. Accepts NULL, returns NULL. */
struct sender *sender_free(struct sender *sender);
