/* SPDX-License-Identifier: MIT */

/*
 * The outbox and many deliveries: their order, how many are attempted at a time, what that costs, and what a
 * reload changes. In place of programs there are attempts that this file ends.
 */

#include <time.h>

#include "outbox_fixture.h"

#include "delivery/backlog.h"
#include "delivery/hook_setup.h"
#include "planning/backoff.h"

/* ---- attempts ---- */

struct fake {
        struct attempt_run *run;
        void (*on_end)(void *userdata, const struct hook_end *end);
        void *userdata;
        char hook[16];
        uint64_t job, sequence;
        unsigned number;
};

#define FAKES_MAX 512
#define JOBS_MAX  1000

static struct {
        struct fake running[FAKES_MAX];
        size_t count, most; /* at a time */
        size_t made, delivered;
        uint64_t last[JOBS_MAX]; /* sequence number of the latest event that was delivered, by job */
        /* Of the store, counted by the writer: calls for deliveries, calls for events, and deliveries. */
        _Atomic size_t reads, events, read;
} fakes;

int __real_hook_setup_start(struct hook_setup *setup, struct hook_attempt attempt, char **ret_reason,
                            struct attempt_run *ret_run);
int __wrap_hook_setup_start(struct hook_setup *setup, struct hook_attempt attempt, char **ret_reason,
                            struct attempt_run *ret_run);
void __real_attempt_run_clear(struct attempt_run *run);
void __wrap_attempt_run_clear(struct attempt_run *run);
uint64_t __real_delivery_delay(unsigned made, uint64_t retry_after_us, uint64_t random);
uint64_t __wrap_delivery_delay(unsigned made, uint64_t retry_after_us, uint64_t random);
int __real_store_pending_deliveries(struct store *store, const char *hook, uint64_t after,
                                    struct delivery ret_deliveries[], size_t max);
int __wrap_store_pending_deliveries(struct store *store, const char *hook, uint64_t after,
                                    struct delivery ret_deliveries[], size_t max);
int __real_store_get_event(struct store *store, const char *event_id, struct event *ret_event);
int __wrap_store_get_event(struct store *store, const char *event_id, struct event *ret_event);

int __wrap_hook_setup_start(struct hook_setup *setup, struct hook_attempt attempt, char **ret_reason,
                            struct attempt_run *ret_run)
{
        (void)ret_reason;
        assert_true(fakes.count < FAKES_MAX);
        struct fake *fake = &fakes.running[fakes.count++];

        *fake = (struct fake){
                .run = ret_run,
                .on_end = attempt.on_end,
                .userdata = attempt.userdata,
                .job = attempt.event->record.id,
                .sequence = attempt.event->sequence,
                .number = attempt.attempt,
        };
        (void)snprintf(fake->hook, sizeof(fake->hook), "%s", setup->hook->name);
        fakes.made++;
        if (fakes.count > fakes.most)
                fakes.most = fakes.count;
        return 0;
}

/* One that is cancelled. */
void __wrap_attempt_run_clear(struct attempt_run *run)
{
        for (size_t i = 0; i < fakes.count; i++)
                if (fakes.running[i].run == run)
                        fakes.running[i] = fakes.running[--fakes.count];
        __real_attempt_run_clear(run);
}

uint64_t __wrap_delivery_delay(unsigned made, uint64_t retry_after_us, uint64_t random)
{
        (void)made;
        (void)retry_after_us;
        return random % (20 * USEC_PER_MSEC);
}

int __wrap_store_pending_deliveries(struct store *store, const char *hook, uint64_t after,
                                    struct delivery ret_deliveries[], size_t max)
{
        int count = __real_store_pending_deliveries(store, hook, after, ret_deliveries, max);

        assert_true(max <= BACKLOG_MEMORY_MAX);
        fakes.reads++;
        fakes.read += count > 0 ? (size_t)count : 0;
        return count;
}

