/* SPDX-License-Identifier: MIT */

/* Timeouts of unit hooks and of systemd, and units that are already running. */

#include "unit_fixture.h"

static void test_timeout(void **state)
{
        struct bus_fixture *fixture = *state;
        const struct unit_change failed = {
                .active = "failed", .result = "exit-code", .code = CLD_EXITED, .status = 1
        };
        struct unit_run run;
        char *reason = NULL;

        fixture->hook->hook.timeout_us = UNIT_SHORT_US;
        for (unsigned attempt = 1; attempt <= 3; attempt++) {
                assert_int_equal(unit_try(&run, fixture, "a.service", attempt, &reason), 0);
                unit_expect_failure(
                        &run,
                        "unit a.service did not finish within 1s (timeout = of the hook); left running");
                HOOK_WAIT(fixture->hook, fixture->systemd.cancels == attempt);
                unit_wait_starts(fixture, attempt);
                /* The unit may still read them until it has ended, though the delivery is abandoned. */
                assert_true(unit_has_files(fixture));
                fake_send_change(&fixture->systemd, "a.service", &failed);
                HOOK_WAIT(fixture->hook, !unit_has_files(fixture));
        }
        assert_non_null(strstr(fixture->systemd.calls, "Cancel /org/freedesktop/systemd1/job/3;"));
}

/* A unit that succeeds after the timeout is not started again, whatever its name. */
static void test_late_success(void **state)
{
        struct bus_fixture *fixture = *state;
        struct fake_systemd *systemd = &fixture->systemd;
        const struct unit_change failed = {
                .active = "failed", .result = "exit-code", .code = CLD_EXITED, .status = 1
        };
        const struct unit_change running = { .active = "activating", .result = "success" };
        struct unit_run run, marker;
        char *reason = NULL;

        fixture->hook->hook.timeout_us = UNIT_SHORT_US;
        unit_start(&run, fixture, "a.service");
        unit_wait_starts(fixture, 1);
        fake_send_change(systemd, "a.service", &running);
        unit_expect_failure(&run, "did not finish within 1s");

        /* Still running at the second attempt. */
        systemd->active = "activating";
        assert_int_equal(unit_try(&run, fixture, "a.service", 2, &reason), 0);
        unit_expect_failure(&run, "still running from an earlier start");
        assert_true(unit_has_files(fixture));

        /* At the third it has ended. Other units are not affected. */
        systemd->active = "inactive";
        fake_send_change(systemd, "a.service", &unit_success);
        fixture->hook->hook.timeout_us = LONG_US;
        unit_start(&marker, fixture, "b.service");
        unit_wait_starts(fixture, 2);
        fake_end_unit(systemd, 2, "b.service");
        unit_expect_end(&marker, true, "");
        assert_int_equal(unit_try(&run, fixture, "a.service", 3, &reason), 0);
        assert_int_equal(run.ends, 0);
        unit_expect_end(&run, true, "");
        assert_false(unit_has_files(fixture));
        assert_int_equal(systemd->starts, 2);

        /* The success is reported once. A unit that fails after the timeout is started again. */
        fixture->hook->hook.timeout_us = UNIT_SHORT_US;
        unit_start(&run, fixture, "a.service");
        unit_expect_failure(&run, "did not finish within 1s");
        fake_send_change(systemd, "a.service", &failed);
        fixture->hook->hook.timeout_us = LONG_US;
        unit_start(&marker, fixture, "b.service");
        unit_wait_starts(fixture, 4);
        fake_end_unit(systemd, 4, "b.service");
        unit_expect_end(&marker, true, "");
        assert_int_equal(unit_try(&run, fixture, "a.service", 2, &reason), 0);
        unit_wait_starts(fixture, 5);
        fake_send_change(systemd, "a.service", &unit_success);
        fake_send_removed(systemd, 5, "a.service", "done");
        unit_expect_end(&run, true, "");
}

/* A test has no second attempt, which would learn of it. */
static void test_late_success_of_a_test(void **state)
{
        struct bus_fixture *fixture = *state;
        const struct unit_change running = { .active = "activating", .result = "success" };
        struct unit_run run;

        fixture->hook->sample.test = true;
        fixture->hook->hook.timeout_us = UNIT_SHORT_US;
        unit_start(&run, fixture, "a.service");
        unit_wait_starts(fixture, 1);
        fake_send_change(&fixture->systemd, "a.service", &running);
        unit_expect_failure(&run, "did not finish within 1s");
        fixture->systemd.active = "inactive";
        fake_send_change(&fixture->systemd, "a.service", &unit_success);
        HOOK_WAIT(fixture->hook, !unit_has_files(fixture));

        fixture->hook->hook.timeout_us = LONG_US;
        unit_start(&run, fixture, "a.service");
        unit_wait_starts(fixture, 2);
        fake_end_unit(&fixture->systemd, 2, "a.service");
        unit_expect_end(&run, true, "");
}

