/* SPDX-License-Identifier: MIT */

/* Deliveries that someone has made again, or not at all, while others are in progress. */

#include "delivery/hook_test.h"
#include "delivery/outbox_changes.h"
#include "outbox_fixture.h"

struct ended {
        bool done;
        int r;
        uint64_t unknown, count;
};

static void on_done(void *userdata, const struct outbox_change_end *end)
{
        struct ended *ended = userdata;

        *ended = (struct ended){ .done = true, .r = end->r, .unknown = end->unknown, .count = end->count };
}

static struct ended change(struct outbox_test *test, bool drops, const uint64_t ids[], size_t count)
{
        struct ended ended = { .done = false };

        outbox_change(test->outbox, drops ? OUTBOX_DROP : OUTBOX_RETRY, ids, count, 1000, on_done, &ended);
        HOOK_WAIT(test->hook, ended.done);
        return ended;
}

static void retry(struct outbox_test *test, const uint64_t ids[], size_t count)
{
        assert_int_equal(change(test, false, ids, count).r, 0);
}

static void drop(struct outbox_test *test, uint64_t id)
{
        assert_int_equal(change(test, true, &id, 1).r, 0);
}

static const char *path_of(const struct outbox_test *test, const char *name)
{
        static char path[96];

        (void)snprintf(path, sizeof(path), "%s/%s", test->hook->directory, name);
        return path;
}

/* Hook `flaky` fails until there is a file `well`. */
static void load_flaky(struct outbox_test *test, unsigned retries)
{
        char text[512];

        (void)snprintf(text, sizeof(text),
                       "[jobs]\nids = 1\n[hook flaky]\nretries = %u\nexec = /bin/sh -c 'test -e %s/well && "
                       "echo $JOBWATCH_EVENT_ID >>%s/delivered'\n",
                       retries, test->hook->directory, test->hook->directory);
        test->config = load_text(text);
}

static void be_well(const struct outbox_test *test)
{
        fixture_write_file(path_of(test, "well"), "", 0);
}

static void end(struct outbox_test *test)
{
        assert_return_code(unlink(path_of(test, "well")), errno);
}

static void test_failed_deliveries_are_made_again_in_order(void **state)
{
        struct outbox_test *test = *state;

        load_flaky(test, 0);
        start(test);
        for (unsigned number = 1; number <= 3; number++)
                record(test, number, 1, "flaky");
        HOOK_WAIT(test->hook, outbox_is_idle(test->outbox));
        assert_int_equal(outbox_count(test->outbox).abandoned, 3);
        be_well(test);
        retry(test, (const uint64_t[]){ 3, 1 }, 2);
        assert_int_equal(outbox_count(test->outbox).abandoned, 1);
        HOOK_WAIT(test->hook, outbox_is_idle(test->outbox));
        expect_delivered(test, "13");
        assert_int_equal(outbox_count(test->outbox).pending, 0);

        assert_int_equal(change(test, false, NULL, 0).count, 1);
        HOOK_WAIT(test->hook, outbox_is_idle(test->outbox));
        expect_delivered(test, "132");
        assert_int_equal(outbox_count(test->outbox).abandoned, 0);
        expect_states(test, ALL_STATES, "done 1,done 1,done 1");
        end(test);
}

static void test_one_that_waits_for_its_retry_is_due(void **state)
{
        struct outbox_test *test = *state;

        load_flaky(test, 5);
        start(test);
        record(test, 1, 1, "flaky");
        HOOK_WAIT(test->hook, is_done(test) && pending(test, "flaky") == 1);
        be_well(test);
        retry(test, (const uint64_t[]){ 1 }, 1);
        HOOK_WAIT(test->hook, outbox_is_idle(test->outbox));
        expect_states(test, ALL_STATES, "done 2");
        end(test);
}

static int access_fail(struct store_access *access, struct store *store)
{
        return store_delivery_failed(store, access->number, 5, "exit status 1");
}

static void make_failed(struct outbox_test *test, uint64_t delivery)
{
        struct store_access access = { .run = access_fail, .number = delivery };

        assert_int_equal(access_store(test, &access), 0);
}

