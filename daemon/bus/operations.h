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

struct bus_operations {
        /* These only read. */
        void (*list_jobs)(void *userdata, struct bus_call *call, const struct bus_list_jobs *arguments);
        void (*get_job)(void *userdata, struct bus_call *call, uint64_t job);
        void (*list_events)(void *userdata, struct bus_call *call, const struct bus_list_events *arguments);
        void (*list_deliveries)(void *userdata, struct bus_call *call,
                                const struct bus_list_deliveries *arguments);
        void (*list_statuses)(void *userdata, struct bus_call *call);
        void (*get_status)(void *userdata, struct bus_call *call);
        void (*metrics)(void *userdata, struct bus_call *call);
        void (*get_delivery)(void *userdata, struct bus_call *call, uint64_t id);

        /* These change something. */
        void (*add_jobs)(void *userdata, struct bus_call *call, const struct bus_add_jobs *arguments);
        void (*remove_jobs)(void *userdata, struct bus_call *call, const struct bus_id_list *arguments);
        void (*poll)(void *userdata, struct bus_call *call, const struct bus_id_list *arguments);
        void (*retry)(void *userdata, struct bus_call *call, const struct bus_id_list *arguments);
        void (*drop)(void *userdata, struct bus_call *call, const struct bus_id_list *arguments);
        void (*test_hook)(void *userdata, struct bus_call *call, const struct bus_test_hook *arguments);

        void (*handover)(void *userdata, struct bus_call *call);

        /* This asks the API, which takes time, and changes nothing. */
        void (*recent)(void *userdata, struct bus_call *call, const struct bus_recent *arguments);

        /* Likewise, but completes the call at once, with nothing until the API has answered. */
        void (*diagnose)(void *userdata, struct bus_call *call);

        /* This asks the API, too, and changes who is signed in. The arguments are wiped with the call. */
        void (*login)(void *userdata, struct bus_call *call, const struct bus_login *arguments);
};
