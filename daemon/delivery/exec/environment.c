/* SPDX-License-Identifier: MIT */

/*
 * The environment of a hook's program: what a program needs to find its way about the machine, and the event
 * in short. All else of the daemon's environment is its own: the sockets and the watchdog of its service,
 * where its credentials and its state lie. Of the event there is what event_variables.h lists.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/exec/exec_internal.h"
#include "delivery/variables.h"
#include "util/argv.h"
#include "util/cleanup.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"

/* Passed on if the daemon has them. */
static const char *const passed_on[] = { "PATH", "LANG", "HOME", "USER", "LOGNAME", "SHELL", "TZ", "TMPDIR" };

#define PASSED_ON_COUNT (sizeof(passed_on) / sizeof(passed_on[0]))

struct environment {
        char **variables; /* NULL-terminated at any time */
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

int exec_environment(const struct hook_attempt *attempt, char ***ret_environment)
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
        add_event(&environment, attempt->event, attempt->attempt);
        if (environment.exhausted) {
                command_free(environment.variables);
                return -ENOMEM;
        }

        *ret_environment = environment.variables;
        return 0;
}
