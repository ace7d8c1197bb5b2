/* SPDX-License-Identifier: MIT */

/*
 * Control requests of tests: change a job, add a fault, wait until a request has been answered, get counts.
 * They need no credentials, are not throttled and not logged.
 */

#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "form.h"
#include "scenario.h"

static bool query_flag(const struct exchange *exchange, const char *name)
{
        struct buffer value = { 0 };
        bool set = form_find(exchange->query, name, &value) && strcmp(value.data, "1") == 0;

        buffer_release(&value);
        return set;
}

static void say_done(struct answer *answer, int r, const struct problem *problem)
{
        char text[300];

        if (r == 0) {
                answer->status = 200;
                buffer_add_text(&answer->body, "{}");
        } else if (r == -EINVAL) {
                snprintf(text, sizeof text, "line %u: %s", problem->line, problem->text);
                answer_refuse(answer, 400, text);
        } else
                answer_refuse(answer, 500, "out of memory");
}

/* Reads a time span from the query; unchanged if it is missing. */
static int query_span(const struct exchange *exchange, const char *name, uint64_t *span)
{
        struct buffer value = { 0 };
        int r = form_find(exchange->query, name, &value) ? parse_span(value.data, span) : 0;

        buffer_release(&value);
        return r;
}

static void put_job(struct exchange *exchange, struct answer *answer, const char *text)
{
        struct buffer status = { 0 };
        struct problem problem = { 0 };
        uint64_t id, updated_ago = 0;

        if (parse_number(text, &id) < 0 || query_span(exchange, "updated_ago", &updated_ago) < 0) {
                answer_refuse(answer, 400, "the job must be an id, updated_ago a time span");
                return;
        }
        bool has_status = form_find(exchange->query, "status", &status);
        struct job_change change = {
                .gone = query_flag(exchange, "gone"),
                .set_status = has_status || query_flag(exchange, "status_null"),
                .status = has_status ? status.data : NULL,
                .set_result = exchange->body.size > 0 || query_flag(exchange, "result_null") ||
                              query_flag(exchange, "result_empty"),
                .result = exchange->body.size > 0 || query_flag(exchange, "result_empty")
                                  ? exchange->body.data
                                  : NULL,
                .result_size = exchange->body.size,
                .updated_ago = updated_ago,
        };
        say_done(answer, jobs_change(&exchange->fake->jobs, id, &change, clock_now()), &problem);
        buffer_release(&status);
}

static void put_jobs(struct exchange *exchange, struct answer *answer)
{
        struct problem problem = { 0 };
        int r = scenario_add_jobs(exchange->fake, exchange->body.data, exchange->body.size, &problem);

        say_done(answer, r, &problem);
}

static void touch_jobs(struct exchange *exchange, struct answer *answer, const char *text)
{
        struct jobs *jobs = &exchange->fake->jobs;
        uint64_t first, last;
        char *end;

        first = last = strtoull(text, &end, 10);
        if (end != text && *end == '-')
                last = strtoull(end + 1, &end, 10);
        if (*end || last < first || last - first >= 1000000) {
                answer_refuse(answer, 400, "expected ID or FIRST-LAST");
                return;
        }
        jobs_touch(jobs, first, last, clock_now());
        say_done(answer, 0, NULL);
}

static int no_section(void *userdata, const char *name, struct problem *problem)
{
        (void)userdata;
        return problem_set(problem, "[%s]: unexpected section; only keys are allowed", name);
}

static int on_fault_key(void *userdata, const char *key, const char *value, struct problem *problem)
{
        return fault_set(userdata, key, value, problem);
}

static int on_server_key(void *userdata, const char *key, const char *value, struct problem *problem)
{
        return settings_set(userdata, key, value, problem);
}

static void put_fault(struct exchange *exchange, struct answer *answer, const char *name)
{
        static const struct ini_handler handler = { .section = no_section, .key = on_fault_key };
        struct problem problem = { 0 };
        struct fault *fault = fault_new(name);

        int r = fault ? ini_parse(exchange->body.data, exchange->body.size, &handler, fault, &problem)
                      : -ENOMEM;
        if (r == 0) {
                fault->newest_connection = exchange->fake->connections;
                faults_put(&exchange->fake->faults, fault);
        } else
                fault_unref(fault);
        say_done(answer, r, &problem);
}

static void put_server(struct exchange *exchange, struct answer *answer)
{
        static const struct ini_handler handler = { .section = no_section, .key = on_server_key };
        struct problem problem = { 0 };

        int r = ini_parse(exchange->body.data, exchange->body.size, &handler, &exchange->fake->settings,
                          &problem);
        if (r == 0)
                r = scenario_apply_settings(exchange->fake);
        say_done(answer, r, &problem);
}

static void delete_fault(struct exchange *exchange, struct answer *answer, const char *name)
{
        if (faults_remove(&exchange->fake->faults, name))
                say_done(answer, 0, NULL);
        else
                answer_refuse(answer, 404, "unknown fault");
}

static char *query_text(const struct exchange *exchange, const char *name)
{
        struct buffer value = { 0 };

        if (form_find(exchange->query, name, &value))
                return value.data;
        buffer_release(&value);
        return NULL;
}

/* Reads a number from the query; unchanged if it is missing. */
static int query_number(const struct exchange *exchange, const char *name, uint64_t *number)
{
        struct buffer value = { 0 };
        int r = form_find(exchange->query, name, &value) ? parse_number(value.data, number) : 0;

        buffer_release(&value);
        return r;
}

