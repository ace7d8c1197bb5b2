/* SPDX-License-Identifier: MIT */

/* The scripted API, and the loop that drives the planner. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "planner_fixture.h"
#include "planner_pages.h"
#include "planning/feed_rows.h"
#include "random.h"
#include "util/array.h"

static const struct planner_settings usual = { .interval_us = INTERVAL, .max_interval_us = INTERVAL };

int planner_setup(void **state)
{
        struct fixture *fixture = calloc(1, sizeof(*fixture));

        if (fixture == NULL)
                return -1;
        string_list_add(&fixture->rules.success, "Completed");
        fixture->now_us = START;
        fixture->seed = 1;
        for (size_t i = 0; i < JOBS_MAX; i++) {
                fixture->server.jobs[i].status = TEXT_LITERAL("Running");
                fixture->server.jobs[i].result = TEXT_LITERAL("{}");
                fixture->server.jobs[i].updated = TEXT_LITERAL("1");
        }
        *state = fixture;
        return 0;
}

void sent_free(struct sent *sent, size_t count)
{
        for (size_t i = 0; i < count; i++)
                free(sent[i].ids);
        free(sent);
}

int planner_teardown(void **state)
{
        struct fixture *fixture = *state;

        planner_free(fixture->planner);
        string_list_clear(&fixture->rules.success);
        sent_free(fixture->sent, fixture->sent_count);
        free(fixture);
        return 0;
}

struct planner_limits limits_of(unsigned batch_size)
{
        return (struct planner_limits){
                .max_in_flight = IN_FLIGHT,
                .batch_size = batch_size,
                .batch_bytes = 1890,
                .shortest_interval_us = INTERVAL,
        };
}

static void add_job(struct fixture *fixture, size_t index, const struct planner_settings *settings)
{
        fixture->jobs[index] = (struct planner_job){ .id = FIRST_ID + index, .settings = *settings };
        planner_add_job(fixture->planner, &fixture->jobs[index]);
}

void make_with(struct fixture *fixture, const struct planner_limits *limits, size_t count,
               const struct planner_settings *settings)
{
        assert_true(count <= JOBS_MAX);
        fixture->planner = planner_free(fixture->planner);
        memset(fixture->jobs, 0, sizeof(fixture->jobs));
        fixture->planner = planner_new(limits, &fixture->rules);
        for (size_t i = 0; i < count; i++)
                add_job(fixture, i, settings);
}

void make(struct fixture *fixture, const struct planner_limits *limits, size_t count)
{
        make_with(fixture, limits, count, &usual);
}

void start_spread(struct fixture *fixture, unsigned batch_size, size_t count)
{
        struct planner_limits limits = limits_of(batch_size);

        make(fixture, &limits, count);
        for (size_t i = 0; i < count; i++)
                planner_start_job(fixture->planner, &fixture->jobs[i], fixture->now_us, i * INTERVAL / count);
}

void start_together(struct fixture *fixture, unsigned batch_size, size_t count)
{
        struct planner_limits limits = limits_of(batch_size);

        make(fixture, &limits, count);
        for (size_t i = 0; i < count; i++)
                planner_start_job(fixture->planner, &fixture->jobs[i], fixture->now_us, 0);
}

/* Jobs that were removed are not asked for any more; a request for no other job is cancelled. */
static void drop_removed(struct fixture *fixture, struct in_flight *in_flight)
{
        struct planner_request *request = &in_flight->request;
        size_t kept = 0;

        for (size_t i = 0; i < request->count; i++)
                if (!request->jobs[i]->removed)
                        request->jobs[kept++] = request->jobs[i];
        request->count = kept;
        if (kept > 0)
                return;
        in_flight->sent = 0;
        planner_end_request(fixture->planner, request, fixture->now_us);
        planner_requeue(fixture->planner, request, fixture->now_us);
}

static bool is_among(size_t index, uint64_t first, size_t count)
{
        return FIRST_ID + index >= first && FIRST_ID + index < first + count;
}

