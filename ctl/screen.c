/* SPDX-License-Identifier: MIT */

/*
 * The screen is the alternate one of the terminal, so that resizing, which wraps lines anew, spoils nothing.
 * Every line is written over the one before, all in one write, so that nothing flickers. Signals arrive
 * through a descriptor, so that the terminal is restored outside of signal handlers; and writing does not
 * block, so that they arrive while the terminal takes nothing.
 */

#include "ctl/screen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "ctl/times.h"
#include "util/memory.h"
#include "util/timespan.h"

#define HOME        "\033[H"
#define CLEAR_LINE  "\033[K"
#define CLEAR_BELOW "\033[J"

/* The alternate screen, no cursor, no line wrapping. A terminal that has no other screen is left empty. */
#define ENTER "\033[?1049h\033[?25l\033[?7l"
#define LEAVE HOME CLEAR_BELOW "\033[?7h\033[?25h\033[?1049l"

#define CONTROL_C '\003'

/* The kernel does not stop a process whose shell has gone. */
#define STOPS_MAX 16

/* ---- writing ---- */

/* While it is left, a terminal that takes nothing for so long stays as it is. */
#define LEAVE_PATIENCE_MS 1000

/* When a picture is drawn anew of which a part is missing. */
#define AGAIN_US USEC_PER_SEC

/* Standard output once more, which does not block this program and no other. Of a terminal of another user
 * there is only the one that blocks. */
static int open_terminal(void)
{
        int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

        return fd >= 0 ? fd : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

/* Whether the terminal takes more. Unless it is left, signals and keys come first. */
static bool wait_to_put(const struct screen *screen, bool leaving)
{
        struct pollfd polled[] = {
                { .fd = screen->terminal, .events = POLLOUT },
                { .fd = leaving ? -1 : screen->signals, .events = POLLIN },
                { .fd = leaving || !screen->has_keys ? -1 : STDIN_FILENO, .events = POLLIN },
        };
        int r;

        do
                r = poll(polled, sizeof(polled) / sizeof(*polled), leaving ? LEAVE_PATIENCE_MS : -1);
        while (r < 0 && errno == EINTR);
        return r > 0 && polled[1].revents == 0 && polled[2].revents == 0;
}

/* Returns whether all was written, or a negative errno if the terminal has gone, which SIGHUP says too, but
 * not to every process. */
static int put(const struct screen *screen, const char *text, bool leaving)
{
        while (*text != '\0') {
                ssize_t written = write(screen->terminal, text, strlen(text));
                if (written >= 0)
                        text += written;
                else if (errno == EAGAIN && !wait_to_put(screen, leaving))
                        return false;
                else if (errno != EAGAIN && errno != EINTR)
                        return -errno;
        }
        return true;
}

/* ---- entering and leaving ---- */

bool screen_possible(void)
{
        const char *terminal = getenv("TERM");

        return isatty(STDOUT_FILENO) > 0 && terminal != NULL && *terminal != '\0' &&
               strcmp(terminal, "dumb") != 0;
}

/*
 * In the background the process stops, as when it reads from the terminal: its modes are those of the shell
 * meanwhile. Returns false if it is there nevertheless. A terminal that does not control it has no
 * background.
 */
static bool wait_for_foreground(void)
{
        for (unsigned i = 0; i < STOPS_MAX; i++) {
                pid_t foreground = tcgetpgrp(STDIN_FILENO);
                if (foreground < 0 || foreground == getpgrp())
                        return true;
                if (kill(0, SIGTTIN) < 0)
                        return false;
        }
        return false;
}

/* Keys are read one by one, and not shown. Ctrl-C and Ctrl-Z remain signals. */
static void enter(struct screen *screen)
{
        screen->has_keys = wait_for_foreground() && tcgetattr(STDIN_FILENO, &screen->before) >= 0;
        if (screen->has_keys) {
                struct termios keys = screen->before;
                keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
                keys.c_cc[VMIN] = 1;
                keys.c_cc[VTIME] = 0;
                screen->has_keys = tcsetattr(STDIN_FILENO, TCSANOW, &keys) >= 0;
        }
        (void)put(screen, ENTER, false);
}

/* What the terminal has not taken yet is dropped. */
static void leave(struct screen *screen)
{
        struct pollfd terminal = { .fd = screen->terminal, .events = POLLOUT };

        if (screen->has_keys && poll(&terminal, 1, 0) == 0)
                (void)tcflush(STDIN_FILENO, TCOFLUSH);
        (void)put(screen, LEAVE, true);
        if (screen->has_keys)
                (void)tcsetattr(STDIN_FILENO, TCSANOW, &screen->before);
}

/* Those that the program has to react to; not one that it was started to ignore, as by nohup(1). */
static void signals_fill(sigset_t *ret_set)
{
        static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH };
        struct sigaction action;

        (void)sigemptyset(ret_set);
        for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
                if (sigaction(numbers[i], NULL, &action) >= 0 && action.sa_handler != SIG_IGN)
                        (void)sigaddset(ret_set, numbers[i]);
}

