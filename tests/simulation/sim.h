/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "model/status.h"
#include "planning/planner.h"
#include "util/timespan.h"

/*
 * A simulated API, its jobs, and a daemon of which only the planner is real. All randomness comes from one
 * seed and all time is simulated: `now_us` is CLOCK_BOOTTIME, and the wall clock is that plus an offset that
 * jumps.
 *
 *   draw.c      properties of a world
 *   world.c     what happens to the jobs, the API and the daemon
 *   server.c    responses and throttling of the API
 *   driver.c    the daemon: what monitor/monitor.c, requests.c and budget.c do around the planner
 *   responses.c handling of responses, as in monitor/response.c and batch.c
 *   checks.c    invariants, judged from outside of the planner
 */

#define MAX_IN_FLIGHT 8
#define STATUSES      14 /* number of Status texts; those from FIRST_END on are ends */
#define FIRST_END     10
#define RESULTS       12

/* What a response shows of a job: the state on the server at one instant, or a row of it. */
struct shown {
        uint8_t status; /* index of a text, 0: null */
        uint8_t result;
        bool exists;
        bool has_status, has_result; /* the field is present, possibly null */
        uint32_t updated;            /* 0: UpdatedOn is omitted */
        uint32_t version;
};

/* One job: its true state, and what was reported of it. */
struct sim_job {
        uint64_t id;
        struct planner_settings settings;

        /* the true state on the server */
        struct shown truth;
        uint64_t next_us;  /* of the next thing that happens to it; USEC_NEVER: nothing more */
        size_t position;   /* in the heap of the world */
        uint64_t gap_us;   /* mean time between two things that happen */
        uint64_t since_us; /* when the true state last changed; and on the calm clock */
        uint64_t since_calm_us;
        uint64_t not_found_since_us;
        bool ended, beats; /* only a late result can come; UpdatedOn moves without other changes */

        /* what the daemon has recorded */
        struct job_memory stored;
        uint64_t stored_wall_us;
        bool stored_stalled;

        /* what was reported */
        bool reported, reported_end, reported_gone, reported_stalled;
        struct shown reported_as;
        uint64_t reported_us;

        /* observed requests, for the bounds */
        uint64_t polled_calm_us; /* calm clock of the server at the last conclusive poll */
        uint64_t confirms_before, disturbances_before;
        unsigned failures;        /* failed requests that included this job, since that poll */
        unsigned not_found_count; /* not-found responses in a row, and when the first came */
        uint64_t not_found_from_us;
        bool unbatchable;        /* counted in unbatchable_count */
        uint64_t unread_calm_us; /* reported as seen with ResultData unread: when, on the calm clock */
        unsigned unread_run;     /* and in which run of the daemon */
        uint64_t held_us;        /* since when its end is held back */
        unsigned polls, confirms, excuses; /* since the start; and reasons for confirmations */
        unsigned ramps;                    /* reasons to poll it often for a while */
        unsigned quick;                    /* polls because of something that is not over */
};

enum response {
        RESPONSE_FAILURE,
        RESPONSE_ROWS,
        RESPONSE_BATCH_REFUSED,
        RESPONSE_RECORD,
        RESPONSE_NOT_FOUND,
        RESPONSE_UNEXPECTED,
};

struct slot {
        bool used, made; /* made: the server has responded, and the response is on its way */
        struct planner_request request;
        uint64_t start_us, made_us, end_us;
        enum response response;
        enum outage outage;
        uint64_t retry_after_us;
        struct shown shown[PLANNER_BATCH_MAX]; /* true state when the response was made */
        size_t order[PLANNER_BATCH_MAX];       /* of rows */
        bool dropped[PLANNER_BATCH_MAX];
        uint64_t calm_us;                /* calm clock when the response was made */
        uint64_t confirms, disturbances; /* counts when the request started */
};

enum batch_kind {
        BATCH_FULL,
        BATCH_EMPTY_RESULT, /* ResultData is null in rows */
        BATCH_NO_RESULT,    /* ResultData is missing from rows */
        BATCH_NO_RESULT_NOR_UPDATED,
        BATCH_NO_STATUS,
        BATCH_RAGGED, /* any field may be missing from any row */
        BATCH_REFUSED,
        BATCH_KINDS,
};

/* Times of all requests. */
struct request_times {
        uint64_t *at_us;
        size_t count, capacity;
        size_t tails[3]; /* the first request within the last minute, hour, day */
};

struct budget_on_disk {
        bool stored, stale; /* stale: a later value could not be written */
        uint64_t wall_us, boot_us;
        uint64_t pause_us; /* remaining Retry-After */
        struct rate_limiter_deficit deficit;
};

struct sim {
        uint64_t seed, random;
        bool verbose, failed;

