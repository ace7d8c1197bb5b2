/* SPDX-License-Identifier: MIT */

/*
 * The API client, instead of nexudus/: requests reach the simulated server, and its responses the daemon.
 * What the oracle has to know of a response is noted before the daemon gets it. What should follow is checked
 * once all operations of the state that it led to have ended.
 */

#include "sim.h"

#include <stdlib.h>
#include <string.h>

/* ---- records ---- */

static struct text copy_of(const void *data, size_t size)
{
        struct text copy = TEXT_NULL;

        if (data != NULL)
                text_from(data, size, &copy);
        return copy;
}

/* With the truth as its JobId, by which the checks know it again. */
static struct job_record record_of(const struct sim *sim, const struct sim_job *job,
                                   const struct shown *shown, const struct shown *truth)
{
        struct text status = status_text(shown->status), result = result_text(shown->result);
        char updated[TIME_TEXT_MAX];

        return (struct job_record){
                .id = job->id,
                .status = copy_of(status.data, status.size),
                .result = copy_of(result.data, result.size),
                .updated_on = copy_of(shown->updated > 0 ? updated : NULL,
                                      format_updated(sim, job, shown->updated, updated)),
                .guid = copy_of(truth, sizeof(*truth)),
                .has_status = shown->has_status,
                .has_result = shown->has_result,
        };
}

/* ---- requests ---- */

static struct slot *start(struct sim *sim, const uint64_t ids[], size_t count, void *userdata)
{
        struct slot *slot = calloc(1, sizeof(*slot));
        uint64_t latency_us = server_latency(sim);
        size_t place = 0;

        while (place < MAX_IN_FLIGHT && sim->slots[place] != NULL)
                place++;
        if (slot == NULL || place == MAX_IN_FLIGHT)
                abort();
        sim->slots[place] = slot;
        slot->request.kind = ((const struct request_slot *)userdata)->request.kind;
        slot->request.count = count;
        for (size_t i = 0; i < count; i++)
                slot->request.jobs[i] = &sim->jobs[ids[i] - sim->jobs[0].id];
        slot->userdata = userdata;
        check_request(sim, &slot->request);
        for (size_t i = 0; i < count; i++)
                watch_requested(sim, slot->request.jobs[i]);
        wire_request(sim, &slot->request);
        slot->start_us = sim->now_us;
        slot->made_us = sim->now_us + chance_below(sim, latency_us);
        slot->end_us = sim->now_us + latency_us;
        slot->extras = sim->extras;
        slot->disturbances = sim->disturbances;
        if (sim->verbose && count > 0) {
                printf("%12.3f request %d of %zu,", (double)(sim->now_us - sim->start_us) / 1e6,
                       (int)slot->request.kind, count);
                for (size_t i = 0; i < count; i++)
                        printf(" job %zu", (size_t)(slot->request.jobs[i] - sim->jobs) + 1);
                printf("\n");
        }
        return slot;
}

struct nexudus_request *nexudus_get_job(struct nexudus *nexudus, uint64_t id, nexudus_handler on_response,
                                        void *userdata)
{
        struct slot *slot = start((struct sim *)nexudus, &id, 1, userdata);

        slot->on_response = on_response;
        return (struct nexudus_request *)slot;
}

struct nexudus_request *nexudus_get_jobs(struct nexudus *nexudus, const struct nexudus_batch *batch,
                                         nexudus_handler on_response, void *userdata)
{
        struct slot *slot = start((struct sim *)nexudus, batch->ids, batch->count, userdata);

        slot->on_response = on_response;
        slot->on_row = batch->on_row;
        return (struct nexudus_request *)slot;
}

