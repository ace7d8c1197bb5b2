/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/timespan.h"

/*
 * The proof that this host is the active one of several: a heartbeat, a transaction that only the active host
 * can commit. Another host takes over 8 s after the last one at the earliest, as far as the servers know; so
 * a host that was frozen or cut off ends what it does before.
 *
 * Times are microseconds of one clock, which goes on while the machine is suspended.
 */

/* How long a heartbeat proves it, from when it was begun. */
#define PROOF_SPAN_US (5 * USEC_PER_SEC)

/* How long the event loop may be busy; if it was frozen for longer, the proof is renewed first. */
#define PROOF_GAP_US (2 * USEC_PER_SEC)

struct proof {
        uint64_t committed_us; /* when the newest heartbeat that was committed had been begun */
        uint64_t looked_us;    /* when the event loop was last known to run */
        uint64_t renew_us;     /* a heartbeat that was begun before this proves nothing */
        bool has_expired;
};

enum proof_state {
        PROOF_VALID,    /* this host is active */
        PROOF_RENEWING, /* it may be: nothing starts before the next heartbeat */
        PROOF_EXPIRED,  /* it is not; that never changes */
};

/* This host has become active by a transaction that was begun at `begun_us`. */
void proof_begin(struct proof *proof, uint64_t begun_us, uint64_t now_us);

/*
 * What the proof is worth now. `committed_us` is when the newest heartbeat that was committed had been begun.
 * To be called immediately before anything is started, and at least once a second.
 */
enum proof_state proof_check(struct proof *proof, uint64_t committed_us, uint64_t now_us);

/* When it expires without another heartbeat. */
uint64_t proof_end_us(const struct proof *proof);
