/* SPDX-License-Identifier: MIT */

/*
 * A program that delivers an event, run by hook-run. A run lasts from hook_exec_start() to on_child() or
 * hook_exec_free():
 *
 *     running --(timeout or stop: SIGTERM)--> ending --(grace, and a margin: SIGKILL)--> ending
 *
 * The signals go to hook-run, which ends all descendants of the program and has a grace period of its own; it
 * is killed only if it does not end in time. The run ends when hook-run has died. Until sd-event reaps it,
 * right after on_child(), it is at least a zombie, so its id cannot have been reused.
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

#include "delivery/exec/output.h"
#include "delivery/exec/program.h"
#include "delivery/exec/report.h"
#include "delivery/exec/spawn.h"
#include "delivery/variables.h"
#include "model/event.h"
#include "util/argv.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/timer.h"
#include "util/timespan.h"

#define DEFAULT_GRACE_US (5 * USEC_PER_SEC)

/*
 * What hook-run gets in addition to the grace period, to kill the descendants: a stop has a time limit, and a
 * timeout has not.
 */
#define STOP_MARGIN_US    (1 * USEC_PER_SEC)
#define TIMEOUT_MARGIN_US (30 * USEC_PER_SEC)

/*
 * How long hook_exec_free() waits for hook-run to kill the program and its descendants, which takes
 * milliseconds unless the machine is overloaded. If hook-run is killed itself, descendants are left behind.
 */
#define REAP_TIMEOUT_MS 2000

DEFINE_CLEANUP(char *, command_free)
DEFINE_CLEANUP(struct hook_exec, hook_exec_free)

/*
 * The environment of an exec hook's program: a few standard variables of the daemon and those of the event
 * (variables.h). The rest of the daemon's environment is not passed on: it concerns the service manager
 * (NOTIFY_SOCKET, WATCHDOG_USEC, …) and the location of credentials and state.
 */

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"

/* Passed on if set in the daemon's environment. */
static const char *const passed_on[] = { "PATH", "LANG", "HOME", "USER", "LOGNAME", "SHELL", "TZ", "TMPDIR" };

#define PASSED_ON_COUNT (sizeof(passed_on) / sizeof(passed_on[0]))

/* The environment of an exec hook's program, to be freed with command_free(). */
static char **environment_new(const struct event *event, unsigned attempt)
{
        char **environment =
                memory_malloc(NULL, (PASSED_ON_COUNT + EVENT_VARIABLE_COUNT + 1) * sizeof(*environment));
        size_t count = 0;

        for (size_t i = 0; i < PASSED_ON_COUNT; i++) {
                const char *value = getenv(passed_on[i]);
                if (value == NULL && strcmp(passed_on[i], "PATH") == 0)
                        value = DEFAULT_PATH;
                if (value != NULL)
                        environment[count++] = format_message("%s=%s", passed_on[i], value);
        }
        event_variables_get(event, attempt, environment + count);
        environment[count + EVENT_VARIABLE_COUNT] = NULL;
        return environment;
}

enum ending {
        ENDING_BY_ITSELF,  /* no signal was sent */
        ENDING_TIMED_OUT,  /* hook->timeout_us has elapsed */
        ENDING_ON_REQUEST, /* hook_exec_stop() */
};

struct hook_exec {
        pid_t pid; /* of hook-run; 0: nothing to kill or reap */
        int report;
        struct output *output;
        char *program; /* for messages */
        enum ending ending;
        bool killed; /* SIGKILL was sent */
        bool in_end; /* on_end() is being called */
        uint64_t timeout_us, grace_us;
        sd_event_source *child_source;
        sd_event_source *time_source; /* the timeout, then the grace period */
        void (*on_end)(void *userdata, const struct hook_end *end);
        void *userdata;
};

static void kill_hook_run(struct hook_exec *run)
{
        (void)kill(run->pid, SIGKILL);
        run->killed = true;
}

static void run_end(struct hook_exec *run, enum ending ending)
{
        run->ending = ending;
        (void)kill(run->pid, SIGTERM);
        timer_start(run->time_source,
                    run->grace_us + (ending == ENDING_TIMED_OUT ? TIMEOUT_MARGIN_US : STOP_MARGIN_US));
}

static void on_time(void *userdata)
{
        struct hook_exec *run = userdata;

        if (run->ending == ENDING_BY_ITSELF)
                run_end(run, ENDING_TIMED_OUT);
        else
                kill_hook_run(run);
}

/* ---- the end ---- */

static char *explain_signal(const char *who, int number)
{
        const char *name = sigabbrev_np(number);

        return name != NULL ? format_message("%skilled by SIG%s", who, name)
                            : format_message("%skilled by signal %d", who, number);
}

/* hook-run could not execute it. */
static char *explain_start(const char *program, int error)
{
        if (error == ENOENT) /* program_split() has found the program itself */
                return format_message(
                        "cannot execute %s: the interpreter named in its first line does not exist", program);
        if (error == ENOEXEC)
                return format_message("cannot execute %s: no #! line, and not a binary for this architecture",
                                      program);
        return format_message("cannot execute %s: %s", program, strerror(error));
}

/* Without a report hook-run was killed, or could not even begin. */
static char *explain_death(const struct hook_exec *run, const siginfo_t *death, const struct report *report)
{
        if (report == NULL && run->killed)
                return explain_signal("", SIGKILL);
        if (report == NULL && death->si_code == CLD_EXITED)
                return format_message("hook-run failed: exit status %d", death->si_status);
        if (report == NULL)
                return explain_signal("hook-run was ", death->si_status);
        switch ((enum report_kind)report->kind) {
        case REPORT_NOT_STARTED:
                return explain_start(run->program, report->value);
        case REPORT_EXITED:
                return format_message("exit status %d", report->value);
        case REPORT_KILLED:
                break;
        }
        return explain_signal("", report->value);
}

