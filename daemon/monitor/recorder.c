/* SPDX-License-Identifier: MIT */

/*
 * Each change becomes an event with a new id: committed to the state in one transaction, then logged in one
 * journal entry and queued for hooks.
 *
 * - If the transaction fails there is no event, and the next poll detects the change again.
 * - If the process dies between commit and log entry, recorder_replay() logs it at the next start.
 * - If logging fails, this and all later events wait in the state until they can be replayed in order.
 */

#include "monitor/recorder.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-id128.h>

#include "config/status_line.h"
#include "journal/event_message.h"
#include "journal/message_ids.h"
#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/text.h"
#include "util/timespan.h"

/* Interval of attempts to log events that could not be logged. */
#define REPLAY_RETRY_US (1 * USEC_PER_SEC)

/* Old events are pruned at start, and again after this time. */
#define PRUNE_INTERVAL_US USEC_PER_HOUR

/* Unrecognised statuses that are remembered, so that each is logged once. */
#define STATUSES_MAX 256

/* An event and its deliveries. */
struct recorded {
        struct event event;
        const char **hooks; /* names, borrowed from the configuration */
        uint64_t *deliveries;
        size_t hook_count;
};

struct recorder {
        struct store *state;
        struct outbox *outbox;
        struct journal *journal;
        const struct config *config;
        const char **hooks;   /* for the names of all configured hooks; scratch space */
        bool state_failing;   /* the failure has been logged */
        bool disk_low;        /* likewise, see note_disk() */
        char *state_error;    /* its cause; NULL without memory */
        bool journal_failing; /* logging has failed; later events wait for the replay */
        sd_event_source *replay_timer, *prune_timer;
        bool status_json_logged, result_json_logged;
        struct text_digest statuses[STATUSES_MAX]; /* unrecognised ones that were logged */
        size_t status_count;                       /* of all; the latest STATUSES_MAX are known */
        bool in_transaction;                       /* between recorder_begin() and recorder_commit() */
        struct recorded *pending;                  /* to be published when the transaction is committed */
        size_t pending_count, pending_capacity;
};

DEFINE_CLEANUP(struct recorder, recorder_free)

/* ---- logging ---- */

static void replay_later(struct recorder *recorder)
{
        recorder->journal_failing = true;
        (void)sd_event_source_set_time_relative(recorder->replay_timer, REPLAY_RETRY_US);
        (void)sd_event_source_set_enabled(recorder->replay_timer, SD_EVENT_ONESHOT);
}

static int report_event(struct recorder *recorder, const struct event *event)
{
        if (recorder->journal_failing)
                return 0;
        int r = journal_event(recorder->journal, event);
        if (r < 0)
                replay_later(recorder);
        return r;
}

static void on_sent(void *userdata, const char *event_id)
{
        const struct recorder *recorder = userdata;

        (void)store_mark_logged(recorder->state, &event_id, 1); /* if that fails, it is logged twice */
}

static int replay_one(void *userdata, const struct event *event)
{
        return report_event(userdata, event);
}

/* Logs the recorded events that are not logged yet, in order. */
static int replay(struct recorder *recorder)
{
        recorder->journal_failing = false;
        int r = store_each_unlogged(recorder->state, replay_one, recorder);
        if (r < 0 && r != -EUCLEAN)
                replay_later(recorder);
        return r;
}

static void replay_delayed(struct recorder *recorder)
{
        (void)replay(recorder);
        if (!recorder->journal_failing)
                journal_print(recorder->journal, LOG_WARNING,
                              "The journal is available again. Delayed entries have been logged.");
}

static int on_replay_time(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)source;
        (void)time_us;
        struct recorder *recorder = userdata;

        if (journal_is_idle(recorder->journal))
                replay_delayed(recorder);
        else /* what waits would be logged twice */
                replay_later(recorder);
        return 0;
}

/* After an error there is a pause; if the queue was full, there is room now. */
static void on_drained(void *userdata, int r)
{
        struct recorder *recorder = userdata;

        if (r == -EXFULL)
                replay_delayed(recorder);
        else
                replay_later(recorder);
}

