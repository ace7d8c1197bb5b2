/* SPDX-License-Identifier: MIT */
#pragma once

#include <dirent.h>

/* How many descriptors this process has, and some more. Include after cmocka.h. */
static inline unsigned open_descriptors(void)
{
        unsigned count = 0;
        DIR *directory = opendir("/proc/self/fd");

        assert_non_null(directory);
        while (readdir(directory) != NULL)
                count++;
        closedir(directory);
        return count;
}
