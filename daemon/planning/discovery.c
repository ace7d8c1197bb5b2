/* SPDX-License-Identifier: MIT */

/*
 * New jobs of a section.
 *
 * A job that is not known by its id is new unless it was there before the section. CreatedOn tells that of
 * most; the ids that are kept tell it of those from around the beginning. They are dropped when the newest
 * job is a day younger, since no job is new then that was created as long ago.
 */

#include "planning/discovery.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/array.h"
#include "util/memory.h"

#define TICKS_PER_USEC 10

/* Jobs become visible late, by at most so much. */
#define LATE_TICKS REMOTE_TICKS_PER_MIN

void discovery_clear(struct discovery *discovery)
{
        free(discovery->ids);
        *discovery = DISCOVERY_INITIAL;
}

/* ---- the first round ---- */

/* A span before a time, but not before the first year. */
static int64_t ticks_before(int64_t ticks, uint64_t span_us)
{
        uint64_t most_us =
                ticks > REMOTE_TICKS_FIRST ? (uint64_t)(ticks - REMOTE_TICKS_FIRST) / TICKS_PER_USEC : 0;

        return ticks - (int64_t)(span_us < most_us ? span_us : most_us) * TICKS_PER_USEC;
}

void discovery_begin(struct discovery *discovery, const struct remote_time *newest, uint64_t since_us)
{
        discovery_clear(discovery);
        discovery->phase = DISCOVERY_FIRST_ROUND;
        discovery->newest = discovery->first = discovery->seen = *newest;
        if (newest->form != REMOTE_TIME_NONE)
                discovery->first.ticks = ticks_before(newest->ticks, since_us);
}

/* By the span `since`. */
static bool was_moved_back(const struct discovery *discovery)
{
        return discovery->first.ticks < discovery->newest.ticks;
}

static bool has_id(const struct discovery *discovery, uint64_t id)
{
        for (size_t i = 0; i < discovery->id_count; i++)
                if (discovery->ids[i] == id)
                        return true;
        return false;
}

static void add_id(struct discovery *discovery, uint64_t id)
{
        discovery->ids = array_grow(discovery->ids, discovery->id_count, sizeof(*discovery->ids));
        discovery->ids[discovery->id_count++] = id;
}

/* All jobs that were created until `created` were there before. */
static void exclude_older(struct discovery *discovery, const struct remote_time *created)
{
        int64_t ticks = created->ticks + LATE_TICKS + 1;

        if (remote_time_comparable(created, &discovery->first) && discovery->first.ticks < ticks)
                discovery->first.ticks = ticks;
}

void discovery_take_row(struct discovery *discovery, uint64_t id, const struct remote_time *created)
{
        assert(discovery->phase == DISCOVERY_FIRST_ROUND);

        /* What is newer than the first row appeared later. */
        if (!remote_time_comparable(created, &discovery->newest) ||
            created->ticks > discovery->newest.ticks || created->ticks < discovery_depth(discovery))
                return;
        if (was_moved_back(discovery) || has_id(discovery, id))
                return;
        if (discovery->id_count == DISCOVERY_IDS_MAX)
                exclude_older(discovery, created);
        else
                add_id(discovery, id);
}

void discovery_complete(struct discovery *discovery, const struct remote_time *oldest)
{
        assert(discovery->phase == DISCOVERY_FIRST_ROUND);

        if (oldest != NULL)
                exclude_older(discovery, oldest);
        discovery->phase = DISCOVERY_BEGUN;
}

/* ---- rows ---- */

bool discovery_is_new(const struct discovery *discovery, uint64_t id, const struct remote_time *created)
{
        if (discovery->phase == DISCOVERY_NOT_BEGUN || created->form == REMOTE_TIME_NONE)
                return false;
        if (discovery->newest.form == REMOTE_TIME_NONE) /* there was no job at all */
                return true;
        if (!remote_time_comparable(created, &discovery->newest))
                return false;
        if (discovery->phase == DISCOVERY_FIRST_ROUND && !was_moved_back(discovery))
                return created->ticks > discovery->newest.ticks; /* not all ids are known yet */
        if (discovery->phase == DISCOVERY_BEGUN &&
            created->ticks <= discovery->newest.ticks - REMOTE_TICKS_PER_DAY)
                return false;
        if (discovery->first.form != REMOTE_TIME_NONE && created->ticks < discovery->first.ticks - LATE_TICKS)
                return false;
        return !has_id(discovery, id);
}

