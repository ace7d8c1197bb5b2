/* SPDX-License-Identifier: MIT */

/*
 * Which jobs have to be watched: those that are listed or were added, unless they were removed since; and
 * those that became visible after the first round of a section that is for them, until the section is
 * removed. With `since` also those that were created so long before the newest job of that round.
 *
 * Some may be watched, or not: whether a section has found a job that had just appeared when the section was
 * changed, or the job removed, depends on what was requested in that moment. A section that is removed and
 * added again between two starts may continue with what was stored. No other job may be watched.
 */

#include "sim.h"

#include <string.h>

static bool is_for(const struct section *section, const struct sim_job *job)
{
        return (section->business == 0 || section->business == job->business) &&
               (section->description == 0 || section->description == job->description);
}

static uint8_t bit_of(const struct account *account, const struct section *section)
{
        return (uint8_t)(1U << (section - account->sections));
}

bool has_sections(const struct sim *sim)
{
        for (size_t i = 0; i < SECTIONS_MAX; i++)
                if (sim->account.sections[i].present)
                        return true;
        return false;
}

/* Something was recorded of it. */
static bool is_known(const struct sim_job *job)
{
        return job->reported || job->reported_gone;
}

static void print(const struct sim *sim, const struct sim_job *job, const char *what)
{
        const struct watched *watched = &job->watched;

        if (sim->verbose)
                printf("%12.3f job %zu %s:%s%s%s%s, found by %u, maybe by %u, on disk by %s\n",
                       (double)(sim->now_us - sim->start_us) / 1e6, (size_t)(job - sim->jobs) + 1, what,
                       job->listed ? " listed" : "", watched->added ? " added" : "",
                       watched->removed ? " removed" : "", watched->dismissed ? " dismissed" : "",
                       watched->found, watched->maybe_found, job->sections != NULL ? job->sections : "none");
}

/* ---- what is watched ---- */

static bool is_wanted(const struct sim_job *job)
{
        return (job->listed && !job->watched.removed) || job->watched.added;
}

/* One that was added and ended `keep` ago, by a clock that was set, is not watched any more. */
bool feed_watches(const struct sim *sim, const struct sim_job *job)
{
        const struct watched *watched = &job->watched;
        bool may_have_expired = job->reported_end && sim->wall_jumped;

        return !watched->dismissed && ((job->listed && !watched->removed) || watched->found != 0 ||
                                       (watched->added && !may_have_expired));
}

bool feed_may_watch(const struct sim *sim, const struct sim_job *job)
{
        return feed_watches(sim, job) || is_wanted(job) || job->watched.maybe_found != 0 ||
               sim->executed < job->watched.until_pushed;
}

/* A row that does not show what the filters ask for is read by its id; one that the state knows is not. */
bool feed_may_read(const struct sim *sim, const struct sim_job *job)
{
        if (job->watched.silent)
                return false;
        return feed_may_watch(sim, job) || !sim->account.sound ||
               (has_sections(sim) && !sim->account.shows_details && !is_known(job));
}

/* It may be watched no more. */
static void let_go(struct sim *sim, struct sim_job *job, bool by_hand)
{
        struct watched *watched = &job->watched;

        print(sim, job, "is let go");
        if (is_wanted(job) || watched->found != 0 || watched->maybe_found != 0)
                return;
        watched->until_pushed = sim->pushed;
        watched->again = false;
        watch_requested(sim, job); /* nor has it to be */
        watched->silent = by_hand || (is_known(job) && (sim->account.sound || !has_sections(sim)));
}

/* ---- discovery ---- */

static bool finds(const struct section *section, const struct sim_job *job, uint64_t since_us)
{
        return section->present && since_us != 0 && since_us < job->visible_us && is_for(section, job);
}

static bool is_since(const struct section *section, const struct sim_job *job)
{
        if (section->present && section->stored_us != 0 && section->since_before && is_for(section, job))
                return true;
        return section->present && section->since_us > 0 && section->first_made_us != 0 &&
               job->visible_us != 0 && (int64_t)job->created >= section->least_created &&
               is_for(section, job);
}

/* By its CreatedOn it may be new when it is there again, also if the section is for it only then. */
static bool was_hidden(const struct account *account, const struct section *section,
                       const struct sim_job *job)
{
        return section->present && (job->watched.hidden & bit_of(account, section)) != 0 &&
               is_for(section, job);
}

