/* SPDX-License-Identifier: MIT */

/*
 * usage: events DIRECTORY GROUP SECONDS [URI PASSWORD]
 *
 * Records changes of jobs, with one hook, as the daemon does: a loop queues GROUP of them at a time, and the
 * state writer writes them. Prints how many a second were recorded, and the longest time in ms for which the
 * loop could not run, of which a timer reminds it each millisecond.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/clock.h"
#include "state/state.h"
#include "util/container.h"
#include "util/timer.h"
#include "util/timespan.h"

#define TICK_US 1000

struct bench;

struct change {
        struct state_operation operation;
        struct bench *bench;
        struct event event;
        char result[64];
};

struct bench {
        sd_event *event;
        struct state *state;
        struct change *changes;
        unsigned group, waiting;
        uint64_t numbered, recorded;
        uint64_t begin_us, end_us;
        sd_event_source *timer;
        uint64_t tick_us, longest_us;
};

static int change_run(struct state_operation *operation, struct store *store)
{
        static const char *const hooks[] = { "mail" };
        struct change *change = CONTAINER_OF(operation, struct change, operation);
        uint64_t delivery;

        int r = store_fill_event(store, &change->event);
        return r < 0 ? r : store_record_event(store, &change->event, hooks, 1, &delivery);
}

static void queue_group(struct bench *bench);

static void change_done(struct state_operation *operation, int r)
{
        struct change *change = CONTAINER_OF(operation, struct change, operation);
        struct bench *bench = change->bench;

        if (r < 0) {
                (void)fprintf(stderr, "events: %s\n", operation->error);
                exit(EXIT_FAILURE);
        }
        text_clear(&change->event.status_before);
        text_clear(&change->event.result_before);
        text_clear(&change->event.discover);
        bench->recorded++;
        if (clock_process_us() >= bench->end_us)
                (void)sd_event_exit(bench->event, 0);
        else if (--bench->waiting == 0)
                queue_group(bench);
}

static void queue_group(struct bench *bench)
{
        bench->waiting = bench->group;
        for (unsigned i = 0; i < bench->group; i++) {
                struct change *change = &bench->changes[i];
                uint64_t number = ++bench->numbered;

                (void)snprintf(change->result, sizeof(change->result), "{\"rows\": 1000, \"done\": %llu}",
                               (unsigned long long)number);
                change->bench = bench;
                change->operation = (struct state_operation){ .run = change_run, .done = change_done };
                change->event = (struct event){
                        .kind = EVENT_CHANGED,
                        .outcome = OUTCOME_OPEN,
                        .time_us = clock_wall_us(),
                        .record = {
                                .id = i + 1,
                                .status = TEXT_LITERAL("Running"),
                                .result = { change->result, strlen(change->result) },
                                .description = TEXT_LITERAL("Import of members"),
                                .has_status = true,
                                .has_result = true,
                        },
                };
                (void)snprintf(change->event.id, sizeof(change->event.id), "00000000-0000-4000-8000-%012llu",
                               (unsigned long long)number);
                state_queue(bench->state, &change->operation);
        }
}

static void on_tick(void *userdata)
{
        struct bench *bench = userdata;
        uint64_t now_us = clock_process_us();

        if (bench->tick_us != 0 && now_us > bench->tick_us + TICK_US &&
            now_us - bench->tick_us - TICK_US > bench->longest_us)
                bench->longest_us = now_us - bench->tick_us - TICK_US;
        bench->tick_us = now_us;
        timer_start(bench->timer, TICK_US);
}

static struct store *open_store(int argc, char *argv[])
{
        const struct store_database database = {
                .uri = argc > 4 ? argv[4] : NULL,
                .password = argc > 5 ? argv[5] : NULL,
                .instance = argv[1],
                .host = "bench",
        };
        struct store *store = NULL;
        char *message = NULL;

        int r = database.uri != NULL ? store_open_database(argv[1], &database, &message, &store)
                                     : store_open(argv[1], &message, &store);
        if (r < 0) {
                (void)fprintf(stderr, "events: %s\n", message);
                exit(EXIT_FAILURE);
        }
        return store;
}

int main(int argc, char *argv[])
{
        struct bench bench = { .event = NULL };

        if (argc < 4) {
                (void)fputs("usage: events DIRECTORY GROUP SECONDS [URI PASSWORD]\n", stderr);
                return EXIT_FAILURE;
        }
        bench.group = (unsigned)strtoul(argv[2], NULL, 10);
        bench.changes = calloc(bench.group, sizeof(*bench.changes));
        if (bench.changes == NULL || sd_event_new(&bench.event) < 0 ||
            state_use(bench.event, open_store(argc, argv), &bench.state) < 0 || state_start(bench.state) < 0)
                return EXIT_FAILURE;

        bench.begin_us = clock_process_us();
        bench.end_us = bench.begin_us + strtoull(argv[3], NULL, 10) * USEC_PER_SEC;
        bench.timer = timer_new(bench.event, CLOCK_MONOTONIC, 1, on_tick, &bench);
        timer_start(bench.timer, TICK_US);
        queue_group(&bench);
        (void)sd_event_loop(bench.event);

        double seconds = (double)(clock_process_us() - bench.begin_us) / USEC_PER_SEC;
        (void)printf("%.1f %.2f\n", (double)bench.recorded / seconds, (double)bench.longest_us / 1000);
        (void)fflush(stdout);
        _Exit(EXIT_SUCCESS); /* the rest of a group may wait for a server for a long time */
}
