/* SPDX-License-Identifier: MIT */

/* Findings on what responses contain: rows of batches, and the order, times and changes that the search
 * shows. */

#include "app/control_diagnose.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/message.h"

/* ---- batches ---- */

/* The names of fields, each after a blank; malloc()ed. */
static char *names_of(unsigned fields)
{
        char *names = format_message("%s", "");

        for (unsigned i = 0; i < DIAGNOSIS_FIELDS; i++) {
                CLEANUP(cleanup_free) char *before = names;

                names = format_message("%s%s%s", before, (fields >> i & 1) != 0 ? " " : "",
                                       (fields >> i & 1) != 0 ? diagnosis_fields[i] : "");
        }
        return names;
}

/* Only these matter for what is recorded. */
static bool matters(unsigned fields)
{
        for (unsigned i = 0; i < DIAGNOSIS_FIELDS; i++)
                if ((fields >> i & 1) != 0 && (strcmp(diagnosis_fields[i], "Status") == 0 ||
                                               strcmp(diagnosis_fields[i], "ResultData") == 0 ||
                                               strcmp(diagnosis_fields[i], "UpdatedOn") == 0))
                        return true;
        return false;
}

#define BATCH_ADVICE                                                                                         \
        "set 'batch = off' under [poll] if few jobs are watched; changes are confirmed by single requests "  \
        "anyway"

void finding_put_batches(const struct findings *findings)
{
        const struct diagnosis *diagnosis = findings->diagnosis;
        const bool compared = diagnosis->single.answered && diagnosis->batch.answered;
        const unsigned omitted = diagnosis->single_fields & ~diagnosis->batch_fields;
        CLEANUP(cleanup_free)
        char *names = names_of(omitted), *single = names_of(diagnosis->single_fields),
             *batch = names_of(diagnosis->batch_fields);
        char *facts =
                format_message("batch: %s, %zu of %zu rows; single has%s; row has%s",
                               !diagnosis->batch.asked     ? "not asked"
                               : diagnosis->batch.answered ? "answered"
                                                           : failure_to_string(diagnosis->batch.failure),
                               diagnosis->batch_rows, diagnosis->id_count, single, batch);

        if (findings->status.config->poll.batch == BATCH_OFF)
                finding_put(findings, "batches", OK, format_message("batches are not used (batch = off)"),
                            NULL, facts);
        else if (diagnosis->batch.asked && !diagnosis->batch.answered)
                finding_put(findings, "batches", WARNING,
                            format_message("batches fail: %s", diagnosis->batch.explanation), BATCH_ADVICE,
                            facts);
        else if (compared && !diagnosis->batch_has_job)
                finding_put(findings, "batches", WARNING, format_message("batches leave out jobs"),
                            BATCH_ADVICE, facts);
        else if (compared && matters(omitted))
                finding_put(findings, "batches", WARNING, format_message("batches omit%s", names),
                            BATCH_ADVICE, facts);
        else if (compared)
                finding_put(findings, "batches", OK, format_message("rows of batches are complete"), NULL,
                            facts);
        else
                finding_put(findings, "batches", SKIPPED,
                            format_message("no job is known that could be read"), NULL, facts);
}

/* ---- the search ---- */

static const char *order_to_string(const struct diagnosis *diagnosis, size_t index)
{
        static const char *const names[] = {
                [DIAGNOSIS_ORDER_UNKNOWN] = "not known",
                [DIAGNOSIS_ORDER_NEWEST] = "newest first",
                [DIAGNOSIS_ORDER_OLDEST] = "oldest first",
                [DIAGNOSIS_ORDER_NONE] = "not sorted",
        };

        return diagnosis->known[index] ? names[DIAGNOSIS_ORDER_NEWEST] : names[diagnosis->pages[index].order];
}

static char *orders_of(const struct diagnosis *diagnosis)
{
        char *text = format_message("%s", "");

        for (size_t i = 0; i < FEED_DIRECTIONS; i++) {
                CLEANUP(cleanup_free) char *before = text;

                text = format_message("%s%sdir=%d %s", before, i > 0 ? ", " : "", feed_direction(i),
                                      order_to_string(diagnosis, i));
        }
        return text;
}

static char *search_facts(const struct diagnosis *diagnosis, const char *orders)
{
        for (size_t i = 0; i < FEED_DIRECTIONS; i++) {
                const struct diagnosis_page *page = &diagnosis->pages[i];

                if (page->answer.answered) {
                        CLEANUP(cleanup_free) char *names = names_of(page->fields);
                        return format_message("search: %s; %zu rows%s%s; rows have%s", orders, page->rows,
                                              page->has_total ? "" : " without TotalItems",
                                              page->has_number ? "" : " without CurrentPage", names);
                }
        }
        return format_message("search: %s", orders);
}

