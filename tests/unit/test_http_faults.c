/* SPDX-License-Identifier: MIT */

/* HTTP when the kernel cannot watch a socket, and when libcurl runs out of memory. */

#include "http_fixture.h"

#include <curl/curl.h>
#include <sys/epoll.h>

static void answer_ok(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        (void)head;
        (void)body;
        (void)userdata;
        loopback_answer(peer, "200 OK", "", "ok", 2);
}

static unsigned watch_in; /* this epoll_ctl() from now fails; 0: none */
static bool watch_failed;

int __real_epoll_ctl(int fd, int operation, int about, struct epoll_event *event);
int __wrap_epoll_ctl(int fd, int operation, int about, struct epoll_event *event);

/* Only calls by the daemon's own objects are wrapped. */
int __wrap_epoll_ctl(int fd, int operation, int about, struct epoll_event *event)
{
        if (watch_in > 0 && --watch_in == 0) {
                watch_failed = true;
                errno = ENOMEM;
                return -1;
        }
        return __real_epoll_ctl(fd, operation, about, event);
}

/* The request ends at once with the cause, or is not affected; later ones are answered. */
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
                                            "cannot watch the socket: Cannot allocate memory");
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

/* ---- memory ---- */

static unsigned allocation_in; /* this allocation by libcurl from now fails; 0: none */
static bool allocation_failed;

static bool allocation_fails(void)
{
        if (allocation_in == 0 || --allocation_in > 0)
                return false;
        allocation_failed = true;
        return true;
}

static void *curl_malloc(size_t size)
{
        return allocation_fails() ? NULL : malloc(size);
}

static void *curl_realloc(void *pointer, size_t size)
{
        return allocation_fails() ? NULL : realloc(pointer, size);
}

static char *curl_strdup(const char *string)
{
        return allocation_fails() ? NULL : strdup(string);
}

static void *curl_calloc(size_t count, size_t size)
{
        return allocation_fails() ? NULL : calloc(count, size);
}

/* A request ends once or is not started; later ones are answered. */
static void test_memory(void **state)
{
        struct http_fixture *fixture = *state;
        struct noted noted = { .fixture = fixture };
        unsigned nth = 0;

        do {
                const struct http_settings settings = fixture_settings();
                struct http_call call = noted_call(&noted, loopback_url(fixture->server, "/"));

                fixture_client(fixture, &settings);
                fixture->handler = answer_ok;
                allocation_failed = false;
                allocation_in = ++nth;
                int r = http_start(fixture->client, &call, NULL);
                if (r == 0) {
                        loop_until(fixture->event, &noted.ends, 1);
                        loop_settle(fixture->event);
                        assert_int_equal(noted.ends, 1);
                } else {
                        assert_int_equal(r, -ENOMEM);
                        assert_true(allocation_failed);
                }
                allocation_in = 0;
                noted_clear(&noted);
                for (unsigned i = 0; i < 3; i++) {
                        noted_get(&noted, answer_ok, "/");
                        assert_int_equal(noted.end.outcome, HTTP_ANSWERED);
                        noted_clear(&noted);
                }
        } while (allocation_failed);
        assert_true(nth > 50);
}

static struct loopback_peer *held[2];
static unsigned held_count;
static unsigned dead_max; /* connections up to this number are reset by the next request */

static void answer_or_reset(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        if (loopback_number(peer) <= dead_max)
                loopback_reset(peer);
        else if (held_count < 2)
                held[held_count++] = peer;
        else
                answer_ok(peer, head, body, userdata);
}

/* Leaves two idle connections that do not work. */
static void open_dead_connections(struct http_fixture *fixture)
{
        const struct http_settings settings = fixture_settings();
        struct noted noted[2] = { { .fixture = fixture }, { .fixture = fixture } };

        fixture_client(fixture, &settings);
        fixture->handler = answer_or_reset;
        fixture->ended = held_count = 0;
        for (unsigned i = 0; i < 2; i++) {
                struct http_call call = noted_call(&noted[i], loopback_url(fixture->server, "/"));
                noted_start(&noted[i], &call);
        }
        loop_until(fixture->event, &held_count, 2);
        for (unsigned i = 0; i < 2; i++)
                answer_ok(held[i], "", "", fixture);
        loop_until(fixture->event, &fixture->ended, 2);
        for (unsigned i = 0; i < 2; i++)
                noted_clear(&noted[i]);
        dead_max = loopback_accepted(fixture->server);
}

/* Without memory the connections may remain in use, until the next request that finds them dead. */
static void test_memory_while_connections_are_replaced(void **state)
{
        struct http_fixture *fixture = *state;
        struct noted noted = { .fixture = fixture };
        unsigned nth = 0;

        dead_max = 0;
        do {
                open_dead_connections(fixture);
                struct http_call call = noted_call(&noted, loopback_url(fixture->server, "/"));
                allocation_failed = false;
                allocation_in = ++nth;
                int r = http_start(fixture->client, &call, NULL);
                if (r == 0) {
                        loop_until(fixture->event, &noted.ends, 1);
                        loop_settle(fixture->event);
                        assert_int_equal(noted.ends, 1);
                } else
                        assert_int_equal(r, -ENOMEM);
                allocation_in = 0;
                if (!allocation_failed)
                        assert_int_equal(noted.end.outcome, HTTP_ANSWERED);
                noted_clear(&noted);
                for (unsigned i = 0; i < 3; i++) {
                        noted_get(&noted, answer_or_reset, "/");
                        assert_int_equal(noted.end.outcome, HTTP_ANSWERED);
                        noted_clear(&noted);
                }
        } while (allocation_failed);
        assert_true(nth > 50);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_socket_that_cannot_be_watched, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(test_memory, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_memory_while_connections_are_replaced, fixture_setup,
                                                fixture_teardown),
        };

        if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_malloc, free, curl_realloc, curl_strdup,
                                 curl_calloc) != CURLE_OK)
                return 1;
        return cmocka_run_group_tests_name("http_faults", tests, NULL, NULL);
}
