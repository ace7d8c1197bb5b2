/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "journal/journal.h"
#include "model/event.h"
#include "model/failure.h"
#include "monitor/request_slot.h"
#include "nexudus/nexudus.h"
#include "nexudus/search_page.h"
#include "planning/planner.h"
#include "state/store.h"
#include "util/timespan.h"

#include "account.h"
#include "sim_job.h"
#include "watching.h"
#include "wire.h"

/*
 * A simulated API, its jobs and its disk, and the daemon between them: monitor/, planning/, model/ and the
 * front of state/ are real. What they call is simulated. All chance comes from one seed and all time is
 * simulated: `now_us` is CLOCK_BOOTTIME, and the wall clock is that plus an offset that jumps.
 *
 *   draw.c          what a world is like
 *   world.c         what happens to the jobs
 *   site.c          what happens to the API as a whole, to the daemon and to its machine
 *   server.c        what the API answers
 *   api.c           nexudus/: requests, and what the oracle notes of the responses
 *   disk.c          state/store.h: a store in memory
 *   disk_values.c   the values in it
 *   writer.c        platform/worker.h: what is queued is written later
 *   loop.c          sd-event, clocks and random numbers
 *   daemon.c        starts, stops and reloads of the daemon; its journal and its outbox
 *   wire.c          what follows from the responses that were delivered
 *   throttling.c    the same for throttling
 *   checks.c        limits, and how long a job may wait
 *   check_events.c  what is reported
 *   check_outage.c  requests during and after outages, and for broken jobs
 *   check_api.c     events of the API
 *   account.h       an account with a search, and what follows from that
 *   watching.h      what is watched, and changes of that
 *
 * The checks never ask the daemon anything. They know the truth of the simulated server, the requests that
 * reached it, the responses that were delivered, and what was written to the disk and reported.
 */

#define SOURCES_MAX  16
#define DISK_SLOW_US (10 * USEC_PER_SEC) /* for a transaction, at most */
#define STATUSES     14                  /* texts of a Status; those from FIRST_END on are ends */
#define FIRST_END    10
#define RESULTS      12

/*
 * So many requests of an outage may fail before all that follow are probes: those in flight, a check, jobs
 * that were failing before and so are no witnesses, two witnesses, and again those in flight.
 */
#define STRAGGLERS 28

enum cause {
        CAUSE_NONE,
        CAUSE_SITE,    /* the API fails as a whole */
        CAUSE_NOISE,   /* this request alone */
        CAUSE_LIMITS,  /* the server's own limits were exceeded */
        CAUSE_JOB,     /* a broken job */
        CAUSE_BATCH,   /* batches fail here */
        CAUSE_MISSING, /* the record does not exist */
        CAUSE_SEARCH,  /* the search fails here */
};

/* A request, as it is seen on the wire; but that is not enough to know what it is for. */
struct request {
        enum request_kind kind;
        size_t count;
        struct sim_job *jobs[PLANNER_BATCH_MAX];
};

/* What nexudus.h calls a request. */
struct slot {
        bool sent, made; /* made: the server has responded, the response is on its way */
        struct request request;
        struct page page; /* number 0: it is not a search */
        struct search_page envelope;
        nexudus_handler on_response;
        nexudus_row_handler on_row;
        void *userdata;
        uint64_t start_us, made_us, end_us;
        enum failure failure; /* FAILURE_NONE: a record, or rows */
        enum cause cause;
        bool too_large;
        uint64_t retry_after_us;
        struct shown shown[PLANNER_BATCH_MAX]; /* the truth when the response was made */
        struct shown rows[PLANNER_BATCH_MAX];  /* what was shown of it */
        size_t order[PLANNER_BATCH_MAX];       /* of rows */
        bool dropped[PLANNER_BATCH_MAX];
        uint64_t calm_us;              /* the calm clock when the response was made */
        uint64_t extras, disturbances; /* so far, when the request started */
        uint64_t pushed;               /* settled when so many operations have ended */
        struct slot *next;
};

/* An event on disk. */
struct recorded {
        uint64_t sequence, job_id, delivery; /* 0: no delivery */
        char id[EVENT_ID_SIZE];
        bool marked; /* as logged */
};

