/* SPDX-License-Identifier: MIT */

/*
 * The event loop of the daemon on the simulated clock, instead of sd-event and platform/: what is due is
 * done, one thing after the other, and then time goes on to what is due next.
 */

#include "sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <systemd/sd-id128.h>

#include "platform/clock.h"
#include "platform/random.h"

/* So many things at the same instant are a loop that does not end. */
#define TURNS_MAX 100000

struct sim *simulated;

struct sd_event_source {
        uint64_t at_us, fire_us, accuracy_us; /* fire_us: somewhat later */
        int enabled;
        sd_event_time_handler_t on_time; /* NULL: it is always due */
        sd_event_handler_t on_due;
        void *userdata;
        sd_event_destroy_t on_free;
};

/* ---- clocks and random numbers ---- */

uint64_t clock_wall_us(void)
{
        return simulated->now_us + simulated->wall_offset_us;
}

uint64_t clock_process_us(void)
{
        return simulated->now_us;
}

uint64_t clock_boot_us(void)
{
        return simulated->now_us;
}

uint64_t random_u64(void)
{
        return chance(simulated);
}

int sd_id128_randomize(sd_id128_t *ret_id)
{
        ret_id->qwords[0] = chance(simulated);
        ret_id->qwords[1] = chance(simulated);
        return 0;
}

int sd_event_now(sd_event *event, clockid_t clock, uint64_t *ret_us)
{
        (void)event;
        (void)clock;
        *ret_us = simulated->now_us;
        return 0;
}

/* ---- sources ---- */

static sd_event_source *add_source(void *userdata)
{
        sd_event_source *source = calloc(1, sizeof(*source));

        if (source == NULL || simulated->source_count == SOURCES_MAX)
                abort();
        source->enabled = SD_EVENT_ONESHOT;
        source->userdata = userdata;
        simulated->sources[simulated->source_count++] = source;
        return source;
}

int sd_event_add_time(sd_event *event, sd_event_source **ret_source, clockid_t clock, uint64_t time_us,
                      uint64_t accuracy_us, sd_event_time_handler_t handler, void *userdata)
{
        (void)event;
        (void)clock;
        *ret_source = add_source(userdata);
        (*ret_source)->on_time = handler;
        (*ret_source)->accuracy_us = accuracy_us < 10 * USEC_PER_MSEC ? accuracy_us : 10 * USEC_PER_MSEC;
        return sd_event_source_set_time(*ret_source, time_us);
}

int sd_event_add_defer(sd_event *event, sd_event_source **ret_source, sd_event_handler_t handler,
                       void *userdata)
{
        (void)event;
        *ret_source = add_source(userdata);
        (*ret_source)->on_due = handler;
        return 0;
}

/* Due within the next 50 ms is due now, if requests may go now. */
static void plan_peek(struct sim *sim, uint64_t wake_us)
{
        uint64_t latest_us = wake_us < sim->now_us + USEC_PER_HOUR ? wake_us : sim->now_us + USEC_PER_HOUR;

        sim->peek_us = USEC_NEVER;
        if (latest_us > sim->now_us + 60 * USEC_PER_MSEC && chance_permille(sim, 100))
                sim->peek_us = chance_permille(sim, 300)
                                       ? latest_us - 51 * USEC_PER_MSEC
                                       : chance_span(sim, sim->now_us, latest_us - 51 * USEC_PER_MSEC);
}

int sd_event_source_set_time(sd_event_source *source, uint64_t time_us)
{
        source->at_us = time_us;
        source->fire_us = time_us + chance_below(simulated, source->accuracy_us);
        if (source == simulated->poll_timer)
                plan_peek(simulated, time_us);
        return 0;
}

int sd_event_source_set_time_relative(sd_event_source *source, uint64_t span_us)
{
        return sd_event_source_set_time(source, simulated->now_us + span_us);
}

int sd_event_source_set_enabled(sd_event_source *source, int enabled)
{
        source->enabled = enabled;
        if (source == simulated->poll_timer && enabled == SD_EVENT_OFF)
                simulated->peek_us = USEC_NEVER;
        return 0;
}

int sd_event_source_get_enabled(sd_event_source *source, int *ret_enabled)
{
        *ret_enabled = source->enabled;
        return source->enabled;
}

int sd_event_source_set_description(sd_event_source *source, const char *description)
{
        if (strcmp(description, "monitor-timer") == 0)
                simulated->poll_timer = source;
        return 0;
}

sd_event *sd_event_source_get_event(sd_event_source *source)
{
        (void)source;
        return (sd_event *)simulated;
}

sd_event_source *sd_event_source_disable_unref(sd_event_source *source)
{
        size_t i = 0;

        if (source == NULL)
                return NULL;
        while (simulated->sources[i] != source)
                i++;
        simulated->sources[i] = simulated->sources[--simulated->source_count];
        if (source == simulated->poll_timer)
                simulated->poll_timer = NULL;
        if (source->on_free != NULL)
                source->on_free(source->userdata);
        free(source);
        return NULL;
}

