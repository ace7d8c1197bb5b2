/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/event.h"

/* The environment of an exec hook's program, to be freed with command_free(). Returns 0 or -ENOMEM. */
int environment_new(const struct event *event, unsigned attempt, char ***ret_environment);