int screen_begin(struct screen *screen)
{
        sigset_t set;

        signals_fill(&set);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        screen->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        screen->terminal = screen->signals >= 0 ? open_terminal() : -1;
        if (screen->terminal < 0) {
                int error = -errno;
                if (screen->signals >= 0)
                        (void)close(screen->signals);
                (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
                return error;
        }
        /* What is said about an error comes after the screen. */
        (void)setvbuf(stderr, NULL, _IOFBF, BUFSIZ);
        enter(screen);
        screen->tick_us = screen->period_us = USEC_NEVER;
        screen->begun = true;
        return 0;
}

void screen_end(struct screen *screen)
{
        sigset_t set;

        if (!screen->begun)
                return;
        screen->begun = false;
        leave(screen);
        (void)fflush(stderr);
        (void)setvbuf(stderr, NULL, _IONBF, 0);
        (void)close(screen->terminal);
        (void)close(screen->signals);
        signals_fill(&set);
        (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
        if (screen->ended_by > 0)
                (void)kill(getpid(), screen->ended_by);
}

/* By Ctrl-Z, until the shell continues it. */
static void suspend(struct screen *screen)
{
        leave(screen);
        (void)kill(getpid(), SIGSTOP);
        enter(screen);
        screen_draw(screen, screen->period_us);
}

/* ---- drawing ---- */

static void size_of_terminal(unsigned *ret_columns, unsigned *ret_rows)
{
        struct winsize size = { 0 };

        (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
        *ret_columns = size.ws_col > 0 ? size.ws_col : 80;
        *ret_rows = size.ws_row > 0 ? size.ws_row : 24;
}

/*
 * The lines as one text that draws them. Each line is cleared before it is written: after it, the cursor may
 * be on its last character. No line feed follows the last row, which would scroll.
 */
static char *sequence_of(const char *lines, unsigned rows)
{
        char *text = NULL;
        size_t size;
        FILE *stream = memory_need(open_memstream(&text, &size));
        unsigned row = 0;

        (void)fputs(HOME, stream);
        for (; row < rows && *lines != '\0'; row++) {
                int length = (int)strcspn(lines, "\n");
                (void)fprintf(stream, "%s" CLEAR_LINE "%.*s", row > 0 ? "\n" : "", length, lines);
                lines += length + (lines[length] == '\n');
        }
        if (row < rows)
                (void)fprintf(stream, "%s" CLEAR_BELOW, row > 0 ? "\n" : "");
        if (fclose(stream) != 0)
                memory_exhausted();
        return text;
}

char *screen_picture(struct screen *screen)
{
        unsigned columns, rows;

        size_of_terminal(&columns, &rows);
        return screen->draw(screen->userdata, columns, rows);
}

void screen_draw(struct screen *screen, uint64_t period_us)
{
        unsigned columns, rows;

        if (screen->quit || screen->ended_by > 0) /* a terminal that takes nothing would be waited for */
                return;
        size_of_terminal(&columns, &rows);
        char *lines = screen->draw(screen->userdata, columns, rows);
        char *text = sequence_of(lines, rows);
        const int whole = put(screen, text, false);
        free(text);
        free(lines);
        screen->quit = whole < 0 || screen->quit;
        screen->period_us = period_us;
        if (whole == 0 && period_us > AGAIN_US)
                period_us = AGAIN_US;
        screen->tick_us = period_us < USEC_NEVER ? monotonic_now() + period_us : USEC_NEVER;
}

/* ---- waiting ---- */

static void handle_signals(struct screen *screen)
{
        struct signalfd_siginfo info;

        while (read(screen->signals, &info, sizeof(info)) == sizeof(info))
                switch (info.ssi_signo) {
                case SIGWINCH:
                        screen_draw(screen, screen->period_us);
                        break;
                case SIGTSTP:
                        suspend(screen);
                        break;
                case SIGINT:
                        screen->quit = true;
                        break;
                default:
                        screen->ended_by = (int)info.ssi_signo;
                        break;
                }
}

static void handle_keys(struct screen *screen)
{
        char keys[64];
        ssize_t count = read(STDIN_FILENO, keys, sizeof(keys));

        if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN))
                screen->has_keys = false; /* the terminal has gone */
        for (ssize_t i = 0; i < count; i++)
                if (keys[i] == 'q' || keys[i] == 'Q' || keys[i] == CONTROL_C)
                        screen->quit = true;
}

/* How long to wait, CLOCK_MONOTONIC: until something is due for us or for the bus. */
static uint64_t limit(const struct screen *screen, sd_bus *bus, uint64_t timeout_us)
{
        uint64_t now = monotonic_now(), bus_us = USEC_NEVER;
        uint64_t until_us = timeout_us < USEC_NEVER - now ? now + timeout_us : USEC_NEVER;

        if (sd_bus_get_timeout(bus, &bus_us) >= 0 && bus_us < until_us)
                until_us = bus_us;
        if (screen->tick_us < until_us)
                until_us = screen->tick_us;
        return until_us;
}

int screen_wait(struct screen *screen, sd_bus *bus, uint64_t timeout_us)
{
        const int fd = sd_bus_get_fd(bus), events = sd_bus_get_events(bus);
        const uint64_t until_us = limit(screen, bus, timeout_us), now = monotonic_now();
        const uint64_t left_us = until_us > now ? until_us - now : 0;
        const struct timespec left = { (time_t)(left_us / USEC_PER_SEC),
                                       (long)(left_us % USEC_PER_SEC * 1000) };
        struct pollfd polled[] = {
                { .fd = fd, .events = (short)events },
                { .fd = screen->signals, .events = POLLIN },
                { .fd = screen->has_keys ? STDIN_FILENO : -1, .events = POLLIN },
        };

        if (screen->quit || screen->ended_by > 0)
                return -ECANCELED;
        if (fd < 0 || events < 0)
                return fd < 0 ? fd : events;
        if (ppoll(polled, sizeof(polled) / sizeof(*polled), until_us < USEC_NEVER ? &left : NULL, NULL) < 0)
                return errno == EINTR ? 0 : -errno;
        if (polled[1].revents != 0)
                handle_signals(screen);
        if (polled[2].revents != 0)
                handle_keys(screen);
        if (monotonic_now() >= screen->tick_us)
                screen_draw(screen, screen->period_us);
        return 0;
}
