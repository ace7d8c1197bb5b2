/* SPDX-License-Identifier: MIT */

/*
 * Runs the program of an exec hook, for one attempt:
 *
 *     hook-run GRACE_MS PROGRAM [ARGUMENT]...
 *
 * It adopts every process whose parent has died among the program's descendants (a child subreaper), so that
 * none of them can escape by setsid() or a double fork:
 *
 *     running --(program ends)--> exit; what it left behind is left alone
 *        |--(SIGTERM: SIGTERM to all descendants)--> ending --(no child is left)--> exit
 *        |                                             |--(GRACE_MS have passed, or SIGINT)--+
 *        +--(SIGINT)--------------------------------------------------------------------> killing
 *
 * Killing means SIGKILL to all descendants, again and again until no child is left.
 *
 * The exit status is that of the program, 128 + N if signal N killed it, or 127 if it could not be executed.
 * Which of these it was, is written to descriptor 3 (delivery/exec/report.h), if there is one. If this
 * process is killed, so is the program. If the daemon is killed, that is a SIGTERM: the next daemon makes the
 * attempt again.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "delivery/exec/report.h"
#include "descendants.h"

#define EXIT_USAGE       64
#define EXIT_NOT_STARTED 127

/* How soon SIGKILL is repeated for processes made in the meantime. */
#define KILL_INTERVAL_MS 10

enum phase {
        PHASE_RUNNING,
        PHASE_ENDING,  /* all descendants got SIGTERM */
        PHASE_KILLING, /* they get SIGKILL */
};

struct run {
        pid_t program; /* 0: it has ended */
        int status;    /* of the program, from waitpid() */
        enum phase phase;
        bool was_ended; /* see struct report */
        long grace_ms;
        long deadline_ms; /* of the phase, by now_ms(); unless it is PHASE_RUNNING */
};

static long now_ms(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void write_report(enum report_kind kind, int value, bool was_ended)
{
        const struct report report = { .kind = (int32_t)kind, .value = value, .was_ended = was_ended };

        while (write(REPORT_DESCRIPTOR, &report, sizeof(report)) < 0 && errno == EINTR)
                ;
}

/* ---- the program ---- */

static _Noreturn void execute(char *const words[], pid_t parent)
{
        sigset_t none;

        /* Tied to the thread that has forked, which is the only one. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent) {
                (void)setpgid(0, 0); /* kill(0, …) by the program spares its parent */
                (void)sigemptyset(&none);
                (void)sigprocmask(SIG_SETMASK, &none, NULL);
                (void)execv(words[0], words);
        }
        write_report(REPORT_NOT_STARTED, errno, false);
        _exit(EXIT_NOT_STARTED);
}

/* Returns its PID, or -1 with a report. */
static pid_t start(char *const words[])
{
        pid_t parent = getpid();

        pid_t pid = fork();
        if (pid == 0)
                execute(words, parent);
        if (pid < 0)
                write_report(REPORT_NOT_STARTED, errno, false);
        return pid;
}

/* Reaps all children that have ended. Returns whether others are left. */
static bool reap(struct run *run)
{
        int status;
        pid_t pid;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
                if (pid == run->program) {
                        run->program = 0;
                        run->status = status;
                }
        return pid == 0;
}

/* ---- the end ---- */

static void enter_phase(struct run *run, enum phase phase)
{
        run->phase = phase;
        run->was_ended |= run->program != 0;
        switch (phase) {
        case PHASE_RUNNING:
                break;
        case PHASE_ENDING:
                descendants_signal(SIGTERM);
                descendants_signal(SIGCONT); /* stopped processes do not handle SIGTERM */
                run->deadline_ms = now_ms() + run->grace_ms;
                break;
        case PHASE_KILLING:
                descendants_signal(SIGKILL);
                run->deadline_ms = now_ms() + KILL_INTERVAL_MS;
                break;
        }
}

/* Returns the next of `signals`, or 0 when the deadline has passed. */
static int wait_signal(const struct run *run, const sigset_t *signals)
{
        int number;

        do {
                if (run->phase == PHASE_RUNNING) {
                        number = sigwaitinfo(signals, NULL);
                } else {
                        long left_ms = run->deadline_ms - now_ms();
                        if (left_ms <= 0)
                                return 0;
                        const struct timespec left = { left_ms / 1000, left_ms % 1000 * 1000000 };

                        number = sigtimedwait(signals, NULL, &left);
                }
        } while (number < 0);
        return number;
}

/* Returns when there is nothing to wait for any more. */
static void wait_for_end(struct run *run, const sigset_t *signals)
{
        for (;;) {
                int number = wait_signal(run, signals);
                bool others = reap(run);

                if (run->phase == PHASE_RUNNING ? run->program == 0 : !others)
                        return;
                if (number == SIGTERM && run->phase == PHASE_RUNNING)
                        enter_phase(run, PHASE_ENDING);
                else if (number == SIGINT || number == 0 || run->phase == PHASE_KILLING)
                        enter_phase(run, PHASE_KILLING);
        }
}

static int pass_on(const struct run *run)
{
        if (WIFEXITED(run->status)) {
                write_report(REPORT_EXITED, WEXITSTATUS(run->status), run->was_ended);
                return WEXITSTATUS(run->status);
        }
        write_report(REPORT_KILLED, WTERMSIG(run->status), run->was_ended);
        return 128 + WTERMSIG(run->status);
}

/* The end of the parent is a SIGTERM. Returns whether it has ended already: nobody can read the report. */
static bool follow_parent(void)
{
        struct pollfd report = { .fd = REPORT_DESCRIPTOR };

        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        return poll(&report, 1, 0) > 0 && (report.revents & POLLERR) != 0;
}

/* `ret_signals` are those to wait for. */
static void block_signals(sigset_t *ret_signals)
{
        sigset_t blocked;

        (void)sigemptyset(ret_signals);
        (void)sigaddset(ret_signals, SIGCHLD);
        (void)sigaddset(ret_signals, SIGTERM);
        (void)sigaddset(ret_signals, SIGINT);
        blocked = *ret_signals;
        (void)sigaddset(&blocked, SIGPIPE); /* nobody may read the report any more */
        (void)sigprocmask(SIG_BLOCK, &blocked, NULL);
}

int main(int argc, char *argv[])
{
        struct run run = { .phase = PHASE_RUNNING };
        sigset_t signals;
        char *end = NULL;

        if (argc >= 3)
                run.grace_ms = strtol(argv[1], &end, 10);
        if (end == NULL || end == argv[1] || *end != '\0' || run.grace_ms < 0) {
                (void)fprintf(stderr, "usage: hook-run GRACE_MS PROGRAM [ARGUMENT]...\n"
                                      "It is started by jobwatchd; see jobwatchd-hooks(7).\n");
                return EXIT_USAGE;
        }

        block_signals(&signals);
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
        (void)fcntl(REPORT_DESCRIPTOR, F_SETFD, FD_CLOEXEC);
        if (follow_parent())
                return EXIT_NOT_STARTED;

        run.program = start(argv + 2);
        if (run.program < 0)
                return EXIT_NOT_STARTED;
        wait_for_end(&run, &signals);
        return pass_on(&run);
}
