/* SPDX-License-Identifier: MIT */

/* When STATUS= is sent. The service manager is a socket of the test. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/status_line.h"
#include "util/timespan.h"

/* For a loaded machine under a sanitizer. */
#define LIMIT_US (60 * USEC_PER_SEC)

struct line_test {
        sd_event *event;
        struct status_line *line;
        int manager;
        const char *text; /* of the status; NULL: none */
        bool unstable;
        sd_event_source *ticker;
        unsigned received;
        char last[128]; /* what was received last */
        uint64_t last_us;
};

static uint64_t now_us(void)
{
        struct timespec now;

        assert_return_code(clock_gettime(CLOCK_BOOTTIME, &now), errno);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

static char *describe(void *userdata, uint64_t time_us, bool *ret_stable)
{
        const struct line_test *test = userdata;

        (void)time_us;
        *ret_stable = !test->unstable;
        return test->text != NULL ? strdup(test->text) : NULL;
}

static int on_message(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        (void)source;
        (void)events;
        struct line_test *test = userdata;

        ssize_t size = recv(fd, test->last, sizeof(test->last) - 1, 0);
        assert_return_code(size, errno);
        test->last[size] = '\0';
        test->last_us = now_us();
        test->received++;
        return 0;
}

/* As a busy daemon: something happens all the time. */
static int on_tick(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)userdata;
        assert_true(sd_event_source_set_time(source, time_us + 20 * USEC_PER_MSEC) >= 0);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int setup(void **state)
{
        static struct line_test test;
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        char name[64];

        test = (struct line_test){ .text = "one" };
        test.manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_return_code(test.manager, errno);
        (void)snprintf(name, sizeof(name), "@jobwatch-test-%d", (int)getpid());
        memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
        assert_return_code(bind(test.manager, (struct sockaddr *)&address,
                                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
                           errno);
        assert_return_code(setenv("NOTIFY_SOCKET", name, 1), errno);
        assert_true(sd_event_new(&test.event) >= 0);
        assert_true(sd_event_add_io(test.event, NULL, test.manager, EPOLLIN, on_message, &test) >= 0);
        assert_true(sd_event_add_time(test.event, &test.ticker, CLOCK_BOOTTIME, 0, 1, on_tick, &test) >= 0);
        test.line = status_line_new(test.event, describe, &test);
        assert_non_null(test.line);
        *state = &test;
        return 0;
}

static int teardown(void **state)
{
        struct line_test *test = *state;

        assert_null(status_line_free(test->line));
        sd_event_source_unref(test->ticker);
        sd_event_unref(test->event);
        return close(test->manager);
}

/* Nothing happens any more of its own. */
static void be_quiet(struct line_test *test)
{
        assert_true(sd_event_source_set_enabled(test->ticker, SD_EVENT_OFF) >= 0);
}

static void wait_for(struct line_test *test, unsigned received)
{
        uint64_t end_us = now_us() + LIMIT_US;

        while (test->received < received) {
                assert_true(now_us() < end_us);
                assert_true(sd_event_run(test->event, USEC_PER_SEC) >= 0);
        }
}

static void test_the_text_follows_the_state_at_most_once_a_second(void **state)
{
        struct line_test *test = *state;

        wait_for(test, 1);
        assert_string_equal(test->last, "STATUS=one");
        uint64_t first_us = test->last_us;
        test->text = "two";
        wait_for(test, 2);
        assert_string_equal(test->last, "STATUS=two");
        wait_for(test, 3);
        assert_true(test->last_us - first_us > 1900 * USEC_PER_MSEC);
}

/* A change within the second after a text is shown, even if nothing else ever happens. */
static void test_the_last_change_is_not_missed(void **state)
{
        struct line_test *test = *state;

        wait_for(test, 1);
        be_quiet(test);
        test->text = "two";
        assert_true(sd_event_run(test->event, USEC_PER_SEC) >= 0);
        wait_for(test, 2);
        assert_string_equal(test->last, "STATUS=two");
}

static void test_a_passing_state_is_not_shown(void **state)
{
        struct line_test *test = *state;

        wait_for(test, 1);
        test->unstable = true;
        test->text = "passing";
        uint64_t end_us = test->last_us + 2 * USEC_PER_SEC;
        while (now_us() < end_us)
                assert_true(sd_event_run(test->event, 100 * USEC_PER_MSEC) >= 0);
        if (now_us() < test->last_us + 4 * USEC_PER_SEC) /* unless the machine stood still */
                assert_int_equal(test->received, 1);
        test->unstable = false;
        test->text = "two";
        wait_for(test, 2);
        assert_string_equal(test->last, "STATUS=two");
}

static void test_a_state_that_does_not_pass_is_shown_after_five_seconds(void **state)
{
        struct line_test *test = *state;

        wait_for(test, 1);
        uint64_t first_us = test->last_us;
        be_quiet(test);
        test->unstable = true;
        test->text = "lasting";
        wait_for(test, 2);
        assert_string_equal(test->last, "STATUS=lasting");
        assert_true(test->last_us - first_us > 4900 * USEC_PER_MSEC);
}

/* For instance because the daemon is stopping, which has said so. */
static void test_no_text_is_not_an_empty_text(void **state)
{
        struct line_test *test = *state;

        test->text = NULL;
        uint64_t end_us = now_us() + 1500 * USEC_PER_MSEC;
        while (now_us() < end_us)
                assert_true(sd_event_run(test->event, 100 * USEC_PER_MSEC) >= 0);
        assert_int_equal(test->received, 0);
}

static void test_without_a_service_manager_nothing_is_done(void **state)
{
        struct line_test *test = *state;
        assert_return_code(unsetenv("NOTIFY_SOCKET"), errno);
        assert_null(status_line_new(test->event, describe, test));
        assert_null(status_line_free(NULL));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_the_text_follows_the_state_at_most_once_a_second),
                TEST(test_the_last_change_is_not_missed),
                TEST(test_a_passing_state_is_not_shown),
                TEST(test_a_state_that_does_not_pass_is_shown_after_five_seconds),
                TEST(test_no_text_is_not_an_empty_text),
                TEST(test_without_a_service_manager_nothing_is_done),
        };

        return cmocka_run_group_tests_name("status_line", tests, NULL, NULL);
}