/* What the unit did for an earlier event is not taken for a success of a start that was only waited for. */
static void test_start_is_late(void **state)
{
        struct bus_fixture *fixture = *state;
        struct fake_systemd *systemd = &fixture->systemd;
        const struct unit_change waiting = { "inactive", "success", false, CLD_EXITED, 0, 1 };
        struct unit_run run;
        char *reason = NULL;

        fixture->hook->hook.timeout_us = UNIT_SHORT_US;
        unit_start(&run, fixture, "a.service");
        unit_wait_starts(fixture, 1);
        fake_send_change(systemd, "a.service", &waiting);
        unit_expect_failure(&run, "its start job waited for other jobs for 1s");
        fake_send_change(systemd, "a.service", &unit_success);
        HOOK_WAIT(fixture->hook, !unit_has_files(fixture));

        assert_int_equal(unit_try(&run, fixture, "a.service", 2, &reason), 0);
        unit_wait_starts(fixture, 2);
        fake_end_unit(systemd, 2, "a.service");
        unit_expect_end(&run, true, "");
}

static void test_timeout_of_systemd(void **state)
{
        struct bus_fixture *fixture = *state;
        struct unit_run run;

        fixture->hook->hook.timeout_us = UNIT_SHORT_US;
        assert_true(sd_bus_detach_event(fixture->systemd.bus) >= 0); /* it does not reply */
        unit_start(&run, fixture, "a.service");
        unit_expect_failure(&run, "no reply from systemd about unit a.service within 1s");
        assert_false(unit_has_files(fixture));
}

/* An attempt ends with the start job, though the unit still stops; the next one waits for that and starts it.
 */
static void test_stopped_while_starting(void **state)
{
        struct bus_fixture *fixture = *state;
        struct fake_systemd *systemd = &fixture->systemd;
        const struct unit_change stopping = { .active = "deactivating", .result = "success" };
        const struct unit_change stopped = { .active = "inactive", .result = "success" };
        struct unit_run run;
        char *reason = NULL;

        unit_start(&run, fixture, "a.service");
        unit_wait_starts(fixture, 1);
        fake_send_change(systemd, "a.service", &stopping);
        fake_send_removed(systemd, 1, "a.service", "canceled");
        unit_expect_end(&run, false, "unit a.service was stopped or cancelled before it finished");
        assert_true(unit_has_files(fixture));

        assert_int_equal(unit_try(&run, fixture, "a.service", 2, &reason), 0);
        fake_send_change(systemd, "a.service", &stopping);
        fake_send_change(systemd, "a.service", &stopped);
        unit_wait_starts(fixture, 2);
        fake_send_change(systemd, "a.service", &unit_success);
        fake_send_removed(systemd, 2, "a.service", "done");
        unit_expect_end(&run, true, "");
        assert_false(unit_has_files(fixture));
}

/* ---- units that are running ---- */

static void test_busy(void **state)
{
        struct bus_fixture *fixture = *state;
        struct fake_systemd *systemd = &fixture->systemd;
        const struct unit_change running = { .active = "active", .result = "success" };
        struct unit_run run;

        systemd->active = "activating";
        systemd->sub = "start";
        unit_start(&run, fixture, "a.service");
        unit_wait_checks(fixture);
        fake_send_change(systemd, "a.service", &running);
        fake_send_removed(systemd, 4710, "a.service", "done");
        for (unsigned i = 0; i < 20; i++)
                assert_true(sd_event_run(fixture->hook->event, 1000) >= 0);
        assert_int_equal(systemd->starts, 0);
        fake_send_change(systemd, "a.service", &unit_success);
        unit_wait_starts(fixture, 1);
        fake_send_change(systemd, "a.service", &unit_success);
        fake_send_removed(systemd, 1, "a.service", "done");
        unit_expect_end(&run, true, "");

        fixture->hook->hook.timeout_us = UNIT_SHORT_US;
        unit_start(&run, fixture, "a.service");
        unit_expect_end(&run, false,
                        "unit a.service not started: still running from an earlier start after 1s");
        assert_int_equal(systemd->starts, 1);
        assert_false(unit_has_files(fixture));
}

