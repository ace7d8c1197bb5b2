/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

/*
 * What systemd says of a unit and of the job that started it, and what to make of it. Strings are systemd's
 * own words; an empty one was not heard yet.
 */
struct unit_state {
        char active[24]; /* ActiveState: inactive, activating, active, … */
        char sub[32];    /* SubState */
        char result[32]; /* Result: success, exit-code, … */
        bool unmet;      /* ConditionResult is false */
        int main_code;   /* of the main process: CLD_EXITED, CLD_KILLED, …; 0: it has not ended */
        int main_status; /* exit status or signal */
};

enum unit_verdict {
        UNIT_SUCCEEDED,
        UNIT_SKIPPED, /* a condition of the unit is not met: it did nothing, and that is what it is to do */
        UNIT_FAILED,
        UNIT_UNDECIDED, /* its job is done, but the unit is on its way to another state yet */
};

/* Takes what is known from the properties (a{sv}) at which the message stands. Returns a negative errno. */
int unit_facts_read(struct unit_state *state, sd_bus_message *message);

/* Nothing is at work in the unit: it can be started. */
bool unit_is_at_rest(const struct unit_state *state);

/* It has done its work without a fault, or is up; of a unit that was started and whose job is not known. */
bool unit_has_succeeded(const struct unit_state *state);

/* `job` is the result of its start job, from JobRemoved. */
enum unit_verdict unit_judge(const struct unit_state *state, const char *job);

/* Why it failed, for a person, malloc()ed or NULL. */
char *unit_explain_failure(const char *unit, const struct unit_state *state, const char *job);

/* Why systemd, or the bus, refused. */
char *unit_explain_error(const char *unit, const sd_bus_error *error);
