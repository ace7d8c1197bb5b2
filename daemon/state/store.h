/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/event.h"
#include "model/manual_job.h"
#include "model/status.h"
#include "util/text.h"

/*
 * The persistent state: jobs as last recorded, events, deliveries and tokens, in a state directory that one
 * process uses at a time.
 *
 * All functions block until the disk has finished. A write is atomic, and on disk when it returns 0.
 * Functions return 0 or a negative errno: -ENOSPC, -EROFS, -EIO, -EACCES from the disk, -EDQUOT for max_size,
 * -E2BIG for a text larger than 1 GB, -EUCLEAN for a damaged database. After any of these the state
 * remains usable and the call can be repeated. store_error() describes the error.
 *
 * Damage is found at opening (in a file of up to 64 MiB, as far as SQLite's quick_check sees), and when a
 * value that is read has another type or size than it was written with. Recording an event of a job whose
 * stored data is damaged replaces that data.
 *
 * One thread at a time. No function may be called from within a callback, except from those of
 * store_each_unlogged() and store_each_discovered(). Times are CLOCK_REALTIME microseconds, to be valid after
 * a reboot; the times of deliveries before their end are of a clock that starts at CLOCK_REALTIME and is
 * never set.
 */
struct store;

/*
 * Opens or creates the state. The last component of `directory` is created if it is missing. On failure
 * *ret_message (malloc()ed) describes the cause and what the user can do:
 *  - the directory cannot be created or written: the errno of that
 *  - another process (given by its PID) holds it: -EBUSY
 *  - the file is a symbolic link (-ELOOP), a directory (-EISDIR) or not a regular file (-EINVAL)
 *  - the file is not a database, belongs to another program, is damaged, or its schema is: -EUCLEAN
 *  - its schema is newer than this program: -EOPNOTSUPP
 * A file that is refused is not changed. On success *ret_message is untouched.
 */
int store_open(const char *directory, char **ret_message, struct store **ret_store);

/* A database server. Borrowed strings. */
struct store_database {
        const char *uri;      /* postgresql://…, without a password */
        const char *password; /* NULL: none is given to the server */
        const char *instance; /* several may share a database; NULL: the one without a name */
        const char *host;     /* the name of this host */
        unsigned wait_s;      /* as for store_take_over() */
        bool stands_by;       /* the lock is not taken at once: see store_take_over() */
        bool must_exist;      /* nothing is created if the database has no state of the instance */
};

/*
 * Opens the state of an instance in a database; only what is of this host (STORE_HOST_KEY) is in the
 * directory. As store_open(), and
 *  - another process or host uses the state: -EBUSY, but not with `stands_by`
 *  - the server cannot be reached: -EIO; it refuses the role, or the role has not the rights: -EACCES
 *  - a table is missing or was altered: -EUCLEAN
 *  - the server is too old, or it is a connection pooler, or the schema is newer: -EOPNOTSUPP
 *  - there is no state of the instance, with `must_exist`: -ENOENT
 *  - the module for it is not installed: -ENOPKG
 * A connection that is lost later is opened again by the next call. A call waits for the server for some
 * seconds only. If another host has used the state since, all calls fail with -ESTALE.
 *
 * With `stands_by` the first call opens the connection, and nothing can be written before store_take_over().
 */
int store_open_database(const char *directory, const struct store_database *database, char **ret_message,
                        struct store **ret_store);

#define STORE_HOST_SIZE 65 /* of the name of a host, with its NUL */

/* The host that an instance is active on, or was last. */
struct store_active_host {
        char name[STORE_HOST_SIZE];   /* "": on none so far */
        uint64_t since_us;            /* CLOCK_REALTIME */
        bool is_gone;                 /* it has written nothing for some seconds */
        char wanted[STORE_HOST_SIZE]; /* the host that asks for a handover; "": none does */
};

/* Whether several hosts share the state, one of which is active. */
bool store_is_shared(const struct store *store);

/*
 * Tries to become the active host; unless `wait_s` is 0, only if none has been active for so many seconds.
 * Returns 1 if this host is it, 0 if another one is, or a negative errno as store_open_database() does. Must
 * not be called in a batch.
 */
int store_take_over(struct store *store, unsigned wait_s);

