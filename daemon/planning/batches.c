/* SPDX-License-Identifier: MIT */

/*
 * What goes into a batch, and what follows when one fails.
 *
 * A failed batch is split: its jobs go into the queue of parts with half its size as their limit, and with
 * keys that sort before those of all earlier parts. So the first half is requested next, then the second; a
 * half that fails is split before its sibling is requested, and a part of one job is a single request.
 *
 * Whether batches work at all shows in a run of failed batches, which an answered batch ends. If three
 * failed, no job was in all of them that was not read individually since, and one of their jobs was: then it
 * is not a job that spoils them. A failed check request counts as a batch. If a probe fails, it was the API
 * that failed, and the run is over. A part does not count if another part of the same batch was answered:
 * that batches work is known then, and a job in the part is the cause. With many broken jobs and slow
 * failures, several such parts fail in a row after all others were answered.
 *
 * A response that is too large says nothing against the jobs. Only if both halves of a batch are too large
 * too is the batch size the cause, and halved; and again if that holds for a half. It does not count for a
 * part whose sibling was answered: two records that are too large by themselves are the halves of a part of
 * every batch with both, perhaps of a small one.
 */

#include "planning/batches.h"

#include <assert.h>
#include <string.h>

#include "util/timespan.h"

#define DISABLED_US        (1 * USEC_PER_HOUR)
#define FAILED_BATCHES_MAX 3

/* A job joins a batch that is sent anyway if it would be due within this part of its pace, or of a sweep. */
#define COALESCING_PART 4

/* Due this soon is due now: a wake-up costs more than a request. */
#define COALESCING_US (50 * USEC_PER_MSEC)

/* At most so many jobs that need single requests are skipped while a batch is filled. */
#define SKIPPED_MAX 16

/* The key of the first part; each later one is put before it, and one that was throttled behind. */
#define FIRST_PART_KEY (UINT64_MAX / 2)

void batches_set_size(struct planner_api *api, unsigned size)
{
        api->batch_size = size;
        memset(api->too_large, 0, sizeof(api->too_large));
}

void batches_release_parts(struct planner *planner, uint64_t now_us)
{
        struct queue_entry *entry;

        while ((entry = queue_first(&planner->parts)) != NULL) {
                struct planner_job *job = (struct planner_job *)entry;

                planner_take_out(planner, job);
                job->part = 0;
                planner_put(planner, job, now_us);
        }
}

void batches_disable(struct planner *planner, uint64_t now_us)
{
        planner->api.batches_from_us = now_us + DISABLED_US;
        batches_note_answered(&planner->api);
        batches_release_parts(planner, now_us);
}

/* ---- runs of failed batches ---- */

void batches_note_answered(struct planner_api *api)
{
        api->failed_batches = 0;
        api->suspects = 0;
        api->suspect_was_read = false;
}

/* The jobs that were in all failed batches of this run, after one more. */
static void run_add(struct planner_api *api, const struct planner_request *request)
{
        uint32_t before = api->batch_suspect;
        bool first = api->failed_batches == 0;

        if (first)
                api->batch_run++;
        api->failed_batches++;
        api->batch_suspect++;
        api->suspects = 0;
        for (size_t i = 0; i < request->count; i++) {
                struct planner_job *job = request->jobs[i];

                if (first || job->batch_suspect == before) {
                        job->batch_suspect = api->batch_suspect;
                        api->suspects++;
                }
                job->batch_run = api->batch_run;
        }
}

void batches_note_check_failed(struct planner_api *api, const struct planner_request *request)
{
        if (api->failed_batches > 0)
                run_add(api, request);
}

static bool run_proves_failure(const struct planner_api *api)
{
        return api->failed_batches >= FAILED_BATCHES_MAX && api->suspects == 0 && api->suspect_was_read;
}

void batches_note_single_read(struct planner *planner, struct planner_job *job, uint64_t now_us)
{
        struct planner_api *api = &planner->api;

        if (api->failed_batches == 0 || job->batch_run != api->batch_run)
                return;
        api->suspect_was_read = true;
        if (job->batch_suspect == api->batch_suspect) {
                job->batch_suspect = 0;
                api->suspects--;
        }
        if (run_proves_failure(api))
                batches_disable(planner, now_us);
}

/* Batches work, so a job is the cause if another part, or a part of this one, fails. */
static void note_part_answered(struct planner_api *api, uint32_t part)
{
        if (part != 0)
                api->answered_parts[part % ANSWERED_PARTS] = part;
}

static bool another_part_was_answered(const struct planner_api *api, uint32_t part)
{
        return part != 0 && api->answered_parts[part % ANSWERED_PARTS] == part;
}

void batches_note_batch_answered(struct planner_api *api, const struct planner_request *request)
{
        batches_note_answered(api);
        note_part_answered(api, request->part);
}

/* ---- splitting ---- */

static struct too_large_part *too_large_of(struct planner_api *api, uint32_t part)
{
        return &api->too_large[part % TOO_LARGE_PARTS];
}

/* Whether both halves of it were too large, and of each part that it is in, up to the batch. */
static bool size_is_too_large(struct planner_api *api, const struct too_large_part *part)
{
        while (part->halves >= 2 && part->parent != 0) {
                const struct too_large_part *parent = too_large_of(api, part->parent);

                if (parent->part != part->parent)
                        return false;
                part = parent;
        }
        return part->halves >= 2;
}