/* Logged once, until there is room again. */
static void note_disk(struct recorder *recorder)
{
        const char *directory = config_state_directory(recorder->config);

        if (store_disk_is_low(recorder->state) == recorder->disk_low)
                return;
        recorder->disk_low = !recorder->disk_low;
        if (recorder->disk_low)
                journal_print(
                        recorder->journal, LOG_WARNING,
                        "The disk of %s is almost full. Old events are deleted when there is no room for "
                        "new ones.",
                        directory);
        else
                journal_print(recorder->journal, LOG_NOTICE, "The disk of %s has room again.", directory);
}

/* A failure is not logged: if the disk is the cause, recording fails as well. */
static int prune(struct recorder *recorder)
{
        const struct config *config = recorder->config;
        CLEANUP(cleanup_free) uint64_t *jobs = calloc(config->job_count + 1, sizeof(*jobs));

        for (size_t i = 0; i < config->hook_count; i++)
                recorder->hooks[i] = config->hooks[i].name;
        for (size_t i = 0; i < config->job_count && jobs != NULL; i++)
                jobs[i] = config->jobs[i].id;
        const struct store_configured configured = {
                .hooks = recorder->hooks,
                .hook_count = config->hook_count,
                .jobs = jobs,
                .job_count = config->job_count,
        };
        if (jobs != NULL)
                (void)store_prune(recorder->state, clock_wall_us(), config->state_keep_us, &configured);
        note_disk(recorder);
        int r = sd_event_source_set_time_relative(recorder->prune_timer, PRUNE_INTERVAL_US);
        return r < 0 ? r : sd_event_source_set_enabled(recorder->prune_timer, SD_EVENT_ONESHOT);
}

static int on_prune_time(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)source;
        (void)time_us;
        return prune(userdata);
}

int recorder_replay(struct recorder *recorder)
{
        (void)prune(recorder);
        int r = replay(recorder);
        if (r == -EUCLEAN)
                journal_print(recorder->journal, LOG_ERR,
                              "Cannot log a damaged event of the state in %s: %s.",
                              config_state_directory(recorder->config), store_error(recorder->state));
        return r;
}

/* ---- the recorder ---- */

static void recorded_clear(struct recorded *recorded)
{
        event_clear(&recorded->event);
        free(recorded->hooks);
        free(recorded->deliveries);
        *recorded = (struct recorded){ .hooks = NULL };
}

static void pending_clear(struct recorder *recorder)
{
        for (size_t i = 0; i < recorder->pending_count; i++)
                recorded_clear(&recorder->pending[i]);
        recorder->pending_count = 0;
}

