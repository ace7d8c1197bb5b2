/* SPDX-License-Identifier: MIT */

/*
 * Clients of the D-Bus API that a test needs many of, or fast ones.
 *
 *     bus-client owner NAME            waits until somebody has this name
 *     bus-client pages NAME            lists all jobs by pages and prints "ROWS MILLISECONDS"
 *     bus-client crowd NAME CLIENTS ROUNDS
 *                                      so many connections list all jobs at once, each so often; prints
 *                                      "REPLIES ROWS ERRORS"
 *     bus-client login NAME            passes its standard input to Login, and prints "ok" or the error
 *     bus-client deaf                  subscribes to all signals, prints "ready", and never reads
 *     bus-client flood NAME CLIENTS SECONDS IDS
 *                                      so many connections call ListJobs without waiting, with so many IDs,
 *                                      and read what they get; prints "CALLS ERRORS"
 *     bus-client silent NAME CLIENTS SECONDS
 *                                      the same without reading; prints "CALLS"
 */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#define OBJECT  "/org/jobwatchd1"
#define MANAGER "org.jobwatchd1.Manager"

static void need(int r, const char *what)
{
        if (r >= 0)
                return;
        (void)fprintf(stderr, "bus-client: %s: %s\n", what, strerror(-r));
        exit(1);
}

/* Reads a page. Returns the number of rows; *last is the Id of the last one. */
static unsigned read_page(sd_bus_message *reply, uint64_t *last)
{
        unsigned count = 0;
        const char *key;

        need(sd_bus_message_enter_container(reply, 'a', "a{sv}"), "rows");
        while (sd_bus_message_enter_container(reply, 'a', "{sv}") > 0) {
                /* Id is the first key. */
                need(sd_bus_message_enter_container(reply, 'e', "sv"), "entry");
                need(sd_bus_message_read(reply, "s", &key), "key");
                if (strcmp(key, "Id") != 0)
                        need(-EBADMSG, "the first key");
                need(sd_bus_message_read(reply, "v", "t", last), "Id");
                need(sd_bus_message_exit_container(reply), "entry");
                while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
                        need(sd_bus_message_read(reply, "s", &key), "key");
                        need(sd_bus_message_skip(reply, "v"), "value");
                        need(sd_bus_message_exit_container(reply), "entry");
                }
                need(sd_bus_message_exit_container(reply), "row");
                count++;
        }
        return count;
}

static double now_ms(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void list_pages(const char *name)
{
        uint64_t after = 0;
        unsigned count = 0, page;
        sd_bus *bus = NULL;

        need(sd_bus_open_system(&bus), "connect");
        need(sd_bus_call_method(bus, name, OBJECT, "org.freedesktop.DBus.Peer", "Ping", NULL, NULL, ""),
             "Ping");
        double begin = now_ms();
        do {
                sd_bus_error error = SD_BUS_ERROR_NULL;
                sd_bus_message *reply = NULL;

                int r = sd_bus_call_method(bus, name, OBJECT, MANAGER, "ListJobs", &error, &reply, "a{sv}tu",
                                           0, after, 0U);
                need(r, error.message != NULL ? error.message : "ListJobs");
                page = read_page(reply, &after);
                count += page;
                sd_bus_message_unref(reply);
        } while (page > 0);
        (void)printf("%u %.1f\n", count, now_ms() - begin);
        sd_bus_flush_close_unref(bus);
}

/* ---- a crowd ---- */

static unsigned replies, rows, errors, busy_clients;
static sd_event *loop;

struct client {
        sd_bus *bus;
        const char *name;
        unsigned rounds;
        uint64_t after;
};

static int on_page(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error);

static void ask(struct client *client)
{
        need(sd_bus_call_method_async(client->bus, NULL, client->name, OBJECT, MANAGER, "ListJobs", on_page,
                                      client, "a{sv}tu", 0, client->after, 0U),
             "call");
}

static int on_page(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct client *client = userdata;
        unsigned page = 0;

        replies++;
        if (sd_bus_message_is_method_error(reply, NULL) > 0)
                errors++;
        else
                page = read_page(reply, &client->after);
        rows += page;
        if (page == 0) {
                client->after = 0;
                client->rounds--;
        }
        if (client->rounds > 0)
                ask(client);
        else if (--busy_clients == 0)
                (void)sd_event_exit(loop, 0);
        return 0;
}

static void crowd(const char *name, unsigned count, unsigned rounds)
{
        struct client *clients = calloc(count, sizeof(*clients));

        if (clients == NULL)
                abort();
        need(sd_event_default(&loop), "loop");
        busy_clients = count;
        for (unsigned i = 0; i < count; i++) {
                clients[i] = (struct client){ .name = name, .rounds = rounds };
                need(sd_bus_open_system(&clients[i].bus), "connect");
                need(sd_bus_attach_event(clients[i].bus, loop, 0), "attach");
                ask(&clients[i]);
        }
        need(sd_event_loop(loop), "loop");
        (void)printf("%u %u %u\n", replies, rows, errors);
        for (unsigned i = 0; i < count; i++)
                sd_bus_flush_close_unref(clients[i].bus);
        sd_event_unref(loop);
        free(clients);
}

static int on_owner_changed(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        const char *name, *before, *now;
        bool *has_owner = userdata;

        (void)ret_error;
        need(sd_bus_message_read(message, "sss", &name, &before, &now), "NameOwnerChanged");
        *has_owner = *now != '\0';
        return 0;
}

static void await_owner(const char *name)
{
        bool has_owner = false;
        char match[256];
        sd_bus *bus = NULL;

        need(sd_bus_open_system(&bus), "connect");
        (void)snprintf(match, sizeof(match),
                       "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s'",
                       name);
        need(sd_bus_add_match(bus, NULL, match, on_owner_changed, &has_owner), "match");
        has_owner = sd_bus_get_name_creds(bus, name, 0, NULL) >= 0;
        while (!has_owner) {
                int r = sd_bus_process(bus, NULL);
                need(r, "process");
                if (r == 0)
                        need(sd_bus_wait(bus, UINT64_MAX), "wait");
        }
        sd_bus_flush_close_unref(bus);
}

static void be_deaf(void)
{
        sd_bus *bus = NULL;

        need(sd_bus_open_system(&bus), "connect");
        need(sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                "AddMatch", NULL, NULL, "s", "type='signal'"),
             "AddMatch");
        (void)puts("ready");
        (void)fflush(stdout);
        for (;;)
                (void)pause();
}

