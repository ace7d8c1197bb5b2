/* SPDX-License-Identifier: MIT */

/* The heap of due times against a naive model, and the poll interval of a job. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "planning/queue.h"
#include "random.h"
#include "util/timespan.h"

/* ---- the heap ---- */

#define ENTRIES    300
#define OPERATIONS 100000

/* The model: a plain array that is searched linearly. */
struct model {
        struct queue queue;
        struct queue_entry entries[ENTRIES];
        uint64_t due_us[ENTRIES];
        bool queued[ENTRIES];
        size_t count;
};

static size_t index_of(const struct model *model, const struct queue_entry *entry)
{
        size_t i = (size_t)(entry - model->entries);

        assert_true(i < ENTRIES);
        return i;
}

static uint64_t model_first_due(const struct model *model)
{
        uint64_t first = UINT64_MAX;

        for (size_t i = 0; i < ENTRIES; i++)
                if (model->queued[i] && model->due_us[i] < first)
                        first = model->due_us[i];
        return first;
}

static void model_check(const struct model *model)
{
        const struct queue *queue = &model->queue;
        const struct queue_entry *first = queue_first(queue);

        assert_int_equal(queue->count, model->count);
        if (model->count == 0)
                assert_null(first);
        else
                assert_true(first->due_us == model_first_due(model));
}

static void model_check_all(const struct model *model)
{
        const struct queue *queue = &model->queue;

        for (size_t i = 0; i < ENTRIES; i++) {
                const struct queue_entry *entry = &model->entries[i];

                assert_int_equal(entry->position != 0, model->queued[i]);
                if (entry->position == 0)
                        continue;
                assert_in_range(entry->position, 1, queue->count);
                assert_ptr_equal(queue->heap[entry->position - 1].entry, entry);
                assert_int_equal(queue->heap[entry->position - 1].due_us, entry->due_us);
                assert_true(entry->due_us == model->due_us[i]);
                if (entry->position > 1)
                        assert_true(queue->heap[(entry->position - 2) / 4].due_us <= entry->due_us);
        }
}

/* Removes and returns the first entry if it is due. */
static struct queue_entry *take_due(struct queue *queue, uint64_t now_us)
{
        struct queue_entry *first = queue_first(queue);

        if (first == NULL || first->due_us > now_us)
                return NULL;
        queue_remove(queue, first);
        return first;
}

static void model_take_due(struct model *model, uint64_t now_us)
{
        uint64_t first_due = model_first_due(model);
        size_t before = model->count;
        struct queue_entry *first = take_due(&model->queue, now_us);

        if (before == 0 || first_due > now_us) {
                assert_null(first);
                return;
        }
        assert_non_null(first);
        size_t i = index_of(model, first);
        assert_true(model->queued[i]);
        assert_true(model->due_us[i] == first_due);
        assert_int_equal(first->position, 0);
        model->queued[i] = false;
        model->count--;
}

static void model_step(struct model *model, uint64_t random)
{
        size_t i = random % ENTRIES;
        uint64_t due_us = (random >> 20) % 1000; /* many are due at the same time */

        switch ((random >> 56) % 8) {
        case 0 ... 3:
                /* Sometimes as late as possible. */
                if ((random >> 40) % 16 == 0)
                        due_us = UINT64_MAX - due_us % 3;
                queue_put(&model->queue, &model->entries[i], due_us);
                model->count += !model->queued[i];
                model->queued[i] = true;
                model->due_us[i] = due_us;
                break;
        case 4 ... 5:
                queue_remove(&model->queue, &model->entries[i]);
                model->count -= model->queued[i];
                model->queued[i] = false;
                break;
        default:
                model_take_due(model, due_us);
                break;
        }
}

static void test_heap_against_a_naive_model(void **state)
{
        struct model *model = calloc(1, sizeof(*model));
        uint64_t seed = 20260101, biggest = 0;
        (void)state;

        assert_non_null(model);
        for (unsigned operation = 0; operation < OPERATIONS; operation++) {
                model_step(model, random_next(&seed));
                model_check(model);
                if (operation % 500 == 0)
                        model_check_all(model);
                if (model->count > biggest)
                        biggest = model->count;
        }
        assert_true(biggest > 100);

        /* The remaining entries come out in order. */
        for (uint64_t last = 0; model->count > 0;) {
                uint64_t due = queue_first(&model->queue)->due_us;
                assert_true(due >= last);
                last = due;
                model_take_due(model, UINT64_MAX);
        }
        assert_null(take_due(&model->queue, UINT64_MAX));
        model_check_all(model);
        queue_clear(&model->queue);
        free(model);
}

static void test_due_exactly_now(void **state)
{
        struct queue queue = QUEUE_EMPTY;
        struct queue_entry entry = { 0 };
        (void)state;

        queue_put(&queue, &entry, 1000);
        assert_null(take_due(&queue, 999));
        assert_ptr_equal(take_due(&queue, 1000), &entry);
        assert_null(queue_first(&queue));

        queue_put(&queue, &entry, UINT64_MAX);
        assert_null(take_due(&queue, UINT64_MAX - 1));
        assert_ptr_equal(queue_first(&queue), &entry);
        queue_clear(&queue);
}

