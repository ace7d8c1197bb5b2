/* SPDX-License-Identifier: MIT */

/*
 * A process that uses the state in any order, as the daemon does, and tells what the state has said. Each
 * step is one transaction.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lossy_disk.h"
#include "told.h"

#include "../unit/random.h"
#include "state/store.h"
#include "util/file.h"

static struct {
        uint64_t random;
        const char *directory;
        struct store *store;
} life;

static unsigned draw(unsigned count)
{
        return (unsigned)(random_next(&life.random) % count);
}

static void succeed(int r, const char *what)
{
        if (r < 0)
                broken("%s fails: %s (%s)", what, strerror(-r), store_error(life.store));
}

static void open_store(void)
{
        char *message = NULL;

        if (store_open(life.directory, &message, &life.store) < 0)
                broken("%s", message);
        told->is_open = true;
}

static void step_reopen(void)
{
        told->is_open = false;
        life.store = store_close(life.store);
        open_store();
}

static void step_tidy(void)
{
        while (store_tidy(life.store) && draw(4) > 0)
                ;
}

/* ---- events ---- */

static void record(unsigned number)
{
        struct told_event *told_event = &told->events[number];
        unsigned before = told_last_event(told_event->job);
        uint64_t deliveries[HOOKS] = { 0 };
        struct event event = {
                .kind = EVENT_CHANGED,
                .time_us = UINT64_C(1700000000000000) + number,
                .record = { .id = told_event->job, .has_status = true, .has_result = true },
        };

        event_id(number, event.id);
        event.record.status.data = (char *)(uintptr_t)status_text(number);
        event.record.status.size = strlen(event.record.status.data);
        event.record.result.data = (char *)(uintptr_t)result_text(number, &event.record.result.size);
        if (before > 0)
                event.result_before.data = (char *)(uintptr_t)result_text(before, &event.result_before.size);
        succeed(store_record_event(life.store, &event, hook_names, told_event->hooks, deliveries),
                "Recording an event");
        told_event->sequence = event.sequence;
        for (unsigned i = 0; i < told_event->hooks; i++) {
                const struct delivery_place pending = { .state = 'p' };

                told_event->deliveries[i] = (struct told_delivery){ deliveries[i], pending, pending };
        }
}

static void report(unsigned number)
{
        struct told_event *event = &told->events[number];

        if (event->sequence <= told->sequence_max)
                broken("Event %u has the number %llu after %llu", number, (unsigned long long)event->sequence,
                       (unsigned long long)told->sequence_max);
        told->sequence_max = event->sequence;
        event->recorded = YES;
        told->reported++;
}

static void step_record(void)
{
        unsigned count = draw(3) > 0 ? 1 : 1 + draw(draw(20) == 0 ? 60 : 6), first = told->count;

        if (first + count > EVENTS_MAX)
                return;
        for (unsigned number = first; number < first + count; number++)
                told->events[number] = (struct told_event){ .recorded = MAYBE,
                                                            .job = 1 + draw(JOBS),
                                                            .hooks = draw(HOOKS + 1) };
        told->count = first + count;
        if (count > 1)
                succeed(store_batch_begin(life.store), "A transaction");
        for (unsigned number = first; number < first + count; number++)
                record(number);
        if (count > 1)
                succeed(store_batch_end(life.store, true), "A transaction");
        for (unsigned number = first; number < first + count; number++)
                report(number);
}

static void step_log(void)
{
        char ids[8][ID_SIZE];
        const char *list[8] = { NULL };
        unsigned numbers[8], count = 0;

        for (unsigned number = 1; number < told->count && count < 8; number++)
                if (told->events[number].recorded == YES && told->events[number].logged == NO) {
                        event_id(number, ids[count]);
                        list[count] = ids[count];
                        told->events[number].logged = MAYBE;
                        numbers[count++] = number;
                }
        succeed(store_mark_logged(life.store, list, count), "A mark");
        for (unsigned i = 0; i < count; i++)
                told->events[numbers[i]].logged = YES;
}