void reload(struct fixture *fixture, const struct planner_limits *limits, uint64_t first, size_t count,
            const struct planner_settings *settings)
{
        struct planner *planner = fixture->planner;

        if (settings == NULL)
                settings = &usual;
        for (size_t i = 0; i < JOBS_MAX; i++)
                if (fixture->jobs[i].id != 0 && !is_among(i, first, count))
                        planner_remove_job(planner, &fixture->jobs[i]);
        for (size_t i = 0; i < IN_FLIGHT; i++)
                if (fixture->in_flight[i].sent != 0)
                        drop_removed(fixture, &fixture->in_flight[i]);
        planner_set_limits(planner, limits, &fixture->rules, fixture->now_us);
        planner_hurry(planner, fixture->now_us);
        for (size_t i = 0; i < JOBS_MAX; i++) {
                struct planner_job *job = &fixture->jobs[i];

                if (!is_among(i, first, count)) {
                        *job = (struct planner_job){ .id = 0 };
                } else if (job->id != 0) {
                        planner_update_job(planner, job, settings, fixture->now_us);
                } else {
                        add_job(fixture, i, settings);
                        planner_start_job(planner, job, fixture->now_us, 0);
                }
        }
}

/* ---- the API ---- */

static const struct server_job *server_job_of(const struct fixture *fixture, const struct planner_job *job)
{
        assert_in_range(job->id, FIRST_ID, FIRST_ID + JOBS_MAX - 1);
        return &fixture->server.jobs[job->id - FIRST_ID];
}

void server_jobs_fail(struct fixture *fixture, size_t first, size_t count, enum failure failure)
{
        for (size_t i = first; i < first + count; i++)
                fixture->server.jobs[i].single = fixture->server.jobs[i].batch = failure;
}

static struct planner_failure list_failure(struct fixture *fixture, const struct planner_request *request)
{
        const struct server *server = &fixture->server;

        if (server->too_large_from > 0 && request->count >= server->too_large_from)
                return (struct planner_failure){ .failure = FAILURE_UNEXPECTED, .too_large = true };
        if (server->lists != FAILURE_NONE && request->count >= server->lists_from)
                return (struct planner_failure){ server->lists, false, server->retry_after_us };
        for (size_t i = 0; i < request->count; i++) {
                const struct server_job *job = server_job_of(fixture, request->jobs[i]);

                if (job->batch != FAILURE_NONE)
                        return (struct planner_failure){ job->batch, job->too_large, job->retry_after_us };
        }
        return (struct planner_failure){ .failure = FAILURE_NONE };
}

static struct planner_failure failure_of(struct fixture *fixture, const struct planner_request *request)
{
        const struct server *server = &fixture->server;

        if (server->all != FAILURE_NONE)
                return (struct planner_failure){ server->all, false, server->retry_after_us };
        if (request->kind == REQUEST_PAGE)
                return (struct planner_failure){ server->search, false, server->retry_after_us };
        if (request->kind != REQUEST_SINGLE)
                return list_failure(fixture, request);

        const struct server_job *job = server_job_of(fixture, request->jobs[0]);
        return (struct planner_failure){ job->single, job->too_large, job->retry_after_us };
}

struct job_record server_record(const struct fixture *fixture, const struct planner_job *job)
{
        const struct server_job *server_job = server_job_of(fixture, job);

        return (struct job_record){
                .id = job->id,
                .status = server_job->status,
                .result = server_job->result,
                .updated_on = server_job->updated,
                .has_status = true,
                .has_result = true,
        };
}

/* ---- responses ---- */

static void add_event(struct fixture *fixture, const struct planner_job *job, enum event_kind kind)
{
        assert_true(fixture->event_count < sizeof(fixture->events) / sizeof(fixture->events[0]));
        fixture->events[fixture->event_count++] = (struct recorded_event){ fixture->now_us, job->id, kind };
}

void observe_record(struct fixture *fixture, struct planner_job *job)
{
        struct job_record record = server_record(fixture, job);
        struct observation observation = planner_take_record(fixture->planner, job, &record, fixture->now_us);
        struct job_memory seen = job_memory_of(&record, observation.change.outcome);

        if (observation.change.has_event)
                add_event(fixture, job, observation.change.kind);
        planner_complete(fixture->planner, job, &observation, true, &seen, fixture->now_us,
                         random_next(&fixture->seed));
}