struct nexudus_request *nexudus_search(struct nexudus *nexudus, const struct nexudus_search *search,
                                       nexudus_handler on_response, void *userdata)
{
        struct sim *sim = (struct sim *)nexudus;
        struct slot *slot = start(sim, NULL, 0, userdata);

        slot->page = (struct page){ .by_created = search->order == NEXUDUS_BY_CREATED_ON,
                                    .direction = search->direction,
                                    .number = search->page,
                                    .size = search->size };
        slot->on_response = on_response;
        slot->on_row = search->on_row;
        if (sim->verbose)
                printf("%12.3f page %u of %u, dir %d%s\n", (double)(sim->now_us - sim->start_us) / 1e6,
                       search->page, search->size, search->direction,
                       slot->page.by_created ? ", by CreatedOn" : "");
        return (struct nexudus_request *)slot;
}

struct nexudus_request *nexudus_cancel(struct nexudus_request *request)
{
        for (size_t i = 0; i < MAX_IN_FLIGHT; i++)
                if ((struct nexudus_request *)simulated->slots[i] == request)
                        simulated->slots[i] = NULL;
        free(request);
        return NULL;
}

void nexudus_set_sent_handler(struct nexudus *nexudus, void (*on_sent)(void *userdata))
{
        ((struct sim *)nexudus)->on_sent = on_sent;
}

void nexudus_set_token(struct nexudus *nexudus, const char *token)
{
        (void)nexudus;
        (void)token;
}

unsigned nexudus_token_generation(const struct nexudus *nexudus)
{
        (void)nexudus;
        return 0;
}

/* ---- what a response means ---- */

static bool is_held(const struct sim_job *job, const struct shown *shown)
{
        return status_is_end(shown->status) && shown->result == 0 && job->settings.result_wait_us > 0;
}

static void note_found(struct sim_job *job)
{
        job->not_found = job->gone_count = 0;
        job->was_missing = false;
}

static void note_not_found(struct sim *sim, const struct slot *slot)
{
        struct sim_job *job = slot->request.jobs[0];

        if (slot->request.kind != REQUEST_SINGLE)
                return;
        if (slot->failure != FAILURE_NOT_FOUND) { /* in a row */
                job->gone_count = 0;
                job->gone_due_calm_us = 0;
                return;
        }
        if (slot->shown[0].exists) {
                /* Where no batch can show it, 404s of an outage add to those that were true. */
                job->was_missing |= slot->cause == CAUSE_SITE && !batches_work(sim) && job->not_found >= 3 &&
                                    sim->now_us - job->not_found_us >= USEC_PER_MIN;
                job->not_found = 0;
                return;
        }
        if (job->not_found++ == 0)
                job->not_found_us = sim->now_us;
        if (job->reported_gone || slot->cause != CAUSE_MISSING)
                return;
        if (job->gone_count++ == 0)
                job->gone_count_us = sim->now_us;
        if (job->gone_due_calm_us == 0 && job->gone_count >= 3 &&
            sim->now_us - job->gone_count_us >= USEC_PER_MIN)
                job->gone_due_calm_us = sim->calm_us;
}

static void note_read(struct sim *sim, struct slot *slot)
{
        struct sim_job *job = slot->request.jobs[0];

        note_found(job);
        if (!is_held(job, &slot->shown[0]))
                return;
        job->quick++;
        if (job->held_us == 0)
                job->held_us = sim->now_us;
}

static void note_rows(struct sim *sim, const struct slot *slot)
{
        for (size_t i = 0; i < slot->request.count; i++) {
                struct sim_job *job = slot->request.jobs[i];

                job->excuses += slot->dropped[i] || job->held_us != 0;
                if (slot->dropped[i] && job->reported_gone)
                        job->allowance_us += slot->shown[i].exists ? USEC_PER_HOUR : 0;
                else if (slot->dropped[i])
                        wire_lone(sim, job, 1);
        }
}

