/* SPDX-License-Identifier: MIT */

/* The job endpoint: which requests are sent, and how each kind of response is classified. */

#include "http_fixture.h"

#include <unistd.h>

#include "nexudus/nexudus.h"

#define JOB UINT64_C(87654321)

/* What the server replies. */
static const char *reply_status, *reply_headers, *reply_body;

static void reply_script(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        (void)head;
        (void)body;
        (void)userdata;
        loopback_answer(peer, reply_status, reply_headers, reply_body, strlen(reply_body));
}

static void reply_truncated(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        (void)head;
        (void)body;
        (void)userdata;
        loopback_send_string(peer, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"Id\":87654321");
        loopback_finish(peer);
}

static void reply_nothing(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        (void)peer;
        (void)head;
        (void)body;
        (void)userdata;
}

/* A response as it was passed to the handler. */
struct got {
        struct http_fixture *fixture;
        unsigned responses;
        struct nexudus_response response; /* its pointers refer to the members below */
        struct job_record record;
        char explanation[512];
        struct nexudus *nexudus;
        unsigned requests_left; /* to start from within the handler */
};

static void on_response(void *userdata, const struct nexudus_response *response)
{
        struct got *got = userdata;

        got->responses++;
        got->response = *response;
        assert_non_null(response->explanation);
        assert_null(strpbrk(response->explanation, "\n\r\x1b"));
        assert_int_equal(response->record != NULL, response->failure == FAILURE_NONE);
        (void)snprintf(got->explanation, sizeof(got->explanation), "%s", response->explanation);
        got->response.explanation = got->explanation;

        job_record_clear(&got->record);
        if (response->record != NULL) {
                got->record = *response->record; /* stolen */
                *response->record = (struct job_record){ 0 };
        }
        got->response.record = NULL;
        if (got->requests_left > 0) {
                got->requests_left--;
                (void)nexudus_get_job(got->nexudus, JOB, on_response, got);
        }
}

static struct nexudus *nexudus_at(struct http_fixture *fixture, const char *base_url)
{
        const struct nexudus_settings settings = { .base_url = base_url,
                                                   .token = "s3cret",
                                                   .response_max = BODY_MAX };
        struct nexudus *nexudus = NULL;

        nexudus = nexudus_new(fixture->client, &settings);
        return nexudus;
}

static void request_job(struct got *got, const char *base_url, loopback_handler handler)
{
        struct nexudus *nexudus = nexudus_at(got->fixture, base_url);
        struct nexudus_request *request = NULL;

        got->responses = 0;
        got->fixture->handler = handler;
        request = nexudus_get_job(nexudus, JOB, on_response, got);
        assert_non_null(request);
        loop_until(got->fixture->event, &got->responses, 1);
        loop_settle(got->fixture->event);
        assert_int_equal(got->responses, 1);
        assert_null(nexudus_free(nexudus));
}

/* Requests a job with this reply and expects a failure of this class and a part of the explanation. */
static struct nexudus_response expect_failure(struct http_fixture *fixture, const char *status,
                                              const char *headers, const char *body, enum failure failure,
                                              const char *part)
{
        struct got got = { .fixture = fixture };

        reply_status = status;
        reply_headers = headers;
        reply_body = body;
        request_job(&got, loopback_url(fixture->server, ""), reply_script);
        if (got.response.failure != failure || strstr(got.explanation, part) == NULL)
                fail_msg("%s %s: %s, %s", status, body, failure_to_string(got.response.failure),
                         got.explanation);
        assert_int_equal(got.response.status, atoi(status));
        assert_null(strstr(got.explanation, "s3cret"));
        job_record_clear(&got.record);
        got.response.explanation = NULL;
        return got.response;
}

/* ---- requests ---- */

