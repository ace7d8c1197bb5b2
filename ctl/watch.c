/* SPDX-License-Identifier: MIT */

/*
 * Shows how jobs go on, until the user leaves. On a terminal they are drawn in place (screen.c,
 * watch_view.c); elsewhere each event is a line. The signals of the service say that something has happened
 * (follow.c), ListEvents says what, and for the picture the jobs are listed again; while nothing happens, the
 * service is not asked.
 *
 * With many jobs and events, listing is costly, so it takes a tenth of the time; but if it took long since
 * the service was held up, the next one is soon.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/context.h"
#include "ctl/fetch.h"
#include "ctl/follow.h"
#include "ctl/json.h"
#include "ctl/screen.h"
#include "ctl/table.h"
#include "ctl/times.h"
#include "ctl/watch_view.h"
#include "util/cleanup.h"
#include "util/message.h"
#include "util/timespan.h"

DEFINE_CLEANUP(sd_bus_message, sd_bus_message_unref)

/* Jobs that have ended while they were watched are shown up to this number, the latest ones. */
#define ENDED_MAX 100

/* A listing is followed by a pause of so many times its duration, within these limits. */
#define PAUSE_FACTOR 9
#define PAUSE_MIN_US (250 * USEC_PER_MSEC)
#define PAUSE_MAX_US (5 * USEC_PER_SEC)

struct watching {
        struct context *context;
        struct follow follow;
        const struct id_list *ids; /* NULL: all open jobs, and those that end meanwhile */
        struct id_list ended;      /* of all jobs */
        uint64_t sequence;         /* of the last event that was read */
        bool begun;                /* `sequence` is known */
        bool listed;               /* the jobs have been listed once */
        uint64_t pause_until_us;   /* CLOCK_MONOTONIC: no listing before */
        bool on_screen;
        struct screen screen;
        struct watch_view view;
};

/* ---- lines ---- */

static void print_event(const struct output *output, const struct row *row)
{
        if (output->json != JSON_OFF) {
                json_print_row(row, output->json == JSON_PRETTY);
                return;
        }

        const char *before = row_text(row, "StatusBefore"), *now = row_text(row, "Status");
        const bool moved = before != NULL && now != NULL && strcmp(before, now) != 0;
        CLEANUP(cleanup_free) char *time = time_format(row_number(row, "TimeUSec"));
        CLEANUP(cleanup_free) char *name = text_of(row_text(row, "Name"));
        CLEANUP(cleanup_free) char *description = text_of(row_text(row, "Description"));
        CLEANUP(cleanup_free) char *from = moved ? text_of(before) : NULL;
        CLEANUP(cleanup_free) char *status = format_status(row, "Status", output);
        CLEANUP(cleanup_free) char *result = text_of(row_text(row, "Result"));
        const char *label = name != NULL ? name : description;

        (void)printf("%s Job %" PRIu64 "%s%s%s: %s%s%s%s%s [%s]\n", time, row_number(row, "Job"),
                     label != NULL ? " (" : "", label != NULL ? label : "", label != NULL ? ")" : "",
                     from != NULL ? from : "", from != NULL ? " → " : "", status != NULL ? status : "-",
                     result != NULL && *result != '\0' ? ": " : "", result != NULL ? result : "",
                     row_text(row, "Event"));
}

/* ---- events ---- */

static void note_ended(struct watching *watching, uint64_t id)
{
        struct id_list *ended = &watching->ended;

        if (id_list_contains(ended, id))
                return;
        if (ended->count == ENDED_MAX)
                memmove(ended->ids, ended->ids + 1, --ended->count * sizeof(*ended->ids));
        id_list_add(ended, id);
}

static void note_event(struct watching *watching, const struct row *row)
{
        uint64_t job = row_number(row, "Job");

        if (job == 0 || (watching->ids != NULL && !id_list_contains(watching->ids, job)))
                return;
        if (!watching->on_screen)
                print_event(&watching->context->output, row);
        else if (!row_text_is(row, "Outcome", "open"))
                note_ended(watching, job);
}

