/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

/*
 * STATUS= of sd_notify(3), which is what `systemctl status` shows: told anew after each turn of the loop in
 * which something may have changed, but no more than once a second, and not in the middle of a poll.
 */
struct status_line;

/*
 * What there is to say: malloc()ed, or NULL for nothing now. *ret_settled says whether it will stay true for
 * a while; if not, it is told only when it does not settle within seconds. From the loop.
 */
typedef char *(*status_describe)(void *userdata, uint64_t now_us, bool *ret_settled);

/* Where nobody listens (no $NOTIFY_SOCKET), *ret_line is NULL. Negative errno. */
int status_line_new(sd_event *event, status_describe describe, void *userdata, struct status_line **ret_line);
struct status_line *status_line_free(struct status_line *line);
