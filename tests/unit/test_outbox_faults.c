/* SPDX-License-Identifier: MIT */

/* The outbox when the state cannot be read or written: no event is lost. */

#include "fault_sqlite.h"
#include "outbox_fixture.h"

#include <sys/mman.h>

/* Standard error, where messages go in these tests. */
struct capture {
        int fd, original;
        char text[4096];
};

static void begin_capture(struct capture *capture)
{
        capture->fd = memfd_create("log", MFD_CLOEXEC);
        assert_return_code(capture->fd, errno);
        capture->original = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        assert_return_code(capture->original, errno);
        assert_return_code(dup2(capture->fd, STDERR_FILENO), errno);
}

static void end_capture(struct capture *capture)
{
        assert_return_code(dup2(capture->original, STDERR_FILENO), errno);
        ssize_t size = pread(capture->fd, capture->text, sizeof(capture->text) - 1, 0);
        assert_return_code(size, errno);
        capture->text[size] = '\0';
        close(capture->original);
        close(capture->fd);
}

static unsigned count_in(const char *text, const char *part)
{
        unsigned count = 0;

        for (; (text = strstr(text, part)) != NULL; text++)
                count++;
        return count;
}

/* Deliveries or events that cannot be read are logged once, retried after a while, and not forgotten. */
static void test_unreadable(struct outbox_test *test, void (*arm)(void))
{
        struct capture capture;

        begin_capture(&capture);
        arm();
        HOOK_WAIT(test->hook, is_done(test));
        assert_true(fault_sqlite_disarm());
        HOOK_WAIT(test->hook, is_done(test));
        end_capture(&capture);
        assert_int_equal(count_in(capture.text, "Cannot read pending deliveries of hook mail"), 1);
        assert_int_equal(test->idle, 0);
        assert_false(outbox_is_idle(test->outbox));
        assert_true(outbox_count(test->outbox).state_error);
        assert_int_equal(sd_event_run(test->hook->event, 200 * USEC_PER_MSEC), 0); /* the timer is later */
        HOOK_WAIT(test->hook, test->idle > 0);
        assert_false(outbox_count(test->outbox).state_error);
        expect_delivered(test, "1");
        expect_states(test, ALL_STATES, "done 1");
}

static void arm_first_column(void)
{
        fault_sqlite_arm_column(1);
}

static void test_unreadable_deliveries(void **state)
{
        struct outbox_test *test = *state;

        test->config = load_hooks(test, (const char *const[]){ "mail log", NULL }, 0);
        record(test, 1, 10, "mail");
        start(test);
        test_unreadable(test, arm_first_column);
}

static void arm_all(void)
{
        fault_sqlite_arm(1, SQLITE_IOERR_READ, true);
}

static void test_unreadable_event(void **state)
{
        struct outbox_test *test = *state;

        test->config = load_hooks(test, (const char *const[]){ "mail log", NULL }, 0);
        start(test);
        HOOK_WAIT(test->hook, test->idle > 0);
        record(test, 1, 10, "mail");
        test->idle = 0;
        test_unreadable(test, arm_all);
}

/*
 * A result that cannot be recorded when the outbox stops, or from then on, is recorded as soon as that is
 * possible.
 */
static void test_stop_with_a_full_disk(void **state)
{
        struct outbox_test *test = *state;

        test->config = load_hooks(test, (const char *const[]){ "mail gate", NULL }, 0);
        for (unsigned i = 0; i < 2; i++) {
                bool stop_first = i == 1;

                record(test, i + 1, 10, "mail");
                start(test);
                HOOK_WAIT(test->hook, in_progress() == 1);
                fault_sqlite_arm(1, SQLITE_FULL, true);
                open_gate(test);
                siginfo_t death;
                assert_return_code(waitid(P_ALL, 0, &death, WEXITED | WNOWAIT), errno);
                if (stop_first)
                        outbox_stop(test->outbox);
                HOOK_WAIT(test->hook, is_done(test));
                if (!stop_first)
                        outbox_stop(test->outbox);
                assert_false(outbox_is_busy(test->outbox));
                assert_false(outbox_is_idle(test->outbox));
                assert_true(fault_sqlite_disarm());
                HOOK_WAIT(test->hook, test->idle > 0);
                expect_states(test, ALL_STATES, i == 0 ? "done 1" : "done 1,done 1");
        }
        expect_delivered(test, "12");
}

/* With `once`, neither the result nor what would be next is waited for. */
static void test_once_ends_with_a_full_disk(void **state)
{
        struct outbox_test *test = *state;
        char text[512];

        (void)snprintf(text, sizeof(text),
                       "[jobs]\nids = 1\n[hook mail]\nparallel = 1\nexec = /bin/sh -c 'read line <%s/gate'\n",
                       test->hook->directory);
        test->config = load_text(text);
        test->once = true;
        for (unsigned number = 1; number <= 3; number++)
                record(test, number, 10 + number, "mail");
        start(test);
        HOOK_WAIT(test->hook, in_progress() == 1);
        settle(test);
        fault_sqlite_arm(1, SQLITE_FULL, true);
        open_gate(test);
        open_gate(test); /* the second begins while the result of the first is recorded */
        HOOK_WAIT(test->hook, outbox_is_idle(test->outbox));
        assert_true(outbox_count(test->outbox).state_error);
        assert_true(fault_sqlite_disarm());
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_unreadable_deliveries),
                TEST(test_unreadable_event),
                TEST(test_stop_with_a_full_disk),
                TEST(test_once_ends_with_a_full_disk),
        };

        return cmocka_run_group_tests_name("outbox_faults", tests, NULL, NULL);
}
