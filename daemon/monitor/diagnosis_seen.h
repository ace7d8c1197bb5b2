/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What polls have shown since the start, or since another server is asked. */
struct diagnosis_seen {
        bool has_clock;
        int64_t clock_ahead_us;   /* of this machine, before the clock of the last response */
        uint64_t throttled_us;    /* CLOCK_BOOTTIME of the last throttled response; 0: none */
        uint64_t changes;         /* of jobs that were recorded before */
        uint64_t same_updated_on; /* of these: UpdatedOn was as before */
};