static void take_gone(struct fixture *fixture, struct planner_job *job)
{
        struct observation observation = planner_take_gone(job);

        add_event(fixture, job, observation.change.kind);
        planner_complete(fixture->planner, job, &observation, true, NULL, fixture->now_us,
                         random_next(&fixture->seed));
}

static enum row_verdict verdict_of(struct fixture *fixture, struct planner_job *job)
{
        struct job_record row = server_record(fixture, job);

        return server_job_of(fixture, job)->missing
                       ? ROW_MISSING
                       : planner_judge_row(fixture->planner, job, &row, fixture->now_us);
}

static bool is_to_be_confirmed(enum row_verdict verdict)
{
        return verdict != ROW_MISSING && verdict != ROW_UNCHANGED && verdict != ROW_UNREAD &&
               verdict != ROW_FIRST && verdict != ROW_FIRST_WITHOUT_RESULT;
}

/* `more` rows of the batch, this one included, show a change. Returns whether it is confirmed. */
static bool take_row(struct fixture *fixture, struct planner_job *job, size_t more)
{
        struct job_record row = server_record(fixture, job);
        const struct row_shown shown = row_shown_of(&row);
        enum row_verdict verdict = verdict_of(fixture, job);
        bool confirm = is_to_be_confirmed(verdict);

        if (confirm && planner_believes_row(fixture->planner, job, &row, false, more, fixture->now_us)) {
                fixture->believed++;
                planner_take_row(fixture->planner, job, &shown, false, false);
                observe_record(fixture, job);
                return false;
        }
        if (confirm)
                planner_note_batch_row(job, &shown);
        if (verdict == ROW_FIRST || verdict == ROW_FIRST_WITHOUT_RESULT)
                observe_record(fixture, job);
        else
                planner_apply_row(fixture->planner, job, verdict, updated_on_digest(&row), fixture->now_us,
                                  random_next(&fixture->seed));
        return confirm;
}

static void take_batch(struct fixture *fixture, struct planner_request *request)
{
        size_t more = 0;

        planner_take_batch(fixture->planner, true);
        for (size_t i = 0; i < request->count; i++)
                more += is_to_be_confirmed(verdict_of(fixture, request->jobs[i]));
        for (size_t i = 0; i < request->count; i++)
                more -= take_row(fixture, request->jobs[i], more);
}

static void take_success(struct fixture *fixture, struct planner_request *request)
{
        struct planner_job *first = request->jobs[0];

        planner_succeeded(fixture->planner, request, fixture->now_us);
        switch (request->kind) {
        case REQUEST_SINGLE:
                observe_record(fixture, first);
                break;
        case REQUEST_BATCH:
                take_batch(fixture, request);
                break;
        case REQUEST_GONE_CHECK:
                if (planner_take_gone_check(fixture->planner, request,
                                            !server_job_of(fixture, first)->missing, fixture->now_us,
                                            random_next(&fixture->seed)))
                        take_gone(fixture, first);
                break;
        case REQUEST_PAGE:
                answer_page(fixture, request);
                break;
        case REQUEST_CHECK:
        case REQUEST_SEARCH:
        case REQUEST_DIAGNOSIS:
        case REQUEST_SIGN_IN:
                break;
        }
}

static void answer(struct fixture *fixture, struct in_flight *in_flight)
{
        struct planner_request request = in_flight->request;
        struct sent *sent = &fixture->sent[in_flight->sent - 1];
        bool was_open = is_open(fixture);

        in_flight->sent = 0;
        sent->answered_us = fixture->now_us;
        planner_end_request(fixture->planner, &request, fixture->now_us);
        if (in_flight->failure.failure == FAILURE_NONE) {
                take_success(fixture, &request);
                return;
        }
        sent->attribution = planner_failed(fixture->planner, &request, &in_flight->failure, false,
                                           fixture->now_us, random_next(&fixture->seed));
        if (sent->attribution == ATTRIBUTED_AS_GONE)
                take_gone(fixture, request.jobs[0]);
        if (!was_open && is_open(fixture))
                fixture->opened++;
}