int __wrap_store_get_event(struct store *store, const char *event_id, struct event *ret_event)
{
        fakes.events++;
        return __real_store_get_event(store, event_id, ret_event);
}

/* Ends the attempt that was started first among those in progress, or any other. */
static void end_fake(size_t index, bool success)
{
        struct fake fake = fakes.running[index];
        const struct hook_end end = { .success = success, .reason = success ? "" : "not now" };

        fakes.running[index] = fakes.running[--fakes.count];
        if (success) {
                assert_true(fake.job < JOBS_MAX);
                assert_true(fake.sequence > fakes.last[fake.job]); /* in order */
                fakes.last[fake.job] = fake.sequence;
                fakes.delivered++;
        }
        fake.on_end(fake.userdata, &end);
}

static void turn(struct outbox_test *test)
{
        assert_true(sd_event_run(test->hook->event, 100 * USEC_PER_MSEC) >= 0);
}

static void expect_one_of_each_job(void)
{
        for (size_t i = 0; i < fakes.count; i++)
                for (size_t other = 0; other < i; other++)
                        assert_true(fakes.running[i].job != fakes.running[other].job ||
                                    strcmp(fakes.running[i].hook, fakes.running[other].hook) != 0);
}

static void wait_for_fakes(struct outbox_test *test, size_t count)
{
        HOOK_WAIT(test->hook, fakes.count == count);
        settle(test);
        assert_int_equal(fakes.count, count);
}

/* ---- deliveries ---- */

static void load_queue(struct outbox_test *test, unsigned parallel, const char *more)
{
        char text[512];

        memset(&fakes, 0, sizeof(fakes));
        (void)snprintf(text, sizeof(text),
                       "[jobs]\nids = 1\n[hook mail]\nexec = /bin/true\nparallel = %u\n%s", parallel, more);
        test->config = load_text(text);
}

/* Records so many events, job after job, before the outbox exists. */
static void record_many(struct outbox_test *test, unsigned count, unsigned jobs)
{
        static const char *const mail[] = { "mail" };
        struct store *store = state_store(test->state);

        for (unsigned number = 1; number <= count; number++) {
                struct event event = fixture_event(number, number % jobs, EVENT_SUCCEEDED);

                if (number % 1000 == 1)
                        assert_int_equal(store_batch_begin(store), 0);
                assert_int_equal(store_record_event(store, &event, mail, 1, NULL), 0);
                if (number % 1000 == 0 || number == count)
                        assert_int_equal(store_batch_end(store, true), 0);
        }
}

static uint64_t cpu_us(void)
{
        struct timespec used;

        assert_return_code(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), errno);
        return (uint64_t)used.tv_sec * USEC_PER_SEC + (uint64_t)used.tv_nsec / 1000;
}

/* Delivers all, and `extra` more, recorded in the first half of that. Returns the time of the processor. */
static uint64_t drain(struct outbox_test *test, unsigned count, unsigned extra)
{
        unsigned recorded = 0;
        size_t delivered = 0;

        start(test);
        assert_int_equal(outbox_count(test->outbox).pending, count);
        uint64_t before_us = cpu_us();
        while (test->idle == 0) {
                turn(test);
                while (fakes.count > 0)
                        end_fake(0, true);
                assert_true(fakes.read <= BACKLOG_MEMORY_MAX + fakes.delivered);
                if (recorded < extra && fakes.delivered > delivered + count / (2 * extra + 1)) {
                        delivered = fakes.delivered;
                        recorded++;
                        record(test, count + recorded, recorded, "mail");
                }
        }
        uint64_t used_us = cpu_us() - before_us;
        assert_int_equal(recorded, extra);
        assert_int_equal(fakes.delivered, count + extra);
        assert_int_equal(fakes.made, count + extra);
        assert_int_equal(fakes.events, count + extra);
        assert_int_equal(outbox_count(test->outbox).pending, 0);
        assert_int_equal(pending(test, "mail"), 0);
        return used_us;
}

