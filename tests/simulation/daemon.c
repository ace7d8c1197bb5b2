/* SPDX-License-Identifier: MIT */

/*
 * The life of the daemon: starts, stops and crashes, as app/ would have them; and what it reports to, the
 * journal and the outbox. Every event on disk reaches both, in order, and the journal again after a crash.
 */

#include "sim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/state_open.h"
#include "delivery/outbox.h"
#include "monitor/last_run.h"
#include "monitor/monitor.h"
#include "platform/clock.h"
#include "util/message.h"

/* ---- the configuration ---- */

static struct string_list words(const char *first, const char *second)
{
        struct string_list list = { 0 };

        string_list_add(&list, first);
        string_list_add(&list, second);
        return list;
}

/* Its filters ask for what check_feed.c compares: see the descriptions in pages.c. */
static void configure_section(const struct settings *file, const struct section *section,
                              struct discover_config *config)
{
        static const char *const patterns[] = { NULL, "*MEMBERS", "bulk*", "Export" };

        config->name = format_message("section-%td", section - file->sections);
        if (section->business != 0)
                id_list_add(&config->business, section->business);
        if (section->description != 0)
                string_list_add(&config->description, patterns[section->description]);
        config->since_us = section->since_us;
        config->poll.interval_us = file->interval_us;
        config->poll.max_interval_us = 8 * file->interval_us;
}

static void configure_feed(const struct settings *file, struct config *config)
{
        config->poll.interval_us = file->interval_us;
        config->poll.feed = file->feed ? FEED_AUTO : FEED_OFF;
        config->poll.sweep_interval_us = file->sweep_interval_us;
        config->discovers = calloc(SECTIONS_MAX + 1, sizeof(*config->discovers));
        if (config->discovers == NULL)
                abort();
        for (size_t i = 0; i < SECTIONS_MAX; i++)
                if (file->sections[i].present)
                        configure_section(file, &file->sections[i],
                                          &config->discovers[config->discover_count++]);
}

/* What the configuration file says. */
struct config *configure(const struct sim *sim)
{
        uint64_t interval_us = sim->account.present ? sim->changes.file.interval_us : 0;
        struct config *config = calloc(1, sizeof(*config));

        if (config == NULL)
                abort();
        config->references = 1;
        config->path = strdup("/etc/jobwatchd/jobwatchd.ini");
        config->status_file = strdup(config->path);
        config->state_directory = strdup("/var/lib/jobwatchd");
        config->state_database = strdup("");
        config->api.base_url = strdup("https://spaces.nexudus.com");
        config->api.token_file = strdup("/token");
        config->poll.interval_us = sim->limits.shortest_interval_us;
        config->poll.batch_size = sim->limits.batch_size;
        if (sim->account.present)
                configure_feed(&sim->changes.file, config);
        else
                config->poll.feed = FEED_OFF;
        config->state_keep_us = 90 * USEC_PER_DAY;
        config->limits = (struct limits_config){
                .min_spacing_us = sim->limits.rate_limiter.min_spacing_us,
                .per_minute = sim->limits.rate_limiter.per_minute,
                .per_hour = sim->limits.rate_limiter.per_hour,
                .per_day = sim->limits.rate_limiter.per_day,
        };
        config->status.failure = words("Failed", "Cancel*");
        config->status.success = words("Completed", "Done");
        config->status.running = words("Running", "Pending");
        config->jobs = calloc(sim->job_count, sizeof(*config->jobs));
        if (config->jobs == NULL)
                abort();
        for (size_t i = 0; i < sim->job_count; i++) {
                if (!sim->jobs[i].watched.in_file)
                        continue;
                config->jobs[config->job_count++] = (struct job_config){
                        .id = sim->jobs[i].id,
                        .poll = {
                                .interval_us = interval_us != 0 ? interval_us : sim->jobs[i].settings.interval_us,
                                .max_interval_us = interval_us != 0 ? 8 * interval_us : sim->jobs[i].settings.max_interval_us,
                                .stalled_after_us = sim->jobs[i].settings.stalled_after_us,
                                .result_wait_us = sim->jobs[i].settings.result_wait_us,
                        },
                };
        }
        return config;
}

/* ---- the journal ---- */

void journal_set_callbacks(struct journal *journal, const struct journal_callbacks *callbacks)
{
        ((struct sim *)journal)->journal = callbacks != NULL ? *callbacks : (struct journal_callbacks){ 0 };
}

bool journal_is_idle(const struct journal *journal)
{
        (void)journal;
        return true;
}

