/* SPDX-License-Identifier: MIT */

/*
 * The environment of a hook's program: what a program needs to find its way about the machine, and the event
 * in short. All else of the daemon's environment is its own: the sockets and the watchdog of its service,
 * where its credentials and its state lie.
 *
 * Of the event there are, always, empty where nothing is known: JOBWATCH_EVENT, JOBWATCH_EVENT_ID,
 * JOBWATCH_JOB, JOBWATCH_JOB_NAME, JOBWATCH_STATUS, JOBWATCH_STATUS_BEFORE, JOBWATCH_OUTCOME,
 * JOBWATCH_RESULT_BYTES and JOBWATCH_ATTEMPT. Texts end at a NUL and after 4 KiB; whole they are in the
 * document.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/command_split.h"
#include "core/status.h"
#include "hooks/hook_exec_internal.h"

#define TEXT_BYTES_MAX 4096

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"

/* Passed on if the daemon has them. */
static const char *const passed_on[] = { "PATH", "LANG", "HOME", "USER", "LOGNAME", "SHELL", "TZ", "TMPDIR" };

#define PASSED_ON_COUNT (sizeof(passed_on) / sizeof(passed_on[0]))
#define OWN_COUNT       9

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

static void add_string(struct environment *environment, const char *name, const char *value)
{
        add(environment, name, value, strlen(value));
}

static void add_number(struct environment *environment, const char *name, uint64_t number)
{
        char digits[24];

        (void)snprintf(digits, sizeof(digits), "%" PRIu64, number);
        add_string(environment, name, digits);
}

static void add_text(struct environment *environment, const char *name, const struct text *text)
{
        const char *value = text_or_empty(text);

        add(environment, name, value, text_cut(value, strnlen(value, text->size), TEXT_BYTES_MAX));
}

static void add_event(struct environment *environment, const struct event *event, unsigned attempt)
{
        const struct text *status_before = event->first_sight ? &TEXT_NULL : &event->status_before;

        add_string(environment, "JOBWATCH_EVENT", event_kind_to_string(event->kind));
        add_string(environment, "JOBWATCH_EVENT_ID", event->id);
        add_number(environment, "JOBWATCH_JOB", event->record.id);
        add_text(environment, "JOBWATCH_JOB_NAME", &event->job_name);
        add_text(environment, "JOBWATCH_STATUS", &event->record.status);
        add_text(environment, "JOBWATCH_STATUS_BEFORE", status_before);
        add_string(environment, "JOBWATCH_OUTCOME", outcome_to_string(event->outcome));
        add_number(environment, "JOBWATCH_RESULT_BYTES", event->record.result.size);
        add_number(environment, "JOBWATCH_ATTEMPT", attempt);
}

int exec_environment(const struct hook_attempt *attempt, char ***ret_environment)
{
        struct environment environment = { .variables =
                                                   calloc(PASSED_ON_COUNT + OWN_COUNT + 1, sizeof(char *)) };

        if (environment.variables == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < PASSED_ON_COUNT; i++) {
                const char *value = getenv(passed_on[i]);
                if (value == NULL && strcmp(passed_on[i], "PATH") == 0)
                        value = DEFAULT_PATH;
                if (value != NULL)
                        add_string(&environment, passed_on[i], value);
        }
        add_event(&environment, attempt->event, attempt->attempt);
        if (environment.exhausted) {
                command_free(environment.variables);
                return -ENOMEM;
        }

        *ret_environment = environment.variables;
        return 0;
}
