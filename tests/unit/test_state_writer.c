/* SPDX-License-Identifier: MIT */

/* The promises of state/state.h about operations, with the writer's thread running. */

#include "state_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_vfs.h"
#include "state/state.h"
#include "state_open.h"
#include "util/container.h"

#define MANY 1000

struct bench {
        struct fixture *fixture; /* of the directory; its store is closed */
        sd_event *event;
        struct state *state;
        pthread_t loop;
        sem_t blocked; /* the operation of block() has begun */
        sem_t gate;    /* and waits for this */
        unsigned done_count;
};

/* Records an event. */
struct record {
        struct state_operation operation;
        struct bench *bench;
        struct event event; /* its texts are borrowed from the fixture */
        unsigned runs;
        bool on_loop; /* run() was called by the loop's thread */
        bool is_done;
        unsigned place; /* the how manyth to be done */
        int result;
        struct record *next; /* to be queued from done() */
};

struct block {
        struct state_operation operation;
        struct bench *bench;
        bool passed;
};

static int setup(void **state)
{
        struct bench *bench = calloc(1, sizeof(*bench));
        char *message = NULL;

        assert_non_null(bench);
        bench->loop = pthread_self();
        assert_int_equal(sem_init(&bench->blocked, 0, 0), 0);
        assert_int_equal(sem_init(&bench->gate, 0, 0), 0);
        assert_int_equal(fixture_setup((void **)&bench->fixture), 0);
        fixture_close(bench->fixture);
        assert_true(sd_event_new(&bench->event) >= 0);
        assert_int_equal(state_open(bench->event, bench->fixture->directory, &message, &bench->state), 0);
        *state = bench;
        return 0;
}

/* Closes the state and opens its store, to see what is on disk. */
static struct store *reopen(struct bench *bench)
{
        bench->state = state_close(bench->state);
        fixture_open(bench->fixture);
        return bench->fixture->state;
}

static int teardown(void **state)
{
        struct bench *bench = *state;

        (void)fault_vfs_disarm();
        state_close(bench->state);
        sd_event_unref(bench->event);
        assert_int_equal(fixture_teardown((void **)&bench->fixture), 0);
        sem_destroy(&bench->blocked);
        sem_destroy(&bench->gate);
        free(bench);
        return 0;
}

static int record_run(struct state_operation *operation, struct store *store)
{
        struct record *record = CONTAINER_OF(operation, struct record, operation);
        static const char *const hooks[] = { "mail" };

        record->runs++;
        record->on_loop = pthread_equal(pthread_self(), record->bench->loop);
        return store_record_event(store, &record->event, hooks, 1, NULL);
}

static void record_done(struct state_operation *operation, int r)
{
        struct record *record = CONTAINER_OF(operation, struct record, operation);

        assert_true(pthread_equal(pthread_self(), record->bench->loop));
        assert_false(record->is_done);
        record->is_done = true;
        record->result = r;
        record->place = record->bench->done_count++;
        if (record->next != NULL)
                state_queue(record->bench->state, &record->next->operation);
}

/* Texts of an event are valid for one call only, so the numbered ones are left out. */
static struct record record_of(struct bench *bench, unsigned number)
{
        struct record record = {
                .operation = { .run = record_run, .done = record_done },
                .bench = bench,
                .event = { .kind = EVENT_CHANGED,
                           .record = { .id = number, .status = TEXT_LITERAL("Running") } },
        };

        (void)snprintf(record.event.id, sizeof(record.event.id), "%s", fixture_event_id(number));
        return record;
}

static void record_queue(struct bench *bench, struct record *record, unsigned number)
{
        *record = record_of(bench, number);
        state_queue(bench->state, &record->operation);
}

static int block_run(struct state_operation *operation, struct store *store)
{
        struct block *block = CONTAINER_OF(operation, struct block, operation);

        (void)store;
        if (block->passed)
                return 0;
        block->passed = true;
        if (sem_post(&block->bench->blocked) < 0)
                return -errno;
        while (sem_wait(&block->bench->gate) < 0)
                ;
        return 0;
}

