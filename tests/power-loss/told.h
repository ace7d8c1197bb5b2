/* SPDX-License-Identifier: MIT */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the state has said: that something is recorded. It is in memory that processes share, outside of the
 * disk that loses it. What a process asks for is MAYBE until the state has answered.
 */

#define JOBS       12 /* from 1 */
#define HOOKS      2
#define VALUES     3
#define EVENTS_MAX 8192

enum certainty {
        NO,
        MAYBE,
        YES,
};

struct delivery_place {
        char state; /* p, d or f: pending, done, failed */
        unsigned attempts;
};

struct told_delivery {
        uint64_t id;
        struct delivery_place now, next; /* different while it is MAYBE */
};

/* The event with the number of its place in `events`, from which its texts follow. */
struct told_event {
        enum certainty recorded, logged;
        uint64_t sequence;
        unsigned job;
        struct told_delivery deliveries[HOOKS];
        unsigned hooks;
        bool may_be_pruned, is_pruned;
};

struct told {
        struct told_event events[EVENTS_MAX]; /* from 1 */
        unsigned count;                       /* 1 more than the last number */
        uint64_t sequence_max;
        unsigned values[VALUES], next_values[VALUES]; /* 0: none */
        unsigned page;                                /* the last content of the file "page" that was begun */
        bool is_open;                                 /* the state is */

        /* What has been tried. */
        uint64_t reported, kept, lost, while_opening;
};

extern struct told *told;

/* The names of hooks and of values. */
extern const char *const hook_names[HOOKS], *const value_names[VALUES];

/* The number of the last recorded event of a job; 0: none. */
unsigned told_last_event(unsigned job);

/* The ID of an event. */
#define ID_SIZE 37
void event_id(unsigned number, char ret_id[static ID_SIZE]);

/* The Status and the ResultData of an event, and the contents of the file: in one of four buffers. */
const char *status_text(unsigned number);
const char *result_text(unsigned number, size_t *ret_size);

/* A message of what is wrong; the process ends. */
_Noreturn void broken(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Uses the state in `directory` until the power is lost: see lossy_disk.h. */
_Noreturn void live(const char *directory, uint64_t seed);

/* Whether all that was said is in the state of this directory, which is the test's own. */
void verify(const char *directory);