static int read_wanted(const struct exchange *exchange, struct log_wanted *ret_wanted, uint64_t *ret_timeout)
{
        struct log_wanted wanted = { .count = 1, .arrivals = query_flag(exchange, "arrived") };
        uint64_t status = 0, timeout = 10000000;

        if (query_span(exchange, "timeout", &timeout) < 0 ||
            query_number(exchange, "count", &wanted.count) < 0 ||
            query_number(exchange, "since", &wanted.since) < 0 ||
            query_number(exchange, "status", &status) < 0)
                return -EINVAL;
        wanted.status = (unsigned)status;
        wanted.path = query_text(exchange, "path");
        wanted.method = query_text(exchange, "method");
        *ret_wanted = wanted;
        *ret_timeout = timeout;
        return 0;
}

static void say_waited(const struct log_waiter *waiter, struct answer *answer)
{
        answer->status = waiter->found >= waiter->wanted.count ? 200 : 408;
        buffer_add_format(&answer->body, "{\"count\":%llu,\"last_seq\":%llu}",
                          (unsigned long long)waiter->found, (unsigned long long)waiter->last_seq);
}

static void wait_for(struct exchange *exchange, struct answer *answer)
{
        struct log_wanted wanted;
        uint64_t timeout;

        if (exchange->waiter) {
                say_waited(exchange->waiter, answer);
                return;
        }
        if (read_wanted(exchange, &wanted, &timeout) < 0) {
                answer_refuse(answer, 400, "count, since and status must be numbers, timeout a time span");
                return;
        }
        exchange->waiter = log_waiter_new(&exchange->fake->log, exchange, &wanted);
        if (!exchange->waiter) {
                answer_refuse(answer, 500, "out of memory");
                return;
        }
        if (exchange->waiter->found >= exchange->waiter->wanted.count) {
                say_waited(exchange->waiter, answer);
                return;
        }
        answer->waits = true;
        exchange_suspend(exchange, clock_now() + timeout);
}

static void add_number(struct buffer *body, const char *name, uint64_t number)
{
        buffer_add_format(body, ",\"%s\":%llu", name, (unsigned long long)number);
}

static void say_stats(struct exchange *exchange, struct answer *answer)
{
        const struct fake *fake = exchange->fake;
        const struct request_log *log = &fake->log;
        struct buffer *body = &answer->body;
        const char *comma = "";

        buffer_add_format(body, "{\"seconds\":%.6f", (double)(clock_now() - fake->started) / 1e6);
        add_number(body, "requests", log->arrivals_count);
        add_number(body, "answered", log->answered);
        add_number(body, "last_seq", log->seq);
        add_number(body, "throttled", log->throttled);
        add_number(body, "connections", fake->connections);
        add_number(body, "max_in_100ms", log->peaks[PEAK_SPACING].most);
        add_number(body, "max_in_minute", log->peaks[PEAK_MINUTE].most);
        add_number(body, "max_in_hour", log->peaks[PEAK_HOUR].most);
        add_number(body, "jobs", fake->jobs.count);
        add_number(body, "job_reads", fake->jobs.reads);
        add_number(body, "jobs_read", fake->jobs.jobs_read);
        buffer_add_format(body, ",\"last_first_read\":%.6f,\"statuses\":{",
                          fake->jobs.jobs_read > 0 ? (double)(fake->jobs.first_read - fake->started) / 1e6
                                                   : 0.0);
        for (unsigned status = 0; status < 1000; status++)
                if (log->statuses[status] > 0) {
                        buffer_add_format(body, "%s\"%u\":%llu", comma, status,
                                          (unsigned long long)log->statuses[status]);
                        comma = ",";
                }
        buffer_add_text(body, "}}");
        answer->status = 200;
}

static void expire_tokens(struct exchange *exchange, struct answer *answer)
{
        tokens_expire_access(&exchange->fake->tokens);
        say_done(answer, 0, NULL);
}

static void reset_log(struct exchange *exchange, struct answer *answer)
{
        request_log_reset(&exchange->fake->log);
        jobs_forget_reads(&exchange->fake->jobs);
        say_done(answer, 0, NULL);
}

static void delete_faults(struct exchange *exchange, struct answer *answer)
{
        faults_release(&exchange->fake->faults);
        say_done(answer, 0, NULL);
}

void control_answer(struct exchange *exchange, struct answer *answer)
{
        static const struct {
                const char *method, *path;
                void (*plain)(struct exchange *exchange, struct answer *answer);
                void (*named)(struct exchange *exchange, struct answer *answer, const char *name);
        } rows[] = {
                { "PUT", "job/", NULL, put_job },           { "PUT", "fault/", NULL, put_fault },
                { "DELETE", "fault/", NULL, delete_fault }, { "DELETE", "faults", delete_faults, NULL },
                { "PUT", "server", put_server, NULL },      { "GET", "wait", wait_for, NULL },
                { "GET", "stats", say_stats, NULL },        { "POST", "expire-tokens", expire_tokens, NULL },
                { "POST", "reset-log", reset_log, NULL },   { "PUT", "jobs", put_jobs, NULL },
                { "PUT", "touch/", NULL, touch_jobs },
        };
        const char *path = exchange->path + strlen("/_control/");

        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                size_t length = strlen(rows[i].path);
                if (strcmp(rows[i].method, exchange->method) != 0 || strncmp(rows[i].path, path, length) != 0)
                        continue;
                if (rows[i].named && path[length]) {
                        rows[i].named(exchange, answer, path + length);
                        return;
                }
                if (rows[i].plain && !path[length]) {
                        rows[i].plain(exchange, answer);
                        return;
                }
        }
        answer_refuse(answer, 404, "unknown control request; see README.md in the source");
}
