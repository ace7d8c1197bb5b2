/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "bus/operations.h"

/*
 * The method calls in progress. A client may have a few, and all clients together a few more, of which those
 * that wait for a password are few; what exceeds that is answered with the error Busy. Calls that read wait
 * for each other, and for the bus to take the replies before, so that no number of clients makes the process
 * grow.
 */
struct bus_calls;

#define BUS_CALLS_PER_CLIENT 8
#define BUS_CALLS_MAX        512
#define BUS_CALLS_ASKING     32 /* calls of a user that wait for polkit, from all clients */

#define BUS_ERROR_BUSY "org.jobwatchd1.Error.Busy"

/* Copies of texts. */
struct bus_strings {
        size_t most;  /* more texts are an error */
        char **items; /* NULL-terminated, malloc()ed, also after an error; NULL: none */
};

/* Owned by the list of calls until bus_call_finish(). */
struct bus_call {
        sd_bus_message *message; /* the call */
        sd_bus_message *reply;   /* see reply.h; NULL: none yet */
        int reply_error;         /* a negative errno: the reply cannot be made */
        uint32_t uid;            /* see caller.h */
        const char *action;      /* of polkit; NULL: it changes nothing */
        sd_bus_slot *question;   /* about the caller, in progress */
        bool asks_polkit;        /* the question is to polkit, which may take minutes */

        int (*read)(struct bus_call *call); /* the arguments; < 0: the call has ended. NULL: there are none */
        bus_operation *operation;           /* must lead to bus_call_finish(), at once or later */
        void *userdata;                     /* of the operations */
        union bus_arguments arguments;

        /* What arguments point to, besides the message. */
        uint64_t *ids;
        struct bus_strings texts;
        struct bus_strings keys; /* of rows, which leave out others; none: all */
        char *secret;

        /* private */
        struct bus_calls *calls;
        struct bus_call *next;
        bool started, reads;
};

/* The operations are borrowed, by enum bus_method; `userdata` is for them. */
struct bus_calls *bus_calls_new(sd_event *event, bus_operation *const operations[], void *userdata);

/* No call may be started and not finished. Accepts NULL, returns NULL. */
struct bus_calls *bus_calls_free(struct bus_calls *calls);

/*
 * Takes a call. Returns 1 and *ret_call, which is to be begun by bus_call_begin(), or, for a caller that is
 * waiting for a reply, by bus_call_read(); or a negative errno with the error set.
 */
int bus_calls_take(struct bus_calls *calls, sd_bus_message *message, enum bus_method method,
                   sd_bus_error *ret_error, struct bus_call **ret_call);

/* How many calls of the user who made this one wait for polkit. */
size_t bus_calls_count_asking(const struct bus_call *call);

/* Reads the arguments and calls the operation at once. */
void bus_call_begin(struct bus_call *call);

/* The same later, from the loop, when other calls that read are finished. */
void bus_call_read(struct bus_call *call);

/* Frees the call. */
void bus_call_finish(struct bus_call *call);

/*
 * The connection is lost: calls that were not started are dropped. Others go on, and their replies reach
 * nobody.
 */
void bus_calls_drop(struct bus_calls *calls);
