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
#include "state/store.h"

/* Turns changes into events: an event is committed to the state, then logged and queued for hooks. */
struct recorder;

/* The arguments are borrowed and must outlive the recorder. Returns 0, -ENOMEM, or an error of the timer. */
int recorder_new(sd_event *event, struct store *state, struct outbox *outbox, struct journal *journal,
                 const struct config *config, struct recorder **ret_recorder);
struct recorder *recorder_free(struct recorder *recorder);

/* Switches to another configuration. On failure (-ENOMEM) nothing has changed. */
int recorder_reload(struct recorder *recorder, const struct config *config);

/*
 * Logs the events that may not have reached the journal in earlier runs, under the same event ids. To be
 * called once, before the first poll. Returns 0 or a negative errno of the state.
 */
int recorder_replay(struct recorder *recorder);

/*
 * Records a change as an event and publishes it. `record` is the observation (its texts are moved out; NULL
 * for a job that is gone). Returns 0 once the event is recorded; it is then logged and delivered, now or
 * after a restart. On failure (a negative errno, already logged) nothing was recorded, and the change has to
 * be detected again.
 */
int recorder_record(struct recorder *recorder, const struct job *job, const struct change *change,
                    struct job_record *record);

/*
 * Stores a ResultData that was unknown when the job was recorded; there is no event. Returns 0 once it is
 * stored; on failure (a negative errno, already logged) it has to be read again.
 */
int recorder_store_result(struct recorder *recorder, const struct job *job, const struct job_record *record);

/*
 * Records several changes in one transaction: events passed to recorder_record() after recorder_begin() are
 * recorded and published when recorder_commit() returns 0; otherwise none is. If recorder_begin() fails (a
 * negative errno, already logged) there is no transaction. Transactions must not be nested.
 */
int recorder_begin(struct recorder *recorder);
int recorder_commit(struct recorder *recorder);

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
