/* SPDX-License-Identifier: MIT */

/* The pager, as systemd's tools start it. */

#include "ctl/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include "util/argv.h"
#include "util/cleanup.h"

/* Quit if one screen is enough, colours, chopped long lines, verbose prompt, no clearing, exit on ^C. */
#define LESS_OPTIONS "FRSXMK"

struct pager_choice {
        char **words; /* NULL: less or what Debian calls pager */
        bool secure;
        bool only_less; /* another pager might start programs */
};

static bool is_true(const char *text)
{
        return strcmp(text, "1") == 0 || strcasecmp(text, "yes") == 0 || strcasecmp(text, "true") == 0 ||
               strcasecmp(text, "on") == 0;
}

static void decide_security(struct pager_choice *choice)
{
        const char *wanted = getenv("SYSTEMD_PAGERSECURE");
        uid_t owner;

        if (wanted != NULL) {
                choice->secure = is_true(wanted);
                return;
        }
        choice->secure = sd_pid_get_owner_uid(0, &owner) < 0 || owner != geteuid();
        choice->only_less = choice->secure;
}

static _Noreturn void execute(const struct pager_choice *choice)
{
        const char *options = getenv("SYSTEMD_LESS"), *charset = getenv("SYSTEMD_LESSCHARSET");

        (void)setenv("LESS", options != NULL ? options : LESS_OPTIONS, 1);
        (void)setenv("LESSCHARSET", charset != NULL ? charset : "utf-8", 1);
        if (choice->secure)
                (void)setenv("LESSSECURE", "1", 1);
        else
                (void)unsetenv("LESSSECURE");

        if (choice->words != NULL)
                (void)execvp(choice->words[0], choice->words);
        if (!choice->only_less)
                (void)execlp("pager", "pager", (char *)NULL);
        (void)execlp("less", "less", (char *)NULL);

        /* Without any: copy. */
        char buffer[4096];
        ssize_t size;
        while ((size = read(STDIN_FILENO, buffer, sizeof(buffer))) > 0)
                for (ssize_t at = 0; at < size;) {
                        ssize_t written = write(STDOUT_FILENO, buffer + at, (size_t)(size - at));
                        if (written < 0)
                                _exit(EXIT_FAILURE);
                        at += written;
                }
        _exit(EXIT_SUCCESS);
}

static pid_t start(const struct pager_choice *choice)
{
        int ends[2];
        const pid_t parent = getpid();

        (void)fflush(stdout);
        if (pipe2(ends, O_CLOEXEC) < 0)
                return 0;
        pid_t pager = fork();
        if (pager == 0) {
                if (dup2(ends[0], STDIN_FILENO) < 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 ||
                    getppid() != parent)
                        _exit(EXIT_FAILURE);
                close(ends[1]);
                execute(choice);
        }
        if (pager < 0 || dup2(ends[1], STDOUT_FILENO) < 0)
                pager = 0;
        if (pager > 0)
                (void)signal(SIGPIPE, SIG_IGN); /* it may be quit before it has read everything */
        close(ends[0]);
        close(ends[1]);
        return pager;
}

pid_t pager_start(void)
{
        struct pager_choice choice = { .words = NULL };
        const char *wanted = getenv("SYSTEMD_PAGER"), *terminal = getenv("TERM");

        if (terminal == NULL || strcmp(terminal, "dumb") == 0)
                return 0;
        if (wanted == NULL)
                wanted = getenv("PAGER");
        if (wanted != NULL && (*wanted == '\0' || strcmp(wanted, "cat") == 0))
                return 0;

        decide_security(&choice);
        if (wanted != NULL && !choice.only_less && argv_split(wanted, &choice.words) < 0)
                choice.words = NULL;
        pid_t pager = start(&choice);
        (void)command_free(choice.words);
        return pager;
}

void pager_wait(pid_t pager)
{
        while (waitpid(pager, NULL, 0) < 0 && errno == EINTR)
                ;
}
