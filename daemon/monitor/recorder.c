/* SPDX-License-Identifier: MIT */

/*
 * From a change to its traces: an event with an id of its own, one transaction in the store, one entry in the
 * journal. If the transaction fails, there is no event; the poller forgets what it saw and will see it again.
 * If the process dies between the transaction and the entry, recorder_replay() makes up for the entry at the
 * next start. If the entry fails, the journal being away or memory short, it and all that come after it wait
 * until it succeeds.
 */

#include "monitor/recorder.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-id128.h>

#include "journal/event_message.h"
#include "journal/message_ids.h"
#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/text.h"
#include "util/timespan.h"

/* Events that are told and delivered are kept this long. */
#define HISTORY_US (90 * USEC_PER_DAY)

/* How soon an entry that failed is tried again. */
#define REPLAY_RETRY_US (1 * USEC_PER_SEC)

/* Old ones are forgotten at the start and after so many new ones. */
#define PRUNE_EVERY 1000

struct recorder {
        struct state *state;
        struct outbox *outbox;
        struct journal *journal;
        const struct config *config;
        const char **hooks;   /* room for the names of all configured hooks */
        unsigned since_prune; /* events since old ones were forgotten */
        bool state_failing;   /* said so already */
        bool untold;          /* an entry failed; what follows waits for it */
        sd_event_source *replay_timer;
        bool grouping;       /* between recorder_begin() and recorder_commit() */
        struct event *group; /* what is told when the group is on disk */
        size_t group_count, group_room;
};

DEFINE_CLEANUP(struct recorder, recorder_free)

/* ---- telling ---- */

/* What is recorded and not logged is tried again in a while. */
static void retell_later(struct recorder *recorder)
{
        recorder->untold = true;
        (void)sd_event_source_set_time_relative(recorder->replay_timer, REPLAY_RETRY_US);
        (void)sd_event_source_set_enabled(recorder->replay_timer, SD_EVENT_ONESHOT);
}

static int report_event(struct recorder *recorder, const struct event *event)
{
        const char *const ids[] = { event->id };

        if (recorder->untold)
                return 0;
        int r = journal_event(recorder->journal, event);
        if (r < 0) {
                retell_later(recorder);
                return r;
        }
        (void)state_mark_logged(recorder->state, ids, 1); /* if that fails, it is logged again */
        return 0;
}

static int replay_one(void *userdata, const struct event *event)
{
        return report_event(userdata, event);
}

/* All that is recorded and not logged, in its order. */
static int replay(struct recorder *recorder)
{
        recorder->untold = false;
        int r = state_each_unlogged(recorder->state, replay_one, recorder);
        if (r < 0 && r != -EUCLEAN)
                retell_later(recorder);
        return r;
}

static int on_replay_time(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)source;
        (void)time_us;
        struct recorder *recorder = userdata;

        (void)replay(recorder);
        if (!recorder->untold)
                journal_print(recorder->journal, LOG_WARNING,
                              "What happened to jobs could not be logged at once; it has been now.");
        return 0;
}

/* The history is for looking back, and is not to fill the disk. */
static void prune(struct recorder *recorder)
{
        recorder->since_prune = 0;
        (void)state_prune(recorder->state, clock_wall_us() - HISTORY_US);
}

int recorder_replay(struct recorder *recorder)
{
        prune(recorder);
        int r = replay(recorder);
        if (r == -EUCLEAN)
                journal_print(recorder->journal, LOG_ERR,
                              "An event in the state in %s is damaged and cannot be logged: %s.",
                              config_state_directory(recorder->config), state_error(recorder->state));
        return r;
}

/* ---- the recorder ---- */

static void group_clear(struct recorder *recorder)
{
        for (size_t i = 0; i < recorder->group_count; i++)
                event_clear(&recorder->group[i]);
        recorder->group_count = 0;
}

