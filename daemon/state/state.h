/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/event.h"
#include "model/status.h"
#include "util/text.h"

/*
 * What must survive: jobs as last recorded, events, deliveries and tokens, in one SQLite database
 * `jobwatchd.db` (mode 0600) in the state directory (created 0700). There is one connection,
 * synchronous=FULL, and one process: a second one is refused by a lock on `jobwatchd.lock`. A process opens a
 * directory once at a time.
 *
 * All functions block for as long as the disk takes. Those that write are atomic: they did all of it or
 * nothing, and what returned 0 is on disk (but see state_mark_logged()). They return 0 or a negative errno:
 * -ENOSPC, -EROFS, -EIO, -EACCES as the disk says, -ENOMEM, -E2BIG for a text beyond what SQLite takes (1
 * GB), -EUCLEAN for a damaged database. After any of these the store remains usable and the call can be made
 * again. state_error() tells a person more.
 *
 * Damage is found at open (a file of up to 64 MiB is checked whole) and in each job, event and value that is
 * read, by a sum over it: what is returned is what was stored. Deliveries have no such sum. Recording an
 * event over a job that is damaged replaces what was known of it.
 *
 * One thread at a time; no function may be called from within a callback, except from that of
 * state_each_unlogged(). Times here are CLOCK_REALTIME microseconds, since they must mean something after a
 * reboot.
 */
struct state;

/*
 * Opens or creates the state. The last component of `directory` is made if it is not there. On failure
 * *ret_message (if any memory was left for it; malloc()ed, else NULL) says what is wrong, what was left
 * alone, and what the person can do:
 *  - the directory cannot be made or written: the errno of that
 *  - another process (named by pid) holds it: -EBUSY
 *  - the file is a symbolic link (-ELOOP), a directory (-EISDIR) or no file at all (-EINVAL)
 *  - it is no database or another program's, a quick_check finds it damaged, or a table is not as this
 *    program makes it: -EUCLEAN
 *  - its schema is newer than this program: -EOPNOTSUPP
 * A file that is refused keeps every byte. On success *ret_message stays untouched.
 */
int state_open(const char *directory, char **ret_message, struct state **ret_store);
/* Ends an open batch without keeping it, and writes the marks that wait. Takes NULL, returns NULL. */
struct state *state_close(struct state *state);

/*
 * What the last failed call met, for a person: "disk full (SQLite: database or disk is full, code 13)". Never
 * NULL; the store's, and valid until its next call.
 */
const char *state_error(const struct state *state);

/* ---- jobs ---- */

/*
 * What is kept of a job between polls. The texts themselves stay on disk; digests tell whether they changed.
 */
struct stored_job {
        uint64_t id;
        enum outcome outcome;
        struct text_digest status; /* see base/text.h */
        struct text_digest result;
        bool result_unread;            /* it was recorded with has_result = false */
        struct text_digest updated_on; /* of the record that was recorded last */
        uint64_t changed_us;           /* when the last change was recorded */
        bool stalled;                  /* `stalled` was raised since */
};

/* Looks up one job. Returns 1 and fills *ret_job if it is known, 0 if not. Reads no result: some 10 µs. */
int state_get_job(struct state *state, uint64_t id, struct stored_job *ret_job);

/*
 * Reads the texts last recorded of a job, which become the caller's: 1. Both null if the job is not known: 0.
 */
int state_get_job_texts(struct state *state, uint64_t id, struct text *ret_status, struct text *ret_result);

/*
 * The whole record last recorded of a job (for gone and stalled, whose events repeat what was known); the
 * caller clears it. 1/0 as above.
 */
int state_get_job_record(struct state *state, uint64_t id, struct job_record *ret_record);

/* ---- events ---- */

/*
 * Records an event: the job's new state, the event, and one pending delivery for each of `hooks` (names; due
 * at once, wherever the clock goes), in one transaction. event->record is the job's new state as seen,
 * event->outcome its outcome; its texts are stored as they are, null ones too, whatever has_status and
 * has_result say, and those as well. A stalled event sets the job's mark, every other one clears it and sets
 * changed_us to the event's time. Recording the same event id twice is -EEXIST.
 */
int state_record_event(struct state *state, const struct event *event, const char *const hooks[],
                       size_t hook_count);

