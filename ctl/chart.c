/* SPDX-License-Identifier: MIT */

/*
 * The rows of jobs say how they are, and their events when that began. The events of a job are read once, and
 * later only those that are new, since there may be thousands.
 */

#include "ctl/chart.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/fetch.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/timespan.h"

DEFINE_CLEANUP(sd_bus_message, sd_bus_message_unref)

/* So that a single moment has a place on the axis. */
#define SPAN_MIN_US (10 * USEC_PER_SEC)

/* ---- jobs ---- */

const char *job_label(const struct row *job)
{
        const char *name = row_text(job, "Name");

        if (name == NULL || *name == '\0')
                name = row_text(job, "Description");
        return name != NULL && *name != '\0' ? name : NULL;
}

static enum bar_kind kind_of(const struct row *job)
{
        if (row_text_is(job, "Outcome", "success"))
                return BAR_SUCCEEDED;
        if (row_text_is(job, "Outcome", "failure"))
                return BAR_FAILED;
        return row_text_is(job, "Outcome", "gone") ? BAR_GONE : BAR_OPEN;
}

/* Those that are not polled any more, though they have not ended, are of no interest. */
static bool is_wanted(const struct row *job, uint64_t since_us)
{
        if (kind_of(job) == BAR_OPEN)
                return !row_flag(job, "Removed");
        return row_number(job, "ChangedUSec") >= since_us;
}

/* Those that are open after the others, and each after those that changed before it. */
static int compare_interest(const void *left, const void *right)
{
        const bool a_open = kind_of(left) == BAR_OPEN, b_open = kind_of(right) == BAR_OPEN;
        const uint64_t a_us = row_number(left, "ChangedUSec"), b_us = row_number(right, "ChangedUSec");

        return a_open != b_open ? a_open - b_open : (a_us > b_us) - (a_us < b_us);
}

static void drop_rows(struct rows *rows, size_t first, size_t count)
{
        for (size_t i = first; i < first + count; i++)
                row_clear(&rows->items[i]);
        rows->count -= count;
        memmove(rows->items + first, rows->items + first + count,
                (rows->count - first) * sizeof(*rows->items));
}

/* Of more jobs than there is room for: the open ones, except for some room for the others, if there are any.
 */
static void leave_out(struct chart *chart)
{
        struct rows *jobs = &chart->jobs;
        const size_t open = chart->counts[BAR_OPEN], ended = jobs->count - open;
        const size_t room = CHART_JOBS_MAX - (ended < CHART_ENDED_LEAST ? ended : CHART_ENDED_LEAST);
        const size_t open_kept = open < room ? open : room, ended_kept = CHART_JOBS_MAX - open_kept;

        chart->left_out = jobs->count - CHART_JOBS_MAX;
        qsort(jobs->items, jobs->count, sizeof(*jobs->items), compare_interest);
        drop_rows(jobs, 0, ended - ended_kept);
        drop_rows(jobs, ended_kept, open - open_kept);
}

/* Drops the rows that are not wanted, and those that there is no room for. Sets the numbers of the chart. */
static void select_jobs(struct chart *chart, uint64_t since_us)
{
        struct rows *jobs = &chart->jobs;
        size_t kept = 0;

        for (size_t i = 0; i < jobs->count; i++) {
                if (!is_wanted(&jobs->items[i], since_us)) {
                        row_clear(&jobs->items[i]);
                        continue;
                }
                chart->counts[kind_of(&jobs->items[i])]++;
                jobs->items[kept++] = jobs->items[i];
        }
        jobs->count = kept;
        if (kept > CHART_JOBS_MAX)
                leave_out(chart);
}

static int list_jobs(struct chart *chart, struct follow *follow, const struct id_list *ids, uint64_t since_us)
{
        static const char *const keys[] = { "Id",          "Name",     "Status",  "Outcome",     "Observed",
                                            "ChangedUSec", "Removed",  "Failing", "Description", "Result",
                                            "Progress",    "LeftUSec", NULL };
        const struct job_filter filter = { .ids = ids, .keys = keys };
        struct call_failure failure;

        if (try_jobs(follow->client, &filter, &chart->jobs, &failure) < 0)
                return failure.error != 0 ? follow_failed(follow, &failure) : (int)client_wrong_reply();
        follow->was_there = true;
        select_jobs(chart, since_us);
        rows_sort(&chart->jobs, "Id");
        return STEP_ON;
}

/* ---- events ---- */

/* The job has not begun, as far as its Status says. */
static bool waits(const struct row *event)
{
        static const char *const words[] = { "Pending", "Queued", "Enqueued", "Scheduled",
                                             "Created", "New",    "Waiting" };
        const char *status = row_text(event, "Status");

        for (size_t i = 0; status != NULL && i < sizeof(words) / sizeof(*words); i++)
                if (strcasecmp(status, words[i]) == 0)
                        return true;
        return false;
}

static int compare_track(const void *key, const void *item)
{
        uint64_t id = *(const uint64_t *)key, other = ((const struct track *)item)->id;

        return (id > other) - (id < other);
}

static struct track *find_track(const struct chart *chart, uint64_t id)
{
        return chart->track_count > 0 ? bsearch(&id, chart->tracks, chart->track_count,
                                                sizeof(*chart->tracks), compare_track)
                                      : NULL;
}

static void note_event(const struct chart *chart, const struct row *event)
{
        struct track *track = find_track(chart, row_number(event, "Job"));
        const uint64_t sequence = row_number(event, "Sequence"), time_us = row_number(event, "TimeUSec");

        if (track == NULL || sequence <= track->sequence)
                return;
        if (track->sequence == 0) {
                track->begin_us = time_us;
                track->earlier = row_text(event, "StatusBefore") != NULL;
        }
        if (track->work_us == 0 && !waits(event))
                track->work_us = time_us;
        track->end_us = time_us;
        track->sequence = sequence;
}