/* ---- deliveries ---- */

/* One of those in this state, or NULL. */
static struct told_delivery *choose_delivery(char state)
{
        struct told_delivery *chosen = NULL;
        unsigned seen = 0;

        for (unsigned number = 1; number < told->count; number++) {
                struct told_event *event = &told->events[number];

                for (unsigned i = 0; i < event->hooks && event->recorded == YES && !event->may_be_pruned; i++)
                        if (event->deliveries[i].now.state == state && draw(++seen) == 0)
                                chosen = &event->deliveries[i];
        }
        return chosen;
}

static void step_deliver(void)
{
        struct told_delivery *delivery = choose_delivery('p');
        int r;

        if (delivery == NULL)
                return;
        delivery->next.attempts++;
        switch (draw(6)) {
        case 0:
                r = store_delivery_retry(life.store, delivery->id, 1, 1, "exit status 1");
                break;
        case 1:
                delivery->next.state = 'f';
                r = store_delivery_failed(life.store, delivery->id, 1, "exit status 1");
                break;
        default:
                delivery->next.state = 'd';
                r = store_delivery_done(life.store, delivery->id, 1);
        }
        succeed(r, "The end of an attempt");
        delivery->now = delivery->next;
}

static void step_retry(void)
{
        struct told_delivery *delivery = choose_delivery('f');

        if (delivery == NULL)
                return;
        delivery->next = (struct delivery_place){ .state = 'p' };
        succeed(store_retry_deliveries(life.store, &delivery->id, 1), "A retry");
        delivery->now = delivery->next;
}

/* ---- values, pruning, files ---- */

static void step_value(void)
{
        unsigned value = draw(VALUES);
        char text[32];

        told->next_values[value] = draw(8) == 0 ? 0 : 1 + draw(1000000);
        int size = snprintf(text, sizeof(text), "%u", told->next_values[value]);
        succeed(store_put_value(life.store, value_names[value], told->next_values[value] > 0 ? text : NULL,
                                (size_t)size),
                "A value");
        told->values[value] = told->next_values[value];
}

static bool is_open(const struct told_event *event)
{
        for (unsigned i = 0; i < event->hooks; i++)
                if (event->deliveries[i].now.state == 'p')
                        return true;
        return event->logged != YES;
}

static void step_prune(void)
{
        uint64_t jobs[JOBS];
        const struct store_configured configured = {
                .hooks = hook_names, .hook_count = HOOKS, .jobs = jobs, .job_count = JOBS
        };

        for (unsigned job = 1; job <= JOBS; job++)
                jobs[job - 1] = job;
        for (unsigned number = 1; number < told->count; number++)
                if (told->events[number].recorded == YES && !is_open(&told->events[number]))
                        told->events[number].may_be_pruned = true;
        succeed(store_prune(life.store, INT64_MAX, 0, &configured), "Pruning");
}

/* As a page of a report is written. */
static void step_page(void)
{
        char path[PATH_MAX + 8];
        size_t size;

        (void)snprintf(path, sizeof(path), "%s/page", life.directory);
        const char *text = result_text(++told->page, &size);
        succeed(file_replace(path, text, size, false, true), "Replacing a file");
}

/* ---- the process ---- */

static void step(void)
{
        static void (*const steps[])(void) = {
                step_record,  step_record, step_record,  step_record,  step_log,
                step_log,     step_log,    step_deliver, step_deliver, step_deliver,
                step_deliver, step_retry,  step_value,   step_tidy,    step_page,
        };
        unsigned chance = draw(100);

        if (chance == 0)
                step_reopen();
        else if (chance < 3)
                step_prune();
        else
                steps[draw(sizeof(steps) / sizeof(steps[0]))]();
}

void live(const char *directory, uint64_t seed)
{
        life.random = seed;
        life.directory = directory;
        told->is_open = false;
        open_store();
        for (unsigned steps = 1 + draw(80); steps > 0; steps--)
                step();
        lossy_disk_lose();
}
