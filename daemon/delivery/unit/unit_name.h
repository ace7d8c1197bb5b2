/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/event.h"

/*
 * The name of the unit that a hook starts for an event: `pattern` with %i (the job's id), %n (its name), %e
 * (the event's id), %o (the outcome) and %% (a percent sign) replaced. What is put in is escaped as
 * `systemd-escape` does, so that a unit finds it unescaped in its own %I or %J.
 *
 * Returns 0 and a malloc()ed name, -EINVAL if the result is no name of a unit that can be started (then
 * *ret_reason says why, or is NULL for want of memory), or -ENOMEM.
 */
int unit_name_expand(const char *pattern, const struct event *event, char **ret_reason, char **ret_name);

/* Whether the names it gives have the event's id (%e) in them. */
bool unit_pattern_has_event(const char *pattern);

/* `size` bytes escaped as `systemd-escape` does; malloc()ed, or NULL when out of memory. */
char *unit_name_escape(const char *data, size_t size);

/* Whether systemd takes this for the name of a unit, and it is no bare template. */
bool unit_name_is_valid(const char *name);
