/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "faults.h"
#include "jobs.h"
#include "loop.h"
#include "request_log.h"
#include "settings.h"
#include "throttle.h"
#include "tokens.h"

struct exchange;

/* The server. It has one thread. */
struct fake {
        uint64_t started; /* µs, monotonic */
        bool stopping;
        struct settings settings;
        struct jobs jobs;
        struct faults faults;
        struct throttle throttle;
        struct tokens tokens;
        struct request_log log;
        struct loop loop;
        struct exchange *suspended; /* the suspended requests */
        uint64_t connections;       /* since the start: the number of the last one */
};

/* µs, monotonic. */
uint64_t clock_now(void);
