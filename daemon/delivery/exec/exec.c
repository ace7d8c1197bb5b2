/* SPDX-License-Identifier: MIT */

/*
 * A program that delivers an event. A run lasts from hook_exec_start() to on_child() or hook_exec_free():
 *
 *     running --(timeout or stop: SIGTERM to the group)--> ending --(grace: SIGKILL to the group)--> ending
 *
 * From either state the run ends when the leader of the group has died. Until sd-event reaps the leader,
 * right after on_child(), it is at least a zombie, so neither its id nor the group's can have been reused:
 * signals are sent only before that. If the leader dies while ending, the rest of its group is killed at
 * once; it had the same time to clean up.
 */

#include "delivery/exec/exec.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "delivery/exec/environment.h"
#include "delivery/exec/program.h"
#include "delivery/exec/spawn.h"
#include "util/argv.h"
#include "util/cleanup.h"
#include "util/message.h"
#include "util/timespan.h"

#define DEFAULT_GRACE_US (5 * USEC_PER_SEC)

/* How long hook_exec_free() waits for a program that it has killed. */
#define REAP_TIMEOUT_MS 500

DEFINE_CLEANUP(char *, command_free)
DEFINE_CLEANUP(struct hook_exec, hook_exec_free)

enum ending {
        ENDING_BY_ITSELF,  /* no signal was sent */
        ENDING_TIMED_OUT,  /* hook->timeout_us has elapsed */
        ENDING_ON_REQUEST, /* hook_exec_stop() */
};

struct hook_exec {
        pid_t pid; /* of the leader and of the group; 0: nothing to kill or reap */
        enum ending ending;
        bool killed; /* SIGKILL was sent */
        uint64_t timeout_us, grace_us;
        sd_event_source *child_source;
        sd_event_source *time_source; /* the timeout, then the grace period */
        void (*on_end)(void *userdata, const struct hook_end *end);
        void *userdata;
};

/* It is not an error if the group no longer exists. */
static void group_signal(const struct hook_exec *run, int number)
{
        (void)kill(-run->pid, number);
}

static void group_kill(struct hook_exec *run)
{
        group_signal(run, SIGKILL);
        run->killed = true;
}

static int timer_restart(struct hook_exec *run, uint64_t span_us)
{
        int r = sd_event_source_set_time_relative(run->time_source, span_us);

        return r < 0 ? r : sd_event_source_set_enabled(run->time_source, SD_EVENT_ONESHOT);
}

/* SIGTERM now, SIGKILL after the grace period, or at once if the timer cannot be set. */
static void run_end(struct hook_exec *run, enum ending ending)
{
        run->ending = ending;
        group_signal(run, SIGTERM);
        group_signal(run, SIGCONT); /* stopped processes do not handle SIGTERM */
        if (timer_restart(run, run->grace_us) < 0)
                group_kill(run);
}

static int on_time(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)source;
        (void)time_us;
        struct hook_exec *run = userdata;

        if (run->ending == ENDING_BY_ITSELF)
                run_end(run, ENDING_TIMED_OUT);
        else
                group_kill(run);
        return 0;
}

/* ---- the end ---- */

static char *explain_death(const siginfo_t *death)
{
        if (death->si_code == CLD_EXITED)
                return format_message("exit status %d", death->si_status);

        const char *name = sigabbrev_np(death->si_status);
        if (name != NULL)
                return format_message("killed by SIG%s", name);
        return format_message("killed by signal %d", death->si_status);
}

