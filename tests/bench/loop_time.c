/* SPDX-License-Identifier: MIT */

/*
 * A library for LD_PRELOAD that appends to the file LOOP_TIME how long the event loop of the main thread did
 * not wait for events: "NANOSECONDS DURATION CPU" for each time of at least a millisecond, with the time of
 * its end and the processor time of the thread. The event loop is the epoll instance that was the first to be
 * waited on.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SHORTEST_NS UINT64_C(1000000)

static int loop_fd = -1;
static uint64_t began_ns, began_cpu_ns; /* 0 before the first wait */

static uint64_t now_ns(clockid_t clock)
{
        struct timespec now;

        (void)clock_gettime(clock, &now);
        return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void note_begin(void)
{
        began_ns = now_ns(CLOCK_MONOTONIC);
        began_cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
}

static int is_loop(int fd)
{
        if (gettid() != getpid())
                return 0;
        if (loop_fd < 0)
                loop_fd = fd;
        return fd == loop_fd;
}

static void note_busy(void)
{
        uint64_t now = now_ns(CLOCK_MONOTONIC), cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);
        const char *path = getenv("LOOP_TIME");
        char line[64];

        if (began_ns == 0 || now - began_ns < SHORTEST_NS || path == NULL)
                return;
        int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        int size = snprintf(line, sizeof(line), "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", now, now - began_ns,
                            cpu - began_cpu_ns);
        if (fd < 0)
                return;
        if (write(fd, line, (size_t)size) != size)
                abort();
        (void)close(fd);
}

int epoll_wait(int fd, struct epoll_event *events, int events_max, int timeout_ms)
{
        int loop = is_loop(fd);

        if (loop)
                note_busy();
        int n = (int)syscall(SYS_epoll_pwait, fd, events, events_max, timeout_ms, NULL, _NSIG / 8);
        if (loop)
                note_begin();
        return n;
}

int epoll_pwait2(int fd, struct epoll_event *events, int events_max, const struct timespec *timeout,
                 const sigset_t *mask)
{
        int loop = is_loop(fd);

        if (loop)
                note_busy();
        int n = (int)syscall(SYS_epoll_pwait2, fd, events, events_max, timeout, mask, _NSIG / 8);
        if (loop)
                note_begin();
        return n;
}
