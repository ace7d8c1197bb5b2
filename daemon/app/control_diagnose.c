/* SPDX-License-Identifier: MIT */

/*
 * Diagnose: what the service has seen of the API, as findings. Each has a verdict, a text, and what to do.
 * Facts are for a report that the user sends to somebody else: they name no host, no job and nothing that the
 * API wrote.
 */

#include "app/control_diagnose.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/reply.h"
#include "util/message.h"
#include "util/timespan.h"

/* A clock that differs more is a problem for certificates and signed hooks; this much is noticed. */
#define CLOCK_FAILURE_US (5 * USEC_PER_MIN)
#define CLOCK_WARNING_US (30 * USEC_PER_SEC)

/* How long a throttled response counts. */
#define THROTTLED_RECENTLY_US USEC_PER_HOUR

void finding_put(const struct findings *findings, const char *check, const char *verdict, char *text,
                 const char *advice, char *facts)
{
        struct bus_call *call = findings->call;

        bus_row_begin(call);
        bus_put_string(call, "Check", check);
        bus_put_string(call, "Verdict", verdict);
        bus_put_text(call, "Text", text, strlen(text), 0);
        bus_put_string(call, "Advice", advice);
        bus_put_string(call, "Facts", facts);
        bus_row_end(call);
        free(text);
        free(facts);
}

/* ---- requests ---- */

/* The first page that was asked for, or one of them that was answered; NULL: none was asked for. */
static const struct diagnosis_answer *search_of(const struct diagnosis *diagnosis)
{
        const struct diagnosis_answer *first = NULL;

        for (size_t i = 0; i < FEED_DIRECTIONS; i++) {
                const struct diagnosis_answer *answer = &diagnosis->pages[i].answer;

                if (answer->answered)
                        return answer;
                if (answer->asked && first == NULL)
                        first = answer;
        }
        return first;
}

static bool is_refused(const struct diagnosis_answer *answer)
{
        return answer != NULL && answer->asked && !answer->answered && answer->failure == FAILURE_REFUSED;
}

/* Whether reads of jobs have been answered, if only by polls. */
static bool reads_work(const struct findings *findings)
{
        const struct request_counts *counts = monitor_request_counts(findings->control->parts->monitor);

        if (findings->diagnosis->single.asked)
                return findings->diagnosis->single.answered ||
                       findings->diagnosis->single.failure == FAILURE_NOT_FOUND;
        return counts->results[ENDPOINT_SINGLE][FAILURE_NONE] +
                       counts->results[ENDPOINT_BATCH][FAILURE_NONE] >
               0;
}

bool findings_search_works(const struct findings *findings)
{
        const struct diagnosis_answer *search = search_of(findings->diagnosis);

        return search != NULL ? search->answered : findings->status.jobs.feed_works;
}

/* Whether all that was asked for was refused. */
static bool is_refused_at_all(const struct findings *findings)
{
        const struct diagnosis *diagnosis = findings->diagnosis;

        if (findings->status.jobs.failure == FAILURE_REFUSED)
                return true;
        return is_refused(search_of(diagnosis)) && (is_refused(&diagnosis->single) || !reads_work(findings));
}

/* ---- the API as a whole ---- */

static const char *credentials_advice(const struct findings *findings)
{
        if (findings->status.jobs.blocked)
                return "let the service through what is in front of the API";
        switch (findings->status.config->api.auth) {
        case AUTH_TOKEN:
                return "write a valid token to the file of token_file, and restart the service";
        case AUTH_PASSWORD:
        case AUTH_BASIC:
                return "check 'username' under [api] and the file of password_file, and restart the service";
        case AUTH_LOGIN:
                break;
        }
        return "run 'jobwatchctl login'";
}

static const char *explanation_of(const struct findings *findings)
{
        const struct diagnosis_answer *search = search_of(findings->diagnosis);

        if (search != NULL && !search->answered)
                return search->explanation;
        return findings->diagnosis->single.explanation;
}

static void put_api(const struct findings *findings)
{
        const struct monitor_counts *jobs = &findings->status.jobs;
        const char *explanation = explanation_of(findings);
        char *facts = format_message(
                "API: %s", jobs->failure == FAILURE_NONE ? "answers" : failure_to_string(jobs->failure));

        if (is_refused_at_all(findings))
                finding_put(findings, "API", FAILURE,
                            format_message("the API refuses the credentials%s%s",
                                           *explanation != '\0' ? ": " : "", explanation),
                            credentials_advice(findings), facts);
        else if (jobs->failure == FAILURE_THROTTLED)
                finding_put(findings, "API", WARNING, format_message("the API wants a pause"),
                            "see the limits below; polling goes on by itself", facts);
        else if (jobs->failure != FAILURE_NONE)
                finding_put(
                        findings, "API", FAILURE,
                        format_message("the API cannot be used: %s", status_failure_text(jobs)),
                        "see what is said above of the name and the connection; the service goes on trying",
                        facts);
        else if (!reads_work(findings) && !findings_search_works(findings))
                finding_put(
                        findings, "API", WARNING,
                        format_message(
                                "the API has not been asked: the rate limits leave no request at present"),
                        "run this again later", facts);
        else
                finding_put(findings, "API", OK, format_message("the API answers"), NULL, facts);
}

