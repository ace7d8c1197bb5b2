/* SPDX-License-Identifier: MIT */

/*
 * Keeps the object on the bus under its name. The connection is shared with unit hooks (connection.h), which
 * may make it as well; this makes it from the start, and again some time after it was lost.
 *
 * The bus may stop reading, while every event is a signal. When too many messages wait, the connection is
 * closed: clients see that the name has lost its owner, and read what they have missed when it is back.
 */

#include "bus/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus/calls.h"
#include "bus/manager.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/timer.h"
#include "util/timespan.h"

#define BUS_NAME "org.jobwatchd1"

/* Reply of RequestName: the name is ours when its present owner gives it up. */
#define NAME_IN_QUEUE 2

/* Between attempts to connect; doubles with each. */
#define RETRY_MIN_US (1 * USEC_PER_SEC)
#define RETRY_MAX_US (1 * USEC_PER_MIN)

/* Messages that the bus has not taken, at most. */
#define UNSENT_MAX 10000

struct bus_service {
        struct bus_service_parts parts;
        struct bus_listener listener;
        struct bus_calls *calls;
        char *name;
        sd_bus_slot *object;   /* NULL: no connection */
        sd_bus_slot *request;  /* of the name, in progress or answered */
        sd_bus_slot *acquired; /* it is ours now */
        sd_event_source *retry;
        uint64_t retry_us; /* how long to wait before the next attempt */
        bool is_connected;
        bool stopped;
        bool settled;
        int error; /* an errno for the kind of trouble that was reported; 0: none */
};

char *bus_service_name(const char *instance)
{
        CLEANUP(cleanup_free) char *path = NULL;

        if (instance == NULL)
                return memory_need(strdup(BUS_NAME));
        if (sd_bus_path_encode("/", instance, &path) < 0)
                memory_exhausted();
        return format_message(BUS_NAME ".%s", path + 1);
}

/* ---- notices ---- */

/* Each kind of trouble is reported once, until it is over. Takes the text. */
static void report(struct bus_service *service, int error, char *text)
{
        service->settled = true;
        if (error != service->error)
                service->parts.on_notice(service->parts.userdata, error != 0, text);
        service->error = error;
        free(text);
}

static void report_unnamed(struct bus_service *service, int error, const char *cause)
{
        report(service, error,
               format_message("Cannot get the D-Bus name %s: %s. Until it can, jobwatchctl does not work.",
                              service->name, cause));
}

static void try_later(struct bus_service *service)
{
        timer_start(service->retry, service->retry_us);
        service->retry_us = service->retry_us < RETRY_MAX_US / 2 ? service->retry_us * 2 : RETRY_MAX_US;
}

/* ---- the name ---- */

static int on_name(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct bus_service *service = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(message);
        uint32_t result = 0;

        if (error != NULL) {
                report_unnamed(service, sd_bus_error_get_errno(error),
                               sd_bus_error_has_name(error, SD_BUS_ERROR_ACCESS_DENIED)
                                       ? "the policy of the bus does not allow it"
                                       : error->message);
                try_later(service);
                return 0;
        }
        if (sd_bus_message_read(message, "u", &result) >= 0 && result == NAME_IN_QUEUE)
                report_unnamed(service, EEXIST, "another process has it");
        return 0;
}

/* At once, or when the process that had it has given it up. */
static int on_acquired(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct bus_service *service = userdata;
        const char *name;

        if (sd_bus_message_read(message, "s", &name) < 0 || strcmp(name, service->name) != 0)
                return 0;
        service->retry_us = RETRY_MIN_US;
        report(service, 0, format_message("The D-Bus name %s is available.", service->name));
        return 0;
}

static int request_name(struct bus_service *service, sd_bus *bus)
{
        service->request = sd_bus_slot_unref(service->request);
        return sd_bus_request_name_async(bus, &service->request, service->name, SD_BUS_NAME_QUEUE, on_name,
                                         service);
}

