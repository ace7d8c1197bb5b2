/* SPDX-License-Identifier: MIT */

/*
 * Diagnose: what the service has seen of the API, as findings. Each has a verdict, a text, and what to do.
 * Facts are for a report that the user sends to somebody else: they name no host, no job and nothing that the
 * API wrote.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/control_state.h"
#include "bus/reply.h"
#include "monitor/diagnosis.h"
#include "util/cleanup.h"
#include "util/message.h"
#include "util/timespan.h"

#define OK      "ok"
#define WARNING "warning"
#define FAILURE "failure"
#define SKIPPED "skipped"

/* A clock that differs more is a problem for certificates and signed hooks; this much is noticed. */
#define CLOCK_FAILURE_US (5 * USEC_PER_MIN)
#define CLOCK_WARNING_US (30 * USEC_PER_SEC)

/* How long a throttled response counts. */
#define THROTTLED_RECENTLY_US USEC_PER_HOUR

struct findings {
        const struct control *control;
        struct bus_call *call;
        const struct diagnosis *diagnosis;
        struct diagnosis_seen seen;
        struct status_facts status;
};

/* `text` and `facts` are taken; `advice` and `facts` may be NULL. */
static void put(const struct findings *findings, const char *check, const char *verdict, char *text,
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
        const struct request_counts *counts = monitor_request_counts(findings->control->parts.monitor);

        if (findings->diagnosis->single.asked)
                return findings->diagnosis->single.answered ||
                       findings->diagnosis->single.failure == FAILURE_NOT_FOUND;
        return counts->results[ENDPOINT_SINGLE][FAILURE_NONE] +
                       counts->results[ENDPOINT_BATCH][FAILURE_NONE] >
               0;
}

static bool search_works(const struct findings *findings)
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
                put(findings, "API", FAILURE,
                    format_message("the API refuses the credentials%s%s", *explanation != '\0' ? ": " : "",
                                   explanation),
                    credentials_advice(findings), facts);
        else if (jobs->failure == FAILURE_THROTTLED)
                put(findings, "API", WARNING, format_message("the API wants a pause"),
                    "see the limits below; polling goes on by itself", facts);
        else if (jobs->failure != FAILURE_NONE)
                put(findings, "API", FAILURE,
                    format_message("the API cannot be used: %s", status_failure_text(jobs)),
                    "see what is said above of the name and the connection; the service goes on trying",
                    facts);
        else if (!reads_work(findings) && !search_works(findings))
                put(findings, "API", WARNING,
                    format_message("the API has not been asked: the rate limits leave no request at present"),
                    "run this again later", facts);
        else
                put(findings, "API", OK, format_message("the API answers"), NULL, facts);
}

static void put_role(const struct findings *findings, const char *role, bool works,
                     const struct diagnosis_answer *answer, const char *verdict, const char *consequence)
{
        char check[32];

        (void)snprintf(check, sizeof(check), "role %s", role);
        if (works)
                put(findings, check, OK, format_message("the account has BusinessBackgroundJob-%s", role),
                    NULL, format_message("role %s: yes", role));
        else if (is_refused(answer) && !is_refused_at_all(findings))
                put(findings, check, verdict,
                    format_message("the account lacks the role BusinessBackgroundJob-%s: %s", role,
                                   consequence),
                    "give this role to the user of the account in Nexudus",
                    format_message("role %s: no", role));
        else if (answer != NULL && answer->asked && !answer->answered && !is_refused_at_all(findings))
                put(findings, check, WARNING, format_message("such requests fail: %s", answer->explanation),
                    "run this again later; if it stays, send the developers what --report prints",
                    format_message("role %s: %s", role, failure_to_string(answer->failure)));
        else
                put(findings, check, SKIPPED, format_message("the API could not be asked"), NULL, NULL);
}

static void put_roles(const struct findings *findings)
{
        const bool discovers = findings->status.config->discover_count > 0;

        put_role(findings, "Read", reads_work(findings), &findings->diagnosis->single, FAILURE,
                 "no job can be watched");
        put_role(findings, "List", search_works(findings), search_of(findings->diagnosis),
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
                put(findings, "clock", SKIPPED, format_message("the API has not told the time"), NULL, NULL);
                return;
        }
        (void)timespan_format_rough(off_us, span);
        char *facts =
                format_message("clock: %s%" PRIu64 " s", ahead_us < 0 ? "-" : "+", off_us / USEC_PER_SEC);
        if (off_us < CLOCK_WARNING_US)
                put(findings, "clock", OK, format_message("the clock of this machine agrees with the API"),
                    NULL, facts);
        else
                put(findings, "clock", off_us < CLOCK_FAILURE_US ? WARNING : FAILURE,
                    format_message("the clock of this machine is %s %s", span,
                                   ahead_us < 0 ? "behind the API" : "ahead of the API"),
                    "run 'timedatectl set-ntp true', or set the clock", facts);
}

/* ---- batches ---- */

