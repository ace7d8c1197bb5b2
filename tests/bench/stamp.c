/* SPDX-License-Identifier: MIT */

/* The hook whose start is measured: appends "NANOSECONDS JOB RESULT_BYTES" to the file given as its argument.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
        struct timespec now;
        char line[128];

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        if (argc != 2)
                return EXIT_FAILURE;
        int fd = open(argv[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        int size = snprintf(line, sizeof(line), "%" PRIu64 " %s %s\n",
                            (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec,
                            getenv("JOBWATCH_JOB"), getenv("JOBWATCH_RESULT_BYTES"));

        /* One write, so that lines of concurrent hooks do not mix. */
        return fd >= 0 && write(fd, line, (size_t)size) == size ? EXIT_SUCCESS : EXIT_FAILURE;
}
