/* SPDX-License-Identifier: MIT */

/*
 * When pages are requested, and what the feed means for the polls of jobs.
 *
 * A job is covered once it was read while the feed was on: the rounds reach back to a minute before, so every
 * later change of it is shown. So is a job that was recorded before the saved position and watched since, but
 * as long as it was not read, a change that is not shown is no fault of the feed: the job may have been
 * recorded much earlier. When a round is complete, covered jobs are spread over the sweep interval; all
 * others follow with their next poll. When the feed ends, all are due by their paces again.
 *
 * Pages take at most a part of the request rate, so that sweeps and confirmations go on in any case.
 */

#include "planning/feed.h"

#include <assert.h>
#include <string.h>

#include "planning/batches.h"
#include "util/timespan.h"

/* The share of the steady request rate that pages may take, and how many at once. */
#define SHARE_PERCENT 70
#define BURST         16

/*
 * Where so many rows wait to be confirmed they may be believed (row_trust.h). So the next page goes first
 * after a page with as many, and, while as many wait, after one with some, and once in a while. For some time
 * no sweep goes before a page either: it would read fewer of them.
 */
#define MANY_ROWS     50
#define MANY_SPAN_US  (3 * USEC_PER_MIN)
#define FRUITFUL_ROWS 10
#define FRUITLESS_US  (10 * USEC_PER_SEC)
#define TIMES_ONLY_US (3 * USEC_PER_SEC) /* where confirmations wait for another UpdatedOn alone */

/* A sweep is behind when its first job is overdue by this. */
#define BEHIND_US (5 * USEC_PER_SEC)

/*
 * A page that is overdue by this goes first all the same, with all that follow in its round: with many
 * failing jobs, or small batches, polls never catch up.
 */
#define STARVED_US (1 * USEC_PER_MIN)

/* How often open jobs are counted while the feed is on: they end. */
#define COUNT_US (1 * USEC_PER_MIN)

/* ---- what is wanted ---- */

static bool is_open_job(const struct planner_job *job)
{
        return !job->done && !planner_job_is_gone(job);
}

bool feed_is_alone(const struct planner *planner)
{
        for (size_t i = 0; i < planner->job_count; i++)
                if (is_open_job(planner->jobs[i]))
                        return false;
        return true;
}

void feed_note_jobs(struct planner *planner)
{
        planner->feed.counted = false;
}

static bool is_wanted(const struct planner_limits *limits, size_t open)
{
        return limits->feed && (limits->discovers || (!limits->once && open > limits->feed_jobs));
}

bool feed_shows(const struct planner *planner, size_t open, uint64_t now_us)
{
        return is_wanted(&planner->limits, open) && !feed_cursor_is_off(&planner->feed.cursor, now_us);
}

/* Whether the feed is wanted, and how often. */
static void count_jobs(struct planner *planner, uint64_t now_us)
{
        const struct planner_limits *limits = &planner->limits;
        struct planner_feed *feed = &planner->feed;
        uint64_t interval_us = limits->discovers ? limits->discover_interval_us : USEC_NEVER;
        size_t open = 0;

        for (size_t i = 0; i < planner->job_count; i++) {
                const struct planner_job *job = planner->jobs[i];

                if (!is_open_job(job))
                        continue;
                open++;
                if (job->settings.interval_us < interval_us)
                        interval_us = job->settings.interval_us;
        }
        feed->counted = true;
        feed->counted_us = now_us;
        feed->interval_us = interval_us;
        feed->wanted = is_wanted(limits, open);
}

bool feed_is_needed(const struct planner *planner)
{
        const struct planner_limits *limits = &planner->limits;

        return limits->once && limits->discovers && !planner->feed.ended &&
               (limits->feed || planner->feed.created_us != 0);
}

/* ---- beginning and end ---- */

/* A job waits in the queue of polls for its turn. */
static bool waits_for_poll(const struct planner_job *job)
{
        return job->entry.position != 0 && is_open_job(job) && !job->confirm && !job->gone_check &&
               job->part == 0;
}

/* Jobs that were recorded before the saved position, and watched since, need no poll of their own. */
static void cover_recorded(struct planner *planner)
{
        for (size_t i = 0; i < planner->job_count; i++) {
                struct planner_job *job = planner->jobs[i];

                job->covered = waits_for_poll(job) && job->watch.memory.recorded &&
                               !planner_job_is_over(job) && !job->unwatched;
        }
}