static void note_response(struct sim *sim, struct slot *slot)
{
        for (size_t i = 0; i < slot->request.count && slot->request.kind != REQUEST_CHECK; i++) {
                slot->request.jobs[i]->answered_us = sim->now_us;
                slot->request.jobs[i]->refused = false;
        }
        check_api_response(sim, slot);
        if (slot->failure != FAILURE_NONE) {
                if (sim->account.present)
                        feed_failed(sim, slot);
                else
                        wire_failed(sim, slot);
                note_not_found(sim, slot);
                return;
        }
        if (is_calm(sim))
                sim->account.stopped = false;
        if (!sim->account.present)
                wire_succeeded(sim, slot);
        if (slot->request.kind == REQUEST_SINGLE)
                note_read(sim, slot);
        else if (slot->request.kind == REQUEST_BATCH)
                note_rows(sim, slot);
}

/* Whether the row shows nothing but what was reported. If it does, a single read is to follow. */
static bool row_settles(const struct sim *sim, const struct sim_job *job, const struct shown *row)
{
        bool lossy = sim->batch_kind != BATCH_FULL;

        if (job->refused)
                return true;
        return job->reported && !job->reported_gone && row->has_status &&
               row->status == job->reported_as.status &&
               (row->result == job->reported_as.result || (lossy && row->result == 0));
}

static void settle(struct sim *sim, struct slot *slot)
{
        for (size_t i = 0; i < slot->request.count && slot->failure == FAILURE_NONE; i++) {
                struct sim_job *job = slot->request.jobs[i];

                if (slot->request.kind == REQUEST_BATCH &&
                    (slot->dropped[i] || !row_settles(sim, job, &slot->rows[i])))
                        continue;
                if (slot->request.kind != REQUEST_SINGLE && slot->request.kind != REQUEST_BATCH)
                        continue;
                note_found(job);
                check_settled(sim, job, slot);
        }
        free(slot);
}

void api_settle(struct sim *sim)
{
        while (sim->settling != NULL && sim->settling->pushed <= sim->executed) {
                struct slot *slot = sim->settling;

                sim->settling = slot->next;
                if (sim->settling == NULL)
                        sim->settling_end = &sim->settling;
                settle(sim, slot);
        }
}

/* ---- responses ---- */

static void hand_over_rows(struct sim *sim, struct slot *slot, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                size_t place = slot->order[i];

                if (slot->dropped[place])
                        continue;
                server_row(sim, &slot->shown[place], &slot->rows[place]);
                struct job_record row =
                        record_of(sim, slot->request.jobs[place], &slot->rows[place], &slot->shown[place]);
                slot->on_row(slot->userdata, &row);
                job_record_clear(&row);
        }
}

static void hand_over_page(struct sim *sim, struct slot *slot, size_t count)
{
        feed_page_shown(sim);
        for (size_t i = 0; i < count; i++) {
                struct sim_job *job = slot->page.jobs[i];
                struct shown shown;

                page_row(sim, &slot->shown[i], &shown);
                struct job_record row = record_of(sim, job, &shown, &slot->shown[i]);
                page_details(sim, job, &row);
                slot->on_row(slot->userdata, &row);
                job_record_clear(&row);
        }
}

/* Rows of a document that is not complete do not count. */
static void hand_over_search(struct sim *sim, struct slot *slot, struct nexudus_response *response)
{
        if (slot->failure == FAILURE_NONE) {
                hand_over_page(sim, slot, slot->page.count);
                slot->envelope = page_envelope(sim, &slot->page);
                response->page = &slot->envelope;
                watch_page_delivered(sim, &slot->page, slot->made_us);
                account_page_delivered(sim, slot);
        } else if (slot->failure == FAILURE_NO_RESPONSE || slot->too_large) {
                hand_over_page(sim, slot, chance_below(sim, slot->page.count + 1));
        }
        if (sim->verbose)
                printf("%12.3f page %u: %s, %zu rows%s\n", (double)(sim->now_us - sim->start_us) / 1e6,
                       slot->page.number, failure_to_string(slot->failure), slot->page.count,
                       slot->page.has_next ? ", and more" : "");
        slot->on_response(slot->userdata, response);
}