enum batch_kind {
        BATCH_FULL,
        BATCH_EMPTY_RESULT, /* ResultData is null in rows */
        BATCH_NO_RESULT,    /* … or not there */
        BATCH_NO_RESULT_NOR_UPDATED,
        BATCH_NO_STATUS,
        BATCH_RAGGED, /* any field may be missing in any row */
        BATCH_NEVER,  /* every batch fails, in the same class */
        BATCH_KINDS,
};

enum site {
        SITE_WELL,
        SITE_UNREACHABLE,
        SITE_HANGS,
        SITE_SERVER_ERROR,
        SITE_REFUSED,
        SITE_NOT_FOUND,
        SITE_PAGE, /* 200 with the page of a firewall */
        SITE_THROTTLED,
        SITE_KINDS,
};

struct sim {
        uint64_t seed, random;
        bool verbose, failed;

        /* time */
        uint64_t now_us, end_us, start_us;
        uint64_t wall_offset_us;
        bool wall_jumped; /* forward, some time */
        unsigned wall_jumps;
        uint64_t calm_us;       /* runs only while nothing excuses waiting: see checks.c */
        bool recount, evidence; /* there is a job by which the API can be known to be well */
        uint64_t disturbances, extras, run_extras, hung_us; /* run_extras: before this run */
        uint64_t checks, failures;                          /* check requests, and failed requests */
        uint64_t failed_batches;                            /* because they never work here */
        uint64_t opens;                                     /* times that the API failed */

        /* settings of the daemon */
        struct planner_limits limits;
        uint64_t longest_max_us; /* of all max_interval */

        /* the API */
        enum batch_kind batch_kind;
        enum failure batch_failure; /* of BATCH_NEVER */
        bool shuffled, fixed_windows, spoils_batches;
        unsigned odd_permille, miss_permille, fail_permille, limit_permille;
        unsigned batch_most;                     /* ids; more are too large */
        size_t large_count;                      /* jobs that are too large by themselves, some time */
        unsigned result_permille, beat_permille; /* of jobs, at first */
        uint64_t window_offset_us;
        enum site site;
        uint64_t site_from_us, site_until_us, site_retry_after_us;
        uint64_t slow_until_us, suspended_until_us;
        uint64_t mischief_us; /* when something happens to the API or the daemon next */
        uint64_t mischief_gap_us;
        bool well_world; /* that of --jobs */
        bool well_only;  /* nothing ever happens to the API or the daemon in this world */

        /* jobs */
        struct sim_job *jobs;
        size_t job_count;
        struct sim_job **heap; /* by next_us */
        size_t heap_count;
        uint64_t fault_next_us; /* when the next fault begins or ends */

        struct account account;
        struct changes changes;

        /* the disk */
        uint64_t disk_full_until_us, disk_slow_until_us;
        unsigned disk_fail_permille; /* of transactions */
        struct recorded *recorded;   /* in a row, as far as any is not marked */
        size_t recorded_count, recorded_room;
        uint64_t last_sequence, last_delivery;
        void *values;              /* a tree */
        int disk_error;            /* of the open transaction, which will fail; 0: it will not */
        bool disk_dead;            /* the daemon has crashed: nothing is written any more */
        bool value_lost;           /* one was not written */
        struct worker *writer;     /* NULL: the daemon is down */
        uint64_t pushed, executed; /* operations */

        /* the daemon */
        struct monitor *monitor; /* NULL: it is down */
        bool monitor_started;
        struct state *state;
        struct recorder *recorder;
        struct config *config;
        uint64_t up_us;  /* when it starts again */
        uint64_t run_us; /* when it started */
        struct slot *slots[MAX_IN_FLIGHT];
        struct slot *settling, **settling_end; /* responses that have led to operations */
        void (*on_sent)(void *userdata);
        sd_event_source *sources[SOURCES_MAX], *poll_timer;
        size_t source_count;
        uint64_t peek_us; /* when to search for lost wake-ups */
        enum crash {
                CRASH_NONE,
                CRASH_BEFORE_COMMIT,
                CRASH_AFTER_COMMIT,
        } crash;                /* at the next one */
        uint64_t ended_wall_us; /* when it was stopped last; 0: it crashed */
        unsigned pause_jumps;   /* wall_jumps when a pause was stored */
        uint64_t journal_down_until_us;
        struct journal_callbacks journal;
        bool journal_refused;       /* an event, since it is down */
        bool journal_behind;        /* an event that was refused was not logged since */
        uint64_t journaled, handed; /* sequence of the last event in the journal, in the outbox */