/* On a host that stands by: asks the active one for a handover to this host. Returns 0 or a negative errno.
 */
int store_ask_for_handover(struct store *store);

/* The active host of a store that is shared. Returns 0 or a negative errno. */
int store_get_active_host(struct store *store, struct store_active_host *ret_host);

/* The file of the module for database servers, malloc()ed; it need not be there. */
char *store_module_file(void);

/* Rolls back an open batch. Accepts NULL, returns NULL. */
struct store *store_close(struct store *store);

/*
 * Describes the last failed call: "disk full (SQLite: database or disk is full, code 13)". Never NULL;
 * borrowed, and valid until the next call.
 */
const char *store_error(const struct store *store);

/* ---- jobs ---- */

/* The last recorded state of a job. The texts remain on disk; their digests show whether they changed. */
struct stored_job {
        uint64_t id;
        enum outcome outcome;
        struct text_digest status; /* see util/text.h */
        struct text_digest result;
        bool result_unread;            /* it was recorded with has_result = false */
        struct text_digest updated_on; /* of the last recorded record */
        uint64_t changed_us;           /* when the last change was recorded */
        bool stalled;                  /* an event `stalled` was recorded since then */
        bool unwatched;                /* for some time, at last by store_prune(); not written */
};

/* Looks up a job without reading its result. Returns 1 and *ret_job, or 0 if the job is unknown. */
int store_get_job(struct store *store, uint64_t id, struct stored_job *ret_job);

/* ---- discovered jobs ---- */

/* A job that is watched because of one or more sections [discover NAME]. */
struct stored_discovery {
        uint64_t job;
        const char *sections;  /* their names, separated by commas */
        int64_t created_ticks; /* its CreatedOn, see model/remote_time.h: 100 ns since 1970, */
        int created_form;      /* and an enum remote_time_form */
        enum outcome outcome;  /* as last recorded; not written */
};

/*
 * Stores that a job was discovered, or replaces that. Written in the same batch as the first event of the
 * job, before store_fill_event(). `sections` is not empty.
 */
int store_put_discovered(struct store *store, const struct stored_discovery *discovery);

/* Forgets that a job was discovered: it is like any other job then. An unknown job is no error. */
int store_drop_discovered(struct store *store, uint64_t job);

typedef int (*discovery_handler)(void *userdata, const struct stored_discovery *discovery);

/*
 * Calls `handler` for each discovered job, by its ID; the sections are borrowed. Its negative result ends the
 * iteration and is returned. Damaged rows are skipped, and the iteration then returns -EUCLEAN.
 */
int store_each_discovered(struct store *store, discovery_handler handler, void *userdata);

/* ---- jobs that were added or removed at run time ---- */

/*
 * In one transaction: stores what was asked for about some jobs, replacing what was stored of these, and
 * forgets that of others. Unknown jobs are no error. The time of the request is now. A job that is added and
 * was not added before is `unwatched` until store_prune().
 */
int store_change_manual(struct store *store, const struct manual_job put[], size_t put_count,
                        const uint64_t dropped[], size_t dropped_count);

/* The job was read once more. An unknown job is no error. */
int store_manual_read(struct store *store, uint64_t job);

/* Looks up a job: 1 and *ret_manual, which the caller clears, or 0. */
int store_get_manual(struct store *store, uint64_t job, struct manual_job *ret_manual);

/* Looks up another job than `except` that was added under a name: 1 and *ret_job, or 0. */
int store_find_manual_name(struct store *store, const char *name, uint64_t except, uint64_t *ret_job);

typedef int (*manual_handler)(void *userdata, struct manual_job *manual);

/*
 * Calls `handler` for each, by job. What it is given is cleared afterwards; its contents may be moved out.
 * Its negative result ends the iteration and is returned. Damaged rows are skipped, and the iteration then
 * returns -EUCLEAN.
 */
int store_each_manual(struct store *store, manual_handler handler, void *userdata);

/* ---- events ---- */

