/* SPDX-License-Identifier: MIT */
#pragma once

#include <sys/types.h>

/*
 * Sends standard output to a pager: $SYSTEMD_PAGER, else $PAGER, else pager(1) or less(1); none if the first
 * that is set is empty or "cat". Options of less are $SYSTEMD_LESS. As in systemd's tools, less is in its
 * secure mode, and other pagers are not used, if the user has other privileges than the owner of the login
 * session; $SYSTEMD_PAGERSECURE decides otherwise. Returns its process, or 0 if there is none.
 */
pid_t pager_start(void);

/* Waits until it ends. Standard output must have been closed. */
void pager_wait(pid_t pager);
