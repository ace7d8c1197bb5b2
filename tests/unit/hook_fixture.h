/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the tests of hooks share: a loop, a directory, and runs that record their end. What the program of the
 * latest run prints goes to the console, which is a file in memory. The process is a child subreaper, so that
 * it can wait for the children of a program that has ended.
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "delivery/exec/exec.h"
#include "delivery/exec/output.h"
#include "open_descriptors.h"
#include "util/timespan.h"

/* For a loaded machine under a sanitizer; a passing test needs less than a hundredth of it. */
#define LOOP_LIMIT_US (60 * USEC_PER_SEC)

#define LONG_US (1000 * USEC_PER_SEC)

struct hook_fixture {
        sd_event *event;
        struct journal *journal;
        struct hook_context context;
        struct hook_config hook;
        struct event sample;
        char directory[64];
        int console, original_console; /* standard error goes to the first */
};

struct hook_run {
        struct hook_fixture *fixture;
        struct hook_exec *run; /* NULL once it has ended */
        const char *document;
        unsigned attempt;
        unsigned ends;
        bool success, stopped;
        char *reason;
        char *output; /* NUL-terminated, after hook_read_output() */
        size_t output_size;
        void (*then)(struct hook_run *run); /* called by on_end() */
};

static inline int hook_setup(void **state)
{
        const struct log_config log = { .level = LOG_DEBUG, .target = LOG_TARGET_CONSOLE };
        struct hook_fixture *fixture = calloc(1, sizeof(*fixture));
        static char name[] = "mail", none[] = "";
        sigset_t child;

        assert_non_null(fixture);
        sigemptyset(&child);
        sigaddset(&child, SIGCHLD);
        assert_return_code(sigprocmask(SIG_BLOCK, &child, NULL), errno);
        assert_return_code(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), errno);
        assert_true(sd_event_new(&fixture->event) >= 0);
        assert_int_equal(journal_open(&log, &fixture->journal), 0);
        fixture->context = (struct hook_context){ .event = fixture->event, .journal = fixture->journal };
        fixture->context.outputs = outputs_new();
        fixture->hook = (struct hook_config){
                .name = name, .kind = HOOK_EXEC, .timeout_us = LONG_US, .secret_file = none
        };
        fixture->sample = (struct event){ .id = "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0",
                                          .sequence = 17,
                                          .kind = EVENT_SUCCEEDED,
                                          .outcome = OUTCOME_SUCCESS,
                                          .record = { .id = 87654321 } };
        strcpy(fixture->directory, "/tmp/jobwatch-hook-XXXXXX");
        assert_non_null(mkdtemp(fixture->directory));
        assert_return_code(chmod(fixture->directory, 0755), errno);
        fixture->original_console = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        assert_return_code(fixture->original_console, errno);
        fixture->console = memfd_create("console", MFD_CLOEXEC);
        assert_return_code(fixture->console, errno);
        *state = fixture;
        return 0;
}

/* No child and no zombie may be left. */
static inline int hook_teardown(void **state)
{
        struct hook_fixture *fixture = *state;

        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
        assert_return_code(rmdir(fixture->directory), errno);
        outputs_free(fixture->context.outputs);
        close(fixture->console);
        close(fixture->original_console);
        journal_close(fixture->journal);
        sd_event_unref(fixture->event);
        free(fixture);
        return 0;
}

/* Runs one iteration of the loop, with the console in place of standard error. */
static inline int hook_turn(struct hook_fixture *fixture, uint64_t limit_us)
{
        (void)fflush(stderr);
        assert_return_code(dup2(fixture->console, STDERR_FILENO), errno);
        int r = sd_event_run(fixture->event, limit_us);
        assert_return_code(dup2(fixture->original_console, STDERR_FILENO), errno);
        return r;
}

static inline const char *hook_read_output(struct hook_run *run)
{
        struct stat st;

        assert_return_code(fstat(run->fixture->console, &st), errno);
        run->output_size = (size_t)st.st_size;
        run->output = realloc(run->output, run->output_size + 1);
        assert_non_null(run->output);
        assert_int_equal(pread(run->fixture->console, run->output, run->output_size, 0), run->output_size);
        run->output[run->output_size] = '\0';
        return run->output;
}

static inline void hook_on_end(void *userdata, const struct hook_end *end)
{
        struct hook_run *run = userdata;

        assert_non_null(end->reason);
        assert_int_equal(end->retry_after_us, 0);
        assert_true(end->success || *end->reason != '\0');
        run->ends++;
        run->run = NULL;
        run->success = end->success;
        run->stopped = end->stopped;
        run->reason = strdup(end->reason);
        if (run->then != NULL)
                run->then(run);
}

static inline int hook_try(struct hook_run *run, const char *target, char **ret_reason)
{
        struct hook_fixture *fixture = run->fixture;

        fixture->hook.target = strdup(target);
        const struct hook_attempt attempt = {
                .hook = &fixture->hook,
                .event = &fixture->sample,
                .document = run->document != NULL ? run->document : "{}\n",
                .attempt = run->attempt != 0 ? run->attempt : 1,
                .on_end = hook_on_end,
                .userdata = run,
        };

        assert_return_code(ftruncate(fixture->console, 0), errno);
        assert_return_code(lseek(fixture->console, 0, SEEK_SET), errno);
        int r = hook_exec_start(&fixture->context, &attempt, ret_reason, &run->run);
        free(fixture->hook.target);
        fixture->hook.target = NULL;
        return r;
}

static inline void hook_start(struct hook_run *run, const char *target)
{
        char *reason = NULL;

        int r = hook_try(run, target, &reason);
        if (r < 0)
                fail_msg("%s: %s (%s)", target, strerror(-r), reason);
        assert_null(reason);
        assert_non_null(run->run);
        assert_int_equal(run->ends, 0); /* not from the start function */
}

static inline void hook_clear(struct hook_run *run)
{
        struct hook_fixture *fixture = run->fixture;

        free(run->output);
        free(run->reason);
        *run = (struct hook_run){ .fixture = fixture };
}

/* Runs the loop until the condition holds; fails the test after LOOP_LIMIT_US. */
#define HOOK_WAIT(fixture, condition)                                                                        \
        do {                                                                                                 \
                uint64_t wait_until_ = hook_now() + LOOP_LIMIT_US;                                           \
                while (!(condition)) {                                                                       \
                        assert_true(hook_now() < wait_until_);                                               \
                        assert_true(hook_turn(fixture, USEC_PER_SEC) >= 0);                                  \
                }                                                                                            \
        } while (false)

static inline uint64_t hook_now(void)
{
        struct timespec now;

        assert_return_code(clock_gettime(CLOCK_MONOTONIC, &now), errno);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

/* Waits until the program has ended. */
static inline void hook_finish(struct hook_run *run)
{
        HOOK_WAIT(run->fixture, run->ends > 0);
        assert_int_equal(run->ends, 1);
}

/* Waits until it has ended. What it has printed until then is complete. */
static inline void hook_finish_output(struct hook_run *run)
{
        hook_finish(run);
        (void)hook_read_output(run);
}

/* Starts it and waits for its end and its output. */
static inline void hook_run(struct hook_run *run, const char *target)
{
        hook_start(run, target);
        hook_finish_output(run);
}

/* Waits for an adopted process and returns how it died. */
static inline siginfo_t hook_reap(pid_t pid)
{
        siginfo_t death = { .si_pid = 0 };

        assert_return_code(waitid(P_PID, (id_t)pid, &death, WEXITED), errno);
        return death;
}
