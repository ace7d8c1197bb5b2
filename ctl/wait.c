/* SPDX-License-Identifier: MIT */

/*
 * Waits until jobs end. The signal JobEvent says that something has happened, and ListEvents what: all events
 * since the last that was seen, so that none is missed while the service restarts.
 *
 *     the service is there:  newest event -> jobs -> [add those that are unknown] -> waiting
 *     JobEvent of a job:     events since the last -> waiting
 *     JobEvent of job 0:     events since the last -> jobs -> waiting, since one may not be watched any more
 *     the service is gone:   wait until it is there -> events since the last -> jobs -> waiting
 *
 * The signals are subscribed to first (follow.c), and the newest event is asked for before the jobs, so that
 * a job that ends in between is seen.
 */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/changes.h"
#include "ctl/command.h"
#include "ctl/context.h"
#include "ctl/fetch.h"
#include "ctl/follow.h"
#include "ctl/json.h"
#include "ctl/table.h"
#include "util/cleanup.h"
#include "util/message.h"

DEFINE_CLEANUP(sd_bus_message, sd_bus_message_unref)

struct waiting {
        struct context *context;
        struct follow follow;
        struct id_list open; /* jobs that have not ended yet */
        struct id_list ended;
        uint64_t sequence; /* of the last event that was seen */
        bool any_failed;
        bool begun; /* the jobs were there, and `sequence` is known */
};

/* ---- signals ---- */

/* systemd counts a service that is ended by SIGTERM as successful, and would start what follows a success. */
static void on_terminate(int number)
{
        (void)number;
        _exit(EXIT_STATUS_TERMINATED);
}

/* ---- what became of a job ---- */

static void remove_id(struct id_list *list, uint64_t id)
{
        size_t kept = 0;

        for (size_t i = 0; i < list->count; i++)
                if (list->ids[i] != id)
                        list->ids[kept++] = list->ids[i];
        list->count = kept;
}

/* The row is a job or an event; both say how the job is. */
static void note_end(struct waiting *waiting, uint64_t id, const struct row *row)
{
        const struct output *output = &waiting->context->output;
        const char *colour = status_colour(row);

        remove_id(&waiting->open, id);
        id_list_add(&waiting->ended, id);
        if (!row_text_is(row, "Outcome", "success"))
                waiting->any_failed = true;
        if (output->json != JSON_OFF)
                return;

        CLEANUP(cleanup_free) char *name = text_of(row_text(row, "Name"));
        CLEANUP(cleanup_free) char *status = format_status(row, "Status", output);
        CLEANUP(cleanup_free) char *result = text_of(row_text(row, "Result"));
        (void)printf("Job %" PRIu64 "%s%s%s: %s%s%s%s%s\n", id, name != NULL ? " (" : "",
                     name != NULL ? name : "", name != NULL ? ")" : "", colour_begin(output, colour),
                     status != NULL ? status : "-", colour_end(output, colour),
                     result != NULL && *result != '\0' ? ": " : "", result != NULL ? result : "");
        (void)fflush(stdout);
}

static bool has_ended(const struct row *row)
{
        return row_text(row, "Outcome") != NULL && !row_text_is(row, "Outcome", "open");
}

/* ---- calls ---- */

static bool is_over(const struct waiting *waiting)
{
        return waiting->open.count == 0 ||
               ((waiting->context->arguments->given & OPTION_ANY) != 0 && waiting->ended.count > 0);
}

/* Reads the events since the last, or only finds out which is the newest. */
static int read_events(struct waiting *waiting)
{
        struct event_page page = { .after = 0 };

        do {
                CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
                struct rows rows = { .items = NULL };

                page.after = waiting->begun ? waiting->sequence : INT64_MAX;
                page.jobs = waiting->open.count <= CALL_IDS_MAX ? &waiting->open : NULL;
                int step =
                        follow_call(&waiting->follow, event_page_call(waiting->follow.client, &page), &reply);
                if (step != STEP_ON)
                        return step;
                int r = event_page_read(&page, reply, &rows);
                for (size_t i = 0; i < rows.count; i++) {
                        uint64_t job = row_number(&rows.items[i], "Job");
                        if (has_ended(&rows.items[i]) && id_list_contains(&waiting->open, job))
                                note_end(waiting, job, &rows.items[i]);
                }
                rows_clear(&rows);
                if (r < 0)
                        return (int)client_wrong_reply();
                /* The newest also if the state was deleted, and events are counted from 1 again. */
                waiting->sequence = page.count > 0 ? page.after : page.newest;
                if (page.gap)
                        waiting->follow.relist = true;
        } while (page.count > 0 && !is_over(waiting));
        return STEP_ON;
}

static int add_jobs(struct waiting *waiting, const struct id_list *ids)
{
        size_t done = 0;
        int step;

        waiting->follow.relist = true;
        client_expect_polkit(waiting->follow.client);
        do {
                CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
                const struct id_list part = ids_of_call(ids, done);

                step = follow_call(&waiting->follow, add_jobs_call(waiting->follow.client, &part, NULL, NULL),
                                   &reply);
                done += part.count;
        } while (step == STEP_ON && done < ids->count);
        return step;
}

