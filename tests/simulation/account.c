/* SPDX-License-Identifier: MIT */

/*
 * The account: the order of its rows, its clocks, and what happens to many of its jobs at once. A row is
 * written with the time at which that began, which is up to a minute before it can be read.
 */

#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EPOCH_US (UINT64_C(1760000000) * USEC_PER_SEC)

/* ---- times ---- */

static int64_t ticks_of(uint64_t now_us)
{
        return (int64_t)(EPOCH_US + now_us) * TICKS_PER_US;
}

/* Two servers, and the time that a transaction takes. */
static int64_t write_time(struct sim *sim)
{
        const struct account *account = &sim->account;
        int64_t ticks = ticks_of(sim->now_us);

        if (account->late_us > 0 && chance_permille(sim, 300))
                ticks -= (int64_t)chance_below(sim, account->late_us) * TICKS_PER_US;
        if (account->skew_us > 0 && chance_permille(sim, 500))
                ticks += (int64_t)account->skew_us * TICKS_PER_US;
        return ticks + (int64_t)chance_below(sim, (uint64_t)TICKS_PER_US);
}

/* As far as texts show it. */
static uint64_t shown_ticks(const struct account *account, int64_t ticks)
{
        uint64_t unit = 1;

        for (unsigned i = account->form == STAMP_DATE ? 3 : account->digits; i < 7; i++)
                unit *= 10;
        return (uint64_t)ticks - (uint64_t)ticks % unit;
}

static enum stamp_form form_of(const struct account *account, const struct sim_job *job)
{
        if (account->kind != SEARCH_MIXED_FORMS || job->id % 3 != 0)
                return account->form;
        return account->form == STAMP_LOCAL ? STAMP_UTC : STAMP_LOCAL;
}

size_t format_updated(const struct sim *sim, const struct sim_job *job, uint64_t updated,
                      char buffer[static TIME_TEXT_MAX])
{
        const struct account *account = &sim->account;
        time_t seconds = (time_t)(updated / 10000000);
        char fraction[8];
        struct tm parts;

        if (!account->present)
                return (size_t)snprintf(buffer, TIME_TEXT_MAX, "%" PRIu64, updated);
        if (form_of(account, job) == STAMP_DATE)
                return (size_t)snprintf(buffer, TIME_TEXT_MAX, "/Date(%" PRIu64 ")/", updated / 10000);
        size_t size = strftime(buffer, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &parts));
        if (account->digits > 0) {
                (void)snprintf(fraction, sizeof(fraction), "%07u", (unsigned)(updated % 10000000));
                size += (size_t)snprintf(buffer + size, TIME_TEXT_MAX - size, ".%.*s", (int)account->digits,
                                         fraction);
        }
        if (form_of(account, job) == STAMP_UTC)
                buffer[size++] = 'Z';
        buffer[size] = '\0';
        return size;
}

/* ---- rows in their order ---- */

static bool is_before(const struct account *account, const struct index_row *left,
                      const struct index_row *right)
{
        if (left->ticks != right->ticks)
                return left->ticks < right->ticks;
        return account->low_ids_first ? left->job->id < right->job->id : left->job->id > right->job->id;
}

/* Removes dead rows if they are most of it. */
static void index_compact(struct row_index *index)
{
        size_t kept = 0;

        if (index->dead <= index->count / 2 + 64)
                return;
        for (size_t i = 0; i < index->count; i++)
                if (index->rows[i].serial == index->rows[i].job->serial)
                        index->rows[kept++] = index->rows[i];
        index->count = kept;
        index->dead = 0;
}

static void index_add(struct account *account, struct row_index *index, struct index_row row)
{
        size_t place = index->count;

        if (index->count == index->room) {
                index->room = index->room * 2 + 64;
                index->rows = reallocarray(index->rows, index->room, sizeof(*index->rows));
                if (index->rows == NULL)
                        abort();
        }
        while (place > 0 && is_before(account, &row, &index->rows[place - 1]))
                place--;
        memmove(index->rows + place + 1, index->rows + place, (index->count - place) * sizeof(*index->rows));
        index->rows[place] = row;
        index->count++;
}

/* `before`: its UpdatedOn. */
static void write_row(struct sim *sim, struct sim_job *job, int64_t ticks, uint64_t before)
{
        struct account *account = &sim->account;

        account->updated.dead += job->serial > 0;
        job->serial++;
        job->regressed = shown_ticks(account, ticks) < before;
        job->truth.updated = shown_ticks(account, ticks);
        job->written_before_us = job->written_us;
        job->written_us = sim->now_us;
        index_compact(&account->updated);
        index_add(account, &account->updated, (struct index_row){ job, ticks, job->serial });
}

/* ---- what happens to jobs ---- */