/* With %e in its name, a running unit can only be about this event. */
static void test_busy_with_event(void **state)
{
        struct bus_fixture *fixture = *state;
        struct fake_systemd *systemd = &fixture->systemd;
        const struct unit_change failed = {
                .active = "failed", .result = "exit-code", .code = CLD_EXITED, .status = 1
        };
        const char *unit = "a@0f1e2d3c\\x2d4b5a\\x2d4978\\x2d8695\\x2da4b3c2d1e0f0.service";
        struct unit_run run;

        systemd->active = "activating";
        unit_start(&run, fixture, "a@%e.service");
        unit_wait_checks(fixture);
        fake_send_change(systemd, unit, &unit_success);
        unit_expect_end(&run, true, "");
        assert_int_equal(systemd->starts, 0);

        systemd->calls[0] = '\0';
        unit_start(&run, fixture, "a@%e.service");
        unit_wait_checks(fixture);
        fake_send_change(systemd, unit, &failed);
        unit_wait_starts(fixture, 1);
        fake_send_change(systemd, unit, &unit_success);
        fake_send_removed(systemd, 1, unit, "done");
        unit_expect_end(&run, true, "");

        systemd->active = "active";
        systemd->sub = "exited";
        unit_start(&run, fixture, "a@%e.service");
        unit_expect_end(&run, true, "");
        unit_start(&run, fixture, "a@%i.service");
        unit_expect_failure(
                &run, "not started: still active from an earlier start; remove RemainAfterExit=yes from it, "
                      "or add %e to its name");
        assert_int_equal(systemd->starts, 1);
}

static void test_active_target(void **state)
{
        struct bus_fixture *fixture = *state;
        struct unit_run run;

        fixture->systemd.active = "active";
        unit_start(&run, fixture, "a.target");
        unit_wait_starts(fixture, 1);
        fake_end_unit(&fixture->systemd, 1, "a.target");
        unit_expect_end(&run, true, "");
}

static void next_daemon(struct bus_fixture *fixture)
{
        assert_null(unit_hooks_free(fixture->unit_hooks));
        assert_null(bus_connection_free(fixture->connection));
        fixture->systemd.checks = 0;
        fixture->connection = bus_connection_new(fixture->hook->event);
        assert_int_equal(unit_hooks_new(&fixture->hook->context, fixture->connection, &fixture->unit_hooks),
                         0);
}

static void test_turns(void **state)
{
        struct bus_fixture *fixture = *state;
        struct fake_systemd *systemd = &fixture->systemd;
        struct unit_run first, second, third, other;

        unit_start(&first, fixture, "a.service");
        unit_start(&second, fixture, "a.service");
        unit_start(&third, fixture, "a.service");
        unit_start(&other, fixture, "b.service");
        unit_wait_starts(fixture, 2);
        assert_string_equal(systemd->calls, "LoadUnit a.service;LoadUnit b.service;"
                                            "StartUnit a.service;StartUnit b.service;");
        fake_send_removed(systemd, 1, "a.service", "failed");
        unit_expect_failure(&first, "unit a.service failed");
        assert_null(hook_unit_cancel(second.run)); /* while it is checking */
        unit_wait_starts(fixture, 3);
        assert_int_equal(third.ends, 0);
        fake_end_unit(systemd, 3, "a.service");
        unit_expect_end(&third, true, "");
        assert_int_equal(other.ends, 0);
        fake_end_unit(systemd, 2, "b.service");
        unit_expect_end(&other, true, "");
        assert_int_equal(second.ends, 0);
}

static void test_cancel(void **state)
{
        struct bus_fixture *fixture = *state;
        const struct unit_change failed = {
                .active = "failed", .result = "exit-code", .code = CLD_EXITED, .status = 1
        };
        struct unit_run run;

        unit_start(&run, fixture, "a.service");
        assert_null(hook_unit_cancel(run.run));
        unit_start(&run, fixture, "a.service");
        unit_wait_starts(fixture, 1);
        assert_null(hook_unit_cancel(run.run));
        assert_null(hook_unit_cancel(NULL));
        fake_send_change(&fixture->systemd, "a.service", &failed); /* it has run nevertheless */

        /* The reply to the first may not have arrived; a run whose job is known is cancelled. */
        unit_start(&run, fixture, "b.service");
        unit_wait_starts(fixture, 2);
        fake_end_unit(&fixture->systemd, 2, "b.service");
        unit_expect_end(&run, true, "");
        unit_start(&run, fixture, "a.service");
        unit_wait_starts(fixture, 3);
        struct unit_run marker; /* its end shows that the reply was read */
        unit_start(&marker, fixture, "b.service");
        unit_wait_starts(fixture, 4);
        fake_end_unit(&fixture->systemd, 4, "b.service");
        unit_expect_end(&marker, true, "");
        assert_null(hook_unit_cancel(run.run));
        HOOK_WAIT(fixture->hook, fixture->systemd.cancels == 1);
        assert_int_equal(run.ends, 0);
        fake_send_change(&fixture->systemd, "a.service", &failed);
        HOOK_WAIT(fixture->hook, !unit_has_files(fixture));

        /* Files of a unit that may be running stay; the next daemon removes them when it is inactive. */
        unit_start(&run, fixture, "a.service");
        unit_wait_starts(fixture, 5);
        assert_null(hook_unit_cancel(run.run));
        next_daemon(fixture);
        assert_true(unit_has_files(fixture));
        HOOK_WAIT(fixture->hook, !unit_has_files(fixture));
}