static void block_done(struct state_operation *operation, int r)
{
        (void)r;
        free(CONTAINER_OF(operation, struct block, operation));
}

/*
 * Keeps the writer waiting until release(), so that what is queued in between waits together. What the writer
 * does when it is idle is over when this returns.
 */
static void block(struct bench *bench)
{
        struct block *block = calloc(1, sizeof(*block));

        assert_non_null(block);
        *block = (struct block){ .operation = { .run = block_run, .done = block_done }, .bench = bench };
        state_queue(bench->state, &block->operation);
        while (sem_wait(&bench->blocked) < 0)
                ;
}

static void release(struct bench *bench)
{
        assert_int_equal(sem_post(&bench->gate), 0);
}

static void run_until_idle(struct bench *bench)
{
        while (!state_is_idle(bench->state))
                assert_true(sd_event_run(bench->event, UINT64_MAX) >= 0);
}

static void assert_recorded(struct store *store, unsigned number, bool expected)
{
        struct event event = { 0 };

        assert_int_equal(store_get_event(store, fixture_event_id(number), &event), expected);
        event_clear(&event);
}

static int count_unlogged(void *userdata, struct event *event)
{
        (void)event;
        ++*(unsigned *)userdata;
        return 0;
}

static unsigned unlogged(struct store *store)
{
        unsigned count = 0;

        assert_int_equal(store_each_unlogged(store, 0, count_unlogged, &count), 0);
        return count;
}

/* ---- order, threads ---- */

static void test_operations_run_on_the_writer_and_end_on_the_loop_in_order(void **state)
{
        struct bench *bench = *state;
        static struct record records[MANY];

        assert_int_equal(state_start(bench->state), 0);
        for (unsigned i = 0; i < MANY; i++)
                record_queue(bench, &records[i], i + 1);
        for (unsigned i = 0; i < MANY; i++)
                assert_false(records[i].is_done);
        run_until_idle(bench);
        for (unsigned i = 0; i < MANY; i++) {
                assert_int_equal(records[i].result, 0);
                assert_false(records[i].on_loop);
                assert_int_equal(records[i].runs, 1);
                assert_int_equal(records[i].place, i);
                assert_int_equal(records[i].event.sequence, i + 1);
        }
}

static void test_before_the_start_operations_run_at_once_and_end_on_the_loop(void **state)
{
        struct bench *bench = *state;
        struct record record;

        record_queue(bench, &record, 1);
        assert_int_equal(record.runs, 1);
        assert_false(record.is_done);
        assert_int_equal(state_start(bench->state), 0);
        run_until_idle(bench);
        assert_true(record.is_done);
        assert_int_equal(record.result, 0);
}

static void test_done_may_queue_another(void **state)
{
        struct bench *bench = *state;
        struct record second = record_of(bench, 2), first = record_of(bench, 1);

        assert_int_equal(state_start(bench->state), 0);
        first.next = &second;
        state_queue(bench->state, &first.operation);
        run_until_idle(bench);
        assert_true(first.is_done && second.is_done);
        assert_int_equal(second.result, 0);
}

static void test_closing_waits_for_all_operations(void **state)
{
        struct bench *bench = *state;
        static struct record records[MANY];
        struct record last = record_of(bench, MANY + 1);

        assert_int_equal(state_start(bench->state), 0);
        for (unsigned i = 0; i < MANY; i++)
                record_queue(bench, &records[i], i + 1);
        records[MANY - 1].next = &last;

        struct store *store = reopen(bench);
        assert_true(last.is_done);
        for (unsigned i = 0; i < MANY + 1; i++)
                assert_recorded(store, i + 1, true);
}