static void job_appears(struct sim *sim, struct sim_job *job, uint64_t before)
{
        struct account *account = &sim->account;
        int64_t ticks = write_time(sim);

        account->total++;
        if (job->created == 0) {
                job->created = shown_ticks(account, ticks);
                job->visible_us = sim->now_us;
                index_add(account, &account->created, (struct index_row){ job, ticks, 0 });
                watch_appeared(sim, job);
        }
        write_row(sim, job, ticks, before);
}

void account_note(struct sim *sim, struct sim_job *job, const struct shown *before)
{
        struct account *account = &sim->account;
        const struct shown *truth = &job->truth;

        if (!account->present)
                return;
        if (truth->exists && !before->exists) {
                job_appears(sim, job, before->updated);
        } else if (!truth->exists && before->exists) {
                account->total--;
                account->deleted_us = sim->now_us;
                job->written_before_us = job->written_us;
                watch_deleted(sim);
        } else if (truth->updated != before->updated) {
                if (search_is(sim, SEARCH_FROZEN) && chance_permille(sim, 800))
                        job->truth.updated = before->updated;
                else
                        write_row(sim, job, write_time(sim), before->updated);
        } else {
                return;
        }
        if (sim->verbose)
                printf("%12.3f job %zu was written: status %u, result %u, %s\n",
                       (double)(sim->now_us - sim->start_us) / 1e6, (size_t)(job - sim->jobs) + 1,
                       job->truth.status, job->truth.result, truth->exists ? "exists" : "deleted");
        feed_happened(sim, job);
}

void account_begin(struct sim *sim)
{
        struct account *account = &sim->account;

        account->updated.room = account->created.room = sim->job_count + 64;
        account->updated.rows = calloc(account->updated.room, sizeof(*account->updated.rows));
        account->created.rows = calloc(account->created.room, sizeof(*account->created.rows));
        if (account->updated.rows == NULL || account->created.rows == NULL)
                abort();
        /* Each existing job was created, and written last, some time ago. */
        for (size_t i = 0; i < sim->job_count; i++) {
                struct sim_job *job = &sim->jobs[i];
                uint64_t ago_us = (sim->job_count - i) * 10 * USEC_PER_SEC + USEC_PER_MIN;
                int64_t ticks = ticks_of(sim->now_us) - (int64_t)ago_us * TICKS_PER_US;

                if (!job->truth.exists)
                        continue;
                account->total++;
                job->created = shown_ticks(account, ticks);
                job->visible_us = 1;
                index_add(account, &account->created, (struct index_row){ job, ticks, 0 });
                write_row(sim, job, ticks, 0);
        }
}

void account_clear(struct sim *sim)
{
        free(sim->account.updated.rows);
        free(sim->account.created.rows);
}

/* ---- twice in the same second ---- */

void account_page_delivered(struct sim *sim, const struct slot *slot)
{
        const struct page *page = &slot->page;

        for (size_t i = 0; sim->account.writes_twice && !page->by_created && i < page->count; i++) {
                struct sim_job *job = page->jobs[i];

                if (slot->shown[i].version == job->truth.version &&
                    slot->shown[i].updated == job->truth.updated)
                        job->serial_shown = job->serial;
        }
}

/* What a page has shown is confirmed within the second of its UpdatedOn, and only then the job is written
 * again: the next page shows the same row. */
void account_job_read(struct sim *sim, struct sim_job *job)
{
        const struct account *account = &sim->account;

        if (account->writes_twice && job->truth.exists && !job->ended && job->serial_shown == job->serial &&
            job->truth.updated == shown_ticks(account, ticks_of(sim->now_us)))
                world_change_result(sim, job);
}

/* ---- many jobs at once ---- */

/* An import of the server's own: UpdatedOn of old jobs is rewritten. */
static void rewrite(struct sim *sim, struct sim_job *job)
{
        struct shown before = job->truth;

        job->truth.updated++;
        account_note(sim, job, &before);
}

static void burst(struct sim *sim)
{
        size_t most = sim->job_count < 5000 ? sim->job_count : 5000;
        size_t count = 1 + chance_below(sim, most >> chance_below(sim, 8));
        size_t first = chance_below(sim, sim->job_count);
        bool changes = chance_permille(sim, 500);

        sim->figures.bursts++;
        for (size_t i = 0; i < count && !sim->failed; i++) {
                struct sim_job *job = &sim->jobs[(first + i) % sim->job_count];

                if (!job->truth.exists)
                        continue;
                if (!changes)
                        rewrite(sim, job);
                else if (job->next_us != USEC_NEVER)
                        world_hurry(sim, job);
        }
}

uint64_t account_next_us(const struct sim *sim)
{
        return sim->account.present ? sim->account.next_us : USEC_NEVER;
}

void account_run(struct sim *sim)
{
        struct account *account = &sim->account;

        if (!account->present || account->next_us > sim->now_us)
                return;
        account->next_us = sim->now_us + chance_gap(sim, account->gap_us);
        burst(sim);
}