/* Covered jobs are due one after another within the sweep interval. */
static void spread_covered(struct planner *planner, uint64_t now_us)
{
        uint64_t step_us = planner->limits.sweep_interval_us / (planner->job_count + 1);

        for (size_t i = 0; i < planner->job_count; i++) {
                struct planner_job *job = planner->jobs[i];
                uint64_t span_us = time_earlier(step_us * (i + 1), planner_stalled_in(job, now_us));

                if (!job->covered || job->spread || job->failing || job->watch.held_since_us != 0 ||
                    !waits_for_poll(job))
                        continue;
                job->spread = true;
                planner_take_out(planner, job);
                planner_put(planner, job, now_us + span_us);
        }
}

/* It waits for its backoff. */
static bool is_charged(const struct planner_job *job)
{
        return job->failing && job->failures > 0;
}

/* All jobs are due by their paces again, in the order in which they would have been. */
static void gather(struct planner *planner, uint64_t now_us)
{
        uint64_t sweep_us = planner->limits.sweep_interval_us;

        for (size_t i = 0; i < planner->job_count; i++) {
                struct planner_job *job = planner->jobs[i];
                bool spread = job->spread;

                job->covered = job->read = job->spread = false;
                if (!spread || is_charged(job) || !waits_for_poll(job) || job->entry.due_us <= now_us)
                        continue;
                uint64_t span_us = job->entry.due_us - now_us;
                if (job->settings.interval_us < sweep_us)
                        span_us = span_us / (sweep_us / job->settings.interval_us);
                planner_take_out(planner, job);
                planner_put(planner, job, now_us + span_us);
        }
}

static void begin(struct planner *planner, uint64_t now_us)
{
        struct planner_feed *feed = &planner->feed;

        feed->phase = FEED_PHASE_STARTING;
        feed->within_round = false;
        feed->due_us = now_us;
        if (feed->resumed) {
                cover_recorded(planner);
                spread_covered(planner, now_us);
        }
        feed->resumed = false;
}

static void end(struct planner *planner, uint64_t now_us)
{
        planner->feed.phase = FEED_PHASE_OFF;
        gather(planner, now_us);
}

void feed_update(struct planner *planner, uint64_t now_us)
{
        struct planner_feed *feed = &planner->feed;

        if (!feed->counted)
                count_jobs(planner, now_us);
        if (feed->refused && feed_is_alone(planner)) /* no read is left that would decide */
                feed->refused = false;
        bool on = feed->wanted && !feed->ended && feed->refused_until_us <= now_us &&
                  !feed_cursor_is_off(&feed->cursor, now_us);

        if (on && feed->phase == FEED_PHASE_OFF)
                begin(planner, now_us);
        else if (!on && feed->phase != FEED_PHASE_OFF)
                end(planner, now_us);
}

void planner_resume_feed(struct planner *planner, const struct remote_time *saved)
{
        feed_cursor_start(&planner->feed.cursor, saved);
        planner->feed.resumed = saved->form != REMOTE_TIME_NONE;
}

void feed_reset(struct planner *planner, uint64_t now_us)
{
        struct planner_feed *feed = &planner->feed;

        if (feed->phase != FEED_PHASE_OFF)
                end(planner, now_us);
        feed_cursor_clear(&feed->cursor);
        feed_cursor_init(&feed->cursor);
        *feed = (struct planner_feed){ .cursor = feed->cursor, .ended = feed->ended };
}

void feed_hurry(struct planner *planner)
{
        struct planner_feed *feed = &planner->feed;

        if (feed->refused_until_us == 0)
                return;
        feed->refused_until_us = 0;
        feed_cursor_clear(&feed->cursor);
        feed_cursor_init(&feed->cursor);
}

/* ---- pages ---- */

uint64_t feed_page_interval_us(const struct planner *planner)
{
        return rate_limiter_emission_interval(&planner->api.rate_limiter) * 100 / SHARE_PERCENT;
}

/* When the share of the request rate allows the next page. */
static uint64_t share_us(const struct planner *planner)
{
        uint64_t burst_us = (BURST - 1) * feed_page_interval_us(planner);

        return planner->feed.share_full_us > burst_us ? planner->feed.share_full_us - burst_us : 0;
}

