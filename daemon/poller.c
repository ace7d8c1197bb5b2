/* SPDX-License-Identifier: MIT */

/*
 * When which job is asked for. Each open job has a due time in the schedule; when it comes, and the API is
 * well, the job is asked for, and the answer (poller_answers.c) puts it back into the schedule unless it has
 * ended.
 */

#include "poller_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/span.h"

/* Requests under way at a time; more would not be answered sooner at 100 ms from one to the next. */
#define FLIGHTS_MAX 8

/* Jobs that are due this soon are asked for together: a wake-up costs more than a request. */
#define TOGETHER_US (50 * USEC_PER_MSEC)

DEFINE_CLEANUP(struct poller, poller_free)

uint64_t poller_now_us(const struct poller *poller)
{
        uint64_t now = 0;

        (void)sd_event_now(poller->parts.event, CLOCK_BOOTTIME, &now);
        return now;
}

uint64_t poller_chance(void)
{
        uint64_t number = 0;

        /* Without entropy, early at boot, there is no jitter: nothing that matters depends on it. */
        if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0)
                return 0;
        return number;
}

/* ---- when ---- */

bool job_is_finished(const struct watched_job *job)
{
        return job->settled || (job->watch.memory.recorded && outcome_is_terminal(job->watch.memory.outcome));
}

void job_plan(struct watched_job *job, uint64_t span_us)
{
        struct poller *poller = job->poller;

        /* Room was reserved for every job. */
        (void)schedule_put(&poller->schedule, &job->entry, poller_now_us(poller) + span_us);
}

/* Arms the timer for the next time at which something can be asked, and tells the daemon when nothing ever
 * will. */
static void arm(struct poller *poller)
{
        const struct schedule_entry *first = schedule_first(&poller->schedule);
        uint64_t when_us = USEC_NEVER;

        if (first != NULL && poller->flights < FLIGHTS_MAX) {
                when_us = health_next(&poller->health, 0);
                if (when_us < first->due_us)
                        when_us = first->due_us;
        }

        if (when_us == USEC_NEVER) {
                (void)sd_event_source_set_enabled(poller->timer, SD_EVENT_OFF);
        } else {
                (void)sd_event_source_set_time(poller->timer, when_us);
                (void)sd_event_source_set_enabled(poller->timer, SD_EVENT_ONESHOT);
        }
        if (poller_is_idle(poller))
                (void)sd_event_source_set_enabled(poller->idle, SD_EVENT_ONESHOT);
}

/* ---- asking ---- */

static void poll_due(struct poller *poller);

static void on_answer(void *userdata, const struct nexudus_answer *answer)
{
        struct watched_job *job = userdata;
        struct poller *poller = job->poller;

        job->request = NULL;
        poller->flights--;
        poller->fresh_connection = answer->outcome == HTTP_TIMED_OUT;
        job_take_answer(job, answer);

        if (poller->parts.once) {
                job->settled = true;
                schedule_remove(&poller->schedule, &job->entry);
        }
        poll_due(poller);
}

static int ask(struct watched_job *job)
{
        struct poller *poller = job->poller;

        int r = nexudus_get_job(poller->parts.nexudus, job->config->id, poller->fresh_connection, on_answer,
                                job, &job->request);
        if (r < 0) {
                job_plan(job, job->config->poll.interval_us);
                return r;
        }
        poller->flights++;
        health_started(&poller->health);
        return 0;
}

/* In a round that is made once, trouble means that the other jobs get no answer: they are not to wait for
 * one. */
static void settle_the_rest(struct poller *poller)
{
        struct schedule_entry *entry;

        while ((entry = schedule_first(&poller->schedule)) != NULL) {
                struct watched_job *job = (struct watched_job *)entry;

                schedule_remove(&poller->schedule, entry);
                job_report(job, "not asked");
                job->settled = true;
        }
}

static void poll_due(struct poller *poller)
{
        uint64_t now = poller_now_us(poller);

        while (poller->flights < FLIGHTS_MAX && health_allows(&poller->health, now)) {
                struct schedule_entry *entry = schedule_take_due(&poller->schedule, now + TOGETHER_US);
                if (entry == NULL)
                        break;
                if (ask((struct watched_job *)entry) < 0)
                        break;
        }
        if (poller->parts.once && poller->health.trouble != HEALTH_WELL)
                settle_the_rest(poller);
        arm(poller);
}

static int on_timer(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)source;
        (void)time_us;
        poll_due(userdata);
        return 0;
}