/* The loop learns when the store is closed; closing the state then waits for nothing. */
static void test_the_store_is_closed_by_the_writer(void **state)
{
        struct bench *bench = *state;
        struct record first, second, late;

        assert_int_equal(state_start(bench->state), 0);
        record_queue(bench, &first, 1);
        run_until_idle(bench);
        block(bench);
        state_mark_logged(bench->state, fixture_event_id(1));
        record_queue(bench, &second, 2);
        state_finish(bench->state);
        record_queue(bench, &late, 3);
        assert_false(state_is_idle(bench->state));
        release(bench);
        run_until_idle(bench);
        assert_int_equal(late.result, -ESHUTDOWN);
        unsigned syncs = fault_vfs_sync_count();

        struct store *store = reopen(bench); /* which would be refused if it were still open */
        assert_int_equal(fault_vfs_sync_count(), syncs);
        assert_recorded(store, 1, true);
        assert_recorded(store, 2, true);
        assert_int_equal(unlogged(store), 1);
}

/* The operation that is in progress ends in its own time. */
static void test_what_is_abandoned_is_not_written(void **state)
{
        struct bench *bench = *state;
        struct record first, second, late;

        assert_int_equal(state_start(bench->state), 0);
        record_queue(bench, &first, 1);
        run_until_idle(bench);
        block(bench);
        record_queue(bench, &second, 2);
        state_abandon(bench->state);
        record_queue(bench, &late, 3);
        release(bench);
        run_until_idle(bench);
        assert_int_equal(second.result, -ESHUTDOWN);
        assert_int_equal(late.result, -ESHUTDOWN);

        struct store *store = reopen(bench);
        assert_recorded(store, 1, true);
        assert_recorded(store, 2, false);
}

static void test_without_a_thread_the_store_is_closed_at_once(void **state)
{
        struct bench *bench = *state;
        struct record record;

        record_queue(bench, &record, 1);
        state_finish(bench->state);
        run_until_idle(bench);
        assert_recorded(reopen(bench), 1, true);
}

static void test_values_are_stored_in_order(void **state)
{
        struct bench *bench = *state;
        void *data = NULL;
        size_t size = 0;

        assert_int_equal(state_start(bench->state), 0);
        state_put_value(bench->state, "a", "1", 1);
        state_put_value(bench->state, "b", "2", 1);
        state_put_value(bench->state, "a", "33", 2);
        state_put_value(bench->state, "b", NULL, 0);

        struct store *store = reopen(bench);
        assert_int_equal(store_get_value(store, "a", &data, &size), 1);
        assert_int_equal(size, 2);
        assert_memory_equal(data, "33", 2);
        free(data);
        assert_int_equal(store_get_value(store, "b", &data, &size), 0);
}

/* ---- groups ---- */

static void test_a_thousand_events_cost_few_syncs(void **state)
{
        struct bench *bench = *state;
        static struct record records[MANY];

        assert_int_equal(state_start(bench->state), 0);
        block(bench);
        for (unsigned i = 0; i < MANY; i++)
                record_queue(bench, &records[i], i + 1);
        unsigned before = fault_vfs_sync_count(); /* the writer waits */
        release(bench);
        bench->state = state_close(bench->state);
        for (unsigned i = 0; i < MANY; i++)
                assert_int_equal(records[i].result, 0);
        assert_in_range(fault_vfs_sync_count() - before, 1, 20);
}

static void test_an_operation_that_cannot_be_fails_alone(void **state)
{
        struct bench *bench = *state;
        struct record first, again, other;

        assert_int_equal(state_start(bench->state), 0);
        block(bench);
        record_queue(bench, &first, 1);
        record_queue(bench, &again, 1);
        record_queue(bench, &other, 2);
        release(bench);
        run_until_idle(bench);
        assert_int_equal(first.result, 0);
        assert_int_equal(again.result, -EEXIST);
        assert_non_null(strstr(again.operation.error, "already recorded"));
        assert_int_equal(other.result, 0);

        struct store *store = reopen(bench);
        assert_recorded(store, 1, true);
        assert_recorded(store, 2, true);
}

