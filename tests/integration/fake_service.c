/* SPDX-License-Identifier: MIT */

/*
 * A service on the bus that fails as the real one rarely does. It takes the name org.jobwatchd1, prints
 * "ready", and answers every call
 *
 *     fake-service error NAME MESSAGE   with this error
 *     fake-service wrong                with a text that no method returns
 *     fake-service silent               never
 *     fake-service leave                by leaving the bus
 *
 * It ends with its parent.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <systemd/sd-bus.h>

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
        if (strcmp(words[0], "leave") == 0)
                exit(EXIT_SUCCESS);
        return 1;
}

int main(int argc, char *argv[])
{
        sd_bus *bus = NULL;

        if (argc < 2 || (strcmp(argv[1], "error") == 0 && argc < 4))
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