static void hand_over(struct sim *sim, struct slot *slot)
{
        struct nexudus_response response = {
                .failure = slot->failure,
                .too_large = slot->too_large,
                .retry_after_us = slot->retry_after_us,
                .explanation = "simulated",
        };
        struct job_record record = { 0 };

        if (slot->page.number > 0) {
                hand_over_search(sim, slot, &response);
                return;
        }
        if (slot->failure == FAILURE_NONE && slot->on_row != NULL) {
                hand_over_rows(sim, slot, slot->request.count);
        } else if (slot->on_row != NULL && (slot->failure == FAILURE_NO_RESPONSE || slot->too_large)) {
                hand_over_rows(sim, slot, chance_below(sim, slot->request.count + 1)); /* and no end */
        } else if (slot->failure == FAILURE_NONE) {
                slot->shown[0].has_status = slot->shown[0].has_result = true;
                slot->request.jobs[0]->read_version = slot->shown[0].version;
                record = record_of(sim, slot->request.jobs[0], &slot->shown[0], &slot->shown[0]);
                if (sim->account.present)
                        job_details(sim, slot->request.jobs[0], &record);
                response.record = &record;
        }
        slot->on_response(slot->userdata, &response);
        job_record_clear(&record);
}

static void respond(struct sim *sim, struct slot *slot)
{
        if (sim->verbose && slot->failure != FAILURE_NONE && slot->request.count > 0)
                printf("%12.3f failed: %s, job %zu, cause %d, Retry-After %.0f s\n",
                       (double)(sim->now_us - sim->start_us) / 1e6, failure_to_string(slot->failure),
                       (size_t)(slot->request.jobs[0] - sim->jobs) + 1, (int)slot->cause,
                       (double)slot->retry_after_us / 1e6);
        slot->end_us = sim->now_us;
        note_response(sim, slot);
        uint64_t pushed = sim->pushed;
        hand_over(sim, slot);
        if (sim->pushed == pushed) {
                settle(sim, slot);
                return;
        }
        slot->pushed = sim->pushed;
        *sim->settling_end = slot;
        sim->settling_end = &slot->next;
}

/* ---- the loop ---- */

static uint64_t slot_next_us(const struct slot *slot)
{
        if (!slot->sent)
                return slot->start_us;
        return slot->made ? slot->end_us : slot->made_us;
}

uint64_t api_next_us(const struct sim *sim)
{
        uint64_t next_us = USEC_NEVER;

        for (size_t i = 0; i < MAX_IN_FLIGHT; i++)
                if (sim->slots[i] != NULL && slot_next_us(sim->slots[i]) < next_us)
                        next_us = slot_next_us(sim->slots[i]);
        return next_us;
}

static void slot_run(struct sim *sim, struct slot **place)
{
        struct slot *slot = *place;

        if (!slot->sent) {
                slot->sent = true;
                sim->on_sent(slot->userdata);
        } else if (!slot->made) {
                server_answer(sim, slot);
        } else {
                *place = NULL;
                /* A connection may not have survived the suspend. */
                if (sim->now_us - slot->end_us > USEC_PER_SEC && chance_permille(sim, 500)) {
                        slot->failure = FAILURE_UNREACHABLE;
                        slot->cause = CAUSE_NOISE;
                        slot->too_large = false;
                        slot->retry_after_us = 0;
                }
                respond(sim, slot);
        }
}

bool api_run(struct sim *sim)
{
        for (size_t i = 0; i < MAX_IN_FLIGHT; i++)
                if (sim->slots[i] != NULL && slot_next_us(sim->slots[i]) <= sim->now_us) {
                        slot_run(sim, &sim->slots[i]);
                        return true;
                }
        return false;
}

/* Those that are not settled never will be. */
void api_clear(struct sim *sim)
{
        while (sim->settling != NULL) {
                struct slot *slot = sim->settling;

                sim->settling = slot->next;
                free(slot);
        }
        sim->settling_end = &sim->settling;
}
