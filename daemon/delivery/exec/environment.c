/* SPDX-License-Identifier: MIT */

/*
 * The environment of an exec hook's program: a few standard variables of the daemon and those of the event
 * (variables.h). The rest of the daemon's environment is not passed on: it concerns the service manager
 * (NOTIFY_SOCKET, WATCHDOG_USEC, …) and the location of credentials and state.
 */

#include "delivery/exec/environment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/variables.h"
#include "util/argv.h"
#include "util/cleanup.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"

/* Passed on if set in the daemon's environment. */
static const char *const passed_on[] = { "PATH", "LANG", "HOME", "USER", "LOGNAME", "SHELL", "TZ", "TMPDIR" };

#define PASSED_ON_COUNT (sizeof(passed_on) / sizeof(passed_on[0]))

struct environment {
        char **variables; /* always NULL-terminated */
        size_t count;
        bool exhausted;
};

static void add(struct environment *environment, const char *name, const char *value, size_t size)
{
        size_t name_size = strlen(name);
        char *variable = environment->exhausted ? NULL : malloc(name_size + 1 + size + 1);

        if (variable == NULL) {
                environment->exhausted = true;
                return;
        }
        memcpy(variable, name, name_size);
        variable[name_size] = '=';
        memcpy(variable + name_size + 1, value, size);
        variable[name_size + 1 + size] = '\0';
        environment->variables[environment->count++] = variable;
}

static void add_event(struct environment *environment, const struct event *event, unsigned attempt)
{
        struct event_variable variables[EVENT_VARIABLE_COUNT];

        event_variables_get(event, attempt, variables);
        for (size_t i = 0; i < EVENT_VARIABLE_COUNT; i++)
                add(environment, variables[i].name, variables[i].value, variables[i].size);
}

int environment_new(const struct event *event, unsigned attempt, char ***ret_environment)
{
        struct environment environment = { .variables = calloc(PASSED_ON_COUNT + EVENT_VARIABLE_COUNT + 1,
                                                               sizeof(char *)) };

        if (environment.variables == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < PASSED_ON_COUNT; i++) {
                const char *value = getenv(passed_on[i]);
                if (value == NULL && strcmp(passed_on[i], "PATH") == 0)
                        value = DEFAULT_PATH;
                if (value != NULL)
                        add(&environment, passed_on[i], value, strlen(value));
        }
        add_event(&environment, event, attempt);
        if (environment.exhausted) {
                command_free(environment.variables);
                return -ENOMEM;
        }

        *ret_environment = environment.variables;
        return 0;
}
