/* SPDX-License-Identifier: MIT */

/*
 * A library for LD_PRELOAD that shifts clocks of the process. CLOCK_SHIFT names a file of eight bytes:
 * seconds to add to the wall clock, as an integer of the machine, in effect as soon as it is written. Eight
 * more bytes are seconds to add to CLOCK_BOOTTIME, as if the machine had been suspended, or that time had
 * passed; timers that are set later elapse by that clock. Eight more are seconds to add to CLOCK_MONOTONIC,
 * of which timers know nothing. Other clocks are untouched.
 */

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define FILES_MAX 1024

static const volatile int64_t
        *shift; /* seconds, of the wall clock, CLOCK_BOOTTIME, CLOCK_MONOTONIC; mapped */
static bool is_boot_timer[FILES_MAX];

__attribute__((constructor)) static void clock_shift_init(void)
{
        const char *path = getenv("CLOCK_SHIFT");

        if (path == NULL)
                return;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        void *mapped = fd >= 0 ? mmap(NULL, sizeof(*shift), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
        if (mapped == MAP_FAILED)
                abort();
        (void)close(fd);
        shift = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *ret_now)
{
        long r = syscall(SYS_clock_gettime, clock, ret_now);

        if (r == 0 && shift != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
                ret_now->tv_sec += *shift;
        if (r == 0 && shift != NULL && clock == CLOCK_BOOTTIME)
                ret_now->tv_sec += shift[1];
        if (r == 0 && shift != NULL && clock == CLOCK_MONOTONIC)
                ret_now->tv_sec += shift[2];
        return (int)r;
}

time_t time(time_t *ret_now)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_REALTIME, &now);
        if (ret_now != NULL)
                *ret_now = now.tv_sec;
        return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret_now, void *restrict zone)
{
        struct timespec now;

        (void)zone;
        (void)clock_gettime(CLOCK_REALTIME, &now);
        *ret_now = (struct timeval){ .tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000 };
        return 0;
}

int timerfd_create(int clock, int flags)
{
        int fd = (int)syscall(SYS_timerfd_create, clock, flags);

        if (fd >= 0 && fd < FILES_MAX)
                is_boot_timer[fd] = clock == CLOCK_BOOTTIME;
        return fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *ret_old)
{
        struct itimerspec value = *new;

        if (shift != NULL && fd >= 0 && fd < FILES_MAX && is_boot_timer[fd] && (flags & TFD_TIMER_ABSTIME) &&
            (value.it_value.tv_sec != 0 || value.it_value.tv_nsec != 0)) {
                if (value.it_value.tv_sec > shift[1])
                        value.it_value.tv_sec -= shift[1];
                else /* it was computed before more time passed than the machine has been up: due */
                        value.it_value = (struct timespec){ .tv_nsec = 1 };
        }
        return (int)syscall(SYS_timerfd_settime, fd, flags, &value, ret_old);
}
