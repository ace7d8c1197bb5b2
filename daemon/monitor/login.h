/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "monitor/login_result.h"
#include "nexudus/token.h"

/*
 * auth = login: a person signs in. Until somebody has done so, and when the tokens can no longer be renewed,
 * nothing is polled, and the log and the status name the command for it.
 */
struct monitor;

/*
 * Signs in, when the rate limits allow it. The handler is called once, from the loop. Of the login nothing is
 * kept but the tokens. Returns 0, or -EOPNOTSUPP without auth = login, -EBUSY while another is in progress,
 * or -ESHUTDOWN after monitor_stop().
 */
int monitor_login(struct monitor *monitor, const struct token_login *login, login_handler handler,
                  void *userdata);

/* ---- for the files of the monitor ---- */

/* Whether a login waits to be sent, and may be sent now. Lowers *wake_us to the time at which to ask again.
 */
bool login_is_ready(struct monitor *monitor, uint64_t *wake_us);

/* Its result. */
void login_take_result(struct monitor *monitor, const struct token_result *result);

/* The login in progress, if there is one, fails. */
void login_cancel(struct monitor *monitor, const char *reason);

/*
 * No request can be sent before a login: an outage begins, if none has, when the planner allows it. Lowers
 * *wake_us like login_is_ready().
 */
void login_note_needed(struct monitor *monitor, uint64_t *wake_us);

/* The token is about to expire and cannot be renewed; `reason` may be NULL. */
void login_note_due(struct monitor *monitor, const char *reason);
