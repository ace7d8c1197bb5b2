/* SPDX-License-Identifier: MIT */

/*
 * The findings of the service about the API. The first call lets it ask the API; the signal of the end is
 * waited for, and another call has the result.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/doctor.h"
#include "util/cleanup.h"
#include "util/message.h"
#include "util/timespan.h"

/* The requests go through the rate limits, which may be used up. */
#define WAIT_US (2 * USEC_PER_MIN)

DEFINE_CLEANUP(sd_bus_message, sd_bus_message_unref)
DEFINE_CLEANUP(sd_bus_slot, sd_bus_slot_unref)

static int on_event(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        bool *changed = userdata;
        uint64_t sequence, job;
        const char *event;

        (void)ret_error;
        if (sd_bus_message_read(message, "tts", &sequence, &job, &event) >= 0 &&
            strcmp(event, "diagnosis") == 0)
                *changed = true;
        return 0;
}

static int on_owner_changed(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        bool *changed = userdata;

        (void)message;
        (void)ret_error;
        *changed = true;
        return 0;
}

static char *copy_of(const struct row *row, const char *key)
{
        const char *text = row_text(row, key);

        return text != NULL ? format_message("%s", text) : NULL;
}

static enum verdict verdict_from(const char *text)
{
        for (int verdict = VERDICT_OK; verdict < VERDICT_COUNT; verdict++)
                if (text != NULL && strcmp(text, verdict_to_string((enum verdict)verdict)) == 0)
                        return (enum verdict)verdict;
        return VERDICT_SKIPPED;
}

static void add_rows(struct doctor *doctor, const struct rows *rows)
{
        for (size_t i = 0; i < rows->count; i++) {
                const struct row *row = &rows->items[i];
                const char *check = row_text(row, "Check"), *text = row_text(row, "Text");

                doctor->check = check != NULL ? check : "API";
                doctor_add(doctor, verdict_from(row_text(row, "Verdict")),
                           format_message("%s", text != NULL ? text : ""), copy_of(row, "Advice"),
                           copy_of(row, "Facts"));
        }
}

/* Returns 0 with the rows; none: it is not ready yet. */
static int ask(struct doctor *doctor, struct rows *rows, struct call_failure *failure)
{
        CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;

        int r = client_try(doctor->client, client_message(doctor->client, "Diagnose"), &reply, failure);
        if (r < 0)
                return r;
        return rows_read(rows, reply);
}

static int wait_for_rows(struct doctor *doctor, struct rows *rows, struct call_failure *failure)
{
        CLEANUP(cleanup_sd_bus_slot_unref) sd_bus_slot *event = NULL, *owner = NULL;
        CLEANUP(cleanup_free)
        char *match =
                format_message("type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                               "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s'",
                               doctor->client->name);
        sd_bus *bus = doctor->client->bus;
        bool changed = false;

        client_set_deadline(doctor->client, WAIT_US);
        int r = sd_bus_match_signal(bus, &event, doctor->client->name, SERVICE_PATH, SERVICE_INTERFACE,
                                    "JobEvent", on_event, &changed);
        if (r >= 0)
                r = sd_bus_add_match(bus, &owner, match, on_owner_changed, &changed);
        while (r >= 0 && rows->count == 0) {
                changed = false;
                r = ask(doctor, rows, failure);
                while (r >= 0 && rows->count == 0 && !changed)
                        r = client_process(doctor->client);
        }
        return r;
}

static void explain(struct doctor *doctor, int error, const struct call_failure *failure)
{
        if (failure->name != NULL && strstr(failure->name, "UnknownMethod") != NULL)
                doctor_add(doctor, VERDICT_WARNING, format_message("the service is of an older version"),
                           format_message("run 'systemctl restart %s'", doctor->unit), NULL);
        else
                doctor_add(
                        doctor, VERDICT_FAILURE,
                        format_message("the service does not say how the API is: %s",
                                       failure->message != NULL ? failure->message
                                       : error == -ETIME        ? "it has no request left"
                                                                : strerror(-error)),
                        format_message("see '%s status' and 'journalctl -u %s'", doctor->tool, doctor->unit),
                        NULL);
}

void doctor_check_api(struct doctor *doctor)
{
        struct call_failure failure = { .name = NULL };
        struct rows rows = { .items = NULL };

        if (!doctor->running) {
                doctor_add(doctor, VERDICT_SKIPPED, format_message("the service cannot be asked"), NULL,
                           NULL);
                return;
        }
        int r = wait_for_rows(doctor, &rows, &failure);
        if (r < 0)
                explain(doctor, r, &failure);
        else
                add_rows(doctor, &rows);
        call_failure_clear(&failure);
        rows_clear(&rows);
}
