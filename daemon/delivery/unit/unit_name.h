/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/event.h"

/*
 * The name of the unit that a hook starts for an event: `pattern` with %i (the job's id), %n (its name), %e
 * (the event's id), %o (the outcome) and %% (a percent sign) replaced. Values are escaped as systemd-escape
 * does, so that a unit finds them unescaped in its own %I or %J.
 *
 * Returns 0 and a malloc()ed name, or -EINVAL with *ret_reason (see hook.h) if the result is not the name of
 * a unit that can be started.
 */
int unit_name_expand(const char *pattern, const struct event *event, char **ret_reason, char **ret_name);

/* `size` bytes escaped as systemd-escape does; malloc()ed. */
char *unit_name_escape(const char *data, size_t size);

/* Whether systemd accepts this as the name of a unit, and it is not a template without an instance. */
bool unit_name_is_valid(const char *name);

bool unit_name_is_service(const char *name);
