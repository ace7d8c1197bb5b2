/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "delivery/outbox.h"
#include "monitor/monitor.h"
#include "state/store.h"

/* What the status line is made of. The pointers are borrowed. */
struct status_facts {
        const struct config *config;
        struct monitor_counts jobs;
        struct outbox_counts deliveries;
        const char *state_error;              /* why changes cannot be recorded; NULL: they can */
        bool state_slow;                      /* writing takes long at present */
        bool state_disk_is_low;               /* old events are deleted for new ones */
        bool journal_stuck;                   /* log entries wait */
        const struct store_active_host *host; /* this one; NULL: there is only one */
        bool reload_failed;                   /* the configuration in effect is not that of the last reload */
        uint64_t now_us;                      /* CLOCK_BOOTTIME */
        uint64_t wall_us; /* CLOCK_REALTIME: times are shown as times of day, since the text stays */
};

/* The same of a host that stands by. */
struct standby_facts {
        bool is_known; /* the next one is */
        struct store_active_host host;
        const char *error;      /* why the database cannot be used; NULL: it can. Borrowed */
        const char *difference; /* of the configuration from that of the active host; NULL: none. Borrowed */
};

/* The database can be used, and another host is active. */
bool standby_sees_active_host(const struct standby_facts *facts);

/* "standing by: alpha is active since 2026-11-27 12:30:08". malloc()ed. */
char *standby_text(const struct standby_facts *facts);

/*
 * The text of STATUS= of sd_notify(3): "12 jobs (3 open, 9 finished), 2 deliveries pending; API: unreachable,
 * next attempt at 12:30:08; 23 of 5000 requests in the last hour". malloc()ed.
 */
char *status_text(const struct status_facts *facts);

/* What is wrong with the API, as the log says it. There is a failure. */
const char *status_failure_text(const struct monitor_counts *jobs);