/* Reads the events since the last, or only finds out which is the newest. */
static int read_events(struct watching *watching)
{
        struct event_page page = { .after = 0 };

        do {
                CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
                struct rows rows = { .items = NULL };

                page.after = watching->begun ? watching->sequence : INT64_MAX;
                page.jobs =
                        watching->ids != NULL && watching->ids->count <= CALL_IDS_MAX ? watching->ids : NULL;
                int step = follow_call(&watching->follow, event_page_call(watching->follow.client, &page),
                                       &reply);
                if (step != STEP_ON)
                        return step;
                int r = event_page_read(&page, reply, &rows);
                for (size_t i = 0; i < rows.count; i++)
                        note_event(watching, &rows.items[i]);
                rows_clear(&rows);
                if (r < 0)
                        return (int)client_wrong_reply();
                /* The newest also if the state was deleted, and events are counted from 1 again. */
                watching->sequence = page.count > 0 ? page.after : page.newest;
                watching->begun = true;
        } while (page.count > 0);
        if (fflush(stdout) != 0)
                return EXIT_STATUS_SUCCESS; /* output_finish() says why */
        return STEP_ON;
}

/* ---- jobs ---- */

static int list_some(struct watching *watching, const struct job_filter *filter, struct rows *rows)
{
        struct call_failure failure;

        if (try_jobs(watching->follow.client, filter, rows, &failure) >= 0)
                return STEP_ON;
        return failure.error != 0 ? follow_failed(&watching->follow, &failure) : (int)client_wrong_reply();
}

/* Of jobs that have ended, those that were opened again meanwhile are among the open ones. Open ones that
 * were removed do not go on. */
static void drop_rows(struct rows *rows, size_t first, bool is_ended)
{
        size_t kept = first;

        for (size_t i = first; i < rows->count; i++) {
                const struct row *row = &rows->items[i];
                if (is_ended ? row_text_is(row, "Outcome", "open") : row_flag(row, "Removed"))
                        row_clear(&rows->items[i]);
                else
                        rows->items[kept++] = rows->items[i];
        }
        rows->count = kept;
}

static int list_all(struct watching *watching, struct rows *rows)
{
        static const char *const keys[] = { "Id",          "Name",     "Status",   "Outcome",     "FirstUSec",
                                            "ChangedUSec", "Progress", "LeftUSec", "Description", "Result",
                                            "Failing",     "Removed",  NULL };
        struct job_filter filter = { .ids = watching->ids, .keys = keys };

        if (watching->ids == NULL)
                filter.state = "open";
        int step = list_some(watching, &filter, rows);
        if (step == STEP_ON && watching->ids == NULL)
                drop_rows(rows, 0, false);
        if (step != STEP_ON || watching->ids != NULL || watching->ended.count == 0)
                return step;
        const size_t open = rows->count;
        filter = (struct job_filter){ .ids = &watching->ended, .keys = keys };
        step = list_some(watching, &filter, rows);
        drop_rows(rows, open, true);
        return step;
}

static int check_ids(const struct watching *watching, const struct rows *rows)
{
        const struct id_list *ids = watching->ids;

        for (size_t i = 0; ids != NULL && i < ids->count; i++) {
                size_t at = 0;
                while (at < rows->count && row_number(&rows->items[at], "Id") != ids->ids[i])
                        at++;
                if (at == rows->count) {
                        print_error("job %" PRIu64 " is not watched; to watch it, use 'jobwatchctl add'",
                                    ids->ids[i]);
                        return EXIT_STATUS_UNKNOWN;
                }
        }
        return STEP_ON;
}

static void draw(struct watching *watching)
{
        const bool moves = watching->view.absent || watch_view_has_open(&watching->view);

        if (watching->on_screen)
                screen_draw(&watching->screen, moves ? USEC_PER_SEC : USEC_NEVER);
}

static void pause_from_now(struct watching *watching, uint64_t pause_us)
{
        if (pause_us < PAUSE_MIN_US)
                pause_us = PAUSE_MIN_US;
        if (pause_us > PAUSE_MAX_US)
                pause_us = PAUSE_MAX_US;
        watching->pause_until_us = monotonic_now() + pause_us;
}