static void test_clear_releases_entries(void **state)
{
        struct queue queue = QUEUE_EMPTY, other = QUEUE_EMPTY;
        struct queue_entry entries[40] = { 0 };
        (void)state;

        for (size_t i = 0; i < 40; i++)
                queue_put(&queue, &entries[i], 40 - i);
        queue_clear(&queue);
        assert_null(queue_first(&queue));
        for (size_t i = 0; i < 40; i++) {
                assert_int_equal(entries[i].position, 0);
                queue_put(&other, &entries[i], i);
        }
        queue_clear(&other);
        queue_clear(&other);
}

/* ---- pace ---- */

static void test_pace_drifts_from_interval_to_max(void **state)
{
        const uint64_t interval = 15 * USEC_PER_SEC, max = 2 * USEC_PER_MIN;
        uint64_t interval_us = 0;
        unsigned polls = 0;
        (void)state;

        interval_us = pace_next(interval_us, false, interval, max);
        assert_true(interval_us == interval);
        while (interval_us < max) {
                uint64_t next = pace_next(interval_us, false, interval, max);
                assert_true(next ==
                            (interval_us + interval_us / 2 < max ? interval_us + interval_us / 2 : max));
                interval_us = next;
                assert_true(++polls < 20);
        }
        assert_true(pace_next(max, false, interval, max) == max);
        assert_true(pace_next(max, true, interval, max) == interval);
        assert_true(pace_next(0, true, interval, max) == interval);
}

static void test_pace_of_equal_intervals(void **state)
{
        (void)state;
        assert_true(pace_next(0, false, USEC_PER_SEC, USEC_PER_SEC) == USEC_PER_SEC);
        assert_true(pace_next(USEC_PER_SEC, false, USEC_PER_SEC, USEC_PER_SEC) == USEC_PER_SEC);
}

/* After a reload the last interval may be outside the new bounds, on either side and by any factor. */
static void test_pace_returns_into_its_bounds(void **state)
{
        static const uint64_t intervals[] = {
                0,
                1,
                2,
                3,
                100 * USEC_PER_MSEC,
                USEC_PER_SEC,
                10 * USEC_PER_SEC,
                USEC_PER_MIN,
                10 * USEC_PER_MIN,
                USEC_PER_DAY,
                UINT64_MAX / 3,
                UINT64_MAX / 2,
                UINT64_MAX / 3 * 2,
                UINT64_MAX - 1,
                UINT64_MAX,
        };
        const size_t count = sizeof(intervals) / sizeof(intervals[0]);
        (void)state;

        for (size_t p = 0; p < count; p++)
                for (size_t i = 1; i < count; i++)
                        for (size_t m = i; m < count; m++) {
                                uint64_t next = pace_next(intervals[p], false, intervals[i], intervals[m]);

                                if (next < intervals[i] || next > intervals[m])
                                        fail_msg("%llu after %llu of %llu to %llu", (unsigned long long)next,
                                                 (unsigned long long)intervals[p],
                                                 (unsigned long long)intervals[i],
                                                 (unsigned long long)intervals[m]);
                                /* It never gets shorter, except to return to the maximum. */
                                assert_true(next >= intervals[p] || next == intervals[m]);
                                assert_true(pace_next(intervals[p], true, intervals[i], intervals[m]) ==
                                            intervals[i]);
                        }
}

static void test_jitter_shortens_by_a_tenth_at_most(void **state)
{
        static const uint64_t intervals[] = {
                0, 1, 9, 10, 11, 100 * USEC_PER_MSEC, USEC_PER_MIN, UINT64_MAX
        };
        uint64_t seed = 17;
        (void)state;

        for (size_t i = 0; i < sizeof(intervals) / sizeof(intervals[0]); i++) {
                uint64_t interval_us = intervals[i];

                for (unsigned n = 0; n < 10000; n++)
                        assert_in_range(pace_jitter(interval_us, random_next(&seed)),
                                        interval_us - interval_us / 10, interval_us);
                assert_true(pace_jitter(interval_us, 0) == interval_us);
                assert_true(pace_jitter(interval_us, interval_us / 10) == interval_us - interval_us / 10);
                assert_in_range(pace_jitter(interval_us, UINT64_MAX), interval_us - interval_us / 10,
                                interval_us);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_heap_against_a_naive_model),
                cmocka_unit_test(test_due_exactly_now),
                cmocka_unit_test(test_clear_releases_entries),
                cmocka_unit_test(test_pace_drifts_from_interval_to_max),
                cmocka_unit_test(test_pace_of_equal_intervals),
                cmocka_unit_test(test_pace_returns_into_its_bounds),
                cmocka_unit_test(test_jitter_shortens_by_a_tenth_at_most),
        };

        return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
