/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The daemon in this process, with all it talks to in the same event loop: the API, a system bus with a fake
 * systemd, and an exec hook that waits for the test. Include after cmocka.h. Link with stop_scene.c and the
 * options in meson.build. One scene per process.
 *
 * A scene is ready when a poll of job 1, a sign-in, an exec hook and a unit hook are in progress, all about
 * the change of job 1 or after it. None of them ends before the test says so.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "app/exit_status.h"

enum occurrence {
        OCCURRENCE_SIGTERM,
        OCCURRENCE_SIGINT,
        OCCURRENCE_SIGHUP,
        OCCURRENCE_TIMEOUT,
        OCCURRENCE_SUMMARY,
        OCCURRENCE_HOOK_EXIT,
        OCCURRENCE_RESPONSE,
        OCCURRENCE_SIGN_IN,
        OCCURRENCE_SIGN_IN_REFUSED,
        OCCURRENCE_BUS_LOST,
        OCCURRENCE_COUNT,
};

const char *occurrence_to_string(enum occurrence occurrence);

/* Makes it happen now, before the loop runs on. Does nothing if it cannot happen any more. */
void scene_cause(enum occurrence occurrence);

/* Ends the exec hook with status 1, if it runs, as soon as it has got SIGTERM. */
void scene_fail_hook(void);

struct scene_options {
        const char *directory;  /* an existing one, the same for both runs */
        bool hook_ignores_term; /* the exec hook */
        bool hook_is_immortal;  /* not even SIGKILL ends it, as in uninterruptible sleep */
        bool to_the_end;        /* nothing waits; the daemon ends when both jobs have ended */
        void (*on_ready)(void); /* called once, from the loop */
        void (*on_exit)(void);  /* called when the loop has ended and the parts still exist */
};

/* Runs daemon_run(). */
enum exit_status scene_run(const struct scene_options *options);

/* Calls a function from the loop after this time, when nothing else is due. */
void scene_call_after(unsigned milliseconds, void (*function)(void));

/* CLOCK_MONOTONIC in milliseconds of the first signal or timeout that was caused; 0: none. */
unsigned long scene_ended_at(void);
unsigned long scene_now(void);
