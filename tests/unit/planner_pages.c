/* SPDX-License-Identifier: MIT */

/* See planner_pages.h. Of each job, the search shows what a single request would. */

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "planner_pages.h"
#include "planning/feed.h"
#include "planning/feed_rows.h"

/* The clock of the API, which is not ours. */
#define SERVER_AHEAD_US (365 * USEC_PER_DAY)

static void set_time(struct fixture *fixture, size_t index, uint64_t time_us)
{
        struct server_job *job = &fixture->server.jobs[index];
        time_t seconds = (time_t)(time_us / SEC);
        struct tm tm;

        assert_non_null(gmtime_r(&seconds, &tm));
        size_t size = strftime(job->time, sizeof(job->time), "%Y-%m-%dT%H:%M:%S", &tm);
        if (!fixture->server.whole_seconds)
                size += (size_t)snprintf(job->time + size, sizeof(job->time) - size, ".%06" PRIu64,
                                         time_us % SEC);
        (void)snprintf(job->time + size, sizeof(job->time) - size, "Z");
        job->updated = (struct text){ job->time, strlen(job->time) };
}

/* Moves a job to the first or the last row of the search. */
static void put_in_order(struct server *server, size_t index, bool first)
{
        size_t at = 0;

        while (at < server->listed && server->order[at] != index)
                at++;
        if (at == server->listed)
                server->listed++;
        if (first)
                memmove(server->order + 1, server->order, at * sizeof(server->order[0]));
        server->order[first ? 0 : at] = index;
}

void server_touch(struct fixture *fixture, size_t index)
{
        if (!fixture->server.jobs[index].hidden)
                put_in_order(&fixture->server, index, true);
        set_time(fixture, index, fixture->now_us + SERVER_AHEAD_US);
}

void server_change(struct fixture *fixture, size_t index, const char *status)
{
        fixture->server.jobs[index].status = (struct text){ (char *)(uintptr_t)status, strlen(status) };
        server_touch(fixture, index);
}

static bool take_row(struct fixture *fixture, struct planner_job *job, const struct job_record *record,
                     bool is_new, bool again, size_t more)
{
        const struct row_shown shown = row_shown_of(record);

        if (!planner_believes_row(fixture->planner, job, record, true, more, fixture->now_us)) {
                if (is_new)
                        planner_confirm_row(fixture->planner, job, &shown, record, again, fixture->now_us);
                return is_new;
        }
        fixture->believed++;
        planner_take_row(fixture->planner, job, &shown, true, again);
        observe_record(fixture, job);
        return false;
}

static void take_rows(struct fixture *fixture, const struct job_record records[], size_t count,
                      const struct feed_page_end *end)
{
        struct feed_row rows[100] = { 0 };
        bool is_new[100];
        size_t more = 0;

        assert_true(count <= 100);
        for (size_t i = 0; i < count; i++) {
                struct row_shown shown = row_shown_of(&records[i]);

                rows[i] = (struct feed_row){
                        .id = records[i].id,
                        .updated = shown.updated,
                        .digest = shown.digest ^ (uint64_t)shown.updated.ticks ^ records[i].id << 32,
                        .watched = true,
                        .as_recorded_or_seen =
                                planner_knows_row(&fixture->jobs[records[i].id - FIRST_ID], &records[i]),
                        .has_status = true,
                };
        }
        (void)planner_take_page(fixture->planner, rows, count, end, is_new, fixture->now_us);
        for (size_t i = 0; i < count; i++)
                more += is_new[i];
        for (size_t i = count; i-- > 0;) {
                struct planner_job *job = &fixture->jobs[records[i].id - FIRST_ID];

                if (!is_new[i] && !planner_awaits_confirmation(job))
                        continue;
                more -= take_row(fixture, job, &records[i], is_new[i],
                                 rows[i].updated.whole_second &&
                                         rows[0].updated.ticks - rows[i].updated.ticks <=
                                                 2 * REMOTE_TICKS_PER_SEC,
                                 more);
        }
}

void answer_page(struct fixture *fixture, const struct planner_request *request)
{
        const struct server *server = &fixture->server;
        size_t size = request->page.size, first = (request->page.page - 1) * size;
        size_t left = server->listed > first ? server->listed - first : 0;
        struct job_record records[100];
        const struct feed_page_end end = {
                .number = request->page.page,
                .total = server->listed,
                .has_total = true,
                .has_next = left > size,
        };

        assert_true(size <= 100);
        for (size_t i = 0; i < size && i < left; i++) {
                size_t at = server->unsorted ? (first + i) * 7919 % server->listed : first + i;

                records[i] = server_record(fixture, &fixture->jobs[server->order[at]]);
        }
        take_rows(fixture, records, left < size ? left : size, &end);
}

struct planner_limits feed_limits(unsigned batch_size)
{
        struct planner_limits limits = limits_of(batch_size);

        limits.rate_limiter = (struct rate_limiter_limits){ 100 * USEC_PER_MSEC, 120, 5000, 200000 };
        limits.feed = true;
        limits.feed_jobs = 100;
        limits.sweep_interval_us = 15 * MIN;
        return limits;
}

void start_feed(struct fixture *fixture, size_t count, uint64_t interval_us)
{
        const struct planner_settings settings = { .interval_us = interval_us, .max_interval_us = 2 * MIN };
        struct planner_limits limits = feed_limits(100);

        limits.shortest_interval_us = interval_us;
        make_with(fixture, &limits, count, &settings);
        for (size_t i = 0; i < count; i++) {
                set_time(fixture, i, fixture->now_us + SERVER_AHEAD_US - (i + 1) * 10 * SEC - 1);
                put_in_order(&fixture->server, i, false);
                planner_start_job(fixture->planner, &fixture->jobs[i], fixture->now_us, 0);
        }
        run(fixture, 10 * MIN);
        assert_int_equal(planner_feed_phase(fixture->planner), FEED_PHASE_WORKING);
        fixture->event_count = 0;
}
