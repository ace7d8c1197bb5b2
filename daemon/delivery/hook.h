/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "config/config.h"
#include "journal/journal.h"
#include "model/event.h"

/*
 * One attempt to deliver one event to one hook, whatever kind of hook it is. The outbox decides when and how
 * often; a hook only tries once and says how it went.
 */

struct hook_end {
        bool success;
        const char *reason;      /* of a failure: for a person, one line; never NULL */
        uint64_t retry_after_us; /* do not try again before (0: no wish) */
};

struct hook_attempt {
        const struct hook_config *hook; /* borrowed until the end */
        const struct event *event;      /* borrowed until the end */
        const char *document;           /* the event as JSON (event_document.h), borrowed until the end */
        size_t document_size;
        unsigned attempt; /* from 1 */

        /*
         * Called once, from the event loop, never from within the start function; `end` is valid during the
         * call, and the run is gone after it.
         */
        void (*on_end)(void *userdata, const struct hook_end *end);
        void *userdata;
};

/* What a hook of some kind needs of the machine. */
struct hook_context {
        sd_event *event;
        struct journal *journal; /* its target says where an exec hook's output goes; and for warnings */
        uint64_t grace_us; /* between TERM and KILL; 0 for the usual 5 s, which only tests need to change */
};

/*
 * Where a function takes ret_reason: on failure *ret_reason is malloc()ed and says for a person, in one line,
 * what is wrong and what can be done, or it is NULL for want of memory. It is set in any case, to NULL if
 * there is nothing to say.
 */

/* ---- exec: hook_exec.c ---- */

struct hook_exec;

/*
 * Runs the program of hook->target: split as argv_split.h says, without a shell; the document on standard
 * input; standard output and error to the journal as "jobwatch-NAME", or to the daemon's standard error; the
 * working directory is "/"; no descriptors but these three; signals as at login; a process group of its own,
 * which is ended as a whole (TERM, 5 s later KILL) at hook->timeout_us. The environment is what is listed in
 * exec_environment.c, and nothing else.
 *
 * Exit status 0 is success. A program that does not read its input is none the worse for it. What a program
 * leaves running in the background when it ends in time is left alone.
 *
 * SIGCHLD must be blocked in all threads. Returns 0, or a negative errno if nothing was started: the program
 * is missing, not executable, writable by others, …
 */
int hook_exec_start(const struct hook_context *context, const struct hook_attempt *attempt, char **ret_reason,
                    struct hook_exec **ret_run);

/* Asks the process group to end (TERM, and KILL 5 s later). on_end() is still called when it has. */
void hook_exec_stop(struct hook_exec *run);

/*
 * Kills the process group, waits for its leader, and does not call on_end(). Not for a run whose on_end() was
 * called, nor from within it. Takes NULL, returns NULL.
 */
struct hook_exec *hook_exec_free(struct hook_exec *run);

/*
 * Whether the program of an exec hook can be run: an absolute path, a regular file, executable, and neither
 * it nor a folder on its way writable by everyone (a folder with the sticky bit is all right). Returns 0, or
 * -EINVAL (the command line), -EPERM (writable by everyone), -EACCES, or what the kernel says of the path;
 * also for --check. What the daemon's sandbox hides or shows shows only at run time.
 */
int hook_exec_check(const char *target, char **ret_reason);

/* ---- url: webhook.c ---- */

struct webhook; /* one a configured hook: its connections and its secret, for many attempts */
struct webhook_run;

/*
 * Reads the secret of hook->secret_file, if any. Returns 0, and then *ret_reason may hold a warning (others
 * can read the file), or a negative errno. The strings of `hook` are copied.
 */
int webhook_new(const struct hook_context *context, const struct hook_config *hook, char **ret_reason,
                struct webhook **ret_http);

/* Every run of it must have ended or be cancelled before. Not from within an on_end(). */
struct webhook *webhook_free(struct webhook *http);

/*
 * POSTs the document to hook->target; 2xx is success, a redirect is not followed and a failure. webhook-id is
 * the event's id; with a secret, webhook-timestamp and webhook-signature are sent too, as Standard Webhooks
 * says. A Retry-After that comes with 409, 429 or 503 becomes retry_after_us, at most a day. Returns -ENOMEM
 * and the like; all that concerns the network comes to on_end().
 */
int webhook_start(struct webhook *http, const struct hook_attempt *attempt, char **ret_reason,
                  struct webhook_run **ret_run);

/* Ends it without calling on_end(). Takes NULL, returns NULL. */
struct webhook_run *webhook_cancel(struct webhook_run *run);

/* ---- unit: hook_unit.c ---- */

struct hook_bus;  /* the connection to systemd, and the files about events: one for all unit hooks */
struct hook_unit; /* a run */

/*
 * Removes the event files that an earlier daemon left. The system bus is connected to when it is first
 * needed, and again after it was lost. The context's parts are borrowed. Returns -ENOMEM.
 */
int hook_bus_new(const struct hook_context *context, struct hook_bus **ret_bus);

/* Every run of it must have ended or be cancelled before. Not from within an on_end(). */
struct hook_bus *hook_bus_free(struct hook_bus *bus);

/*
 * Starts the unit of hook->target (unit_name.h) when no other run of it is under way, with the event's files
 * (event_files.h) written before, and takes its result: of a service of Type=oneshot that of its commands, of
 * any other unit that it is up. A unit that systemd skips because of a condition in it is a success. hook->
 * timeout_us counts twice: for a unit that is busy with something else to come to rest, and for the unit once
 * it is started; after that it is not waited for any more, but it is not stopped either. If it succeeds later
 * on, that is what the next attempt with this event gets, without starting it again.
 *
 * Returns 0, or a negative errno if nothing was started: the name is none, there is no system bus, …
 */
int hook_unit_start(struct hook_bus *bus, const struct hook_attempt *attempt, char **ret_reason,
                    struct hook_unit **ret_run);

/*
 * Stops waiting, without calling on_end(). A unit that waits to be started is not started any more; one that
 * is at work goes on, and its files stay until hook_bus_new() finds them. Takes NULL, returns NULL.
 */
struct hook_unit *hook_unit_cancel(struct hook_unit *run);
