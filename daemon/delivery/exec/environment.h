/* SPDX-License-Identifier: MIT */
#pragma once

#include "model/event.h"

/* The environment of an exec hook's program, to be freed with command_free(). */
char **environment_new(const struct event *event, unsigned attempt);
