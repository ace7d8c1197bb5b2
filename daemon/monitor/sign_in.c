/* SPDX-License-Identifier: MIT */

/*
 * Signing in, as far as it concerns polling: before there is a token nothing else can be asked, and the
 * sign-in is then what probes an API in trouble. A renewal ahead of time goes on beside the polling, and its
 * failure is no trouble as long as the old token is good.
 */

#include "monitor/request_slot.h"

#include "util/cleanup.h"
#include "util/timespan.h"

/* How long to leave a renewal that failed ahead of time alone. */
#define RENEW_AGAIN_US (5 * USEC_PER_MIN)

void monitor_spend(struct monitor *monitor)
{
        uint64_t now = monitor_now_us(monitor);

        budget_spend(&monitor->budget, now);
        planner_spend(monitor->planner, now);
}

static void bring_forward(uint64_t *wake_us, uint64_t to_us)
{
        if (to_us < *wake_us)
                *wake_us = to_us;
}

static void sign_in(struct monitor *monitor, uint64_t now, uint64_t *wake_us)
{
        planner_begin_sign_in(monitor->planner, &monitor->sign_in);
        monitor->signing_in = true;
        if (session_renew(monitor->parts.session) >= 0)
                return;
        monitor->signing_in = false;

        /* No memory: perhaps later. */
        planner_end_request(monitor->planner, &monitor->sign_in, now);
        planner_requeue(monitor->planner, &monitor->sign_in, now);
        bring_forward(wake_us, now + USEC_PER_SEC);
}

bool monitor_is_signed_in(struct monitor *monitor, uint64_t *wake_us)
{
        struct session *session = monitor->parts.session;
        uint64_t now = monitor_now_us(monitor), at_us;

        if (session == NULL)
                return true;
        at_us = planner_sign_in_at(monitor->planner, now);

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
                        sign_in(monitor, now, wake_us);
                else
                        bring_forward(wake_us, at_us);
                return true;
        case SESSION_SIGN_IN:
                /* A job that has ended is no reason to sign in. */
                if (planner_next_due(monitor->planner) == USEC_NEVER)
                        return false;
                if (at_us <= now)
                        sign_in(monitor, now, wake_us);
                else
                        bring_forward(wake_us, at_us);
                return false;
        case SESSION_BUSY:
                break;
        }
        return false;
}

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

/* The present token is good for a while, so this is told once, and nothing waits for it. */
static void put_off_renewal(struct monitor *monitor, enum outage outage, const char *explanation)
{
        bool is_new = monitor->renew_again_us == 0;
        int priority = outage == OUTAGE_UNAUTHORIZED ? LOG_ERR : LOG_WARNING;
        uint64_t now = monitor_now_us(monitor);
        char span[TIMESPAN_TEXT_MAX];

        monitor->renew_again_us = now + RENEW_AGAIN_US;
        planner_requeue(monitor->planner, &monitor->sign_in, now);
        journal_print(monitor->parts.journal, is_new ? priority : LOG_DEBUG,
                      "The token of the API cannot be renewed ahead of time: %s. The present one is used on; "
                      "the next attempt is in %s, or when this one ends.",
                      explanation, timespan_format_rough(RENEW_AGAIN_US, span));
}

void monitor_take_sign_in(struct monitor *monitor, const struct token_result *answer)
{
        enum outage outage = outage_of(answer->verdict);
        uint64_t now = monitor_now_us(monitor);

        monitor->signing_in = false;
        planner_end_request(monitor->planner, &monitor->sign_in, now);
        if (outage == OUTAGE_NONE)
                monitor->renew_again_us = 0;

        if (outage == OUTAGE_NONE && planner_breaker(monitor->planner)->outage == OUTAGE_UNAUTHORIZED)
                /* Perhaps the role is missing: the next look shows whether that is over. */
                planner_requeue(monitor->planner, &monitor->sign_in, now);
        else if (outage == OUTAGE_NONE)
                monitor_take_success(monitor, &monitor->sign_in);
        else if (outage != OUTAGE_THROTTLED && session_need(monitor->parts.session) == SESSION_RENEW)
                put_off_renewal(monitor, outage, answer->explanation);
        else
                monitor_take_outage(monitor, &monitor->sign_in, outage, answer->retry_after_us,
                                    answer->explanation, "");
        monitor_poll_due(monitor);
}