        /* checks */
        struct request_times times;
        struct wire wire;
        struct api_seen api_seen;
        size_t lone_count, lone_most;
        size_t open_at_start;

        /* figures */
        struct figures {
                uint64_t requests, batches, polls, reported, throttled, starts, outages, partial, read,
                        broken, gone, returned, bursts, pages, api_events, pruned, reloads, asked, once;
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
/* An account of so many jobs with which nothing is wrong. */
int world_draw_well(struct sim *sim, uint64_t seed, size_t jobs, uint64_t hours);
void world_clear(struct sim *sim);

/* ---- world.c ---- */

/* Puts a job among those to which something will happen; and something happens to it at once. */
void heap_add(struct sim *sim, struct sim_job *job);
void world_hurry(struct sim *sim, struct sim_job *job);
void world_change_result(struct sim *sim, struct sim_job *job);
uint64_t world_next_us(const struct sim *sim);
void world_run(struct sim *sim);
struct text status_text(uint8_t index);
struct text result_text(uint8_t index);
bool status_is_end(uint8_t index);

/* ---- site.c ---- */

uint64_t site_next_us(const struct sim *sim);
void site_run(struct sim *sim);

/* ---- server.c ---- */

void server_answer(struct sim *sim, struct slot *slot);
void server_row(struct sim *sim, const struct shown *truth, struct shown *ret_row);
uint64_t server_latency(struct sim *sim);
bool batches_work(const struct sim *sim);

/* ---- daemon.c ---- */

struct config *configure(const struct sim *sim);
void daemon_start(struct sim *sim);
void daemon_stop(struct sim *sim);
void daemon_crash(struct sim *sim);
void journal_run(struct sim *sim);

/* ---- api.c ---- */

uint64_t api_next_us(const struct sim *sim);
bool api_run(struct sim *sim); /* whether anything was due */
void api_settle(struct sim *sim);
void api_clear(struct sim *sim);

/* ---- writer.c ---- */

bool writer_run(struct sim *sim); /* whether anything was due */
uint64_t writer_next_us(const struct sim *sim);
void writer_finish(struct sim *sim);

/* ---- disk_values.c ---- */

const char *disk_value(const struct sim *sim, const char *key); /* NULL: there is none */
void values_clear(struct sim *sim);

/* ---- disk.c ---- */

void disk_clear(struct sim *sim);

/* ---- loop.c ---- */

extern struct sim *simulated;
void simulate(struct sim *sim);

/* ---- wire.c ---- */

void wire_start(struct sim *sim);
void wire_job_start(struct sim *sim, struct sim_job *job);
void wire_request(struct sim *sim, const struct request *request);
void wire_failed(struct sim *sim, const struct slot *slot);
void wire_succeeded(struct sim *sim, const struct slot *slot);
void wire_settled(struct sim *sim, struct sim_job *job, const struct slot *slot);
void wire_lone(struct sim *sim, struct sim_job *job, unsigned left);
void wire_evidence(struct sim *sim);
uint64_t wire_deadline(const struct sim *sim);
void wire_allow(struct sim *sim, struct sim_job *job, uint64_t retry_after_us);

/* ---- throttling.c ---- */

void throttling_failed(struct sim *sim, const struct slot *slot);
void throttling_answered(struct sim *sim, const struct slot *slot);
unsigned throttling_permille(const struct sim *sim);

/* ---- checks.c ---- */

void sim_fail(struct sim *sim, const struct sim_job *job, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
void calm_run(struct sim *sim, uint64_t until_us);
bool is_calm(const struct sim *sim);
void emission_of(const struct sim *sim, uint64_t *ret_step_us, uint64_t *ret_refill_us);
uint64_t longest_gap(const struct sim *sim, const struct sim_job *job);
bool waits_are_checked(const struct sim_job *job);
void check_limits(struct sim *sim);
void check_first_request(struct sim *sim);
void check_gap(struct sim *sim, const struct sim_job *job, uint64_t calm_us);
void check_end(struct sim *sim);

/* ---- check_events.c ---- */

void check_reported(struct sim *sim, struct sim_job *job, const struct event *event);
void check_read(struct sim *sim, struct sim_job *job, const struct job_record *record);
void check_settled(struct sim *sim, struct sim_job *job, const struct slot *slot);

/* ---- check_outage.c ---- */

void check_request(struct sim *sim, const struct request *request);
void check_recovery(struct sim *sim);
bool is_in_flight(struct sim *sim, const struct sim_job *job);
void check_owed(struct sim *sim, const struct sim_job *job);
void check_gone_due(struct sim *sim, const struct sim_job *job);
void check_returned(struct sim *sim, const struct sim_job *job);
void check_broken(struct sim *sim, const struct sim_job *job);

/* ---- check_api.c ---- */

void check_api_response(struct sim *sim, const struct slot *slot);
void check_api_event(struct sim *sim, enum event_kind kind);
void check_api(struct sim *sim);

/* ---- draw_account.c ---- */

void account_draw_size(struct sim *sim);
void account_draw(struct sim *sim);
void account_draw_well(struct sim *sim);

/* ---- account.c: nothing happens in worlds without one ---- */

#define TIME_TEXT_MAX 32

void account_begin(struct sim *sim);
void account_clear(struct sim *sim);
void account_note(struct sim *sim, struct sim_job *job, const struct shown *before); /* its truth changed */
void account_page_delivered(struct sim *sim, const struct slot *slot);
void account_job_read(struct sim *sim, struct sim_job *job); /* by itself */
uint64_t account_next_us(const struct sim *sim);
void account_run(struct sim *sim);
size_t format_updated(const struct sim *sim, const struct sim_job *job, uint64_t updated,
                      char buffer[static TIME_TEXT_MAX]);

/* ---- pages.c ---- */

bool search_is(const struct sim *sim, enum search_kind kind);
bool search_hides(const struct sim_job *job); /* with SEARCH_HIDES */
void page_answer(struct sim *sim, struct slot *slot);
void job_details(const struct sim *sim, const struct sim_job *job, struct job_record *record);
void page_details(const struct sim *sim, const struct sim_job *job, struct job_record *row);
struct search_page page_envelope(const struct sim *sim, const struct page *page);
void page_row(const struct sim *sim, const struct shown *truth, struct shown *ret_row);

/* ---- check_feed.c ---- */

void feed_start(struct sim *sim);
void feed_stop(struct sim *sim);
void feed_work(struct sim *sim, size_t requests);
void feed_calm_run(struct sim *sim, uint64_t until_us);
void feed_happened(struct sim *sim, struct sim_job *job);
uint64_t feed_longest_gap(const struct sim *sim); /* between two polls of a job */
void feed_failed(struct sim *sim, const struct slot *slot);
void feed_page_made(struct sim *sim, const struct page *page);
void feed_page_shown(struct sim *sim); /* rows of one are about to be */
void feed_reported(struct sim *sim, struct sim_job *job);
/* What is watched, or how, is about to change; and it has changed. */
void feed_check(struct sim *sim);
void feed_changed(struct sim *sim);
void feed_end(struct sim *sim);
uint64_t feed_span(const struct sim *sim); /* in which a change is noticed */
bool feed_is_due(const struct sim *sim, const struct sim_job *job);
void feed_job_changed(struct sim *sim, struct sim_job *job);

/* ---- check_watch.c ---- */

bool has_sections(const struct sim *sim);
bool feed_watches(const struct sim *sim, const struct sim_job *job); /* it has to be watched */
bool feed_may_watch(const struct sim *sim, const struct sim_job *job);
bool feed_may_read(const struct sim *sim, const struct sim_job *job);
void watch_appeared(struct sim *sim, struct sim_job *job);
void watch_page_delivered(struct sim *sim, const struct page *page, uint64_t made_us);
void watch_deleted(struct sim *sim);
void watch_start(struct sim *sim);
/* `restarts`: a start has read the file, otherwise a reload. */
void watch_adopt(struct sim *sim, bool restarts);
void watch_added(struct sim *sim, struct sim_job *job);
void watch_removed(struct sim *sim, struct sim_job *job);
void watch_requested(struct sim *sim, struct sim_job *job);

/* ---- edits.c ---- */

void changes_draw(struct sim *sim);
uint64_t changes_next_us(const struct sim *sim);
void changes_run(struct sim *sim);

/* ---- run_time.c ---- */

void run_time_ask(struct sim *sim);
void check_asked_poll(struct sim *sim);

/* ---- check_once.c ---- */

void once_begin(struct sim *sim);
void check_once(struct sim *sim);
