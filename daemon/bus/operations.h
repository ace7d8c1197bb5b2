/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the methods of the D-Bus API do. An operation gets a call, and completes it once, at once or later
 * from the loop (reply.h). Its arguments are borrowed from the call, live until it is completed, and may be
 * read by another thread until then.
 */
struct bus_call;

/* Rows of one call, and so the largest `limit`. */
#define BUS_ROWS_MAX 1000

enum bus_job_state {
        BUS_JOB_ANY,
        BUS_JOB_OPEN,
        BUS_JOB_ENDED,
        BUS_JOB_FAILED,
        BUS_JOB_FAILING,
};

/* ListJobs. A job has to match all that is given. */
struct bus_list_jobs {
        enum bus_job_state state;
        const uint64_t *ids; /* ascending, each once; NULL: any */
        size_t id_count;
        char *const *patterns; /* NULL-terminated; NULL: any */
        bool without_result;   /* nobody wants the Result */
        uint64_t after;        /* only jobs with greater ids */
        size_t limit;          /* 1 to BUS_ROWS_MAX */
};

struct bus_operations {
        void (*list_jobs)(void *userdata, struct bus_call *call, const struct bus_list_jobs *arguments);
};
