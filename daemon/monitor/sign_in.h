/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "monitor/poll_state.h"

/*
 * Sign-ins of a monitor with a session (auth = password, auth = login); without one every request may be
 * sent.
 */

/*
 * Whether requests may be sent as far as the token is concerned. Starts a renewal if one is due and allowed.
 * Lowers *wake_us (CLOCK_BOOTTIME) to the time at which to ask again.
 */
bool sign_in_is_done(struct monitor *monitor, uint64_t *wake_us);

/* A sign-in has completed. The caller polls what is due afterwards. */
void sign_in_take_result(struct monitor *monitor, const struct token_result *result);

/* The session is about to be replaced; a sign-in in progress gets no result. */
void sign_in_cancel(struct monitor *monitor);
