/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "core/event.h"
#include "core/status.h"

/*
 * What must survive: jobs as last recorded, events, deliveries and tokens, in one SQLite database
 * `jobwatchd.db` (mode 0600) in the state directory (created 0700). There is one connection,
 * synchronous=FULL, and one process: a second one is refused.
 *
 * All functions block for as long as the disk takes. Those that write are atomic: they did all of it or
 * nothing. They return 0 or a negative errno: -ENOSPC, -EROFS, -EIO, -EACCES as the disk says, -ENOMEM,
 * -EUCLEAN for a damaged database. After any of these the store remains usable and the call can be made
 * again. store_error() tells a person more.
 *
 * Times here are CLOCK_REALTIME microseconds, since they must mean something after a reboot.
 */
struct store;

/*
 * Opens or creates the state. On failure *ret_message (if any memory was left for it; malloc()ed, else NULL)
 * says what is wrong, what was left alone, and what the person can do: the directory cannot be made or
 * written, another process (named by pid) holds it, the file is not a database or not ours, it is damaged (a
 * quick_check), its schema is newer than this program.
 */
int store_open(const char *directory, char **ret_message, struct store **ret_store);
struct store *store_close(struct store *store);

/* What the last failed call met, for a person: "disk full (SQLite: database or disk is full)". Never NULL;
 * the store's. */
const char *store_error(const struct store *store);

/* ---- jobs ---- */

/* What is kept of a job between polls. The texts themselves stay on disk; digests tell whether they changed.
 */
struct stored_job {
        uint64_t id;
        enum outcome outcome;
        struct text_digest status; /* see base/text.h */
        struct text_digest result;
        uint64_t changed_us; /* when the last change was recorded */
        bool stalled;        /* `stalled` was raised since */
};

typedef int (*stored_job_handler)(void *userdata, const struct stored_job *job);

/* Looks up one job. Returns 1 and fills *ret_job if it is known, 0 if not. */
int store_get_job(struct store *store, uint64_t id, struct stored_job *ret_job);

/* Reads the texts last recorded of a job, which become the caller's. Both null if the job is not known. */
int store_get_job_texts(struct store *store, uint64_t id, struct text *ret_status, struct text *ret_result);

/* The whole record last recorded of a job (for gone and stalled, whose events repeat what was known); the
 * caller clears it. 1/0 as above. */
int store_get_job_record(struct store *store, uint64_t id, struct job_record *ret_record);

/* ---- events ---- */

/*
 * Records an event: the job's new state, the event, and one pending delivery for each of `hooks` (names; due
 * at once), in one transaction. event->record is the job's new state as seen, event->outcome its outcome; a
 * stalled event sets the job's mark, every other one clears it and sets changed_us to the event's time.
 * Recording the same event id twice is -EEXIST.
 */
int store_record_event(struct store *store, const struct event *event, const char *const hooks[],
                       size_t hook_count);

/*
 * Several of the above in one transaction: between these, store_record_event() calls join it.
 * store_batch_end(commit = true) may fail, and then nothing of the batch happened.
 */
int store_batch_begin(struct store *store);
int store_batch_end(struct store *store, bool commit);

/* Refreshes the job's other fields (description, updated_on, …) without an event. The job must be known
 * (-ENOENT). */
int store_update_job(struct store *store, const struct job_record *record);

typedef int (*event_handler)(void *userdata, const struct event *event);

/* Calls back for each event not marked as logged, oldest first; the event is the store's. A negative return
 * of the handler ends it. */
int store_each_unlogged(struct store *store, event_handler handler, void *userdata);

/* Marks events as logged. Losing this mark costs a repeated entry, never a lost one, so it does not wait for
 * the disk by itself. */
int store_mark_logged(struct store *store, const char *const event_ids[], size_t count);

/* Reads one event by its id: 1 and *ret_event (the caller clears it), or 0. */
int store_get_event(struct store *store, const char *event_id, struct event *ret_event);

/* ---- deliveries ---- */

struct delivery {
        uint64_t id;
        char event_id[EVENT_ID_SIZE];
        uint64_t job_id;
        char *hook;        /* malloc()ed */
        unsigned attempts; /* made so far */
        uint64_t next_us;  /* not before this time */
};

void delivery_clear(struct delivery *delivery);

/*
 * The pending deliveries of `hook` that may start: due at `now_us`, with no earlier pending delivery for the
 * same job and hook, and not in `busy` (ids of deliveries under way, sorted ascending). At most `max`, the
 * longest due first. Fills `ret_deliveries` and returns their number, or a negative errno. The caller clears
 * each.
 */
int store_due_deliveries(struct store *store, const char *hook, uint64_t now_us, const uint64_t busy[],
                         size_t busy_count, struct delivery ret_deliveries[], size_t max);

/* The earliest next_us among the deliveries of `hook` that wait for nothing but their time and are not in
 * `busy`: 1 and *ret_us, or 0 if there are none. */
int store_next_delivery(struct store *store, const char *hook, const uint64_t busy[], size_t busy_count,
                        uint64_t *ret_us);

/* Records the end of an attempt. */
int store_delivery_done(struct store *store, uint64_t delivery_id, uint64_t now_us);
int store_delivery_retry(struct store *store, uint64_t delivery_id, uint64_t next_us, const char *error);
int store_delivery_failed(struct store *store, uint64_t delivery_id, uint64_t now_us, const char *error);

/* How many deliveries are pending, for all hooks whose names are given. */
int store_count_pending(struct store *store, const char *const hooks[], size_t hook_count,
                        uint64_t *ret_count);

/* Pending deliveries of hooks that are no longer configured: marks them failed with that reason; returns how
 * many, or a negative errno. */
int store_drop_hooks(struct store *store, const char *const kept_hooks[], size_t hook_count, uint64_t now_us);

/* ---- small things ---- */

/* Whether the sight of this unknown Status was told; remembers it. Returns 1 the first time, 0 after. */
int store_first_sight(struct store *store, const struct text *status);

/* Values kept by key (tokens, the governor's window): on disk when the call returns 0. NULL data deletes.
 * Secrets among them are wiped from our memory. */
int store_put_value(struct store *store, const char *key, const void *data, size_t size);
/* 1 and malloc()ed data (with one NUL behind), or 0. */
int store_get_value(struct store *store, const char *key, void **ret_data, size_t *ret_size);

/* Forgets events that are logged, older than `before_us`, and have no pending delivery; jobs are kept. */
int store_prune(struct store *store, uint64_t before_us);