static void test_request_with_token(void **state)
{
        struct http_fixture *fixture = *state;

        expect_failure(fixture, "200 OK", "", "{\"Id\":87654321}", FAILURE_NONE, "");
        assert_memory_equal(fixture->head, "GET /api/sys/businessbackgroundjobs/87654321 HTTP/1.1\r\n", 55);
        assert_non_null(strstr(fixture->head, "\r\nAuthorization: Bearer s3cret\r\n"));
        assert_non_null(strstr(fixture->head, "\r\nAccept: application/json\r\n"));
}

static void test_request_with_password_below_a_path(void **state)
{
        struct http_fixture *fixture = *state;
        const struct nexudus_settings settings = {
                .base_url = loopback_url(fixture->server, "/proxy"),
                .username = "somebody",
                .password = "pass:word",
                .response_max = BODY_MAX,
        };
        struct nexudus *nexudus = NULL;
        struct got got = { .fixture = fixture };

        reply_status = "200 OK";
        reply_headers = "";
        reply_body = "{\"Id\":9223372036854775807,\"Status\":\"Done\"}";
        fixture->handler = reply_script;
        nexudus = nexudus_new(fixture->client, &settings);
        (void)nexudus_get_job(nexudus, INT64_MAX, on_response, &got);
        loop_until(fixture->event, &got.responses, 1);
        assert_int_equal(got.response.failure, FAILURE_NONE);
        assert_memory_equal(fixture->head,
                            "GET /proxy/api/sys/businessbackgroundjobs/9223372036854775807 HTTP/1.1\r\n", 72);
        assert_non_null(strstr(fixture->head, "\r\nAuthorization: Basic c29tZWJvZHk6cGFzczp3b3Jk\r\n"));
        assert_null(strstr(fixture->head, "Bearer"));
        job_record_clear(&got.record);
        nexudus_free(nexudus);
}

/* ---- classes ---- */

static void test_record(void **state)
{
        struct http_fixture *fixture = *state;
        struct got got = { .fixture = fixture };

        reply_status = "200 OK";
        reply_headers = "Content-Type: application/json\r\n";
        reply_body = "{\"Id\":87654321,\"Status\":\"Running\",\"ResultData\":null,\"BusinessId\":5,"
                     "\"CustomFields\":{\"Id\":1,\"Status\":[\"Failed\"]},\"Unheard\":true}";
        request_job(&got, loopback_url(fixture->server, ""), reply_script);
        assert_int_equal(got.response.failure, FAILURE_NONE);
        assert_int_equal(got.response.status, 200);
        assert_int_equal(got.record.id, JOB);
        assert_int_equal(got.record.business_id, 5);
        assert_string_equal(got.record.status.data, "Running");
        assert_true(got.record.has_result);
        assert_null(got.record.result.data);
        job_record_clear(&got.record);
}

static void test_not_found(void **state)
{
        expect_failure(*state, "404 Not Found", "", "{\"Message\":\"no\\nsuch\"}", FAILURE_NOT_FOUND, "404");
        expect_failure(*state, "404 Not Found", "", "a\nb\x1b[31m", FAILURE_NOT_FOUND, "404: a\\nb\\x1b[31m");
        expect_failure(*state, "410 Gone", "", "", FAILURE_NOT_FOUND, "410");
}

static void test_throttled(void **state)
{
        struct nexudus_response response =
                expect_failure(*state, "409 Conflict", "Retry-After: 17\r\n", "", FAILURE_THROTTLED, "409");

        assert_true(response.retry_after_us == 17 * USEC_PER_SEC);
        response = expect_failure(*state, "429 Too Many Requests", "", "", FAILURE_THROTTLED, "429");
        assert_true(response.retry_after_us == HTTP_RETRY_NONE);
        response = expect_failure(*state, "503 Busy", "Retry-After: 5\r\n", "", FAILURE_THROTTLED, "503");
        assert_true(response.retry_after_us == 5 * USEC_PER_SEC);
        expect_failure(*state, "503 Busy", "", "", FAILURE_SERVER_ERROR, "503");
}

