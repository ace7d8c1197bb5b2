/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/failure.h"
#include "monitor/monitor.h"
#include "util/string_list.h"

/* What is in memory of a watched job, to be shown. The pointers are borrowed, until the loop goes on. */
struct watched_job {
        uint64_t id;
        const char *name;                /* NULL: none */
        const char *sections;            /* that discovered it, separated by commas; NULL: none did */
        const struct string_list *hooks; /* NULL: all */
        bool listed;                     /* in the configuration or on the command line */
        bool added;                      /* at run time */
        bool removed;                    /* at run time: it is not watched, and nothing else is known */
        enum failure failure;            /* FAILURE_NONE: it is not failing */
        uint64_t interval_us;            /* from poll to poll at present; 0: it is not polled any more */
        uint64_t next_us;                /* CLOCK_BOOTTIME of the next poll; USEC_NEVER: none is planned */
};

/*
 * Copies the watched and the removed jobs with ids above `after`, by id, at most `max`, and returns their
 * number. Jobs of which it is not decided yet whether they are watched are left out.
 */
size_t monitor_list(const struct monitor *monitor, uint64_t after, struct watched_job ret_jobs[], size_t max);

/* The job that has a name, in the table or in the configuration; 0: none has. */
uint64_t monitor_find_name(const struct monitor *monitor, const char *name);

/* Copies one of them. Returns false if there is none with this id. */
bool monitor_find(const struct monitor *monitor, uint64_t id, struct watched_job *ret_job);