/* The second half of a batch may be requested after all parts of the first. */
static void note_too_large_half(struct planner_api *api, uint32_t part)
{
        struct too_large_part *parent = too_large_of(api, part);

        if (part == 0 || parent->part != part || ++parent->halves < 2)
                return;
        for (size_t i = 0; i < TOO_LARGE_PARTS; i++) {
                const struct too_large_part *each = &api->too_large[i];

                if (api->batch_size > each->size / 2 && size_is_too_large(api, each))
                        api->batch_size = each->size / 2;
        }
}

static void split(struct planner *planner, const struct planner_request *request, bool too_large)
{
        struct planner_api *api = &planner->api;
        unsigned count = (unsigned)request->count;

        if (too_large)
                note_too_large_half(api, request->part);
        if (api->part_key == 0)
                api->part_key = FIRST_PART_KEY;
        api->part_key -= count;
        if (++api->last_part == 0)
                api->last_part = 1;
        if (another_part_was_answered(api, request->part))
                note_part_answered(api, api->last_part);
        if (too_large)
                *too_large_of(api, api->last_part) = (struct too_large_part){ .part = api->last_part,
                                                                              .parent = request->part,
                                                                              .size = count };
        for (unsigned i = 0; i < count; i++) {
                struct planner_job *job = request->jobs[i];

                job->part = api->last_part;
                job->part_limit = (unsigned char)((count + 1) / 2);
                planner_put(planner, job, api->part_key + i);
        }
}

void batches_note_failed(struct planner *planner, const struct planner_request *request, bool too_large,
                         uint64_t now_us)
{
        assert(request->count >= 1);

        if (!batches_enabled(&planner->api, now_us)) { /* it was in flight when they were disabled */
                for (size_t i = 0; i < request->count; i++) {
                        request->jobs[i]->part = 0;
                        planner_put(planner, request->jobs[i], now_us);
                }
                return;
        }
        if (!too_large && !another_part_was_answered(&planner->api, request->part))
                run_add(&planner->api, request);
        split(planner, request, too_large);
        if (run_proves_failure(&planner->api))
                batches_disable(planner, now_us);
}

void batches_requeue_part(struct planner *planner, const struct planner_request *request, uint64_t now_us)
{
        assert(request->part != 0);

        for (size_t i = 0; i < request->count; i++) {
                request->jobs[i]->polled_us = 0;
                planner_put(planner, request->jobs[i], FIRST_PART_KEY + now_us + i);
        }
}

/* ---- filling ---- */

static size_t digits_of(uint64_t id)
{
        size_t digits = 1;

        while (id >= 10) {
                id /= 10;
                digits++;
        }
        return digits;
}

static bool is_due_soon(const struct planner *planner, const struct planner_job *job, uint64_t now_us)
{
        uint64_t pace_us = job->spread ? planner->limits.sweep_interval_us : job->pace_us;

        return job->entry.due_us <= now_us + COALESCING_US + pace_us / COALESCING_PART;
}

static void fill_from(struct planner *planner, struct queue *queue, struct planner_request *request,
                      size_t *bytes, uint64_t now_us)
{
        struct planner_job *skipped[SKIPPED_MAX];
        size_t skipped_count = 0;
        struct queue_entry *entry;

        while (request->count < planner->api.batch_size && (entry = queue_first(queue)) != NULL) {
                struct planner_job *job = (struct planner_job *)entry;
                size_t size = digits_of(job->id) + 1;
                bool alone = job->single_left > 0;

                if (!is_due_soon(planner, job, now_us) || (alone && skipped_count == SKIPPED_MAX) ||
                    (!alone && *bytes + size > planner->limits.batch_bytes))
                        break;
                queue_remove(queue, entry);
                if (alone) {
                        skipped[skipped_count++] = job;
                } else {
                        *bytes += size;
                        request->jobs[request->count++] = job;
                }
        }
        for (size_t i = 0; i < skipped_count; i++)
                planner_put(planner, skipped[i], skipped[i]->entry.due_us);
}

void batches_fill(struct planner *planner, struct planner_request *request, uint64_t now_us)
{
        assert(request->count == 1);

        size_t bytes = digits_of(request->jobs[0]->id) + 1;

        fill_from(planner, &planner->due, request, &bytes, now_us);
        fill_from(planner, &planner->gone, request, &bytes, now_us);
        request->kind = request->count > 1 ? REQUEST_BATCH : REQUEST_SINGLE;
}

void batches_fill_part(struct planner *planner, struct planner_request *request)
{
        assert(request->count == 1 && request->jobs[0]->part != 0);

        const struct planner_job *first = request->jobs[0];
        struct queue_entry *entry;
        size_t limit = first->part_limit;

        if (limit > planner->api.batch_size) /* other parts have shown since that this is too large */
                limit = planner->api.batch_size;
        request->part = first->part;
        while (request->count < limit && (entry = queue_first(&planner->parts)) != NULL) {
                struct planner_job *job = (struct planner_job *)entry;

                if (job->part != first->part)
                        break;
                queue_remove(&planner->parts, entry);
                request->jobs[request->count++] = job;
        }
        request->kind = request->count > 1 ? REQUEST_BATCH : REQUEST_SINGLE;
}
