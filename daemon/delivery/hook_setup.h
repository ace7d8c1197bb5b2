/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/config.h"
#include "delivery/hook.h"

struct unit_run;
struct unit_hooks;
struct webhook;
struct webhook_run;

/*
 * A hook as one configuration describes it, with what its attempts need. The queue of the hook and each
 * attempt in progress hold a reference, so that a reload does not affect attempts in progress.
 */
struct hook_setup {
        struct config *config;          /* a reference; owns `hook` */
        const struct hook_config *hook; /* the owner of a reference only reads these two */

        /* private */
        unsigned references;
        struct hook_context context;
        struct unit_hooks *unit_hooks; /* of a unit hook; borrowed */
        struct webhook *webhook;       /* of a url hook */
};

/*
 * `hook` is part of `config`, to which the setup takes a reference. The rest is borrowed; `unit_hooks` is
 * needed by a unit hook. Returns 0, -EINVAL if a file of a url hook cannot be used, which is logged, or
 * another negative errno.
 */
int hook_setup_new(const struct hook_context *context, struct unit_hooks *unit_hooks, struct config *config,
                   const struct hook_config *hook, struct hook_setup **ret_setup);

/* Adds a reference. Returns the setup. */
struct hook_setup *hook_setup_ref(struct hook_setup *setup);

/* Drops a reference. The last one must not be dropped by an on_end(). Accepts NULL, returns NULL. */
struct hook_setup *hook_setup_unref(struct hook_setup *setup);

/* Gives back descriptors that are only kept for the next attempt. Must not be called by an on_end(). */
void hook_setup_close_idle(struct hook_setup *setup);

/* An attempt. While it is in progress, one of the first three is set. */
struct attempt_run {
        struct hook_exec *exec;
        struct webhook_run *http;
        struct unit_run *unit;
        char *document;
};

/*
 * Makes an attempt, whose hook and document are set by this. Returns 0, or a negative errno if nothing was
 * started, such as -EMFILE; *ret_reason is set as hook.h says. In any case *ret_run has to be cleared.
 */
int hook_setup_start(struct hook_setup *setup, struct hook_attempt attempt, char **ret_reason,
                     struct attempt_run *ret_run);

/* To be called when on_end() is: the run has ended, and is about to be freed. */
void attempt_run_ended(struct attempt_run *run);

/* Ends it, if it is in progress, without on_end(); and frees the document. */
void attempt_run_clear(struct attempt_run *run);
