/* SPDX-License-Identifier: MIT */

/* Every function of the state as a repeatable call: see state_calls.h. */

#include "state_calls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/sqlite/database.h"

static const char *const hooks[] = { "chat", "mail" };

unsigned call_number;
static uint64_t delivery_id;

int call_record_number(struct fixture *fixture, unsigned number)
{
        struct event event = fixture_event(number, number, EVENT_SEEN);

        return store_record_event(fixture->state, &event, hooks, 2, NULL);
}

/* A single event, and no prepared statement. */
void calls_prepare(struct fixture *fixture)
{
        struct delivery delivery;

        assert_int_equal(store_execute(fixture->state,
                                       "DELETE FROM unlogged; DELETE FROM deliveries; DELETE FROM events;"
                                       "DELETE FROM jobs; DELETE FROM texts",
                                       NULL),
                         0);
        /* The contents of the events depend on the factors of their numbers. */
        call_number = (call_number / 210 + 1) * 210;
        assert_int_equal(call_record_number(fixture, call_number), 0);
        assert_int_equal(store_pending_deliveries(fixture->state, "mail", 0, &delivery, 1), 1);
        delivery_id = delivery.id;
        store_statements_finalize(fixture->state);
}

/* ---- the calls ---- */

int call_record(struct fixture *fixture)
{
        return call_record_number(fixture, ++call_number);
}

int call_record_known(struct fixture *fixture)
{
        struct event event = fixture_event(call_number + 1, call_number, EVENT_CHANGED);

        call_number++;
        return store_record_event(fixture->state, &event, hooks, 1, NULL);
}

/* All calls are made, as by a caller that checks for errors only at the end. */
int call_batch(struct fixture *fixture)
{
        int r = store_batch_begin(fixture->state);
        if (r < 0)
                return r;
        int first = call_record_number(fixture, ++call_number),
            second = call_record_number(fixture, ++call_number);
        r = store_batch_end(fixture->state, true);
        return first < 0 ? first : second < 0 ? second : r;
}

int call_batch_dropped(struct fixture *fixture)
{
        int r = store_batch_begin(fixture->state);
        if (r < 0)
                return r;
        r = call_record_number(fixture, ++call_number);
        (void)store_batch_end(fixture->state, false);
        return r;
}

int call_get_event(struct fixture *fixture)
{
        struct event event = { 0 };

        int r = store_get_event(fixture->state, fixture_event_id(call_number), &event);
        event_clear(&event);
        return r;
}

static int count_event(void *userdata, struct event *event)
{
        (void)event;
        ++*(unsigned *)userdata;
        return 0;
}

int call_each_unlogged(struct fixture *fixture)
{
        unsigned count = 0;

        int r = store_each_unlogged(fixture->state, 0, count_event, &count);
        if (r >= 0)
                assert_true(count > 0);
        return r;
}

int call_mark_logged(struct fixture *fixture)
{
        const char *const ids[] = { fixture_event_id(call_number), fixture_event_id(1000000) };

        return store_mark_logged(fixture->state, ids, 2);
}

int call_mark_logged_in_batch(struct fixture *fixture)
{
        int r = store_batch_begin(fixture->state);
        if (r < 0)
                return r;
        r = call_mark_logged(fixture);
        int ended = store_batch_end(fixture->state, true);
        return r < 0 ? r : ended;
}

int call_prune(struct fixture *fixture)
{
        const char *id = fixture_event_id(call_number);

        int r = store_mark_logged(fixture->state, &id, 1);
        return r < 0 ? r : store_prune(fixture->state, 1, 0, &NOTHING_CONFIGURED);
}

int call_pending_deliveries(struct fixture *fixture)
{
        struct delivery deliveries[2];

        return store_pending_deliveries(fixture->state, "mail", 0, deliveries, 2);
}

static void count_failed(void *userdata, uint64_t job_id, const char *hook)
{
        unsigned *count = userdata;

        assert_true(job_id > 0);
        assert_true(strlen(hook) > 0);
        (*count)++;
}

int call_each_failed_delivery(struct fixture *fixture)
{
        unsigned count = 0;

        int r = store_delivery_failed(fixture->state, delivery_id, 5, "exit status 1");
        if (r >= 0 || r == -ENOENT) /* it may have failed before */
                r = store_each_failed_delivery(fixture->state, count_failed, &count);
        assert_true(r < 0 || count > 0);
        return r;
}

int call_delivery_done(struct fixture *fixture)
{
        return store_delivery_done(fixture->state, delivery_id, 5);
}

int call_delivery_retry(struct fixture *fixture)
{
        return store_delivery_retry(fixture->state, delivery_id, 5, 1, "exit status 1");
}

static void count_hook(void *userdata, const char *hook, uint64_t count)
{
        assert_non_null(hook);
        assert_true(count > 0);
        ++*(unsigned *)userdata;
}

int call_each_pending_hook(struct fixture *fixture)
{
        unsigned count = 0;

        int r = store_each_pending_hook(fixture->state, count_hook, &count);
        if (r >= 0)
                assert_true(count > 0);
        return r;
}

int call_put_value(struct fixture *fixture)
{
        return store_put_value(fixture->state, "token", "first", 5);
}

int call_delete_value(struct fixture *fixture)
{
        return store_put_value(fixture->state, "nothing", NULL, 0);
}

int call_get_value(struct fixture *fixture)
{
        void *data = NULL;
        size_t size = 0;

        int r = store_get_value(fixture->state, "token", &data, &size);
        if (r >= 0)
                assert_int_equal(r, 1);
        free(data);
        return r;
}

int call_update_job(struct fixture *fixture)
{
        struct job_record job = { .id = call_number, .description = TEXT_LITERAL("new") };

        int r = store_update_job(fixture->state, &job);
        return r < 0 ? r : store_update_job(fixture->state, &job); /* its result is now unchanged */
}

int call_reopen(struct fixture *fixture)
{
        char *message = NULL;

        fixture_close(fixture);
        int r = store_open(fixture->directory, &message, &fixture->state);
        free(message);
        return r;
}

int call_get_job(struct fixture *fixture)
{
        struct stored_job job;

        return store_get_job(fixture->state, call_number, &job);
}

int call_fill_event(struct fixture *fixture)
{
        CLEANUP(event_clear) struct event event = { .kind = EVENT_GONE, .record.id = call_number };

        return store_fill_event(fixture->state, &event);
}