static char *explain_end(const struct hook_exec *run, const siginfo_t *death)
{
        CLEANUP(cleanup_free) char *how = NULL;
        char span[TIMESPAN_TEXT_MAX];

        switch (run->ending) {
        case ENDING_TIMED_OUT:
                return format_message("timed out after %s", timespan_format(run->timeout_us, span));
        case ENDING_ON_REQUEST:
                how = explain_death(death);
                return how != NULL ? format_message("stopped: %s", how) : NULL;
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
                group_kill(run);
        run->pid = 0; /* sd-event reaps it */

        end.success =
                run->ending != ENDING_TIMED_OUT && death->si_code == CLD_EXITED && death->si_status == 0;
        if (!end.success) {
                end.stopped = run->ending == ENDING_ON_REQUEST;
                reason = explain_end(run, death);
                end.reason = reason != NULL ? reason : "failed";
        }
        run->on_end(run->userdata, &end);
        return 0;
}

/* ---- start, stop ---- */

int hook_exec_start(const struct hook_context *context, const struct hook_attempt *attempt, char **ret_reason,
                    struct hook_exec **ret_run)
{
        CLEANUP(cleanup_command_free) char **words = NULL;
        CLEANUP(cleanup_command_free) char **environment = NULL;
        CLEANUP(cleanup_hook_exec_free) struct hook_exec *run = NULL;
        int r;

        r = program_split(attempt->hook->target, &words, ret_reason);
        if (r < 0)
                return r;
        r = environment_new(attempt->event, attempt->attempt, &environment);
        if (r < 0)
                return r;

        run = calloc(1, sizeof(*run));
        if (run == NULL)
                return -ENOMEM;
        run->timeout_us = attempt->hook->timeout_us;
        run->grace_us = context->grace_us != 0 ? context->grace_us : DEFAULT_GRACE_US;
        run->on_end = attempt->on_end;
        run->userdata = attempt->userdata;

        /* Time in which the machine is suspended does not count. */
        r = sd_event_add_time_relative(context->event, &run->time_source, CLOCK_MONOTONIC, run->timeout_us,
                                       USEC_PER_MSEC, on_time, run);
        if (r < 0)
                return r;
        r = spawn_program(context, attempt, words, environment, ret_reason, &run->pid);
        if (r < 0)
                return r;
        r = sd_event_add_child(context->event, &run->child_source, run->pid, WEXITED, on_child, run);
        if (r < 0) {
                *ret_reason = format_message("cannot monitor %s: %s; it was killed", words[0], strerror(-r));
                return r;
        }
        (void)sd_event_source_set_description(run->time_source, "hook-exec-time");
        (void)sd_event_source_set_description(run->child_source, "hook-exec-child");

        *ret_run = STEAL_POINTER(run);
        return 0;
}

/* Whether the leader has exited, by itself and not by a signal. It is not reaped. */
static bool has_exited(const struct hook_exec *run)
{
        siginfo_t death = { .si_pid = 0 };

        return waitid(P_PID, (id_t)run->pid, &death, WEXITED | WNOHANG | WNOWAIT) == 0 && death.si_pid != 0 &&
               death.si_code == CLD_EXITED;
}

void hook_exec_stop(struct hook_exec *run)
{
        assert(run->pid > 0);
        /* If it has exited before the stop, its exit status is what counts, and on_child() is next. */
        if (run->ending == ENDING_BY_ITSELF && !has_exited(run))
                run_end(run, ENDING_ON_REQUEST);
}

/*
 * A process in uninterruptible sleep does not even die of SIGKILL. The wait for it is bounded, and if it was
 * killed earlier there is none. It remains a child until this process exits.
 */
static void kill_and_reap(struct hook_exec *run)
{
        siginfo_t death;

        if (!run->killed) {
                group_kill(run);
                int fd = pidfd_open(run->pid, 0);
                if (fd >= 0) {
                        struct pollfd end = { .fd = fd, .events = POLLIN };

                        (void)poll(&end, 1, REAP_TIMEOUT_MS); /* no signal handler interrupts it */
                        (void)close(fd);
                }
        }
        (void)waitid(P_PID, (id_t)run->pid, &death, WEXITED | WNOHANG);
}

struct hook_exec *hook_exec_free(struct hook_exec *run)
{
        if (run == NULL)
                return NULL;

        sd_event_source_disable_unref(run->child_source);
        sd_event_source_disable_unref(run->time_source);
        if (run->pid > 0)
                kill_and_reap(run);
        free(run);
        return NULL;
}
