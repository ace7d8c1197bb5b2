/* SPDX-License-Identifier: MIT */

/*
 * Without a token nothing else can be requested, so during an outage the sign-in is the probe. An early
 * renewal runs beside the polling; its failure is no outage while the current token is valid.
 */

#include "monitor/sign_in.h"

#include "monitor/outage.h"
#include "util/timespan.h"

/* After a failed early renewal the next one waits this long. */
#define RENEW_AGAIN_US (5 * USEC_PER_MIN)

static void bring_forward(uint64_t *wake_us, uint64_t to_us)
{
        if (to_us < *wake_us)
                *wake_us = to_us;
}

static void start_sign_in(struct monitor *monitor, uint64_t now, uint64_t *wake_us)
{
        planner_begin_sign_in(monitor->jobs.planner, &monitor->sign_in);
        monitor->signing_in = true;
        if (session_renew(monitor->parts.session) >= 0)
                return;

        /* Out of memory: retry later. */
        sign_in_cancel(monitor);
        bring_forward(wake_us, now + USEC_PER_SEC);
}

void sign_in_cancel(struct monitor *monitor)
{
        uint64_t now = monitor_now_us(monitor);

        if (!monitor->signing_in)
                return;
        monitor->signing_in = false;
        planner_end_request(monitor->jobs.planner, &monitor->sign_in, now);
        planner_requeue(monitor->jobs.planner, &monitor->sign_in, now);
}

bool sign_in_is_done(struct monitor *monitor, uint64_t *wake_us)
{
        struct session *session = monitor->parts.session;
        uint64_t now = monitor_now_us(monitor), at_us;

        if (session == NULL)
                return true;
        at_us = planner_sign_in_at(monitor->jobs.planner, now);

        switch (session_need(session)) {
        case SESSION_READY: {
                uint64_t span_us = session_renew_in(session);
                if (span_us != USEC_NEVER)
                        bring_forward(wake_us, now + span_us);
                return true;
        }
        case SESSION_RENEW:
                if (monitor->renew_again_us > at_us)
                        at_us = monitor->renew_again_us;
                if (at_us <= now)
                        start_sign_in(monitor, now, wake_us);
                else
                        bring_forward(wake_us, at_us);
                return true;
        case SESSION_SIGN_IN:
                /* Without a job to poll no token is needed. */
                if (planner_next_due(monitor->jobs.planner) == USEC_NEVER)
                        return false;
                if (at_us <= now)
                        start_sign_in(monitor, now, wake_us);
                else
                        bring_forward(wake_us, at_us);
                return false;
        case SESSION_BUSY:
                break;
        }
        return false;
}

/* ---- the answer ---- */

static enum outage outage_of(enum token_verdict verdict)
{
        switch (verdict) {
        case TOKEN_REFUSED:
                return OUTAGE_UNAUTHORIZED;
        case TOKEN_THROTTLED:
                return OUTAGE_THROTTLED;
        case TOKEN_UNREACHABLE:
        case TOKEN_NOT_PERSISTED:
                return OUTAGE_UNREACHABLE;
        case TOKEN_OBTAINED:
                break;
        }
        return OUTAGE_NONE;
}

/* The current token stays valid for a while: logged once, and requests continue. */
static void postpone_renewal(struct monitor *monitor, enum outage outage, const char *explanation)
{
        bool is_new = monitor->renew_again_us == 0;
        int priority = outage == OUTAGE_UNAUTHORIZED ? LOG_ERR : LOG_WARNING;
        uint64_t now = monitor_now_us(monitor);
        char span[TIMESPAN_TEXT_MAX];

        monitor->renew_again_us = now + RENEW_AGAIN_US;
        planner_requeue(monitor->jobs.planner, &monitor->sign_in, now);
        journal_print(monitor->parts.journal, is_new ? priority : LOG_DEBUG,
                      "Token renewal failed: %s. The current token stays in use; next attempt in %s.",
                      explanation, timespan_format_rough(RENEW_AGAIN_US, span));
}

void sign_in_take_answer(struct monitor *monitor, const struct token_result *answer)
{
        struct planner *planner = monitor->jobs.planner;
        enum outage outage = outage_of(answer->verdict);
        uint64_t now = monitor_now_us(monitor);

        monitor->signing_in = false;
        planner_end_request(planner, &monitor->sign_in, now);
        if (outage == OUTAGE_NONE)
                monitor->renew_again_us = 0;

        if (outage == OUTAGE_NONE && planner_breaker(planner)->outage == OUTAGE_UNAUTHORIZED)
                /* The role may still be missing: only the next poll shows that the outage is over. */
                planner_requeue(planner, &monitor->sign_in, now);
        else if (outage == OUTAGE_NONE)
                outage_take_success(monitor, &monitor->sign_in);
        else if (outage != OUTAGE_THROTTLED && session_need(monitor->parts.session) == SESSION_RENEW)
                postpone_renewal(monitor, outage, answer->explanation);
        else
                outage_take_failure(monitor, &monitor->sign_in, outage, answer->retry_after_us,
                                    answer->explanation, "");
}
