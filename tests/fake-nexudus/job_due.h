/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct job;

/* The place of a job in the heap. */
struct job_due_place {
        uint64_t at;  /* µs after the start */
        size_t place; /* counted from 1; 0: not in the heap */
};

/* Jobs that will change at a time, the earliest first: a binary heap. */
struct job_due {
        struct job **heap;
        size_t count, room;
};

/* Makes room for so many jobs in all. Returns 0 or -ENOMEM. */
int job_due_reserve(struct job_due *due, size_t room);

/* Adds the job, or moves it to another time. There must be room. */
void job_due_set(struct job_due *due, struct job *job, uint64_t at);

/* Removes and returns a job whose time has come, the earliest first; NULL if there is none. */
struct job *job_due_take(struct job_due *due, uint64_t now);

void job_due_release(struct job_due *due);