/* ---- the next daemon ---- */

/* Starts a unit, which then runs, and ends the daemon. */
static void leave_running(struct bus_fixture *fixture, const char *target)
{
        struct unit_run run;

        unit_start(&run, fixture, target);
        unit_wait_starts(fixture, 1);
        assert_null(hook_unit_cancel(run.run));
        fixture->systemd.active = "activating";
        next_daemon(fixture);
        unit_wait_checks(fixture);
        assert_true(unit_has_files(fixture));
}

static void test_files_outlive_the_daemon(void **state)
{
        struct bus_fixture *fixture = *state;
        const struct unit_change waiting = { .active = "inactive", .result = "success", .job = 7 };

        leave_running(fixture, "a.service");
        next_daemon(fixture); /* once more */
        unit_wait_checks(fixture);
        fake_send_change(&fixture->systemd, "b.service", &unit_success);
        fake_send_change(&fixture->systemd, "a.service", &waiting); /* about to be started again */
        for (unsigned i = 0; i < 20; i++)
                assert_true(sd_event_run(fixture->hook->event, 1000) >= 0);
        assert_true(unit_has_files(fixture));
        fake_send_change(&fixture->systemd, "a.service", &unit_success);
        HOOK_WAIT(fixture->hook, !unit_has_files(fixture));
        assert_int_equal(fixture->systemd.starts, 1);
}

/* A unit with %e in its name can only have run for this event: what it did is the result of the next attempt.
 */
static void test_result_outlives_the_daemon(void **state)
{
        struct bus_fixture *fixture = *state;
        struct unit_run run;
        char *reason = NULL;

        leave_running(fixture, "a@%e.service");
        fake_send_change(&fixture->systemd, "a@0f1e2d3c\\x2d4b5a\\x2d4978\\x2d8695\\x2da4b3c2d1e0f0.service",
                         &unit_success);
        HOOK_WAIT(fixture->hook, !unit_has_files(fixture));
        assert_int_equal(unit_try(&run, fixture, "a@%e.service", 1, &reason), 0);
        unit_expect_end(&run, true, "");
        assert_int_equal(fixture->systemd.starts, 1);
}

/* Any other unit may run for another event, so it is waited for and started again. */
static void test_start_after_the_daemon(void **state)
{
        struct bus_fixture *fixture = *state;
        struct unit_run run;
        char *reason = NULL;

        leave_running(fixture, "a.service");
        assert_int_equal(unit_try(&run, fixture, "a.service", 1, &reason), 0);
        fake_send_change(&fixture->systemd, "a.service", &unit_success);
        unit_wait_starts(fixture, 2);
        assert_true(unit_has_files(fixture));
        fake_send_change(&fixture->systemd, "a.service", &unit_success);
        fake_send_removed(&fixture->systemd, 2, "a.service", "done");
        unit_expect_end(&run, true, "");
        assert_false(unit_has_files(fixture));
}

/* Without a bus, the files stay until there is one. */
static void test_no_bus_at_start(void **state)
{
        struct bus_fixture *fixture = *state;
        struct unit_run run;

        leave_running(fixture, "a.service");
        fake_disconnect(fixture);
        bus_kill(fixture);
        next_daemon(fixture);
        assert_true(unit_has_files(fixture));

        bus_begin(fixture);
        fake_connect(fixture);
        fixture->systemd.active = "inactive";
        unit_start(&run, fixture, "b.target");
        unit_wait_starts(fixture, 2);
        fake_end_unit(&fixture->systemd, 2, "b.target");
        unit_expect_end(&run, true, "");
        HOOK_WAIT(fixture->hook, !unit_has_files(fixture));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, bus_setup, bus_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_timeout),
                TEST(test_late_success),
                TEST(test_late_success_of_a_test),
                TEST(test_start_is_late),
                TEST(test_timeout_of_systemd),
                TEST(test_stopped_while_starting),
                TEST(test_busy),
                TEST(test_busy_with_event),
                TEST(test_active_target),
                TEST(test_turns),
                TEST(test_cancel),
                TEST(test_files_outlive_the_daemon),
                TEST(test_result_outlives_the_daemon),
                TEST(test_start_after_the_daemon),
                TEST(test_no_bus_at_start),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
