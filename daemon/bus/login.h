/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/calls.h"

/*
 * What a client passes to Login: three texts, each with a NUL at its end: user name, password, and the code
 * of the second factor, which may be empty. It is in a memfd with all seals (memfd_create(2)): so it is not
 * on the bus, it cannot change while it is read, and reading it cannot block.
 */

/* The size of the memfd, at most. */
#define BUS_LOGIN_BYTES_MAX 4096

/* Returns 0, or a negative errno, and then the call has ended. */
int bus_read_login(struct bus_call *call);
