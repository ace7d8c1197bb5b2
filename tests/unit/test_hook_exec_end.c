/* SPDX-License-Identifier: MIT */

/* Programs that do not end by themselves, or leave processes behind. */

#include "hook_fixture.h"

int __real_kill(pid_t pid, int number);
int __wrap_kill(pid_t pid, int number);

static bool signals_are_lost;

/* Signals that have no effect, as on a process in uninterruptible sleep. */
int __wrap_kill(pid_t pid, int number)
{
        return signals_are_lost ? 0 : __real_kill(pid, number);
}

/* The numbers that a program prints, one per line, once "ready" was printed. */
static size_t wait_ready(struct hook_run *run, pid_t pids[], size_t room)
{
        size_t count = 0;

        HOOK_WAIT(run->fixture, strstr(hook_read_output(run), "ready\n") != NULL);
        for (char *at = run->output, *end; count < room && (pids[count] = (pid_t)strtol(at, &end, 10)) != 0;
             at = end)
                count++;
        return count;
}

/* Long enough for a loaded machine to start the program. */
#define TIMEOUT_US (2 * USEC_PER_SEC)

static void expect_gone(pid_t pid)
{
        assert_int_equal(kill(pid, 0), -1);
        assert_int_equal(errno, ESRCH);
}

/* Program and children ignore SIGTERM: all are killed after the grace period, and reaped. */
static void test_timeout_kills_all(void **state)
{
        struct hook_fixture *fixture = *state;
        struct hook_run run = { .fixture = fixture };
        pid_t pids[3];

        fixture->hook.timeout_us = TIMEOUT_US;
        fixture->context.grace_us = 50 * USEC_PER_MSEC;
        uint64_t start_us = hook_now();
        hook_start(&run,
                   "/bin/sh -c 'trap \"\" TERM; sleep 1000 & echo $!; setsid sleep 1000 & echo $!; echo $$; "
                   "echo ready; while :; do wait; done'");
        assert_int_equal(wait_ready(&run, pids, 3), 3);
        hook_finish(&run);
        assert_true(hook_now() - start_us >= TIMEOUT_US + 50 * USEC_PER_MSEC);
        assert_false(run.success);
        assert_false(run.stopped);
        assert_string_equal(run.reason, "timed out after 2s");
        for (size_t i = 0; i < 3; i++)
                expect_gone(pids[i]);
        hook_clear(&run);
}

/* When the program ends, children that ignore SIGTERM still have the grace period. */
static void test_timeout_kills_what_is_left(void **state)
{
        struct hook_fixture *fixture = *state;
        struct hook_run run = { .fixture = fixture };
        pid_t pids[1];

        fixture->hook.timeout_us = TIMEOUT_US;
        fixture->context.grace_us = 200 * USEC_PER_MSEC;
        uint64_t start_us = hook_now();
        hook_start(&run, "/bin/sh -c '(trap \"\" TERM; exec sleep 1000) & echo $!; echo ready; wait'");
        assert_int_equal(wait_ready(&run, pids, 1), 1);
        hook_finish(&run);
        assert_true(hook_now() - start_us >= TIMEOUT_US + 200 * USEC_PER_MSEC);
        assert_string_equal(run.reason, "timed out after 2s");
        expect_gone(pids[0]);
        hook_clear(&run);
}

/* Exit status 0 after the timeout is still a failure. */
static void test_timeout_is_a_failure(void **state)
{
        struct hook_fixture *fixture = *state;
        struct hook_run run = { .fixture = fixture };

        fixture->hook.timeout_us = 100 * USEC_PER_MSEC;
        fixture->context.grace_us = LONG_US;
        hook_start(&run, "/bin/sh -c 'trap \"exit 0\" TERM; echo ready; while :; do sleep 0.01; done'");
        hook_finish(&run);
        assert_false(run.success);
        assert_string_equal(run.reason, "timed out after 100ms");
        hook_clear(&run);
}

static void test_timeout_of_a_stopped_program(void **state)
{
        struct hook_fixture *fixture = *state;
        struct hook_run run = { .fixture = fixture };

        fixture->hook.timeout_us = 100 * USEC_PER_MSEC;
        fixture->context.grace_us = LONG_US;
        hook_start(&run, "/bin/sh -c 'kill -STOP $$; exec sleep 1000'");
        hook_finish(&run);
        assert_string_equal(run.reason, "timed out after 100ms");
        hook_clear(&run);
}

