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
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "util/cleanup.h"

#define GROUPS_MAX 65536 /* NGROUPS_MAX of Linux */

/* The assumed user; 0: none. */
static uid_t assumed;

static int take_groups(const struct passwd *user)
{
        int count = GROUPS_MAX;
        CLEANUP(cleanup_free) gid_t *groups = calloc(GROUPS_MAX, sizeof(*groups));

        if (groups == NULL)
                return -ENOMEM;
        if (getgrouplist(user->pw_name, user->pw_gid, groups, &count) < 0)
                return -E2BIG;
        if (setgroups((size_t)count, groups) < 0 || setegid(user->pw_gid) < 0)
                return -errno;
        return 0;
}

int identity_assume(const char *user)
{
        assert(assumed == 0);
        if (geteuid() != 0)
                return -EPERM;

        errno = 0;
        const struct passwd *entry = getpwnam(user);
        if (entry == NULL)
                return errno == ENOMEM ? -ENOMEM : -ENOENT;
        if (entry->pw_uid == 0)
                return 0;

        int r = take_groups(entry);
        if (r >= 0 && seteuid(entry->pw_uid) < 0)
                r = -errno;
        if (r >= 0)
                assumed = entry->pw_uid;
        return r;
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
