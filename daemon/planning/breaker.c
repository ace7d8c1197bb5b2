/* SPDX-License-Identifier: MIT */

/* The circuit breaker: its states, its witnesses, and the intervals of its probes. */

#include "planning/breaker.h"

#include <assert.h>

#include "util/timespan.h"

#define PROBE_FIRST_US         (2 * USEC_PER_SEC)
#define PROBE_REFUSED_FIRST_US (10 * USEC_PER_SEC)
#define PROBE_REFUSED_MAX_US   (5 * USEC_PER_MIN)

uint64_t breaker_next(const struct breaker *breaker, uint64_t now_us)
{
        switch (breaker->state) {
        case BREAKER_CLOSED:
                return now_us;
        case BREAKER_OPEN:
                return breaker->probe_us;
        case BREAKER_HALF_OPEN:
                break;
        }
        return UINT64_MAX;
}

bool breaker_start_request(struct breaker *breaker)
{
        assert(breaker->state != BREAKER_HALF_OPEN);

        if (breaker->state == BREAKER_CLOSED)
                return false;
        breaker->state = BREAKER_HALF_OPEN;
        return true;
}

void breaker_cancel_probe(struct breaker *breaker)
{
        if (breaker->state == BREAKER_HALF_OPEN)
                breaker->state = BREAKER_OPEN;
}

void breaker_note_success(struct breaker *breaker)
{
        *breaker = BREAKER_INITIAL;
}

bool breaker_note_witness(struct breaker *breaker, enum failure failure, uint64_t now_us)
{
        assert(breaker->state == BREAKER_CLOSED && now_us > 0);

        if (breaker->witness_us[failure] != 0)
                return true;
        breaker->witness_us[failure] = now_us;
        return false;
}

/* Up to a tenth shorter at random, so that many clients do not probe in step. */
static uint64_t probe_interval(const struct breaker *breaker, uint64_t interval_us, uint64_t random)
{
        bool refused = breaker->failure == FAILURE_REFUSED;
        uint64_t longest_us = refused ? PROBE_REFUSED_MAX_US : interval_us;
        uint64_t span_us = refused ? PROBE_REFUSED_FIRST_US : PROBE_FIRST_US;

        for (unsigned i = 0; i < breaker->failed_probes && span_us < longest_us; i++)
                span_us *= 2;
        if (span_us > longest_us)
                span_us = longest_us;
        return span_us - random % (span_us / 10 + 1);
}

void breaker_open(struct breaker *breaker, enum failure failure, uint64_t now_us, uint64_t interval_us,
                  uint64_t random)
{
        assert(breaker->state == BREAKER_CLOSED && failure != FAILURE_NONE && now_us > 0);

        uint64_t witness_us = breaker->witness_us[failure];
        *breaker = (struct breaker){
                .state = BREAKER_OPEN,
                .failure = failure,
                .since_us = witness_us != 0 ? witness_us : now_us,
        };
        breaker->probe_us = now_us + probe_interval(breaker, interval_us, random);
}

void breaker_note_failed_probe(struct breaker *breaker, enum failure failure, uint64_t now_us,
                               uint64_t interval_us, uint64_t random)
{
        assert(breaker->state != BREAKER_CLOSED && failure != FAILURE_NONE);

        breaker->state = BREAKER_OPEN;
        if ((failure == FAILURE_REFUSED) != (breaker->failure == FAILURE_REFUSED))
                breaker->failed_probes = 0; /* other intervals, which begin with the first */
        else
                breaker->failed_probes++;
        breaker->failure = failure;
        breaker->probe_us = now_us + probe_interval(breaker, interval_us, random);
}

void breaker_hurry(struct breaker *breaker, uint64_t now_us)
{
        if (breaker->state == BREAKER_OPEN)
                breaker->probe_us = now_us;
}
