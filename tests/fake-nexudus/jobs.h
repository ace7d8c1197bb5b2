/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "ini.h"
#include "job_due.h"
#include "job_order.h"

/* The fields that a scenario can set, in the order of the JSON records. */
enum job_field {
        FIELD_BUSINESS_ID,
        FIELD_BUSINESS,
        FIELD_USER_ID,
        FIELD_USER_NAME,
        FIELD_USER_EMAIL,
        FIELD_GUID,
        FIELD_DESCRIPTION,
        FIELD_FILES,
        FIELD_UNIQUE_ID,
        FIELD_UPDATED_BY,
        FIELD_IS_NEW,
        FIELD_SYSTEM_ID,
        FIELD_TO_STRING,
        FIELD_LOCALIZATION,
        FIELD_CUSTOM_FIELDS,
        FIELD_COUNT,
};

/* Date formats of records; all occur in practice. */
enum date_style {
        DATES_FRACTION, /* 2025-01-15T10:30:00.1234560Z */
        DATES_Z,        /* 2025-01-15T10:30:00Z */
        DATES_BARE,     /* 2025-01-15T10:30:00 */
        DATES_EPOCH,    /* /Date(1705314600000)/ */
};

/* What a search makes of a job. */
enum search_row {
        SEARCH_ROW_NORMAL,
        SEARCH_ROW_MISSING, /* it is on no page */
        SEARCH_ROW_BROKEN,  /* its row has no Id */
        SEARCH_ROW_ERROR,   /* a page that it is on is answered with 500 */
};

/* A change of a job: at a time after the start, or at the nth read. */
struct job_step {
        bool by_poll;
        uint64_t at; /* µs after the start, or the number of the read */
        bool gone;
        bool keeps_result;
        char *status; /* NULL: null */
        char *result; /* NULL: null */
        size_t result_size;
};

/* A [job] or [jobs] section: the properties common to its jobs. */
struct job_spec {
        struct job_spec *next;
        uint64_t first, last;
        uint64_t zero; /* µs after the start: of the steps' times */
        uint64_t spread;
        uint64_t created_ago;  /* before zero: the first job */
        uint64_t apart;        /* from one job of a range to the next, if that ends before zero */
        bool appears;          /* the jobs do not exist before zero */
        uint64_t late;         /* a change is visible up to this long after its UpdatedOn */
        uint64_t second_clock; /* the UpdatedOn of each second change is so much earlier */
        enum search_row search_row;
        char *status;              /* before the first step; NULL: null */
        char *result;              /* likewise */
        char *fields[FIELD_COUNT]; /* NULL: the default; "-": null */
        enum date_style dates;
        bool status_raw;
        uint64_t result_size;
        struct job_step *steps;
        size_t step_count;
};

enum order { ORDER_UPDATED, ORDER_CREATED, ORDER_COUNT };

struct job {
        struct job *next; /* of the same hash */
        uint64_t id;
        const struct job_spec *spec;
        uint64_t shift; /* µs after the start: of its steps' times */
        bool unborn;    /* it appears at that time */
        size_t next_step;
        uint64_t changes;
        uint64_t polls; /* all of its reads */
        bool counted;   /* in jobs_read */
        uint64_t mark;  /* the last answer that contained it */
        bool gone;
        char *own_result;     /* set when `result` is its own; freed with it */
        char *own_status;     /* likewise */
        const char *status;   /* NULL: null */
        const char *result;   /* NULL: null */
        size_t result_size;   /* bytes */
        int64_t updated_wall; /* µs since 1970 */
        int64_t created_wall; /* likewise */

        struct job_due_place due;
        bool touched;                   /* in jobs.touched */
        bool listed;                    /* in the orders, with these times */
        int64_t listed_at[ORDER_COUNT]; /* µs since 1970 */
};

struct jobs {
        uint64_t started;     /* µs, monotonic: the zero of the steps' times */
        int64_t started_wall; /* µs since 1970 */
        struct job_spec *specs;
        struct job_spec control_spec; /* of jobs created by control requests */
        struct job **hash;
        size_t hash_size;
        struct job **all; /* all jobs, in order of creation */
        size_t count, room;
        struct job_due due;
        struct job_order orders[ORDER_COUNT]; /* as of the last jobs_in_order() */
        struct job **touched;                 /* perhaps changed since then */
        size_t touched_count;
        bool frozen; /* changes leave UpdatedOn as it is */
        uint64_t last_mark;
        uint64_t reads;      /* of single jobs: a batch of 100 counts 100 */
        uint64_t jobs_read;  /* jobs read at least once */
        uint64_t first_read; /* µs, monotonic: when a job was last read for the first time */
};

/* Sets one key of a section. Returns 0 or -EINVAL, -ENOMEM. */
int job_spec_set(struct job_spec *spec, const char *key, const char *value, struct problem *problem);

/*
 * Creates the jobs of a complete section. Takes ownership of the spec, on failure too. Existing jobs are
 * replaced. Returns 0 or -ENOMEM.
 */
int jobs_add_spec(struct jobs *jobs, struct job_spec *spec);
struct job_spec *job_spec_free(struct job_spec *spec);

/* The job with all due steps taken, or NULL if it never existed. */
struct job *jobs_find(struct jobs *jobs, uint64_t id, uint64_t now);

/* Counts a read, and takes the steps that wait for it. */
void job_read(struct jobs *jobs, struct job *job, uint64_t now);

/* Takes the steps that are due. */
void job_advance(struct jobs *jobs, struct job *job, uint64_t now);

/* Takes the steps of all jobs that are due. */
void jobs_advance(struct jobs *jobs, uint64_t now);

/* All jobs that a search shows, with all due steps taken. NULL when out of memory. */
const struct job_order *jobs_in_order(struct jobs *jobs, enum order order, uint64_t now);

/* Changes by a control request. The job does not follow its steps any more. */
struct job_change {
        bool gone;
        bool set_status, set_result;
        const char *status; /* NULL: null */
        const char *result; /* NULL: null */
        size_t result_size;
        uint64_t updated_ago; /* µs: UpdatedOn is so long ago */
};

/* Changes or creates a job. Returns 0 or -ENOMEM. */
int jobs_change(struct jobs *jobs, uint64_t id, const struct job_change *change, uint64_t now);

/* Sets UpdatedOn of the existing jobs of a range to now, and changes nothing else. */
void jobs_touch(struct jobs *jobs, uint64_t first, uint64_t last, uint64_t now);

/* Resets the count of reads, without effect on steps that wait for reads. */
void jobs_forget_reads(struct jobs *jobs);

void jobs_release(struct jobs *jobs);
