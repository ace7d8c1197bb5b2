/* SPDX-License-Identifier: MIT */
#pragma once

/* What the two halves of poller.h share: poller.c asks, poller_answers.c makes something of what is answered.
 */

#include "poller.h"

#include "core/schedule.h"
#include "core/watch.h"

struct watched_job {
        struct schedule_entry entry; /* must be first: the schedule hands it back */
        struct poller *poller;
        const struct job_config *config;
        struct job_watch watch;
        struct nexudus_request *request; /* under way */
        uint64_t pace_us;                /* from the last look to the next */
        unsigned odd_answers;            /* in a row */
        bool settled;                    /* `once`: nothing more is asked */
        bool answered;                   /* `once`: with a sensible answer */
};

struct poller {
        struct poller_parts parts;
        struct watched_job *jobs;
        size_t job_count;
        struct schedule schedule;
        struct health health;
        sd_event_source *timer;
        sd_event_source *idle; /* calls on_idle() from the loop */
        size_t flights;
        bool fresh_connection; /* the last request timed out: do not trust the open connection */
};

/* CLOCK_BOOTTIME of this turn of the loop. */
uint64_t poller_now_us(const struct poller *poller);

/* Any 64-bit number. */
uint64_t poller_chance(void);

/* Nothing more is to be asked of this job. */
bool job_is_finished(const struct watched_job *job);

/* Has the job looked at again after this span. */
void job_plan(struct watched_job *job, uint64_t span_us);

/* With `once` and where reports are wanted: a line about the job on standard output. */
void job_report(const struct watched_job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Takes an answer: news to the recorder, trouble to the API's health, and the job back into the schedule. */
void job_take_answer(struct watched_job *job, const struct nexudus_answer *answer);
