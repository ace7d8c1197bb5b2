/* SPDX-License-Identifier: MIT */

/*
 * The baseline from a change to its hook: the two steps that cannot be avoided, one synchronous write to the
 * disk and the start of a process.
 *
 *     spawn_baseline FILE STAMP STAMPS TIMES
 *
 * Prints "NANOSECONDS 0 NUMBER" for each run, the time before the write. STAMP appends to STAMPS when it
 * runs.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
        static char page[4096];
        const struct timespec pause = { .tv_nsec = 20000000 };

        if (argc != 5)
                return EXIT_FAILURE;
        int fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        unsigned long times = strtoul(argv[4], NULL, 10);

        for (unsigned long i = 1; i <= times; i++) {
                char number[48], job[] = "JOBWATCH_JOB=0", *environment[] = { job, number, NULL };
                struct timespec now;
                pid_t pid;

                (void)snprintf(number, sizeof(number), "JOBWATCH_RESULT_BYTES=%lu", i);
                (void)clock_gettime(CLOCK_MONOTONIC, &now);
                (void)printf("%" PRIu64 " 0 %lu\n",
                             (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec, i);
                if (write(fd, page, sizeof(page)) != (ssize_t)sizeof(page) || fdatasync(fd) < 0 ||
                    posix_spawn(&pid, argv[2], NULL, NULL, (char *[]){ argv[2], argv[3], NULL },
                                environment) != 0 ||
                    waitpid(pid, NULL, 0) != pid)
                        return EXIT_FAILURE;
                (void)nanosleep(&pause, NULL);
        }
        return EXIT_SUCCESS;
}