int recorder_new(sd_event *event, struct state *state, struct outbox *outbox, struct journal *journal,
                 const struct config *config, struct recorder **ret_recorder)
{
        CLEANUP(cleanup_recorder_free) struct recorder *recorder = calloc(1, sizeof(*recorder));

        if (recorder == NULL)
                return -ENOMEM;
        recorder->state = state;
        recorder->outbox = outbox;
        recorder->journal = journal;
        recorder->config = config;
        recorder->hooks = calloc(config->hook_count + 1, sizeof(*recorder->hooks));
        if (recorder->hooks == NULL)
                return -ENOMEM;
        int r = sd_event_add_time(event, &recorder->replay_timer, CLOCK_BOOTTIME, 0, 0, on_replay_time,
                                  recorder);
        if (r >= 0)
                r = sd_event_source_set_enabled(recorder->replay_timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret_recorder = STEAL_POINTER(recorder);
        return 0;
}

struct recorder *recorder_free(struct recorder *recorder)
{
        if (recorder == NULL)
                return NULL;
        if (recorder->untold) /* the last chance before the next start */
                (void)replay(recorder);
        sd_event_source_disable_unref(recorder->replay_timer);
        group_clear(recorder);
        free(recorder->group);
        free(recorder->hooks);
        free(recorder);
        return NULL;
}

int recorder_reload(struct recorder *recorder, const struct config *config)
{
        const char **hooks = calloc(config->hook_count + 1, sizeof(*hooks));

        if (hooks == NULL)
                return -ENOMEM;
        free(recorder->hooks);
        recorder->hooks = hooks;
        recorder->config = config;
        return 0;
}

/* ---- recording ---- */

static int event_id_new(char ret_id[static EVENT_ID_SIZE])
{
        sd_id128_t id;
        int r = sd_id128_randomize(&id);

        if (r < 0)
                return r;
        (void)snprintf(ret_id, EVENT_ID_SIZE, SD_ID128_UUID_FORMAT_STR, SD_ID128_FORMAT_VAL(id));
        return 0;
}

/* Of a job that is gone there is no record but the last one. */
static int event_take_record(struct recorder *recorder, const struct job_config *job,
                             struct job_record *record, struct event *event)
{
        if (record != NULL) {
                event->record = *record;
                *record = (struct job_record){ 0 };
                return 0;
        }

        int r = state_get_job_record(recorder->state, job->id, &event->record);
        if (r < 0)
                return r;
        event->record.id = job->id;
        return 0;
}

static int event_make(struct recorder *recorder, const struct job_config *job,
                      const struct job_memory *memory, const struct change *change, struct job_record *record,
                      struct event *event)
{
        int r;

        event->kind = change->kind;
        event->outcome = change->outcome;
        event->time_us = clock_wall_us();
        event->first_observation = !memory->recorded;
        r = event_id_new(event->id);
        if (r < 0)
                return r;
        if (job->name != NULL) {
                r = text_from(job->name, strlen(job->name), &event->job_name);
                if (r < 0)
                        return r;
        }
        if (memory->recorded) {
                r = state_get_job_texts(recorder->state, job->id, &event->status_before,
                                        &event->result_before);
                if (r < 0)
                        return r;
        }
        return event_take_record(recorder, job, record, event);
}

/* Said once, until something can be written again. */
static void note_state_failed(struct recorder *recorder)
{
        if (recorder->state_failing)
                return;
        recorder->state_failing = true;
        journal_print_about(
                recorder->journal, LOG_ERR, MESSAGE_ID_STATE_UNWRITABLE, 0, NULL,
                "What is new of a job cannot be written to the state in %s: %s. Nothing is told that is "
                "not recorded; polling goes on, and so will telling once the state can be written.",
                config_state_directory(recorder->config), state_error(recorder->state));
}

static void note_state_recovered(struct recorder *recorder)
{
        if (!recorder->state_failing)
                return;
        recorder->state_failing = false;
        journal_print(recorder->journal, LOG_NOTICE, "The state in %s can be written again; telling goes on.",
                      config_state_directory(recorder->config));
}

static int group_reserve(struct recorder *recorder)
{
        if (recorder->group_count < recorder->group_room)
                return 0;

        size_t room = recorder->group_room == 0 ? 16 : recorder->group_room * 2;
        struct event *group = reallocarray(recorder->group, room, sizeof(*group));
        if (group == NULL)
                return -ENOMEM;
        recorder->group = group;
        recorder->group_room = room;
        return 0;
}

int recorder_take(struct recorder *recorder, const struct job_config *job, const struct job_memory *memory,
                  const struct change *change, struct job_record *record)
{
        CLEANUP(event_clear) struct event event = { .id = "" };

        int r = group_reserve(recorder);
        if (r >= 0)
                r = event_make(recorder, job, memory, change, record, &event);
        if (r >= 0) {
                size_t hooks = outbox_select(recorder->config, job, &event, recorder->hooks);
                r = state_record_event(recorder->state, &event, recorder->hooks, hooks);
        }
        if (r < 0) {
                note_state_failed(recorder);
                return r;
        }

        if (recorder->grouping) {
                recorder->group[recorder->group_count++] = event;
                event = (struct event){ .id = "" };
                return 0;
        }
        note_state_recovered(recorder);
        (void)report_event(recorder, &event);
        outbox_wake(recorder->outbox);
        if (++recorder->since_prune >= PRUNE_EVERY)
                prune(recorder);
        return 0;
}

int recorder_store_result(struct recorder *recorder, const struct job_config *job,
                          const struct job_record *record)
{
        int r = state_update_job(recorder->state, record);

        if (r < 0) {
                note_state_failed(recorder);
                return r;
        }
        note_state_recovered(recorder);
        if (record->result.data == NULL)
                return 0;
        CLEANUP(cleanup_free) char *label = job_label(job->id, job->name);
        journal_print_about(
                recorder->journal, LOG_INFO, NULL, job->id, job->name,
                "%s has had a ResultData of %zu bytes since it was first seen; the rows of this API's "
                "batches do not show it, so it was not told then.",
                label != NULL ? label : "A job", record->result.size);
        return 0;
}

int recorder_begin(struct recorder *recorder)
{
        int r = state_batch_begin(recorder->state);

        if (r < 0)
                note_state_failed(recorder);
        else
                recorder->grouping = true;
        return r;
}

int recorder_commit(struct recorder *recorder)
{
        int r = state_batch_end(recorder->state, true);

        recorder->grouping = false;
        if (r < 0) {
                note_state_failed(recorder);
        } else {
                if (recorder->group_count > 0)
                        note_state_recovered(recorder);
                for (size_t i = 0; i < recorder->group_count; i++)
                        (void)report_event(recorder, &recorder->group[i]);
                outbox_wake(recorder->outbox);
        }
        group_clear(recorder);
        return r;
}

void recorder_note_unrecognised_status(struct recorder *recorder, const struct job_config *job,
                                       const struct text *status)
{
        if (state_status_reported(recorder->state, status) == 0)
                return;

        CLEANUP(cleanup_free) char *shown = text_escape(status->data, status->size, 80);
        CLEANUP(cleanup_free) char *label = job_label(job->id, job->name);
        if (shown == NULL || label == NULL)
                return;
        journal_print_about(
                recorder->journal, LOG_WARNING, MESSAGE_ID_UNRECOGNISED_STATUS, job->id, job->name,
                "%s has the Status \"%s\", which no pattern of [status] knows, so the job counts as open "
                "and is watched on. Tell what it means in %s: under [status] add \"running = %s\" (or "
                "success, or failure) to the words that stand there.",
                label, shown, recorder->config->path, shown);
}
