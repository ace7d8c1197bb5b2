/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

/*
 * Sends STATUS= of sd_notify(3), which `systemctl status` shows: after loop iterations in which something
 * ran, at most once a second, and not in the middle of a poll.
 */
struct status_line;

/*
 * Returns the status text, malloc()ed, or NULL to send nothing now. *ret_stable: whether the text is expected
 * to stay true for a while; if false, it is held back for up to 5 s. `now_us` is CLOCK_BOOTTIME. Called from
 * the loop.
 */
typedef char *(*status_describe)(void *userdata, uint64_t now_us, bool *ret_stable);

/* NULL without $NOTIFY_SOCKET. */
struct status_line *status_line_new(sd_event *event, status_describe describe, void *userdata);

/* Sends the text at once, whether it is stable or not. NULL is accepted. */
void status_line_send(struct status_line *line);

struct status_line *status_line_free(struct status_line *line);
