/* SPDX-License-Identifier: MIT */

/*
 * Without a token nothing else can be requested, so during an outage the sign-in is the probe. An early
 * renewal runs beside the polling; its failure is no outage while the current token is valid.
 */

#include "monitor/sign_in.h"

#include "monitor/last_run.h"
#include "monitor/login.h"
#include "monitor/outage.h"
#include "monitor/recent.h"
#include "platform/random.h"
#include "util/timespan.h"

/* After a failed early renewal the next one waits this long. */
#define RENEW_AGAIN_US (5 * USEC_PER_MIN)

static void start_sign_in(struct monitor *monitor)
{
        planner_begin_sign_in(monitor->planner, &monitor->sign_in);
        monitor->signing_in = true;
        session_renew(monitor->parts.session);
}

void sign_in_cancel(struct monitor *monitor)
{
        uint64_t now = monitor_now_us(monitor);

        if (!monitor->signing_in)
                return;
        monitor->signing_in = false;
        planner_end_request(monitor->planner, &monitor->sign_in, now);
        planner_requeue(monitor->planner, &monitor->sign_in, now);
}

bool sign_in_is_done(struct monitor *monitor, uint64_t *wake_us)
{
        struct session *session = monitor->parts.session;
        uint64_t now = monitor_now_us(monitor), at_us;

        if (session == NULL)
                return true;
        if (login_is_ready(monitor, wake_us))
                start_sign_in(monitor);
        at_us = planner_sign_in_at(monitor->planner, now);

        switch (session_need(session)) {
        case SESSION_READY: {
                uint64_t span_us = session_renew_in(session);
                if (span_us != USEC_NEVER)
                        *wake_us = time_earlier(*wake_us, now + span_us);
                if (session_login_is_due(session))
                        login_note_due(monitor, NULL);
                return true;
        }
        case SESSION_RENEW:
                if (monitor->renew_again_us > at_us)
                        at_us = monitor->renew_again_us;
                if (at_us <= now)
                        start_sign_in(monitor);
                else
                        *wake_us = time_earlier(*wake_us, at_us);
                return true;
        case SESSION_SIGN_IN:
                /* Without a job to poll no token is needed. */
                if (planner_next_due(monitor->planner) == USEC_NEVER && !recent_is_waiting(monitor))
                        return false;
                if (at_us <= now)
                        start_sign_in(monitor);
                else
                        *wake_us = time_earlier(*wake_us, at_us);
                return false;
        case SESSION_LOGIN:
                if (planner_next_due(monitor->planner) != USEC_NEVER || recent_is_waiting(monitor))
                        login_note_needed(monitor, wake_us);
                return false;
        case SESSION_BUSY:
                break;
        }
        return false;
}

/* ---- the result ---- */

/* The current token stays valid for a while: logged once, and requests continue. */
static void postpone_renewal(struct monitor *monitor, enum failure failure, const char *explanation)
{
        bool is_new = monitor->renew_again_us == 0;
        int priority = failure == FAILURE_REFUSED ? LOG_ERR : LOG_WARNING;
        uint64_t now = monitor_now_us(monitor);
        char span[TIMESPAN_TEXT_MAX];

        monitor->renew_again_us = now + RENEW_AGAIN_US;
        planner_requeue(monitor->planner, &monitor->sign_in, now);
        journal_print(monitor->parts.journal, is_new ? priority : LOG_DEBUG,
                      "Token renewal failed: %s. The current token stays in use; next attempt in %s.",
                      explanation, timespan_format_rough(RENEW_AGAIN_US, span));
}

static void take_failure(struct monitor *monitor, enum failure failure, const struct token_result *result)
{
        const struct planner_failure planner_failure = { .failure = failure,
                                                         .retry_after_us = result->retry_after_us };
        const struct outage_cause cause = { .failure = failure,
                                            .blocked = result->verdict == TOKEN_BLOCKED,
                                            .sign_in = true,
                                            .explanation = result->explanation };

        (void)planner_failed(monitor->planner, &monitor->sign_in, &planner_failure, true,
                             monitor_now_us(monitor), random_u64());
        if (failure == FAILURE_THROTTLED) {
                if (result->retry_after_us > 0)
                        last_run_save_pause(monitor->parts.state, monitor_now_us(monitor),
                                            planner_throttle(monitor->planner)->pause_until_us);
                outage_note_pause(monitor, result->explanation);
        }
        outage_update(monitor, &cause);
}

/* What it means depends on whether there is still a token, and whether it can be renewed. */
static void take_failed_renewal(struct monitor *monitor, enum failure failure,
                                const struct token_result *result)
{
        switch (session_need(monitor->parts.session)) {
        case SESSION_RENEW:
                postpone_renewal(monitor, failure, result->explanation);
                break;
        case SESSION_READY: /* auth = login, and the refresh token was refused */
                planner_requeue(monitor->planner, &monitor->sign_in, monitor_now_us(monitor));
                login_note_due(monitor, result->explanation);
                break;
        case SESSION_LOGIN: /* likewise, and there is no other token */
                monitor->login.is_needed_logged = true;
                take_failure(monitor, failure, result);
                break;
        case SESSION_SIGN_IN:
        case SESSION_BUSY:
                take_failure(monitor, failure, result);
                break;
        }
}

static void take_success(struct monitor *monitor)
{
        const struct outage_cause success = { .failure = FAILURE_NONE };
        struct planner *planner = monitor->planner;
        const struct breaker *breaker = planner_breaker(planner);

        monitor->renew_again_us = 0;
        if (breaker->state != BREAKER_CLOSED && breaker->failure == FAILURE_REFUSED) {
                /* The role may still be missing: only the next poll shows that the outage is over. */
                planner_requeue(planner, &monitor->sign_in, monitor_now_us(monitor));
                return;
        }
        planner_succeeded(planner, &monitor->sign_in, monitor_now_us(monitor));
        outage_update(monitor, &success);
}

void sign_in_take_result(struct monitor *monitor, const struct token_result *result)
{
        enum failure failure = result->verdict == TOKEN_UNREACHABLE ? FAILURE_UNREACHABLE : result->failure;

        monitor->signing_in = false;
        planner_end_request(monitor->planner, &monitor->sign_in, monitor_now_us(monitor));
        if (failure == FAILURE_NONE)
                take_success(monitor);
        else if (failure == FAILURE_THROTTLED)
                take_failure(monitor, failure, result);
        else if (result->grant == TOKEN_BY_LOGIN)
                planner_requeue(monitor->planner, &monitor->sign_in, monitor_now_us(monitor));
        else
                take_failed_renewal(monitor, failure, result);
        if (result->grant == TOKEN_BY_LOGIN)
                login_take_result(monitor, result);
}
