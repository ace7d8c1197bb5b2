/* SPDX-License-Identifier: MIT */

/* Changes that the feed should have shown. */

#include "planning/feed_suspects.h"

#include <assert.h>

#include "util/timespan.h"

/* A round that began earlier after the poll may have been too early to show its change. */
#define LATER_US USEC_PER_MIN

/* So many complete rounds without the change. */
#define ROUNDS_MAX 2

static struct feed_suspect *find_suspect(struct feed_suspects *suspects, uint64_t id)
{
        for (size_t i = 0; i < suspects->count; i++)
                if (suspects->list[i].id == id)
                        return &suspects->list[i];
        return NULL;
}

void feed_suspects_add(struct feed_suspects *suspects, uint64_t id, const struct remote_time *updated,
                       uint64_t now_us)
{
        assert(id != 0);

        if (updated->form == REMOTE_TIME_NONE || suspects->count == FEED_SUSPECTS_MAX ||
            find_suspect(suspects, id) != NULL)
                return;
        suspects->list[suspects->count++] =
                (struct feed_suspect){ .id = id, .updated = *updated, .noted_us = now_us };
}

void feed_suspects_remove(struct feed_suspects *suspects, uint64_t id)
{
        struct feed_suspect *suspect = find_suspect(suspects, id);

        if (suspect != NULL)
                *suspect = suspects->list[--suspects->count];
}

void feed_suspects_take_row(struct feed_suspects *suspects, const struct feed_row *row)
{
        const struct feed_suspect *suspect = find_suspect(suspects, row->id);

        if (suspect != NULL && remote_time_comparable(&row->updated, &suspect->updated) &&
            row->updated.ticks >= suspect->updated.ticks)
                feed_suspects_remove(suspects, row->id);
}

uint64_t feed_suspects_take_round(struct feed_suspects *suspects, uint64_t round_us)
{
        uint64_t id = 0;

        for (size_t i = 0; i < suspects->count; i++) {
                struct feed_suspect *suspect = &suspects->list[i];
                if (round_us < suspect->noted_us + LATER_US)
                        continue;
                if (++suspect->rounds >= ROUNDS_MAX)
                        id = suspect->id;
        }
        return id;
}

int64_t feed_suspects_depth(const struct feed_suspects *suspects, enum remote_time_form form, int64_t least,
                            int64_t ticks)
{
        for (size_t i = 0; i < suspects->count; i++) {
                const struct remote_time *updated = &suspects->list[i].updated;
                if (updated->form == form && updated->ticks >= least && updated->ticks < ticks)
                        ticks = updated->ticks;
        }
        return ticks;
}