/* The state is asked for deliveries once a page, and for each event once; the rest is no more work either. */
static void test_the_time_to_deliver_grows_with_the_number(void **state)
{
        static const struct {
                unsigned count;
                size_t reads;
        } cases[] = { { 1000, 1 }, { 10000, 2 }, { 25000, 5 } };
#ifdef SANITIZED
        size_t last = 1;
#else
        size_t last = 2;
#endif
        struct outbox_test *test = *state;
        uint64_t each_us = 0;

        for (size_t i = 0; i <= last; i++) {
                unsigned count = cases[i].count;
                void *fresh;

                load_queue(test, 64, "");
                record_many(test, count, 500);
                uint64_t used_us = drain(test, count, 0);
                assert_in_range(fakes.reads, 1, cases[i].reads);
                assert_int_equal(fakes.read, count);
                print_message("%u deliveries: %llu us of the processor each, %zu reads\n", count,
                              (unsigned long long)(used_us / count), fakes.reads);
                if (i == 0)
                        each_us = used_us / count;
                else
                        assert_true(used_us / count < 3 * each_us);

                if (i == last)
                        break;
                void *used = test;
                assert_int_equal(teardown(&used), 0);
                assert_int_equal(setup_with_writer(&fresh), 0);
                *state = test = fresh;
        }
}

/* Those that are recorded while others are in the state only come after them. */
static void test_more_than_the_memory_holds(void **state)
{
        struct outbox_test *test = *state;

        load_queue(test, 64, "");
        record_many(test, BACKLOG_MEMORY_MAX + 2000, 50);
        (void)drain(test, BACKLOG_MEMORY_MAX + 2000, 40);
        assert_true(fakes.read > BACKLOG_MEMORY_MAX);
}

/* Whatever fails, and however often. */
static void test_retries_keep_the_order_of_each_job_and_hook(void **state)
{
        struct outbox_test *test = *state;
        uint64_t seed = 42;

        load_queue(test, 8, "");
        record_many(test, 400, 20);
        start(test);
        while (test->idle == 0) {
                turn(test);
                expect_one_of_each_job();
                while (fakes.count > 0) {
                        seed = seed * UINT64_C(6364136223846793005) + 1;
                        size_t index = (size_t)(seed >> 33) % fakes.count;
                        end_fake(index, fakes.running[index].number == 8 || (seed >> 60) % 3 == 0);
                }
        }
        assert_int_equal(fakes.delivered, 400);
        assert_true(fakes.made > 600);
        assert_in_range(fakes.most, 2, 8);
        for (unsigned job = 0; job < 20; job++)
                assert_int_equal(fakes.last[job], job == 0 ? 400 : 380 + job);
}

static void test_so_many_at_a_time(void **state)
{
        static const unsigned parallel[] = { 1, 4, 64 };
        struct outbox_test *test = *state;

        for (size_t i = 0; i < 3; i++) {
                unsigned left = 100;

                load_queue(test, parallel[i], "");
                test->outbox = outbox_free(test->outbox);
                test->state = state_close(test->state);
                open_state(test);
                for (unsigned number = 1; number <= left; number++)
                        record(test, 1000 * (unsigned)i + number, number, "mail");
                start(test);
                for (; left > 0; left--) {
                        wait_for_fakes(test, left < parallel[i] ? left : parallel[i]);
                        end_fake(0, true);
                        memset(fakes.last, 0, sizeof(fakes.last));
                }
                HOOK_WAIT(test->hook, test->idle > 0);
                if (i < 2) {
                        test->outbox = outbox_free(test->outbox);
                        test->config = config_free(test->config);
                }
        }
}

static struct config *with_parallel(unsigned parallel)
{
        char text[256];

        (void)snprintf(text, sizeof(text), "[jobs]\nids = 1\n[hook mail]\nexec = /bin/true\nparallel = %u\n",
                       parallel);
        return load_text(text);
}

