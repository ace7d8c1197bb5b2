/* SPDX-License-Identifier: MIT */

/* When a round is made, and what follows from its pages. */

#include "monitor/discover_created.h"

#include <stdlib.h>

#include "monitor/discover.h"
#include "planning/feed.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/timespan.h"

/* After a round that failed. */
#define RETRY_US USEC_PER_HOUR

bool discover_created_is_outstanding(const struct discover *discover)
{
        return discover->sections.count > 0 &&
               (discover->round.page > 1 || discover->due_us != USEC_NEVER || discover->round_failed);
}

/* ---- the end of a round ---- */

/* Those that have begun, of which the state does not know yet. */
static void log_begun(struct monitor *monitor, const struct discover_section *section, bool is_cut)
{
        monitor->discover.unsaved = true;
        if (is_cut && section->config->since_us > 0)
                journal_print(monitor->parts.journal, LOG_WARNING,
                              "[discover %s] since: only the newest %d jobs are considered.",
                              section->config->name, CREATED_ROWS_MAX);
        journal_print(monitor->parts.journal, LOG_INFO, "[discover %s] watches new jobs from now on.",
                      section->config->name);
}

static size_t count_not_begun(const struct discover_sections *sections)
{
        size_t count = 0;

        for (size_t i = 0; i < sections->count; i++)
                count += sections->sections[i].discovery.phase == DISCOVERY_NOT_BEGUN;
        return count;
}

static bool has_section_to_begin(const struct discover_sections *sections)
{
        for (size_t i = 0; i < sections->count; i++)
                if (sections->sections[i].discovery.phase != DISCOVERY_BEGUN)
                        return true;
        return false;
}

static void end_round(struct monitor *monitor)
{
        struct discover *discover = &monitor->discover;

        discover->ended_us = monitor_now_us(monitor);
        /* A section may have been added during the round. */
        discover->due_us = has_section_to_begin(&discover->sections) ? discover->ended_us : USEC_NEVER;
        discover->round_failed = discover->form_differs = false;
}

static void fail_round(struct monitor *monitor)
{
        struct discover *discover = &monitor->discover;

        if (monitor->parts.once)
                monitor->search_failure = FAILURE_UNEXPECTED;
        discover->due_us = monitor->parts.once ? USEC_NEVER : monitor_now_us(monitor) + RETRY_US;
        if (discover->round_failed)
                return;
        discover->round_failed = true;
        journal_print(monitor->parts.journal, LOG_WARNING, "Cannot search for new jobs: %s.%s",
                      discover->round.problem, monitor->parts.once ? "" : " Retrying in 1h.");
}

static void follow_step(struct monitor *monitor, enum feed_step step)
{
        switch (step) {
        case FEED_AGAIN:
        case FEED_NEXT_PAGE:
                discover_want_round(monitor); /* whatever the feed does meanwhile */
                break;
        case FEED_ROUND_CUT:
                journal_print(monitor->parts.journal, LOG_WARNING,
                              "New jobs are searched for among the newest %d only.", CREATED_ROWS_MAX);
                end_round(monitor);
                break;
        case FEED_ROUND_DONE:
                end_round(monitor);
                break;
        case FEED_FAILED:
                fail_round(monitor);
                break;
        }
}

/* ---- pages ---- */

static struct feed_row row_of(const struct job_record *record)
{
        const struct remote_time created = remote_time_parse(&record->created_on);

        return (struct feed_row){ .id = record->id,
                                  .updated = created,
                                  .digest = record->id ^ (uint64_t)created.ticks << 1 };
}

/*
 * Takes the rows of a page, but for those whose CreatedOn has another form than most, or is null: nothing can
 * be said of them. Returns how many, with their records.
 */
static size_t take_rows(struct job_record records[], size_t count, struct feed_row ret_rows[],
                        struct job_record *ret_records[])
{
        size_t counts[REMOTE_TIME_FORMS] = { 0 }, taken = 0;
        enum remote_time_form form = REMOTE_TIME_NONE;

