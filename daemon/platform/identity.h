/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * For a process that runs as root and judges for another user what that user may read and run: the kernel
 * decides, with that user's groups and the modes, owners and ACLs of the whole path. Only for a process with
 * a single thread.
 */

/*
 * Takes the effective user and groups of `user` until the process ends. Returns 0; -EPERM if the effective
 * user is not root, -ENOENT if there is no such user, or another negative errno. On failure the user
 * is still root, but the groups may have changed. Must not be called twice.
 */
int identity_assume(const char *user);

/*
 * Between these two the effective user is root again, if an identity has been assumed: for files that systemd
 * reads as root. Otherwise they do nothing.
 */
void identity_suspend(void);
void identity_resume(void);