static void test_refused(void **state)
{
        struct nexudus_response response =
                expect_failure(*state, "401 Unauthorized", "WWW-Authenticate: Bearer\r\n", "who?",
                               FAILURE_REFUSED, "401: who?");

        assert_false(response.blocked);
        response = expect_failure(*state, "403 Forbidden", "", "<html>blocked</html>", FAILURE_REFUSED,
                                  "403 with an HTML page");
        assert_true(response.blocked);
}

static void test_server_errors(void **state)
{
        static char page[BODY_MAX + 5000];

        expect_failure(*state, "500 Oops", "", "sorry", FAILURE_SERVER_ERROR, "500: sorry");
        expect_failure(*state, "408 Request Timeout", "", "", FAILURE_SERVER_ERROR, "408");

        /* Even a complete record is ignored under such a status. */
        expect_failure(*state, "500 Oops", "", "{\"Id\":87654321,\"Status\":\"Completed\"}",
                       FAILURE_SERVER_ERROR, "500");

        /* A page that is too large says no more than its status. */
        memset(page, 'p', sizeof(page) - 1);
        assert_false(expect_failure(*state, "500 Oops", "", page, FAILURE_SERVER_ERROR, "500").too_large);
}

static void test_unexpected_statuses(void **state)
{
        expect_failure(*state, "400 Bad Request", "", "hm", FAILURE_UNEXPECTED, "400: hm");
        expect_failure(*state, "302 Found", "Location: /else\r\n", "", FAILURE_UNEXPECTED, "redirect");
}

static void test_token_in_the_error_page(void **state)
{
        expect_failure(*state, "500 Oops", "", "You sent s3cret.", FAILURE_SERVER_ERROR,
                       "contains the credentials");
}

static void test_unexpected_documents(void **state)
{
        static const struct {
                const char *body, *part;
        } documents[] = {
                { "", "not a job record" },
                { "<html>Sign in</html>", "not a job record" },
                { "{\"Id\":87654321", "not a job record" },
                { "{\"Id\":87654321}{\"Id\":87654321}", "not a job record" },
                { "{\"Id\":87654321} trailing", "not a job record" },
                { "[{\"Id\":87654321}]", "not a job record" },
                { "null", "not a job record" },
                { "{}", "without Id" },
                { "{\"Id\":null}", "not a job record" },
                { "{\"Status\":500,\"Message\":\"Not\\nfound\",\"Value\":null,\"WasSuccessful\":false}",
                  "Not\\nfound" },
                { "{\"Id\":87654322,\"Status\":\"Completed\"}", "but with job 87654322" },
                { "{\"Id\":87654321,\"Status\":\"\xff\"}", "not a job record" },
        };

        for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
                expect_failure(*state, "200 OK", "", documents[i].body, FAILURE_UNEXPECTED,
                               documents[i].part);
}

static void test_response_too_large(void **state)
{
        static char body[BODY_MAX + 100];

        (void)snprintf(body, sizeof(body), "{\"Id\":87654321,\"ResultData\":\"%0*d\"}", BODY_MAX, 7);
        assert_true(
                expect_failure(*state, "200 OK", "", body, FAILURE_UNEXPECTED, "max_response (65536 bytes)")
                        .too_large);
}

static void test_nested_too_deep(void **state)
{
        char body[256] = "{\"Id\":87654321,\"CustomFields\":";
        size_t size = strlen(body);

        memset(body + size, '[', 100);
        expect_failure(*state, "200 OK", "", body, FAILURE_UNEXPECTED, "64 levels");
}

static void expect_transport_failure(const struct got *got, enum failure failure, enum http_outcome outcome)
{
        if (got->response.failure != failure)
                fail_msg("%s: %s", failure_to_string(got->response.failure), got->explanation);
        assert_non_null(strstr(got->explanation, http_outcome_to_string(outcome)));
}