/* An exit before the signal counts as it is. */
static bool has_exited_in_time(const struct report *report)
{
        return report != NULL && report->kind == REPORT_EXITED && !report->was_ended;
}

static char *explain_end(const struct hook_exec *run, const siginfo_t *death, const struct report *report)
{
        char span[TIMESPAN_TEXT_MAX];
        bool ended = run->ending != ENDING_BY_ITSELF && !has_exited_in_time(report);

        if (ended && run->ending == ENDING_TIMED_OUT)
                return format_message("timed out after %s", timespan_format(run->timeout_us, span));
        CLEANUP(cleanup_free) char *how = explain_death(run, death, report);
        return format_message("%s%s", ended ? "stopped: " : "", how);
}

static void judge_end(const struct hook_exec *run, const struct report *report, struct hook_end *ret_end)
{
        bool exited = report != NULL && report->kind == REPORT_EXITED;

        ret_end->success =
                exited && report->value == 0 && (!report->was_ended || run->ending != ENDING_TIMED_OUT);
        if (ret_end->success)
                return;
        ret_end->shortage =
                report != NULL && report->kind == REPORT_NOT_STARTED && is_shortage(report->value);
        ret_end->stopped = run->ending == ENDING_ON_REQUEST && !has_exited_in_time(report);
}

/* hook-run has died. */
static int on_child(sd_event_source *source, const siginfo_t *death, void *userdata)
{
        (void)source;
        CLEANUP(cleanup_hook_exec_free) struct hook_exec *run = userdata;
        CLEANUP(cleanup_free) char *reason = NULL;
        struct report report;
        struct hook_end end = { .reason = "" };

        run->pid = 0; /* sd-event reaps it */
        run->output = output_end(run->output);

        bool reported = read(run->report, &report, sizeof(report)) == (ssize_t)sizeof(report);
        judge_end(run, reported ? &report : NULL, &end);
        if (!end.success) {
                reason = explain_end(run, death, reported ? &report : NULL);
                end.reason = reason;
        }
        run->in_end = true;
        run->on_end(run->userdata, &end);
        run->in_end = false;
        return 0;
}

/* ---- start, stop ---- */

int hook_exec_start(const struct hook_context *context, const struct hook_attempt *attempt, char **ret_reason,
                    struct hook_exec **ret_run)
{
        CLEANUP(cleanup_command_free) char **words = NULL;
        CLEANUP(cleanup_hook_exec_free) struct hook_exec *run = NULL;
        struct spawned spawned;
        int r;

        r = program_split(attempt->hook->target, &words, ret_reason);
        if (r < 0)
                return r;
        CLEANUP(cleanup_command_free) char **environment = environment_new(attempt->event, attempt->attempt);
        run = memory_malloc(NULL, sizeof(*run));
        *run = (struct hook_exec){
                .report = -1,
                .program = format_message("%s", words[0]),
                .timeout_us = attempt->hook->timeout_us,
                .grace_us = context->grace_us != 0 ? context->grace_us : DEFAULT_GRACE_US,
                .on_end = attempt->on_end,
                .userdata = attempt->userdata,
        };

        /* Time in which the machine is suspended does not count. */
        run->time_source = timer_new(context->event, CLOCK_MONOTONIC, USEC_PER_MSEC, on_time, run);
        timer_start(run->time_source, run->timeout_us);
        r = spawn_program(attempt, run->grace_us, words, environment, ret_reason, &spawned);
        if (r < 0)
                return r;
        run->pid = spawned.pid;
        run->report = spawned.report;
        r = output_new(context, attempt, spawned.output, &run->output);
        if (r < 0)
                return r;
        r = sd_event_add_child(context->event, &run->child_source, run->pid, WEXITED, on_child, run);
        if (r < 0) {
                *ret_reason = format_message("cannot monitor %s: %s; it was killed", words[0], strerror(-r));
                return r;
        }
        (void)sd_event_source_set_description(run->child_source, "hook-exec-child");

        *ret_run = STEAL_POINTER(run);
        return 0;
}

void hook_exec_stop(struct hook_exec *run)
{
        assert(run->pid > 0);
        /* If hook-run has exited already, the signal has no effect and on_child() is next. */
        if (run->ending == ENDING_BY_ITSELF)
                run_end(run, ENDING_ON_REQUEST);
}

/*
 * Has hook-run kill the program at once, and kills hook-run if that takes too long: a process in
 * uninterruptible sleep does not even die of SIGKILL. If hook-run was killed earlier there is no wait.
 */
static void kill_and_reap(struct hook_exec *run)
{
        siginfo_t death;

        if (!run->killed) {
                (void)kill(run->pid, SIGINT);
                int fd = pidfd_open(run->pid, 0);
                if (fd >= 0) {
                        struct pollfd end = { .fd = fd, .events = POLLIN };

                        (void)poll(&end, 1, REAP_TIMEOUT_MS); /* no signal handler interrupts it */
                        (void)close(fd);
                }
                kill_hook_run(run);
        }
        (void)waitid(P_PID, (id_t)run->pid, &death, WEXITED | WNOHANG);
}

struct hook_exec *hook_exec_free(struct hook_exec *run)
{
        if (run == NULL)
                return NULL;

        assert(!run->in_end);
        sd_event_source_disable_unref(run->child_source);
        sd_event_source_disable_unref(run->time_source);
        if (run->pid > 0)
                kill_and_reap(run);
        output_free(run->output);
        if (run->report >= 0)
                close(run->report);
        free(run->program);
        free(run);
        return NULL;
}