void finding_put_order(const struct findings *findings)
{
        const struct diagnosis *diagnosis = findings->diagnosis;
        CLEANUP(cleanup_free) char *orders = orders_of(diagnosis);
        bool newest = false, wrong = false;

        for (size_t i = 0; i < FEED_DIRECTIONS; i++) {
                newest |= diagnosis->known[i] || diagnosis->pages[i].order == DIAGNOSIS_ORDER_NEWEST;
                wrong |= diagnosis->pages[i].order == DIAGNOSIS_ORDER_NONE ||
                         diagnosis->pages[i].order == DIAGNOSIS_ORDER_OLDEST;
        }
        char *facts = search_facts(diagnosis, orders);
        if (!findings_search_works(findings))
                finding_put(findings, "order", SKIPPED, format_message("the search cannot be used"), NULL,
                            facts);
        else if (wrong && !newest && findings->status.config->poll.feed != FEED_OFF)
                finding_put(findings, "order", WARNING,
                            format_message("the search never has the newest job first: %s", orders),
                            "set 'feed = off' under [poll]: jobs are polled as before", facts);
        else
                finding_put(findings, "order", OK, format_message("%s", orders), NULL, facts);
}

void finding_put_updated_on(const struct findings *findings)
{
        const struct diagnosis_seen *seen = &findings->seen;
        const char *problem = findings->status.jobs.feed_problem;
        char *facts = format_message("UpdatedOn: as before in %" PRIu64 " of %" PRIu64 " changes; feed: %s",
                                     seen->same_updated_on, seen->changes,
                                     findings->status.jobs.feed_works ? "on"
                                     : problem != NULL                ? "failed"
                                                                      : "off");
        const bool wanted = findings->status.config->poll.feed != FEED_OFF;

        if (problem != NULL)
                finding_put(
                        findings, "UpdatedOn", WARNING, format_message("the change feed is off: %s", problem),
                        "it is tried again by itself, and jobs are polled until then; to do without it, set "
                        "'feed = "
                        "off' under [poll]",
                        facts);
        else if (seen->same_updated_on > 0 && wanted)
                finding_put(findings, "UpdatedOn", WARNING,
                            format_message("%" PRIu64 " of %" PRIu64 " changes left UpdatedOn as it was",
                                           seen->same_updated_on, seen->changes),
                            "set 'feed = off' under [poll]: the change feed does not show such changes",
                            facts);
        else if (seen->changes == 0)
                finding_put(findings, "UpdatedOn", OK, format_message("no job has changed since the start"),
                            NULL, facts);
        else
                finding_put(findings, "UpdatedOn", OK,
                            format_message("%" PRIu64 " change%s, of which %" PRIu64
                                           " left UpdatedOn as it was",
                                           seen->changes, plural(seen->changes), seen->same_updated_on),
                            NULL, facts);
}

void finding_put_dates(const struct findings *findings)
{
        static const char *const names[REMOTE_TIME_FORMS] = {
                [REMOTE_TIME_LOCAL] = "without a zone",
                [REMOTE_TIME_UTC] = "with a zone",
                [REMOTE_TIME_DATE] = "as /Date()/",
        };
        const unsigned forms = findings->diagnosis->forms;
        char *text = format_message("%s", "times are");

        for (unsigned form = REMOTE_TIME_LOCAL; form < REMOTE_TIME_FORMS; form++) {
                CLEANUP(cleanup_free) char *before = text;

                text = (forms >> form & 1) != 0 ? format_message("%s %s,", before, names[form])
                                                : format_message("%s", before);
        }
        if (forms == 0) {
                free(text);
                finding_put(findings, "dates", SKIPPED, format_message("no times were read"), NULL, NULL);
                return;
        }
        CLEANUP(cleanup_free) char *all = text;
        char *whole = format_message("%s %s", all,
                                     findings->diagnosis->fractions ? "with fractions" : "in whole seconds");
        char *facts = format_message("dates: %s", whole);
        if (__builtin_popcount(forms) > 1)
                finding_put(findings, "dates", WARNING, whole,
                            "nothing is lost, but the change feed may not work; send the developers what "
                            "--report "
                            "prints",
                            facts);
        else
                finding_put(findings, "dates", OK, whole, NULL, facts);
}
