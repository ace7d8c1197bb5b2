/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the methods of the D-Bus API get and do. */
struct bus_call;

/* Rows of one call, and so the largest `limit`; also IDs of one call. */
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
        const uint64_t *ids; /* ascending, each once, at most BUS_ROWS_MAX; NULL: any */
        size_t id_count;
        char *const *patterns; /* NULL-terminated; NULL: any */
        uint64_t after;        /* only jobs with greater ids */
        size_t limit;          /* 1 to BUS_ROWS_MAX */
};

/* ListEvents. */
struct bus_list_events {
        uint64_t after;       /* only events with greater sequence numbers */
        const uint64_t *jobs; /* ascending, each once, at most BUS_ROWS_MAX; NULL: any */
        size_t job_count;
        size_t limit; /* 1 to BUS_ROWS_MAX */
};

/* ListDeliveries. A delivery has to match all that is given. */
struct bus_list_deliveries {
        const char *state; /* "pending", "failed"; NULL: both */
        const char *hook;  /* NULL: any */
        uint64_t job;      /* 0: any */
        uint64_t after;    /* only deliveries with greater ids */
        size_t limit;      /* 1 to BUS_ROWS_MAX */
};

/* AddJobs. */
struct bus_add_jobs {
        const uint64_t *ids; /* ascending, each once, none is 0; at least one, at most BUS_ROWS_MAX */
        size_t count;
        const char *name;   /* of the only one; NULL: none */
        char *const *hooks; /* NULL-terminated; NULL: none are given */
};

/* RemoveJobs, Poll, Retry and Drop. */
struct bus_id_list {
        const uint64_t *ids; /* ascending, each once; at most BUS_ROWS_MAX. None: see org.jobwatchd1(5) */
        size_t count;
};

/* TestHook. */
struct bus_test_hook {
        const char *hook;
        const char *event; /* a word */
        uint64_t job;      /* 0: none */
};

/* Recent. A job has to match all that is given. */
#define BUS_RECENT_MAX     100
#define BUS_RECENT_DEFAULT 25

struct bus_recent {
        size_t limit;            /* 1 to BUS_RECENT_MAX */
        uint64_t business;       /* 0: any */
        const char *description; /* a glob; NULL: any */
};

/* Login. */
struct bus_login {
        const char *username;
        const char *password;
        const char *code; /* NULL: none */
};

/* Of the methods that have some, by the name of the method. */
union bus_arguments {
        uint64_t id; /* GetJob, GetDelivery */
        struct bus_list_jobs list_jobs;
        struct bus_list_events list_events;
        struct bus_list_deliveries list_deliveries;
        struct bus_recent recent;
        struct bus_add_jobs add_jobs;
        struct bus_id_list list; /* RemoveJobs, Poll, Retry, Drop */
        struct bus_test_hook test_hook;
        struct bus_login login; /* wiped with the call */
};

enum bus_method {
        /* These only read. */
        BUS_LIST_JOBS,
        BUS_GET_JOB,
        BUS_LIST_EVENTS,
        BUS_LIST_DELIVERIES,
        BUS_LIST_STATUSES,
        BUS_GET_STATUS,
        BUS_METRICS,
        BUS_GET_DELIVERY,

        /* These change something. */
        BUS_ADD_JOBS,
        BUS_REMOVE_JOBS,
        BUS_POLL,
        BUS_RETRY,
        BUS_DROP,
        BUS_TEST_HOOK,
        BUS_HANDOVER,

        BUS_RECENT,   /* asks the API, which takes time, and changes nothing */
        BUS_DIAGNOSE, /* likewise, but completes the call at once, with nothing until the API has answered */
        BUS_LOGIN,    /* asks the API, too, and changes who is signed in */
        BUS_METHOD_COUNT,
};

/* Completes the call once, at once or later from the loop (reply.h). */
typedef void bus_operation(struct bus_call *call);

/* Borrowed from the call, live until it is completed, and may be read by another thread until then. */
const union bus_arguments *bus_call_arguments(const struct bus_call *call);

/* As it was given with the operations. */
void *bus_call_userdata(const struct bus_call *call);

/* The user that called, of calls that change something. */
uint32_t bus_call_uid(const struct bus_call *call);
