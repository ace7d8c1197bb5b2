/* SPDX-License-Identifier: MIT */

/*
 * Reads what is left with SQLite alone, once the state has opened it. Of what was asked for and not answered,
 * all is there or nothing.
 */

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "told.h"

#include "state/store.h"
#include "util/file.h"

static sqlite3 *database;
static bool is_found[EVENTS_MAX];
static unsigned kept, lost; /* of what was MAYBE */

/* ---- asking ---- */

typedef void (*row_handler)(sqlite3_stmt *row);

static void each_row(const char *sql, row_handler handler)
{
        sqlite3_stmt *statement = NULL;
        int code;

        if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK)
                broken("%s: %s", sql, sqlite3_errmsg(database));
        while ((code = sqlite3_step(statement)) == SQLITE_ROW)
                handler(statement);
        if (code != SQLITE_DONE)
                broken("%s: %s", sql, sqlite3_errmsg(database));
        (void)sqlite3_finalize(statement);
}

static bool column_is(sqlite3_stmt *row, int column, const char *text, size_t size)
{
        return (size_t)sqlite3_column_bytes(row, column) == size &&
               (size == 0 || memcmp(sqlite3_column_blob(row, column), text, size) == 0);
}

static void vote(bool is_kept)
{
        *(is_kept ? &kept : &lost) += 1;
}

static void on_finding(sqlite3_stmt *row)
{
        if (strcmp((const char *)sqlite3_column_text(row, 0), "ok") != 0)
                broken("The database is damaged: %s", (const char *)sqlite3_column_text(row, 0));
}

static void on_orphan(sqlite3_stmt *row)
{
        broken("A row of %s refers to nothing", (const char *)sqlite3_column_text(row, 0));
}

/* ---- events ---- */

/* sequence, id, job, status */
static void on_event(sqlite3_stmt *row)
{
        const char *id = (const char *)sqlite3_column_text(row, 1);
        unsigned number = id != NULL && strlen(id) == ID_SIZE - 1 ? (unsigned)strtoul(id + 24, NULL, 10) : 0;
        uint64_t sequence = (uint64_t)sqlite3_column_int64(row, 0);

        if (number == 0 || number >= told->count || told->events[number].recorded == NO ||
            told->events[number].is_pruned)
                broken("There is an event %s that is not to be there", id);
        struct told_event *event = &told->events[number];
        if (event->recorded == YES && sequence != event->sequence)
                broken("Event %u has the number %" PRIu64 " and not %" PRIu64, number, sequence,
                       event->sequence);
        if (event->recorded == MAYBE) {
                if (sequence <= told->sequence_max)
                        broken("Event %u has the number %" PRIu64 ", which was given before", number,
                               sequence);
                event->sequence = sequence;
        }
        const char *status = status_text(number);
        if ((unsigned)sqlite3_column_int64(row, 2) != event->job ||
            !column_is(row, 3, status, strlen(status)))
                broken("Event %u is another one", number);
        is_found[number] = true;
}

static struct told_event *event_of_sequence(uint64_t sequence)
{
        for (unsigned number = 1; number < told->count; number++)
                if (is_found[number] && told->events[number].sequence == sequence)
                        return &told->events[number];
        broken("A row refers to the event with the number %" PRIu64 ", which is not there", sequence);
}

/* Those that were recorded when the power was lost are recorded now, or never were. */
static void settle_events(void)
{
        for (unsigned number = 1; number < told->count; number++) {
                struct told_event *event = &told->events[number];

                if (event->recorded == YES && !is_found[number] && !event->may_be_pruned)
                        broken("Event %u, which was reported with the number %" PRIu64 ", is lost", number,
                               event->sequence);
                event->is_pruned = event->recorded == YES && !is_found[number];
                if (event->recorded == MAYBE) {
                        vote(is_found[number]);
                        event->recorded = is_found[number] ? YES : NO;
                }
                if (is_found[number] && event->sequence > told->sequence_max)
                        told->sequence_max = event->sequence;
        }
}

static bool is_unlogged[EVENTS_MAX];

static void on_unlogged(sqlite3_stmt *row)
{
        is_unlogged[event_of_sequence((uint64_t)sqlite3_column_int64(row, 0)) - told->events] = true;
}

static void settle_marks(void)
{
        for (unsigned number = 1; number < told->count; number++) {
                struct told_event *event = &told->events[number];

                if (!is_found[number])
                        continue;
                if (event->logged == MAYBE)
                        vote(!is_unlogged[number]);
                else if ((event->logged == NO) != is_unlogged[number])
                        broken("Event %u counts as %s", number, is_unlogged[number] ? "unlogged" : "logged");
                event->logged = is_unlogged[number] ? NO : YES;
        }
}

/* ---- deliveries ---- */

static unsigned delivery_count;

static bool is_at(const struct delivery_place *left, const struct delivery_place *right)
{
        return left->state == right->state && left->attempts == right->attempts;
}

