/* SPDX-License-Identifier: MIT */

/*
 * Judging for another user. Only the effective IDs change, so that root can be taken back; access(2), which
 * uses the real ones, must not be used meanwhile.
 *
 * A process that cannot take back root must not continue with the wrong identity, so that ends it.
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

static gid_t own_group;
static gid_t *own_groups;
static int own_group_count;

static int read_own_groups(void)
{
        int count = getgroups(0, NULL);
        if (count < 0)
                return -errno;
        if (count > NGROUPS_MAX)
                return -E2BIG;
        gid_t *groups = calloc((size_t)count + 1, sizeof(*groups));
        if (groups == NULL)
                return -ENOMEM;
        count = getgroups(count, groups);
        if (count < 0) {
                int r = -errno;
                free(groups);
                return r;
        }
        own_group = getegid();
        own_groups = groups;
        own_group_count = count;
        return 0;
}

static void take_back_groups(void)
{
        if (setegid(own_group) < 0 || setgroups((size_t)own_group_count, own_groups) < 0)
                abort();
        free(own_groups);
        own_groups = NULL;
}

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

        int r = read_own_groups();
        if (r < 0)
                return r;
        r = take_groups(entry);
        if (r >= 0 && seteuid(entry->pw_uid) < 0)
                r = -errno;
        if (r < 0) {
                take_back_groups();
                return r;
        }
        assumed = entry->pw_uid;
        return 0;
}

void identity_restore(void)
{
        if (assumed == 0)
                return;
        identity_suspend();
        take_back_groups();
        assumed = 0;
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
