/* SPDX-License-Identifier: MIT */

/*
 * Each change becomes an event with a new id. One operation of the state commits it; then, in the same
 * iteration of the loop, it is logged and its deliveries may start.
 *
 * - If the commit fails there is no event, and the next poll detects the change again.
 * - If the process dies between commit and log entry, it is logged at the next start: see event_log.h.
 */

#include "monitor/recorder.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/value_syntax.h"
#include "journal/event_message.h"
#include "journal/message_ids.h"
#include "monitor/discover_sections.h"
#include "monitor/event_log.h"
#include "platform/clock.h"
#include "platform/uuid.h"
#include "util/cleanup.h"
#include "util/container.h"
#include "util/memory.h"
#include "util/text.h"
#include "util/timer.h"
#include "util/timespan.h"

/* The state is bounded at start, at each reload, and after this time. */
#define UPKEEP_INTERVAL_US USEC_PER_HOUR

/* Unrecognised statuses that are remembered, so that each is logged once. */
#define STATUSES_MAX 256

struct recorder {
        struct state *state;
        struct outbox *outbox;
        struct journal *journal;
        struct config *config;
        struct event_log *log;
        sd_event_source *upkeep_timer;
        event_published on_event; /* NULL: none */
        void *event_userdata;
        uint64_t event_counts[EVENT_KIND_COUNT]; /* recorded since the start */
        bool state_failing;                      /* the failure has been logged */
        char state_error[STATE_ERROR_MAX];       /* its cause */
        bool disk_low;                           /* that was logged, see note_disk() */
        bool status_json_logged, result_json_logged;
        struct text_digest statuses[STATUSES_MAX]; /* unrecognised ones that were logged */
        size_t status_count;                       /* of all; the latest STATUSES_MAX are known */
};

/* A change on its way to the disk. */
struct recording {
        struct state_operation operation;
        struct recorder *recorder;
        recorded_handler done;
        void *userdata;
        bool result_only;                  /* there is no event: a ResultData that was unread is stored */
        struct stored_discovery discovery; /* of the first event of a discovered job; else of job 0 */
        char *sections;                    /* of that */
        char *key;                         /* of a value that is stored with an event of the API; else NULL */
        void *value;                       /* NULL: it is deleted */
        size_t value_size;
        struct event event;    /* completed by the writer */
        struct config *config; /* a reference, for the names of hooks */
        const char **hooks;
        uint64_t *deliveries; /* their ids, by the writer */
        size_t hook_count;
};

/* ---- the state ---- */

/* Logged once, until recording works again. */
static void note_state_failed(struct recorder *recorder, const char *error)
{
        if (recorder->state_failing)
                return;
        recorder->state_failing = true;
        (void)snprintf(recorder->state_error, sizeof(recorder->state_error), "%s", error);
        journal_print_about(
                recorder->journal, LOG_ERR, MESSAGE_ID_STATE_UNWRITABLE, 0, NULL,
                "Cannot save state in %s: %s. Events and hooks are held back until it can be written.",
                config_state_place(recorder->config), error);
}

static void note_state_recovered(struct recorder *recorder)
{
        if (!recorder->state_failing)
                return;
        recorder->state_failing = false;
        journal_print(recorder->journal, LOG_NOTICE, "State in %s is writable again, resuming.",
                      config_state_place(recorder->config));
}

const char *recorder_state_error(const struct recorder *recorder)
{
        return recorder->state_failing ? recorder->state_error : NULL;
}