static void reload(struct outbox_test *test, struct config *config)
{
        assert_int_equal(try_reload(test, config), 0);
        config_free(config);
}

/* It applies from the next attempt on; the state is not read again. */
static void test_a_reload_changes_the_number_at_a_time(void **state)
{
        struct outbox_test *test = *state;

        load_queue(test, 4, "");
        record_many(test, 20, 20);
        start(test);
        wait_for_fakes(test, 4);
        size_t reads = fakes.reads;
        reload(test, with_parallel(6));
        wait_for_fakes(test, 6);
        reload(test, with_parallel(2));
        for (unsigned left = 5; left >= 2; left--) {
                end_fake(0, true);
                wait_for_fakes(test, left);
        }
        end_fake(0, true);
        wait_for_fakes(test, 2);
        assert_int_equal(fakes.reads, reads);
        assert_int_equal(outbox_count(test->outbox).pending, 15);
}

/* What is in progress meanwhile is made once; what follows it waits for its end. */
static void test_a_hook_that_returns(void **state)
{
        struct outbox_test *test = *state;

        load_queue(test, 4, "");
        record_many(test, 9, 3); /* three of each job */
        start(test);
        wait_for_fakes(test, 3);
        reload(test, load_text("[jobs]\nids = 1\n[hook other]\nexec = /bin/true\n"));
        settle(test);
        assert_int_equal(fakes.count, 3);
        assert_int_equal(outbox_count(test->outbox).pending, 0);
        end_fake(0, true); /* and nothing follows */
        settle(test);
        assert_int_equal(fakes.count, 2);
        assert_int_equal(pending(test, "mail"), 8);

        reload(test, with_parallel(4));
        wait_for_fakes(test, 3);
        expect_one_of_each_job();
        assert_int_equal(outbox_count(test->outbox).pending, 8);
        end_fake(0, false); /* one of those that were in progress is retried before the next */
        while (test->idle == 0) {
                turn(test);
                while (fakes.count > 0)
                        end_fake(0, true);
        }
        assert_int_equal(fakes.delivered, 9);
        assert_int_equal(fakes.made, 10);
        assert_int_equal(outbox_count(test->outbox).pending, 0);
}

/* For one whose event was lost nobody waits. */
static void test_a_delivery_that_cannot_be_read_is_not_pending(void **state)
{
        struct outbox_test *test = *state;
        sqlite3 *database;

        load_queue(test, 4, "");
        record_many(test, 3, 3);
        test->state = state_close(test->state);
        assert_int_equal(sqlite3_open(fixture_path(test->files, "jobwatchd.db"), &database), SQLITE_OK);
        assert_int_equal(
                sqlite3_exec(database, "UPDATE deliveries SET event = 9 WHERE event = 2", NULL, NULL, NULL),
                SQLITE_OK);
        sqlite3_close(database);
        open_state(test);
        start(test);
        wait_for_fakes(test, 2);
        assert_int_equal(outbox_count(test->outbox).pending, 2);
        end_fake(0, true);
        end_fake(0, true);
        HOOK_WAIT(test->hook, test->idle > 0);
        assert_int_equal(outbox_count(test->outbox).pending, 0);
}

struct reloading {
        struct state_operation operation;
        struct outbox_test *test;
        struct config *config;
        struct outbox_load *load;
        bool done;
};

static int reloading_run(struct state_operation *operation, struct store *store)
{
        struct reloading *reloading = CONTAINER_OF(operation, struct reloading, operation);

        return outbox_load(store, reloading->config, &reloading->load);
}

static void reloading_done(struct state_operation *operation, int r)
{
        struct reloading *reloading = CONTAINER_OF(operation, struct reloading, operation);

        assert_int_equal(r, 0);
        assert_int_equal(outbox_reload(reloading->test->outbox, reloading->config, reloading->load), 0);
        reloading->done = true;
}

