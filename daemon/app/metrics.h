/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "app/status_text.h"
#include "monitor/request_counts.h"
#include "util/histogram.h"

/* What metrics are made of. The pointers are borrowed. */
struct metrics_facts {
        const char *instance; /* a label of all metrics; NULL: none */
        struct status_facts status;
        const struct request_counts *requests;
        const uint64_t *events; /* by enum event_kind */
        const struct hook_counts *hooks;
        size_t hook_count;
        uint64_t state_bytes;
        const struct histogram *commits;
};

/*
 * All metrics in the text format 0.0.4 of Prometheus, see jobwatchd(8). malloc()ed.
 */
char *metrics_text(const struct metrics_facts *facts);

/* Those that there are on a host that stands by. `wall_us` is CLOCK_REALTIME. malloc()ed. */
char *metrics_text_of_standby(const char *instance, const struct standby_facts *facts, uint64_t wall_us);
