/* SPDX-License-Identifier: MIT */

/*
 * A scripted sequence of steps that uses every function of the state. A step is one call or one batch, can be
 * repeated if it failed, and is deterministic, so that two runs end with the same rows.
 */

#include "state_life.h"

#include <stdlib.h>
#include <string.h>

static const char *const hooks[] = { "mail", "restart" };

size_t state_life_result_size;

static int record(struct fixture *life, unsigned number, uint64_t job, enum event_kind kind,
                  size_t hook_count)
{
        static char large[32 * 1024 + 1];
        struct event event = fixture_event(number, job, kind);

        for (size_t i = 0; i < state_life_result_size; i++)
                large[i] = (char)('a' + (i * 7 + number) % 26);
        event.record.result = (struct text){ large, state_life_result_size };
        return store_record_event(life->state, &event, hooks, hook_count, NULL);
}

static int step_open(struct fixture *life)
{
        char *message = NULL;

        int r = fixture_try_open(life, &message, &life->state);
        if (r < 0)
                assert_non_null(message);
        free(message);
        return r;
}

static int step_reopen(struct fixture *life)
{
        life->state = store_close(life->state);
        return step_open(life);
}

static int step_first_event(struct fixture *life)
{
        return record(life, 1, 1, EVENT_SEEN, 2);
}

static int step_value(struct fixture *life)
{
        return store_put_value(life->state, "token", "first", 5);
}

static int step_value_again(struct fixture *life)
{
        void *data = NULL;
        size_t size = 0;

        int r = store_get_value(life->state, "token", &data, &size);
        if (r < 0)
                return r;
        assert_int_equal(r, 1);
        assert_string_equal(data, "first");
        free(data);
        return store_put_value(life->state, "token", "second", 6);
}

static int step_batch(struct fixture *life)
{
        int r = store_batch_begin(life->state);
        if (r < 0)
                return r;

        /* All are recorded, as by a caller that checks for errors only at the end. */
        int failed = 0;
        for (unsigned number = 2; number <= 4; number++) {
                r = record(life, number, number, EVENT_SEEN, 1);
                if (r < 0 && failed == 0)
                        failed = r;
        }
        r = store_batch_end(life->state, failed == 0);
        return failed != 0 ? failed : r;
}

static int step_deliver(struct fixture *life)
{
        struct delivery deliveries[8];

        int count = store_pending_deliveries(life->state, "mail", 0, deliveries, 8);
        if (count < 0)
                return count;
        assert_int_equal(count, 4);
        uint64_t done = deliveries[0].id, retried = deliveries[1].id;

        int r = store_batch_begin(life->state);
        if (r < 0)
                return r;
        r = store_delivery_done(life->state, done, 5);
        if (r >= 0)
                r = store_delivery_retry(life->state, retried, 5, 1, "exit status 1");
        int ended = store_batch_end(life->state, r >= 0);
        return r < 0 ? r : ended;
}

static int step_abandon(struct fixture *life)
{
        struct delivery deliveries[8];

        int count = store_pending_deliveries(life->state, "mail", 0, deliveries, 8);
        if (count < 0)
                return count;
        assert_in_range(count, 1, 8);
        return store_delivery_failed(life->state, deliveries[count - 1].id, 5, "exit status 1");
}

static void count_failed(void *userdata, uint64_t job_id, bool job_is_added, const char *hook)
{
        (void)job_is_added;
        assert_true(job_id > 0);
        assert_string_equal(hook, "mail");
        ++*(unsigned *)userdata;
}

static int step_abandoned(struct fixture *life)
{
        unsigned count = 0;

        int r = store_each_failed_delivery(life->state, count_failed, &count);
        if (r >= 0)
                assert_int_equal(count, 1);
        return r;
}

static int step_read_event(struct fixture *life)
{
        struct event event = { 0 };

        int r = store_get_event(life->state, fixture_event_id(1), &event);
        if (r >= 0)
                assert_int_equal(r, 1);
        event_clear(&event);
        return r;
}

static int step_delete_value(struct fixture *life)
{
        return store_put_value(life->state, "nothing", NULL, 0);
}

static int count_discovery(void *userdata, const struct stored_discovery *discovery)
{
        assert_int_equal(discovery->job, 8);
        assert_string_equal(discovery->sections, "imports,all");
        ++*(unsigned *)userdata;
        return 0;
}

/* As for the first event of a discovered job. */
static int step_discover(struct fixture *life)
{
        const struct stored_discovery discovery = { .job = 8, .sections = "imports,all", .created_form = 1 };
        struct event event = { .kind = EVENT_SEEN, .outcome = OUTCOME_OPEN, .record.id = 8 };

        memcpy(event.id, fixture_event_id(8), EVENT_ID_SIZE);
        int r = store_batch_begin(life->state);
        if (r < 0)
                return r;
        r = store_put_discovered(life->state, &discovery);
        if (r >= 0)
                r = store_fill_event(life->state, &event);
        if (r >= 0)
                r = store_record_event(life->state, &event, hooks, 0, NULL);
        int ended = store_batch_end(life->state, r >= 0);
        event_clear(&event);
        return r < 0 ? r : ended;
}

static int step_discovered(struct fixture *life)
{
        unsigned count = 0;

        int r = store_each_discovered(life->state, count_discovery, &count);
        if (r >= 0)
                assert_int_equal(count, 1);
        return r;
}

static int step_drop(struct fixture *life)
{
        return store_drop_discovered(life->state, 8);
}

