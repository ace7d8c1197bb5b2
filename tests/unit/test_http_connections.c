/* SPDX-License-Identifier: MIT */

/* Kept connections that have stopped working: one timeout makes all of them suspect. */

#include "http_fixture.h"

#include <sys/socket.h>

#define KEPT 6

/* Below, connections up to this number no longer work. */
static unsigned dead_max;
static unsigned requests_on_dead;

/* Requests that are to be answered later. */
static struct loopback_peer *held[KEPT];
static unsigned held_count;

static int reset(void **state)
{
        dead_max = requests_on_dead = held_count = 0;
        return fixture_setup(state);
}

static void answer_hello(struct loopback_peer *peer)
{
        loopback_answer(peer, "200 OK", "", "hello", 5);
}

static void hold(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        (void)head;
        (void)body;
        (void)userdata;
        assert_true(held_count < KEPT);
        held[held_count++] = peer;
}

/* Dead connections do not answer. */
static void answer_unless_dead(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        (void)head;
        (void)body;
        (void)userdata;
        if (loopback_number(peer) > dead_max)
                answer_hello(peer);
        else
                requests_on_dead++;
}

static void reset_if_dead(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        answer_unless_dead(peer, head, body, userdata);
        if (loopback_number(peer) <= dead_max)
                loopback_reset(peer);
}

static void expect_hello(const struct noted *noted)
{
        if (noted->end.outcome != HTTP_ANSWERED)
                fail_msg("%s: %s", http_outcome_to_string(noted->end.outcome), noted->detail);
        assert_memory_equal(noted->data, "hello", 5);
}

static void set_timeout(struct http_fixture *fixture, uint64_t timeout_us, unsigned connections_max)
{
        struct http_settings settings = fixture_settings();

        settings.timeout_us = timeout_us;
        settings.connections_max = connections_max;
        fixture_client(fixture, &settings);
}

/* Sends requests at the same time and waits until all have been answered. */
static void get_hello_at_once(struct http_fixture *fixture, unsigned count)
{
        struct noted noted[KEPT] = { { .fixture = NULL } };
        unsigned ended = fixture->ended;

        assert_true(count <= KEPT);
        for (unsigned i = 0; i < count; i++) {
                noted[i].fixture = fixture;
                struct http_call call = noted_call(&noted[i], loopback_url(fixture->server, "/"));
                noted_start(&noted[i], &call);
        }
        loop_until(fixture->event, &fixture->ended, ended + count);
        for (unsigned i = 0; i < count; i++) {
                expect_hello(&noted[i]);
                noted_clear(&noted[i]);
        }
}

/* Opens connections by as many requests at the same time; all are then idle. */
static void open_connections(struct http_fixture *fixture, unsigned count)
{
        struct noted noted[KEPT] = { { .fixture = NULL } };

        fixture->handler = hold;
        for (unsigned i = 0; i < count; i++) {
                noted[i].fixture = fixture;
                struct http_call call = noted_call(&noted[i], loopback_url(fixture->server, "/"));
                noted_start(&noted[i], &call);
        }
        loop_until(fixture->event, &held_count, count);
        for (unsigned i = 0; i < count; i++)
                answer_hello(held[i]);
        loop_until(fixture->event, &fixture->ended, count);
        for (unsigned i = 0; i < count; i++) {
                expect_hello(&noted[i]);
                noted_clear(&noted[i]);
        }
        assert_int_equal(loopback_open(fixture->server), count);
        held_count = 0;
}

/* Runs the loop until the server sees this many open connections. */
static void expect_open(struct http_fixture *fixture, unsigned count)
{
        for (unsigned i = 0; i < 1000 && loopback_open(fixture->server) != count; i++)
                assert_true(sd_event_run(fixture->event, 10 * USEC_PER_MSEC) >= 0);
        assert_int_equal(loopback_open(fixture->server), count);
}