        for (size_t i = 0; i < count; i++)
                counts[row_of(&records[i]).updated.form]++;
        for (enum remote_time_form other = REMOTE_TIME_NONE + 1; other < REMOTE_TIME_FORMS; other++)
                if (counts[other] > 0 && (form == REMOTE_TIME_NONE || counts[other] > counts[form]))
                        form = other;
        for (size_t i = 0; i < count; i++) {
                ret_rows[taken] = row_of(&records[i]);
                ret_records[taken] = &records[i];
                taken += ret_rows[taken].updated.form == form;
        }
        return taken;
}

void discover_created_take_page(struct monitor *monitor, struct job_record records[], size_t record_count,
                                const struct search_page *page)
{
        const struct feed_page_end end = { page->number, page->total, page->has_total, page->has_next };
        struct discover *discover = &monitor->discover;
        size_t section_count = discover->sections.count, not_begun = count_not_begun(&discover->sections);
        CLEANUP(cleanup_free) struct feed_row *rows = memory_need(calloc(record_count + 1, sizeof(*rows)));
        CLEANUP(cleanup_free)
        struct job_record **taken = memory_need(calloc(record_count + 1, sizeof(*taken)));
        CLEANUP(cleanup_free)
        struct created_section *sections = memory_need(calloc(section_count + 1, sizeof(*sections)));

        size_t count = take_rows(records, record_count, rows, taken);
        for (size_t i = 0; i < section_count; i++) {
                struct discover_section *section = &discover->sections.sections[i];
                sections[i] = (struct created_section){ .discovery = &section->discovery,
                                                        .since_us = section->config->since_us };
        }
        enum feed_step step =
                created_round_take_page(&discover->round, sections, section_count, rows, count, &end);
        if (count_not_begun(&discover->sections) < not_begun)
                marked_set_clear(&discover->known); /* with `since` it may match what others did not */
        if (step != FEED_AGAIN && step != FEED_FAILED)
                for (size_t i = count; i-- > 0;) /* the oldest job first, as they were created */
                        discover_take_row(monitor, taken[i], false);
        created_round_finish_page(sections, section_count, rows, count, step);
        for (size_t i = 0; i < section_count; i++)
                if (sections[i].has_begun)
                        log_begun(monitor, &discover->sections.sections[i], step == FEED_ROUND_CUT);
        follow_step(monitor, step);
        discover->wanted_us = 0; /* the planner is to be told anew */
}

void discover_created_fail_page(struct monitor *monitor, bool too_large)
{
        struct discover *discover = &monitor->discover;
        unsigned size = discover->round.size;
        enum feed_step step = created_round_fail_page(&discover->round, too_large);

        if (step == FEED_FAILED)
                fail_round(monitor);
        if (discover->round.size != size)
                discover->wanted_us = 0; /* otherwise the planner repeats the request */
}

/* ---- when ---- */

void discover_created_soon(struct monitor *monitor)
{
        monitor->discover.due_us = monitor_now_us(monitor);
        monitor->discover.wanted_us = 0;
}

static uint64_t longest_wait(const struct monitor *monitor)
{
        const struct config *config = monitor->parts.config;
        uint64_t wait_us = USEC_NEVER;

        for (size_t i = 0; i < config->discover_count; i++)
                if (config->discovers[i].poll.max_interval_us < wait_us)
                        wait_us = config->discovers[i].poll.max_interval_us;
        return wait_us;
}

static uint64_t next_page_us(const struct monitor *monitor)
{
        const struct discover *discover = &monitor->discover;

        if (discover->sections.count == 0)
                return USEC_NEVER;
        if (discover->due_us != USEC_NEVER)
                return discover->due_us;
        if (monitor->parts.once ||
            (planner_feed_phase(monitor->planner) == FEED_PHASE_WORKING && !discover->form_differs))
                return USEC_NEVER;
        return discover->ended_us + longest_wait(monitor);
}

void discover_created_plan(struct monitor *monitor)
{
        struct discover *discover = &monitor->discover;
        uint64_t at_us = next_page_us(monitor);

        if (at_us == discover->wanted_us)
                return;
        const struct feed_page_request page = created_round_page(&discover->round);
        planner_want_created(monitor->planner, at_us != USEC_NEVER ? &page : NULL, at_us);
        discover->wanted_us = at_us;
}