static void __attribute__((format(printf, 3, 0)))
print(const struct sim *sim, int priority, const char *format, va_list arguments)
{
        if (!sim->verbose)
                return;
        printf("%12.3f %s: ", (double)(sim->now_us - sim->start_us) / 1e6,
               priority == LOG_DEBUG ? "debug" : "log");
        vprintf(format, arguments);
        printf("\n");
}

void journal_print(struct journal *journal, int priority, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        print((struct sim *)journal, priority, format, arguments);
        va_end(arguments);
}

void journal_print_about(struct journal *journal, int priority, const char *message_id, uint64_t job_id,
                         const char *job_name, const char *format, ...)
{
        va_list arguments;

        (void)message_id;
        (void)job_id;
        (void)job_name;
        va_start(arguments, format);
        print((struct sim *)journal, priority, format, arguments);
        va_end(arguments);
}

void journal_print_delivery(struct journal *journal, int priority, const char *message_id,
                            const struct journal_delivery *delivery, const char *format, ...)
{
        va_list arguments;

        (void)message_id;
        (void)delivery;
        va_start(arguments, format);
        print((struct sim *)journal, priority, format, arguments);
        va_end(arguments);
}

static const struct recorded *find_recorded(const struct sim *sim, const struct event *event)
{
        for (size_t i = sim->recorded_count; i > 0; i--)
                if (sim->recorded[i - 1].sequence == event->sequence)
                        return strcmp(sim->recorded[i - 1].id, event->id) == 0 ? &sim->recorded[i - 1] : NULL;
        return NULL;
}

int journal_event(struct journal *journal, const struct event *event)
{
        struct sim *sim = (struct sim *)journal;

        if (sim->disk_dead)
                return 0;
        if (sim->journal_down_until_us > sim->now_us || sim->journal_refused) {
                sim->journal_refused = sim->journal_behind = true;
                return -EXFULL;
        }
        if (event->sequence > sim->journaled + 1 || find_recorded(sim, event) == NULL)
                sim_fail(sim, NULL, "event %" PRIu64 " was logged after event %" PRIu64, event->sequence,
                         sim->journaled);
        if (event->sequence <= sim->journaled && sim->monitor_started && !sim->journal_behind)
                sim_fail(sim, NULL, "event %" PRIu64 " was logged again", event->sequence);
        if (event->sequence > sim->journaled)
                sim->journaled = event->sequence;
        if (event->sequence == sim->last_sequence) /* the last of those that are read again */
                sim->journal_behind = false;
        sim->journal.on_sent(sim->journal.userdata, event->id);
        return 0;
}

/* That an event was refused is all that is wrong, or another could not be sent: then it is tried again later.
 */
void journal_run(struct sim *sim)
{
        if (!sim->journal_refused || sim->journal_down_until_us > sim->now_us)
                return;
        sim->journal_refused = false;
        sim->journal.on_drained(sim->journal.userdata, chance_permille(sim, 500) ? -EXFULL : -EIO);
}

/* ---- the outbox ---- */

size_t outbox_select(const struct config *config, const struct string_list *hooks, const struct event *event,
                     const char *ret_names[])
{
        (void)config;
        (void)hooks;
        ret_names[0] = "hook";
        return event->sequence % 2;
}

void outbox_add(struct outbox *outbox, const struct event *event, const char *const hooks[],
                const uint64_t delivery_ids[], size_t count)
{
        struct sim *sim = (struct sim *)outbox;
        const struct recorded *recorded = find_recorded(sim, event);

        (void)hooks;
        if (sim->disk_dead)
                return;
        if (event->sequence != sim->handed + 1 || recorded == NULL ||
            recorded->delivery != (count > 0 ? delivery_ids[0] : 0))
                sim_fail(sim, NULL, "event %" PRIu64 " was given to the outbox after event %" PRIu64,
                         event->sequence, sim->handed);
        sim->handed = event->sequence;
}

/* ---- start ---- */

/* The buckets are empty unless the state shows that no run ended within the last day. */
static void expect_limits(struct sim *sim)
{
        uint64_t wall = clock_wall_us();
        struct request_times *times = &sim->times;
        bool recent = sim->ended_wall_us == 0 || wall < sim->ended_wall_us ||
                      wall - sim->ended_wall_us < USEC_PER_DAY;

        /* A clock that was set forward looks like a long stop; and what was not written is not known. */
        if ((recent && !sim->value_lost) || times->count == 0 ||
            times->at_us[times->count - 1] + USEC_PER_DAY <= sim->now_us)
                return;
        times->first = times->count;
        for (size_t i = 0; i < 3; i++)
                times->tails[i] = times->count;
}

