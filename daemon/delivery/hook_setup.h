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
struct hook_setup;

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

const struct hook_config *hook_setup_hook(const struct hook_setup *setup);

/* Gives back descriptors that are only kept for the next attempt. Must not be called by an on_end(). */
void hook_setup_close_idle(struct hook_setup *setup);

/* An attempt. While it is in progress, one of the first three is set. */
struct attempt_run {
        struct hook_exec *exec;
        struct webhook_run *http;
        struct unit_run *unit;
        char *document;
};

/* The callbacks of an attempt: see hook.h. */
struct hook_listener {
        void (*on_end)(void *userdata, const struct hook_end *end);
        void (*on_output)(void *userdata, const char *line, size_t size);
        void *userdata;
};

/*
 * Makes attempt number `number` (from 1) to deliver the event, which is borrowed until the end. Returns 0, or
 * a negative errno if nothing was started; *ret_reason is set as hook.h says. In any case *ret_run has to be
 * cleared.
 */
int hook_setup_start(struct hook_setup *setup, const struct event *event, unsigned number,
                     const struct hook_listener *listener, char **ret_reason, struct attempt_run *ret_run);

/* To be called when on_end() is: the run has ended, and is about to be freed. */
void attempt_run_ended(struct attempt_run *run);

/* Ends it, if it is in progress, without on_end(); and frees the document. */
void attempt_run_clear(struct attempt_run *run);