int sd_event_source_set_destroy_callback(sd_event_source *source, sd_event_destroy_t callback)
{
        source->on_free = callback;
        return 0;
}

sd_event *sd_event_ref(sd_event *event)
{
        return event;
}

sd_event *sd_event_unref(sd_event *event)
{
        (void)event;
        return NULL;
}

/* ---- the loop ---- */

static uint64_t due_us(const sd_event_source *source)
{
        if (source->enabled == SD_EVENT_OFF)
                return USEC_NEVER;
        return source->on_time != NULL ? source->fire_us : 0;
}

static sd_event_source *first_source(const struct sim *sim)
{
        sd_event_source *first = sim->sources[0];

        for (size_t i = 1; i < sim->source_count; i++)
                if (due_us(sim->sources[i]) < due_us(first))
                        first = sim->sources[i];
        return first;
}

static uint64_t loop_next_us(const struct sim *sim)
{
        const uint64_t times_us[] = { due_us(first_source(sim)), writer_next_us(sim), api_next_us(sim),
                                      sim->peek_us };
        uint64_t next_us = USEC_NEVER;

        for (size_t i = 0; i < sizeof(times_us) / sizeof(times_us[0]); i++)
                if (times_us[i] < next_us)
                        next_us = times_us[i];
        return next_us;
}

static void fire(sd_event_source *source)
{
        if (source->enabled == SD_EVENT_ONESHOT)
                source->enabled = SD_EVENT_OFF;
        if (source->on_time != NULL)
                (void)source->on_time(source, simulated->now_us, source->userdata);
        else
                (void)source->on_due(source, source->userdata);
}

/* Nothing may become due before the time that the timer is set to, but by a response or a commit. */
static void peek(struct sim *sim)
{
        uint64_t requests = sim->figures.requests, at_us = sim->poll_timer->at_us;

        sim->peek_us = USEC_NEVER;
        fire(sim->poll_timer);
        if (sim->figures.requests == requests &&
            (sim->poll_timer->enabled == SD_EVENT_OFF || sim->poll_timer->at_us != at_us))
                sim_fail(sim, NULL, "the time to wake up has moved by itself");
        if (sim->figures.requests != requests)
                sim_fail(sim, NULL, "a lost wake-up: there was something to request %.3f s before the timer",
                         (double)(at_us - sim->now_us) / 1e6);
}

/* Returns whether anything was due. */
static bool loop_turn(struct sim *sim)
{
        if (writer_run(sim))
                return true;
        if (api_run(sim))
                return true;
        sd_event_source *source = first_source(sim);
        bool due = due_us(source) <= sim->now_us;

        if (due)
                fire(source);
        else if (sim->peek_us <= sim->now_us)
                peek(sim);
        return due;
}

static void loop_run(struct sim *sim)
{
        unsigned turns = 0;

        if (sim->monitor != NULL)
                journal_run(sim);
        while (sim->monitor != NULL && !sim->failed && loop_turn(sim))
                if (++turns == TURNS_MAX)
                        sim_fail(sim, NULL, "a loop without end");
        if (sim->monitor == NULL || sim->failed || loop_next_us(sim) != USEC_NEVER || sim->changes.once_ended)
                return;
        for (size_t i = 0; i < sim->job_count; i++)
                if (feed_watches(sim, &sim->jobs[i]) && !sim->jobs[i].reported_end)
                        sim_fail(sim, &sim->jobs[i], "asleep for ever");
}

/* ---- the simulation ---- */

static void run_all(struct sim *sim)
{
        account_run(sim);
        world_run(sim);
        if (!sim->failed)
                changes_run(sim);
        if (!sim->failed)
                site_run(sim);
        if (!sim->failed && sim->suspended_until_us <= sim->now_us) {
                if (sim->monitor == NULL && sim->up_us <= sim->now_us)
                        daemon_start(sim);
                loop_run(sim);
        }
        if (!sim->failed)
                check_recovery(sim);
        if (!sim->failed && sim->changes.once)
                check_once(sim);
        if (!sim->failed)
                check_asked_poll(sim);
        if (!sim->failed)
                check_api(sim);
        if (!sim->failed)
                check_first_request(sim);
}

void simulate(struct sim *sim)
{
        simulated = sim;
        while (!sim->failed && sim->now_us < sim->end_us) {
                uint64_t next_us = world_next_us(sim), site_us = site_next_us(sim);
                uint64_t daemon_us = sim->monitor != NULL ? loop_next_us(sim) : sim->up_us;

                if (changes_next_us(sim) < next_us)
                        next_us = changes_next_us(sim);
                if (account_next_us(sim) < next_us)
                        next_us = account_next_us(sim);
                if (site_us < next_us)
                        next_us = site_us;
                if (sim->suspended_until_us <= sim->now_us && daemon_us < next_us)
                        next_us = daemon_us;
                if (next_us > sim->end_us)
                        next_us = sim->end_us;
                if (next_us < sim->now_us)
                        next_us = sim->now_us;
                calm_run(sim, next_us);
                sim->now_us = next_us;
                run_all(sim);
        }
        if (!sim->failed)
                check_end(sim);
        daemon_crash(sim);
}
