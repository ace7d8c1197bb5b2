/* SPDX-License-Identifier: MIT */

/*
 * The feed over a table that changes at random between any two pages, of which some fail: changes that are
 * visible late, that have the same time, bursts, new jobs and deletions. Each change is shown, soon, once,
 * and by few pages.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feed_fixture.h"
#include "random.h"

#define SEEDS  80
#define ROUNDS 150
#define JOBS   300

/* Changes that are not visible yet. */
#define LATE_MAX       256
#define LATE_SECS_MAX  30 /* and the time to the next page */
#define LATE_SHOWN_US  (60 * USEC_PER_SEC)
#define MINUTE_TICKS   (60 * REMOTE_TICKS_PER_SEC)
#define SMALLEST_PAGES 25

struct late_change {
        uint64_t id;
        int64_t ticks;
        uint64_t visible_us;
};

struct story {
        struct feed_table table;
        uint64_t seed;
        uint64_t next_id;
        bool deletions, whole_seconds;
        struct late_change late[LATE_MAX];
        size_t late_count;
        uint64_t due_us[4 * JOBS]; /* by id: a round that begins then shows the job's last change */
        unsigned changes, shows;
        unsigned failed; /* pages of this round */
        bool fails_now;
};

static uint64_t choose(struct story *story, uint64_t among)
{
        return random_next(&story->seed) % among;
}

static bool happens(struct story *story, unsigned percent)
{
        return choose(story, 100) < percent;
}

/* What the server writes as UpdatedOn at present. */
static int64_t ticks_now(const struct story *story)
{
        int64_t ticks = (int64_t)story->table.now_us * 10;

        return story->whole_seconds ? ticks - ticks % REMOTE_TICKS_PER_SEC : ticks;
}

static struct feed_job *find_job(struct story *story, uint64_t id)
{
        for (size_t i = 0; i < story->table.count; i++)
                if (story->table.jobs[i].id == id)
                        return &story->table.jobs[i];
        return NULL;
}

static void note_change(struct story *story, const struct feed_job *job, bool late)
{
        assert_in_range(job->id, 1, 4 * JOBS - 1);
        story->due_us[job->id] = story->table.now_us + (late ? LATE_SHOWN_US : 0);
        story->changes++;
}

/* ---- what happens between two pages ---- */

static void change_job(struct story *story, struct feed_job *job)
{
        if (happens(story, 30) && story->late_count < LATE_MAX) {
                story->late[story->late_count++] =
                        (struct late_change){ job->id, ticks_now(story),
                                              story->table.now_us +
                                                      choose(story, LATE_SECS_MAX) * USEC_PER_SEC };
                return;
        }
        feed_table_change(&story->table, job->id, ticks_now(story));
        note_change(story, job, false);
}

static void show_late_changes(struct story *story)
{
        for (size_t i = 0; i < story->late_count;) {
                struct late_change change = story->late[i];
                struct feed_job *job = find_job(story, change.id);

                if (change.visible_us > story->table.now_us) {
                        i++;
                        continue;
                }
                story->late[i] = story->late[--story->late_count];
                if (job != NULL && job->ticks <= change.ticks) {
                        feed_table_change(&story->table, job->id, change.ticks);
                        note_change(story, job, true);
                }
        }
}

static void create_job(struct story *story)
{
        if (story->next_id < 4 * JOBS)
                note_change(
                        story,
                        feed_table_add(&story->table, story->next_id++, ticks_now(story), happens(story, 50)),
                        false);
}

static void live(struct feed_table *table, const struct feed_page_request *request)
{
        struct story *story = (struct story *)table;
        (void)request;

        show_late_changes(story);
        if (story->fails_now || !happens(story, 10)) {
                story->fails_now = false;
        } else { /* never twice in a row */
                story->fails_now = true;
                story->failed++;
                table->failing = 1;
        }
        for (uint64_t n = happens(story, 3) ? choose(story, 250) : choose(story, 3); n > 0; n--)
                change_job(story, &table->jobs[choose(story, table->count)]);
        if (happens(story, 10))
                create_job(story);
        if (story->deletions && happens(story, 5) && table->count > JOBS / 2)
                feed_table_remove(table, table->jobs[choose(story, table->count)].id);
}