static void test_a_failed_commit_fails_its_group_and_nothing_else(void **state)
{
        struct bench *bench = *state;
        struct record before, group[3], after;

        assert_int_equal(state_start(bench->state), 0);
        record_queue(bench, &before, 1);
        run_until_idle(bench);
        block(bench);
        for (unsigned i = 0; i < 3; i++)
                record_queue(bench, &group[i], 2 + i);
        fault_vfs_arm(FAULT_VFS_SYNC, FAULT_VFS_IO, 1, false);
        release(bench);
        run_until_idle(bench);
        record_queue(bench, &after, 5);
        run_until_idle(bench);

        assert_int_equal(before.result, 0);
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(group[i].result, -EIO);
                assert_non_null(strstr(group[i].operation.error, "disk error"));
                assert_int_equal(group[i].runs, 1);
        }
        assert_int_equal(after.result, 0);

        struct store *store = reopen(bench);
        assert_recorded(store, 1, true);
        for (unsigned i = 0; i < 3; i++)
                assert_recorded(store, 2 + i, false);
        assert_recorded(store, 5, true);
}

struct reading {
        struct state_operation operation;
        unsigned count; /* of events that are not logged */
        int result;
};

static int reading_run(struct state_operation *operation, struct store *store)
{
        struct reading *reading = CONTAINER_OF(operation, struct reading, operation);

        reading->count = 0;
        return store_each_unlogged(store, 0, count_unlogged, &reading->count);
}

static void reading_done(struct state_operation *operation, int r)
{
        CONTAINER_OF(operation, struct reading, operation)->result = r;
}

/* And what is read is on disk. */
static void test_a_read_does_not_fail_with_others(void **state)
{
        struct bench *bench = *state;
        struct record before, failed;
        struct reading reading = {
                .operation = { .run = reading_run, .done = reading_done, .only_reads = true },
                .result = 1,
        };

        assert_int_equal(state_start(bench->state), 0);
        record_queue(bench, &before, 1);
        run_until_idle(bench);
        block(bench);
        record_queue(bench, &failed, 2);
        state_queue(bench->state, &reading.operation);
        fault_vfs_arm(FAULT_VFS_SYNC, FAULT_VFS_IO, 1, true);
        release(bench);
        run_until_idle(bench);
        assert_true(fault_vfs_disarm());
        assert_int_equal(failed.result, -EIO);
        assert_int_equal(reading.result, 0);
        assert_int_equal(reading.count, 1);
}

static void test_large_operations_are_committed_in_several_groups(void **state)
{
        struct bench *bench = *state;
        struct record large[4];
        size_t size = 3 * 1024 * 1024;
        char *text = malloc(size);

        assert_non_null(text);
        memset(text, 'x', size);
        assert_int_equal(state_start(bench->state), 0);
        block(bench);
        for (unsigned i = 0; i < 4; i++) {
                large[i] = record_of(bench, 1 + i);
                large[i].event.record.result = (struct text){ text, size };
                state_queue(bench->state, &large[i].operation);
        }
        fault_vfs_arm(FAULT_VFS_SYNC, FAULT_VFS_IO, 1, false); /* of the first group only */
        release(bench);
        run_until_idle(bench);
        assert_int_equal(large[0].result, -EIO);
        assert_int_equal(large[3].result, 0);
        free(text);
}

/* ---- the full disk ---- */

static void test_a_full_disk_is_relieved_and_the_group_repeated(void **state)
{
        struct bench *bench = *state;
        struct record group[3];

        assert_int_equal(state_start(bench->state), 0);
        block(bench);
        for (unsigned i = 0; i < 3; i++)
                record_queue(bench, &group[i], 1 + i);
        fault_vfs_arm(FAULT_VFS_WRITE, FAULT_VFS_FULL, 1, false);
        release(bench);
        run_until_idle(bench);
        assert_true(fault_vfs_disarm());
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(group[i].result, 0);
        assert_int_equal(group[0].runs, 2);

        struct store *store = reopen(bench);
        for (unsigned i = 0; i < 3; i++)
                assert_recorded(store, 1 + i, true);
}