/* ---- the loop ---- */

static void send(struct fixture *fixture, const struct planner_request *request)
{
        struct in_flight *in_flight = NULL;
        uint64_t latency_us = 0;

        for (size_t i = 0; i < IN_FLIGHT && in_flight == NULL; i++)
                if (fixture->in_flight[i].sent == 0)
                        in_flight = &fixture->in_flight[i];
        assert_non_null(in_flight);

        fixture->sent = array_grow(fixture->sent, fixture->sent_count, sizeof(struct sent));
        struct sent *sent = &fixture->sent[fixture->sent_count++];
        *sent = (struct sent){
                .at_us = fixture->now_us,
                .kind = request->kind,
                .probe = request->probe,
                .count = request->count,
        };
        sent->ids = calloc(request->count + 1, sizeof(*sent->ids));
        assert_non_null(sent->ids);
        for (size_t i = 0; i < request->count; i++)
                sent->ids[i] = request->jobs[i]->id;
        if (request->kind == REQUEST_SINGLE)
                latency_us = server_job_of(fixture, request->jobs[0])->latency_us;

        struct planner_failure failure = failure_of(fixture, request);
        if (failure.failure != FAILURE_NONE && fixture->server.failing_us > 0)
                latency_us = fixture->server.failing_us;
        *in_flight = (struct in_flight){
                .request = *request,
                .sent = fixture->sent_count,
                .due_us = fixture->now_us + (latency_us > 0 ? latency_us : LATENCY),
                .failure = failure,
        };
        sent->failure = in_flight->failure.failure;
}

static void answer_due(struct fixture *fixture)
{
        for (size_t i = 0; i < IN_FLIGHT; i++)
                if (fixture->in_flight[i].sent != 0 && fixture->in_flight[i].due_us <= fixture->now_us)
                        answer(fixture, &fixture->in_flight[i]);
}

/* Sends what is to be sent now, and moves the time on to what happens next, at most to `end_us`. */
static void step(struct fixture *fixture, uint64_t end_us)
{
        struct planner_request request;
        uint64_t next_us, wake_us;
        size_t before = fixture->sent_count;

        while (planner_next(fixture->planner, fixture->now_us, &request, &wake_us)) {
                send(fixture, &request);
                assert_true(fixture->sent_count - before <= IN_FLIGHT);
        }
        assert_true(wake_us > fixture->now_us);
        next_us = wake_us < end_us ? wake_us : end_us;
        for (size_t i = 0; i < IN_FLIGHT; i++)
                if (fixture->in_flight[i].sent != 0 && fixture->in_flight[i].due_us < next_us)
                        next_us = fixture->in_flight[i].due_us;
        fixture->now_us = next_us;
        answer_due(fixture);
}

void run(struct fixture *fixture, uint64_t span_us)
{
        uint64_t end_us = fixture->now_us + span_us;

        while (fixture->now_us < end_us)
                step(fixture, end_us);
}

const struct sent *run_requests(struct fixture *fixture, size_t count)
{
        uint64_t end_us = fixture->now_us + USEC_PER_HOUR;

        count += fixture->sent_count;
        while (fixture->sent_count < count) {
                assert_true(fixture->now_us < end_us);
                step(fixture, end_us);
        }
        return &fixture->sent[count - 1];
}

bool is_open(const struct fixture *fixture)
{
        return planner_breaker(fixture->planner)->state != BREAKER_CLOSED;
}

static void run_until(struct fixture *fixture, bool open)
{
        uint64_t end_us = fixture->now_us + USEC_PER_HOUR;

        while (is_open(fixture) != open) {
                assert_true(fixture->now_us < end_us);
                step(fixture, end_us);
        }
}

void run_until_open(struct fixture *fixture)
{
        run_until(fixture, true);
}

void run_until_closed(struct fixture *fixture)
{
        run_until(fixture, false);
}