/* ---- the connection ---- */

static int on_connect(sd_bus *bus, void *userdata)
{
        struct bus_service *service = userdata;

        if (service->stopped)
                return 0;
        int r = bus_manager_attach(service->calls, bus, &service->object);
        if (r >= 0)
                r = sd_bus_match_signal_async(bus, &service->acquired, "org.freedesktop.DBus",
                                              "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameAcquired",
                                              on_acquired, NULL, service);
        if (r >= 0)
                r = request_name(service, bus);
        if (r < 0)
                return r;
        source_stop(service->retry);
        service->is_connected = true;
        return 0;
}

/* Takes no more calls. Those that were not started are dropped. */
static void withdraw(struct bus_service *service)
{
        service->request = sd_bus_slot_unref(service->request);
        service->acquired = sd_bus_slot_unref(service->acquired);
        service->object = sd_bus_slot_unref(service->object);
        bus_calls_drop(service->calls);
}

static void on_lost(void *userdata)
{
        struct bus_service *service = userdata;

        withdraw(service);
        if (service->stopped || !service->is_connected)
                return;
        service->is_connected = false;
        report(service, ENOTCONN,
               format_message("Lost the connection to the system bus. Until it is back, jobwatchctl does not "
                              "work."));
        try_later(service);
}

static void on_retry(void *userdata)
{
        struct bus_service *service = userdata;
        CLEANUP(cleanup_free) char *reason = NULL;

        int r = service->is_connected ? request_name(service, bus_connection_get(service->parts.connection))
                                      : bus_connection_open(service->parts.connection, &reason);
        if (r >= 0)
                return;
        report_unnamed(service, ENOTCONN, reason != NULL ? reason : strerror(-r));
        try_later(service);
}

void bus_service_emit_event(struct bus_service *service, uint64_t sequence, uint64_t job, const char *event)
{
        uint64_t unsent = 0;

        if (!service->is_connected || service->stopped)
                return;
        sd_bus *bus = bus_connection_get(service->parts.connection);
        int r = sd_bus_emit_signal(bus, MANAGER_PATH, MANAGER_INTERFACE, "JobEvent", "tts", sequence, job,
                                   event);
        if (r >= 0)
                r = sd_bus_get_n_queued_write(bus, &unsent);
        if (r < 0 || unsent > UNSENT_MAX)
                bus_connection_close(service->parts.connection);
}

/* ---- life ---- */

struct bus_service *bus_service_new(const struct bus_service_parts *parts)
{
        struct bus_service *service = memory_need(calloc(1, sizeof(*service)));

        *service = (struct bus_service){
                .parts = *parts,
                .listener = { .on_connect = on_connect, .on_lost = on_lost, .userdata = service },
                .calls = bus_calls_new(parts->event, parts->operations, parts->userdata),
                .name = bus_service_name(parts->instance),
                .retry = timer_new(parts->event, CLOCK_MONOTONIC, USEC_PER_MSEC, on_retry, service),
                .retry_us = RETRY_MIN_US,
        };
        timer_start(service->retry, 0);
        bus_connection_listen(parts->connection, &service->listener);
        return service;
}

bool bus_service_is_settled(const struct bus_service *service)
{
        return service->settled;
}

void bus_service_stop(struct bus_service *service)
{
        if (service->stopped)
                return;
        service->stopped = true;
        source_stop(service->retry);
        if (service->is_connected)
                (void)sd_bus_release_name_async(bus_connection_get(service->parts.connection), NULL,
                                                service->name, NULL, NULL);
        withdraw(service);
}

struct bus_service *bus_service_free(struct bus_service *service)
{
        if (service == NULL)
                return NULL;
        bus_connection_unlisten(service->parts.connection, &service->listener);
        sd_event_source_disable_unref(service->retry);
        withdraw(service);
        bus_calls_free(service->calls);
        free(service->name);
        free(service);
        return NULL;
}
