/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/remote_time.h"

/*
 * Which rows of the search are new jobs, for one section [discover NAME]. Only times of CreatedOn are
 * compared with each other. Pure, and kept in the state as a text.
 *
 * A first round by CreatedOn, newest first, finds the newest job there is. With a span `since`, those that
 * were created at most so long before it are new. Of those from the minute before it the ids are kept, since
 * jobs may become visible late: whatever is not among them and appears later is new.
 *
 *      discovery_begin()      with the newest row of the first page
 *      discovery_take_row()   with each row of the round, until one is older than discovery_depth()
 *      discovery_complete()   then the first round is over
 */
#define DISCOVERY_IDS_MAX 1000

enum discovery_phase {
        DISCOVERY_NOT_BEGUN,
        DISCOVERY_FIRST_ROUND,
        DISCOVERY_BEGUN, /* only this is kept in the state */
};

struct discovery {
        enum discovery_phase phase;
        struct remote_time newest; /* the newest CreatedOn of all rounds; no time: there was no job */
        struct remote_time first;  /* that of the first round, moved back by `since` */
        struct remote_time seen;   /* the newest CreatedOn of this round */
        uint64_t *ids;             /* of jobs that were there before, created in the minute before `first` */
        size_t id_count;
};

#define DISCOVERY_INITIAL ((struct discovery){ 0 })

/* Frees the ids. The section is then as if it were new. */
void discovery_clear(struct discovery *discovery);

/*
 * The first round begins, again if need be. `newest` is the CreatedOn of the first row, without a time if
 * there is no row. `since_us` is 0 for none.
 */
void discovery_begin(struct discovery *discovery, const struct remote_time *newest, uint64_t since_us);

/*
 * A row of the first round, before discovery_is_new() is asked. At most DISCOVERY_IDS_MAX ids are kept.
 */
void discovery_take_row(struct discovery *discovery, uint64_t id, const struct remote_time *created);

/*
 * The first round is over. `oldest` is NULL if all rows that are not older than discovery_depth() were taken,
 * otherwise the last one that was: those that are older count as there before.
 */
void discovery_complete(struct discovery *discovery, const struct remote_time *oldest);

/*
 * Whether the job is new, provided that it is not known by its id. Later rounds judge by what was the newest
 * time at their start: created at most a day before it.
 */
bool discovery_is_new(const struct discovery *discovery, uint64_t id, const struct remote_time *created);

/*
 * The CreatedOn of the rows that a round must reach, as ticks: those of the first round, or those since the
 * newest time but for a minute, since jobs may become visible late.
 */
int64_t discovery_depth(const struct discovery *discovery);

/*
 * A row was shown, by whatever order. Returns false if its time has another form than those before: then they
 * cannot be compared any more, and discovery_begin() must follow.
 */
bool discovery_note(struct discovery *discovery, const struct remote_time *created);

/* Whether discovery_raise() would change anything. */
bool discovery_is_behind(const struct discovery *discovery);

/* The round is over: the next one judges by the newest time it showed. Follows the commit of its events. */
void discovery_raise(struct discovery *discovery);

/*
 * Formats what is to be kept in the state: what discovery_raise() makes of it. The first round is over.
 * malloc()ed.
 */
char *discovery_write(const struct discovery *discovery);

/* Reads such a text into a cleared struct. Returns 0, or -EINVAL with nothing read. */
int discovery_read(const char *text, struct discovery *ret_discovery);
