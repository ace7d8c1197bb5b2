/* SPDX-License-Identifier: MIT */

/*
 * The daemon's program as a child, which knows the configuration: what it says about it, and what it prints
 * of it. The output goes to a file in memory, so that a child that writes much does not wait for this
 * process.
 */

#include "ctl/doctor_child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/doctor.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/memory.h"
#include "util/message.h"
#include "version.h"

/* What the child is run with, at most. */
#define WORDS_MAX 8

const char *child_daemon(void)
{
        const char *program = getenv("JOBWATCHD"); /* see docs/hacking.md */

        return program != NULL ? program : JOBWATCH_DAEMON;
}

static int start(const char *const words[], int descriptor, int file, pid_t *ret_pid)
{
        posix_spawn_file_actions_t actions;
        char *argv[WORDS_MAX + 1] = { NULL };
        const char *program = words[0];
        size_t count = 0;

        for (; *words != NULL && count < WORDS_MAX; words++)
                argv[count++] = memory_need(strdup(*words));
        int other = descriptor == STDOUT_FILENO ? STDERR_FILENO : STDOUT_FILENO;
        int r = posix_spawn_file_actions_init(&actions);
        if (r == 0) {
                r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
                if (r == 0)
                        r = posix_spawn_file_actions_addopen(&actions, other, "/dev/null", O_WRONLY, 0);
                if (r == 0)
                        r = posix_spawn_file_actions_adddup2(&actions, file, descriptor);
                if (r == 0)
                        r = posix_spawn(ret_pid, program, &actions, NULL, argv, environ);
                (void)posix_spawn_file_actions_destroy(&actions);
        }
        while (count > 0)
                free(argv[--count]);
        return -r;
}

static int read_all(int file, char **ret_text)
{
        struct stat status;
        size_t size = 0;

        if (fstat(file, &status) < 0 || lseek(file, 0, SEEK_SET) < 0)
                return -errno;
        CLEANUP(cleanup_free) char *text = memory_malloc(NULL, (size_t)status.st_size + 1);
        int r = file_read_into(file, text, (size_t)status.st_size, &size);
        if (r < 0)
                return r;
        text[size] = '\0';
        *ret_text = STEAL_POINTER(text);
        return 0;
}

int child_run(const char *const words[], int descriptor, char **ret_text)
{
        CLEANUP(cleanup_descriptor) int file = memfd_create("jobwatchd-output", MFD_CLOEXEC);
        pid_t pid = -1;
        int status;

        if (file < 0)
                return -errno;
        int r = start(words, descriptor, file, &pid);
        if (r < 0)
                return r;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        r = read_all(file, ret_text);
        if (r < 0)
                return r;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- the configuration ---- */

/* What is a private user's: it is not judged by another one. */
#define NOTE "This was checked for"

#define WARNING "warning: "

/* Each line of the child is a finding. Returns whether there was one. */
static bool add_lines(struct doctor *doctor, const char *text)
{
        bool any = false;

        for (const char *line = text; *line != '\0';) {
                size_t size = strcspn(line, "\n");
                bool warning = strncmp(line, WARNING, strlen(WARNING)) == 0;
                size_t skip = warning ? strlen(WARNING) : 0;

                if (size > 0 && strncmp(line, NOTE, strlen(NOTE)) != 0) {
                        doctor_add(doctor, warning ? VERDICT_WARNING : VERDICT_FAILURE,
                                   format_message("%.*s", (int)(size - skip), line + skip), NULL, NULL);
                        any = true;
                }
                line += size + (line[size] != '\0');
        }
        return any;
}

static void read_settings(struct doctor *doctor)
{
        const char *const words[] = { child_daemon(), "-c", doctor->config_path, "--print-config", NULL };
        CLEANUP(cleanup_free) char *text = NULL;

        if (child_run(words, STDOUT_FILENO, &text) != 0)
                return;
        settings_read(&doctor->settings, text);
        doctor->configured = true;
}

void doctor_check_configuration(struct doctor *doctor)
{
        const bool is_root = geteuid() == 0;
        const char *const words[] = {
                child_daemon(), "-c", doctor->config_path, "--check", is_root ? NULL : "--reload", NULL
        };
        CLEANUP(cleanup_free) char *text = NULL;

        int r = child_run(words, STDERR_FILENO, &text);
        if (r < 0) {
                doctor_add(doctor, VERDICT_FAILURE,
                           format_message("cannot run %s: %s", child_daemon(), strerror(-r)),
                           format_message("install the package again"), NULL);
                return;
        }
        assert(text != NULL);
        bool any = add_lines(doctor, text);
        if (r != 0 && !any)
                doctor_add(doctor, VERDICT_FAILURE,
                           format_message("%s --check exits with status %d", child_daemon(), r),
                           format_message("see 'jobwatchd -c %s --check'", doctor->config_path), NULL);
        if (r == 0 && !any)
                doctor_add(doctor, VERDICT_OK, format_message("%s is valid", doctor->config_path), NULL,
                           NULL);
        read_settings(doctor);
}
