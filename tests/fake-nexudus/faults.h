/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "ini.h"

enum fault_reset {
        RESET_NONE,
        RESET_BEFORE,  /* nothing has been sent and the request has had no effect */
        RESET_HEADERS, /* the status line and headers have been sent */
        RESET_BODY,    /* half of the body, or `truncate` bytes, have been sent */
};

enum fault_gzip { GZIP_NO, GZIP_YES, GZIP_FORCE };

/* Which reads of its jobs a fault with `jobs` affects. */
enum fault_reads { READS_ANY, READS_SINGLE, READS_BATCH };

struct id_range {
        uint64_t first, last;
};

/* A [fault NAME] section. */
struct fault {
        struct fault *next;
        unsigned references; /* of the list and of answers in progress */
        char *name;
        char *path;            /* glob; NULL: any */
        char *method;          /* NULL: any */
        struct id_range *jobs; /* NULL: any request */
        size_t job_range_count;
        enum fault_reads reads;
        bool old_connections;       /* only on connections that are older than the fault */
        uint64_t newest_connection; /* the number of the newest of these */
        uint64_t min_spacing;       /* µs; only less than this after a request that passed; 0: any */
        uint64_t passed_at;         /* µs, monotonic */
        uint64_t chance;            /* percent; 0: all */
        uint64_t after, times;      /* times 0: for ever */
        uint64_t seen, used;

        unsigned status; /* 0: that of the real answer */
        char **headers;  /* "Name: value" */
        size_t header_count;
        struct buffer body;
        bool has_body;
        char *content_type;
        uint64_t delay; /* µs */
        bool hang;
        enum fault_reset reset;
        bool truncated;
        uint64_t truncate;
        uint64_t chunk;       /* bytes; 0: not chunked */
        uint64_t chunk_delay; /* µs */
        enum fault_gzip gzip;
        uint64_t oversize; /* bytes of the body; 0: none */
        bool envelope, html, wrong_id;
};

struct faults {
        struct fault *first;
};

/* A fault with one reference, or NULL. */
struct fault *fault_new(const char *name);
struct fault *fault_ref(struct fault *fault);
struct fault *fault_unref(struct fault *fault);

/* Sets one key. Returns 0 or -EINVAL (problem filled), -ENOMEM. */
int fault_set(struct fault *fault, const char *key, const char *value, struct problem *problem);

/* Whether the answer comes from the fault alone, so that the request has no effect. */
bool fault_replaces_answer(const struct fault *fault);

/* Appends it, or replaces the one with the same name. Takes ownership of the reference. */
void faults_put(struct faults *faults, struct fault *fault);

/* Returns whether a fault of that name existed. */
bool faults_remove(struct faults *faults, const char *name);

/* What decides whether a fault affects a request. */
struct fault_request {
        const char *method;
        const char *target, *decoded; /* as sent, and percent-decoded */
        uint64_t connection;          /* its number */
        uint64_t now;                 /* µs, monotonic */
};

/* The fault for a request, with a reference, or NULL. Counts. */
struct fault *faults_pick(struct faults *faults, const struct fault_request *request);

/* Parses "11-20, 35" for `jobs`. Returns 0, -EINVAL or -ENOMEM. */
int fault_set_jobs(struct fault *fault, const char *value);

/* Whether the target of a request, as sent or decoded, matches a glob. */
bool target_matches(const char *glob, const char *target, const char *decoded);

void faults_release(struct faults *faults);