/* Logged once, until there is room again. */
static void note_disk(struct recorder *recorder)
{
        const char *directory = config_state_place(recorder->config);

        if (state_disk_is_low(recorder->state) == recorder->disk_low)
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

/* ---- upkeep ---- */

/* Bounds the state as configured. */
struct upkeep {
        struct state_operation operation;
        struct config *config; /* a reference */
        uint64_t wall_us;
};

static int upkeep_run(struct state_operation *operation, struct store *store)
{
        const struct upkeep *upkeep = CONTAINER_OF(operation, struct upkeep, operation);
        const struct config *config = upkeep->config;
        CLEANUP(cleanup_free)
        const char **hooks = memory_need(calloc(config->hook_count + 1, sizeof(*hooks)));
        CLEANUP(cleanup_free) uint64_t *jobs = memory_need(calloc(config->job_count + 1, sizeof(*jobs)));
        struct store_configured configured = {
                .hooks = hooks,
                .hook_count = config->hook_count,
                .jobs = jobs,
                .job_count = config->job_count,
        };

        for (size_t i = 0; i < config->hook_count; i++)
                hooks[i] = config->hooks[i].name;
        for (size_t i = 0; i < config->job_count; i++)
                jobs[i] = config->jobs[i].id;
        discover_sections_stored_horizon(store, &configured);
        store_set_max_size(store, config->state_max_size);
        return store_prune(store, upkeep->wall_us, config->state_keep_us, &configured);
}

/* A failure is not logged: if the disk is the cause, recording fails as well. */
static void upkeep_done(struct state_operation *operation, int r)
{
        CLEANUP(cleanup_free) struct upkeep *upkeep = CONTAINER_OF(operation, struct upkeep, operation);

        (void)r;
        config_free(upkeep->config);
}

static void upkeep(void *userdata)
{
        struct recorder *recorder = userdata;
        struct upkeep *upkeep = memory_malloc(NULL, sizeof(*upkeep));

        note_disk(recorder);
        *upkeep = (struct upkeep){
                .operation = { .run = upkeep_run, .done = upkeep_done },
                .config = config_ref(recorder->config),
                .wall_us = clock_wall_us(),
        };
        state_queue(recorder->state, &upkeep->operation);
        timer_start(recorder->upkeep_timer, UPKEEP_INTERVAL_US);
}

/* ---- the recorder ---- */

struct recorder *recorder_new(sd_event *event, struct state *state, struct outbox *outbox,
                              struct journal *journal, struct config *config)
{
        struct recorder *recorder = memory_need(calloc(1, sizeof(*recorder)));

        recorder->state = state;
        recorder->outbox = outbox;
        recorder->journal = journal;
        recorder->config = config_ref(config);
        recorder->log = event_log_new(event, state, journal);
        recorder->upkeep_timer = timer_new(event, CLOCK_BOOTTIME, UPKEEP_INTERVAL_US / 10, upkeep, recorder);
        return recorder;
}

struct recorder *recorder_free(struct recorder *recorder)
{
        if (recorder == NULL)
                return NULL;
        event_log_free(recorder->log);
        sd_event_source_disable_unref(recorder->upkeep_timer);
        config_free(recorder->config);
        free(recorder);
        return NULL;
}

void recorder_reload(struct recorder *recorder, struct config *config)
{
        config_ref(config);
        config_free(recorder->config);
        recorder->config = config;
        upkeep(recorder);
}

int recorder_replay(struct recorder *recorder)
{
        upkeep(recorder);
        int r = event_log_start(recorder->log);
        if (r == -EUCLEAN)
                journal_print(
                        recorder->journal, LOG_ERR, "Cannot log a damaged event of the state in %s: %s.",
                        config_state_place(recorder->config), store_error(state_store(recorder->state)));
        return r;
}

void recorder_on_event(struct recorder *recorder, event_published handler, void *userdata)
{
        assert(recorder->on_event == NULL);
        recorder->on_event = handler;
        recorder->event_userdata = userdata;
}

const uint64_t *recorder_event_counts(const struct recorder *recorder)
{
        return recorder->event_counts;
}

/* ---- recording ---- */

static struct recording *recording_free(struct recording *recording)
{
        if (recording == NULL)
                return NULL;
        event_clear(&recording->event);
        config_free(recording->config);
        free(recording->hooks);
        free(recording->deliveries);
        free(recording->sections);
        free(recording->key);
        free(recording->value);
        free(recording);
        return NULL;
}

DEFINE_CLEANUP(struct recording, recording_free)

static int recording_run(struct state_operation *operation, struct store *store)
{
        struct recording *recording = CONTAINER_OF(operation, struct recording, operation);

        if (recording->result_only)
                return store_update_job(store, &recording->event.record);
        int r = recording->discovery.job != 0 ? store_put_discovered(store, &recording->discovery) : 0;
        if (r >= 0)
                r = store_fill_event(store, &recording->event);
        if (r >= 0)
                r = store_record_event(store, &recording->event, recording->hooks, recording->hook_count,
                                       recording->deliveries);
        if (r >= 0 && recording->key != NULL) /* last: not if the event cannot be recorded */
                r = store_put_value(store, recording->key, recording->value, recording->value_size);
        return r;
}

static void report_result(struct recorder *recorder, const struct event *event)
{
        const char *name = event->job_name.data;

        if (event->record.result.data == NULL)
                return;
        CLEANUP(cleanup_free) char *label = job_label(event->record.id, name);
        journal_print_about(recorder->journal, LOG_INFO, NULL, event->record.id, name,
                            "%s: ResultData read (%zu bytes): it existed before, but batches omit it.", label,
                            event->record.result.size);
}

static void recording_done(struct state_operation *operation, int r)
{
        CLEANUP(cleanup_recording_free)
        struct recording *recording = CONTAINER_OF(operation, struct recording, operation);
        struct recorder *recorder = recording->recorder;

        if (r < 0) {
                note_state_failed(recorder, operation->error);
        } else {
                note_state_recovered(recorder);
                note_disk(recorder);
                if (recording->result_only) {
                        report_result(recorder, &recording->event);
                } else {
                        recorder->event_counts[recording->event.kind]++;
                        event_log_add(recorder->log, &recording->event);
                        outbox_add(recorder->outbox, &recording->event, recording->hooks,
                                   recording->deliveries, recording->hook_count);
                        if (recorder->on_event != NULL)
                                recorder->on_event(recorder->event_userdata, &recording->event);
                }
        }
        recording->done(recording->userdata, r >= 0);
}

static void event_begin(struct event *event, enum event_kind kind, enum outcome outcome)
{
        event->kind = kind;
        event->outcome = outcome;
        event->time_us = clock_wall_us();
        uuid_new(event->id);
}

/* All that is known here: the rest comes from the state. */
static void event_begin_of_job(struct event *event, const struct job *job, const struct change *change,
                               struct job_record *record)
{
        event_begin(event, change->kind, change->outcome);
        if (job->name != NULL)
                text_from(job->name, strlen(job->name), &event->job_name);
        if (record != NULL) {
                event->record = *record;
                *record = (struct job_record){ 0 };
        }
        event->record.id = job->planning.id;
}

/* With the first event of a discovered job the state notes what it was discovered by. */
static void note_discovery(struct recording *recording, const struct job *job)
{
        const struct job_discovery *discovery = job->discovery;

        if (discovery == NULL || job->planning.watch.memory.recorded)
                return;
        assert(discovery->sections[0] != '\0');
        recording->sections = memory_need(strdup(discovery->sections));
        recording->discovery = (struct stored_discovery){ .job = job->planning.id,
                                                          .sections = recording->sections,
                                                          .created_ticks = discovery->created.ticks,
                                                          .created_form = discovery->created.form };
}

static struct recording *recording_new(struct recorder *recorder, recorded_handler done, void *userdata)
{
        struct recording *recording = memory_need(calloc(1, sizeof(*recording)));
        size_t room = recorder->config->hook_count + 1;

        recording->operation = (struct state_operation){ .run = recording_run, .done = recording_done };
        recording->recorder = recorder;
        recording->done = done;
        recording->userdata = userdata;
        recording->config = config_ref(recorder->config);
        recording->hooks = memory_need(calloc(room, sizeof(*recording->hooks)));
        recording->deliveries = memory_need(calloc(room, sizeof(*recording->deliveries)));
        return recording;
}

void recorder_record(struct recorder *recorder, const struct job *job, const struct change *change,
                     struct job_record *record, recorded_handler done, void *userdata)
{
        struct recording *recording = recording_new(recorder, done, userdata);

        recording->result_only = !change->has_event;
        note_discovery(recording, job);
        event_begin_of_job(&recording->event, job, change, record);
        if (change->has_event)
                recording->hook_count =
                        outbox_select(recorder->config, job->hooks, &recording->event, recording->hooks);
        state_queue(recorder->state, &recording->operation);
}

void recorder_record_api(struct recorder *recorder, enum event_kind kind, const char *description,
                         const struct recorder_value *value, recorded_handler done, void *userdata)
{
        struct recording *recording = recording_new(recorder, done, userdata);
        struct event *event = &recording->event;

        assert(event_kind_is_of_api(kind));
        event_begin(event, kind, kind == EVENT_API_OK ? OUTCOME_SUCCESS : OUTCOME_FAILURE);
        text_from(description, strlen(description), &event->record.description);
        recording->key = memory_need(strdup(value->key));
        if (value->data != NULL) {
                recording->value = memory_malloc(NULL, value->size);
                memcpy(recording->value, value->data, value->size);
                recording->value_size = value->size;
        }
        recording->hook_count = outbox_select(recorder->config, NULL, event, recording->hooks);
        state_queue(recorder->state, &recording->operation);
}

/* ---- what the administrator should know ---- */

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
        journal_print_about(recorder->journal, LOG_WARNING, MESSAGE_ID_UNRECOGNISED_STATUS, job->planning.id,
                            job->name,
                            "%s: unrecognised status \"%s\", treated as open. "
                            "Classify it with a line under [status] in %s, for instance: %s",
                            label, shown, recorder->config->status_file, line);
}
