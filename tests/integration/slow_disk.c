/* SPDX-License-Identifier: MIT */

/*
 * A library for LD_PRELOAD in which a sync of a file takes as many milliseconds as the file SLOW_DISK says at
 * that moment.
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void wait_for_disk(void)
{
        const char *path = getenv("SLOW_DISK");
        FILE *file = path != NULL ? fopen(path, "re") : NULL;
        long milliseconds = 0;

        if (file == NULL)
                return;
        if (fscanf(file, "%ld", &milliseconds) != 1)
                milliseconds = 0;
        (void)fclose(file);
        struct timespec left = { .tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000 };
        while (nanosleep(&left, &left) < 0)
                ;
}

int fsync(int fd)
{
        wait_for_disk();
        return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
        wait_for_disk();
        return (int)syscall(SYS_fdatasync, fd);
}