/* The older one waits for the end of the attempt. */
static void test_a_retry_waits_for_an_attempt_for_the_same_job(void **state)
{
        struct outbox_test *test = *state;

        test->config = load_hooks(test, (const char *const[]){ "slow gate", NULL }, 0);
        record(test, 1, 1, "slow");
        record(test, 2, 1, "slow");
        make_failed(test, 1);
        start(test);
        HOOK_WAIT(test->hook, in_progress() == 1);
        retry(test, (const uint64_t[]){ 1 }, 1);
        record(test, 3, 1, "slow");
        settle(test);
        assert_int_equal(in_progress(), 1);
        assert_int_equal(outbox_count(test->outbox).pending, 3);
        assert_true(outbox_is_delivering(test->outbox, 2));
        assert_false(outbox_is_delivering(test->outbox, 1));
        for (unsigned left = 3; left > 0; left--) {
                open_gate(test);
                HOOK_WAIT(test->hook, pending(test, "slow") < left);
        }
        HOOK_WAIT(test->hook, outbox_is_idle(test->outbox));
        expect_delivered(test, "213");
        expect_states(test, ALL_STATES, "done 1,done 1,done 1");
}

/* The event of the newer one has been read, but another program runs. */
static void test_a_retry_goes_ahead_of_newer_ones_that_wait(void **state)
{
        struct outbox_test *test = *state;
        char text[512];

        (void)snprintf(text, sizeof(text),
                       "[jobs]\nids = 1\n[hook slow]\nparallel = 1\nexec = /bin/sh -c 'read line <%s/gate; "
                       "echo $JOBWATCH_EVENT_ID >>%s/delivered'\n",
                       test->hook->directory, test->hook->directory);
        test->config = load_text(text);
        record(test, 1, 2, "slow");
        record(test, 2, 1, "slow");
        record(test, 3, 1, "slow");
        make_failed(test, 2);
        start(test);
        HOOK_WAIT(test->hook, in_progress() == 1);
        settle(test);
        retry(test, (const uint64_t[]){ 2 }, 1);
        for (unsigned i = 0; i < 3; i++)
                open_gate(test);
        HOOK_WAIT(test->hook, outbox_is_idle(test->outbox));
        expect_delivered(test, "123");
}

/* When the attempt has failed, the older one is next. */
static void test_a_retry_goes_ahead_of_newer_ones_that_fail(void **state)
{
        struct outbox_test *test = *state;
        char text[512];

        (void)snprintf(text, sizeof(text),
                       "[jobs]\nids = 1\n[hook flaky]\nretries = 5\nexec = /bin/sh -c 'read line <%s/gate; "
                       "echo $JOBWATCH_EVENT_ID >>%s/delivered; test -e %s/well'\n",
                       test->hook->directory, test->hook->directory, test->hook->directory);
        test->config = load_text(text);
        for (unsigned number = 1; number <= 4; number++)
                record(test, number, 1, "flaky");
        make_failed(test, 1);
        make_failed(test, 2);
        start(test);
        HOOK_WAIT(test->hook, in_progress() == 1);
        retry(test, NULL, 0);
        open_gate(test);
        HOOK_WAIT(test->hook, outbox_is_delivering(test->outbox, 1));
        expect_delivered(test, "3");
        be_well(test);
        open_gate(test);
        HOOK_WAIT(test->hook, outbox_is_delivering(test->outbox, 2));
        open_gate(test);
        HOOK_WAIT(test->hook, pending(test, "flaky") == 2);
        retry(test, (const uint64_t[]){ 3 }, 1);
        open_gate(test);
        open_gate(test);
        HOOK_WAIT(test->hook, outbox_is_idle(test->outbox));
        expect_delivered(test, "31234");
        end(test);
}

