/* SPDX-License-Identifier: MIT */

/* HTTP when the kernel refuses to watch a socket. */

#include "http_fixture.h"

#include <sys/epoll.h>

static void answer_ok(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        (void)head;
        (void)body;
        (void)userdata;
        loopback_answer(peer, "200 OK", "", "ok", 2);
}

static unsigned watch_in; /* the nth epoll_ctl() from now on fails; 0: none */
static bool watch_failed;

int __real_epoll_ctl(int fd, int operation, int about, struct epoll_event *event);
int __wrap_epoll_ctl(int fd, int operation, int about, struct epoll_event *event);

/* Only calls of the daemon's own objects come here. */
int __wrap_epoll_ctl(int fd, int operation, int about, struct epoll_event *event)
{
        if (watch_in > 0 && --watch_in == 0) {
                watch_failed = true;
                errno = ENOMEM;
                return -1;
        }
        return __real_epoll_ctl(fd, operation, about, event);
}

/* The request ends at once and says why, or was not harmed; and those after it are answered. */
static void test_socket_that_cannot_be_watched(void **state)
{
        struct http_fixture *fixture = *state;
        struct noted noted = { .fixture = fixture };
        unsigned nth = 0;

        do {
                const struct http_settings settings = fixture_settings();

                fixture_client(fixture, &settings);
                watch_failed = false;
                watch_in = ++nth;
                noted_get(&noted, answer_ok, "/");
                watch_in = 0;
                if (noted.end.outcome == HTTP_IMPOSSIBLE)
                        assert_string_equal(noted.end.detail,
                                            "its socket cannot be waited for: Cannot allocate memory");
                else
                        assert_int_equal(noted.end.outcome, HTTP_ANSWERED);
                noted_clear(&noted);
                for (unsigned i = 0; i < 3; i++) {
                        noted_get(&noted, answer_ok, "/");
                        assert_int_equal(noted.end.outcome, HTTP_ANSWERED);
                        noted_clear(&noted);
                }
        } while (watch_failed);
        assert_true(nth > 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_socket_that_cannot_be_watched, fixture_setup,
                                                fixture_teardown),
        };

        return cmocka_run_group_tests_name("http_unwatched", tests, NULL, NULL);
}
