/* SPDX-License-Identifier: MIT */

/*
 * A service on the bus that fails as the real one rarely does. It takes the name org.jobwatchd1, prints
 * "ready", and answers every call
 *
 *     fake-service error NAME MESSAGE   with this error
 *     fake-service wrong                with a text that no method returns
 *     fake-service silent               never
 *     fake-service leave                by leaving the bus
 *     fake-service jobs                 with no jobs; or, if it asks for something else, by leaving the bus
 *     fake-service repeat               with one row, whatever the call has read already
 *     fake-service late FILE SECONDS    when so much time has passed, by the CLOCK_SHIFT of the client
 *
 * It ends with its parent.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <systemd/sd-bus.h>

/* The same row again and again: pages have no end. */
static int reply_row(sd_bus_message *call)
{
        sd_bus_message *reply = NULL;

        int r = sd_bus_message_new_method_return(call, &reply);
        if (r >= 0 && strcmp(sd_bus_message_get_member(call), "ListEvents") == 0)
                r = sd_bus_message_append(reply, "tb", UINT64_C(9), 0);
        if (r >= 0)
                r = sd_bus_message_append(reply, "aa{sv}", 1, 2, "Id", "t", UINT64_C(5), "Sequence", "t",
                                          UINT64_C(5));
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r < 0 ? r : 1;
}

static int reply_no_jobs(sd_bus_message *call)
{
        if (strcmp(sd_bus_message_get_member(call), "ListJobs") != 0)
                exit(EXIT_SUCCESS);
        return sd_bus_reply_method_return(call, "aa{sv}", 0) < 0 ? -1 : 1;
}

/* The caller answers a ping once it is connected, so that it is not that which takes so long. */
static int reply_late(sd_bus_message *call, const char *path, int64_t seconds)
{
        if (sd_bus_call_method(sd_bus_message_get_bus(call), sd_bus_message_get_sender(call), "/",
                               "org.freedesktop.DBus.Peer", "Ping", NULL, NULL, NULL) < 0)
                return -1;
        FILE *file = fopen(path, "r+e");

        if (file == NULL)
                return -1;
        int r = fseek(file, 2 * sizeof(seconds), SEEK_SET);
        if (fwrite(&seconds, sizeof(seconds), 1, file) != 1 || fclose(file) != 0 || r < 0)
                return -1;
        return sd_bus_reply_method_return(call, NULL) < 0 ? -1 : 1;
}

static int on_call(sd_bus_message *call, void *userdata, sd_bus_error *ret_error)
{
        char **words = userdata;
        const char *interface = sd_bus_message_get_interface(call);

        (void)ret_error;
        if (interface == NULL || strcmp(interface, "org.jobwatchd1.Manager") != 0)
                return 0;
        if (strcmp(words[0], "error") == 0) {
                const sd_bus_error error = { .name = words[1], .message = words[2] };
                return sd_bus_reply_method_error(call, &error) < 0 ? -1 : 1;
        }
        if (strcmp(words[0], "wrong") == 0)
                return sd_bus_reply_method_return(call, "s", "wrong") < 0 ? -1 : 1;
        if (strcmp(words[0], "repeat") == 0)
                return reply_row(call);
        if (strcmp(words[0], "jobs") == 0)
                return reply_no_jobs(call);
        if (strcmp(words[0], "late") == 0)
                return reply_late(call, words[1], strtoll(words[2], NULL, 10));
        if (strcmp(words[0], "leave") == 0)
                exit(EXIT_SUCCESS);
        return 1;
}

int main(int argc, char *argv[])
{
        sd_bus *bus = NULL;

        if (argc < 2 || ((strcmp(argv[1], "error") == 0 || strcmp(argv[1], "late") == 0) && argc < 4))
                return EXIT_FAILURE;
        int r = prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (r >= 0)
                r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_add_filter(bus, NULL, on_call, argv + 1);
        if (r >= 0)
                r = sd_bus_request_name(bus, "org.jobwatchd1", 0);
        if (r < 0)
                return EXIT_FAILURE;
        (void)puts("ready");
        (void)fflush(stdout);
        while (r >= 0) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
        }
        return EXIT_FAILURE;
}
