/* SPDX-License-Identifier: MIT */

/* Lines are read by read(2), without a buffer of stdio, in which they would stay. */

#include "ctl/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "ctl/client.h"

#define TERMINAL "/dev/tty"
#define PROGRAM  "/usr/bin/systemd-ask-password"

/* ---- reading ---- */

/*
 * Reads more of a line, of which there are *used bytes. Returns 1 when it is complete, 0 if there is more to
 * come, or a negative errno.
 */
static int read_more(int fd, char *line, size_t size, size_t *used)
{
        ssize_t count = read(fd, line + *used, size - *used);

        if (count < 0)
                return errno == EINTR || errno == EAGAIN ? 0 : -errno;
        if (count == 0)
                return -ECANCELED;
        char *end = memchr(line + *used, '\n', (size_t)count);
        *used += (size_t)count;
        if (end != NULL) {
                *end = '\0';
                return 1;
        }
        return *used == size ? -E2BIG : 0;
}

static int report(int r)
{
        if (r == -ECANCELED)
                print_error("no answer");
        else if (r == -E2BIG)
                print_error("the answer is too long");
        else if (r < 0)
                print_error("cannot read the answer: %s", strerror(-r));
        return r < 0 ? r : 0;
}

/* ---- on the terminal ---- */

struct terminal {
        int fd;
        int signals; /* signalfd(2) */
        sigset_t set;
        struct termios before;
};

/* Those that end or stop the process; not one that it was started to ignore. */
static int block_signals(struct terminal *terminal)
{
        static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
        struct sigaction action;

        (void)sigemptyset(&terminal->set);
        for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
                if (sigaction(numbers[i], NULL, &action) >= 0 && action.sa_handler != SIG_IGN)
                        (void)sigaddset(&terminal->set, numbers[i]);
        if (sigprocmask(SIG_BLOCK, &terminal->set, NULL) < 0)
                return -errno;
        terminal->signals = signalfd(-1, &terminal->set, SFD_CLOEXEC | SFD_NONBLOCK);
        return terminal->signals < 0 ? -errno : 0;
}

static int begin(struct terminal *terminal, const struct question *question)
{
        struct termios modes;

        /* In the background this stops the process, as it should. */
        if (tcgetattr(terminal->fd, &terminal->before) < 0)
                return -errno;
        modes = terminal->before;
        if (question->is_secret) {
                modes.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
                modes.c_lflag |= ICANON | ISIG | ECHONL;
        }
        /* What was typed before the question is no answer. */
        if (tcsetattr(terminal->fd, TCSAFLUSH, &modes) < 0)
                return -errno;
        return write(terminal->fd, question->text, strlen(question->text)) < 0 ? -errno : 0;
}

static void restore(const struct terminal *terminal)
{
        (void)tcsetattr(terminal->fd, TCSAFLUSH, &terminal->before);
}

/* A signal has arrived: it does now what it usually does. Returns when the process is continued. */
static int obey(struct terminal *terminal)
{
        struct signalfd_siginfo info;

        if (read(terminal->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
                return 0;
        restore(terminal);
        (void)!write(terminal->fd, "\n", 1);
        (void)kill(getpid(), (int)info.ssi_signo);
        (void)sigprocmask(SIG_UNBLOCK, &terminal->set, NULL);
        return sigprocmask(SIG_BLOCK, &terminal->set, NULL) < 0 ? -errno : 1;
}

static int converse(struct terminal *terminal, const struct question *question, char *line, size_t size)
{
        size_t used = 0;
        int r = begin(terminal, question);

        while (r >= 0) {
                struct pollfd waits[] = { { .fd = terminal->fd, .events = POLLIN },
                                          { .fd = terminal->signals, .events = POLLIN } };

                if (poll(waits, 2, -1) < 0) {
                        r = errno == EINTR ? 0 : -errno;
                } else if (waits[1].revents != 0) {
                        r = obey(terminal);
                        if (r > 0) { /* asked again */
                                explicit_bzero(line, used);
                                used = 0;
                                r = begin(terminal, question);
                        }
                } else {
                        r = read_more(terminal->fd, line, size, &used);
                        if (r > 0)
                                break;
                }
        }
        restore(terminal);
        if (r == -ECANCELED)
                (void)!write(terminal->fd, "\n", 1);
        return r;
}

static int ask_on_terminal(int fd, const struct question *question, char *line, size_t size)
{
        struct terminal terminal = { .fd = fd, .signals = -1 };
        int r = block_signals(&terminal);

        if (r >= 0)
                r = converse(&terminal, question, line, size);
        if (terminal.signals >= 0)
                close(terminal.signals);
        (void)sigprocmask(SIG_UNBLOCK, &terminal.set, NULL);
        return report(r);
}

/* ---- by systemd-ask-password ---- */

static _Noreturn void execute(int output, const struct question *question)
{
        /* It waits for five minutes, as the service does for polkit. */
        if (dup2(output, STDOUT_FILENO) >= 0)
                (void)execl(PROGRAM, PROGRAM, "--no-tty", "--timeout=300", "--id=jobwatchctl:login",
                            "--icon=network-server", question->is_secret ? "--echo=no" : "--echo=yes",
                            question->text, (char *)NULL);
        _exit(EXIT_FAILURE);
}

static int read_answer(int fd, pid_t child, char *line, size_t size)
{
        size_t used = 0;
        int status, r;

        do
                r = read_more(fd, line, size, &used);
        while (r == 0);
        close(fd); /* an answer that is too long ends it */
        while (waitpid(child, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        if (r == -E2BIG)
                return report(r);
        if (r > 0 && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
                return 0;
        print_error("cannot ask: there is no terminal, and systemd-ask-password has failed");
        return -ENXIO;
}

static int ask_agents(const struct question *question, char *line, size_t size)
{
        const pid_t parent = getpid();
        int ends[2];

        if (access(PROGRAM, X_OK) < 0) {
                print_error("cannot ask: there is no terminal, and no systemd-ask-password");
                return -ENXIO;
        }
        if (pipe2(ends, O_CLOEXEC) < 0)
                return report(-errno);
        pid_t child = fork();
        if (child == 0) {
                if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
                        _exit(EXIT_FAILURE);
                execute(ends[1], question);
        }
        int error = -errno;
        close(ends[1]);
        if (child < 0) {
                close(ends[0]);
                return report(error);
        }
        return read_answer(ends[0], child, line, size);
}

int ask(const struct question *question, char *line, size_t size)
{
        int fd = open(TERMINAL, O_RDWR | O_NOCTTY | O_CLOEXEC);

        if (fd < 0)
                return ask_agents(question, line, size);
        int r = ask_on_terminal(fd, question, line, size);
        close(fd);
        return r;
}
