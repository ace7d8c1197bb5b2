/* SPDX-License-Identifier: MIT */

/* What the search answers: a page of the account, in an order that is as good as the server. */

#include "sim.h"

#include <stdlib.h>
#include <string.h>

bool search_is(const struct sim *sim, enum search_kind kind)
{
        const struct account *account = &sim->account;

        return account->kind == kind && account->bad_from_us <= sim->now_us &&
               sim->now_us < account->bad_until_us;
}

static bool is_descending(const struct account *account, int direction)
{
        switch (account->direction) {
        case DIRECTION_SIGN:
                return direction == -1;
        case DIRECTION_FLAG:
                return direction == 1;
        case DIRECTION_ASCENDING:
                return direction == 0;
        case DIRECTION_NONE:
        case DIRECTION_KINDS:
                break;
        }
        return true;
}

/* ---- rows in the order of the page ---- */

struct order {
        const struct row_index *index; /* NULL: by id */
        size_t count;
        bool descending, by_created, mixed_up;
};

static struct order order_of(const struct sim *sim, const struct page *page)
{
        const struct account *account = &sim->account;
        const struct row_index *index = page->by_created ? &account->created : &account->updated;
        bool by_id = search_is(sim, SEARCH_BY_ID);

        return (struct order){
                .index = by_id ? NULL : index,
                .count = by_id ? sim->job_count : index->count,
                .descending = is_descending(account, page->direction) && !search_is(sim, SEARCH_ASCENDING),
                .by_created = page->by_created,
                .mixed_up = search_is(sim, SEARCH_UNSORTED),
        };
}

/* NULL: there is nothing (any more). */
static struct sim_job *job_at(const struct sim *sim, const struct order *order, size_t place)
{
        if (order->mixed_up)
                place = place * 1000003 % order->count; /* a prime number */
        else if (order->descending)
                place = order->count - 1 - place;
        if (order->index == NULL)
                return &sim->jobs[place];
        const struct index_row *row = &order->index->rows[place];
        return order->by_created || row->serial == row->job->serial ? row->job : NULL;
}

bool search_hides(const struct sim_job *job)
{
        return job->id % 5 == 0;
}

static bool is_shown(const struct sim *sim, const struct sim_job *job)
{
        if (job == NULL || !job->truth.exists)
                return false;
        if (search_is(sim, SEARCH_HIDES) && search_hides(job))
                return false;
        return !search_is(sim, SEARCH_LAGS) || job->written_us + 10 * USEC_PER_MIN <= sim->now_us;
}

static void fill(const struct sim *sim, struct page *page)
{
        const struct order order = order_of(sim, page);
        size_t skip = (size_t)(page->number - 1) * page->size;

        if (search_is(sim, SEARCH_SAME_PAGE) || search_is(sim, SEARCH_PAGE_ONE))
                skip = 0;
        page->count = 0;
        page->has_next = false;
        page->newest_first = order.descending && !order.mixed_up && order.index != NULL;
        for (size_t i = 0; i < order.count; i++) {
                struct sim_job *job = job_at(sim, &order, i);

                if (!is_shown(sim, job))
                        continue;
                if (skip > 0) {
                        skip--;
                } else if (page->count < page->size) {
                        page->jobs[page->count++] = job;
                } else {
                        page->has_next = true;
                        return;
                }
        }
}

static bool has_bad_row(const struct page *page)
{
        for (size_t i = 0; i < page->count; i++)
                if (page->jobs[i]->id % 97 == 0)
                        return true;
        return false;
}

void page_answer(struct sim *sim, struct slot *slot)
{
        struct page *page = &slot->page;

        fill(sim, page);
        for (size_t i = 0; i < page->count; i++)
                slot->shown[i] = page->jobs[i]->truth;
        if (search_is(sim, SEARCH_REFUSED)) {
                slot->failure = FAILURE_REFUSED;
        } else if (search_is(sim, SEARCH_FAILS) || (search_is(sim, SEARCH_BROKEN_ROW) && has_bad_row(page))) {
                slot->failure = FAILURE_SERVER_ERROR;
        } else if (search_is(sim, SEARCH_LARGE_ROW) && has_bad_row(page)) {
                slot->failure = FAILURE_UNEXPECTED;
                slot->too_large = true;
        }
        if (slot->failure != FAILURE_NONE)
                slot->cause = CAUSE_SEARCH;
        feed_page_made(sim, page);
        sim->figures.pages++;
}

/* What the document says of itself. */
struct search_page page_envelope(const struct sim *sim, const struct page *page)
{
        const struct account *account = &sim->account;

        return (struct search_page){
                .number = !account->shows_number            ? 0
                          : search_is(sim, SEARCH_PAGE_ONE) ? 1
                                                            : page->number,
                .total = account->shows_totals ? account->total : 0,
                .has_total = account->shows_totals,
                .has_next = page->has_next,
        };
}

/* ---- what a row shows ---- */

static const char *const descriptions[] = { NULL, "Import of members", "Bulk edit: invoices", "Export",
                                            NULL };

/* Filters ask for these. */
void job_details(const struct sim *sim, const struct sim_job *job, struct job_record *record)
{
        const char *description = descriptions[job->description];
        char created[TIME_TEXT_MAX];

        text_from(created, format_updated(sim, job, job->created, created), &record->created_on);
        record->business_id = job->business;
        record->has_business_id = record->has_description = true;
        if (description != NULL)
                text_from(description, strlen(description), &record->description);
}

/* A row shows all of them, or CreatedOn alone. */
void page_details(const struct sim *sim, const struct sim_job *job, struct job_record *row)
{
        char created[TIME_TEXT_MAX];

        if (sim->account.shows_details)
                job_details(sim, job, row);
        else
                text_from(created, format_updated(sim, job, job->created, created), &row->created_on);
}

void page_row(const struct sim *sim, const struct shown *truth, struct shown *ret_row)
{
        *ret_row = *truth;
        ret_row->has_status = !search_is(sim, SEARCH_NO_STATUS);
        ret_row->has_result = sim->account.shows_results;
        if (!ret_row->has_status)
                ret_row->status = 0;
        if (!ret_row->has_result)
                ret_row->result = 0;
        if (search_is(sim, SEARCH_NO_UPDATED))
                ret_row->updated = 0;
}