static int on_idle(sd_event_source *source, void *userdata)
{
        (void)source;
        struct poller *poller = userdata;

        poller->parts.on_idle(poller->parts.userdata);
        return 0;
}

/* ---- the whole ---- */

static uint64_t wall_clock_us(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

static int job_init(struct watched_job *job, struct poller *poller, const struct job_config *config)
{
        struct stored_job known;

        job->poller = poller;
        job->config = config;

        int r = store_get_job(poller->parts.store, config->id, &known);
        if (r <= 0)
                return r;

        /* The state is dated by the wall clock, but spans are measured by one that nobody sets. */
        int64_t age_us = (int64_t)wall_clock_us() - (int64_t)known.changed_us;
        job->watch = (struct job_watch){
                .memory = {
                        .status = known.status,
                        .result = known.result,
                        .outcome = known.outcome,
                        .recorded = true,
                },
                .changed_us = (int64_t)poller_now_us(poller) - (age_us > 0 ? age_us : 0),
                .stalled = known.stalled,
        };
        return 0;
}

int poller_new(const struct poller_parts *parts, struct poller **ret_poller)
{
        CLEANUP(cleanup_poller_free) struct poller *poller = calloc(1, sizeof(*poller));
        const struct config *config = parts->config;
        int r;

        if (poller == NULL)
                return -ENOMEM;
        poller->parts = *parts;
        poller->health = HEALTH_INITIAL;

        poller->jobs = calloc(config->job_count, sizeof(*poller->jobs));
        if (poller->jobs == NULL)
                return -ENOMEM;
        poller->job_count = config->job_count;
        r = schedule_reserve(&poller->schedule, config->job_count);
        if (r < 0)
                return r;
        for (size_t i = 0; i < config->job_count; i++) {
                r = job_init(&poller->jobs[i], poller, &config->jobs[i]);
                if (r < 0)
                        return r;
        }

        r = sd_event_add_time(parts->event, &poller->timer, CLOCK_BOOTTIME, 0, TOGETHER_US, on_timer, poller);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(poller->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = sd_event_add_defer(parts->event, &poller->idle, on_idle, poller);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(poller->idle, SD_EVENT_OFF);
        if (r < 0)
                return r;
        (void)sd_event_source_set_description(poller->timer, "poller-timer");
        (void)sd_event_source_set_description(poller->idle, "poller-idle");

        *ret_poller = STEAL_POINTER(poller);
        return 0;
}

struct poller *poller_free(struct poller *poller)
{
        if (poller == NULL)
                return NULL;

        for (size_t i = 0; poller->jobs != NULL && i < poller->job_count; i++)
                nexudus_cancel(poller->jobs[i].request);
        schedule_clear(&poller->schedule);
        sd_event_source_disable_unref(poller->timer);
        sd_event_source_disable_unref(poller->idle);
        free(poller->jobs);
        free(poller);
        return NULL;
}

int poller_start(struct poller *poller)
{
        uint64_t now = poller_now_us(poller);

        for (size_t i = 0; i < poller->job_count; i++) {
                struct watched_job *job = &poller->jobs[i];

                if (job_is_finished(job) && !job->config->from_command_line) {
                        job_report(job, "has ended before (%s)",
                                   outcome_to_string(job->watch.memory.outcome));
                        continue;
                }
                int r = schedule_put(&poller->schedule, &job->entry, now);
                if (r < 0)
                        return r;
        }
        arm(poller);
        return 0;
}

bool poller_is_idle(const struct poller *poller)
{
        return schedule_first(&poller->schedule) == NULL && poller->flights == 0;
}

struct poller_counts poller_count(const struct poller *poller)
{
        const struct schedule_entry *first = schedule_first(&poller->schedule);
        struct poller_counts counts = {
                .watched = poller->job_count,
                .trouble = poller->health.trouble,
                .next_us = first != NULL ? first->due_us : USEC_NEVER,
        };

        for (size_t i = 0; i < poller->job_count; i++) {
                const struct watched_job *job = &poller->jobs[i];

                if (job->settled && !job->answered)
                        counts.unanswered++;
                if (!job->watch.memory.recorded) {
                        counts.open++;
                        continue;
                }
                switch (job->watch.memory.outcome) {
                case OUTCOME_OPEN:
                        counts.open++;
                        break;
                case OUTCOME_SUCCESS:
                        counts.succeeded++;
                        break;
                case OUTCOME_FAILURE:
                case OUTCOME_GONE:
                        counts.failed++;
                        break;
                }
        }
        return counts;
}
