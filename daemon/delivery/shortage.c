/* SPDX-License-Identifier: MIT */

/*
 * Shortages of this process or machine. A new descriptor has the lowest number that is free, so a high one
 * shows that few are left.
 */

#include "delivery/shortage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#define RESERVED_DESCRIPTORS 32

bool is_shortage(int error)
{
        return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS || error == EAGAIN;
}

int check_descriptors(void)
{
        struct rlimit limit;

        int fd = open("/", O_PATH | O_CLOEXEC);
        if (fd < 0)
                return errno == ENFILE ? -ENFILE : errno == EMFILE ? -EMFILE : 0;
        (void)close(fd);
        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur <= 2 * RESERVED_DESCRIPTORS)
                return 0;
        return (rlim_t)fd < limit.rlim_cur - RESERVED_DESCRIPTORS ? 0 : -EMFILE;
}