/* No request was sent on an old connection after the first, and all old ones are closed. */
static void expect_replaced(struct http_fixture *fixture)
{
        for (unsigned i = 0; i < 10; i++)
                get_hello_at_once(fixture, 1);
        get_hello_at_once(fixture, KEPT);
        assert_int_equal(requests_on_dead, 1);
        expect_open(fixture, loopback_accepted(fixture->server) - KEPT);
}

static void test_one_timeout_replaces_all_kept_connections(void **state)
{
        struct http_fixture *fixture = *state;
        struct noted noted = { .fixture = fixture };

        set_timeout(fixture, USEC_PER_SEC, KEPT);
        open_connections(fixture, KEPT);
        dead_max = KEPT;
        noted_get(&noted, answer_unless_dead, "/");
        assert_int_equal(noted.end.outcome, HTTP_TIMED_OUT);
        assert_int_equal(requests_on_dead, 1);
        noted_clear(&noted);
        expect_replaced(fixture);
}

/* Each request that finds its connection reset is sent again, once, on a new one: libcurl would try other
 * kept ones. */
static void test_a_reset_costs_no_answer(void **state)
{
        struct http_fixture *fixture = *state;

        open_connections(fixture, KEPT);
        dead_max = KEPT;
        fixture->handler = reset_if_dead;
        for (unsigned i = 1; i <= KEPT; i++) {
                unsigned before = requests_on_dead;

                get_hello_at_once(fixture, 1);
                assert_in_range(requests_on_dead - before, 0, 1);
        }
        get_hello_at_once(fixture, KEPT);
        assert_in_range(requests_on_dead, 1, KEPT);
}

static void test_reset_of_the_only_connection(void **state)
{
        struct http_fixture *fixture = *state;

        open_connections(fixture, 1);
        dead_max = 1;
        fixture->handler = reset_if_dead;
        for (unsigned i = 0; i < 3; i++)
                get_hello_at_once(fixture, 1);
        assert_int_equal(requests_on_dead, 1);
        expect_open(fixture, 1);
}

/* A slow response on a new connection says nothing about others. */
static void test_timeout_on_a_new_connection(void **state)
{
        struct http_fixture *fixture = *state;
        struct noted noted = { .fixture = fixture };

        set_timeout(fixture, USEC_PER_SEC, KEPT);
        open_connections(fixture, 1);
        /* Two at a time: one on the kept connection, which answers, and one on a new one. */
        struct noted slow = { .fixture = fixture };
        struct http_call call = noted_call(&noted, loopback_url(fixture->server, "/"));
        struct http_call slow_call = noted_call(&slow, loopback_url(fixture->server, "/"));
        noted_start(&noted, &call);
        noted_start(&slow, &slow_call);
        loop_until(fixture->event, &held_count, 2);
        answer_hello(loopback_number(held[0]) == 1 ? held[0] : held[1]);
        loop_until(fixture->event, &fixture->ended, 3);
        struct noted *late = slow.end.outcome == HTTP_TIMED_OUT ? &slow : &noted;
        assert_int_equal(late->end.outcome, HTTP_TIMED_OUT);
        noted_clear(&noted);
        noted_clear(&slow);

        fixture->handler = answer_unless_dead;
        get_hello_at_once(fixture, 1);
        assert_int_equal(loopback_accepted(fixture->server), 2);
}

static void answer_held(struct noted *noted)
{
        (void)noted;
        answer_hello(held[0]);
}

static void hold_second(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        if (requests_on_dead == 0)
                requests_on_dead++;
        else
                hold(peer, head, body, userdata);
}

