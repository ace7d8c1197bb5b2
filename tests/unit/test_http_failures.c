/* SPDX-License-Identifier: MIT */

/* Failures in HTTP: timeouts, lost connections, secrets in error texts, Retry-After. */

#include "http_fixture.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The response of answer_bytes(), and whether it closes the connection afterwards. */
static struct {
        const char *data;
        size_t size;
        bool finish;
} script;

static void answer_bytes(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        (void)head;
        (void)body;
        (void)userdata;
        loopback_send(peer, script.data, script.size);
        if (script.finish)
                loopback_finish(peer);
}

static void get_bytes(struct noted *noted, const char *answer, bool finish)
{
        script.data = answer;
        script.size = strlen(answer);
        script.finish = finish;
        noted_get(noted, answer_bytes, "/");
}

/* ---- no response ---- */

static void answer_nothing(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        (void)peer;
        (void)head;
        (void)body;
        (void)userdata;
}

static void test_timeout(void **state)
{
        struct http_fixture *fixture = *state;
        struct http_settings settings = fixture_settings();
        struct noted noted = { .fixture = fixture };
        struct timespec before, after;

        settings.timeout_us = 150 * USEC_PER_MSEC;
        fixture_client(fixture, &settings);
        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &before), 0);
        noted_get(&noted, answer_nothing, "/");
        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &after), 0);
        assert_int_equal(noted.end.outcome, HTTP_TIMED_OUT);
        assert_int_equal(noted.end.status, 0);
        assert_int_equal(loopback_requests(fixture->server), 1);

        int64_t took_ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
        assert_in_range(took_ms, 150, 30000);
        noted_clear(&noted);

        /* Within the body. */
        get_bytes(&noted, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", false);
        assert_int_equal(noted.end.outcome, HTTP_TIMED_OUT);
        assert_int_equal(noted.end.status, 200);
        assert_string_equal(noted.data, "half");
        noted_clear(&noted);
}

/* From less than libcurl's resolution to more than its maximum. */
static void test_any_timeout_can_be_configured(void **state)
{
        static const uint64_t spans[] = { 1, USEC_PER_DAY, 1000 * USEC_PER_DAY, UINT64_MAX };
        struct http_fixture *fixture = *state;
        struct http_settings settings = fixture_settings();
        struct noted noted = { .fixture = fixture };

        for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
                settings.timeout_us = settings.connect_timeout_us = spans[i];
                fixture_client(fixture, &settings);
                if (i == 0) {
                        noted_get(&noted, answer_nothing, "/");
                        /* After 1 ms, whether or not the request is on its way. */
                        assert_true(noted.end.outcome == HTTP_TIMED_OUT ||
                                    noted.end.outcome == HTTP_UNCONNECTED);
                } else {
                        get_bytes(&noted, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false);
                        assert_int_equal(noted.end.outcome, HTTP_ANSWERED);
                }
                noted_clear(&noted);
        }
}

static void expect_outcome(struct http_fixture *fixture, const char *url, enum http_outcome outcome)
{
        struct noted noted = { .fixture = fixture };
        struct http_call call = noted_call(&noted, url);

        noted_run(&noted, answer_nothing, &call);
        if (noted.end.outcome != outcome)
                fail_msg("%s: %s (%s)", url, http_outcome_to_string(noted.end.outcome), noted.end.detail);
        assert_int_equal(noted.end.status, 0);
        assert_string_not_equal(noted.end.detail, "");
        noted_clear(&noted);
}

