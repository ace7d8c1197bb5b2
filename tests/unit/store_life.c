/* SPDX-License-Identifier: MIT */

/*
 * A scripted life of a store that uses all of it: each step is one call or one batch, can be repeated when it
 * failed, and always does the same, so that two lives end with the same rows.
 */

#include "store_life.h"

#include <errno.h>
#include <stdlib.h>

static const char *const hooks[] = { "mail", "restart" };

size_t store_life_result_size;

static int record(struct fixture *life, unsigned number, uint64_t job, enum event_kind kind,
                  size_t hook_count)
{
        static char large[32 * 1024 + 1];
        struct event event = fixture_event(number, job, kind);

        for (size_t i = 0; i < store_life_result_size; i++)
                large[i] = (char)('a' + (i * 7 + number) % 26);
        event.record.result = (struct text){ large, store_life_result_size };
        return store_record_event(life->store, &event, hooks, hook_count);
}

static int step_open(struct fixture *life)
{
        char *message = NULL;

        int r = store_open(life->directory, &message, &life->store);
        if (r < 0 && r != -ENOMEM)
                assert_non_null(message);
        free(message);
        return r;
}

static int step_reopen(struct fixture *life)
{
        life->store = store_close(life->store);
        return step_open(life);
}

static int step_first_event(struct fixture *life)
{
        return record(life, 1, 1, EVENT_SEEN, 2);
}

static int step_value(struct fixture *life)
{
        return store_put_value(life->store, "token", "first", 5);
}

static int step_value_again(struct fixture *life)
{
        void *data = NULL;
        size_t size = 0;

        int r = store_get_value(life->store, "token", &data, &size);
        if (r < 0)
                return r;
        assert_int_equal(r, 1);
        assert_string_equal(data, "first");
        free(data);
        return store_put_value(life->store, "token", "second", 6);
}

static int step_sight(struct fixture *life)
{
        struct text word = TEXT_LITERAL("Paused");

        int r = store_first_sight(life->store, &word);
        if (r >= 0)
                assert_int_equal(r, 1);
        return r;
}

static int step_batch(struct fixture *life)
{
        int r = store_batch_begin(life->store);
        if (r < 0)
                return r;

        /* All of them are tried, as by a caller who looks only in the end. */
        int failed = 0;
        for (unsigned number = 2; number <= 4; number++) {
                r = record(life, number, number, EVENT_SEEN, 1);
                if (r < 0 && failed == 0)
                        failed = r;
        }
        r = store_batch_end(life->store, failed == 0);
        return failed != 0 ? failed : r;
}

static int step_deliver(struct fixture *life)
{
        struct delivery deliveries[8];

        int count = store_due_deliveries(life->store, "mail", UINT64_MAX, NULL, 0, deliveries, 8);
        if (count < 0)
                return count;
        assert_int_equal(count, 4);
        uint64_t done = deliveries[0].id, retried = deliveries[1].id;
        for (int i = 0; i < count; i++)
                delivery_clear(&deliveries[i]);

        int r = store_batch_begin(life->store);
        if (r < 0)
                return r;
        r = store_delivery_done(life->store, done, 5);
        if (r >= 0)
                r = store_delivery_retry(life->store, retried, 6, "exit status 1");
        int ended = store_batch_end(life->store, r >= 0);
        return r < 0 ? r : ended;
}

static int step_update(struct fixture *life)
{
        struct job_record record = { .id = 2, .description = TEXT_LITERAL("new") };

        return store_update_job(life->store, &record);
}

static int step_change(struct fixture *life)
{
        struct job_record known;
        struct stored_job job;

        int r = store_get_job(life->store, 1, &job);
        if (r < 0)
                return r;
        assert_int_equal(job.result.size, store_life_result_size);
        r = store_get_job_record(life->store, 1, &known);
        if (r < 0)
                return r;
        assert_int_equal(known.result.size, store_life_result_size);
        job_record_clear(&known);
        return record(life, 5, 1, EVENT_CHANGED, 2);
}

static int step_unhooked(struct fixture *life)
{
        return record(life, 6, 6, EVENT_SUCCEEDED, 0);
}

static int step_mark_and_prune(struct fixture *life)
{
        const char *ids[] = { "00000000-0000-4000-8000-000000000006",
                              "00000000-0000-4000-8000-000000000001" };

        int r = store_mark_logged(life->store, ids, 2);
        if (r < 0)
                return r;
        return store_prune(life->store, UINT64_MAX);
}

static int step_drop(struct fixture *life)
{
        int r = store_drop_hooks(life->store, hooks, 1, 7);
        if (r >= 0)
                assert_int_equal(r, 2);
        return r;
}

static int count_event(void *userdata, const struct event *event)
{
        assert_int_equal(event->record.result.size, store_life_result_size);
        ++*(unsigned *)userdata;
        return 0;
}

static int step_unlogged(struct fixture *life)
{
        unsigned count = 0;

        int r = store_each_unlogged(life->store, count_event, &count);
        if (r >= 0)
                assert_int_equal(count, 4);
        return r;
}

/* The fillers make the WAL long enough for checkpoints. */
static unsigned filler;

static int step_filler(struct fixture *life)
{
        return record(life, 10 + filler, 7, EVENT_CHANGED, 1);
}

static int (*const steps[])(struct fixture *life) = {
        step_open,     step_first_event, step_value,       step_sight,  step_batch,    step_deliver,
        step_update,   step_reopen,      step_value_again, step_change, step_unhooked, step_mark_and_prune,
        step_unlogged, step_drop,        step_filler,      step_filler, step_filler,   step_filler,
        step_filler,   step_filler,      step_filler,      step_filler, step_reopen,
};

_Static_assert(sizeof(steps) / sizeof(steps[0]) == STORE_LIFE_STEPS, "the header counts the steps");

int store_life_step(struct fixture *life, size_t step)
{
        filler = (unsigned)step;
        if (steps[step] == step_reopen && life->store == NULL)
                return step_open(life);
        return steps[step](life);
}