/* The events of these jobs after one. */
static int read_events(const struct chart *chart, struct follow *follow, const struct id_list *ids,
                       uint64_t after)
{
        struct event_page page = { .after = after, .jobs = ids };

        if (ids->count == 0)
                return STEP_ON;
        do {
                CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
                struct rows events = { .items = NULL };

                int step = follow_call(follow, event_page_call(follow->client, &page), &reply);
                if (step != STEP_ON)
                        return step;
                int r = event_page_read(&page, reply, &events);
                for (size_t i = 0; i < events.count; i++)
                        note_event(chart, &events.items[i]);
                rows_clear(&events);
                if (r < 0)
                        return (int)client_wrong_reply();
        } while (page.count > 0);
        return STEP_ON;
}

static int read_newest(struct follow *follow, uint64_t *ret_newest)
{
        CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
        struct event_page page = { .after = INT64_MAX, .limit = 1 };

        int step = follow_call(follow, event_page_call(follow->client, &page), &reply);
        if (step != STEP_ON)
                return step;
        if (event_page_read(&page, reply, NULL) < 0)
                return (int)client_wrong_reply();
        *ret_newest = page.newest;
        return STEP_ON;
}

/* Tracks for the jobs, with what `before` knows of them; what is new is read. */
static int read_tracks(struct chart *chart, struct follow *follow, const struct chart *before)
{
        struct id_list known = { .ids = NULL }, fresh = { .ids = NULL };

        int step = read_newest(follow, &chart->sequence);
        const bool begins_again = chart->sequence < before->sequence; /* the state was deleted */
        chart->tracks = memory_need(calloc(chart->jobs.count + 1, sizeof(*chart->tracks)));
        for (size_t i = 0; i < chart->jobs.count; i++) {
                const uint64_t id = row_number(&chart->jobs.items[i], "Id");
                const struct track *track = begins_again ? NULL : find_track(before, id);
                chart->tracks[chart->track_count++] = track != NULL ? *track : (struct track){ .id = id };
                id_list_add(track != NULL ? &known : &fresh, id);
        }
        if (step == STEP_ON)
                step = read_events(chart, follow, &known, before->sequence);
        if (step == STEP_ON)
                step = read_events(chart, follow, &fresh, 0);
        id_list_clear(&known);
        id_list_clear(&fresh);
        return step;
}

/* ---- bars ---- */

static struct bar make_bar(const struct row *job, const struct track *track, uint64_t now_us)
{
        const uint64_t changed_us = row_number(job, "ChangedUSec");
        struct bar bar = { .job = job, .kind = kind_of(job), .earlier = track->earlier };

        bar.begin_us = track->sequence > 0 ? track->begin_us : changed_us > 0 ? changed_us : now_us;
        bar.end_us = bar.kind == BAR_OPEN ? now_us : track->sequence > 0 ? track->end_us : changed_us;
        if (bar.end_us < bar.begin_us) /* the clock was set */
                bar.end_us = bar.begin_us;
        bar.work_us = track->work_us >= bar.begin_us && track->work_us <= bar.end_us ? track->work_us
                      : track->sequence > 0 && track->work_us == 0                   ? bar.end_us
                                                                                     : bar.begin_us;
        return bar;
}

/* The last first. */
static int compare_bars(const void *left, const void *right)
{
        const struct bar *a = left, *b = right;
        const uint64_t a_id = row_number(a->job, "Id"), b_id = row_number(b->job, "Id");

        if (a->begin_us != b->begin_us)
                return a->begin_us < b->begin_us ? 1 : -1;
        return (a_id < b_id) - (a_id > b_id);
}

static void make_bars(struct chart *chart, uint64_t since_us, uint64_t now_us)
{
        uint64_t first_us = now_us, last_us = 0;

        chart->bars = memory_need(calloc(chart->jobs.count + 1, sizeof(*chart->bars)));
        for (size_t i = 0; i < chart->jobs.count; i++) {
                const struct bar bar = make_bar(&chart->jobs.items[i], &chart->tracks[i], now_us);
                chart->bars[chart->count++] = bar;
                first_us = bar.begin_us < first_us ? bar.begin_us : first_us;
                last_us = bar.end_us > last_us ? bar.end_us : last_us;
        }
        if (chart->count > 0)
                qsort(chart->bars, chart->count, sizeof(*chart->bars), compare_bars);
        chart->begin_us = first_us > since_us ? first_us : since_us;
        chart->end_us = last_us > 0 ? last_us : now_us;
        if (chart->end_us < chart->begin_us + SPAN_MIN_US)
                chart->end_us = chart->begin_us + SPAN_MIN_US;
}

int chart_update(struct chart *chart, struct follow *follow, const struct id_list *ids, uint64_t since_us,
                 uint64_t now_us)
{
        struct chart next = { .bars = NULL };

        int step = list_jobs(&next, follow, ids, since_us);
        if (step == STEP_ON)
                step = read_tracks(&next, follow, chart);
        if (step != STEP_ON) {
                chart_clear(&next);
                return step;
        }
        make_bars(&next, since_us, now_us);
        chart_clear(chart);
        *chart = next;
        return STEP_ON;
}

void chart_clear(struct chart *chart)
{
        rows_clear(&chart->jobs);
        free(chart->tracks);
        free(chart->bars);
        *chart = (struct chart){ .bars = NULL };
}