/* One attempt at a time, of whatever kind. */
static void test_tests_of_a_hook_take_turns_with_its_deliveries(void **state)
{
        struct outbox_test *test = *state;
        struct event event = { .kind = EVENT_SUCCEEDED, .record.id = 7 };
        char text[512];
        uint64_t id;

        (void)snprintf(
                text, sizeof(text),
                "[jobs]\nids = 1\n[hook slow]\nparallel = 1\nexec = /bin/sh -c 'read line <%s/gate; echo "
                "$JOBWATCH_EVENT_ID >>%s/delivered'\n",
                test->hook->directory, test->hook->directory);
        test->config = load_text(text);
        start(test);
        record(test, 1, 1, "slow");
        HOOK_WAIT(test->hook, in_progress() == 1);
        test_event_complete(&event);
        assert_int_equal(outbox_start_test(test->outbox, "slow", &event, 1000, &id), -EAGAIN);
        open_gate(test);
        HOOK_WAIT(test->hook, outbox_is_idle(test->outbox));

        assert_int_equal(outbox_start_test(test->outbox, "slow", &event, 1000, &id), 0);
        event_clear(&event);
        HOOK_WAIT(test->hook, in_progress() == 1);
        record(test, 2, 1, "slow");
        settle(test);
        assert_int_equal(in_progress(), 1);
        assert_int_equal(pending(test, "slow"), 1);
        open_gate(test);
        HOOK_WAIT(test->hook, outbox_is_delivering(test->outbox, 2));
        open_gate(test);
        HOOK_WAIT(test->hook, outbox_is_idle(test->outbox));
        expect_states(test, ALL_STATES, "done 1,done 1");
}

/* What is in progress is not made twice. */
static void test_a_retry_of_others_leaves_attempts_alone(void **state)
{
        struct outbox_test *test = *state;

        test->config = load_hooks(test, (const char *const[]){ "slow gate", NULL }, 0);
        record(test, 1, 11, "slow");
        record(test, 2, 12, "slow");
        record(test, 3, 13, "slow");
        make_failed(test, 1);
        start(test);
        HOOK_WAIT(test->hook, in_progress() == 2);
        retry(test, NULL, 0);
        HOOK_WAIT(test->hook, in_progress() == 3);
        retry(test, (const uint64_t[]){ 1, 2, 3 }, 3);
        settle(test);
        assert_int_equal(in_progress(), 3);
        for (unsigned left = 3; left > 0; left--) {
                open_gate(test);
                HOOK_WAIT(test->hook, pending(test, "slow") < left);
        }
        HOOK_WAIT(test->hook, outbox_is_idle(test->outbox));
        expect_states(test, ALL_STATES, "done 1,done 1,done 1");
}

static void test_a_dropped_delivery_is_not_made(void **state)
{
        struct outbox_test *test = *state;

        test->config = load_hooks(test, (const char *const[]){ "slow gate", NULL }, 0);
        start(test);
        for (unsigned number = 1; number <= 3; number++)
                record(test, number, 1, "slow");
        HOOK_WAIT(test->hook, in_progress() == 1);
        drop(test, 2);
        assert_int_equal(outbox_count(test->outbox).pending, 2);
        open_gate(test);
        HOOK_WAIT(test->hook, pending(test, "slow") == 1);
        open_gate(test);
        HOOK_WAIT(test->hook, outbox_is_idle(test->outbox));
        expect_delivered(test, "13");
        expect_states(test, ALL_STATES, "done 1,done 1");
}

/* The attempt goes on, the next one waits for its end, and there is no other of it. */
static void test_one_that_is_dropped_while_it_is_made_ends_with_the_attempt(void **state)
{
        struct outbox_test *test = *state;

        test->config = load_hooks(test, (const char *const[]){ "slow gate", NULL }, 0);
        start(test);
        record(test, 1, 1, "slow");
        record(test, 2, 1, "slow");
        HOOK_WAIT(test->hook, in_progress() == 1);
        drop(test, 1);
        settle(test);
        assert_int_equal(in_progress(), 1);
        open_gate(test);
        HOOK_WAIT(test->hook, outbox_is_delivering(test->outbox, 2));
        open_gate(test);
        HOOK_WAIT(test->hook, outbox_is_idle(test->outbox));
        expect_delivered(test, "12");
        assert_int_equal(outbox_count(test->outbox).pending, 0);
        expect_states(test, ALL_STATES, "done 1");
}

