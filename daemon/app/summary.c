/* SPDX-License-Identifier: MIT */

/* Formats the counts of the monitor for the journal. */

#include "app/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/message_ids.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/timespan.h"
#include "version.h"

/* "15s to 2min", with its NUL. */
#define INTERVALS_TEXT_MAX (2 * TIMESPAN_TEXT_MAX + 4)

/* The shortest interval of all jobs, new ones included. */
static uint64_t shortest_interval(const struct config *config)
{
        uint64_t shortest_us = USEC_NEVER;

        for (size_t i = 0; i < config->job_count; i++)
                if (config->jobs[i].poll.interval_us < shortest_us)
                        shortest_us = config->jobs[i].poll.interval_us;
        for (size_t i = 0; i < config->discover_count; i++)
                if (config->discovers[i].poll.interval_us < shortest_us)
                        shortest_us = config->discovers[i].poll.interval_us;
        return shortest_us;
}

/* Exact to the millisecond below a second, so that short intervals can be distinguished; rounded otherwise.
 */
static char *format_interval(uint64_t span_us, char buffer[static TIMESPAN_TEXT_MAX])
{
        if (span_us >= USEC_PER_SEC)
                return timespan_format_rough(span_us, buffer);
        return timespan_format((span_us + USEC_PER_MSEC - 1) / USEC_PER_MSEC * USEC_PER_MSEC, buffer);
}

static void warn_of_short_interval(struct journal *journal, const struct config *config,
                                   const struct monitor_counts *counts)
{
        char interval[TIMESPAN_TEXT_MAX], round[TIMESPAN_TEXT_MAX];
        uint64_t shortest_us = shortest_interval(config);

        if (counts->round_us > shortest_us + shortest_us / 10)
                journal_print(
                        journal, LOG_WARNING,
                        "interval = %s is too short for %zu open job%s under [limits]; polling each every "
                        "%s instead.",
                        format_interval(shortest_us, interval), counts->open, plural(counts->open),
                        format_interval(counts->round_us, round));
}

/* "15s to 2min", or "15s" if both intervals are the same. */
static char *format_intervals(const struct poll_config *poll, char buffer[static INTERVALS_TEXT_MAX])
{
        char interval[TIMESPAN_TEXT_MAX], max_interval[TIMESPAN_TEXT_MAX];

        (void)timespan_format(poll->interval_us, interval);
        (void)timespan_format(poll->max_interval_us, max_interval);
        if (poll->interval_us == poll->max_interval_us)
                (void)snprintf(buffer, INTERVALS_TEXT_MAX, "%s", interval);
        else
                (void)snprintf(buffer, INTERVALS_TEXT_MAX, "%s to %s", interval, max_interval);
        return buffer;
}

void summary_log_start(struct journal *journal, const struct config *config,
                       const struct monitor_counts *counts, size_t pending)
{
        char intervals[INTERVALS_TEXT_MAX], deliveries[64] = "";

        if (pending > 0)
                (void)snprintf(deliveries, sizeof(deliveries), ", %zu deliver%s pending", pending,
                               plural_y(pending));
        journal_print_about(
                journal, LOG_INFO, MESSAGE_ID_STARTED, 0, NULL,
                "jobwatchd %s started: watching %zu job%s (%zu open, %zu finished)%s at %s, polling "
                "every %s, state in %s%s",
                JOBWATCH_VERSION, counts->watched, plural(counts->watched), counts->open,
                counts->watched - counts->open, config->discover_count > 0 ? " and new jobs" : "",
                config->api.base_url, format_intervals(&config->poll, intervals), config_state_place(config),
                deliveries);
        warn_of_short_interval(journal, config, counts);
}

void summary_log_reload(struct journal *journal, const struct config *config,
                        const struct monitor_counts *counts, const char *changes)
{
        journal_print_about(journal, LOG_INFO, MESSAGE_ID_RELOADED, 0, NULL,
                            "Configuration reloaded: watching %s", changes);
        warn_of_short_interval(journal, config, counts);
}

void summary_log_finished(struct journal *journal, const struct monitor_counts *counts, const char *next)
{
        journal_print(journal, LOG_INFO, "All jobs finished: %zu succeeded, %zu failed or gone. %s",
                      counts->succeeded, counts->failed, next);
}

void summary_log_abandoned(struct journal *journal, size_t abandoned)
{
        if (abandoned > 0)
                journal_print(journal, LOG_WARNING, "%zu deliver%s abandoned. Exiting with status %d.",
                              abandoned, abandoned == 1 ? "y was" : "ies were", EXIT_STATUS_JOB_FAILED);
}

char *summary_of_end(const struct monitor_counts *counts, size_t abandoned)
{
        char deliveries[64] = "";

        if (abandoned > 0)
                (void)snprintf(deliveries, sizeof(deliveries), "; %zu deliver%s abandoned", abandoned,
                               plural_y(abandoned));
        if (counts->open > 0)
                return format_message("%zu of %zu job%s still open%s", counts->open, counts->watched,
                                      plural(counts->watched), deliveries);
        return format_message("All jobs finished: %zu succeeded, %zu failed or gone%s", counts->succeeded,
                              counts->failed, deliveries);
}