int64_t discovery_depth(const struct discovery *discovery)
{
        assert(discovery->phase != DISCOVERY_NOT_BEGUN);

        if (discovery->newest.form == REMOTE_TIME_NONE)
                return INT64_MIN;
        return (discovery->phase == DISCOVERY_BEGUN ? discovery->newest.ticks : discovery->first.ticks) -
               LATE_TICKS;
}

bool discovery_note(struct discovery *discovery, const struct remote_time *created)
{
        if (created->form == REMOTE_TIME_NONE)
                return true;
        if (discovery->seen.form == REMOTE_TIME_NONE)
                discovery->seen = *created;
        if (!remote_time_comparable(created, &discovery->seen))
                return false;
        if (discovery->seen.ticks < created->ticks)
                discovery->seen = *created;
        return true;
}

bool discovery_is_behind(const struct discovery *discovery)
{
        return discovery->seen.form != discovery->newest.form ||
               discovery->seen.ticks != discovery->newest.ticks;
}

/* Whether the ids are too old to matter with this newest time. */
static bool outlives_ids(const struct discovery *discovery, const struct remote_time *newest)
{
        return newest->ticks - REMOTE_TICKS_PER_DAY >= discovery->first.ticks;
}

void discovery_raise(struct discovery *discovery)
{
        discovery->newest = discovery->seen;
        if (discovery->id_count > 0 && outlives_ids(discovery, &discovery->newest)) {
                free(discovery->ids);
                discovery->ids = NULL;
                discovery->id_count = 0;
        }
}

/* ---- text for the state ---- */

/* The newest time, the first, then the ids, each after a blank. */
char *discovery_write(const struct discovery *discovery)
{
        char newest[REMOTE_TIME_TEXT_MAX], first[REMOTE_TIME_TEXT_MAX];
        size_t count = outlives_ids(discovery, &discovery->seen) ? 0 : discovery->id_count;
        char *text =
                memory_malloc(NULL, sizeof(newest) + sizeof(first) + count * sizeof(" 18446744073709551615"));

        assert(discovery->phase == DISCOVERY_BEGUN);
        char *end = text + sprintf(text, "%s %s", remote_time_write(&discovery->seen, newest),
                                   remote_time_write(&discovery->first, first));
        for (size_t i = 0; i < count; i++)
                end += sprintf(end, " %" PRIu64, discovery->ids[i]);
        return text;
}

/* Reads the ids at the end of the text. */
static int read_ids(const char *text, struct discovery *discovery)
{
        while (*text == ' ') {
                char *end;

                if (text[1] < '0' || text[1] > '9')
                        return -EINVAL;
                errno = 0;
                uint64_t id = strtoull(text + 1, &end, 10);
                if (errno != 0 || discovery->id_count == DISCOVERY_IDS_MAX)
                        return -EINVAL;
                add_id(discovery, id);
                text = end;
        }
        return *text == '\0' ? 0 : -EINVAL;
}

int discovery_read(const char *text, struct discovery *ret_discovery)
{
        struct discovery discovery = { .phase = DISCOVERY_BEGUN };

        assert(ret_discovery->phase == DISCOVERY_NOT_BEGUN);
        text = remote_time_read(text, &discovery.newest);
        if (text == NULL || *text != ' ')
                return -EINVAL;
        text = remote_time_read(text + 1, &discovery.first);
        if (text == NULL ||
            (discovery.first.form != REMOTE_TIME_NONE && discovery.first.form != discovery.newest.form))
                return -EINVAL;
        discovery.seen = discovery.newest;

        int r = read_ids(text, &discovery);
        if (r < 0) {
                discovery_clear(&discovery);
                return r;
        }
        *ret_discovery = discovery;
        return 0;
}