int recorder_new(sd_event *event, struct store *state, struct outbox *outbox, struct journal *journal,
                 const struct config *config, struct recorder **ret_recorder)
{
        CLEANUP(cleanup_recorder_free) struct recorder *recorder = calloc(1, sizeof(*recorder));

        if (recorder == NULL)
                return -ENOMEM;
        recorder->state = state;
        recorder->outbox = outbox;
        recorder->journal = journal;
        recorder->config = config;
        store_set_max_size(state, config->state_max_size);
        recorder->hooks = calloc(config->hook_count + 1, sizeof(*recorder->hooks));
        if (recorder->hooks == NULL)
                return -ENOMEM;
        int r = sd_event_add_time(event, &recorder->replay_timer, CLOCK_BOOTTIME, 0, 0, on_replay_time,
                                  recorder);
        if (r >= 0)
                r = sd_event_source_set_enabled(recorder->replay_timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(event, &recorder->prune_timer, CLOCK_BOOTTIME, 0,
                                      PRUNE_INTERVAL_US / 10, on_prune_time, recorder);
        if (r >= 0)
                r = sd_event_source_set_enabled(recorder->prune_timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        const struct journal_callbacks callbacks = {
                .on_sent = on_sent,
                .on_drained = on_drained,
                .userdata = recorder,
        };
        journal_set_callbacks(journal, &callbacks);
        *ret_recorder = STEAL_POINTER(recorder);
        return 0;
}

struct recorder *recorder_free(struct recorder *recorder)
{
        if (recorder == NULL)
                return NULL;
        if (recorder->journal_failing) /* last attempt before the next start */
                (void)replay(recorder);
        journal_set_callbacks(recorder->journal, NULL);
        sd_event_source_disable_unref(recorder->replay_timer);
        sd_event_source_disable_unref(recorder->prune_timer);
        pending_clear(recorder);
        free(recorder->state_error);
        free(recorder->pending);
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
        store_set_max_size(recorder->state, config->state_max_size);
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

static int event_fill(struct recorder *recorder, const struct job *job, const struct change *change,
                      struct job_record *record, struct event *event)
{
        int r;

        event->kind = change->kind;
        event->outcome = change->outcome;
        event->time_us = clock_wall_us();
        r = event_id_new(event->id);
        if (r < 0)
                return r;
        if (job->name != NULL) {
                r = text_from(job->name, strlen(job->name), &event->job_name);
                if (r < 0)
                        return r;
        }
        if (record != NULL) {
                event->record = *record;
                *record = (struct job_record){ 0 };
        }
        event->record.id = job->planning.id;
        return store_fill_event(recorder->state, event);
}

/* Logged once, until recording works again. */
static void note_state_failed(struct recorder *recorder)
{
        if (recorder->state_failing)
                return;
        recorder->state_failing = true;
        free(recorder->state_error);
        recorder->state_error = strdup(store_error(recorder->state));
        journal_print_about(
                recorder->journal, LOG_ERR, MESSAGE_ID_STATE_UNWRITABLE, 0, NULL,
                "Cannot save state in %s: %s. Events and hooks are held back until it can be written.",
                config_state_directory(recorder->config), store_error(recorder->state));
}

const char *recorder_state_error(const struct recorder *recorder)
{
        if (!recorder->state_failing)
                return NULL;
        return recorder->state_error != NULL ? recorder->state_error : "cannot be written";
}

static void note_state_recovered(struct recorder *recorder)
{
        if (!recorder->state_failing)
                return;
        recorder->state_failing = false;
        journal_print(recorder->journal, LOG_NOTICE, "State in %s is writable again, resuming.",
                      config_state_directory(recorder->config));
}

static int pending_reserve(struct recorder *recorder)
{
        if (recorder->pending_count < recorder->pending_capacity)
                return 0;

        size_t capacity = recorder->pending_capacity == 0 ? 16 : recorder->pending_capacity * 2;
        struct recorded *pending = reallocarray(recorder->pending, capacity, sizeof(*pending));
        if (pending == NULL)
                return -ENOMEM;
        recorder->pending = pending;
        recorder->pending_capacity = capacity;
        return 0;
}

static int hooks_reserve(const struct recorder *recorder, struct recorded *recorded)
{
        recorded->hooks = calloc(recorder->config->hook_count + 1, sizeof(*recorded->hooks));
        recorded->deliveries = calloc(recorder->config->hook_count + 1, sizeof(*recorded->deliveries));
        return recorded->hooks == NULL || recorded->deliveries == NULL ? -ENOMEM : 0;
}

/* After the commit. */
static void publish(struct recorder *recorder, const struct recorded *recorded)
{
        (void)report_event(recorder, &recorded->event);
        outbox_add(recorder->outbox, &recorded->event, recorded->hooks, recorded->deliveries,
                   recorded->hook_count);
}

int recorder_record(struct recorder *recorder, const struct job *job, const struct change *change,
                    struct job_record *record)
{
        CLEANUP(recorded_clear) struct recorded recorded = { .hooks = NULL };

        int r = pending_reserve(recorder);
        if (r >= 0)
                r = hooks_reserve(recorder, &recorded);
        if (r >= 0)
                r = event_fill(recorder, job, change, record, &recorded.event);
        if (r >= 0) {
                recorded.hook_count =
                        outbox_select(recorder->config, job->hooks, &recorded.event, recorded.hooks);
                r = store_record_event(recorder->state, &recorded.event, recorded.hooks, recorded.hook_count,
                                       recorded.deliveries);
        }
        if (r < 0) {
                note_state_failed(recorder);
                return r;
        }

        if (recorder->in_transaction) {
                recorder->pending[recorder->pending_count++] = recorded;
                recorded = (struct recorded){ .hooks = NULL };
                return 0;
        }
        note_state_recovered(recorder);
        note_disk(recorder);
        publish(recorder, &recorded);
        return 0;
}

int recorder_store_result(struct recorder *recorder, const struct job *job, const struct job_record *record)
{
        int r = store_update_job(recorder->state, record);

        if (r < 0) {
                note_state_failed(recorder);
                return r;
        }
        note_state_recovered(recorder);
        if (record->result.data == NULL)
                return 0;
        CLEANUP(cleanup_free) char *label = job_label(job->planning.id, job->name);
        journal_print_about(recorder->journal, LOG_INFO, NULL, job->planning.id, job->name,
                            "%s: ResultData read (%zu bytes): it existed before, but batches omit it.",
                            label != NULL ? label : "Job", record->result.size);
        return 0;
}

int recorder_begin(struct recorder *recorder)
{
        assert(!recorder->in_transaction);
        int r = store_batch_begin(recorder->state);

        if (r < 0)
                note_state_failed(recorder);
        else
                recorder->in_transaction = true;
        return r;
}

int recorder_commit(struct recorder *recorder)
{
        assert(recorder->in_transaction);
        int r = store_batch_end(recorder->state, true);

        recorder->in_transaction = false;
        if (r < 0) {
                note_state_failed(recorder);
        } else {
                if (recorder->pending_count > 0)
                        note_state_recovered(recorder);
                note_disk(recorder);
                for (size_t i = 0; i < recorder->pending_count; i++)
                        publish(recorder, &recorder->pending[i]);
        }
        pending_clear(recorder);
        return r;
}

static void note_json(struct recorder *recorder, const char *field, bool *logged)
{
        if (*logged)
                return;
        *logged = true;
        journal_print(
                recorder->journal, LOG_INFO,
                "The API sends %s as a JSON object or array; its JSON text without white space is used.",
                field);
}

void recorder_note_json(struct recorder *recorder, bool status_is_json, bool result_is_json)
{
        if (status_is_json)
                note_json(recorder, "Status", &recorder->status_json_logged);
        if (result_is_json)
                note_json(recorder, "ResultData", &recorder->result_json_logged);
}

/* Whether a status is new to this run. */
static bool remember_status(struct recorder *recorder, const struct text *status)
{
        const struct text_digest digest = text_digest(status);

        for (size_t i = 0; i < recorder->status_count && i < STATUSES_MAX; i++)
                if (text_digest_equal(recorder->statuses[i], digest))
                        return false;
        recorder->statuses[recorder->status_count++ % STATUSES_MAX] = digest;
        return true;
}

void recorder_note_unrecognised_status(struct recorder *recorder, const struct job *job,
                                       const struct text *status)
{
        if (!remember_status(recorder, status))
                return;

        CLEANUP(cleanup_free) char *shown = text_escape(status->data, status->size, 80);
        CLEANUP(cleanup_free) char *label = job_label(job->planning.id, job->name);
        CLEANUP(cleanup_free) char *line = status_line_write(status);
        if (shown == NULL || label == NULL || line == NULL)
                return;
        journal_print_about(recorder->journal, LOG_WARNING, MESSAGE_ID_UNRECOGNISED_STATUS, job->planning.id,
                            job->name,
                            "%s: unrecognised status \"%s\", treated as open. "
                            "Classify it with a line under [status] in %s, for instance: %s",
                            label, shown, recorder->config->status_file, line);
}
