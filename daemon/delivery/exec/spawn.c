/* SPDX-License-Identifier: MIT */

/*
 * How an exec hook's program is spawned. Standard input is a sealed file in memory with the whole document:
 * it needs no feeding, raises no SIGPIPE, can be read twice, and does not depend on how the program reads.
 * Signal mask and dispositions, process group and working directory are reset; only the three standard
 * descriptors are passed on.
 *
 * posix_spawn() shares the daemon's memory until the program is loaded, so the daemon's size does not matter,
 * and it returns the errno of execve().
 */

#include "delivery/exec/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "journal/stream.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/message.h"

/* Returns a descriptor above 2, or a negative errno. */
static int open_document(const char *document, size_t size)
{
        CLEANUP(cleanup_descriptor) int fd = memfd_create("jobwatch-event", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;

        int r = file_write(fd, document, size);
        if (r < 0)
                return r;
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
                return -errno;
        if (fd > STDERR_FILENO)
                return STEAL_DESCRIPTOR(fd);
        int raised = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        return raised >= 0 ? raised : -errno;
}

static int open_output(const struct hook_context *context, const struct hook_config *hook)
{
        char *identifier = format_message("jobwatch-%s", hook->name);
        if (identifier == NULL)
                return -ENOMEM;

        int fd = journal_stream_open(context->journal, identifier);
        free(identifier);
        return fd;
}

/* Returns a positive errno, as the posix_spawn_ functions do. So does set_actions(). */
static int set_attributes(posix_spawnattr_t *attributes)
{
        sigset_t none, all;
        int error;

        sigemptyset(&none);
        /* sigfillset() omits two signals internal to glibc, which would stay ignored in the program. */
        memset(&all, 0xff, sizeof(all));
        error = posix_spawnattr_setsigmask(attributes, &none);
        if (error == 0)
                error = posix_spawnattr_setsigdefault(attributes, &all);
        if (error == 0)
                error = posix_spawnattr_setpgroup(attributes, 0);
        if (error == 0)
                error = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                                     POSIX_SPAWN_SETPGROUP);
        return error;
}

static int set_actions(posix_spawn_file_actions_t *actions, int input, int output)
{
        int error = posix_spawn_file_actions_adddup2(actions, input, STDIN_FILENO);

        if (error == 0)
                error = posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
        if (error == 0)
                error = posix_spawn_file_actions_adddup2(actions, output, STDERR_FILENO);
        if (error == 0)
                error = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
        if (error == 0)
                error = posix_spawn_file_actions_addchdir_np(actions, "/");
        return error;
}

static int spawn(char *const words[], char *const environment[], int input, int output, pid_t *ret_pid)
{
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int error;

        error = posix_spawnattr_init(&attributes);
        if (error != 0)
                return -error;
        error = posix_spawn_file_actions_init(&actions);
        if (error != 0) {
                posix_spawnattr_destroy(&attributes);
                return -error;
        }

        error = set_attributes(&attributes);
        if (error == 0)
                error = set_actions(&actions, input, output);
        if (error == 0)
                error = posix_spawn(ret_pid, words[0], &actions, &attributes, words, environment);

        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
        return -error;
}

static char *explain(const char *program, int error)
{
        if (error == ENOENT) /* program_split() has found the program itself */
                return format_message(
                        "cannot execute %s: the interpreter named in its first line does not exist", program);
        if (error == ENOEXEC)
                return format_message("cannot execute %s: no #! line, and not a binary for this architecture",
                                      program);
        return format_message("cannot execute %s: %s", program, strerror(error));
}

int spawn_program(const struct hook_context *context, const struct hook_attempt *attempt, char *const words[],
                  char *const environment[], char **ret_reason, pid_t *ret_pid)
{
        CLEANUP(cleanup_descriptor) int input = open_document(attempt->document, attempt->document_size);
        if (input < 0) {
                *ret_reason =
                        format_message("cannot create standard input for %s: %s", words[0], strerror(-input));
                return input;
        }

        CLEANUP(cleanup_descriptor) int output = open_output(context, attempt->hook);
        if (output < 0) {
                *ret_reason =
                        format_message("cannot open standard output for %s: %s", words[0], strerror(-output));
                return output;
        }

        int r = spawn(words, environment, input, output, ret_pid);
        if (r < 0)
                *ret_reason = explain(words[0], -r);
        return r;
}
