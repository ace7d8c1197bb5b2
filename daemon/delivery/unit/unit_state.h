/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

/* State of a unit as reported by systemd. Strings are systemd's own; an empty one was not reported yet. */
struct unit_state {
        char load[24];         /* LoadState: loaded, not-found, masked, … */
        char active[24];       /* ActiveState: inactive, activating, active, … */
        char sub[32];          /* SubState */
        char result[32];       /* Result: success, exit-code, … */
        bool has_job;          /* a job is queued for it or in progress */
        bool condition_failed; /* ConditionResult is false */
        int main_code;         /* of the main process: CLD_EXITED, CLD_KILLED, …; 0: it has not ended */
        int main_status;       /* exit status or signal */
};

enum unit_verdict {
        UNIT_SUCCEEDED,
        UNIT_SKIPPED, /* a condition of the unit is not met, so systemd did not run it */
        UNIT_FAILED,
};

/*
 * Updates `state` from the properties (a{sv}) at the message's read position. Properties that are not listed
 * keep their value. Returns 0 or a negative errno.
 */
int unit_state_read(struct unit_state *state, sd_bus_message *message);

/* Whether the unit is inactive or failed: it can be started. */
bool unit_is_inactive(const struct unit_state *state);

/* Whether the unit was seen to be in any other state. */
bool unit_is_running(const struct unit_state *state);

/* Whether processes of the unit run or are about to: they may read the event. */
bool unit_is_in_use(const char *unit, const struct unit_state *state);

/* Whether a unit that was started is active or has ended with success; for units whose job is unknown. */
bool unit_has_succeeded(const struct unit_state *state);

/* The result of a started unit. `job` is the result of its start job, from JobRemoved. */
enum unit_verdict unit_judge(const struct unit_state *state, const char *job);

/* Why it failed, in one line; malloc()ed. */
char *unit_explain_failure(const char *unit, const struct unit_state *state, const char *job);