/* event, hook, state, attempts, id: of an event that was not reported, all are new */
static void on_delivery(sqlite3_stmt *row)
{
        struct told_event *event = event_of_sequence((uint64_t)sqlite3_column_int64(row, 0));
        const char *hook = (const char *)sqlite3_column_text(row, 1);
        unsigned place = 0;

        while (place < event->hooks && strcmp(hook, hook_names[place]) != 0)
                place++;
        if (place == event->hooks)
                broken("Event %d is delivered to %s", (int)(event - told->events), hook);
        struct told_delivery *delivery = &event->deliveries[place];
        const struct delivery_place found = { *(const char *)sqlite3_column_text(row, 2),
                                              (unsigned)sqlite3_column_int64(row, 3) };
        if (delivery->now.state == '\0')
                delivery->now = delivery->next = (struct delivery_place){ .state = 'p' };
        if (!is_at(&found, &delivery->now) && !is_at(&found, &delivery->next))
                broken("A delivery of event %d to %s is at %c %u, which was at %c %u",
                       (int)(event - told->events), hook, found.state, found.attempts, delivery->now.state,
                       delivery->now.attempts);
        if (!is_at(&delivery->now, &delivery->next))
                vote(is_at(&found, &delivery->next));
        delivery->now = delivery->next = found;
        delivery->id = (uint64_t)sqlite3_column_int64(row, 4);
        delivery_count++;
}

static void count_deliveries(void)
{
        unsigned expected = 0;

        for (unsigned number = 1; number < told->count; number++)
                if (is_found[number])
                        expected += told->events[number].hooks;
        if (delivery_count != expected)
                broken("There are %u deliveries and not %u", delivery_count, expected);
}

/* ---- jobs and values ---- */

static bool job_is_found[JOBS + 1];

/* id, status, result: as the last event says, or that event would be recorded again */
static void on_job(sqlite3_stmt *row)
{
        unsigned job = (unsigned)sqlite3_column_int64(row, 0), last = job <= JOBS ? told_last_event(job) : 0;
        size_t size = 0;

        if (last == 0)
                broken("There is a job %u without an event", job);
        const char *status = status_text(last), *result = result_text(last, &size);
        if (!column_is(row, 1, status, strlen(status)))
                broken("Job %u is not as its last event, %u", job, last);
        if (!column_is(row, 2, result, size))
                broken("The result of job %u is not that of its last event, %u", job, last);
        job_is_found[job] = true;
}

static unsigned values_found[VALUES];

static void on_value(sqlite3_stmt *row)
{
        for (unsigned i = 0; i < VALUES; i++)
                if (strcmp((const char *)sqlite3_column_text(row, 0), value_names[i]) == 0)
                        values_found[i] =
                                (unsigned)strtoul((const char *)sqlite3_column_text(row, 1), NULL, 10);
}

static void settle_values(void)
{
        for (unsigned i = 0; i < VALUES; i++) {
                unsigned found = values_found[i];

                if (found != told->values[i] && found != told->next_values[i])
                        broken("The value \"%s\" is %u, which was %u", value_names[i], found,
                               told->values[i]);
                if (told->values[i] != told->next_values[i])
                        vote(found == told->next_values[i]);
                told->values[i] = told->next_values[i] = found;
        }
}

/* ---- files ---- */

/* The file as it was written at some time, and whole. */
static void verify_page(const char *directory)
{
        char path[PATH_MAX + 8], *data = NULL;
        size_t size = 0, expected;

        (void)snprintf(path, sizeof(path), "%s/page", directory);
        if (file_read(path, 1 << 20, &data, &size) < 0)
                return;
        for (unsigned page = told->page; page > 0; page--) {
                const char *text = result_text(page, &expected);

                if (size == expected && memcmp(data, text, size) == 0) {
                        free(data);
                        return;
                }
        }
        broken("A file of %zu bytes is not what was written", size);
}

void verify(const char *directory)
{
        char path[PATH_MAX + 16], *message = NULL;
        struct store *store = NULL;

        verify_page(directory);
        if (store_open(directory, &message, &store) < 0)
                broken("%s", message);
        (void)store_close(store);
        (void)snprintf(path, sizeof(path), "%s/jobwatchd.db", directory);
        if (sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
                broken("It does not open");
        each_row("PRAGMA integrity_check", on_finding);
        each_row("PRAGMA foreign_key_check", on_orphan);
        each_row("SELECT sequence, id, job, status FROM events", on_event);
        settle_events();
        each_row("SELECT event FROM unlogged", on_unlogged);
        settle_marks();
        each_row("SELECT event, hook, state, attempts, id FROM deliveries", on_delivery);
        count_deliveries();
        each_row("SELECT j.id, j.status, t.data FROM jobs AS j LEFT JOIN texts AS t ON t.job = j.id "
                 "AND t.hash = j.result_hash AND t.size = j.result_size",
                 on_job);
        for (unsigned job = 1; job <= JOBS; job++)
                if (told_last_event(job) > 0 && !job_is_found[job])
                        broken("Job %u is lost", job);
        each_row("SELECT key, data FROM \"values\"", on_value);
        settle_values();
        (void)sqlite3_close(database);
        if (kept > 0 && lost > 0)
                broken("Of what was asked for when the power was lost, %u are there and %u are not", kept,
                       lost);
        told->kept += kept > 0;
        told->lost += lost > 0;
}