static void test_a_disk_that_stays_full_fails_the_group_until_there_is_room(void **state)
{
        struct bench *bench = *state;
        struct record group[3], after;

        assert_int_equal(state_start(bench->state), 0);
        block(bench);
        for (unsigned i = 0; i < 3; i++)
                record_queue(bench, &group[i], 1 + i);
        fault_vfs_arm(FAULT_VFS_WRITE, FAULT_VFS_FULL, 1, true);
        release(bench);
        run_until_idle(bench);
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(group[i].result, -ENOSPC);
                assert_non_null(strstr(group[i].operation.error, "disk full"));
                assert_in_range(group[i].runs, 1, 2);
        }
        assert_true(fault_vfs_disarm());
        record_queue(bench, &after, 1);
        run_until_idle(bench);
        assert_int_equal(after.result, 0);
}

static int limit_run(struct state_operation *operation, struct store *store)
{
        (void)operation;
        store_set_max_size(store, 64 * 1024);
        return 0;
}

static void limit_done(struct state_operation *operation, int r)
{
        (void)operation;
        (void)r;
}

static void test_beyond_max_size_an_event_fails_alone(void **state)
{
        struct bench *bench = *state;
        struct record small, large;
        static char text[256 * 1024];
        struct state_operation limit = { .run = limit_run, .done = limit_done };

        memset(text, 'x', sizeof(text));
        assert_int_equal(state_start(bench->state), 0);
        block(bench);
        large = record_of(bench, 1);
        large.event.record.result = (struct text){ text, sizeof(text) };
        state_queue(bench->state, &limit);
        state_queue(bench->state, &large.operation);
        state_put_value(bench->state, "key", "value", 5);
        record_queue(bench, &small, 2);
        release(bench);
        run_until_idle(bench);
        assert_int_equal(large.result, -EDQUOT);
        assert_int_equal(large.runs, 1);

        void *data = NULL;
        size_t size = 0;
        struct store *store = reopen(bench);
        assert_recorded(store, 1, false);
        assert_int_equal(store_get_value(store, "key", &data, &size), 1);
        free(data);
}

static int read_nothing(struct state_operation *operation, struct store *store)
{
        (void)operation;
        (void)store;
        return 0;
}

static void test_the_duration_of_each_transaction_that_writes_is_counted(void **state)
{
        struct bench *bench = *state;
        const struct histogram *commits = state_commit_durations(bench->state);
        struct state_operation read = { .run = read_nothing, .done = limit_done, .only_reads = true };
        struct record first, second, failed;
        uint64_t empty = state_used_bytes(bench->state);

        assert_true(empty > 0);
        assert_int_equal(state_start(bench->state), 0);
        block(bench); /* it is a transaction, too */
        record_queue(bench, &first, 1);
        record_queue(bench, &second, 2);
        release(bench);
        run_until_idle(bench);
        uint64_t count = histogram_count(commits, HISTOGRAM_BOUNDS);
        assert_in_range(count, 1, 2);
        assert_true(histogram_sum_us(commits) > 0);

        state_queue(bench->state, &read);
        run_until_idle(bench);
        block(bench);
        record_queue(bench, &failed, 3);
        fault_vfs_arm(FAULT_VFS_SYNC, FAULT_VFS_IO, 1, false);
        release(bench);
        run_until_idle(bench);
        assert_int_equal(failed.result, -EIO);
        assert_int_equal(histogram_count(commits, HISTOGRAM_BOUNDS), count + 1); /* that of block() */
        assert_true(state_used_bytes(bench->state) >= empty);
}

/* ---- marks ---- */