static int missing(const struct waiting *waiting, uint64_t id)
{
        if (waiting->begun)
                print_error("job %" PRIu64 " is not watched any more", id);
        else
                print_error("job %" PRIu64 " is not watched; to watch it, use --add", id);
        return EXIT_STATUS_UNKNOWN;
}

static int compare_id(const void *key, const void *item)
{
        uint64_t id = *(const uint64_t *)key, of_row = row_number(item, "Id");

        return (id > of_row) - (id < of_row);
}

/* A job that has ended, or is watched. The rows are by ID. */
static const struct row *find_job(const struct rows *rows, uint64_t id)
{
        const struct row *row =
                rows->count > 0 ? bsearch(&id, rows->items, rows->count, sizeof(*row), compare_id) : NULL;

        return row != NULL && (has_ended(row) || !row_flag(row, "Removed")) ? row : NULL;
}

static int judge_jobs(struct waiting *waiting, const struct rows *rows)
{
        const bool add = !waiting->begun && (waiting->context->arguments->given & OPTION_ADD) != 0;
        struct id_list ids = { .ids = NULL }, unknown = { .ids = NULL };
        int step = STEP_ON;

        for (size_t i = 0; i < waiting->open.count; i++)
                id_list_add(&ids, waiting->open.ids[i]);
        for (size_t i = 0; i < ids.count && step == STEP_ON; i++) {
                const struct row *row = find_job(rows, ids.ids[i]);
                if (row == NULL && add)
                        id_list_add(&unknown, ids.ids[i]);
                else if (row == NULL)
                        step = missing(waiting, ids.ids[i]);
                else if (has_ended(row))
                        note_end(waiting, ids.ids[i], row);
        }
        if (step == STEP_ON && unknown.count > 0)
                step = add_jobs(waiting, &unknown); /* after which they are listed again */
        id_list_clear(&unknown);
        id_list_clear(&ids);
        return step;
}

static int list_jobs(struct waiting *waiting)
{
        const struct job_filter filter = { .ids = &waiting->open };
        struct rows rows = { .items = NULL };
        struct call_failure failure;
        int step = STEP_ON;

        if (try_jobs(waiting->follow.client, &filter, &rows, &failure) < 0)
                step = failure.error != 0 ? follow_failed(&waiting->follow, &failure)
                                          : (int)client_wrong_reply();
        rows_sort(&rows, "Id");
        if (step == STEP_ON)
                step = judge_jobs(waiting, &rows);
        rows_clear(&rows);
        return step;
}

/* ---- waiting ---- */

/* All that is new is read. */
static int catch_up(struct waiting *waiting)
{
        int step = STEP_ON;

        while (step == STEP_ON && !is_over(waiting) && (waiting->follow.notified || waiting->follow.relist)) {
                waiting->follow.notified = false;
                step = read_events(waiting);
                if (step != STEP_ON || is_over(waiting) || !waiting->follow.relist)
                        continue;
                waiting->follow.relist = false;
                step = list_jobs(waiting);
                if (step == STEP_ABSENT)
                        waiting->follow.relist = true;
                if (step == STEP_ON)
                        waiting->begun = true;
        }
        return step;
}

static int wait_for_all(struct waiting *waiting)
{
        int step = follow_begin(&waiting->follow);

        while (step == STEP_ON) {
                step = catch_up(waiting);
                if ((step == STEP_ON || step == STEP_ABSENT) && is_over(waiting))
                        return waiting->any_failed ? EXIT_STATUS_FAILED : EXIT_STATUS_SUCCESS;
                step = step == STEP_ABSENT ? follow_until_present(&waiting->follow)
                       : step == STEP_ON   ? follow_wait(&waiting->follow)
                                           : step;
        }
        return step;
}

static enum exit_status print_ended(struct waiting *waiting)
{
        const struct job_filter filter = { .ids = &waiting->ended };
        struct rows rows = { .items = NULL };

        enum exit_status status = fetch_jobs(waiting->follow.client, &filter, &rows);
        if (status == EXIT_STATUS_SUCCESS)
                json_print_rows(&rows, waiting->context->output.json == JSON_PRETTY);
        rows_clear(&rows);
        return status;
}

enum exit_status command_wait(struct context *context)
{
        const struct arguments *arguments = context->arguments;
        struct waiting waiting = {
                .context = context,
                .follow = { .client = &context->client },
        };

        waiting.follow.jobs = &waiting.open;
        (void)signal(SIGTERM, on_terminate);
        if (arguments->timeout_us > 0)
                client_set_deadline(&context->client, arguments->timeout_us);
        for (size_t i = 0; i < arguments->ids.count; i++)
                id_list_add(&waiting.open, arguments->ids.ids[i]);

        enum exit_status status = (enum exit_status)wait_for_all(&waiting);
        if (status <= EXIT_STATUS_FAILED && context->output.json != JSON_OFF) {
                enum exit_status printed = print_ended(&waiting);
                if (printed != EXIT_STATUS_SUCCESS)
                        status = printed;
        }
        id_list_clear(&waiting.open);
        id_list_clear(&waiting.ended);
        return status;
}