void summary_log_daily(struct journal *journal, const struct config *config,
                       const struct monitor_counts *counts)
{
        uint64_t longest_us =
                counts->feed_works ? config->poll.sweep_interval_us : config->poll.max_interval_us;
        uint64_t round_us = counts->round_us > longest_us ? counts->round_us : longest_us;
        char round[TIMESPAN_TEXT_MAX];

        journal_print(
                journal, LOG_INFO,
                "Watching %zu job%s: %zu open, %zu succeeded, %zu failed or gone; open jobs are polled at "
                "least every %s; %u request%s in the last hour.",
                counts->watched, plural(counts->watched), counts->open, counts->succeeded, counts->failed,
                timespan_format_rough(round_us, round), counts->spent_hour, plural(counts->spent_hour));
}

/* ---- what a reload has changed ---- */

#define NAMED_MAX 10

/* Only a job has an id, others 0. Jobs are the same if their ids are, whatever their names. */
struct item {
        uint64_t id;
        const char *name; /* of a job perhaps NULL */
};

struct item_set {
        struct item *items; /* sorted */
        size_t count;
};

static int compare_items(const void *left_pointer, const void *right_pointer)
{
        const struct item *left = left_pointer, *right = right_pointer;

        if (left->id != right->id)
                return left->id < right->id ? -1 : 1;
        return left->id == 0 ? strcmp(left->name, right->name) : 0;
}

/* What a configuration has of a kind: an array of structs that begin with a name. */
static struct item_set collect(const void *sections, size_t count, size_t size, bool are_jobs)
{
        struct item_set set = { memory_need(calloc(count + 1, sizeof(*set.items))), count };

        for (size_t i = 0; i < count; i++) {
                const void *section = (const char *)sections + i * size;
                set.items[i].name = *(char *const *)section;
                set.items[i].id = are_jobs ? ((const struct job_config *)section)->id : 0;
        }
        qsort(set.items, count, sizeof(*set.items), compare_items);
        return set;
}

static bool contains(const struct item_set *set, const struct item *item)
{
        return bsearch(item, set->items, set->count, sizeof(*set->items), compare_items) != NULL;
}

static void print_item(FILE *file, const struct item *item)
{
        if (item->id == 0)
                (void)fputs(item->name, file);
        else if (item->name == NULL)
                (void)fprintf(file, "%" PRIu64, item->id);
        else
                (void)fprintf(file, "%" PRIu64 " (%s)", item->id, item->name);
}

/* Prints what the other set lacks, as in "2 added: A, B" after `before`. Returns what to print before more.
 */
static const char *print_lacking(FILE *file, const char *before, const char *what, const struct item_set *set,
                                 const struct item_set *other)
{
        size_t lacking = 0, shown = 0;

        for (size_t i = 0; i < set->count; i++)
                lacking += !contains(other, &set->items[i]);
        if (lacking == 0)
                return before;
        (void)fprintf(file, "%s%zu %s: ", before, lacking, what);
        for (size_t i = 0; i < set->count && shown < NAMED_MAX; i++)
                if (!contains(other, &set->items[i])) {
                        (void)fputs(shown++ > 0 ? ", " : "", file);
                        print_item(file, &set->items[i]);
                }
        if (lacking > shown)
                (void)fprintf(file, " and %zu more", lacking - shown);
        return "; ";
}

/* Prints "4 jobs (1 added: 14)". */
static void print_changes(FILE *file, const char *noun, struct item_set old, struct item_set new)
{
        static const char begin[] = " (";

        (void)fprintf(file, "%zu %s%s", new.count, noun, plural(new.count));
        const char *before = print_lacking(file, begin, "added", &new, &old);
        before = print_lacking(file, before, "removed", &old, &new);
        (void)fputs(before != begin ? ")" : "", file);
        free(old.items);
        free(new.items);
}

char *config_changes_text(const struct config *old, const struct config *new)
{
        char *text = NULL;
        size_t size = 0;
        FILE *file = memory_need(open_memstream(&text, &size));

        print_changes(file, "job", collect(old->jobs, old->job_count, sizeof(*old->jobs), true),
                      collect(new->jobs, new->job_count, sizeof(*new->jobs), true));
        if (old->discover_count > 0 || new->discover_count > 0) {
                (void)fputs(", ", file);
                print_changes(file, "[discover] section",
                              collect(old->discovers, old->discover_count, sizeof(*old->discovers), false),
                              collect(new->discovers, new->discover_count, sizeof(*new->discovers), false));
        }
        (void)fputs(", ", file);
        print_changes(file, "hook", collect(old->hooks, old->hook_count, sizeof(*old->hooks), false),
                      collect(new->hooks, new->hook_count, sizeof(*new->hooks), false));
        if (fclose(file) != 0)
                memory_exhausted();
        return text;
}

/* ---- exit status ---- */

enum exit_status exit_status_when_done(const struct monitor_counts *counts, size_t abandoned)
{
        return counts->failed > 0 || abandoned > 0 ? EXIT_STATUS_JOB_FAILED : EXIT_STATUS_SUCCESS;
}

enum exit_status exit_status_of_round(const struct monitor_counts *counts, bool hook_unrecorded)
{
        if (counts->report_error < 0 || counts->unrecorded > 0 || hook_unrecorded)
                return EXIT_STATUS_STATE;
        if (counts->failure == FAILURE_REFUSED || counts->search_failure == FAILURE_REFUSED)
                return EXIT_STATUS_REFUSED;
        if (counts->failure != FAILURE_NONE || counts->search_failure != FAILURE_NONE ||
            counts->unanswered > 0)
                return EXIT_STATUS_API;
        return counts->not_found > 0 ? EXIT_STATUS_JOB_FAILED : EXIT_STATUS_SUCCESS;
}