/* Sections that may have found it at any time, since the state does not know it. */
static void may_be_found(struct sim *sim, struct sim_job *job)
{
        struct account *account = &sim->account;

        for (size_t i = 0; i < SECTIONS_MAX && !is_known(job) && !job->watched.dismissed; i++) {
                const struct section *section = &account->sections[i];

                if (finds(section, job, section->first_made_us) || finds(section, job, section->stored_us) ||
                    is_since(section, job) || was_hidden(account, section, job))
                        job->watched.maybe_found |= bit_of(account, section);
        }
}

static void find(struct sim *sim, const struct section *section, struct sim_job *job)
{
        struct watched *watched = &job->watched;

        if (is_wanted(job) || is_known(job) || watched->removed || watched->dismissed)
                return;
        watched->maybe_found |= bit_of(&sim->account, section);
        if (!watched->asked)
                watched->found |= bit_of(&sim->account, section);
        print(sim, job, "is new");
}

void watch_appeared(struct sim *sim, struct sim_job *job)
{
        const struct account *account = &sim->account;

        for (size_t i = 0; i < SECTIONS_MAX; i++)
                if (finds(&account->sections[i], job, account->sections[i].first_made_us))
                        find(sim, &account->sections[i], job);
        if (sim->changes.present)
                may_be_found(sim, job);
}

/* One that does not exist now is not among those that are there already. */
static void note_hidden(const struct account *account, const struct section *section, struct sim_job *job)
{
        job->watched.hidden &= (uint8_t)~bit_of(account, section);
        if (job->visible_us != 0 && !job->truth.exists && (int64_t)job->created >= section->least_created)
                job->watched.hidden |= bit_of(account, section);
}

#define SINCE_ROWS_MAX 900 /* of 1,000 */

/* Not earlier than a minute before the span; and not so many that some are left out. */
static void find_since(struct sim *sim, struct section *section, const struct page *page)
{
        size_t count = 0;

        section->least_created =
                (int64_t)page->jobs[0]->created - (int64_t)(section->since_us + USEC_PER_MIN) * TICKS_PER_US;

        if (sim->verbose)
                printf("%12.3f section-%td begins, since %.0f s\n",
                       (double)(sim->now_us - sim->start_us) / 1e6, section - sim->account.sections,
                       (double)section->since_us / 1e6);
        for (size_t i = 0; i < sim->job_count; i++)
                count += sim->jobs[i].visible_us != 0 &&
                         (int64_t)sim->jobs[i].created >= section->least_created;
        for (size_t i = 0; i < sim->job_count; i++) {
                struct sim_job *job = &sim->jobs[i];

                note_hidden(&sim->account, section, job);
                if (is_since(section, job) && job->truth.exists && count < SINCE_ROWS_MAX)
                        find(sim, section, job);
                else if ((is_since(section, job) || was_hidden(&sim->account, section, job)) &&
                         !is_known(job))
                        job->watched.maybe_found |= bit_of(&sim->account, section);
        }
}

/* What has appeared meanwhile will be there already. */
static void begin_anew(struct sim *sim, struct section *section)
{
        section->first_made_us = 0;
        section->complete = false;
        for (size_t i = 0; i < sim->job_count; i++)
                if (!is_known(&sim->jobs[i]))
                        sim->jobs[i].watched.found &= (uint8_t)~bit_of(&sim->account, section);
}

static void begin(struct sim *sim, struct section *section, const struct page *page, uint64_t made_us)
{
        section->first_made_us = made_us;
        section->since_us = section->next_since_us;
        for (size_t i = 0; i < sim->job_count; i++)
                if (finds(section, &sim->jobs[i], made_us))
                        find(sim, section, &sim->jobs[i]);
        if (page->count > 0)
                find_since(sim, section, page);
}

#define ROUND_ROWS_MAX 1000

static bool ends_round(const struct section *section, const struct page *page)
{
        return !page->has_next || page->count == 0 || page->number * page->size >= ROUND_ROWS_MAX ||
               (int64_t)page->jobs[page->count - 1]->created < section->least_created;
}

/* The first page by CreatedOn that is sorted shows what is there already, unless its round fails later. */
void watch_page_delivered(struct sim *sim, const struct page *page, uint64_t made_us)
{
        struct account *account = &sim->account;

        if (!page->by_created || !page->newest_first)
                return;
        account->since_us = sim->now_us;
        for (size_t i = 0; i < SECTIONS_MAX; i++) {
                struct section *section = &account->sections[i];

                if (!section->present || section->complete)
                        continue;
                if (page->number == 1) {
                        begin_anew(sim, section);
                        begin(sim, section, page, made_us);
                }
                section->complete = section->first_made_us != 0 && ends_round(section, page);
        }
}

