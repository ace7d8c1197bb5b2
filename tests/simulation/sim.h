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
 * A simulated API, its jobs, and a daemon of which only the planner is real. All chance comes from one seed
 * and all time is simulated: `now_us` is CLOCK_BOOTTIME, and the wall clock is that plus an offset that
 * jumps.
 *
 *   draw.c    what a world is like
 *   world.c   what happens to the jobs, the API and the daemon
 *   server.c  what the API answers, and its throttling
 *   driver.c  the daemon: what poller.c and budget.c do around the planner
 *   answers.c what it makes of answers, as monitor_answers.c and monitor_rows.c do
 *   checks.c  what must always be true, judged from outside of the planner
 */

#define MAX_IN_FLIGHT 8
#define STATUSES      14 /* texts of a Status; those from FIRST_END on are ends */
#define FIRST_END     10
#define RESULTS       12

/* What an answer shows of a job: the server's truth at one instant, or what a row makes of it. */
struct shown {
        uint8_t status; /* index of a text, 0: null */
        uint8_t result;
        bool exists;
        bool has_status, has_result; /* the field is there, be it null */
        uint32_t updated;            /* 0: UpdatedOn is left out */
        uint32_t version;
};

/* One job: the truth about it, and what was told of it. */
struct sim_job {
        uint64_t id;
        struct planner_settings settings;

        /* the truth */
        struct shown truth;
        uint64_t next_us;  /* of what happens to it next; USEC_NEVER: nothing more */
        size_t position;   /* in the heap of the world */
        uint64_t gap_us;   /* mean time between two things that happen */
        uint64_t since_us; /* when the truth became what it is; and on the calm clock */
        uint64_t since_calm_us;
        uint64_t not_found_since_us;
        bool ended, beats; /* nothing but a late result comes; UpdatedOn moves by itself */

        /* what the daemon has on disk */
        struct job_memory stored;
        uint64_t stored_wall_us;
        bool stored_stalled;

        /* what was told */
        bool told, told_end, told_gone, told_stalled;
        struct shown told_as;
        uint64_t told_us;

        /* what was seen of the asking, for the bounds */
        uint64_t looked_calm_us; /* of the server, at the last look that settled something */
        uint64_t closers_before, disturbances_before;
        unsigned failures;        /* requests that failed with this job in them, since that look */
        unsigned not_found_count; /* 404s in a row, and when the first was */
        uint64_t first_absence_us;
        bool unbatchable;                 /* counted as such */
        uint64_t glimpsed_calm_us;        /* it was told as seen, with its ResultData unread */
        unsigned glimpsed_run;            /* and in which run of the daemon */
        uint64_t held_us;                 /* its end is held back since */
        unsigned looks, closers, excuses; /* since the start, and reasons for closer looks */
        unsigned ramps;                   /* reasons to look at it often for a while */
        unsigned quick;                   /* looks that were due to something that is not over */
};

enum answer {
        ANSWER_TROUBLE,
        ANSWER_ROWS,
        ANSWER_REFUSED,
        ANSWER_RECORD,
        ANSWER_ABSENT,
        ANSWER_ODD,
};

struct slot {
        bool used, made; /* made: the server has answered, the answer is on its way */
        struct planner_request request;
        uint64_t start_us, made_us, end_us;
        enum answer answer;
        enum outage outage;
        uint64_t retry_after_us;
        struct shown shown[PLANNER_BATCH_MAX]; /* the truth when the answer was made */
        size_t order[PLANNER_BATCH_MAX];       /* of rows */
        bool dropped[PLANNER_BATCH_MAX];
        uint64_t calm_us;               /* the calm clock when the answer was made */
        uint64_t closers, disturbances; /* so far, when the request started */
};

enum batch_kind {
        BATCH_FULL,
        BATCH_EMPTY_RESULT, /* ResultData is null in rows */
        BATCH_NO_RESULT,    /* … or not there */
        BATCH_NO_RESULT_NOR_UPDATED,
        BATCH_NO_STATUS,
        BATCH_RAGGED, /* any field may be missing in any row */
        BATCH_REFUSED,
        BATCH_KINDS,
};

/* Every request ever made, by its time. */
struct request_times {
        uint64_t *at_us;
        size_t count, room;
        size_t tails[3]; /* the first request within the last minute, hour, day */
};

struct budget_on_disk {
        bool there, stale; /* stale: what came after could not be written */
        uint64_t wall_us, boot_us;
        uint64_t pause_us; /* that was still to come */
        struct rate_limiter_deficit deficit;
};

struct sim {
        uint64_t seed, random;
        bool verbose, failed;

