/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/* Size of a client id with its NUL: "jobwatchd-" and 32 hexadecimal digits. */
#define MACHINE_CLIENT_ID_SIZE 43

/*
 * Derives a client id that is unique to this machine and to the state directory, and does not reveal the
 * machine-id(5). So services and runs by hand, each with its own state, do not sign each other out. Returns
 * 0, or the negative errno of reading /etc/machine-id with `ret_name` untouched. MACHINE_ID_ADVICE is the
 * format of a message for it, with strerror() as the argument.
 */
int machine_client_id(const char *state_directory, char ret_name[static MACHINE_CLIENT_ID_SIZE]);

#define MACHINE_ID_ADVICE                                                                                    \
        "cannot derive client_id from /etc/machine-id: %s; run systemd-machine-id-setup, or set a unique "   \
        "client_id in [api]"