static void test_marks_cost_no_transaction_of_their_own(void **state)
{
        struct bench *bench = *state;
        struct record first, second;

        assert_int_equal(state_start(bench->state), 0);
        record_queue(bench, &first, 1);
        run_until_idle(bench);
        state_mark_logged(bench->state, fixture_event_id(1));
        assert_true(state_is_idle(bench->state));
        record_queue(bench, &second, 2);
        run_until_idle(bench);
        assert_int_equal(unlogged(reopen(bench)), 1);
}

static void test_marks_are_written_when_closing(void **state)
{
        struct bench *bench = *state;
        static struct record records[MANY];

        assert_int_equal(state_start(bench->state), 0);
        for (unsigned i = 0; i < MANY; i++)
                record_queue(bench, &records[i], i + 1);
        run_until_idle(bench);
        for (unsigned i = 0; i < MANY; i++)
                state_mark_logged(bench->state, fixture_event_id(i + 1));
        assert_int_equal(unlogged(reopen(bench)), 0);
}

static void test_marks_of_a_failed_group_are_written_later(void **state)
{
        struct bench *bench = *state;
        struct record first, second;

        assert_int_equal(state_start(bench->state), 0);
        record_queue(bench, &first, 1);
        run_until_idle(bench);
        block(bench);
        state_mark_logged(bench->state, fixture_event_id(1));
        record_queue(bench, &second, 2);
        fault_vfs_arm(FAULT_VFS_SYNC, FAULT_VFS_IO, 1, false);
        release(bench);
        run_until_idle(bench);
        assert_int_equal(second.result, -EIO);
        assert_int_equal(unlogged(reopen(bench)), 0);
}

/* However many they are. */
static void test_marks_that_cannot_be_written_make_room_for_more(void **state)
{
        struct bench *bench = *state;
        static struct record records[MANY];
        unsigned marked = 0;

        assert_int_equal(state_start(bench->state), 0);
        for (unsigned i = 0; i < MANY; i++)
                record_queue(bench, &records[i], i + 1);
        run_until_idle(bench);
        fault_vfs_arm(FAULT_VFS_WRITE, FAULT_VFS_IO, 1, true);
        while (state_is_idle(bench->state)) /* until marks are written without another operation */
                state_mark_logged(bench->state, fixture_event_id(++marked));
        run_until_idle(bench);
        assert_true(fault_vfs_disarm());
        while (marked < MANY) {
                state_mark_logged(bench->state, fixture_event_id(++marked));
                run_until_idle(bench);
        }
        assert_int_equal(unlogged(reopen(bench)), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_operations_run_on_the_writer_and_end_on_the_loop_in_order),
                TEST(test_before_the_start_operations_run_at_once_and_end_on_the_loop),
                TEST(test_done_may_queue_another),
                TEST(test_closing_waits_for_all_operations),
                TEST(test_the_store_is_closed_by_the_writer),
                TEST(test_what_is_abandoned_is_not_written),
                TEST(test_without_a_thread_the_store_is_closed_at_once),
                TEST(test_values_are_stored_in_order),
                TEST(test_a_thousand_events_cost_few_syncs),
                TEST(test_an_operation_that_cannot_be_fails_alone),
                TEST(test_a_failed_commit_fails_its_group_and_nothing_else),
                TEST(test_a_read_does_not_fail_with_others),
                TEST(test_large_operations_are_committed_in_several_groups),
                TEST(test_a_full_disk_is_relieved_and_the_group_repeated),
                TEST(test_a_disk_that_stays_full_fails_the_group_until_there_is_room),
                TEST(test_beyond_max_size_an_event_fails_alone),
                TEST(test_the_duration_of_each_transaction_that_writes_is_counted),
                TEST(test_marks_cost_no_transaction_of_their_own),
                TEST(test_marks_are_written_when_closing),
                TEST(test_marks_of_a_failed_group_are_written_later),
                TEST(test_marks_that_cannot_be_written_make_room_for_more),
        };

        assert_int_equal(fault_vfs_register(), 0);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