        /* time */
        uint64_t now_us, end_us, start_us;
        uint64_t wall_offset_us;
        bool wall_jumped; /* forward, some time */
        uint64_t calm_us; /* runs only while nothing disturbs: see checks.c */
        uint64_t disturbances;

        /* settings of the daemon */
        struct planner_limits limits;
        struct status_rules *rules;
        uint64_t longest_max_us; /* of all max_interval */

        /* the API */
        enum batch_kind batch_kind;
        bool shuffled, fixed_windows;
        unsigned odd_permille, miss_permille, fail_permille;
        uint64_t window_offset_us;
        uint64_t outage_until_us, slow_until_us, disk_full_until_us, suspended_until_us, patience_until_us;
        enum { SITE_REFUSED, SITE_HANGS, SITE_UNAVAILABLE, SITE_UNAUTHORIZED } outage;
        unsigned result_permille, beat_permille; /* of jobs, at first */
        uint64_t patience_us;                    /* Retry-After while it asks for patience */
        uint64_t mischief_us;                    /* when something happens to the API or the daemon next */
        uint64_t mischief_gap_us;
        uint64_t well_since_us;   /* of the API: the last trouble that it made or had */
        bool refused_credentials; /* during the present trouble */
        bool well_only;           /* nothing ever happens to the API or the daemon in this world */

        /* jobs */
        struct sim_job *jobs;
        size_t job_count;
        struct sim_job **heap; /* by next_us */
        size_t heap_count;

        /* the daemon */
        struct planner *planner; /* NULL: it is down */
        uint64_t up_us;          /* when it starts again */
        bool rebooted;           /* with the whole machine: only the wall clock dates what is on disk */
        uint64_t run_us;         /* when it started */
        struct slot slots[MAX_IN_FLIGHT];
        uint64_t wake_us, fire_us, peek_us; /* when to be woken; when the timer fires; when to look for lost
                                               wake-ups */
        struct budget_on_disk budget;
        unsigned covered;

        /* checks */
        struct request_times times;
        uint64_t limits_from_us;  /* limits are checked from here on: some debt may have been forgotten */
        uint64_t pause_until_us;  /* what the server asked for, as clamped */
        uint64_t singles_calm_us; /* the calm clock when batches were last not used */
        uint64_t closers;         /* closer looks so far */
        size_t lone_count, lone_most;
        size_t open_at_start;

        /* figures */
        struct figures {
                uint64_t requests, batches, looks, told, throttled, restarts, outages, glimpses, read;
                uint64_t longest_wait_us;
        } figures;
};

/* ---- chance ---- */

uint64_t chance(struct sim *sim);
uint64_t chance_below(struct sim *sim, uint64_t bound);                  /* 0 to bound - 1 */
uint64_t chance_span(struct sim *sim, uint64_t from_us, uint64_t to_us); /* evenly */
uint64_t chance_gap(struct sim *sim, uint64_t mean_us);                  /* as of independent events */
bool chance_permille(struct sim *sim, unsigned permille);

/* ---- draw.c ---- */

int world_draw(struct sim *sim, uint64_t seed);
void world_clear(struct sim *sim);

/* ---- world.c ---- */

/* Puts a job among those to which something will happen. */
void heap_add(struct sim *sim, struct sim_job *job);
uint64_t world_next_us(const struct sim *sim);
void world_run(struct sim *sim);
struct text status_text(uint8_t index);
struct text result_text(uint8_t index);
bool status_is_end(uint8_t index);

/* ---- server.c ---- */

void server_answer(struct sim *sim, struct slot *slot);
void server_row(struct sim *sim, const struct shown *truth, struct shown *ret_row);
uint64_t server_latency(struct sim *sim);

/* ---- driver.c ---- */

void daemon_start(struct sim *sim);
void daemon_stop(struct sim *sim, bool clean);
void simulate(struct sim *sim);
void budget_keep(struct sim *sim);
uint64_t wall_us(const struct sim *sim);
size_t job_index(const struct sim *sim, const struct planner_job *job);

/* ---- answers.c ---- */

void take_answer(struct sim *sim, struct slot *slot);

/* ---- checks.c ---- */

void sim_fail(struct sim *sim, const struct sim_job *job, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
bool is_calm(const struct sim *sim);
void check_request(struct sim *sim, const struct planner_request *request, bool was_troubled);
void check_told(struct sim *sim, struct sim_job *job, const struct change *change, const struct shown *shown,
                const struct shown *truth, bool of_row);
void check_read(struct sim *sim, struct sim_job *job, const struct shown *shown);
void check_look(struct sim *sim, struct sim_job *job, const struct slot *slot);
void check_truth_ends(struct sim *sim, struct sim_job *job);
void check_recovery(struct sim *sim);
void check_end(struct sim *sim);
