/* SPDX-License-Identifier: MIT */

/*
 * A program that delivers an event. A run goes from hook_exec_start() to on_child(), or to hook_exec_free():
 *
 *     running --(time-out or stop: TERM to the group)--> ending --(grace: KILL to the group)--> ending
 *
 * and from either, when the leader of the group has died, to its end. Until then the leader is at least a
 * zombie, so its id, and the group's, cannot have become somebody else's: signals are sent before sd-event
 * reaps it, which it does right after on_child(). When the leader dies of having been told to end, what is
 * left of its group is killed at once: it had the same time to tidy up.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "delivery/exec/exec_internal.h"
#include "util/argv.h"
#include "util/cleanup.h"
#include "util/reason.h"
#include "util/timespan.h"

#define USUAL_GRACE_US (5 * USEC_PER_SEC)

DEFINE_CLEANUP(char *, command_free)
DEFINE_CLEANUP(struct hook_exec, hook_exec_free)

enum ending {
        ENDING_BY_ITSELF,  /* nobody told it to end */
        ENDING_OVERDUE,    /* at its time-out */
        ENDING_ON_REQUEST, /* hook_exec_stop() */
};

struct hook_exec {
        pid_t pid; /* and of its group; 0: nothing to kill or reap */
        enum ending ending;
        uint64_t timeout_us, grace_us;
        sd_event_source *child_source;
        sd_event_source *time_source; /* the time-out, then the grace */
        void (*on_end)(void *userdata, const struct hook_end *end);
        void *userdata;
};

/* A group that is already gone is no error. */
static void group_signal(const struct hook_exec *run, int number)
{
        (void)kill(-run->pid, number);
}

static int timer_restart(struct hook_exec *run, uint64_t span_us)
{
        int r = sd_event_source_set_time_relative(run->time_source, span_us);

        return r < 0 ? r : sd_event_source_set_enabled(run->time_source, SD_EVENT_ONESHOT);
}

/* TERM now, KILL after the grace; KILL at once if there is no timer for it. */
static void run_end(struct hook_exec *run, enum ending ending)
{
        run->ending = ending;
        group_signal(run, SIGTERM);
        group_signal(run, SIGCONT); /* who is stopped cannot end */
        if (timer_restart(run, run->grace_us) < 0)
                group_signal(run, SIGKILL);
}

static int on_time(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)source;
        (void)time_us;
        struct hook_exec *run = userdata;

        if (run->ending == ENDING_BY_ITSELF)
                run_end(run, ENDING_OVERDUE);
        else
                group_signal(run, SIGKILL);
        return 0;
}

/* ---- the end ---- */

static char *explain_death(const siginfo_t *death)
{
        if (death->si_code == CLD_EXITED)
                return format_message("exited with %d", death->si_status);

        const char *name = sigabbrev_np(death->si_status);
        if (name != NULL)
                return format_message("was killed by SIG%s", name);
        return format_message("was killed by signal %d", death->si_status);
}

static char *explain_end(const struct hook_exec *run, const siginfo_t *death)
{
        CLEANUP(cleanup_free) char *how = NULL;
        char span[TIMESPAN_TEXT_MAX];

        switch (run->ending) {
        case ENDING_OVERDUE:
                return format_message("timed out after %s and was ended",
                                      timespan_format(run->timeout_us, span));
        case ENDING_ON_REQUEST:
                how = explain_death(death);
                return how != NULL ? format_message("was told to stop and %s", how) : NULL;
        case ENDING_BY_ITSELF:
                break;
        }
        return explain_death(death);
}

static int on_child(sd_event_source *source, const siginfo_t *death, void *userdata)
{
        (void)source;
        CLEANUP(cleanup_hook_exec_free) struct hook_exec *run = userdata;
        CLEANUP(cleanup_free) char *reason = NULL;
        struct hook_end end = { .reason = "" };

        if (run->ending != ENDING_BY_ITSELF)
                group_signal(run, SIGKILL);
        run->pid = 0; /* sd-event reaps it */

        end.success = run->ending != ENDING_OVERDUE && death->si_code == CLD_EXITED && death->si_status == 0;
        if (!end.success) {
                reason = explain_end(run, death);
                end.reason = reason != NULL ? reason : "failed";
        }
        run->on_end(run->userdata, &end);
        return 0;
}

/* ---- the beginning ---- */

int hook_exec_start(const struct hook_context *context, const struct hook_attempt *attempt, char **ret_reason,
                    struct hook_exec **ret_run)
{
        CLEANUP(cleanup_command_free) char **words = NULL;
        CLEANUP(cleanup_command_free) char **environment = NULL;
        CLEANUP(cleanup_hook_exec_free) struct hook_exec *run = NULL;
        int r;

        r = exec_words(attempt->hook->target, &words, ret_reason);
        if (r < 0)
                return r;
        r = exec_environment(attempt, &environment);
        if (r < 0)
                return r;

        run = calloc(1, sizeof(*run));
        if (run == NULL)
                return -ENOMEM;
        run->timeout_us = attempt->hook->timeout_us;
        run->grace_us = context->grace_us != 0 ? context->grace_us : USUAL_GRACE_US;
        run->on_end = attempt->on_end;
        run->userdata = attempt->userdata;

        /* Monotonic: a machine that sleeps does not use up the program's time. */
        r = sd_event_add_time_relative(context->event, &run->time_source, CLOCK_MONOTONIC, run->timeout_us,
                                       USEC_PER_MSEC, on_time, run);
        if (r < 0)
                return r;
        r = exec_spawn(context, attempt, words, environment, ret_reason, &run->pid);
        if (r < 0)
                return r;
        r = sd_event_add_child(context->event, &run->child_source, run->pid, WEXITED, on_child, run);
        if (r < 0) {
                *ret_reason =
                        format_message("%s cannot be watched and was ended: %s", words[0], strerror(-r));
                return r;
        }
        (void)sd_event_source_set_description(run->time_source, "hook-exec-time");
        (void)sd_event_source_set_description(run->child_source, "hook-exec-child");

        *ret_run = STEAL_POINTER(run);
        return 0;
}

void hook_exec_stop(struct hook_exec *run)
{
        if (run->ending == ENDING_BY_ITSELF)
                run_end(run, ENDING_ON_REQUEST);
}

struct hook_exec *hook_exec_free(struct hook_exec *run)
{
        siginfo_t death;

        if (run == NULL)
                return NULL;

        sd_event_source_disable_unref(run->child_source);
        sd_event_source_disable_unref(run->time_source);
        if (run->pid > 0) {
                group_signal(run, SIGKILL);
                while (waitid(P_PID, (id_t)run->pid, &death, WEXITED) < 0 && errno == EINTR)
                        ;
        }
        free(run);
        return NULL;
}