/*
 * Several writes in one transaction: between these, all functions that write join it. One that fails with
 * -EEXIST or -ENOENT is undone alone. If the disk or the memory fails, the batch may be lost as a whole; the
 * calls that follow and state_batch_end(keep = true) then fail as well, and nothing of the batch happened.
 * Begun twice: -EBUSY; ended without a beginning: -EINVAL. After state_batch_end() no batch is open, whatever
 * it returned.
 */
int state_batch_begin(struct state *state);
int state_batch_end(struct state *state, bool keep);

/*
 * Refreshes what is kept of a job (result, description, updated_on, …) without an event. Status and
 * has_status of `record` are not looked at. The job must be known (-ENOENT).
 */
int state_update_job(struct state *state, const struct job_record *record);

typedef int (*event_handler)(void *userdata, const struct event *event);

/*
 * Calls back for each event not marked as logged, in the order they were recorded; the event is the store's.
 * The handler may call any function of the store but state_close(). A negative return of it ends the walk and
 * is returned. Damaged events are passed over, and the walk then ends with -EUCLEAN.
 */
int state_each_unlogged(struct state *state, event_handler handler, void *userdata);

/*
 * Marks events as logged; ids nobody knows are ignored. Losing this mark costs a repeated entry, never a lost
 * one, so it does not wait for the disk by itself: up to 64 marks wait in memory and go with the next
 * transaction, with one of their own when there are more, or with state_close(). On failure (of that
 * transaction) some of these may not be marked.
 */
int state_mark_logged(struct state *state, const char *const event_ids[], size_t count);

/* Reads one event by its id: 1 and *ret_event (the caller clears it), or 0. */
int state_get_event(struct state *state, const char *event_id, struct event *ret_event);

/* ---- deliveries ---- */

struct delivery {
        uint64_t id;
        char event_id[EVENT_ID_SIZE];
        uint64_t job_id;
        char *hook;        /* malloc()ed */
        unsigned attempts; /* made so far */
        uint64_t next_us;  /* not before this time; 0 before the first attempt */
};

void delivery_clear(struct delivery *delivery);

/*
 * The pending deliveries of `hook` that may start: due at `now_us`, with no earlier pending delivery for the
 * same job and hook, and not in `busy` (ids of deliveries under way, sorted ascending). At most `max`, the
 * longest due first (before its first attempt, since its event). Fills `ret_deliveries` and returns their
 * number, or a negative errno. The caller clears each.
 */
int state_due_deliveries(struct state *state, const char *hook, uint64_t now_us, const uint64_t busy[],
                         size_t busy_count, struct delivery ret_deliveries[], size_t max);

/*
 * The earliest next_us (0: at once) among the deliveries of `hook` that wait for nothing but their time and
 * are not in `busy`: 1 and *ret_us, or 0 if there are none.
 */
int state_next_delivery(struct state *state, const char *hook, const uint64_t busy[], size_t busy_count,
                        uint64_t *ret_us);

/*
 * Records the end of an attempt, and counts it. -ENOENT if there is no such delivery pending. `error` may be
 * NULL; 1024 bytes of it are kept.
 */
int state_delivery_done(struct state *state, uint64_t delivery_id, uint64_t now_us);
int state_delivery_retry(struct state *state, uint64_t delivery_id, uint64_t next_us, const char *error);
int state_delivery_failed(struct state *state, uint64_t delivery_id, uint64_t now_us, const char *error);

/*
 * Pending deliveries of hooks that are no longer configured: marks them failed with that reason; returns how
 * many, or a negative errno.
 */
int state_drop_hooks(struct state *state, const char *const kept_hooks[], size_t hook_count, uint64_t now_us);

/* ---- small things ---- */

/*
 * Whether the sight of this unknown Status was told; remembers it, and the latest 256. Returns 1 the first
 * time, 0 after.
 */
int state_status_reported(struct state *state, const struct text *status);

/*
 * Values kept by key (tokens, the governor's window): on disk when the call returns 0. NULL data deletes. The
 * store makes no copy of its own of them in memory; SQLite's page cache has one while the page is in it.
 */
int state_put_value(struct state *state, const char *key, const void *data, size_t size);
/* 1 and malloc()ed data (with one NUL behind), which the caller wipes and frees, or 0. */
int state_get_value(struct state *state, const char *key, void **ret_data, size_t *ret_size);

/* Forgets events that are logged, older than `before_us`, and have no pending delivery; jobs are kept. */
int state_prune(struct state *state, uint64_t before_us);