/* A row that moves up to a page that was read already is not shown in this round. */
void watch_deleted(struct sim *sim)
{
        struct account *account = &sim->account;

        if (account->since_us == 0 || account->since_us + USEC_PER_MIN < sim->now_us)
                return;
        for (size_t i = 0; i < sim->job_count; i++) {
                struct sim_job *job = &sim->jobs[i];

                for (size_t j = 0; j < SECTIONS_MAX && !is_known(job); j++)
                        if (account->sections[j].since_us > 0 &&
                            job->visible_us <= account->sections[j].first_made_us)
                                job->watched.found &= (uint8_t)~bit_of(account, &account->sections[j]);
        }
}

/* ---- another configuration ---- */

static bool is_stored(const struct sim *sim, size_t index)
{
        const char *text = disk_value(sim, "discovery");
        char name[32];

        (void)snprintf(name, sizeof(name), "\nsection-%zu ", index);
        return text != NULL && strstr(text, name) != NULL;
}

static void remove_section(struct sim *sim, struct section *section)
{
        uint8_t bit = bit_of(&sim->account, section);

        section->present = false;
        if (section->first_made_us != 0) {
                section->before_us = section->first_made_us;
                section->since_before = section->since_us > 0;
        }
        section->first_made_us = section->stored_us = 0;
        for (size_t i = 0; i < sim->job_count; i++) {
                struct sim_job *job = &sim->jobs[i];

                if (((job->watched.found | job->watched.maybe_found) & bit) == 0)
                        continue;
                job->watched.found &= (uint8_t)~bit;
                job->watched.maybe_found &= (uint8_t)~bit;
                let_go(sim, job, false);
        }
}

static void add_section(struct sim *sim, struct section *section, const struct section *file, bool restarts)
{
        size_t index = (size_t)(section - sim->account.sections);
        struct section before = *section;
        char name[32];

        if (sim->verbose)
                printf("%12.3f section-%zu is added\n", (double)(sim->now_us - sim->start_us) / 1e6, index);
        *section = *file;
        section->next_since_us = file->since_us;
        section->present = true;
        section->first_made_us = section->stored_us = 0;
        section->before_us = before.before_us;
        section->since_before = before.since_before;
        (void)snprintf(name, sizeof(name), "section-%zu", index);
        for (size_t i = 0; i < sim->job_count; i++) {
                struct sim_job *job = &sim->jobs[i];

                /* By its name it is one of those that have discovered the job. */
                if (job->sections != NULL && strstr(job->sections, name) != NULL && !job->watched.dismissed &&
                    (restarts || is_wanted(job) || job->watched.maybe_found != 0)) {
                        job->watched.maybe_found |= bit_of(&sim->account, section);
                        job->watched.silent = false;
                }
        }
}

/* That jobs were let go may not have been written. */
static bool may_be_lost(const struct sim *sim)
{
        return sim->disk_fail_permille > 0 || sim->disk_full_until_us > 0 || sim->changes.has_crashed;
}

/* By its name the section has discovered the job, as the state says. */
static void resume_jobs(struct sim *sim, const struct section *section)
{
        char name[32];

        (void)snprintf(name, sizeof(name), "section-%zu", (size_t)(section - sim->account.sections));
        for (size_t i = 0; i < sim->job_count; i++) {
                struct sim_job *job = &sim->jobs[i];

                if (job->sections == NULL || strstr(job->sections, name) == NULL || job->watched.dismissed ||
                    !(may_be_lost(sim) || job->watched.was_dismissed))
                        continue;
                job->watched.maybe_found |= bit_of(&sim->account, section);
                job->watched.silent = false;
        }
}

/* A section that was removed and added again may continue where it was, as the state still has it. */
static void resume_sections(struct sim *sim)
{
        struct account *account = &sim->account;

        for (size_t i = 0; i < SECTIONS_MAX; i++) {
                struct section *section = &account->sections[i];

                if (section->present)
                        resume_jobs(sim, section);
                if (!section->present || section->first_made_us != 0 || !is_stored(sim, i))
                        continue;
                section->stored_us = section->before_us;
                for (size_t j = 0; j < sim->job_count; j++)
                        may_be_found(sim, &sim->jobs[j]);
        }
}

static void change_section(struct sim *sim, struct section *section, const struct section *file)
{
        uint8_t bit = bit_of(&sim->account, section);

        section->next_since_us = file->since_us;
        if (section->business == file->business && section->description == file->description)
                return;
        section->business = file->business;
        section->description = file->description;
        for (size_t i = 0; i < sim->job_count; i++) {
                struct sim_job *job = &sim->jobs[i];

                if (!is_known(job) && !is_for(section, job))
                        job->watched.found &= (uint8_t)~bit;
                may_be_found(sim, job);
        }
}

