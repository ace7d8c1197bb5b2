/* SPDX-License-Identifier: MIT */

/* Who owns what root creates. */

#include "util/ownership.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

int ownership_give_to_service(const char *directory)
{
        if (geteuid() != 0)
                return 0;

        const struct passwd *user = getpwnam(SERVICE_USER);
        if (user == NULL)
                return 0;
        return lchown(directory, user->pw_uid, user->pw_gid) < 0 ? -errno : 0;
}

int ownership_inherit(int fd, const char *directory)
{
        struct stat parent;

        if (geteuid() != 0)
                return 0;
        if (fstatat(AT_FDCWD, directory, &parent, 0) < 0)
                return -errno;
        if (parent.st_uid == 0 && parent.st_gid == 0)
                return 0;
        return fchown(fd, parent.st_uid, parent.st_gid) < 0 ? -errno : 0;
}
