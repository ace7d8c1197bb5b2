/* SPDX-License-Identifier: MIT */

/*
 * What became of a unit. A start job that is "done" says that the unit was started, and of Type=oneshot also
 * that its commands have ended; "failed" covers everything from a missing program to a time-out, so the
 * unit's own Result is what counts.
 *
 * A unit that systemd skips, since a Condition…= or ExecCondition= of it is not met, succeeds: the condition
 * was put there for just that, and no later attempt would change what it asks for. An Assert…= that does not
 * hold is a failure, as its manual says.
 */

#include "delivery/unit/unit_outcome.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/reason.h"
#include "util/text.h"

#define SYSTEMD "org.freedesktop.systemd1."

/* ---- properties ---- */

static int read_string(sd_bus_message *message, char *ret_text, size_t size)
{
        const char *text;

        int r = sd_bus_message_read(message, "v", "s", &text);
        if (r >= 0)
                (void)snprintf(ret_text, size, "%s", text);
        return r;
}

static int read_property(struct unit_state *state, sd_bus_message *message, const char *name)
{
        int r, flag;

        if (strcmp(name, "ActiveState") == 0)
                return read_string(message, state->active, sizeof(state->active));
        if (strcmp(name, "SubState") == 0)
                return read_string(message, state->sub, sizeof(state->sub));
        if (strcmp(name, "Result") == 0)
                return read_string(message, state->result, sizeof(state->result));
        if (strcmp(name, "ExecMainCode") == 0)
                return sd_bus_message_read(message, "v", "i", &state->main_code);
        if (strcmp(name, "ExecMainStatus") == 0)
                return sd_bus_message_read(message, "v", "i", &state->main_status);
        if (strcmp(name, "ConditionResult") == 0) {
                r = sd_bus_message_read(message, "v", "b", &flag);
                if (r >= 0)
                        state->unmet = !flag;
                return r;
        }
        return sd_bus_message_skip(message, "v");
}

