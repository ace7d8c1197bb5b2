/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

/* What a machine calls itself at the API, with the NUL: "jobwatchd-" and 32 hexadecimal digits. */
#define MACHINE_CLIENT_ID_SIZE 43

/*
 * A name that only this machine has, and that does not give its id away (machine-id(5)). Returns 0 or the
 * negative errno of reading /etc/machine-id; `ret_name` stays untouched then, and MACHINE_ID_ADVICE is what
 * to tell a person, as a format for strerror().
 */
int machine_client_id(char ret_name[static MACHINE_CLIENT_ID_SIZE]);

#define MACHINE_ID_ADVICE                                                                                    \
        "the client_id of this machine would be derived from /etc/machine-id, which cannot be used: %s; "    \
        "run "                                                                                               \
        "systemd-machine-id-setup, or set client_id in [api] to a name that nothing else uses"