/* First those that are new: by its name one of them may keep a job that another has let go. */
static void adopt_sections(struct sim *sim, bool restarts)
{
        struct section *sections = sim->account.sections;
        const struct section *file = sim->changes.file.sections;

        for (size_t i = 0; i < SECTIONS_MAX; i++)
                if (file[i].present && sections[i].present)
                        change_section(sim, &sections[i], &file[i]);
                else if (file[i].present)
                        add_section(sim, &sections[i], &file[i], restarts);
        for (size_t i = 0; i < SECTIONS_MAX; i++)
                if (!file[i].present && sections[i].present)
                        remove_section(sim, &sections[i]);
}

static void adopt_list(struct sim *sim, struct sim_job *job)
{
        struct watched *watched = &job->watched;

        if (job->listed == watched->in_file)
                return;
        job->listed = watched->in_file;
        if (job->listed) {
                if (!is_known(job)) /* one in the table is not new, if it was not found yet */
                        watched->found = 0;
                print(sim, job, "is listed");
                watched->was_dismissed |= watched->dismissed;
                watched->silent = watched->dismissed = false;
                return;
        }
        watched->removed = false;
        watched->silent = watched->dismissed;
        may_be_found(sim, job);
        let_go(sim, job, watched->dismissed);
}

void watch_adopt(struct sim *sim, bool restarts)
{
        struct account *account = &sim->account;
        const struct settings *file = &sim->changes.file;

        feed_check(sim);
        if (sim->verbose)
                printf("%12.3f %s: feed %d, interval %.0f s, sweep %.0f s%s\n",
                       (double)(sim->now_us - sim->start_us) / 1e6, restarts ? "start" : "reload", file->feed,
                       (double)file->interval_us / 1e6, (double)file->sweep_interval_us / 1e6,
                       restarts && sim->changes.once ? ", once" : "");
        adopt_sections(sim, restarts);
        account->feed = file->feed;
        account->interval_us = file->interval_us;
        account->sweep_interval_us = file->sweep_interval_us;
        account->missed_us = account->missed_again_us = 0;
        sim->limits.shortest_interval_us = account->interval_us;
        sim->longest_max_us = 8 * account->interval_us;
        for (size_t i = 0; i < sim->job_count; i++) {
                struct sim_job *job = &sim->jobs[i];

                job->settings.interval_us = account->interval_us;
                job->settings.max_interval_us = 8 * account->interval_us;
                adopt_list(sim, job);
        }
        feed_changed(sim);
}

/* ---- from one run to the next ---- */

/* That a removal is over may not have been written, if the run has crashed. */
void watch_start(struct sim *sim)
{
        bool lost = may_be_lost(sim);

        for (size_t i = 0; i < sim->job_count; i++) {
                struct sim_job *job = &sim->jobs[i];

                job->watched.again = job->manual.again;
                job->watched.removed |=
                        lost && job->watched.in_file && job->manual.id != 0 &&
                        (job->manual.kind == MANUAL_REMOVED || job->manual.kind == MANUAL_EXCLUDED);
        }
        sim->changes.poll.count = 0;
        for (size_t i = 0; i < SECTIONS_MAX; i++)
                if (sim->account.sections[i].first_made_us != 0 && !is_stored(sim, i))
                        begin_anew(sim, &sim->account.sections[i]);
        watch_adopt(sim, true);
        resume_sections(sim);
}

/* ---- at run time ---- */

void watch_added(struct sim *sim, struct sim_job *job)
{
        struct watched *watched = &job->watched;

        watched->added = true;
        watched->was_dismissed |= watched->dismissed;
        watched->removed = watched->dismissed = watched->silent = false;
        watched->again = job->reported_end;
        print(sim, job, "is added");
        feed_job_changed(sim, job);
}

void watch_removed(struct sim *sim, struct sim_job *job)
{
        struct watched *watched = &job->watched;

        watched->added = false;
        watched->removed = job->listed;
        watched->dismissed = job->manual.id != 0 &&
                             (job->manual.kind == MANUAL_DISMISSED || job->manual.kind == MANUAL_EXCLUDED);
        watched->found = watched->maybe_found = 0;
        if (!job->listed)
                may_be_found(sim, job);
        let_go(sim, job, is_known(job) || watched->dismissed || job->listed);
        feed_job_changed(sim, job);
}