/* Its connection is closed afterwards. */
static void test_a_request_in_progress_may_finish(void **state)
{
        struct http_fixture *fixture = *state;
        struct noted first = { .fixture = fixture, .then = answer_held }, second = { .fixture = fixture };

        set_timeout(fixture, USEC_PER_SEC, KEPT);
        open_connections(fixture, 3);
        fixture->handler = hold_second;
        struct http_call call = noted_call(&first, loopback_url(fixture->server, "/"));
        noted_start(&first, &call);
        loop_until(fixture->event, &requests_on_dead, 1);
        loop_for(fixture->event, 500 * USEC_PER_MSEC);
        struct http_call other = noted_call(&second, loopback_url(fixture->server, "/"));
        noted_start(&second, &other);
        loop_until(fixture->event, &second.ends, 1);
        assert_int_equal(first.ends, 1);
        assert_int_equal(first.end.outcome, HTTP_TIMED_OUT);
        expect_hello(&second);
        noted_clear(&first);
        noted_clear(&second);
        assert_int_equal(loopback_accepted(fixture->server), 3);
        expect_open(fixture, 0);

        fixture->handler = answer_unless_dead;
        get_hello_at_once(fixture, 1);
        assert_int_equal(loopback_accepted(fixture->server), 4);
}

/* Requests that wait for a free connection do not get a dead one, and keep their own time limit. */
static void test_waiting_requests_get_a_new_connection(void **state)
{
        struct http_fixture *fixture = *state;
        struct noted first = { .fixture = fixture };
        static struct noted waiting[3];

        set_timeout(fixture, USEC_PER_SEC, 1);
        open_connections(fixture, 1);
        dead_max = 1;
        fixture->handler = answer_unless_dead;
        struct http_call call = noted_call(&first, loopback_url(fixture->server, "/"));
        noted_start(&first, &call);
        loop_until(fixture->event, &requests_on_dead, 1);
        loop_for(fixture->event, 500 * USEC_PER_MSEC);
        for (unsigned i = 0; i < 3; i++) {
                waiting[i] = (struct noted){ .fixture = fixture };
                struct http_call other = noted_call(&waiting[i], loopback_url(fixture->server, "/"));
                noted_start(&waiting[i], &other);
        }
        loop_until(fixture->event, &fixture->ended, 5);
        assert_int_equal(first.end.outcome, HTTP_TIMED_OUT);
        assert_int_equal(requests_on_dead, 1);
        noted_clear(&first);
        for (unsigned i = 0; i < 3; i++) {
                expect_hello(&waiting[i]);
                noted_clear(&waiting[i]);
        }
        /* libcurl may have begun to open another connection when the first one was closed. */
        assert_in_range(loopback_accepted(fixture->server), 2, 3);
}

/* The last request of replaced connections is cancelled, and the client is freed while there is one. */
static void test_cancel_and_free_with_replaced_connections(void **state)
{
        struct http_fixture *fixture = *state;

        for (unsigned cancel = 0; cancel < 2; cancel++) {
                struct noted first = { .fixture = fixture }, second = { .fixture = fixture };

                set_timeout(fixture, USEC_PER_SEC, KEPT);
                fixture->ended = held_count = 0;
                expect_open(fixture, 0);
                open_connections(fixture, 2);
                fixture->handler = hold;
                struct http_call call = noted_call(&first, loopback_url(fixture->server, "/"));
                noted_start(&first, &call);
                loop_until(fixture->event, &held_count, 1);
                loop_for(fixture->event, 500 * USEC_PER_MSEC);
                struct http_call other = noted_call(&second, loopback_url(fixture->server, "/"));
                noted_start(&second, &other);
                loop_until(fixture->event, &first.ends, 1);
                if (cancel)
                        assert_null(http_cancel(second.request));
                else
                        fixture->client = http_client_free(fixture->client);
                assert_int_equal(second.ends, 0);
                noted_clear(&first);
                expect_open(fixture, 0);
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, reset, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_one_timeout_replaces_all_kept_connections),
                TEST(test_a_reset_costs_no_answer),
                TEST(test_reset_of_the_only_connection),
                TEST(test_timeout_on_a_new_connection),
                TEST(test_a_request_in_progress_may_finish),
                TEST(test_waiting_requests_get_a_new_connection),
                TEST(test_cancel_and_free_with_replaced_connections),
        };

        return cmocka_run_group_tests_name("http_connections", tests, NULL, NULL);
}