/* ---- floods ---- */

#define UNANSWERED_MAX 200

struct flooder {
        sd_bus *bus;
        unsigned unanswered;
};

static int on_flood_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct flooder *flooder = userdata;

        flooder->unanswered--;
        errors += sd_bus_message_is_method_error(reply, NULL) > 0;
        return 0;
}

static void call_list_jobs(struct flooder *flooder, const char *name, const uint64_t *ids, size_t count)
{
        sd_bus_message *call = NULL;

        need(sd_bus_message_new_method_call(flooder->bus, &call, name, OBJECT, MANAGER, "ListJobs"), "call");
        need(sd_bus_message_open_container(call, 'a', "{sv}"), "filter");
        need(sd_bus_message_open_container(call, 'e', "sv"), "entry");
        need(sd_bus_message_append(call, "s", "Ids"), "key");
        need(sd_bus_message_open_container(call, 'v', "at"), "value");
        need(sd_bus_message_append_array(call, 't', ids, count * sizeof(*ids)), "ids");
        need(sd_bus_message_close_container(call), "value");
        need(sd_bus_message_close_container(call), "entry");
        need(sd_bus_message_close_container(call), "filter");
        need(sd_bus_message_append(call, "tu", UINT64_C(0), 0U), "page");
        need(sd_bus_call_async(flooder->bus, NULL, call, on_flood_reply, flooder, UINT64_MAX), "call");
        sd_bus_message_unref(call);
        flooder->unanswered++;
}

/* Without `reads`, until the bus takes no more. */
static void flood(const char *name, unsigned count, double seconds, size_t id_count, bool reads)
{
        struct flooder *flooders = calloc(count, sizeof(*flooders));
        uint64_t *ids = calloc(id_count + 1, sizeof(*ids));
        unsigned calls = 0;

        if (flooders == NULL || ids == NULL)
                abort();
        for (size_t i = 0; i < id_count; i++)
                ids[i] = i + 1;
        for (unsigned i = 0; i < count; i++) {
                need(sd_bus_open_system(&flooders[i].bus), "connect");
                need(sd_bus_call_method(flooders[i].bus, name, OBJECT, "org.freedesktop.DBus.Peer", "Ping",
                                        NULL, NULL, ""),
                     "Ping");
        }
        double end = now_ms() + seconds * 1e3;
        while (now_ms() < end) {
                for (unsigned i = 0; i < count; i++) {
                        struct flooder *flooder = &flooders[i];
                        uint64_t unsent = 0;

                        (void)sd_bus_get_n_queued_write(flooder->bus, &unsent);
                        if (unsent < 2 && (!reads || flooder->unanswered < UNANSWERED_MAX)) {
                                call_list_jobs(flooder, name, ids, id_count);
                                calls++;
                        }
                        for (int r = 1; reads && r > 0;)
                                r = sd_bus_process(flooder->bus, NULL);
                        if (!reads && unsent > 0)
                                (void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
                }
        }
        (void)printf("%u %u\n", calls, errors);
        for (unsigned i = 0; i < count; i++)
                sd_bus_close_unref(flooders[i].bus);
        free(ids);
        free(flooders);
}

static void log_in(const char *name)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus *bus = NULL;

        need(sd_bus_open_system(&bus), "the bus");
        int r = sd_bus_call_method(bus, name, OBJECT, MANAGER, "Login", &error, NULL, "h", STDIN_FILENO);
        if (r < 0)
                (void)printf("%s: %s\n", error.name, error.message);
        else
                (void)puts("ok");
        sd_bus_error_free(&error);
        sd_bus_flush_close_unref(bus);
}

int main(int argc, char *argv[])
{
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (argc == 3 && strcmp(argv[1], "owner") == 0)
                await_owner(argv[2]);
        else if (argc == 3 && strcmp(argv[1], "pages") == 0)
                list_pages(argv[2]);
        else if (argc == 5 && strcmp(argv[1], "crowd") == 0)
                crowd(argv[2], (unsigned)strtoul(argv[3], NULL, 10), (unsigned)strtoul(argv[4], NULL, 10));
        else if (argc == 6 && strcmp(argv[1], "flood") == 0)
                flood(argv[2], (unsigned)strtoul(argv[3], NULL, 10), strtod(argv[4], NULL),
                      strtoul(argv[5], NULL, 10), true);
        else if (argc == 5 && strcmp(argv[1], "silent") == 0)
                flood(argv[2], (unsigned)strtoul(argv[3], NULL, 10), strtod(argv[4], NULL), 0, false);
        else if (argc == 3 && strcmp(argv[1], "login") == 0)
                log_in(argv[2]);
        else if (argc == 2 && strcmp(argv[1], "deaf") == 0)
                be_deaf();
        else
                return 64;
        return 0;
}