/* After the first round, which reads one page. */
static void poll_all(struct feed_table *table)
{
        for (size_t i = 0; i < table->count; i++)
                table->jobs[i].shown = table->jobs[i].version;
}

/* ---- what is promised ---- */

/* How many pages of the smallest size there are down to a time, and one that is older. */
static unsigned pages_down_to(const struct feed_table *table, int64_t ticks)
{
        unsigned rows = 0;

        for (size_t i = 0; i < table->count; i++)
                rows += table->jobs[i].ticks >= ticks;
        return rows / SMALLEST_PAGES + 1;
}

/*
 * How many pages a round may read that must reach back to this time: two more if larger pages are tried, and
 * all of it four times if rows move up. Pages that fail are requested again.
 */
static unsigned pages_most(const struct story *story, unsigned round, int64_t ticks)
{
        if (round == 0)
                return 1 + story->failed;
        return 2 + story->failed + (story->deletions ? 4 : 1) * pages_down_to(&story->table, ticks);
}

static int64_t newest_of(const struct feed_table *table)
{
        int64_t ticks = INT64_MIN;

        for (size_t i = 0; i < table->count; i++)
                if (table->jobs[i].ticks > ticks)
                        ticks = table->jobs[i].ticks;
        return ticks;
}

static void check_shown(const struct story *story, uint64_t began_us)
{
        for (size_t i = 0; i < story->table.count; i++) {
                const struct feed_job *job = &story->table.jobs[i];
                if (job->shown != job->version && story->due_us[job->id] <= began_us)
                        fail_msg("job %llu: version %llu is not shown", (unsigned long long)job->id,
                                 (unsigned long long)job->version);
        }
}

static void tell_story(uint64_t seed)
{
        struct story story = { .seed = seed * 7919,
                               .next_id = JOBS + 1,
                               .deletions = seed % 2 == 0,
                               .whole_seconds = seed % 3 == 0 };
        struct feed_table *table = &story.table;
        uint64_t before_us = 0;
        int64_t newest = 0;

        feed_table_init(table);
        for (unsigned id = 1; id <= JOBS; id++) {
                struct feed_job *job =
                        feed_table_add(table, id, ((int64_t)id - JOBS) * MINUTE_TICKS, id % 2 == 0);
                job->shown = job->version;
        }
        table->on_page = live;
        for (unsigned round = 0; round < ROUNDS; round++) {
                uint64_t began_us = table->now_us;
                story.failed = 0;
                int64_t next_newest = newest_of(table);

                assert_int_equal(feed_table_read_round(table), FEED_ROUND_DONE);
                assert_int_equal(feed_cursor_is_off(&table->cursor, table->now_us), false);
                if (round == 0)
                        poll_all(table);
                /* What was visible when this round began; after deletions the round before. */
                check_shown(&story, story.deletions ? before_us : began_us);
                assert_in_range(table->pages, 1, pages_most(&story, round, newest - 2 * MINUTE_TICKS));
                before_us = began_us;
                newest = next_newest;
                table->now_us += (5 + choose(&story, 20)) * USEC_PER_SEC;
        }
        for (size_t i = 0; i < table->count; i++)
                story.shows += table->jobs[i].times;
        if (!story.deletions)
                assert_in_range(story.shows, 1, story.changes + SMALLEST_PAGES);
        feed_table_clear(table);
}

static void test_whatever_changes_is_shown_soon_once_and_by_few_pages(void **state)
{
        (void)state;
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
                tell_story(seed);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_whatever_changes_is_shown_soon_once_and_by_few_pages),
        };

        return cmocka_run_group_tests_name("feed_rounds", tests, NULL, NULL);
}
