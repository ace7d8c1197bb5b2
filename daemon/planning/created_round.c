/* SPDX-License-Identifier: MIT */

/* Pages by CreatedOn. */

#include "planning/created_round.h"

#define PAGE_SIZE 25

struct feed_page_request created_round_page(const struct created_round *round)
{
        return (struct feed_page_request){ .direction = feed_direction(round->direction),
                                           .page = round->page,
                                           .size = PAGE_SIZE };
}

void created_round_restart(struct created_round *round)
{
        *round = (struct created_round){ .direction = round->direction, .page = 1 };
}

static enum feed_step end_round(struct created_round *round, enum feed_step step)
{
        created_round_restart(round);
        return step;
}

static enum feed_step try_other_direction(struct created_round *round)
{
        round->direction = (round->direction + 1) % FEED_DIRECTIONS;
        return end_round(round, round->direction == 0 ? FEED_FAILED : FEED_AGAIN);
}

enum feed_step created_round_take_page(struct created_round *round, const struct feed_row rows[],
                                       size_t count, const struct feed_page_end *end, int64_t depth)
{
        uint64_t digest = feed_page_digest(rows, count);

        if (!feed_page_is_sorted(rows, count))
                return try_other_direction(round);
        if ((end->number != 0 && end->number != round->page) ||
            (round->page > 1 && digest == round->page_digest))
                return end_round(round, FEED_FAILED);

        round->page++;
        round->rows += count;
        round->page_digest = digest;
        if (!end->has_next || (count > 0 && rows[count - 1].updated.ticks < depth))
                return end_round(round, FEED_ROUND_DONE);
        return round->rows < CREATED_ROWS_MAX ? FEED_NEXT_PAGE : end_round(round, FEED_ROUND_CUT);
}
