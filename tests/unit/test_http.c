/* SPDX-License-Identifier: MIT */

/* HTTP without failures: requests, responses, connections, cancelling. */

#include "http_fixture.h"

static void answer_hello(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        (void)head;
        (void)body;
        (void)userdata;
        loopback_answer(peer, "200 OK", "", "hello", 5);
}

static void answer_nothing(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        (void)peer;
        (void)head;
        (void)body;
        (void)userdata;
}

static void expect_hello(const struct noted *noted)
{
        assert_int_equal(noted->end.outcome, HTTP_ANSWERED);
        assert_int_equal(noted->end.status, 200);
        assert_int_equal(noted->size, 5);
        assert_memory_equal(noted->data, "hello", 5);
}

/* ---- one request ---- */

static void test_answer(void **state)
{
        struct http_fixture *fixture = *state;
        struct noted noted = { .fixture = fixture };

        noted_get(&noted, answer_hello, "/a/b?c=d");
        expect_hello(&noted);
        assert_int_equal(noted.end.body_size, 5);
        assert_int_equal(noted.end.excerpt_size, 0);
        assert_true(noted.end.retry_after_us == HTTP_RETRY_NONE);
        assert_memory_equal(fixture->head, "GET /a/b?c=d HTTP/1.1\r\n", 23);
        assert_non_null(strstr(fixture->head, "\r\nUser-Agent: jobwatchd/test\r\n"));
        assert_non_null(strstr(fixture->head, "\r\nAccept-Encoding: gzip\r\n"));
        assert_null(strstr(fixture->head, "\r\nAuthorization:"));
        noted_clear(&noted);
}

static void test_headers_and_basic(void **state)
{
        struct http_fixture *fixture = *state;
        struct noted noted = { .fixture = fixture };
        const char *const lines[] = { "Accept: application/json", "X-Own: one two", NULL };
        char username[] = "somebody", password[] = "pass:word";

        struct http_call call = noted_call(&noted, loopback_url(fixture->server, "/"));
        call.headers = lines;
        call.username = username;
        call.password = password;
        fixture->handler = answer_hello;
        noted_start(&noted, &call);
        memset(username, 'x', sizeof(username) - 1); /* they have been copied */
        memset(password, 'x', sizeof(password) - 1);
        loop_until(fixture->event, &noted.ends, 1);

        assert_non_null(strstr(fixture->head, "\r\nAccept: application/json\r\n"));
        assert_non_null(strstr(fixture->head, "\r\nX-Own: one two\r\n"));
        assert_non_null(strstr(fixture->head, "\r\nAuthorization: Basic c29tZWJvZHk6cGFzczp3b3Jk\r\n"));
        noted_clear(&noted);

        /* The next request is not affected. */
        noted_get(&noted, answer_hello, "/");
        assert_null(strstr(fixture->head, "X-Own"));
        assert_null(strstr(fixture->head, "Authorization"));
        noted_clear(&noted);
}

static void test_post(void **state)
{
        struct http_fixture *fixture = *state;
        struct noted noted = { .fixture = fixture };

        struct http_call call = noted_call(&noted, loopback_url(fixture->server, "/token"));
        call.post = "grant_type=password&";
        call.post_size = 19;
        noted_run(&noted, answer_hello, &call);
        expect_hello(&noted);
        assert_memory_equal(fixture->head, "POST /token HTTP/1.1\r\n", 22);
        assert_string_equal(fixture->body, "grant_type=password");
        noted_clear(&noted);

        call.post = "";
        call.post_size = 0;
        noted_run(&noted, answer_hello, &call);
        expect_hello(&noted);
        assert_string_equal(fixture->body, "");
        noted_clear(&noted);

        /* A GET afterwards is a GET. */
        noted_get(&noted, answer_hello, "/");
        assert_memory_equal(fixture->head, "GET / HTTP/1.1\r\n", 16);
        noted_clear(&noted);
}

