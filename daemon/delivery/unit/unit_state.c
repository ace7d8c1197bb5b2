/* SPDX-License-Identifier: MIT */

/*
 * The result of a unit. A start job that is "done" means that the unit was started, and for Type=oneshot that
 * its commands have ended. "failed" covers everything from a missing program to a timeout, so the unit's own
 * Result decides.
 *
 * A unit that systemd skips because of a Condition…= or ExecCondition= counts as success: that is what the
 * administrator asked for, and a retry would not change it. A failed Assert…= is a failure, as documented in
 * systemd.unit(5).
 */

#include "delivery/unit/unit_state.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "delivery/unit/unit_name.h"
#include "util/message.h"
#include "util/text.h"

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
        uint32_t job;
        int r, flag;

        if (strcmp(name, "LoadState") == 0)
                return read_string(message, state->load, sizeof(state->load));
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
                        state->condition_failed = !flag;
                return r;
        }
        if (strcmp(name, "Job") == 0) {
                r = sd_bus_message_read(message, "v", "(uo)", &job, NULL);
                if (r >= 0)
                        state->has_job = job != 0;
                return r;
        }
        return sd_bus_message_skip(message, "v");
}

int unit_state_read(struct unit_state *state, sd_bus_message *message)
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

bool unit_is_inactive(const struct unit_state *state)
{
        return is(state->active, "inactive") || is(state->active, "failed");
}

bool unit_is_running(const struct unit_state *state)
{
        return state->active[0] != '\0' && !unit_is_inactive(state);
}

bool unit_is_in_use(const char *unit, const struct unit_state *state)
{
        if (state->has_job || !(unit_is_inactive(state) || is(state->active, "active")))
                return true;
        /* A target or mount may be active for ever. */
        return is(state->active, "active") && unit_name_is_service(unit) && !is(state->sub, "exited");
}

bool unit_has_succeeded(const struct unit_state *state)
{
        /* A unit that was stopped manually has the result "success" too, but its process was killed. */
        return is(state->active, "active") ||
               (is(state->active, "inactive") && is(state->result, "success") &&
                state->main_code == CLD_EXITED);
}

enum unit_verdict unit_judge(const struct unit_state *state, const char *job)
{
        bool started = is(job, "done") || is(job, "skipped");

        /* A unit whose condition is not met may be "failed" from an earlier start. */
        if (started && (state->condition_failed ||
                        (is(state->result, "exec-condition") && !is(state->active, "failed"))))
                return UNIT_SKIPPED;
        return is(job, "done") && !is(state->active, "failed") ? UNIT_SUCCEEDED : UNIT_FAILED;
}

/* ---- failures ---- */

static char *explain_signal(const char *unit, const struct unit_state *state, const char *dumped)
{
        const char *name = sigabbrev_np(state->main_status);

        if (state->main_code != CLD_KILLED && state->main_code != CLD_DUMPED)
                return format_message("unit %s failed: a process was killed by a signal%s", unit, dumped);
        if (name != NULL)
                return format_message("unit %s failed: killed by SIG%s%s", unit, name, dumped);
        return format_message("unit %s failed: killed by signal %d%s", unit, state->main_status, dumped);
}

static char *explain_result(const char *unit, const struct unit_state *state)
{
        static const struct {
                const char *result, *words;
        } known[] = {
                { "timeout", "timed out (TimeoutStartSec=)" },
                { "watchdog", "watchdog timeout" },
                { "start-limit-hit", "started too often (StartLimitBurst=); "
                                     "StartLimitIntervalSec=0 in [Unit] removes the limit" },
                { "protocol", "did not report readiness as Type= requires" },
                { "oom-kill", "a process was killed by the OOM killer" },
                { "exec-condition", "ExecCondition= failed" },
        };

        if (is(state->result, "exit-code"))
                return state->main_code == CLD_EXITED && state->main_status != 0
                               ? format_message("unit %s failed: exit status %d", unit, state->main_status)
                               : format_message("unit %s failed: a command exited with an error", unit);
        if (is(state->result, "signal"))
                return explain_signal(unit, state, "");
        if (is(state->result, "core-dump"))
                return explain_signal(unit, state, " (core dumped)");
        for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
                if (is(state->result, known[i].result))
                        return format_message("unit %s failed: %s", unit, known[i].words);
        if (is(state->result, ""))
                return format_message("unit %s failed; see \"journalctl -u %s\"", unit, unit);
        if (is(state->result, "resources"))
                return format_message("unit %s failed: could not be set up; see \"journalctl -u %s\"", unit,
                                      unit);
        if (is(state->result, "success"))
                return format_message("unit %s failed; see \"systemctl status %s\"", unit, unit);
        return format_message("unit %s failed: result \"%s\"", unit, state->result);
}

char *unit_explain_failure(const char *unit, const struct unit_state *state, const char *job)
{
        static const struct {
                const char *job, *words;
        } known[] = {
                { "timeout", "not started: its start job timed out (JobTimeoutSec=)" },
                { "dependency", "not started: a required unit failed" },
                { "canceled", "was stopped or cancelled before it finished" },
                { "assert", "not started: an assertion failed (Assert…=)" },
                { "unsupported", "not started: this system does not support units of this type" },
                { "once", "not started: it can only be started once" },
        };

        if (is(job, "done") || is(job, "failed"))
                return explain_result(unit, state);
        for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
                if (is(job, known[i].job))
                        return format_message("unit %s %s", unit, known[i].words);
        return format_message("unit %s not started: its start job ended with \"%s\"", unit, job);
}