static void test_stop(void **state)
{
        struct hook_run run = { .fixture = *state };

        hook_start(&run, "/bin/sh -c 'echo ready; exec sleep 1000'");
        (void)wait_ready(&run, NULL, 0);
        hook_exec_stop(run.run);
        hook_exec_stop(run.run);
        assert_int_equal(run.ends, 0);
        hook_finish(&run);
        assert_false(run.success);
        assert_true(run.stopped);
        assert_string_equal(run.reason, "stopped: killed by SIGTERM");
        hook_clear(&run);
}

/* A program that exited before the stop, which the loop does not know yet, was not stopped. */
static void test_stop_after_exit(void **state)
{
        struct hook_run run = { .fixture = *state };
        siginfo_t death;

        hook_start(&run, "/bin/false");
        assert_return_code(waitid(P_ALL, 0, &death, WEXITED | WNOWAIT), errno);
        hook_exec_stop(run.run);
        hook_finish(&run);
        assert_false(run.success);
        assert_false(run.stopped);
        assert_string_equal(run.reason, "exit status 1");
        hook_clear(&run);
}

/* systemd signals the daemon and its hooks at the same time, with KillMode=control-group. */
static void test_stop_after_signal(void **state)
{
        struct hook_run run = { .fixture = *state };
        siginfo_t death;
        pid_t pids[1];

        hook_start(&run, "/bin/sh -c 'echo $$; echo ready; exec sleep 1000'");
        assert_int_equal(wait_ready(&run, pids, 1), 1);
        assert_return_code(kill(pids[0], SIGTERM), errno);
        assert_return_code(waitid(P_ALL, 0, &death, WEXITED | WNOWAIT), errno);
        hook_exec_stop(run.run);
        hook_finish(&run);
        assert_true(run.stopped);
        hook_clear(&run);
}

static void test_stop_after_timeout(void **state)
{
        struct hook_fixture *fixture = *state;
        struct hook_run run = { .fixture = fixture };

        fixture->hook.timeout_us = TIMEOUT_US;
        fixture->context.grace_us = TIMEOUT_US;
        hook_start(&run,
                   "/bin/sh -c 'trap \"echo trapped; exec sleep 1000\" TERM; while :; do sleep 0.01; done'");
        HOOK_WAIT(fixture, strstr(hook_read_output(&run), "trapped\n") != NULL);
        hook_exec_stop(run.run);
        hook_finish(&run);
        assert_false(run.stopped);
        assert_string_equal(run.reason, "timed out after 2s");
        hook_clear(&run);
}

static void test_stop_kills_after_the_grace(void **state)
{
        struct hook_fixture *fixture = *state;
        struct hook_run run = { .fixture = fixture };

        fixture->context.grace_us = 50 * USEC_PER_MSEC;
        hook_start(&run, "/bin/sh -c 'trap \"\" TERM; echo ready; exec sleep 1000'");
        (void)wait_ready(&run, NULL, 0);
        hook_exec_stop(run.run);
        hook_finish(&run);
        assert_string_equal(run.reason, "stopped: killed by SIGKILL");
        hook_clear(&run);
}

/* A program that exits with 0 when stopped has succeeded. */
static void test_stop_can_succeed(void **state)
{
        struct hook_run run = { .fixture = *state };

        hook_start(&run, "/bin/sh -c 'trap \"exit 0\" TERM; echo ready; while :; do sleep 0.01; done'");
        (void)wait_ready(&run, NULL, 0);
        hook_exec_stop(run.run);
        hook_finish(&run);
        assert_true(run.success);
        hook_clear(&run);
}

static void test_free_of_the_living(void **state)
{
        struct hook_run run = { .fixture = *state };
        pid_t pids[2] = { 0 };

        assert_null(hook_exec_free(NULL));
        hook_start(&run, "/bin/sh -c 'trap \"\" TERM; sleep 1000 & echo $!; echo $$; echo ready; wait'");
        assert_int_equal(wait_ready(&run, pids, 2), 2);
        run.run = hook_exec_free(run.run);
        assert_null(run.run);
        assert_int_equal(run.ends, 0);
        expect_gone(pids[0]);
        expect_gone(pids[1]);
        hook_clear(&run);
}