/*
 * Records in one transaction: the event, the new state of its job, and a pending delivery for each of `hooks`
 * (names), due at once even if the clock is set back. event->record is the new record of the job,
 * event->outcome its outcome; its texts are stored as they are, null ones too, and has_status and has_result
 * with them. Once the event is logged, delivered and not the last one of its job, its results are cut to
 * their first 4 KiB. An event `stalled` sets the `stalled` of the job; every other event clears it and sets
 * changed_us to the event's time. On success event->sequence is set: greater than that of every event
 * recorded before, and never used again, whatever is pruned. An event id that is already recorded: -EEXIST.
 * `ret_deliveries` gets the ids of the deliveries, in the order of `hooks`; NULL: they are not wanted. An
 * event of the API is of the job 0, of which nothing else is stored.
 */
int store_record_event(struct store *store, struct event *event, const char *const hooks[], size_t hook_count,
                       uint64_t ret_deliveries[]);

/*
 * To be called before that, in the same batch: fills in what was recorded of the job, event->record.id,
 * before this event. That is first_observation, the sections that discovered it, the texts before, and for
 * EVENT_GONE the record, which it repeats. Damaged texts are null.
 */
int store_fill_event(struct store *store, struct event *event);

/*
 * A batch combines the writes between begin and end in one transaction. A write that fails with -EEXIST or
 * -ENOENT is undone alone. If the disk or an allocation fails, the whole batch may be lost: later writes and
 * store_batch_end(keep = true) then fail as well, and nothing of it is stored. Without `keep` the batch is
 * rolled back. A second begin: -EBUSY; an end without a begin: -EINVAL. After store_batch_end() no batch is
 * open, whatever it returned.
 */
int store_batch_begin(struct store *store);
int store_batch_end(struct store *store, bool keep);

/* Whether the open batch should end here: it is lost, or has written some MiB. */
bool store_batch_is_full(const struct store *store);

/*
 * Updates the stored record of a job (result, description, updated_on, …) without an event. Status and
 * has_status of `record` are ignored. The job must be known (-ENOENT).
 */
int store_update_job(struct store *store, const struct job_record *record);

typedef int (*event_handler)(void *userdata, struct event *event);

/*
 * Calls `handler` for each event with a sequence above `after` that is not marked as logged, in the order of
 * recording. The event is cleared afterwards; its contents may be moved out. The handler may call any
 * function except store_close(). Its negative result ends the iteration and is returned. Damaged events are
 * skipped, and the iteration then returns -EUCLEAN.
 */
int store_each_unlogged(struct store *store, uint64_t after, event_handler handler, void *userdata);

/* Marks events as logged; unknown ids are ignored. */
int store_mark_logged(struct store *store, const char *const event_ids[], size_t count);

/* Reads an event by its id: 1 and *ret_event, which the caller clears, or 0. */
int store_get_event(struct store *store, const char *event_id, struct event *ret_event);

/* ---- deliveries ---- */

struct delivery {
        uint64_t id;
        char event_id[EVENT_ID_SIZE];
        uint64_t job_id;   /* 0: of an event of the API */
        unsigned attempts; /* made so far */
        uint64_t next_us;  /* not before this time; 0 before the first attempt */
        uint64_t delay_us; /* how long that was after the last attempt; 0 before the first */
        uint64_t event_us; /* CLOCK_REALTIME of its event */
};

/*
 * Reads the first `max` pending deliveries of `hook` with ids greater than `after`, by id. They are to be
 * made in this order for each job. Fills `ret_deliveries` and returns their number, or a negative errno.
 */
int store_pending_deliveries(struct store *store, const char *hook, uint64_t after,
                             struct delivery ret_deliveries[], size_t max);

/*
 * Record the end of an attempt and count it; a retry is due `delay_us` after `now_us`. -ENOENT if no such
 * delivery is pending. `error` may be NULL; its first 1024 bytes are stored.
 */
int store_delivery_done(struct store *store, uint64_t delivery_id, uint64_t now_us);
int store_delivery_retry(struct store *store, uint64_t delivery_id, uint64_t now_us, uint64_t delay_us,
                         const char *error);
int store_delivery_failed(struct store *store, uint64_t delivery_id, uint64_t now_us, const char *error);

enum delivery_state {
        DELIVERY_PENDING,
        DELIVERY_FAILED,
        DELIVERY_DONE,
};

/* What is known of a delivery, for whoever changes it. */
struct stored_delivery {
        struct delivery delivery;
        enum delivery_state state;
        struct text hook;     /* its name */
        struct text job_name; /* of the event; or null */
        struct text error;    /* of the last attempt; null: it did not fail */
};