/* The names of fields, each after a blank; malloc()ed. */
static char *names_of(unsigned fields)
{
        char *names = format_message("%s", "");

        for (unsigned i = 0; i < DIAGNOSIS_FIELDS; i++) {
                CLEANUP(cleanup_free) char *before = names;

                names = format_message("%s%s%s", before, (fields >> i & 1) != 0 ? " " : "",
                                       (fields >> i & 1) != 0 ? diagnosis_fields[i] : "");
        }
        return names;
}

/* Only these matter for what is recorded. */
static bool matters(unsigned fields)
{
        for (unsigned i = 0; i < DIAGNOSIS_FIELDS; i++)
                if ((fields >> i & 1) != 0 && (strcmp(diagnosis_fields[i], "Status") == 0 ||
                                               strcmp(diagnosis_fields[i], "ResultData") == 0 ||
                                               strcmp(diagnosis_fields[i], "UpdatedOn") == 0))
                        return true;
        return false;
}

#define BATCH_ADVICE                                                                                         \
        "set 'batch = off' under [poll] if few jobs are watched; changes are confirmed by single requests "  \
        "anyway"

static void put_batches(const struct findings *findings)
{
        const struct diagnosis *diagnosis = findings->diagnosis;
        const bool compared = diagnosis->single.answered && diagnosis->batch.answered;
        const unsigned omitted = diagnosis->single_fields & ~diagnosis->batch_fields;
        CLEANUP(cleanup_free)
        char *names = names_of(omitted), *single = names_of(diagnosis->single_fields),
             *batch = names_of(diagnosis->batch_fields);
        char *facts =
                format_message("batch: %s, %zu of %zu rows; single has%s; row has%s",
                               !diagnosis->batch.asked     ? "not asked"
                               : diagnosis->batch.answered ? "answered"
                                                           : failure_to_string(diagnosis->batch.failure),
                               diagnosis->batch_rows, diagnosis->id_count, single, batch);

        if (findings->status.config->poll.batch == BATCH_OFF)
                put(findings, "batches", OK, format_message("batches are not used (batch = off)"), NULL,
                    facts);
        else if (diagnosis->batch.asked && !diagnosis->batch.answered)
                put(findings, "batches", WARNING,
                    format_message("batches fail: %s", diagnosis->batch.explanation), BATCH_ADVICE, facts);
        else if (compared && !diagnosis->batch_has_job)
                put(findings, "batches", WARNING, format_message("batches leave out jobs"), BATCH_ADVICE,
                    facts);
        else if (compared && matters(omitted))
                put(findings, "batches", WARNING, format_message("batches omit%s", names), BATCH_ADVICE,
                    facts);
        else if (compared)
                put(findings, "batches", OK, format_message("rows of batches are complete"), NULL, facts);
        else
                put(findings, "batches", SKIPPED, format_message("no job is known that could be read"), NULL,
                    facts);
}

/* ---- the search ---- */

static const char *order_to_string(const struct diagnosis *diagnosis, size_t index)
{
        static const char *const names[] = {
                [DIAGNOSIS_ORDER_UNKNOWN] = "not known",
                [DIAGNOSIS_ORDER_NEWEST] = "newest first",
                [DIAGNOSIS_ORDER_OLDEST] = "oldest first",
                [DIAGNOSIS_ORDER_NONE] = "not sorted",
        };

        return diagnosis->known[index] ? names[DIAGNOSIS_ORDER_NEWEST] : names[diagnosis->pages[index].order];
}

static char *orders_of(const struct diagnosis *diagnosis)
{
        char *text = format_message("%s", "");

        for (size_t i = 0; i < FEED_DIRECTIONS; i++) {
                CLEANUP(cleanup_free) char *before = text;

                text = format_message("%s%sdir=%d %s", before, i > 0 ? ", " : "", feed_direction(i),
                                      order_to_string(diagnosis, i));
        }
        return text;
}

static char *search_facts(const struct diagnosis *diagnosis, const char *orders)
{
        for (size_t i = 0; i < FEED_DIRECTIONS; i++) {
                const struct diagnosis_page *page = &diagnosis->pages[i];

                if (page->answer.answered) {
                        CLEANUP(cleanup_free) char *names = names_of(page->fields);
                        return format_message("search: %s; %zu rows%s%s; rows have%s", orders, page->rows,
                                              page->has_total ? "" : " without TotalItems",
                                              page->has_number ? "" : " without CurrentPage", names);
                }
        }
        return format_message("search: %s", orders);
}

static void put_order(const struct findings *findings)
{
        const struct diagnosis *diagnosis = findings->diagnosis;
        CLEANUP(cleanup_free) char *orders = orders_of(diagnosis);
        bool newest = false, wrong = false;

        for (size_t i = 0; i < FEED_DIRECTIONS; i++) {
                newest |= diagnosis->known[i] || diagnosis->pages[i].order == DIAGNOSIS_ORDER_NEWEST;
                wrong |= diagnosis->pages[i].order == DIAGNOSIS_ORDER_NONE ||
                         diagnosis->pages[i].order == DIAGNOSIS_ORDER_OLDEST;
        }
        char *facts = search_facts(diagnosis, orders);
        if (!search_works(findings))
                put(findings, "order", SKIPPED, format_message("the search cannot be used"), NULL, facts);
        else if (wrong && !newest && findings->status.config->poll.feed != FEED_OFF)
                put(findings, "order", WARNING,
                    format_message("the search never has the newest job first: %s", orders),
                    "set 'feed = off' under [poll]: jobs are polled as before", facts);
        else
                put(findings, "order", OK, format_message("%s", orders), NULL, facts);
}