int unit_facts_read(struct unit_state *state, sd_bus_message *message)
{
        const char *name;

        int r = sd_bus_message_enter_container(message, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = sd_bus_message_read(message, "s", &name);
                if (r >= 0)
                        r = read_property(state, message, name);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

/* ---- verdicts ---- */

static bool is(const char *text, const char *word)
{
        return strcmp(text, word) == 0;
}

bool unit_is_at_rest(const struct unit_state *state)
{
        return is(state->active, "inactive") || is(state->active, "failed");
}

bool unit_has_succeeded(const struct unit_state *state)
{
        /* A unit that was stopped by hand has the result "success" too, but its process was killed. */
        return is(state->active, "active") ||
               (is(state->active, "inactive") && is(state->result, "success") &&
                state->main_code == CLD_EXITED);
}

enum unit_verdict unit_judge(const struct unit_state *state, const char *job)
{
        bool skipped = is(state->result, "exec-condition") && !is(state->active, "failed");

        if (is(job, "skipped") && skipped)
                return UNIT_SKIPPED;
        if (!is(job, "done"))
                return UNIT_FAILED;
        if (is(state->active, "activating") || is(state->active, "deactivating"))
                return UNIT_UNDECIDED;
        if (!unit_is_at_rest(state))
                return UNIT_SUCCEEDED; /* it is up */
        if (state->unmet || skipped)   /* and may be "failed" from an earlier time */
                return UNIT_SKIPPED;
        if (is(state->active, "failed"))
                return UNIT_FAILED;
        return is(state->result, "") || is(state->result, "success") ? UNIT_SUCCEEDED : UNIT_FAILED;
}

/* ---- words ---- */

static char *explain_signal(const char *unit, const struct unit_state *state, const char *more)
{
        const char *name = sigabbrev_np(state->main_status);

        if (state->main_code != CLD_KILLED && state->main_code != CLD_DUMPED)
                return format_message("unit %s failed: a process of it was killed by a signal%s", unit, more);
        if (name != NULL)
                return format_message("unit %s failed: it was killed by SIG%s%s", unit, name, more);
        return format_message("unit %s failed: it was killed by signal %d%s", unit, state->main_status, more);
}

static char *explain_result(const char *unit, const struct unit_state *state)
{
        static const struct {
                const char *result, *words;
        } known[] = {
                { "timeout", "it took longer than its own TimeoutStartSec= allows and was ended" },
                { "watchdog", "its watchdog ended it" },
                { "start-limit-hit", "it was started more often than its StartLimitBurst= allows; "
                                     "StartLimitIntervalSec=0 in its [Unit] lifts that" },
                { "resources", "systemd could not get ready for it, for lack of memory, files or a program" },
                { "protocol", "it did not say that it is ready, as its Type= asks" },
                { "oom-kill", "a process of it was killed for want of memory" },
                { "exec-condition", "the command of its ExecCondition= failed" },
        };

        if (is(state->result, "exit-code"))
                return state->main_code == CLD_EXITED && state->main_status != 0
                               ? format_message("unit %s failed: it exited with %d", unit, state->main_status)
                               : format_message("unit %s failed: a command of it exited with an error", unit);
        if (is(state->result, "signal"))
                return explain_signal(unit, state, "");
        if (is(state->result, "core-dump"))
                return explain_signal(unit, state, " and dumped its core");
        for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
                if (is(state->result, known[i].result))
                        return format_message("unit %s failed: %s", unit, known[i].words);
        if (is(state->result, "") || is(state->result, "success"))
                return format_message("unit %s failed; \"systemctl status %s\" shows more", unit, unit);
        return format_message("unit %s failed with the result \"%s\"", unit, state->result);
}

char *unit_explain_failure(const char *unit, const struct unit_state *state, const char *job)
{
        static const struct {
                const char *job, *words;
        } known[] = {
                { "timeout", "was waited for longer than its JobTimeoutSec= allows" },
                { "dependency", "was not started, since a unit that it requires failed" },
                { "canceled", "was stopped, or its start was cancelled, before it had ended" },
                { "assert", "was not started, since one of its Assert…= does not hold" },
                { "unsupported", "was not started, since this system does not support units of its kind" },
                { "once", "was not started, since it may be started only once" },
        };

        if (is(job, "done") || is(job, "failed"))
                return explain_result(unit, state);
        for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
                if (is(job, known[i].job))
                        return format_message("unit %s %s", unit, known[i].words);
        return format_message("unit %s was not started: its start job ended with \"%s\"", unit, job);
}

/* ---- refusals ---- */

static char *explain_denial(const char *unit)
{
        const struct passwd *user = getpwuid(geteuid());

        return format_message(
                "access denied: user %s may not start unit %s; allow it by a polkit rule for the "
                "action org.freedesktop.systemd1.manage-units with unit = \"%s\" and verb = "
                "\"start\" (polkit must be installed)",
                user != NULL ? user->pw_name : "of this daemon", unit, unit);
}

char *unit_explain_error(const char *unit, const sd_bus_error *error)
{
        static const struct {
                const char *name, *words;
        } known[] = {
                { SYSTEMD "NoSuchUnit", "does not exist; write it, or correct unit = of the hook, and run "
                                        "\"systemctl daemon-reload\"" },
                { SYSTEMD "UnitMasked", "is masked; \"systemctl unmask\" makes it startable" },
                { SYSTEMD "LoadFailed", "cannot be loaded; \"systemctl status\" of it says why" },
                { SYSTEMD "BadUnitSetting", "has a wrong setting; \"systemctl status\" of it says which" },
                { SYSTEMD "OnlyByDependency", "refuses to be started directly (RefuseManualStart=)" },
                { SYSTEMD "TransactionIsDestructive", "is not started while the system shuts down, or while "
                                                      "a unit in conflict with it is on its way" },
                { SYSTEMD "ShuttingDown", "is not started while the system shuts down" },
        };
        const char *message = error->message != NULL ? error->message : "no more is known";

        for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
                if (is(error->name, known[i].name))
                        return format_message("unit %s %s", unit, known[i].words);
        if (is(error->name, SD_BUS_ERROR_ACCESS_DENIED) ||
            is(error->name, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED))
                return explain_denial(unit);
        if (is(error->name, SD_BUS_ERROR_SERVICE_UNKNOWN) || is(error->name, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
                return format_message("unit %s cannot be started: systemd is not on the system bus", unit);
        if (is(error->name, SD_BUS_ERROR_NO_REPLY) || is(error->name, SD_BUS_ERROR_TIMEOUT) ||
            is(error->name, SD_BUS_ERROR_DISCONNECTED))
                return format_message("systemd gave no answer about unit %s over the system bus: %s", unit,
                                      message);
        return format_message("systemd refused to start unit %s: %s (%s)", unit, message, error->name);
}