/* After a pause the subject that was throttled must not be the first. */
static bool must_wait(const struct planner *planner, uint64_t now_us)
{
        const struct throttle *throttle = &planner->api.throttle;
        const struct queue_entry *first = queue_first(&planner->due);

        return throttle->throttled_job_waits && throttle->mark == planner->feed.throttle_mark &&
               first != NULL && first->due_us <= now_us;
}

static bool may_ask(const struct planner *planner, uint64_t now_us)
{
        const struct planner_feed *feed = &planner->feed;

        return !feed->in_flight && !feed->refused && feed->refused_until_us <= now_us;
}

uint64_t feed_due_us(const struct planner *planner)
{
        const struct planner_feed *feed = &planner->feed;

        return time_earlier(feed->phase != FEED_PHASE_OFF ? feed->due_us : USEC_NEVER,
                            feed->created_us != 0 ? feed->created_us : USEC_NEVER);
}

uint64_t feed_ready_us(const struct planner *planner, uint64_t poll_us, uint64_t now_us)
{
        uint64_t due_us = feed_due_us(planner), at_us = poll_us;

        if (due_us == USEC_NEVER || !may_ask(planner, now_us) || must_wait(planner, now_us))
                return USEC_NEVER;
        if (at_us < share_us(planner))
                at_us = share_us(planner);
        return at_us > due_us ? at_us : due_us;
}

/* A feed that is off starts again after both. */
static uint64_t off_until_us(const struct planner_feed *feed)
{
        uint64_t until_us = feed->cursor.off.until_us;

        return until_us > feed->refused_until_us ? until_us : feed->refused_until_us;
}

uint64_t feed_wake_us(const struct planner *planner, uint64_t poll_us, uint64_t now_us)
{
        const struct planner_feed *feed = &planner->feed;
        uint64_t wake_us = feed_ready_us(planner, poll_us, now_us);

        if (feed->wanted && !feed->ended && feed->phase == FEED_PHASE_OFF)
                wake_us = time_earlier(wake_us, off_until_us(feed));
        if (feed->created_us != 0 && feed->refused_until_us > now_us) /* also while no feed is wanted */
                wake_us = time_earlier(wake_us, feed->refused_until_us);
        return wake_us;
}

bool feed_is_first(const struct planner *planner, uint64_t now_us)
{
        const struct planner_feed *feed = &planner->feed;
        const struct queue_entry *first = queue_first(&planner->due);

        return first == NULL || first->due_us + BEHIND_US >= now_us ||
               (feed->within_round && feed->starved) || feed_due_us(planner) + STARVED_US <= now_us ||
               now_us < feed->many_us + MANY_SPAN_US || !batches_enabled(&planner->api, now_us);
}

uint64_t feed_urgent_us(const struct planner *planner)
{
        const struct planner_feed *feed = &planner->feed;

        if (feed->phase != FEED_PHASE_WORKING)
                return USEC_NEVER;
        if (feed->page_new > MANY_ROWS)
                return 0;
        if (planner->confirm.count <= MANY_ROWS)
                return USEC_NEVER;
        const struct planner_job *first = (const struct planner_job *)queue_first(&planner->confirm);
        if (first->updated_on_moved)
                return feed->page_us + TIMES_ONLY_US;
        return feed->page_new >= FRUITFUL_ROWS ? 0 : feed->page_us + FRUITLESS_US;
}

void feed_begin_page(struct planner *planner, struct planner_request *ret_request, uint64_t now_us)
{
        struct planner_feed *feed = &planner->feed;
        uint64_t from_us = feed->share_full_us > now_us ? feed->share_full_us : now_us;

        assert(!feed->in_flight);
        *ret_request = (struct planner_request){ .kind = REQUEST_PAGE };
        feed->in_flight = true;
        feed->page_us = now_us;
        feed->share_full_us = from_us + feed_page_interval_us(planner);
        if (feed->created_us != 0 && (feed->phase == FEED_PHASE_OFF || feed->created_us <= feed->due_us)) {
                ret_request->order = PAGE_BY_CREATED_ON;
                ret_request->page = feed->created;
                return;
        }
        feed->starved = (feed->within_round && feed->starved) || feed->due_us + STARVED_US <= now_us;
        if (!feed->within_round) {
                feed->within_round = true;
                feed->round_us = now_us;
                if (now_us - feed->counted_us >= COUNT_US)
                        feed->counted = false;
        }
        feed_cursor_begin_page(&feed->cursor, now_us, &ret_request->page);
}