void stored_delivery_clear(struct stored_delivery *delivery);

/* Reads a delivery by its id: 1 and *ret_delivery, which the caller clears, or 0. */
int store_get_delivery(struct store *store, uint64_t id, struct stored_delivery *ret_delivery);

/*
 * In one transaction: deliveries that have failed are pending again, with no attempt made; pending ones are
 * due at once, too. -ENOENT, and nothing is changed, if one of them is neither.
 */
int store_retry_deliveries(struct store *store, const uint64_t ids[], size_t count);

/* The same for all deliveries of a hook that have failed. *ret_count is their number. */
int store_retry_failed(struct store *store, const char *hook, uint64_t *ret_count);

/* Deletes deliveries that are pending or have failed, in one transaction. -ENOENT as above. */
int store_drop_deliveries(struct store *store, const uint64_t ids[], size_t count);

typedef void (*failed_delivery_handler)(void *userdata, uint64_t job_id, bool job_is_added, const char *hook);

/*
 * Calls `handler` for each delivery that has failed and is still stored; `hook` is borrowed. Whether its job
 * was added at run time is said as well.
 */
int store_each_failed_delivery(struct store *store, failed_delivery_handler handler, void *userdata);

typedef void (*pending_hook_handler)(void *userdata, const char *hook, uint64_t count);

/* Calls `handler` for each hook with pending deliveries, configured or not, by name; `hook` is borrowed. */
int store_each_pending_hook(struct store *store, pending_hook_handler handler, void *userdata);

/* ---- values, pruning ---- */

/* A value with a key that begins with this is of this host: it is never in a database that hosts share. */
#define STORE_HOST_KEY "grant of "

/* Stores a value by key (tokens, the use of the rate limits). NULL data deletes it. */
int store_put_value(struct store *store, const char *key, const void *data, size_t size);

/* Returns 1 and malloc()ed data, terminated by a NUL, which the caller wipes and frees; or 0. */
int store_get_value(struct store *store, const char *key, void **ret_data, size_t *ret_size);

/* What is configured, for store_prune(). */
struct store_configured {
        const char *const *hooks; /* names */
        size_t hook_count;
        const uint64_t *jobs; /* ids */
        size_t job_count;
        int64_t discovered_ticks; /* a job may be taken for a new one if its CreatedOn, in this form, is */
        int discovered_form;      /* after this time */
};

/*
 * Deletes what is at least `age_us` old: events that are logged and have no pending delivery to a configured
 * hook (pending deliveries to other hooks are deleted with them); jobs that have not been configured for that
 * time; and values with a key "KIND of SUBJECT" that have not been written. A job that was added at run time
 * counts as configured. So does a discovered job while it is open, unless it was dismissed. Afterwards it is
 * kept for seven days at least, and as long as it could be taken for a new one. The age counts from `now_us`
 * or from the latest event, whichever is earlier: a clock that is set far ahead deletes nothing until events
 * are recorded by it.
 */
int store_prune(struct store *store, uint64_t now_us, uint64_t age_us,
                const struct store_configured *configured);

/*
 * Limits the size of the database in bytes; 0, the default: no limit. A write of an event or a result that
 * would exceed it deletes a tenth of the history, oldest events first. If there is none, the write fails with
 * -EDQUOT. If ResultData that is kept only for pending deliveries takes more than half of the limit, the
 * oldest events `changed` among them lose theirs: see `result_size` in model/event.h.
 */
void store_set_max_size(struct store *store, uint64_t max_size);

/*
 * Whether the disk is full, or nearly. On a full disk a tenth of the history is deleted with each failed
 * write, so that recording can go on; space for that is kept in reserve.
 */
bool store_disk_is_low(const struct store *store);

/*
 * The bytes of the database that are in use, which max_size limits. Returns 0, or a negative errno with
 * *ret_bytes untouched.
 */
int store_used_bytes(struct store *store, uint64_t *ret_bytes);

/*
 * To be called without a batch when nothing is to be written: moves what was written to its final place and
 * gives free space back to the disk, a few MiB at a time. Returns whether to call it again.
 */
bool store_tidy(struct store *store);