static void test_request_target(void **state)
{
        struct http_fixture *fixture = *state;
        struct noted noted = { .fixture = fixture };
        static const char *const samples[][2] = {
                { "/jobs/1", "GET /jobs/1 HTTP/1.1\r\n" },
                { "/jobs/?id=%5B1,2%5D", "GET /jobs/?id=%5B1,2%5D HTTP/1.1\r\n" },
                { "", "GET / HTTP/1.1\r\n" },
                { "?a=b", "GET /?a=b HTTP/1.1\r\n" },
                { "/jobs/2", "GET /jobs/2 HTTP/1.1\r\n" },
                { "/a#fragment", "GET /a HTTP/1.1\r\n" },
                { "/a/../b", "GET /b HTTP/1.1\r\n" },
                { "/jobs/3", "GET /jobs/3 HTTP/1.1\r\n" },
        };

        for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
                noted_get(&noted, answer_hello, samples[i][0]);
                expect_hello(&noted);
                assert_memory_equal(fixture->head, samples[i][1], strlen(samples[i][1]));
                noted_clear(&noted);
        }
        assert_int_equal(loopback_accepted(fixture->server), 1);
}

static void test_another_server(void **state)
{
        struct http_fixture *fixture = *state;
        struct noted noted = { .fixture = fixture };
        struct loopback *other = loopback_new(fixture->event, fixture_handler, fixture);

        noted_get(&noted, answer_hello, "/first");
        noted_clear(&noted);
        struct http_call call = noted_call(&noted, loopback_url(other, "/second"));
        noted_run(&noted, answer_hello, &call);
        expect_hello(&noted);
        assert_memory_equal(fixture->head, "GET /second ", 12);
        assert_int_equal(loopback_requests(fixture->server), 1);
        assert_int_equal(loopback_requests(other), 1);
        noted_clear(&noted);
        fixture->client = http_client_free(fixture->client);
        loopback_free(other);
}