static void test_incomplete_responses(void **state)
{
        struct http_fixture *fixture = *state;
        struct http_settings settings = fixture_settings();
        struct got got = { .fixture = fixture };
        uint16_t port;
        char url[64];

        request_job(&got, loopback_url(fixture->server, ""), reply_truncated);
        expect_transport_failure(&got, FAILURE_NO_RESPONSE, HTTP_BROKEN);

        int fd = loopback_dead_port(&port);
        (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
        request_job(&got, url, reply_nothing);
        expect_transport_failure(&got, FAILURE_UNREACHABLE, HTTP_UNCONNECTED);
        assert_int_equal(got.response.status, 0);
        close(fd);

        settings.timeout_us = 100 * USEC_PER_MSEC;
        fixture_client(fixture, &settings);
        request_job(&got, loopback_url(fixture->server, ""), reply_nothing);
        expect_transport_failure(&got, FAILURE_NO_RESPONSE, HTTP_TIMED_OUT);
}

/* ---- starting and cancelling ---- */

static void test_request_from_within_the_handler(void **state)
{
        struct http_fixture *fixture = *state;
        struct nexudus *nexudus = nexudus_at(fixture, loopback_url(fixture->server, ""));
        struct got got = { .fixture = fixture, .nexudus = nexudus, .requests_left = 4 };

        reply_status = "200 OK";
        reply_headers = "";
        reply_body = "{\"Id\":87654321,\"Status\":\"Running\"}";
        fixture->handler = reply_script;
        (void)nexudus_get_job(nexudus, JOB, on_response, &got);
        loop_until(fixture->event, &got.responses, 5);
        loop_settle(fixture->event);
        assert_int_equal(got.responses, 5);
        job_record_clear(&got.record);
        nexudus_free(nexudus);
}

static void test_cancel(void **state)
{
        struct http_fixture *fixture = *state;
        struct nexudus *nexudus = nexudus_at(fixture, loopback_url(fixture->server, ""));
        struct nexudus_request *request = NULL;
        struct got got = { .fixture = fixture };

        fixture->handler = reply_nothing;
        request = nexudus_get_job(nexudus, JOB, on_response, &got);
        while (loopback_requests(fixture->server) == 0)
                assert_true(sd_event_run(fixture->event, USEC_PER_SEC) >= 0);
        assert_null(nexudus_cancel(request));
        assert_null(nexudus_cancel(NULL));
        loop_settle(fixture->event);
        assert_int_equal(got.responses, 0);
        nexudus_free(nexudus);
}

static void test_free_cancels_all(void **state)
{
        struct http_fixture *fixture = *state;
        struct nexudus *nexudus = nexudus_at(fixture, loopback_url(fixture->server, ""));
        struct got got = { .fixture = fixture };

        fixture->handler = reply_nothing;
        for (unsigned i = 0; i < 12; i++)
                (void)nexudus_get_job(nexudus, JOB + i, on_response, &got);
        while (loopback_requests(fixture->server) < 8)
                assert_true(sd_event_run(fixture->event, USEC_PER_SEC) >= 0);
        assert_null(nexudus_free(nexudus));
        assert_null(nexudus_free(NULL));
        loop_settle(fixture->event);
        assert_int_equal(got.responses, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_request_with_token),
                TEST(test_request_with_password_below_a_path),
                TEST(test_record),
                TEST(test_not_found),
                TEST(test_throttled),
                TEST(test_refused),
                TEST(test_server_errors),
                TEST(test_unexpected_statuses),
                TEST(test_token_in_the_error_page),
                TEST(test_unexpected_documents),
                TEST(test_response_too_large),
                TEST(test_nested_too_deep),
                TEST(test_incomplete_responses),
                TEST(test_request_from_within_the_handler),
                TEST(test_cancel),
                TEST(test_free_cancels_all),
        };

        return cmocka_run_group_tests_name("nexudus", tests, NULL, NULL);
}