/* The wait for a program that does not die of SIGKILL is bounded, and there is only one. */
static void test_free_of_the_unkillable(void **state)
{
        struct hook_fixture *fixture = *state;

        for (unsigned i = 0; i < 2; i++) {
                struct hook_run run = { .fixture = fixture };
                bool killed_before = i == 1;
                pid_t pids[1];

                fixture->context.grace_us = 50 * USEC_PER_MSEC;
                hook_start(&run, "/bin/sh -c 'echo $PPID; echo ready; exec sleep 1000'");
                assert_int_equal(wait_ready(&run, pids, 1), 1);
                signals_are_lost = true;
                if (killed_before) {
                        hook_exec_stop(run.run);
                        assert_true(hook_turn(fixture, 5 * USEC_PER_SEC) > 0); /* the grace period */
                }
                uint64_t start_us = hook_now();
                run.run = hook_exec_free(run.run);
                uint64_t took_us = hook_now() - start_us;
                signals_are_lost = false;
                if (killed_before)
                        assert_true(took_us < 450 * USEC_PER_MSEC);
                else
                        assert_in_range(took_us, 1950 * USEC_PER_MSEC, 5 * USEC_PER_SEC);
                assert_int_equal(run.ends, 0);
                assert_return_code(kill(pids[0], SIGINT), errno);
                assert_int_equal(hook_reap(pids[0]).si_status, 128 + SIGKILL);
                hook_clear(&run);
        }
}

/* hook-run is killed: so is the program, and the attempt has failed. */
static void test_hook_run_is_killed(void **state)
{
        struct hook_run run = { .fixture = *state };
        pid_t pids[2];

        hook_start(&run, "/bin/sh -c 'echo $PPID $$; echo ready; exec sleep 1000'");
        assert_int_equal(wait_ready(&run, pids, 2), 2);
        assert_return_code(kill(pids[0], SIGKILL), errno);
        hook_finish(&run);
        assert_false(run.success);
        assert_false(run.stopped);
        assert_string_equal(run.reason, "hook-run was killed by SIGKILL");
        assert_int_equal(hook_reap(pids[1]).si_status, SIGKILL);
        hook_clear(&run);
}

/* Freed when the program is already a zombie. */
static void test_free_of_zombie(void **state)
{
        struct hook_run run = { .fixture = *state };
        siginfo_t death;

        hook_start(&run, "/bin/true");
        assert_return_code(waitid(P_ALL, 0, &death, WEXITED | WNOWAIT), errno);
        hook_exec_free(run.run);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        hook_clear(&run);
}

/* Background processes of a program that ended in time are left alone. */
static void test_background_is_left_alone(void **state)
{
        struct hook_run run = { .fixture = *state };
        pid_t pids[1];

        hook_start(&run, "/bin/sh -c 'sleep 1000 & echo $!; echo ready'");
        assert_int_equal(wait_ready(&run, pids, 1), 1);
        hook_finish(&run);
        assert_true(run.success);
        assert_return_code(kill(pids[0], SIGUSR1), errno);
        assert_int_equal(hook_reap(pids[0]).si_status, SIGUSR1);
        hook_clear(&run);
}

#define HOOK_TEST(function) cmocka_unit_test_setup_teardown(function, hook_setup, hook_teardown)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                HOOK_TEST(test_timeout_kills_all),
                HOOK_TEST(test_timeout_kills_what_is_left),
                HOOK_TEST(test_timeout_is_a_failure),
                HOOK_TEST(test_timeout_of_a_stopped_program),
                HOOK_TEST(test_stop),
                HOOK_TEST(test_stop_after_exit),
                HOOK_TEST(test_stop_after_signal),
                HOOK_TEST(test_stop_after_timeout),
                HOOK_TEST(test_stop_kills_after_the_grace),
                HOOK_TEST(test_stop_can_succeed),
                HOOK_TEST(test_free_of_the_living),
                HOOK_TEST(test_free_of_the_unkillable),
                HOOK_TEST(test_free_of_zombie),
                HOOK_TEST(test_hook_run_is_killed),
                HOOK_TEST(test_background_is_left_alone),
        };

        return cmocka_run_group_tests_name("hook_exec_end", tests, NULL, NULL);
}