static void test_one_that_is_dropped_while_it_is_made_is_not_repeated_after_a_stop(void **state)
{
        struct outbox_test *test = *state;

        test->config = load_hooks(test, (const char *const[]){ "slow gate", NULL }, 0);
        start(test);
        record(test, 1, 1, "slow");
        HOOK_WAIT(test->hook, in_progress() == 1);
        drop(test, 1);
        outbox_stop(test->outbox);
        HOOK_WAIT(test->hook, outbox_is_idle(test->outbox));
        start(test);
        assert_int_equal(pending(test, "slow"), 0);
        assert_true(outbox_is_idle(test->outbox));
        assert_int_equal(in_progress(), 0);
}

static void test_a_failed_delivery_is_dropped(void **state)
{
        struct outbox_test *test = *state;

        test->config = load_hooks(test, (const char *const[]){ "bad false", NULL }, 0);
        start(test);
        record(test, 1, 1, "bad");
        HOOK_WAIT(test->hook, outbox_is_idle(test->outbox));
        assert_int_equal(outbox_count(test->outbox).abandoned, 1);
        drop(test, 1);
        assert_int_equal(outbox_count(test->outbox).abandoned, 0);
        expect_states(test, "SELECT count(*) FROM deliveries", "0");
}

static void test_an_unknown_delivery_changes_nothing(void **state)
{
        struct outbox_test *test = *state;
        const uint64_t ids[] = { 1, 99 };

        test->config = load_hooks(test, (const char *const[]){ "bad false", NULL }, 0);
        start(test);
        record(test, 1, 1, "bad");
        HOOK_WAIT(test->hook, outbox_is_idle(test->outbox));
        for (unsigned drops = 0; drops < 2; drops++) {
                const struct ended ended = change(test, drops != 0, ids, 2);

                assert_int_equal(ended.r, -ENOENT);
                assert_int_equal(ended.unknown, 99);
        }
        expect_states(test, ALL_STATES, "failed 1");
}

static void test_deliveries_of_a_removed_hook_can_only_be_dropped(void **state)
{
        struct outbox_test *test = *state;
        const uint64_t id = 1;

        test->config = load_hooks(test, (const char *const[]){ "bad false", NULL }, 0);
        record(test, 1, 1, "old");
        make_failed(test, 1);
        start(test);
        const struct ended ended = change(test, false, &id, 1);
        assert_int_equal(ended.r, -ENXIO);
        assert_int_equal(ended.unknown, 1);
        assert_int_equal(change(test, false, NULL, 0).count, 0);
        drop(test, 1);
        expect_states(test, "SELECT count(*) FROM deliveries", "0");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                OUTBOX_TEST(test_failed_deliveries_are_made_again_in_order),
                OUTBOX_TEST(test_one_that_waits_for_its_retry_is_due),
                OUTBOX_TEST(test_a_retry_waits_for_an_attempt_for_the_same_job),
                OUTBOX_TEST(test_a_retry_goes_ahead_of_newer_ones_that_fail),
                OUTBOX_TEST(test_a_retry_goes_ahead_of_newer_ones_that_wait),
                OUTBOX_TEST(test_tests_of_a_hook_take_turns_with_its_deliveries),
                OUTBOX_TEST(test_a_retry_of_others_leaves_attempts_alone),
                OUTBOX_TEST(test_a_dropped_delivery_is_not_made),
                OUTBOX_TEST(test_one_that_is_dropped_while_it_is_made_ends_with_the_attempt),
                OUTBOX_TEST(test_one_that_is_dropped_while_it_is_made_is_not_repeated_after_a_stop),
                OUTBOX_TEST(test_a_failed_delivery_is_dropped),
                OUTBOX_TEST(test_an_unknown_delivery_changes_nothing),
                OUTBOX_TEST(test_deliveries_of_a_removed_hook_can_only_be_dropped),
        };

        return cmocka_run_group_tests_name("outbox_changes", tests, NULL, NULL);
}