static void answer_chunks(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        (void)head;
        (void)body;
        (void)userdata;
        loopback_send_string(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (unsigned i = 0; i < 26; i++)
                loopback_send_chunk(peer, &(char){ (char)('a' + i) }, 1);
        loopback_send_string(peer, "0\r\n\r\n");
}

static void test_chunked_body(void **state)
{
        struct noted noted = { .fixture = *state };

        noted_get(&noted, answer_chunks, "/");
        assert_int_equal(noted.end.outcome, HTTP_ANSWERED);
        assert_string_equal(noted.data, "abcdefghijklmnopqrstuvwxyz");
        assert_int_equal(noted.end.body_size, 26);
        noted_clear(&noted);
}

static void answer_empty(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        (void)head;
        (void)body;
        (void)userdata;
        loopback_send_string(peer, "HTTP/1.1 204 No Content\r\n\r\n");
}

static void test_no_body(void **state)
{
        struct noted noted = { .fixture = *state };

        noted_get(&noted, answer_empty, "/");
        assert_int_equal(noted.end.outcome, HTTP_ANSWERED);
        assert_int_equal(noted.end.status, 204);
        assert_int_equal(noted.pieces, 0);
        noted_clear(&noted);
}

static void test_without_on_body(void **state)
{
        struct http_fixture *fixture = *state;
        struct noted noted = { .fixture = fixture };
        struct http_call call = noted_call(&noted, loopback_url(fixture->server, "/"));

        call.on_body = NULL;
        noted_run(&noted, answer_hello, &call);
        assert_int_equal(noted.end.outcome, HTTP_ANSWERED);
        assert_string_equal(noted.end.excerpt, "hello");
        assert_int_equal(noted.end.excerpt_size, 5);
        noted_clear(&noted);
}

static void answer_redirect(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        (void)head;
        (void)body;
        (void)userdata;
        loopback_answer(peer, "302 Found", "Location: /elsewhere\r\n", "moved", 5);
}

static void test_redirects_are_not_followed(void **state)
{
        struct http_fixture *fixture = *state;
        struct noted noted = { .fixture = fixture };

        noted_get(&noted, answer_redirect, "/");
        assert_int_equal(noted.end.status, 302);
        assert_int_equal(noted.pieces, 0);
        assert_string_equal(noted.end.excerpt, "moved");
        assert_int_equal(loopback_requests(fixture->server), 1);
        noted_clear(&noted);
}

/* ---- connections ---- */

static void test_connections_are_reused(void **state)
{
        struct http_fixture *fixture = *state;
        struct noted noted = { .fixture = fixture };

        for (unsigned i = 0; i < 10; i++) {
                noted_get(&noted, answer_hello, "/");
                expect_hello(&noted);
                noted_clear(&noted);
        }
        assert_int_equal(loopback_accepted(fixture->server), 1);
}

static void answer_and_close(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        answer_hello(peer, head, body, userdata);
        loopback_finish(peer);
}

static void test_a_closed_connection_is_replaced(void **state)
{
        struct http_fixture *fixture = *state;
        struct noted noted = { .fixture = fixture };

        for (unsigned i = 0; i < 5; i++) {
                noted_get(&noted, answer_and_close, "/");
                expect_hello(&noted);
                noted_clear(&noted);
        }
        assert_int_equal(loopback_accepted(fixture->server), 5);
}

static void test_a_hundred_at_once(void **state)
{
        struct http_fixture *fixture = *state;
        static struct noted noted[100];

        fixture->handler = answer_hello;
        for (unsigned i = 0; i < 100; i++) {
                noted[i] = (struct noted){ .fixture = fixture };
                struct http_call call = noted_call(&noted[i], loopback_url(fixture->server, "/"));
                noted_start(&noted[i], &call);
        }
        loop_until(fixture->event, &fixture->ended, 100);
        for (unsigned i = 0; i < 100; i++) {
                assert_int_equal(noted[i].ends, 1);
                expect_hello(&noted[i]);
                noted_clear(&noted[i]);
        }
        assert_int_equal(loopback_requests(fixture->server), 100);
        assert_in_range(loopback_peak(fixture->server), 2, 8);
        assert_int_equal(loopback_accepted(fixture->server), loopback_peak(fixture->server));
}

/* ---- starting and cancelling ---- */

static void test_cancel_at_once(void **state)
{
        struct http_fixture *fixture = *state;
        struct noted noted = { .fixture = fixture };
        struct http_call call = noted_call(&noted, loopback_url(fixture->server, "/"));

        noted_start(&noted, &call);
        assert_null(http_cancel(noted.request));
        assert_null(http_cancel(NULL));
        loop_settle(fixture->event);
        assert_int_equal(noted.ends, 0);
        noted_clear(&noted);

        noted_get(&noted, answer_hello, "/");
        expect_hello(&noted);
        noted_clear(&noted);
}

static void test_cancel_in_progress(void **state)
{
        struct http_fixture *fixture = *state;
        struct noted noted = { .fixture = fixture }, next = { .fixture = fixture };
        unsigned requests = 0;

        for (unsigned i = 0; i < 10; i++) {
                struct http_call call = noted_call(&noted, loopback_url(fixture->server, "/"));

                fixture->handler = answer_nothing;
                noted_start(&noted, &call);
                while (loopback_requests(fixture->server) == requests)
                        assert_true(sd_event_run(fixture->event, USEC_PER_SEC) >= 0);
                assert_null(http_cancel(noted.request));

                noted_get(&next, answer_hello, "/");
                expect_hello(&next);
                noted_clear(&next);
                requests = loopback_requests(fixture->server);
        }
        assert_int_equal(noted.ends, 0);
        noted_clear(&noted);
}

static void cancel_other(struct noted *noted)
{
        assert_null(http_cancel(noted->other->request));
        noted->other->request = NULL;
}

static void test_cancel_another_from_on_end(void **state)
{
        struct http_fixture *fixture = *state;
        struct noted first = { .fixture = fixture }, second = { .fixture = fixture };
        struct http_call call = noted_call(&first, loopback_url(fixture->server, "/"));
        struct http_call other = noted_call(&second, call.url);

        /* Each cancels the other: only the one that ends first ends. */
        first.then = second.then = cancel_other;
        first.other = &second;
        second.other = &first;
        fixture->handler = answer_hello;
        noted_start(&first, &call);
        noted_start(&second, &other);
        loop_until(fixture->event, &fixture->ended, 1);
        loop_settle(fixture->event);
        assert_int_equal(first.ends + second.ends, 1);
        noted_clear(&first);
        noted_clear(&second);
}

static void start_other(struct noted *noted)
{
        struct http_call call = noted_call(noted->other, loopback_url(noted->fixture->server, "/next"));

        noted_start(noted->other, &call);
}

static void test_start_another_from_on_end(void **state)
{
        struct http_fixture *fixture = *state;
        static struct noted chain[20];

        for (unsigned i = 0; i < 20; i++)
                chain[i] = (struct noted){
                        .fixture = fixture,
                        .then = i < 19 ? start_other : NULL,
                        .other = i < 19 ? &chain[i + 1] : NULL,
                };
        struct http_call call = noted_call(&chain[0], loopback_url(fixture->server, "/first"));
        fixture->handler = answer_hello;
        noted_start(&chain[0], &call);
        loop_until(fixture->event, &fixture->ended, 20);
        for (unsigned i = 0; i < 20; i++) {
                expect_hello(&chain[i]);
                noted_clear(&chain[i]);
        }
        assert_int_equal(loopback_accepted(fixture->server), 1);
}

static void test_free_calls_nothing(void **state)
{
        struct http_fixture *fixture = *state;
        static struct noted noted[20];
        struct noted answered = { .fixture = fixture };

        noted_get(&answered, answer_hello, "/"); /* leaves an idle connection */
        noted_clear(&answered);
        fixture->handler = answer_nothing;
        for (unsigned i = 0; i < 20; i++) {
                noted[i] = (struct noted){ .fixture = fixture };
                struct http_call call = noted_call(&noted[i], loopback_url(fixture->server, "/"));
                noted_start(&noted[i], &call);
        }
        while (loopback_requests(fixture->server) < 9)
                assert_true(sd_event_run(fixture->event, USEC_PER_SEC) >= 0);

        fixture->client = http_client_free(fixture->client);
        assert_null(http_client_free(NULL));
        while (loopback_open(fixture->server) > 0) /* all are closed */
                assert_true(sd_event_run(fixture->event, USEC_PER_SEC) >= 0);
        loop_settle(fixture->event);
        for (unsigned i = 0; i < 20; i++)
                assert_int_equal(noted[i].ends, 0);
}

static void test_idle_client_does_not_wake_the_loop(void **state)
{
        struct http_fixture *fixture = *state;
        struct noted noted = { .fixture = fixture };

        noted_get(&noted, answer_hello, "/");
        noted_clear(&noted);
        unsigned wakes = 0;
        uint64_t until, now;
        assert_true(sd_event_now(fixture->event, CLOCK_MONOTONIC, &until) >= 0);
        until += 200 * USEC_PER_MSEC;
        do {
                int r = sd_event_run(fixture->event, 50 * USEC_PER_MSEC);
                assert_true(r >= 0);
                wakes += r > 0;
                assert_true(sd_event_now(fixture->event, CLOCK_MONOTONIC, &now) >= 0);
        } while (now < until);
        assert_in_range(wakes, 0, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_answer),
                TEST(test_headers_and_basic),
                TEST(test_post),
                TEST(test_request_target),
                TEST(test_another_server),
                TEST(test_chunked_body),
                TEST(test_no_body),
                TEST(test_without_on_body),
                TEST(test_redirects_are_not_followed),
                TEST(test_connections_are_reused),
                TEST(test_a_closed_connection_is_replaced),
                TEST(test_a_hundred_at_once),
                TEST(test_cancel_at_once),
                TEST(test_cancel_in_progress),
                TEST(test_cancel_another_from_on_end),
                TEST(test_start_another_from_on_end),
                TEST(test_free_calls_nothing),
                TEST(test_idle_client_does_not_wake_the_loop),
        };

        return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
