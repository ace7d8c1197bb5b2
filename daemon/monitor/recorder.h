/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "config/config.h"
#include "delivery/outbox.h"
#include "journal/journal.h"
#include "model/change.h"
#include "model/event.h"
#include "monitor/job.h"
#include "state/state.h"

/* Turns changes into events: an event is committed to the state, then logged and given to the outbox. */
struct recorder;

/*
 * The arguments are borrowed and must outlive the recorder. To be called before state_start().
 */
struct recorder *recorder_new(sd_event *event, struct state *state, struct outbox *outbox,
                              struct journal *journal, struct config *config);

/* No operation of the state is in progress. Accepts NULL, returns NULL. */
struct recorder *recorder_free(struct recorder *recorder);

/* Switches to another configuration, for what is recorded from now on. */
void recorder_reload(struct recorder *recorder, struct config *config);

/*
 * Logs the events that may not have reached the journal in earlier runs, under the same event ids. To be
 * called once, before state_start() and the first poll. Returns 0 or a negative errno of the state.
 */
int recorder_replay(struct recorder *recorder);

typedef void (*recorded_handler)(void *userdata, bool recorded);

/*
 * Records a change: an event, or a ResultData that was unread. `record` is the observation (its texts are
 * moved out; NULL for a job that is gone). `done` is called later, from the loop: with true once it is on
 * disk and published, with false if nothing was recorded, which is logged. A change that is not recorded has
 * to be detected again.
 */
void recorder_record(struct recorder *recorder, const struct job *job, const struct change *change,
                     struct job_record *record, recorded_handler done, void *userdata);

/* A value of the state that is stored with an event: see store_put_value(). */
struct recorder_value {
        const char *key;
        const void *data;
        size_t size;
};

/*
 * Records an event of the API, for all hooks that name it, and a value. `description` says what has happened.
 * The arguments are borrowed during the call. `done` is called as by recorder_record().
 */
void recorder_record_api(struct recorder *recorder, enum event_kind kind, const char *description,
                         const struct recorder_value *value, recorded_handler done, void *userdata);

/*
 * `handler` is called from the loop for each event that is recorded from now on, after it was given to the
 * log and the outbox. The event is borrowed during the call. At most one handler.
 */
typedef void (*event_published)(void *userdata, const struct event *event);
void recorder_on_event(struct recorder *recorder, event_published handler, void *userdata);

/* How many events of each enum event_kind were recorded since the start. Borrowed. */
const uint64_t *recorder_event_counts(const struct recorder *recorder);

/*
 * Why changes cannot be recorded at present, as it was logged; NULL: the last attempt succeeded. Borrowed,
 * valid until the loop goes on.
 */
const char *recorder_state_error(const struct recorder *recorder);

/* Logs that the API sends Status or ResultData as an object or array, once each in the life of the recorder.
 */
void recorder_note_json(struct recorder *recorder, bool status_is_json, bool result_is_json);

/* Warns of an unrecognised status, once in the life of the recorder. */
void recorder_note_unrecognised_status(struct recorder *recorder, const struct job *job,
                                       const struct text *status);
