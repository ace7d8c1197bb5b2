/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bus/connection.h"
#include "bus/operations.h"

/*
 * The D-Bus API as clients see it: the object, and a name on the bus. Without a bus everything else goes on:
 * the connection is tried again, and made again when it is lost.
 */
struct bus_service;

/* Borrowed. */
struct bus_service_parts {
        sd_event *event;
        struct bus_connection *connection;
        const char *instance;             /* NULL: none */
        bus_operation *const *operations; /* by enum bus_method */

        /*
         * Something about the name or the connection that clients notice; `is_problem`: they cannot call.
         */
        void (*on_notice)(void *userdata, bool is_problem, const char *text);
        void *userdata; /* also of the operations */
};

/*
 * The name of the API, malloc()ed: "org.jobwatchd1", or with an instance "org.jobwatchd1.LABEL", where LABEL
 * is its name with each character but A-Z a-z 0-9, and a digit at the start, as _XX.
 */
char *bus_service_name(const char *instance);

/* Connects later, from the loop. */
struct bus_service *bus_service_new(const struct bus_service_parts *parts);

/* Whether it is known if clients can call: the name is there, or an attempt to get it has failed. */
bool bus_service_is_settled(const struct bus_service *service);

/* Takes no more calls, and gives the name back. Operations in progress may still complete their calls. */
void bus_service_stop(struct bus_service *service);

/* No operation is in progress. Accepts NULL, returns NULL. */
struct bus_service *bus_service_free(struct bus_service *service);

/* Sends the signal JobEvent to those who listen; without a connection nobody does. */
void bus_service_emit_event(struct bus_service *service, uint64_t sequence, uint64_t job, const char *event);
