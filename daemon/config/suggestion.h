/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * "Did you mean ...?": the candidate nearest to a misspelt name, without regard to case. An edit is a letter
 * added, removed or replaced, or two neighbours swapped; at most a third of the name may differ, since a
 * wrong suggestion is worse than none.
 */
struct suggestion {
        const char *typed;
        const char *nearest; /* NULL: no candidate is near enough */
        unsigned distance;   /* edits to `nearest`; if NULL, the first number that is too large */
};

/* Borrows `typed`. */
struct suggestion suggestion_start(const char *typed);

/* Keeps the candidate if it is nearer than the earlier ones. Borrows it. */
void suggestion_consider(struct suggestion *suggestion, const char *candidate);
