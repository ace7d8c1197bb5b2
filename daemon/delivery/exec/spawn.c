/* SPDX-License-Identifier: MIT */

/*
 * How an exec hook's program is spawned: by hook-run, which supervises it (hook-run/hook_run.c). Standard
 * input is a sealed file in memory with the whole document: it needs no feeding, raises no SIGPIPE, can be
 * read twice, and does not depend on how the program reads. Standard output and error are a pipe. Signal mask
 * and dispositions and working directory are reset; of other descriptors, hook-run gets only the one for its
 * report, which it does not pass on.
 *
 * posix_spawn() shares the daemon's memory until hook-run is loaded, so the daemon's size does not matter.
 */

#include "delivery/exec/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "delivery/exec/report.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/timespan.h"

/* For development, since only an installed program is at HOOK_RUN. */
static const char *hook_run_path(void)
{
        const char *path = getenv("JOBWATCHD_HOOK_RUN");

        return path != NULL ? path : HOOK_RUN;
}

int spawn_check(char **ret_reason)
{
        if (access(hook_run_path(), X_OK) == 0)
                return 0;
        int r = -errno;
        return fail_with_message(r, ret_reason, "Cannot run exec hooks: %s: %s; install jobwatchd again",
                                 hook_run_path(), strerror(-r));
}

/* ---- descriptors ---- */

/* Takes over a descriptor and returns one above 2, or a negative errno. */
static int raise_descriptor(int fd)
{
        CLEANUP(cleanup_descriptor) int low = fd;

        if (low > STDERR_FILENO)
                return STEAL_DESCRIPTOR(low);
        int raised = fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        return raised >= 0 ? raised : -errno;
}

/* Returns a descriptor above 2, or a negative errno. */
static int open_document(const char *document)
{
        CLEANUP(cleanup_descriptor) int fd = memfd_create("jobwatch-event", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;

        int r = file_write(fd, document, strlen(document));
        if (r < 0)
                return r;
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
                return -errno;
        return raise_descriptor(STEAL_DESCRIPTOR(fd));
}

/* The read end does not block. Both are the caller's. */
static int open_pipe(int *ret_read_end, int *ret_write_end)
{
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        CLEANUP(cleanup_descriptor) int read_end = ends[0];
        int write_end = raise_descriptor(ends[1]);
        if (write_end < 0)
                return write_end;
        if (fcntl(read_end, F_SETFL, O_NONBLOCK) < 0) {
                int r = -errno;
                close(write_end);
                return r;
        }
        *ret_read_end = STEAL_DESCRIPTOR(read_end);
        *ret_write_end = write_end;
        return 0;
}

/* ---- the process ---- */

/* None of these functions can fail: they only store valid values. */
static void set_attributes(posix_spawnattr_t *attributes)
{
        sigset_t none, all;

        sigemptyset(&none);
        /* sigfillset() omits two signals internal to glibc, which would stay ignored in the program. */
        memset(&all, 0xff, sizeof(all));
        (void)posix_spawnattr_init(attributes);
        (void)posix_spawnattr_setsigmask(attributes, &none);
        (void)posix_spawnattr_setsigdefault(attributes, &all);
        (void)posix_spawnattr_setpgroup(attributes, 0);
        (void)posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                           POSIX_SPAWN_SETPGROUP);
}

/* Returns a positive errno, as the posix_spawn_ functions do. */
static int set_actions(posix_spawn_file_actions_t *actions, int input, int output, int report)
{
        /* The report comes last: REPORT_DESCRIPTOR may be one of the others. */
        int error = posix_spawn_file_actions_adddup2(actions, input, STDIN_FILENO);

        if (error == 0)
                error = posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
        if (error == 0)
                error = posix_spawn_file_actions_adddup2(actions, output, STDERR_FILENO);
        if (error == 0)
                error = posix_spawn_file_actions_adddup2(actions, report, REPORT_DESCRIPTOR);
        if (error == 0)
                error = posix_spawn_file_actions_addclosefrom_np(actions, REPORT_DESCRIPTOR + 1);
        if (error == 0)
                error = posix_spawn_file_actions_addchdir_np(actions, "/");
        return error;
}

static int spawn(char *const words[], char *const environment[], int input, int output, int report,
                 pid_t *ret_pid)
{
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;

        set_attributes(&attributes);
        (void)posix_spawn_file_actions_init(&actions); /* it needs no memory yet */
        int error = set_actions(&actions, input, output, report);
        if (error == 0)
                error = posix_spawn(ret_pid, hook_run_path(), &actions, &attributes, words, environment);

        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
        return -error;
}

static int spawn_hook_run(char *const words[], uint64_t grace_us, char *const environment[], int input,
                          int output, int report, pid_t *ret_pid)
{
        CLEANUP(cleanup_free) char **arguments = NULL;
        static char name[] = "hook-run";
        char grace_ms[24];
        size_t count = 0;

        while (words[count] != NULL)
                count++;
        arguments = memory_malloc(NULL, (count + 3) * sizeof(*arguments));
        (void)snprintf(grace_ms, sizeof(grace_ms), "%" PRIu64, grace_us / USEC_PER_MSEC);
        arguments[0] = name;
        arguments[1] = grace_ms;
        memcpy(arguments + 2, words, (count + 1) * sizeof(*words));
        return spawn(arguments, environment, input, output, report, ret_pid);
}

int spawn_program(const struct hook_attempt *attempt, uint64_t grace_us, char *const words[],
                  char *const environment[], char **ret_reason, struct spawned *ret_spawned)
{
        CLEANUP(cleanup_descriptor) int input = -1;
        CLEANUP(cleanup_descriptor) int output = -1;
        CLEANUP(cleanup_descriptor) int output_end = -1;
        CLEANUP(cleanup_descriptor) int report = -1;
        CLEANUP(cleanup_descriptor) int report_end = -1;
        pid_t pid;

        int r = open_pipe(&output, &output_end);
        if (r == 0)
                r = open_pipe(&report, &report_end);
        if (r < 0)
                return fail_with_message(r, ret_reason, "cannot create a pipe for %s: %s", words[0],
                                         strerror(-r));
        input = open_document(attempt->document);
        if (input < 0)
                return fail_with_message(input, ret_reason, "cannot create standard input for %s: %s",
                                         words[0], strerror(-input));

        r = spawn_hook_run(words, grace_us, environment, input, output_end, report_end, &pid);
        if (r < 0)
                return fail_with_message(r, ret_reason, "cannot execute %s: %s", hook_run_path(),
                                         strerror(-r));
        *ret_spawned = (struct spawned){
                .pid = pid,
                .output = STEAL_DESCRIPTOR(output),
                .report = STEAL_DESCRIPTOR(report),
        };
        return 0;
}