/* As the recorder does. */
static int step_gone(struct fixture *life)
{
        struct event event = { .kind = EVENT_GONE, .outcome = OUTCOME_GONE, .record.id = 3 };

        memcpy(event.id, fixture_event_id(7), EVENT_ID_SIZE);
        int r = store_batch_begin(life->state);
        if (r < 0)
                return r;
        r = store_fill_event(life->state, &event);
        if (r >= 0)
                r = store_record_event(life->state, &event, hooks, 1, NULL);
        int ended = store_batch_end(life->state, r >= 0);
        event_clear(&event);
        return r < 0 ? r : ended;
}

static int step_update(struct fixture *life)
{
        struct job_record record = { .id = 2, .description = TEXT_LITERAL("new") };

        return store_update_job(life->state, &record);
}

static int step_change(struct fixture *life)
{
        struct job_record known;
        struct stored_job job;

        int r = store_get_job(life->state, 1, &job);
        if (r < 0)
                return r;
        assert_int_equal(job.result.size, state_life_result_size);
        r = store_get_job_record(life->state, 1, &known);
        if (r < 0)
                return r;
        assert_int_equal(known.result.size, state_life_result_size);
        job_record_clear(&known);
        return record(life, 5, 1, EVENT_CHANGED, 2);
}

static int step_without_hooks(struct fixture *life)
{
        return record(life, 6, 6, EVENT_SUCCEEDED, 0);
}

static int step_mark_and_prune(struct fixture *life)
{
        const char *ids[] = { "00000000-0000-4000-8000-000000000006",
                              "00000000-0000-4000-8000-000000000001" };

        int r = store_mark_logged(life->state, ids, 2);
        if (r < 0)
                return r;
        return store_prune(life->state, UINT64_MAX, 0, &NOTHING_CONFIGURED);
}

static void count_hook(void *userdata, const char *hook, uint64_t count)
{
        (void)hook;
        *(uint64_t *)userdata += count;
}

static int step_pending(struct fixture *life)
{
        uint64_t count = 0;

        int r = store_each_pending_hook(life->state, count_hook, &count);
        if (r >= 0)
                assert_true(count > 0);
        return r;
}

static int count_event(void *userdata, struct event *event)
{
        assert_int_equal(event->record.result.size, state_life_result_size);
        ++*(unsigned *)userdata;
        return 0;
}

static int step_unlogged(struct fixture *life)
{
        unsigned count = 0;

        int r = store_each_unlogged(life->state, 0, count_event, &count);
        if (r >= 0)
                assert_int_equal(count, 5);
        return r;
}

/* ---- what someone asks for ---- */

static int step_add(struct fixture *life)
{
        static char name[] = "members-import", web[] = "web";
        const struct manual_job jobs[] = { { .id = 21, .name = name, .hooks = web, .again = true },
                                           { .id = 22, .kind = MANUAL_REMOVED } };
        const uint64_t dropped = 23;

        return store_change_manual(life->state, jobs, 2, &dropped, 1);
}

static int count_manual(void *userdata, struct manual_job *manual)
{
        assert_in_range(manual->id, 21, 22);
        ++*(unsigned *)userdata;
        return 0;
}

static int step_added(struct fixture *life)
{
        struct manual_job found = MANUAL_JOB_NONE;
        unsigned count = 0;

        int r = store_each_manual(life->state, count_manual, &count);
        if (r < 0)
                return r;
        assert_int_equal(count, 2);
        r = store_get_manual(life->state, 21, &found);
        if (r < 0)
                return r;
        assert_int_equal(r, 1);
        assert_string_equal(found.name, "members-import");
        manual_job_clear(&found);
        return 0;
}

static int step_added_read(struct fixture *life)
{
        return store_manual_read(life->state, 21);
}

static int step_renew_failed(struct fixture *life)
{
        uint64_t count = 0;

        return store_retry_failed(life->state, "mail", &count);
}

static int step_renew(struct fixture *life)
{
        struct stored_delivery found;
        struct delivery first;
        int count = store_pending_deliveries(life->state, "mail", 0, &first, 1);

        if (count < 0)
                return count;
        assert_int_equal(count, 1);
        int r = store_get_delivery(life->state, first.id, &found);
        if (r < 0)
                return r;
        assert_int_equal(r, 1);
        assert_string_equal(found.hook.data, "mail");
        stored_delivery_clear(&found);
        return store_retry_deliveries(life->state, &first.id, 1);
}

static int step_drop_delivery(struct fixture *life)
{
        struct delivery first;
        int count = store_pending_deliveries(life->state, "mail", 0, &first, 1);

        return count <= 0 ? count : store_drop_deliveries(life->state, &first.id, 1);
}

/* Fillers make the WAL long enough for checkpoints. */
static unsigned filler;

static int step_filler(struct fixture *life)
{
        return record(life, 10 + filler, 7, EVENT_CHANGED, 1);
}

static int (*const steps[])(struct fixture *life) = {
        step_open,         step_first_event,   step_value,         step_batch,      step_deliver,
        step_abandon,      step_abandoned,     step_update,        step_reopen,     step_value_again,
        step_delete_value, step_change,        step_without_hooks, step_gone,       step_mark_and_prune,
        step_unlogged,     step_read_event,    step_pending,       step_discover,   step_discovered,
        step_drop,         step_add,           step_added,         step_added_read, step_renew_failed,
        step_renew,        step_drop_delivery, step_filler,        step_filler,     step_filler,
        step_filler,       step_filler,        step_filler,        step_filler,     step_filler,
        step_reopen,
};

_Static_assert(sizeof(steps) / sizeof(steps[0]) == STATE_LIFE_STEPS, "the header counts the steps");

int state_life_step(struct fixture *life, size_t step)
{
        filler = (unsigned)step;
        if (steps[step] == step_reopen && life->state == NULL)
                return step_open(life);
        return steps[step](life);
}
