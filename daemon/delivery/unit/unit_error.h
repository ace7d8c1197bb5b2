/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-bus.h>

#include "delivery/unit/unit_state.h"

/*
 * Why a unit cannot be started, in one line that says what to do. Each function returns malloc()ed memory.
 */

/* What is wrong with a unit that is not loaded; NULL if it is. */
char *unit_explain_load(const char *unit, const struct unit_state *state);

/*
 * Whether a call about a loaded unit failed for lack of permission: polkit denies it, is not installed, or
 * cannot be started. unit_explain_denial() says which.
 */
bool unit_error_is_denial(const sd_bus_error *error);

/*
 * `error` is that of the call, `polkit` that of a call of polkit after it; NULL: polkit runs, and
 * denies the unit.
 */
char *unit_explain_denial(const char *unit, const sd_bus_error *error, const sd_bus_error *polkit);

/* Whether it is unknown if the call has had an effect. */
bool unit_error_is_no_reply(const sd_bus_error *error);

/* Why a reply is of no use. `r` is the result of reading it; an error reply has nothing to read. */
char *unit_explain_reply(const char *unit, sd_bus_message *reply, int r);
