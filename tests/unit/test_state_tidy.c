/* SPDX-License-Identifier: MIT */

/* Checkpoints: in pauses, or when the WAL has become large, never as part of recording an event. */

#include "state_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fault_vfs.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)

static uint64_t size_of(struct fixture *fixture, const char *name)
{
        struct stat status;

        assert_int_equal(stat(fixture_path(fixture, name), &status), 0);
        return (uint64_t)status.st_size;
}

static int record(struct fixture *fixture, unsigned number, size_t size)
{
        static char text[2 * 1024 * 1024];
        struct event event = fixture_event(number, number + 1, EVENT_CHANGED);

        memset(text, 'x', size);
        event.record.result = (struct text){ text, size };
        return store_record_event(fixture->state, &event, NULL, 0, NULL);
}

static void record_many(struct fixture *fixture, unsigned first, unsigned count, size_t size)
{
        for (unsigned i = 0; i < count; i++)
                assert_int_equal(record(fixture, first + i, size), 0);
}

static void assert_recorded(struct fixture *fixture, unsigned number)
{
        struct stored_job job;

        assert_int_equal(store_get_job(fixture->state, number + 1, &job), 1);
}

static void test_a_pause_moves_the_wal_into_the_file(void **state)
{
        struct fixture *fixture = *state;

        record_many(fixture, 0, 20, 200 * KIB);
        assert_true(size_of(fixture, "jobwatchd.db") < MIB);
        while (store_tidy(fixture->state))
                ;
        assert_true(size_of(fixture, "jobwatchd.db") > 3 * MIB);
}

static void test_a_pause_after_little_is_no_work(void **state)
{
        struct fixture *fixture = *state;

        while (store_tidy(fixture->state))
                ;
        record_many(fixture, 0, 3, KIB);
        unsigned syncs = fault_vfs_sync_count();
        assert_false(store_tidy(fixture->state));
        assert_int_equal(fault_vfs_sync_count(), syncs);
}

static void test_without_a_pause_the_wal_is_bounded(void **state)
{
        struct fixture *fixture = *state;
        uint64_t longest = 0;

        for (unsigned i = 0; i < 80; i++) {
                assert_int_equal(record(fixture, i, MIB), 0);
                uint64_t size = size_of(fixture, "jobwatchd.db-wal");
                longest = size > longest ? size : longest;
        }
        assert_in_range(longest, 4 * MIB, 20 * MIB);
        assert_true(size_of(fixture, "jobwatchd.db") > 40 * MIB);
}

static void test_a_checkpoint_that_fails_is_made_later(void **state)
{
        struct fixture *fixture = *state;

        record_many(fixture, 0, 20, 200 * KIB);
        fault_vfs_arm(FAULT_VFS_SYNC, FAULT_VFS_IO, 1, true);
        assert_false(store_tidy(fixture->state));
        assert_true(fault_vfs_disarm());
        record_many(fixture, 20, 1, KIB);
        while (store_tidy(fixture->state))
                ;
        assert_true(size_of(fixture, "jobwatchd.db") > 3 * MIB);
        fixture_reopen(fixture);
        for (unsigned i = 0; i < 21; i++)
                assert_recorded(fixture, i);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_a_pause_moves_the_wal_into_the_file),
                TEST(test_a_pause_after_little_is_no_work),
                TEST(test_without_a_pause_the_wal_is_bounded),
                TEST(test_a_checkpoint_that_fails_is_made_later),
        };

        assert_int_equal(fault_vfs_register(), 0);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