static void put_role(const struct findings *findings, const char *role, bool works,
                     const struct diagnosis_answer *answer, const char *verdict, const char *consequence)
{
        char check[32];

        (void)snprintf(check, sizeof(check), "role %s", role);
        if (works)
                finding_put(findings, check, OK,
                            format_message("the account has BusinessBackgroundJob-%s", role), NULL,
                            format_message("role %s: yes", role));
        else if (is_refused(answer) && !is_refused_at_all(findings))
                finding_put(findings, check, verdict,
                            format_message("the account lacks the role BusinessBackgroundJob-%s: %s", role,
                                           consequence),
                            "give this role to the user of the account in Nexudus",
                            format_message("role %s: no", role));
        else if (answer != NULL && answer->asked && !answer->answered && !is_refused_at_all(findings))
                finding_put(findings, check, WARNING,
                            format_message("such requests fail: %s", answer->explanation),
                            "run this again later; if it stays, send the developers what --report prints",
                            format_message("role %s: %s", role, failure_to_string(answer->failure)));
        else
                finding_put(findings, check, SKIPPED, format_message("the API could not be asked"), NULL,
                            NULL);
}

static void put_roles(const struct findings *findings)
{
        const bool discovers = findings->status.config->discover_count > 0;

        put_role(findings, "Read", reads_work(findings), &findings->diagnosis->single, FAILURE,
                 "no job can be watched");
        put_role(findings, "List", findings_search_works(findings), search_of(findings->diagnosis),
                 discovers ? FAILURE : WARNING,
                 discovers ? "new jobs are not found"
                           : "there is no change feed, and recent jobs cannot be listed");
}

/* ---- the clock ---- */

static void put_clock(const struct findings *findings)
{
        const int64_t ahead_us = findings->seen.clock_ahead_us;
        const uint64_t off_us = (uint64_t)(ahead_us < 0 ? -ahead_us : ahead_us);
        char span[TIMESPAN_TEXT_MAX];

        if (!findings->seen.has_clock) {
                finding_put(findings, "clock", SKIPPED, format_message("the API has not told the time"), NULL,
                            NULL);
                return;
        }
        (void)timespan_format_rough(off_us, span);
        char *facts =
                format_message("clock: %s%" PRIu64 " s", ahead_us < 0 ? "-" : "+", off_us / USEC_PER_SEC);
        if (off_us < CLOCK_WARNING_US)
                finding_put(findings, "clock", OK,
                            format_message("the clock of this machine agrees with the API"), NULL, facts);
        else
                finding_put(findings, "clock", off_us < CLOCK_FAILURE_US ? WARNING : FAILURE,
                            format_message("the clock of this machine is %s %s", span,
                                           ahead_us < 0 ? "behind the API" : "ahead of the API"),
                            "run 'timedatectl set-ntp true', or set the clock", facts);
}

/* ---- limits ---- */

static void put_limits(const struct findings *findings)
{
        const struct request_counts *counts = monitor_request_counts(findings->control->parts->monitor);
        const struct monitor_counts *jobs = &findings->status.jobs;
        uint64_t all = 0, throttled = 0;

        for (size_t endpoint = 0; endpoint < ENDPOINT_COUNT; endpoint++)
                for (size_t failure = 0; failure < FAILURE_COUNT; failure++) {
                        all += counts->results[endpoint][failure];
                        throttled += failure == FAILURE_THROTTLED ? counts->results[endpoint][failure] : 0;
                }
        char *facts = format_message("limits: %" PRIu64 " of %" PRIu64 " requests throttled since the start; "
                                     "%u in the last minute, %u hour, %u day",
                                     throttled, all, jobs->spent_minute, jobs->spent_hour, jobs->spent_day);
        const bool recently = findings->seen.throttled_us > 0 &&
                              findings->status.now_us - findings->seen.throttled_us < THROTTLED_RECENTLY_US;
        if (recently)
                finding_put(findings, "limits", WARNING,
                            format_message("the API has throttled %" PRIu64 " of %" PRIu64
                                           " requests, though the service "
                                           "keeps to its limits: another program uses the same account",
                                           throttled, all),
                            "stop that program, or leave it a share: lower 'per_minute' and 'per_hour' under "
                            "[limits]; "
                            "this goes away after an hour",
                            facts);
        else
                finding_put(findings, "limits", OK,
                            format_message("%u requests in the last hour, none throttled", jobs->spent_hour),
                            NULL, facts);
}

/* ---- the call ---- */

static void on_end(void *userdata)
{
        const struct control *control = userdata;

        bus_service_emit_event(control->service, 0, 0, "diagnosis");
}

void control_diagnose(struct bus_call *call)
{
        struct control *control = bus_call_userdata(call);
        struct findings findings = {
                .control = control,
                .call = call,
                .diagnosis = monitor_diagnose(control->parts->monitor, on_end, control),
        };

        bus_rows_begin(call);
        if (findings.diagnosis != NULL) {
                findings.seen = monitor_seen(control->parts->monitor);
                findings.status = control->parts->describe(control->parts->userdata);
                put_api(&findings);
                put_roles(&findings);
                put_clock(&findings);
                finding_put_batches(&findings);
                finding_put_order(&findings);
                finding_put_updated_on(&findings);
                finding_put_dates(&findings);
                put_limits(&findings);
        }
        bus_rows_end(call);
        bus_call_send(call);
}
