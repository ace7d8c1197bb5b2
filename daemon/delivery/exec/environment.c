/* SPDX-License-Identifier: MIT */

/*
 * The environment of an exec hook's program: a few standard variables of the daemon and those of the event
 * (variables.h). The rest of the daemon's environment is not passed on: it concerns the service manager
 * (NOTIFY_SOCKET, WATCHDOG_USEC, …) and the location of credentials and state.
 */

#include "delivery/exec/environment.h"

#include <stdlib.h>
#include <string.h>

#include "delivery/variables.h"
#include "util/memory.h"
#include "util/message.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"

/* Passed on if set in the daemon's environment. */
static const char *const passed_on[] = { "PATH", "LANG", "HOME", "USER", "LOGNAME", "SHELL", "TZ", "TMPDIR" };

#define PASSED_ON_COUNT (sizeof(passed_on) / sizeof(passed_on[0]))

char **environment_new(const struct event *event, unsigned attempt)
{
        char **environment =
                memory_malloc(NULL, (PASSED_ON_COUNT + EVENT_VARIABLE_COUNT + 1) * sizeof(*environment));
        struct event_variable variables[EVENT_VARIABLE_COUNT];
        size_t count = 0;

        for (size_t i = 0; i < PASSED_ON_COUNT; i++) {
                const char *value = getenv(passed_on[i]);
                if (value == NULL && strcmp(passed_on[i], "PATH") == 0)
                        value = DEFAULT_PATH;
                if (value != NULL)
                        environment[count++] = format_message("%s=%s", passed_on[i], value);
        }
        event_variables_get(event, attempt, variables);
        for (size_t i = 0; i < EVENT_VARIABLE_COUNT; i++)
                environment[count++] = format_message("%s=%.*s", variables[i].name, (int)variables[i].size,
                                                      variables[i].value);
        environment[count] = NULL;
        return environment;
}
