/* SPDX-License-Identifier: MIT */

/*
 * Arbitrary bytes as what a server says about time. The first byte selects: the rest is a time, the stored
 * text of a section that discovers jobs, or a sequence of pages of the feed. Times are in range and survive
 * being written; so does a section. Whatever the pages are, the feed asks for pages of bounded size and
 * number, begins a round again only so often, and shows no row as new that is known.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/remote_time.h"
#include "planning/discovery.h"
#include "planning/feed_cursor.h"
#include "util/timespan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A round that is read begins again for another value of dir, twice, for larger pages, twice, and three times
 * more. */
#define AGAIN_MAX (2 + 2 + 3)

/* Not inlined, so that the trace says which line it was. */
__attribute__((noinline)) static void check(bool condition)
{
        if (!condition)
                abort();
}

/* ---- texts ---- */

static void try_time(const char *data, size_t size)
{
        struct text text = { (char *)(uintptr_t)data, size };
        struct remote_time time = remote_time_parse(&text), again;
        char buffer[REMOTE_TIME_TEXT_MAX];

        const char *end = remote_time_read(remote_time_write(&time, buffer), &again);
        check(end != NULL && *end == '\0');
        check(again.form == time.form && again.ticks == time.ticks &&
              again.whole_second == time.whole_second);
        check(time.form != REMOTE_TIME_NONE || time.ticks == 0);
        check(remote_time_comparable(&time, &again) == (time.form != REMOTE_TIME_NONE));
}

static void try_section(const char *text)
{
        struct discovery discovery = DISCOVERY_INITIAL, again = DISCOVERY_INITIAL;
        char *first, *second;

        if (discovery_read(text, &discovery) < 0)
                return;
        check(discovery.phase == DISCOVERY_BEGUN && discovery.id_count <= DISCOVERY_IDS_MAX);
        first = discovery_write(&discovery);
        check(discovery_read(first, &again) == 0);
        second = discovery_write(&again);
        check(strcmp(first, second) == 0);
        for (size_t i = 0; i < discovery.id_count; i++)
                check(!discovery_is_new(&discovery, discovery.ids[i], &discovery.newest));
        free(first);
        free(second);
        discovery_clear(&discovery);
        discovery_clear(&again);
}

/* ---- pages ---- */

struct reader {
        const uint8_t *at, *end;
};

static unsigned read_byte(struct reader *reader)
{
        return reader->at < reader->end ? *reader->at++ : 0;
}

#define JOBS 256

struct feed {
        struct feed_cursor cursor;
        uint64_t now_us;
        int64_t newest;       /* of the rows that were made */
        uint64_t shown[JOBS]; /* digests of rows of watched jobs that were new */
        unsigned page, again; /* what is expected next, and how often the round has begun again */
        bool failed;          /* the last page could not be read */
};

/* Rows that go back in time from the newest, each by up to two minutes and now and then forward. */
static size_t make_rows(struct feed *feed, struct reader *reader, struct feed_row rows[], size_t most)
{
        size_t count = read_byte(reader) % (most + 1);
        unsigned flags = read_byte(reader);
        int64_t ticks = feed->newest + (int64_t)read_byte(reader) * REMOTE_TICKS_PER_SEC;

        if ((flags & 3) == 0)
                feed->newest = ticks;
        for (size_t i = 0; i < count; i++) {
                unsigned step = read_byte(reader), id = read_byte(reader);
                ticks += step == 255 ? 1 : -(int64_t)(step / 2) * REMOTE_TICKS_PER_SEC;
                rows[i] = (struct feed_row){
                        .id = id + 1,
                        .updated = { (flags & 4) == 0 ? REMOTE_TIME_UTC : REMOTE_TIME_LOCAL, ticks, true },
                        .digest = (id + 1) * UINT64_C(0x100000001b3) ^ (uint64_t)ticks,
                        .watched = id % 2 == 0,
                        .has_status = flags < 250,
                };
                rows[i].as_recorded_or_seen = rows[i].watched && feed->shown[id] == rows[i].digest;
        }
        return count;
}

static void check_request(struct feed *feed, const struct feed_page_request *request)
{
        check(request->direction >= -1 && request->direction <= 1);
        check(request->size >= 1 && request->size <= 100);
        check(request->page == feed->page || (feed->failed && request->page == 1));
        check(request->page <= 200);
        feed->page = request->page;
}

static void check_step(struct feed *feed, enum feed_step step)
{
        check(feed_cursor_is_off(&feed->cursor, feed->now_us) == (step == FEED_FAILED));
        switch (step) {
        case FEED_NEXT_PAGE:
                feed->page++;
                break;
        case FEED_AGAIN:
                if (feed->failed)
                        break;
                feed->page = 1;
                check(++feed->again <= AGAIN_MAX);
                break;
        case FEED_ROUND_CUT:
        case FEED_FAILED:
                check(!feed->cursor.works);
                check(step != FEED_FAILED || *feed->cursor.off.reason != '\0');
                feed->now_us += step == FEED_FAILED ? 25 * USEC_PER_HOUR : 0;
                feed->page = 1;
                feed->again = 0;
                break;
        case FEED_ROUND_DONE:
                feed->page = 1;
                feed->again = 0;
                break;
        }
}

static void try_page(struct feed *feed, struct reader *reader)
{
        struct feed_page_request request;
        struct feed_row rows[100];
        bool new[100];
        enum feed_step step;
        unsigned what = read_byte(reader);

        feed->now_us += (what >> 4) * USEC_PER_SEC;
        feed_cursor_begin_page(&feed->cursor, feed->now_us, &request);
        check_request(feed, &request);
        feed->failed = (what & 15) == 15;
        if (feed->failed) {
                check_step(feed, feed_cursor_fail_page(&feed->cursor, what == 255, feed->now_us));
                return;
        }
        size_t count = make_rows(feed, reader, rows, request.size);
        if ((what & 15) == 14 && count > 0)
                feed_cursor_note_missed(&feed->cursor, rows[0].id, &rows[count - 1].updated, feed->now_us);
        const struct feed_page_end end = {
                .number = (what & 15) == 13 ? 1 : request.page,
                .total = (what & 15) == 12 ? 10 : 1000,
                .has_total = (what & 15) != 11,
                .has_next = (what & 3) != 0,
        };
        step = feed_cursor_take_page(&feed->cursor, rows, count, &end, new, feed->now_us);
        for (size_t i = 0; i < count; i++) {
                check(!new[i] || !rows[i].as_recorded_or_seen);
                check(!new[i] || step != FEED_AGAIN);
                if (new[i] && rows[i].watched)
                        feed->shown[rows[i].id - 1] = rows[i].digest;
        }
        check(feed->cursor.seen.count <= SEEN_ROWS_MAX);
        check_step(feed, step);
}

static void try_pages(struct reader reader)
{
        struct feed feed = { .now_us = USEC_PER_HOUR, .page = 1 };

        feed_cursor_init(&feed.cursor);
        while (reader.at < reader.end)
                try_page(&feed, &reader);
        feed_cursor_clear(&feed.cursor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size == 0)
                return 0;
        if (data[0] % 4 >= 2) {
                try_pages((struct reader){ data + 1, data + size });
                return 0;
        }
        char *text = malloc(size);
        check(text != NULL);
        memcpy(text, data + 1, size - 1);
        text[size - 1] = '\0';
        if (data[0] % 4 == 0)
                try_time(text, size - 1);
        else
                try_section(text);
        free(text);
        return 0;
}
