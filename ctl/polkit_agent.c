/* SPDX-License-Identifier: MIT */

/* polkit's agent for terminals, as systemd's tools start it. */

#include "ctl/polkit_agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define AGENT "/usr/bin/pkttyagent"

static _Noreturn void execute(int ready)
{
        char descriptor[16];

        /* Standard output may be a pipe; the agent uses the terminal itself. */
        (void)snprintf(descriptor, sizeof(descriptor), "%d", ready);
        (void)execl(AGENT, AGENT, "--notify-fd", descriptor, "--fallback", (char *)NULL);
        _exit(EXIT_FAILURE);
}

pid_t polkit_agent_start(void)
{
        int ends[2];
        const pid_t parent = getpid();

        if (geteuid() == 0 || isatty(STDIN_FILENO) <= 0 || access(AGENT, X_OK) < 0)
                return 0;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return 0;
        pid_t agent = fork();
        if (agent == 0) {
                if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent ||
                    fcntl(ends[1], F_SETFD, 0) < 0)
                        _exit(EXIT_FAILURE);
                execute(ends[1]);
        }
        close(ends[1]);
        if (agent > 0) {
                /* It closes its end when it is registered, or when it fails. */
                struct pollfd ready = { .fd = ends[0], .events = POLLIN };
                while (poll(&ready, 1, -1) < 0 && errno == EINTR)
                        ;
        }
        close(ends[0]);
        return agent > 0 ? agent : 0;
}

void polkit_agent_stop(pid_t agent)
{
        if (agent <= 0)
                return;
        (void)kill(agent, SIGTERM);
        (void)kill(agent, SIGCONT);
        while (waitpid(agent, NULL, 0) < 0 && errno == EINTR)
                ;
}
