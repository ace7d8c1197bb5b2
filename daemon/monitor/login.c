/* SPDX-License-Identifier: MIT */

/*
 * A login is sent by the session as any sign-in, but when a person wants it, and its failure is his: it is no
 * outage.
 *
 *     waiting --(the limits allow it)--> in flight --> reported
 *        '---(too long, cancelled)-------------------------^
 */

#include "monitor/login.h"

#include <assert.h>
#include <errno.h>

#include "journal/message_ids.h"
#include "monitor/outage.h"
#include "monitor/poll_state.h"
#include "platform/clock.h"
#include "platform/random.h"
#include "util/timespan.h"

/* How long a login may wait for the rate limits. */
#define WAIT_MAX_US (20 * USEC_PER_SEC)

static void report(struct monitor *monitor, enum login_outcome outcome, const char *explanation)
{
        struct login *login = &monitor->login;
        login_handler handler = login->handler;

        if (handler == NULL) /* it was cancelled */
                return;
        login->handler = NULL;
        handler(login->userdata, outcome, explanation);
}

int monitor_login(struct monitor *monitor, const struct token_login *login, login_handler handler,
                  void *userdata)
{
        struct session *session = monitor->parts.session;

        if (session == NULL || session_login_command(session) == NULL)
                return -EOPNOTSUPP;
        if (monitor->stopped)
                return -ESHUTDOWN;
        if (monitor->login.handler != NULL)
                return -EBUSY;
        monitor->login.handler = handler;
        monitor->login.userdata = userdata;
        monitor->login.deadline_us = monitor_now_us(monitor) + WAIT_MAX_US;
        session_set_login(session, login);
        monitor_poll_soon(monitor);
        return 0;
}

bool login_is_ready(struct monitor *monitor, uint64_t *wake_us)
{
        struct session *session = monitor->parts.session;
        uint64_t now_us = monitor_now_us(monitor);

        if (!session_has_login(session))
                return false;
        uint64_t at_us =
                session_is_signing_in(session) ? USEC_NEVER : planner_login_at(monitor->planner, now_us);
        if (at_us <= now_us)
                return true;
        if (monitor->login.deadline_us <= now_us ||
            (at_us > monitor->login.deadline_us && at_us != USEC_NEVER)) {
                login_cancel(monitor, "the rate limits leave no request at present");
                return false;
        }
        *wake_us = time_earlier(*wake_us, time_earlier(at_us, monitor->login.deadline_us));
        return false;
}

void login_cancel(struct monitor *monitor, const char *reason)
{
        if (monitor->parts.session != NULL)
                session_drop_login(monitor->parts.session);
        report(monitor, LOGIN_FAILED, reason);
}

/* ---- the result ---- */

static enum login_outcome outcome_of(const struct token_result *result)
{
        switch (result->verdict) {
        case TOKEN_OBTAINED:
                return LOGIN_SUCCEEDED;
        case TOKEN_REFUSED:
                return result->code_may_help ? LOGIN_WITHOUT_CODE : LOGIN_REFUSED;
        case TOKEN_BLOCKED:
        case TOKEN_THROTTLED:
        case TOKEN_UNREACHABLE:
                break;
        }
        return LOGIN_FAILED;
}

void login_take_result(struct monitor *monitor, const struct token_result *result)
{
        if (result->verdict == TOKEN_OBTAINED) {
                if (monitor->login.is_needed_logged)
                        outage_note_login(monitor);
                monitor->login.is_needed_logged = monitor->login.is_due_logged = false;
                planner_hurry(monitor->planner, monitor_now_us(monitor));
        }
        report(monitor, outcome_of(result), result->explanation);
}

/* ---- what is logged ---- */

void login_note_needed(struct monitor *monitor, uint64_t *wake_us)
{
        uint64_t now_us = monitor_now_us(monitor), at_us = planner_sign_in_at(monitor->planner, now_us);
        const struct planner_failure failure = { .failure = FAILURE_REFUSED };
        const struct outage_cause cause = { .failure = FAILURE_REFUSED,
                                            .sign_in = true,
                                            .explanation = session_login_reason(monitor->parts.session) };
        struct planner_request request;

        if (monitor->login.is_needed_logged)
                return;
        if (at_us > now_us) {
                *wake_us = time_earlier(*wake_us, at_us);
                return;
        }
        /* As if a sign-in had been refused. */
        monitor->login.is_needed_logged = true;
        planner_begin_sign_in(monitor->planner, &request);
        planner_end_request(monitor->planner, &request, now_us);
        (void)planner_failed(monitor->planner, &request, &failure, true, now_us, random_u64());
        outage_update(monitor, &cause);
        *wake_us = now_us; /* what follows from the outage */
}

void login_note_due(struct monitor *monitor, const char *reason)
{
        uint64_t now_us = clock_wall_us(), expires_us, refresh_expires_us;
        char left[TIMESPAN_TEXT_MAX];

        if (monitor->login.is_due_logged)
                return;
        monitor->login.is_due_logged = true;
        session_expiry(monitor->parts.session, &expires_us, &refresh_expires_us);
        uint64_t left_us = expires_us > now_us ? expires_us - now_us : 0;
        journal_print_about(monitor->parts.journal, LOG_WARNING, MESSAGE_ID_LOGIN_NEEDED, 0, NULL,
                            "The API token expires in %s and cannot be renewed: %s. Run \"%s\" before that.",
                            timespan_format_rough(left_us, left),
                            reason != NULL ? reason : "there is no refresh token",
                            session_login_command(monitor->parts.session));
}