/* The kernel drops connection attempts while the queue of the listener is full. */
static void test_timeout_while_connecting(void **state)
{
        struct http_fixture *fixture = *state;
        struct http_settings settings = fixture_settings();
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        uint16_t port;
        char url[64];
        int fd = loopback_dead_port(&port), fillers[4];

        assert_int_equal(listen(fd, 0), 0);
        address.sin_port = htons(port);
        for (size_t i = 0; i < 4; i++) {
                fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
                assert_true(fillers[i] >= 0);
                (void)connect(fillers[i], (struct sockaddr *)&address, sizeof(address));
        }

        (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
        settings.connect_timeout_us = 100 * USEC_PER_MSEC;
        fixture_client(fixture, &settings);
        expect_outcome(fixture, url, HTTP_UNCONNECTED);

        settings = fixture_settings();
        settings.timeout_us = 100 * USEC_PER_MSEC;
        fixture_client(fixture, &settings);
        expect_outcome(fixture, url, HTTP_UNCONNECTED);
        for (size_t i = 0; i < 4; i++)
                close(fillers[i]);
        close(fd);
}

/* The server accepts the connection and never answers the handshake. */
static void test_timeout_in_the_handshake(void **state)
{
        struct http_fixture *fixture = *state;
        struct http_settings settings = fixture_settings();
        char url[1024];

        (void)snprintf(url, sizeof(url), "https%s", loopback_url(fixture->server, "/") + 4);
        settings.connect_timeout_us = 100 * USEC_PER_MSEC;
        fixture_client(fixture, &settings);
        expect_outcome(fixture, url, HTTP_UNCONNECTED);

        settings = fixture_settings();
        settings.timeout_us = 100 * USEC_PER_MSEC;
        fixture_client(fixture, &settings);
        expect_outcome(fixture, url, HTTP_UNCONNECTED);
        assert_int_equal(loopback_accepted(fixture->server), 2);
        assert_int_equal(loopback_requests(fixture->server), 0);
}

static void test_refused(void **state)
{
        uint16_t port;
        char url[64];
        int fd = loopback_dead_port(&port);

        (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
        expect_outcome(*state, url, HTTP_UNCONNECTED);
        close(fd);
}

static void test_unresolved(void **state)
{
        char url[128] = "http://";

        /* A label of this length is invalid, so the resolver sends no query. */
        memset(url + 7, 'a', 64);
        strcpy(url + 71, ".invalid/");
        expect_outcome(*state, url, HTTP_UNRESOLVED);
}

static void test_impossible(void **state)
{
        struct http_fixture *fixture = *state;

        expect_outcome(fixture, "http://", HTTP_IMPOSSIBLE);
        expect_outcome(fixture, "http://[::1/", HTTP_IMPOSSIBLE);
        expect_outcome(fixture, "ftp://127.0.0.1/", HTTP_IMPOSSIBLE);
        expect_outcome(fixture, "file:///dev/null", HTTP_IMPOSSIBLE);
}

/* A local error; the text says what to do. ca_file is read before any request. */
static void test_system_without_authorities(void **state)
{
        const struct http_curl_result result = { .code = CURLE_SSL_CACERT_BADFILE, .text = "" };

        (void)state;
        assert_int_equal(http_outcome_from_curl(&result), HTTP_IMPOSSIBLE);
        assert_non_null(strstr(http_curl_result_to_string(&result), "install ca-certificates"));
}

/* A server that sends plain text at once. */
static int on_plain_listener(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        static const char greeting[] = "220 mail.example.com ESMTP\r\n";
        int *peer = userdata;
        (void)source;
        (void)revents;

        if (*peer < 0)
                *peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        (void)send(*peer, greeting, sizeof(greeting) - 1, MSG_NOSIGNAL);
        return 0;
}

static void test_server_without_tls(void **state)
{
        struct http_fixture *fixture = *state;
        sd_event_source *source = NULL;
        uint16_t port;
        char url[64];
        int peer = -1, fd = loopback_dead_port(&port);

        assert_int_equal(listen(fd, 5), 0);
        assert_true(sd_event_add_io(fixture->event, &source, fd, EPOLLIN, on_plain_listener, &peer) >= 0);
        (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/", port);
        expect_outcome(fixture, url, HTTP_TLS_FAILED);
        sd_event_source_disable_unref(source);
        close(peer);
        close(fd);
}

static void test_broken(void **state)
{
        static const struct {
                const char *answer;
                int status;
        } answers[] = {
                { "", 0 },
                { "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", 200 },
                { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", 200 },
                { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhalf\r\n", 200 },
                { "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nhalf", 200 },
                { "SSH-2.0-OpenSSH_9.2\r\n", 0 },
                { "\x15\x03\x01\x02\x02\x02\x16", 0 },
        };
        struct noted noted = { .fixture = *state };

        for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
                get_bytes(&noted, answers[i].answer, true);
                if (noted.end.outcome != HTTP_BROKEN)
                        fail_msg("%zu: %s (%s)", i, http_outcome_to_string(noted.end.outcome),
                                 noted.end.detail);
                assert_int_equal(noted.end.status, answers[i].status);
                assert_string_not_equal(noted.end.detail, "");
                noted_clear(&noted);
        }
}

/* libcurl accepts some of them, depending on the release. */
static void test_invalid_status_lines(void **state)
{
        static const char *const lines[] = {
                "HTTP/2 0",        "HTTP/2 9223372036854775807",
                "HTTP/2 200",      "HTTP/2 503",
                "HTTP/3 503",      "HTTP/2.0 200 OK",
                "HTTP/1.2 200 OK", "HTTP/0.9 200 OK",
                "http/1.1 200",    "http/1.1 503 Busy",
                "HTTP/1.1  200",   "HTTP/1.1\t200 OK",
                "HTTP/1.1 000",    "HTTP/1.1 099",
                "HTTP/1.1 20",     "HTTP/1.1 2000",
                "HTTP/1.1 2x0",    "HTTP/11 200 OK",
                "HTTP/1.1",        "ICY 200 OK",
        };
        struct noted noted = { .fixture = *state };
        char answer[256];

        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
                (void)snprintf(answer, sizeof(answer),
                               "%s\r\nRetry-After: 5\r\nContent-Length: 4\r\n\r\nbody", lines[i]);
                get_bytes(&noted, answer, true);
                if (noted.end.outcome != HTTP_BROKEN || noted.end.status != 0 || noted.pieces != 0)
                        fail_msg("%s: %s, %d, %u pieces", lines[i], http_outcome_to_string(noted.end.outcome),
                                 noted.end.status, noted.pieces);
                assert_string_not_equal(noted.end.detail, "");
                noted_clear(&noted);
        }
}

static void test_valid_status_lines(void **state)
{
        static const struct {
                const char *answer;
                int status;
        } answers[] = {
                { "HTTP/1.0 200 OK\r\n\r\n", 200 },
                { "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200 },
                { "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200 },
                { "HTTP/1.1 404 Not there\nContent-Length: 0\n\n", 404 },
                { "HTTP/1.1 999 Beyond\r\nContent-Length: 0\r\n\r\n", 999 },
                { "HTTP/1.1 100 Continue\r\nRetry-After: 3\r\n\r\nHTTP/1.1 503 Busy\r\nContent-Length: "
                  "0\r\n\r\n",
                  503 },
                { "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 204 None\r\n\r\n", 204 },
        };
        struct noted noted = { .fixture = *state };

        for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
                get_bytes(&noted, answers[i].answer, true);
                assert_int_equal(noted.end.outcome, HTTP_ANSWERED);
                assert_int_equal(noted.end.status, answers[i].status);
                assert_true(noted.end.retry_after_us == HTTP_RETRY_NONE);
                noted_clear(&noted);
        }
}

/*
 * libcurl refuses it up to 7.88 and takes it as a header in 8.14. Neither response may be affected by a
 * header of the response before.
 */
static void test_first_header_that_continues(void **state)
{
        static const char *const heads[] = {
                "HTTP/1.1 200 OK\r\n continued: header\r\n\r\n",
                "HTTP/1.1 200 OK\r\n\tcontinued: header\r\n\r\n",
                "HTTP/1.1 100 Continue\r\nRetry-After: 3\r\n\r\nHTTP/1.1 200 OK\r\n 4\r\n\r\n",
        };
        struct noted noted = { .fixture = *state };

        for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
                get_bytes(&noted, "HTTP/1.1 200 OK\r\nRetry-After: 3\r\n\r\n", true);
                assert_int_equal(noted.end.outcome, HTTP_ANSWERED);
                noted_clear(&noted);
                get_bytes(&noted, heads[i], true);
                assert_true(noted.end.outcome == HTTP_BROKEN || noted.end.status == 200);
                assert_true(noted.end.retry_after_us == HTTP_RETRY_NONE);
                noted_clear(&noted);
        }
}

/* A response without length ends with the connection. */
static void test_body_without_length(void **state)
{
        struct noted noted = { .fixture = *state };

        get_bytes(&noted, "HTTP/1.1 200 OK\r\n\r\nwhole", true);
        assert_int_equal(noted.end.outcome, HTTP_ANSWERED);
        assert_string_equal(noted.data, "whole");
        noted_clear(&noted);
}

/* ---- secrets ---- */

/* libcurl quotes a proxy URL that it does not understand. */
static void test_no_proxy_password_in_texts(void **state)
{
        struct http_fixture *fixture = *state;
        static const char *const proxies[] = {
                "http://user:PASSWORD@127.0.0.1:99999",
                "http://user:PASSWORD@127.0.0.1:port",
                "http://user:PASSWORD@[::1",
                "http://user:PASSWORD@",
                "http://user:PASSWORD",
                "http://user:PASSWORD/word@127.0.0.1:1",
                "http://user:PASSWORD@127.0.0.1 :1",
                "http://user:PASSWORD@127.0.0.1:1", /* refused */
                "ftp://user:PASSWORD@127.0.0.1:1",
                "user:PASSWORD@127.0.0.1:1",
                "://user:PASSWORD@127.0.0.1:1",
        };
        char url[1024];

        assert_int_equal(unsetenv("no_proxy"), 0);
        assert_int_equal(unsetenv("NO_PROXY"), 0);
        (void)snprintf(url, sizeof(url), "https%s", loopback_url(fixture->server, "/") + 4);
        for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++) {
                struct noted noted = { .fixture = fixture };
                struct http_call call = noted_call(&noted, url);

                assert_int_equal(setenv("https_proxy", proxies[i], 1), 0);
                noted_run(&noted, answer_nothing, &call);
                assert_int_not_equal(noted.end.outcome, HTTP_ANSWERED);
                if (strstr(noted.detail, "PASSWORD") != NULL || *noted.detail == '\0')
                        fail_msg("%s: %s", proxies[i], noted.detail);
                noted_clear(&noted);
        }
        assert_int_equal(unsetenv("https_proxy"), 0);
        assert_int_equal(loopback_accepted(fixture->server), 0);
}

/* ---- Retry-After ---- */

static uint64_t retry_after(struct http_fixture *fixture, const char *value)
{
        struct noted noted = { .fixture = fixture };
        char answer[256];

        (void)snprintf(answer, sizeof(answer),
                       "HTTP/1.1 409 Conflict\r\nRetry-After: %s\r\n"
                       "Content-Length: 0\r\n\r\n",
                       value);
        get_bytes(&noted, answer, false);
        assert_int_equal(noted.end.status, 409);
        uint64_t span = noted.end.retry_after_us;
        noted_clear(&noted);
        return span;
}

static void test_retry_after(void **state)
{
        char date[64];
        struct tm parts;
        time_t soon = time(NULL) + 100;

        assert_true(retry_after(*state, "7") == 7 * USEC_PER_SEC);
        assert_true(retry_after(*state, "\t 7 ") == 7 * USEC_PER_SEC);
        assert_true(retry_after(*state, "") == HTTP_RETRY_NONE);
        assert_true(retry_after(*state, "soon") == HTTP_RETRY_NONE);
        assert_true(retry_after(*state, "21601") == 21601 * USEC_PER_SEC); /* more than 6 h */
        assert_true(retry_after(*state, "Wed, 21 Oct 2015 07:28:00 GMT") == HTTP_RETRY_NONE);
        assert_true(retry_after(*state, "Fri, 31 Dec 2109 23:59:59 GMT") == USEC_PER_DAY);
        assert_true(retry_after(*state, "7\r\nretry-after: 9") == 9 * USEC_PER_SEC);

        assert_non_null(gmtime_r(&soon, &parts));
        assert_true(strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &parts) > 0);
        assert_in_range(retry_after(*state, date), 10 * USEC_PER_SEC, 101 * USEC_PER_SEC);
}

static void test_outcome_texts_differ(void **state)
{
        (void)state;
        for (unsigned i = HTTP_ANSWERED; i <= HTTP_IMPOSSIBLE; i++)
                for (unsigned k = HTTP_ANSWERED; k < i; k++)
                        assert_string_not_equal(http_outcome_to_string((enum http_outcome)i),
                                                http_outcome_to_string((enum http_outcome)k));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_timeout),
                TEST(test_any_timeout_can_be_configured),
                TEST(test_timeout_while_connecting),
                TEST(test_timeout_in_the_handshake),
                TEST(test_refused),
                TEST(test_unresolved),
                TEST(test_impossible),
                TEST(test_system_without_authorities),
                TEST(test_server_without_tls),
                TEST(test_broken),
                TEST(test_invalid_status_lines),
                TEST(test_valid_status_lines),
                TEST(test_first_header_that_continues),
                TEST(test_body_without_length),
                TEST(test_no_proxy_password_in_texts),
                TEST(test_retry_after),
                cmocka_unit_test(test_outcome_texts_differ),
        };

        return cmocka_run_group_tests_name("http_failures", tests, NULL, NULL);
}
