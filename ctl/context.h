/* SPDX-License-Identifier: MIT */
#pragma once

#include "ctl/arguments.h"
#include "ctl/client.h"
#include "ctl/output.h"

/* What a command works with. */
struct context {
        const struct arguments *arguments;
        struct client client;
        struct output output;
};
