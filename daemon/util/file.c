/* SPDX-License-Identifier: MIT */

/* Writing to the end of the data, whatever the kernel takes at a time. */

#include "util/file.h"

#include <errno.h>
#include <unistd.h>

int file_write(int fd, const char *data, size_t size)
{
        for (size_t done = 0; done < size;) {
                ssize_t n = pwrite(fd, data + done, size - done, (off_t)done);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -ENOSPC;
                done += (size_t)n;
        }
        return 0;
}