static int list_jobs(struct watching *watching)
{
        const uint64_t began_us = monotonic_now();
        struct rows rows = { .items = NULL };

        int step = list_all(watching, &rows);
        if (step == STEP_ON && !watching->listed)
                step = check_ids(watching, &rows);
        if (step != STEP_ON) {
                rows_clear(&rows);
                return step;
        }
        rows_clear(&watching->view.rows);
        watching->view.rows = rows;
        watching->context->output.read_us = realtime_now();
        watching->listed = true;
        pause_from_now(watching, (monotonic_now() - began_us) * PAUSE_FACTOR);
        draw(watching);
        return STEP_ON;
}

/* ---- watching ---- */

static char *on_draw(void *userdata, unsigned columns, unsigned rows)
{
        struct watching *watching = userdata;
        struct output *output = &watching->context->output;

        output->width = columns;
        output->now_us = realtime_now();
        return watch_view_format(&watching->view, output, rows);
}

static int on_wait(void *userdata, sd_bus *bus, uint64_t timeout_us)
{
        struct watching *watching = userdata;
        const uint64_t now_us = monotonic_now();

        if (now_us < watching->pause_until_us && watching->pause_until_us - now_us < timeout_us)
                timeout_us = watching->pause_until_us - now_us;
        return screen_wait(&watching->screen, bus, timeout_us);
}

/* All that is new is read. */
static int catch_up(struct watching *watching)
{
        struct follow *follow = &watching->follow;

        follow->notified = follow->relist = false;
        int step = read_events(watching);
        if (step == STEP_ON && (watching->on_screen || !watching->listed))
                step = list_jobs(watching);
        return step;
}

static int pause_a_little(struct watching *watching)
{
        while (watching->on_screen && monotonic_now() < watching->pause_until_us) {
                struct call_failure failure = { .error = client_process(watching->follow.client) };
                if (failure.error < 0)
                        return (int)client_explain(watching->follow.client, &failure);
        }
        return STEP_ON;
}

static int wait_for_service(struct watching *watching)
{
        watching->view.absent = true;
        draw(watching);
        int step = follow_until_present(&watching->follow);
        watching->view.absent = false;
        return step;
}

static int watch(struct watching *watching)
{
        int step = follow_begin(&watching->follow);

        while (step == STEP_ON) {
                step = catch_up(watching);
                if (step == STEP_ABSENT) {
                        step = wait_for_service(watching);
                        continue;
                }
                if (step == STEP_ON)
                        step = follow_wait(&watching->follow);
                if (step == STEP_ON)
                        step = pause_a_little(watching);
        }
        return step;
}

/* ---- the command ---- */

static void begin_screen(struct watching *watching)
{
        watching->screen = (struct screen){ .draw = on_draw, .userdata = watching };
        if (watching->context->output.json != JSON_OFF || !screen_possible() ||
            screen_begin(&watching->screen) < 0)
                return;
        watching->on_screen = true;
        watching->follow.client->wait = on_wait;
        watching->follow.client->wait_data = watching;
}

/* The last picture remains, without its heading. */
static void end_screen(struct watching *watching)
{
        struct screen *screen = &watching->screen;
        char *last = NULL;

        if (!watching->on_screen)
                return;
        watching->follow.client->wait = NULL;
        if (screen->quit && watching->listed) {
                watching->context->output.legend = false;
                last = screen_picture(screen);
        }
        screen_end(screen);
        if (last != NULL)
                (void)fputs(last, stdout);
        free(last);
}

enum exit_status command_watch(struct context *context)
{
        const struct id_list *ids = &context->arguments->ids;
        struct watching watching = {
                .context = context,
                .follow = { .client = &context->client, .jobs = ids->count > 0 ? ids : NULL },
                .ids = ids->count > 0 ? ids : NULL,
        };

        begin_screen(&watching);
        enum exit_status status = (enum exit_status)watch(&watching);
        end_screen(&watching);
        rows_clear(&watching.view.rows);
        id_list_clear(&watching.ended);
        return status;
}