        /* time */
        uint64_t now_us, end_us, start_us;
        uint64_t wall_offset_us;
        bool wall_jumped; /* it was set forward at least once */
        uint64_t calm_us; /* runs only while nothing interferes: see checks.c */
        uint64_t disturbances;

        /* settings of the daemon */
        struct planner_limits limits;
        struct status_rules *rules;
        uint64_t longest_max_us; /* of all max_interval */

        /* the API */
        enum batch_kind batch_kind;
        bool shuffled, fixed_windows;
        unsigned unexpected_permille, miss_permille, fail_permille;
        uint64_t window_offset_us;
        uint64_t outage_until_us, slow_until_us, disk_full_until_us, suspended_until_us, throttled_until_us;
        enum { SITE_REFUSED, SITE_HANGS, SITE_UNAVAILABLE, SITE_UNAUTHORIZED } outage;
        unsigned result_permille, beat_permille; /* of jobs, at first */
        uint64_t throttle_retry_us;              /* Retry-After while the API throttles */
        uint64_t incident_us;                    /* when the next incident happens to the API or the daemon */
        uint64_t incident_gap_us;
        uint64_t working_since_us; /* end of the last failure of the API */
        bool refused_credentials;  /* during the present outage */
        bool calm_only;            /* no incidents in this world */

        /* jobs */
        struct sim_job *jobs;
        size_t job_count;
        struct sim_job **heap; /* by next_us */
        size_t heap_count;

        /* the daemon */
        struct planner *planner; /* NULL: it is not running */
        uint64_t up_us;          /* when it starts again */
        bool rebooted;           /* the machine was rebooted: only the wall clock dates what is on disk */
        uint64_t run_us;         /* when it started */
        struct slot slots[MAX_IN_FLIGHT];
        uint64_t wake_us, fire_us, check_wake_up_us; /* wake-up time that the planner named; when the timer
                                                        fires; when to check for lost wake-ups */
        struct budget_on_disk budget;
        unsigned covered;

        /* checks */
        struct request_times times;
        uint64_t limits_from_us; /* limits are checked from here on: some of the deficit may have been lost */
        uint64_t pause_until_us; /* Retry-After of the server, clamped */
        uint64_t singles_calm_us; /* calm clock when batches were last not in use */
        uint64_t confirms;        /* confirmations so far */
        size_t unbatchable_count, unbatchable_most;
        size_t open_at_start;

        /* figures */
        struct figures {
                uint64_t requests, batches, polls, reported, throttled, restarts, outages, unread, read;
                uint64_t longest_wait_us;
        } figures;
};

/* ---- randomness ---- */

uint64_t draw_u64(struct sim *sim);
uint64_t draw_below(struct sim *sim, uint64_t bound);                     /* 0 to bound - 1 */
uint64_t draw_between(struct sim *sim, uint64_t from_us, uint64_t to_us); /* evenly */
uint64_t draw_gap(struct sim *sim, uint64_t mean_us);                     /* between independent events */
bool draw_permille(struct sim *sim, unsigned permille);

/* ---- draw.c ---- */

int world_draw(struct sim *sim, uint64_t seed);
void world_clear(struct sim *sim);

/* ---- world.c ---- */

/* Adds a job to which something will happen. */
void heap_add(struct sim *sim, struct sim_job *job);
uint64_t world_next_us(const struct sim *sim);
void world_run(struct sim *sim);
struct text status_text(uint8_t index);
struct text result_text(uint8_t index);
bool status_is_end(uint8_t index);

/* ---- server.c ---- */

void server_respond(struct sim *sim, struct slot *slot);
void server_row(struct sim *sim, const struct shown *truth, struct shown *ret_row);
uint64_t server_latency(struct sim *sim);

/* ---- driver.c ---- */

void daemon_start(struct sim *sim);
void daemon_stop(struct sim *sim, bool clean);
void simulate(struct sim *sim);
void budget_save(struct sim *sim);
uint64_t wall_us(const struct sim *sim);
size_t job_index(const struct sim *sim, const struct planner_job *job);

/* ---- responses.c ---- */

void take_response(struct sim *sim, struct slot *slot);

/* ---- checks.c ---- */

void sim_fail(struct sim *sim, const struct sim_job *job, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
bool is_calm(const struct sim *sim);
void check_request(struct sim *sim, const struct planner_request *request, bool was_in_outage);
void check_reported(struct sim *sim, struct sim_job *job, const struct change *change,
                    const struct shown *shown, const struct shown *truth, bool of_row);
void check_read(struct sim *sim, struct sim_job *job, const struct shown *shown);
void check_poll(struct sim *sim, struct sim_job *job, const struct slot *slot);
void check_truth_ends(struct sim *sim, struct sim_job *job);
void check_recovery(struct sim *sim);
void check_end(struct sim *sim);