void planner_want_created(struct planner *planner, const struct feed_page_request *page, uint64_t at_us)
{
        struct planner_feed *feed = &planner->feed;

        feed->created_us = page != NULL ? at_us : 0;
        if (page != NULL)
                feed->created = *page;
}

static void end_round(struct planner *planner, uint64_t now_us)
{
        struct planner_feed *feed = &planner->feed;
        uint64_t next_us = feed->round_us + feed->interval_us;

        feed->within_round = false;
        feed->due_us = next_us > now_us ? next_us : now_us;
        if (planner->limits.once)
                feed->ended = true;
        if (feed->phase == FEED_PHASE_WORKING)
                return;
        feed->phase = FEED_PHASE_WORKING;
        spread_covered(planner, now_us);
}

enum feed_step planner_take_page(struct planner *planner, const struct feed_row rows[], size_t count,
                                 const struct feed_page_end *page_end, bool is_new[], uint64_t now_us)
{
        struct planner_feed *feed = &planner->feed;

        memset(is_new, false, count * sizeof(*is_new));
        if (feed->phase == FEED_PHASE_OFF) /* it was in flight when the feed ended */
                return FEED_AGAIN;
        enum feed_step step = feed_cursor_take_page(&feed->cursor, rows, count, page_end, is_new, now_us);
        feed->page_new = 0;
        for (size_t i = 0; i < count; i++)
                feed->page_new += is_new[i];
        if (feed->page_new > MANY_ROWS)
                feed->many_us = now_us;
        switch (step) {
        case FEED_NEXT_PAGE:
        case FEED_AGAIN:
                feed->due_us = now_us;
                break;
        case FEED_ROUND_DONE:
                end_round(planner, now_us);
                break;
        case FEED_ROUND_CUT:
                gather(planner, now_us);
                end_round(planner, now_us);
                break;
        case FEED_FAILED:
                feed->ended = planner->limits.once;
                end(planner, now_us);
                break;
        }
        return step;
}

void feed_undo_charge(struct planner *planner, uint64_t now_us)
{
        struct planner_feed *feed = &planner->feed;

        feed->refused = false;
        if (feed->failures == 0)
                return;
        feed->failures = 0;
        if (feed->due_us > now_us)
                feed->due_us = now_us;
}

/* ---- what is known of it ---- */

enum feed_phase planner_feed_phase(const struct planner *planner)
{
        return planner->feed.phase;
}

size_t planner_feed_direction(const struct planner *planner)
{
        return planner->feed.cursor.search.direction;
}

const char *planner_feed_problem(const struct planner *planner, uint64_t now_us)
{
        const struct planner_feed *feed = &planner->feed;

        return feed->wanted && feed_cursor_is_off(&feed->cursor, now_us) ? feed->cursor.off.reason : NULL;
}

uint64_t planner_feed_retry_us(const struct planner *planner)
{
        return planner->feed.cursor.off.until_us;
}

/* The feed waits for the job: not for one that has ended, or that may fail for ever. */
static bool is_waited_for(const struct planner_job *job)
{
        return !planner_job_is_over(job) && !is_charged(job);
}

/* A row of the job is not confirmed yet, or what it showed is not recorded. */
static bool is_outstanding(const struct planner_job *job)
{
        return is_waited_for(job) && job->row_shown && job->row_ticks != 0;
}

/* It may have changed before the feed showed its changes. With `once` the feed has ended, and all is read. */
static bool is_unread(const struct planner *planner, const struct planner_job *job)
{
        return is_waited_for(job) && job->watch.memory.recorded && !job->covered && !planner->limits.once;
}

struct remote_time planner_feed_newest(const struct planner *planner)
{
        return planner->feed.cursor.newest;
}

struct remote_time planner_feed_position(const struct planner *planner)
{
        struct remote_time position = planner_feed_newest(planner);

        for (size_t i = 0; i < planner->job_count; i++) {
                const struct planner_job *job = planner->jobs[i];

                if (is_unread(planner, job))
                        return (struct remote_time){ .form = REMOTE_TIME_NONE };
                if (is_outstanding(job) && job->row_ticks < position.ticks)
                        position.ticks = job->row_ticks;
        }
        return position;
}