static void put_updated_on(const struct findings *findings)
{
        const struct diagnosis_seen *seen = &findings->seen;
        const char *problem = findings->status.jobs.feed_problem;
        char *facts = format_message("UpdatedOn: as before in %" PRIu64 " of %" PRIu64 " changes; feed: %s",
                                     seen->same_updated_on, seen->changes,
                                     findings->status.jobs.feed_works ? "on"
                                     : problem != NULL                ? "failed"
                                                                      : "off");
        const bool wanted = findings->status.config->poll.feed != FEED_OFF;

        if (problem != NULL)
                put(findings, "UpdatedOn", WARNING, format_message("the change feed is off: %s", problem),
                    "it is tried again by itself, and jobs are polled until then; to do without it, set "
                    "'feed = "
                    "off' under [poll]",
                    facts);
        else if (seen->same_updated_on > 0 && wanted)
                put(findings, "UpdatedOn", WARNING,
                    format_message("%" PRIu64 " of %" PRIu64 " changes left UpdatedOn as it was",
                                   seen->same_updated_on, seen->changes),
                    "set 'feed = off' under [poll]: the change feed does not show such changes", facts);
        else if (seen->changes == 0)
                put(findings, "UpdatedOn", OK, format_message("no job has changed since the start"), NULL,
                    facts);
        else
                put(findings, "UpdatedOn", OK,
                    format_message("%" PRIu64 " change%s, of which %" PRIu64 " left UpdatedOn as it was",
                                   seen->changes, plural(seen->changes), seen->same_updated_on),
                    NULL, facts);
}

static void put_dates(const struct findings *findings)
{
        static const char *const names[REMOTE_TIME_FORMS] = {
                [REMOTE_TIME_LOCAL] = "without a zone",
                [REMOTE_TIME_UTC] = "with a zone",
                [REMOTE_TIME_DATE] = "as /Date()/",
        };
        const unsigned forms = findings->diagnosis->forms;
        char *text = format_message("%s", "times are");

        for (unsigned form = REMOTE_TIME_LOCAL; form < REMOTE_TIME_FORMS; form++) {
                CLEANUP(cleanup_free) char *before = text;

                text = (forms >> form & 1) != 0 ? format_message("%s %s,", before, names[form])
                                                : format_message("%s", before);
        }
        if (forms == 0) {
                free(text);
                put(findings, "dates", SKIPPED, format_message("no times were read"), NULL, NULL);
                return;
        }
        CLEANUP(cleanup_free) char *all = text;
        char *whole = format_message("%s %s", all,
                                     findings->diagnosis->fractions ? "with fractions" : "in whole seconds");
        char *facts = format_message("dates: %s", whole);
        if (__builtin_popcount(forms) > 1)
                put(findings, "dates", WARNING, whole,
                    "nothing is lost, but the change feed may not work; send the developers what --report "
                    "prints",
                    facts);
        else
                put(findings, "dates", OK, whole, NULL, facts);
}

/* ---- limits ---- */

static void put_limits(const struct findings *findings)
{
        const struct request_counts *counts = monitor_request_counts(findings->control->parts.monitor);
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
                put(findings, "limits", WARNING,
                    format_message("the API has throttled %" PRIu64 " of %" PRIu64
                                   " requests, though the service "
                                   "keeps to its limits: another program uses the same account",
                                   throttled, all),
                    "stop that program, or leave it a share: lower 'per_minute' and 'per_hour' under "
                    "[limits]; "
                    "this goes away after an hour",
                    facts);
        else
                put(findings, "limits", OK,
                    format_message("%u requests in the last hour, none throttled", jobs->spent_hour), NULL,
                    facts);
}

/* ---- the call ---- */

static void on_end(void *userdata)
{
        const struct control *control = userdata;

        bus_service_emit_event(control->service, 0, 0, "diagnosis");
}

void control_diagnose(void *userdata, struct bus_call *call)
{
        struct control *control = userdata;
        struct findings findings = {
                .control = control,
                .call = call,
                .diagnosis = monitor_diagnose(control->parts.monitor, on_end, control),
        };

        bus_rows_begin(call);
        if (findings.diagnosis != NULL) {
                findings.seen = monitor_seen(control->parts.monitor);
                findings.status = control->parts.describe(control->parts.userdata);
                put_api(&findings);
                put_roles(&findings);
                put_clock(&findings);
                put_batches(&findings);
                put_order(&findings);
                put_updated_on(&findings);
                put_dates(&findings);
                put_limits(&findings);
        }
        bus_rows_end(call);
        bus_call_send(call);
}
