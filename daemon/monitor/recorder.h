/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "config/config.h"
#include "delivery/outbox.h"
#include "journal/journal.h"
#include "model/change.h"
#include "model/event.h"
#include "state/state.h"

/*
 * What is done with news: it is written to the store, and only then told. See "Written before told" among the
 * rules of the house.
 */
struct recorder;

/* All of them must outlive the recorder. Returns -ENOMEM, or what the kernel says of a timer. */
int recorder_new(sd_event *event, struct state *state, struct outbox *outbox, struct journal *journal,
                 const struct config *config, struct recorder **ret_recorder);
struct recorder *recorder_free(struct recorder *recorder);

/* Takes over another configuration. On failure (-ENOMEM) all stays as it was. */
int recorder_reload(struct recorder *recorder, const struct config *config);

/*
 * Logs again what may not have reached the journal before the last end of the daemon, under the same event
 * ids. To be called once, before the first poll. Returns how many events, or a negative errno of the store.
 */
int recorder_replay(struct recorder *recorder);

/*
 * Makes an event of a change that was detected in `record` (whose texts it takes; NULL for a job that is
 * gone), records it and tells it. Returns 0 when it is recorded: then it is told, now or after a restart. A
 * negative errno means that nothing was recorded and nothing told, that this was logged, and that the change
 * is to be detected again.
 */
int recorder_take(struct recorder *recorder, const struct job_config *job, const struct job_memory *memory,
                  const struct change *change, struct job_record *record);

/*
 * Keeps a ResultData that was not known when the job was recorded; there is no event. Returns 0 when that is
 * on disk; a negative errno is logged, and it is to be done again at the next look.
 */
int recorder_store_result(struct recorder *recorder, const struct job_config *job,
                          const struct job_record *record);

/*
 * Records several changes in one transaction: what recorder_take() is given between these two is recorded
 * when recorder_commit() returns 0, and told then; otherwise none of it is, as above. A negative errno of
 * recorder_begin() means that there is no group, and is logged.
 */
int recorder_begin(struct recorder *recorder);
int recorder_commit(struct recorder *recorder);

/* Warns of a Status that no pattern knows, once for each value, across restarts too. */
void recorder_note_unrecognised_status(struct recorder *recorder, const struct job_config *job,
                                       const struct text *status);
