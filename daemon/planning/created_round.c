/* SPDX-License-Identifier: MIT */

/* Pages by CreatedOn, and what sections that discover jobs learn from them. */

#include "planning/created_round.h"

struct feed_page_request created_round_page(const struct created_round *round)
{
        return (struct feed_page_request){ .direction = feed_direction(round->direction),
                                           .page = round->page,
                                           .size = round->size };
}

static enum feed_step end_round(struct created_round *round, enum feed_step step)
{
        *round = (struct created_round){
                .direction = round->direction, .page = 1, .size = round->size, .problem = round->problem
        };
        return step;
}

static enum feed_step fail_round(struct created_round *round, const char *problem)
{
        round->problem = problem;
        return end_round(round, FEED_FAILED);
}

static enum feed_step complete_round(struct created_round *round, enum feed_step step)
{
        round->size = round->size * 2 < CREATED_PAGE_SIZE ? round->size * 2 : CREATED_PAGE_SIZE;
        return end_round(round, step);
}

static enum feed_step try_other_direction(struct created_round *round)
{
        round->direction = (round->direction + 1) % FEED_DIRECTIONS;
        return round->direction == 0 ? fail_round(round, "jobs are not sorted by CreatedOn")
                                     : end_round(round, FEED_AGAIN);
}

/* FEED_NEXT_PAGE: the rows count. */
static enum feed_step judge_page(struct created_round *round, const struct feed_row rows[], size_t count,
                                 const struct feed_page_end *end)
{
        uint64_t digest = feed_page_digest(rows, count);

        if (!feed_page_is_sorted(rows, count))
                return try_other_direction(round);
        if ((end->number != 0 && end->number != round->page) ||
            (round->page > 1 && digest == round->page_digest))
                return fail_round(round, "pages do not advance");
        round->page_digest = digest;
        return FEED_NEXT_PAGE;
}

/* Sections begin with the first row of a round, also those that cannot compare its time with what they know.
 */
static void begin_sections(const struct created_section sections[], size_t section_count,
                           const struct remote_time *newest)
{
        for (size_t i = 0; i < section_count; i++)
                if (sections[i].discovery->phase != DISCOVERY_BEGUN ||
                    !discovery_note(sections[i].discovery, newest))
                        discovery_begin(sections[i].discovery, newest, sections[i].since_us);
}

static void show_rows(const struct created_section sections[], size_t section_count,
                      const struct feed_row rows[], size_t count)
{
        for (size_t i = 0; i < section_count; i++)
                for (size_t j = 0; j < count && sections[i].discovery->phase == DISCOVERY_FIRST_ROUND; j++)
                        discovery_take_row(sections[i].discovery, rows[j].id, &rows[j].updated);
}

/* Whether the page has a row that is older than all that the section, or each of them, needs. */
static bool is_enough_for(const struct created_section *section, const struct feed_row rows[], size_t count)
{
        return count > 0 && rows[count - 1].updated.ticks < discovery_depth(section->discovery);
}

static bool reaches_back(const struct created_section sections[], size_t section_count,
                         const struct feed_row rows[], size_t count)
{
        for (size_t i = 0; i < section_count; i++)
                if (sections[i].discovery->phase != DISCOVERY_NOT_BEGUN &&
                    !is_enough_for(&sections[i], rows, count))
                        return false;
        return true;
}

enum feed_step created_round_take_page(struct created_round *round, const struct created_section sections[],
                                       size_t section_count, const struct feed_row rows[], size_t count,
                                       const struct feed_page_end *end)
{
        const struct remote_time none = { .form = REMOTE_TIME_NONE };
        enum feed_step step = judge_page(round, rows, count, end);

        round->failing = false;
        if (step == FEED_NEXT_PAGE) {
                if (round->page == 1)
                        begin_sections(sections, section_count, count > 0 ? &rows[0].updated : &none);
                show_rows(sections, section_count, rows, count);
                round->page++;
                round->rows += count;
                if (!end->has_next || reaches_back(sections, section_count, rows, count))
                        step = complete_round(round, FEED_ROUND_DONE);
                else if (round->rows >= CREATED_ROWS_MAX)
                        step = complete_round(round, FEED_ROUND_CUT);
        }
        return step;
}

enum feed_step created_round_fail_page(struct created_round *round, bool too_large)
{
        if (!round->failing && !too_large) {
                round->failing = true;
                return FEED_AGAIN;
        }
        if (round->size == 1) {
                round->size = CREATED_PAGE_SIZE;
                return fail_round(round, "pages of a single row fail");
        }
        round->size /= 2;
        return end_round(round, FEED_AGAIN);
}

/* Whether the first round of the section is over with this page. */
static bool begins(const struct created_section *section, const struct feed_row rows[], size_t count,
                   enum feed_step step)
{
        if (section->discovery->phase != DISCOVERY_FIRST_ROUND || step == FEED_AGAIN || step == FEED_FAILED)
                return false;
        return step != FEED_NEXT_PAGE || is_enough_for(section, rows, count);
}

void created_round_finish_page(struct created_section sections[], size_t section_count,
                               const struct feed_row rows[], size_t count, enum feed_step step)
{
        for (size_t i = 0; i < section_count; i++) {
                sections[i].has_begun = begins(&sections[i], rows, count, step);
                if (sections[i].has_begun)
                        discovery_complete(sections[i].discovery,
                                           step == FEED_ROUND_CUT ? &rows[count - 1].updated : NULL);
        }
}
