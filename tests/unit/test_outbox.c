/* SPDX-License-Identifier: MIT */

/* The outbox: which hooks get which events, in which order, and what a stop and a reload leave. */

#include "outbox_fixture.h"

static void expect_selected(const struct config *config, uint64_t job, enum event_kind kind,
                            const char *expected)
{
        struct event event = fixture_event(1, job, kind);
        const char *names[8];
        char found[128] = "";

        event.first_observation = false;
        size_t index = 0;
        while (config->jobs[index].id != job)
                index++;
        const struct string_list *hooks = config->jobs[index].hooks_given ? &config->jobs[index].hooks : NULL;
        size_t count = outbox_select(config, hooks, &event, names);
        for (size_t i = 0; i < count; i++)
                strcat(strcat(found, names[i]), " ");
        assert_string_equal(found, expected);
}

static void test_select(void **state)
{
        struct config *config = load_text("[jobs]\nids = 1\n[job a]\nid = 2\nhooks = stalls, ends\n"
                                          "[hook ends]\nexec = /bin/true\n"
                                          "[hook changes]\nexec = /bin/true\non = seen, changed\n"
                                          "[hook stalls]\nexec = /bin/true\non = stalled, failed\n");
        (void)state;

        expect_selected(config, 1, EVENT_SEEN, "changes ");
        expect_selected(config, 1, EVENT_CHANGED, "changes ");
        expect_selected(config, 1, EVENT_STALLED, "stalls ");
        expect_selected(config, 1, EVENT_FAILED, "ends changes stalls ");
        expect_selected(config, 2, EVENT_CHANGED, "");
        expect_selected(config, 2, EVENT_SUCCEEDED, "ends ");
        expect_selected(config, 2, EVENT_FAILED, "ends stalls ");
        config_free(config);
}

static void test_delivered_and_abandoned(void **state)
{
        struct outbox_test *test = *state;

        test->config = load_hooks(test, (const char *const[]){ "good log", "bad false", NULL }, 0);
        record(test, 1, 10, "good");
        record(test, 2, 10, "bad");
        record(test, 3, 10, "unknown");
        start(test);
        assert_false(outbox_is_idle(test->outbox));
        HOOK_WAIT(test->hook, test->idle > 0);
        assert_true(outbox_is_idle(test->outbox));
        expect_delivered(test, "1");
        expect_states(test, ALL_STATES, "done 1,failed 1,pending 0");
}

static void test_each_hook_is_counted(void **state)
{
        struct outbox_test *test = *state;
        struct hook_counts counts[3];

        test->config =
                load_hooks(test, (const char *const[]){ "good log", "bad false", "slow gate", NULL }, 0);
        record(test, 1, 10, "good");
        record(test, 2, 1, "bad");
        record(test, 3, 10, "slow");
        record(test, 4, 11, "slow");
        start(test);
        HOOK_WAIT(test->hook, pending(test, "good") == 0 && pending(test, "bad") == 0);
        assert_int_equal(outbox_count_hooks(test->outbox, counts, 2), 2); /* there is room for two */
        assert_int_equal(outbox_count_hooks(test->outbox, counts, 3), 3);
        assert_string_equal(counts[0].hook, "good");
        assert_int_equal(counts[0].attempts.succeeded, 1);
        assert_int_equal(counts[0].attempts.failed + counts[0].attempts.abandoned, 0);
        assert_int_equal(counts[0].pending + counts[0].oldest_us, 0);
        assert_string_equal(counts[1].hook, "bad");
        assert_int_equal(counts[1].attempts.succeeded, 0);
        assert_int_equal(counts[1].attempts.failed, 1);
        assert_int_equal(counts[1].attempts.abandoned, 1);
        assert_string_equal(counts[2].hook, "slow");
        assert_int_equal(counts[2].pending, 2);
        assert_int_equal(counts[2].oldest_us, fixture_event(3, 10, EVENT_SUCCEEDED).time_us);

        /* After a restart the state tells of the same deliveries, and attempts are counted anew. */
        start(test);
        settle(test);
        assert_int_equal(outbox_count_hooks(test->outbox, counts, 3), 3);
        assert_int_equal(counts[1].attempts.failed, 0);
        assert_int_equal(counts[1].attempts.abandoned, 1);
        assert_int_equal(counts[2].oldest_us, fixture_event(3, 10, EVENT_SUCCEEDED).time_us);
        open_gate(test);
        open_gate(test);
        HOOK_WAIT(test->hook, pending(test, "slow") == 0);
}

static void test_retried_later(void **state)
{
        struct outbox_test *test = *state;

        test->config = load_hooks(test, (const char *const[]){ "bad false", NULL }, 1);
        record(test, 1, 10, "bad");
        start(test);
        HOOK_WAIT(test->hook, is_done(test));
        assert_false(outbox_is_idle(test->outbox)); /* a retry is pending */
        assert_int_equal(test->idle, 0);
        expect_states(test, ALL_STATES, "pending 1");

        make_due(test, 1);
        start(test);
        HOOK_WAIT(test->hook, test->idle > 0);
        expect_states(test, ALL_STATES, "failed 3");
}

