/* SPDX-License-Identifier: MIT */

/*
 * Signing in, as far as it concerns polling: before there is a token nothing else can be asked, and the
 * sign-in is then what probes an API in trouble. A renewal ahead of time goes on beside the polling, and its
 * failure is no trouble as long as the old token is good.
 */

#include "poller_internal.h"

#include "base/cleanup.h"
#include "base/span.h"

/* How long to leave a renewal that failed ahead of time alone. */
#define RENEW_AGAIN_US (5 * USEC_PER_MIN)

void poller_spend(struct poller *poller)
{
        uint64_t now = poller_now_us(poller);

        budget_spend(&poller->budget, now);
        planner_spend(poller->planner, now);
}

static void bring_forward(uint64_t *wake_us, uint64_t to_us)
{
        if (to_us < *wake_us)
                *wake_us = to_us;
}

static void sign_in(struct poller *poller, uint64_t now, uint64_t *wake_us)
{
        planner_begin_sign_in(poller->planner, &poller->sign_in);
        poller->signing_in = true;
        if (session_renew(poller->parts.session) >= 0)
                return;
        poller->signing_in = false;

        /* No memory: perhaps later. */
        planner_end_flight(poller->planner, &poller->sign_in, now);
        planner_take_again(poller->planner, &poller->sign_in, now);
        bring_forward(wake_us, now + USEC_PER_SEC);
}

bool poller_is_signed_in(struct poller *poller, uint64_t *wake_us)
{
        struct session *session = poller->parts.session;
        uint64_t now = poller_now_us(poller), at_us;

        if (session == NULL)
                return true;
        at_us = planner_sign_in_at(poller->planner, now);

        switch (session_need(session)) {
        case SESSION_READY: {
                uint64_t span_us = session_renew_in(session);
                if (span_us != USEC_NEVER)
                        bring_forward(wake_us, now + span_us);
                return true;
        }
        case SESSION_RENEW:
                if (poller->renew_again_us > at_us)
                        at_us = poller->renew_again_us;
                if (at_us <= now)
                        sign_in(poller, now, wake_us);
                else
                        bring_forward(wake_us, at_us);
                return true;
        case SESSION_SIGN_IN:
                /* A job that has ended is no reason to sign in. */
                if (planner_next_due(poller->planner) == USEC_NEVER)
                        return false;
                if (at_us <= now)
                        sign_in(poller, now, wake_us);
                else
                        bring_forward(wake_us, at_us);
                return false;
        case SESSION_BUSY:
                break;
        }
        return false;
}

static enum health_trouble trouble_of(enum token_verdict verdict)
{
        switch (verdict) {
        case TOKEN_REFUSED:
                return HEALTH_UNAUTHORIZED;
        case TOKEN_THROTTLED:
                return HEALTH_THROTTLED;
        case TOKEN_UNREACHABLE:
        case TOKEN_NOT_KEPT:
                return HEALTH_UNREACHABLE;
        case TOKEN_OBTAINED:
                break;
        }
        return HEALTH_WELL;
}

/* The present token is good for a while, so this is told once, and nothing waits for it. */
static void put_off_renewal(struct poller *poller, enum health_trouble trouble, const char *explanation)
{
        bool is_new = poller->renew_again_us == 0;
        int priority = trouble == HEALTH_UNAUTHORIZED ? LOG_ERR : LOG_WARNING;
        uint64_t now = poller_now_us(poller);
        char span[SPAN_TEXT_MAX];

        poller->renew_again_us = now + RENEW_AGAIN_US;
        planner_take_again(poller->planner, &poller->sign_in, now);
        journal_print(poller->parts.journal, is_new ? priority : LOG_DEBUG,
                      "The token of the API cannot be renewed ahead of time: %s. The present one is used on; "
                      "the next attempt is in %s, or when this one ends.",
                      explanation, span_format_rough(RENEW_AGAIN_US, span));
}

void poller_take_sign_in(struct poller *poller, const struct token_answer *answer)
{
        enum health_trouble trouble = trouble_of(answer->verdict);
        uint64_t now = poller_now_us(poller);

        poller->signing_in = false;
        planner_end_flight(poller->planner, &poller->sign_in, now);
        if (trouble == HEALTH_WELL)
                poller->renew_again_us = 0;

        if (trouble == HEALTH_WELL && planner_health(poller->planner)->trouble == HEALTH_UNAUTHORIZED)
                /* Perhaps the role is missing: the next look shows whether that is over. */
                planner_take_again(poller->planner, &poller->sign_in, now);
        else if (trouble == HEALTH_WELL)
                poller_take_health(poller, &poller->sign_in);
        else if (trouble != HEALTH_THROTTLED && session_need(poller->parts.session) == SESSION_RENEW)
                put_off_renewal(poller, trouble, answer->explanation);
        else
                poller_take_trouble(poller, &poller->sign_in, trouble, answer->retry_after_us,
                                    answer->explanation, "");
        poller_poll_due(poller);
}
