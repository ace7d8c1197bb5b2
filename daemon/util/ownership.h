/* SPDX-License-Identifier: MIT */
#pragma once

/* The user of the services, as in systemd/service.conf and systemd/jobwatchd.sysusers. */
#define SERVICE_USER "jobwatchd"

/*
 * For what root creates by hand in the place of the services, which must be able to use it afterwards. Both
 * do nothing unless the effective user is root. They return 0 or a negative errno.
 */

/* Gives the directory that was just created to the user of the services, if there is one. */
int ownership_give_to_service(const char *directory);

/* Gives the file `fd`, or the directory that `fd` refers to, to the owner of `directory`. */
int ownership_inherit(int fd, const char *directory);