static void test_order_and_concurrency(void **state)
{
        struct outbox_test *test = *state;

        test->config = load_hooks(test, (const char *const[]){ "slow gate", "quick true", NULL }, 0);
        record(test, 1, 10, "slow");
        record(test, 2, 10, "slow");
        record(test, 3, 10, "slow");
        start(test);
        for (unsigned left = 3; left > 0; left--) {
                assert_int_equal(pending(test, "slow"), left);
                settle(test);
                assert_int_equal(in_progress(), 1); /* never two of one job */
                open_gate(test);
                HOOK_WAIT(test->hook, pending(test, "slow") < left);
        }
        expect_delivered(test, "123");

        for (unsigned i = 0; i < 6; i++)
                record(test, 4 + i, 20 + i, "slow");
        record(test, 10, 10, "quick");
        HOOK_WAIT(test->hook, pending(test, "quick") == 0); /* not delayed by the other hook */
        for (unsigned left = 6; left > 0; left--) {
                settle(test);
                assert_int_equal(in_progress(), left < 4 ? left : 4);
                open_gate(test);
                HOOK_WAIT(test->hook, pending(test, "slow") < left);
        }
        HOOK_WAIT(test->hook, outbox_is_idle(test->outbox));
}

static void test_stop_and_free(void **state)
{
        struct outbox_test *test = *state;

        test->config = load_hooks(test, (const char *const[]){ "slow gate", NULL }, 0);
        record(test, 1, 10, "slow");
        record(test, 2, 20, "slow");
        record(test, 3, 10, "slow");
        start(test);
        HOOK_WAIT(test->hook, in_progress() == 2);
        outbox_stop(test->outbox);
        assert_int_equal(test->idle, 0);
        HOOK_WAIT(test->hook, test->idle > 0);
        assert_int_equal(in_progress(), 0);
        expect_delivered(test, "");
        expect_states(test, ALL_STATES, "pending 0,pending 0,pending 0");

        start(test);
        HOOK_WAIT(test->hook, in_progress() == 2);
        expect_states(test, ALL_STATES, "pending 0,pending 0,pending 0"); /* killed */

        start(test);
        for (unsigned i = 0; i < 3; i++)
                open_gate(test);
        HOOK_WAIT(test->hook, test->idle > 0);
        expect_states(test, ALL_STATES, "done 1,done 1,done 1");
}

/* Waits until all children are zombies. The loop does not know it yet. */
static void wait_for_all_to_end(void)
{
        char path[64];
        int pids[8];
        siginfo_t death;

        (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        size_t count = 0;
        while (count < 8 && fscanf(file, "%d", &pids[count]) == 1)
                count++;
        (void)fclose(file);
        for (size_t i = 0; i < count; i++)
                assert_return_code(waitid(P_PID, (id_t)pids[i], &death, WEXITED | WNOWAIT), errno);
}

/* What a hook reports while the outbox stops is recorded; a failure before the stop is one. */
static void test_stop_records_results(void **state)
{
        struct outbox_test *test = *state;

        test->config = load_hooks(test, (const char *const[]){ "slow gate", "bad false", NULL }, 0);
        record(test, 1, 10, "slow");
        record(test, 2, 10, "slow");
        record(test, 3, 20, "bad");
        start(test);
        while (in_progress() < 2) /* both are started in one iteration */
                assert_true(sd_event_run(test->hook->event, USEC_PER_SEC) >= 0);
        open_gate(test);
        wait_for_all_to_end();
        outbox_stop(test->outbox);
        HOOK_WAIT(test->hook, test->idle > 0);
        expect_delivered(test, "1");
        expect_states(test, ALL_STATES, "done 1,pending 0,failed 1");
}

static void test_reload(void **state)
{
        struct outbox_test *test = *state;
        struct config *next = load_hooks(test, (const char *const[]){ "mail log", "new true", NULL }, 0);

        test->config = load_hooks(test, (const char *const[]){ "old gate", "mail gate", NULL }, 0);
        record(test, 1, 10, "mail");
        record(test, 2, 10, "mail");
        record(test, 3, 10, "old");
        start(test);
        HOOK_WAIT(test->hook, in_progress() == 2);

        assert_int_equal(try_reload(test, next), 0);
        config_free(next);
        settle(test);
        assert_int_equal(in_progress(), 2); /* unchanged; the second event still waits for the first */
        assert_int_equal(pending(test, "mail"), 2);
        open_gate(test);
        open_gate(test);
        HOOK_WAIT(test->hook, test->idle > 0);
        expect_states(test, ALL_STATES " WHERE hook = 'mail'", "done 1,done 1");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_select),           OUTBOX_TEST(test_delivered_and_abandoned),
                OUTBOX_TEST(test_each_hook_is_counted),  OUTBOX_TEST(test_retried_later),
                OUTBOX_TEST(test_order_and_concurrency), OUTBOX_TEST(test_stop_and_free),
                OUTBOX_TEST(test_stop_records_results),  OUTBOX_TEST(test_reload),
        };

        return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
