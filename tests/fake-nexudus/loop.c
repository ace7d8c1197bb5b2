/* SPDX-License-Identifier: MIT */

/*
 * The event loop. It polls the epoll descriptor of libmicrohttpd, signals, and the sockets of suspended
 * requests, which libmicrohttpd does not poll. There is one thread and no locking.
 */

#include "loop.h"

#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "fake.h"

int loop_init(struct loop *loop)
{
        sigset_t signals;

        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return -errno;
        *loop = (struct loop){ .epoll = epoll_create1(EPOLL_CLOEXEC), .signals = -1 };
        if (loop->epoll < 0)
                return -errno;
        loop->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
        return loop->signals < 0 ? -errno : 0;
}

void loop_timer_unset(struct loop *loop, struct loop_timer *timer)
{
        if (!timer->set)
                return;
        *(timer->previous ? &timer->previous->next : &loop->first) = timer->next;
        *(timer->next ? &timer->next->previous : &loop->last) = timer->previous;
        timer->set = false;
}

/* Most new timers are the latest, so the search starts at the end. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t at)
{
        struct loop_timer *before = NULL;

        loop_timer_unset(loop, timer);
        timer->at = at;
        timer->set = true;
        for (before = loop->last; before && before->at > at; before = before->previous)
                ;
        timer->previous = before;
        timer->next = before ? before->next : loop->first;
        *(timer->previous ? &timer->previous->next : &loop->first) = timer;
        *(timer->next ? &timer->next->previous : &loop->last) = timer;
}

void loop_watch_set(struct loop *loop, struct loop_watch *watch, int socket)
{
        struct epoll_event event = { .events = EPOLLRDHUP, .data.ptr = watch };

        watch->socket = socket;
        watch->set = epoll_ctl(loop->epoll, EPOLL_CTL_ADD, socket, &event) == 0;
}

void loop_watch_unset(struct loop *loop, struct loop_watch *watch)
{
        if (watch->set)
                epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->socket, NULL);
        watch->set = false;
}

static int add_reader(struct loop *loop, int fd, void *mark)
{
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = mark };

        return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static void fire_timers(struct loop *loop)
{
        uint64_t now = clock_now();

        while (loop->first && loop->first->at <= now) {
                struct loop_timer *timer = loop->first;
                loop_timer_unset(loop, timer);
                timer->fire(timer);
        }
}

/* In ms, rounded up; -1 for ever. */
static int next_timeout(const struct loop *loop, struct MHD_Daemon *daemon)
{
        MHD_UNSIGNED_LONG_LONG daemon_timeout;
        uint64_t timeout = UINT64_MAX, now = clock_now();

        if (MHD_get_timeout(daemon, &daemon_timeout) == MHD_YES)
                timeout = daemon_timeout;
        if (loop->first) {
                uint64_t wait = loop->first->at <= now ? 0 : (loop->first->at - now + 999) / 1000;
                timeout = wait < timeout ? wait : timeout;
        }
        return timeout == UINT64_MAX ? -1 : timeout > 60000 ? 60000 : (int)timeout;
}

int loop_run(struct loop *loop, struct MHD_Daemon *daemon)
{
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
        int r;

        if (!info)
                return -EINVAL;
        r = add_reader(loop, info->epoll_fd, daemon);
        if (r == 0)
                r = add_reader(loop, loop->signals, loop);
        while (r == 0) {
                struct epoll_event events[64];
                int count = epoll_wait(loop->epoll, events, 64, next_timeout(loop, daemon));
                if (count < 0 && errno != EINTR)
                        return -errno;
                for (int i = 0; i < count; i++) {
                        if (events[i].data.ptr == loop)
                                return 0;
                        if (events[i].data.ptr == daemon)
                                continue;
                        struct loop_watch *watch = events[i].data.ptr;
                        loop_watch_unset(loop, watch);
                        watch->hung_up(watch);
                }
                fire_timers(loop);
                if (MHD_run(daemon) != MHD_YES)
                        return -EIO;
        }
        return r;
}

void loop_release(struct loop *loop)
{
        if (loop->epoll >= 0)
                close(loop->epoll);
        if (loop->signals >= 0)
                close(loop->signals);
}
