/* SPDX-License-Identifier: MIT */

/*
 * Judging for another user. Only the effective IDs change, so that root can be taken back; access(2), which
 * uses the real ones, must not be used meanwhile.
 *
 * A process that cannot change them back and forth must not continue with the wrong identity: it aborts.
 */

#include "platform/identity.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

/* The assumed user; 0: none. */
static uid_t assumed;

int identity_assume(const char *user)
{
        assert(assumed == 0);
        if (geteuid() != 0)
                return -EPERM;

        const struct passwd *entry = getpwnam(user);
        if (entry == NULL)
                return -ENOENT;
        if (entry->pw_uid == 0)
                return 0;

        if (initgroups(user, entry->pw_gid) < 0 || setegid(entry->pw_gid) < 0 || seteuid(entry->pw_uid) < 0)
                return -errno;
        assumed = entry->pw_uid;
        return 0;
}

void identity_suspend(void)
{
        if (assumed != 0 && seteuid(0) < 0)
                abort();
}

void identity_resume(void)
{
        if (assumed != 0 && seteuid(assumed) < 0)
                abort();
}