/* Retry-After outlives a restart, by the wall clock. */
static void expect_pause(struct sim *sim)
{
        const char *text = disk_value(sim, "retry after");
        uint64_t wall = clock_wall_us(), saved_us = 0, span_us = 0;

        if (text != NULL && sscanf(text, "%" SCNu64 " %" SCNu64, &saved_us, &span_us) == 2) {
                span_us = span_us < USEC_PER_HOUR ? span_us : USEC_PER_HOUR;
                if (wall >= saved_us)
                        span_us = wall - saved_us < span_us ? span_us - (wall - saved_us) : 0;
        }
        if (sim->value_lost || sim->pause_jumps != sim->wall_jumps)
                sim->wire.named_us = sim->now_us + span_us;
        if (span_us > 0)
                sim->wire.pause_us = sim->now_us + span_us;
}

static void on_idle(void *userdata)
{
        struct sim *sim = userdata;

        if (!monitor_is_idle(sim->monitor)) /* any more */
                return;
        if (sim->changes.once) {
                sim->changes.once_ended = true;
                return;
        }
        for (size_t i = 0; i < sim->job_count; i++)
                if (feed_watches(sim, &sim->jobs[i]) && !sim->jobs[i].reported_end)
                        sim_fail(sim, &sim->jobs[i], "nothing is left to poll, and its end was not reported");
}

static bool reread_token(void *userdata)
{
        (void)userdata;
        return false;
}

static void expect_run(struct sim *sim)
{
        sim->run_us = sim->now_us;
        if (sim->changes.present)
                watch_start(sim);
        sim->lone_count = sim->lone_most = sim->open_at_start = 0;
        wire_start(sim);
        expect_limits(sim);
        expect_pause(sim);
        for (size_t i = 0; i < sim->job_count; i++) {
                const struct stored_job *stored = &sim->jobs[i].stored;

                wire_job_start(sim, &sim->jobs[i]);
                sim->open_at_start += sim->jobs[i].listed && feed_watches(sim, &sim->jobs[i]) &&
                                      (stored->id == 0 || !outcome_is_terminal(stored->outcome) ||
                                       stored->outcome == OUTCOME_GONE);
        }
        sim->value_lost = sim->disk_dead = false;
        sim->handed = sim->last_sequence; /* the outbox finds those of earlier runs in the state */
        sim->journal_refused = sim->journal_behind = false;
        sim->peek_us = USEC_NEVER;
        sim->figures.starts++;
        feed_start(sim);
        once_begin(sim);
}

void daemon_start(struct sim *sim)
{
        sd_event *event = (sd_event *)sim;
        struct journal *journal = (struct journal *)sim;
        char *message = NULL;

        expect_run(sim);
        sim->config = configure(sim);
        int r = state_open(event, "", &message, &sim->state);
        if (r < 0)
                abort();
        sim->recorder = recorder_new(event, sim->state, (struct outbox *)sim, journal, sim->config);
        const struct monitor_parts parts = {
                .event = event,
                .nexudus = (struct nexudus *)sim,
                .state = sim->state,
                .recorder = sim->recorder,
                .journal = journal,
                .config = sim->config,
                .once = sim->changes.once,
                .on_idle = on_idle,
                .reread_token = reread_token,
                .userdata = sim,
        };
        r = monitor_new(&parts, &sim->monitor);
        if (r < 0)
                abort();
        (void)recorder_replay(sim->recorder);
        sim->monitor_started = true;
        monitor_start(sim->monitor);
        (void)state_start(sim->state);
}

/* ---- stop ---- */

static void free_all(struct sim *sim)
{
        feed_stop(sim);
        state_finish(sim->state);
        writer_finish(sim);
        sim->state = state_close(sim->state);
        sim->monitor = monitor_free(sim->monitor);
        sim->recorder = recorder_free(sim->recorder);
        sim->config = config_free(sim->config);
        api_clear(sim);
        sim->monitor_started = false;
        sim->crash = CRASH_NONE;
        sim->peek_us = USEC_NEVER;
        sim->changes.stopping = sim->changes.once = false;
}

void daemon_stop(struct sim *sim)
{
        sim->changes.stopping = true;
        monitor_stop(sim->monitor);
        writer_finish(sim);
        last_run_end(sim->state);
        sim->ended_wall_us = clock_wall_us();
        free_all(sim);
}

/* All that is not on the disk by now is lost. */
void daemon_crash(struct sim *sim)
{
        if (sim->monitor == NULL)
                return;
        sim->disk_dead = sim->changes.stopping = sim->changes.has_crashed = true;
        sim->ended_wall_us = 0;
        monitor_stop(sim->monitor);
        free_all(sim);
}
