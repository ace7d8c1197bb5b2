/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Attempts of one hook since the start, or since the hook was configured, by their results. */
struct attempt_counts {
        uint64_t succeeded, failed;
        size_t abandoned; /* deliveries about watched jobs, earlier runs included */
};

struct hook_counts {
        const char *hook; /* borrowed, until the configuration changes */
        struct attempt_counts attempts;
        uint64_t pending;   /* deliveries */
        uint64_t oldest_us; /* CLOCK_REALTIME of the event of the oldest of them; 0: there is none, or it was
                               not read yet */
};