/* It is recorded before a reload counts in the state, and done in the same iteration of the loop. */
static void test_one_that_is_abandoned_before_a_reload_is_counted_once(void **state)
{
        static const char text[] = "[jobs]\nids = 1, 2\n[hook mail]\nexec = /bin/true\nretries = 0\n";
        struct outbox_test *test = *state;
        struct reloading reloading = { .operation = { .run = reloading_run, .done = reloading_done },
                                       .test = test };

        load_queue(test, 4, "retries = 0\n");
        record_many(test, 2, 2);
        start(test);
        wait_for_fakes(test, 2);
        reloading.config = load_text(text);
        end_fake(0, false);
        state_queue(test->state, &reloading.operation);
        HOOK_WAIT(test->hook, reloading.done);
        settle(test);
        assert_int_equal(outbox_count(test->outbox).abandoned, 1);
        end_fake(0, false);
        HOOK_WAIT(test->hook, test->idle > 0);
        assert_int_equal(outbox_count(test->outbox).abandoned, 2);
        outbox_load_free(reloading.load);
        config_free(reloading.config);
}

/* It ends by itself before it is needed again. */
static void test_a_removed_hook_is_forgotten(void **state)
{
        struct outbox_test *test = *state;

        load_queue(test, 4, "");
        record_many(test, 2, 1);
        start(test);
        wait_for_fakes(test, 1);
        reload(test, load_text("[jobs]\nids = 1\n"));
        settle(test);
        assert_int_equal(test->idle, 0);
        end_fake(0, true);
        HOOK_WAIT(test->hook, test->idle > 0);
        record(test, 3, 0, "mail"); /* selected before the reload */
        assert_int_equal(outbox_count(test->outbox).pending, 0);
        reload(test, with_parallel(4));
        wait_for_fakes(test, 1);
        end_fake(0, true);
        wait_for_fakes(test, 1);
        end_fake(0, true);
        HOOK_WAIT(test->hook, outbox_is_idle(test->outbox));
        expect_states(test, ALL_STATES, "done 1,done 1,done 1");
}

/* A result that is being recorded when the outbox is freed is recorded; an event that is being read is not
 * delivered. */
static void test_freed_while_the_state_is_busy(void **state)
{
        struct outbox_test *test = *state;

        load_queue(test, 1, "");
        record_many(test, 2, 2);
        start(test);
        wait_for_fakes(test, 1);
        end_fake(0, true); /* the writer records it */
        expect_states(test, ALL_STATES, "done 1,pending 0");
        assert_int_equal(fakes.made, 1);

        start(test);
        while (fakes.events < 2) /* the event of the other is read, and its attempt not started */
                turn(test);
        size_t made = fakes.made;
        test->outbox = outbox_free(test->outbox);
        settle(test);
        assert_int_equal(fakes.made, made);
        expect_states(test, ALL_STATES, "done 1,pending 0");
}

int main(void)
{
#define WRITER_TEST(function)                                                                                \
        {                                                                                                    \
#function, function, setup_with_writer, teardown, NULL                                       \
        }
        static const struct CMUnitTest tests[] = {
                WRITER_TEST(test_the_time_to_deliver_grows_with_the_number),
                WRITER_TEST(test_more_than_the_memory_holds),
                OUTBOX_TEST(test_retries_keep_the_order_of_each_job_and_hook),
                OUTBOX_TEST(test_so_many_at_a_time),
                OUTBOX_TEST(test_a_reload_changes_the_number_at_a_time),
                OUTBOX_TEST(test_a_hook_that_returns),
                OUTBOX_TEST(test_a_delivery_that_cannot_be_read_is_not_pending),
                OUTBOX_TEST(test_one_that_is_abandoned_before_a_reload_is_counted_once),
                OUTBOX_TEST(test_a_removed_hook_is_forgotten),
                OUTBOX_TEST(test_freed_while_the_state_is_busy),
        };

        return cmocka_run_group_tests_name("outbox_queue", tests, NULL, NULL);
}
