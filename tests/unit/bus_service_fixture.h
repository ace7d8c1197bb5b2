/* SPDX-License-Identifier: MIT */
#pragma once

/* The D-Bus API on a private bus, with operations that wait until a test completes them, and a client. */

#include "bus_fixture.h"

#include "bus/manager.h"
#include "bus/reply.h"
#include "bus/service.h"

#define HELD_MAX 32

struct scene {
        struct bus_fixture *fixture;
        struct bus_service *service;
        struct bus_call *held[HELD_MAX]; /* calls that the operation was given */
        size_t held_count;
        struct bus_list_jobs last; /* the arguments of the last one */
        char pattern[64];
        char notices[1024];
        unsigned problems;

        sd_bus *client;
        unsigned replies, busy, errors, events;
        char error[128];
        char text[64]; /* of the last reply that is one row with one array of one text */
        uint64_t sequence;
};

static inline void list_jobs(struct bus_call *call)
{
        struct scene *scene = bus_call_userdata(call);
        const struct bus_list_jobs *arguments = &bus_call_arguments(call)->list_jobs;

        assert_true(scene->held_count < HELD_MAX);
        scene->held[scene->held_count++] = call;
        scene->last = *arguments;
        if (arguments->patterns != NULL)
                (void)snprintf(scene->pattern, sizeof(scene->pattern), "%s", arguments->patterns[0]);
}

static inline void list_events(struct bus_call *call)
{
        struct scene *scene = bus_call_userdata(call);

        assert_true(scene->held_count < HELD_MAX);
        bus_reply_number(call, 0);
        bus_reply_flag(call, false);
        scene->held[scene->held_count++] = call;
}

static bus_operation *const operations[BUS_METHOD_COUNT] = {
        [BUS_LIST_JOBS] = list_jobs,
        [BUS_LIST_EVENTS] = list_events,
};

static inline void on_notice(void *userdata, bool is_problem, const char *text)
{
        struct scene *scene = userdata;

        scene->problems += is_problem ? 1 : 0;
        (void)snprintf(scene->notices + strlen(scene->notices),
                       sizeof(scene->notices) - strlen(scene->notices), "%s\n", text);
}

/* Sends an empty list as the reply of the first call that is held. */
static inline void complete(struct scene *scene)
{
        struct bus_call *call = scene->held[0];

        scene->held_count--;
        memmove(scene->held, scene->held + 1, scene->held_count * sizeof(struct bus_call *));
        bus_rows_begin(call);
        bus_rows_end(call);
        bus_call_send(call);
}

/* ---- the client ---- */

static inline int on_reply(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct scene *scene = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(message);

        if (error == NULL) {
                const char *key, *text;
                if (sd_bus_message_read(message, "aa{sv}", 1, 1, &key, "as", 1, &text) > 0)
                        (void)snprintf(scene->text, sizeof(scene->text), "%s: %s", key, text);
                scene->replies++;
        } else if (strcmp(error->name, "org.jobwatchd1.Error.Busy") == 0)
                scene->busy++;
        else
                scene->errors++;
        if (error != NULL)
                (void)snprintf(scene->error, sizeof(scene->error), "%s: %s", error->name, error->message);
        return 0;
}

static inline int on_event(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct scene *scene = userdata;
        const char *event;
        uint64_t job;

        assert_true(sd_bus_message_read(message, "tts", &scene->sequence, &job, &event) >= 0);
        assert_int_equal(job, 5);
        assert_string_equal(event, "failed");
        scene->events++;
        return 0;
}

static inline void call_list(struct scene *scene, const char *types, ...)
{
        sd_bus_message *message = NULL;
        va_list arguments;

        assert_true(sd_bus_message_new_method_call(scene->client, &message, "org.jobwatchd1", MANAGER_PATH,
                                                   MANAGER_INTERFACE, "ListJobs") >= 0);
        va_start(arguments, types);
        assert_true(sd_bus_message_appendv(message, types, arguments) >= 0);
        va_end(arguments);
        assert_true(sd_bus_call_async(scene->client, NULL, message, on_reply, scene, 0) >= 0);
        sd_bus_message_unref(message);
}

static inline void connect_client(struct scene *scene)
{
        assert_true(sd_bus_open_system(&scene->client) >= 0);
        assert_true(sd_bus_attach_event(scene->client, scene->fixture->hook->event, 0) >= 0);
        assert_true(sd_bus_match_signal(scene->client, NULL, NULL, MANAGER_PATH, MANAGER_INTERFACE,
                                        "JobEvent", on_event, scene) >= 0);
}

static inline bool has_owner(struct scene *scene, const char *name)
{
        return sd_bus_get_name_creds(scene->client, name, 0, NULL) >= 0;
}

static inline void offer(struct scene *scene, const char *instance)
{
        const struct bus_service_parts parts = {
                .event = scene->fixture->hook->event,
                .connection = scene->fixture->connection,
                .instance = instance,
                .operations = operations,
                .on_notice = on_notice,
                .userdata = scene,
        };

        scene->service = bus_service_new(&parts);
}

static inline int setup(void **state)
{
        struct scene *scene = calloc(1, sizeof(*scene));
        void *fixture = NULL;

        assert_non_null(scene);
        assert_int_equal(bus_setup(&fixture), 0);
        scene->fixture = fixture;
        connect_client(scene);
        *state = scene;
        return 0;
}

static inline int teardown(void **state)
{
        struct scene *scene = *state;
        void *fixture = scene->fixture;

        if (scene->service != NULL)
                bus_service_stop(scene->service);
        while (scene->held_count > 0)
                complete(scene);
        bus_service_free(scene->service);
        sd_bus_flush_close_unref(scene->client);
        free(scene);
        return bus_teardown(&fixture);
}
