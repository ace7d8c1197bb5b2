/* SPDX-License-Identifier: MIT */

/* Deliveries by POST to a server in the same loop. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "delivery/webhook/signature.h"
#include "delivery/webhook/webhook.h"
#include "loopback.h"
#include "open_descriptors.h"
#include "util/timespan.h"
#include "version.h"

#define ID     "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0"
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static const char document[] = "{\"event\":\"succeeded\",\"result\":\"é $(x) \\\"\\u0000\"}\n";

struct fixture {
        sd_event *event;
        struct journal *journal;
        struct hook_context context;
        struct loopback *server;
        struct config config;
        struct hook_config hook;
        struct event sample;
        struct webhook *webhook;
        char secret_file[64], header_file[64], url_file[64];

        /* The response of the server. */
        const char *status, *headers, *body;
        size_t body_size;
        bool silent;

        /* The last request it received. */
        char head[4096];
        char *posted;

        struct webhook_run *run; /* the last one; NULL once it has ended */
        unsigned ends;
        bool success;
        char *reason;
        uint64_t retry_after_us;
};

static void answer(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        struct fixture *fixture = userdata;

        (void)snprintf(fixture->head, sizeof(fixture->head), "%s\r\n", head);
        free(fixture->posted);
        fixture->posted = strdup(body);
        if (!fixture->silent)
                loopback_answer(peer, fixture->status, fixture->headers, fixture->body, fixture->body_size);
}

static int setup(void **state)
{
        const struct log_config log = { .level = LOG_ERR, .target = LOG_TARGET_CONSOLE };
        struct fixture *fixture = calloc(1, sizeof(*fixture));
        static char name[] = "post", none[] = "", path[] = "/etc/jobwatchd/jobwatchd.ini";

        assert_non_null(fixture);
        assert_true(sd_event_new(&fixture->event) >= 0);
        assert_int_equal(journal_open(&log, &fixture->journal), 0);
        fixture->context = (struct hook_context){ .event = fixture->event, .journal = fixture->journal };
        fixture->config = (struct config){ .path = path, .api = { .ca_file = none, .where_ca_file = path } };
        fixture->server = loopback_new(fixture->event, answer, fixture);
        fixture->hook = (struct hook_config){ .name = name,
                                              .kind = HOOK_URL,
                                              .target = strdup(loopback_url(fixture->server, "/jobs?a=b")),
                                              .timeout_us = 30 * USEC_PER_SEC,
                                              .secret_file = fixture->secret_file,
                                              .header_file = none,
                                              .ca_file = none };
        fixture->sample = (struct event){ .id = ID, .kind = EVENT_SUCCEEDED };
        fixture->status = "200 OK";
        fixture->headers = "";
        *state = fixture;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *fixture = *state;

        webhook_free(fixture->webhook);
        loopback_free(fixture->server);
        journal_close(fixture->journal);
        sd_event_unref(fixture->event);
        const char *const files[] = { fixture->secret_file, fixture->header_file, fixture->url_file };
        for (size_t i = 0; i < 3; i++)
                if (*files[i] != '\0')
                        assert_return_code(unlink(files[i]), errno);
        free(fixture->hook.target);
        free(fixture->posted);
        free(fixture->reason);
        free(fixture);
        return 0;
}

/* `path` is a member of the fixture, which removes the file. */
static void write_file(char path[static 64], const char *content)
{
        strcpy(path, "/tmp/jobwatch-secret-XXXXXX");
        int fd = mkstemp(path);
        assert_return_code(fd, errno);
        assert_int_equal(write(fd, content, strlen(content)), strlen(content));
        close(fd);
}

static void open_hook(struct fixture *fixture)
{
        fixture->webhook = webhook_free(fixture->webhook);
        assert_int_equal(webhook_new(&fixture->context, &fixture->config, &fixture->hook, &fixture->webhook),
                         0);
}

static void on_end(void *userdata, const struct hook_end *end)
{
        struct fixture *fixture = userdata;

        assert_non_null(end->reason);
        assert_true(end->success == (*end->reason == '\0'));
        fixture->ends++;
        fixture->run = NULL;
        fixture->success = end->success;
        free(fixture->reason);
        fixture->reason = strdup(end->reason);
        fixture->retry_after_us = end->retry_after_us;
}

static struct hook_attempt attempt_of(struct fixture *fixture, const char *text)
{
        return (struct hook_attempt){ .hook = &fixture->hook,
                                      .event = &fixture->sample,
                                      .document = text,
                                      .attempt = 1,
                                      .on_end = on_end,
                                      .userdata = fixture };
}

static void start(struct fixture *fixture)
{
        const struct hook_attempt attempt = attempt_of(fixture, document);
        char *reason = NULL;

        assert_int_equal(webhook_start(fixture->webhook, &attempt, &reason, &fixture->run), 0);
        assert_null(reason);
        assert_non_null(fixture->run);
        assert_int_equal(fixture->ends, 0); /* not from the start function */
}

static void deliver(struct fixture *fixture)
{
        fixture->ends = 0;
        start(fixture);
        loop_until(fixture->event, &fixture->ends, 1);
        loop_settle(fixture->event);
        assert_int_equal(fixture->ends, 1);
}

/* The value of a header of the last request, up to the end of its line; NULL if it was not sent. */
static const char *header(const struct fixture *fixture, const char *name, char value[static 256])
{
        char line[128];

        (void)snprintf(line, sizeof(line), "\r\n%s: ", name);
        const char *at = strcasestr(fixture->head, line);
        if (at == NULL)
                return NULL;
        at += strlen(line);
        (void)snprintf(value, 256, "%.*s", (int)strcspn(at, "\r"), at);
        return value;
}

static void expect_header(const struct fixture *fixture, const char *name, const char *expected)
{
        char value[256];
        const char *found = header(fixture, name, value);

        assert_true((found == NULL) == (expected == NULL));
        if (found != NULL)
                assert_string_equal(found, expected);
}

/* ---- requests ---- */

static void test_request(void **state)
{
        struct fixture *fixture = *state;

        open_hook(fixture);
        deliver(fixture);
        assert_true(fixture->success);
        assert_int_equal(fixture->retry_after_us, 0);
        assert_memory_equal(fixture->head, "POST /jobs?a=b HTTP/1.1\r\n", 25);
        expect_header(fixture, "Content-Type", "application/json");
        expect_header(fixture, "User-Agent", "jobwatchd/" JOBWATCH_VERSION);
        expect_header(fixture, "Accept", "*/*");
        expect_header(fixture, "webhook-id", ID);
        expect_header(fixture, "webhook-timestamp", NULL);
        expect_header(fixture, "webhook-signature", NULL);
        expect_header(fixture, "Expect", NULL);
        expect_header(fixture, "Authorization", NULL);
        assert_string_equal(fixture->posted, document);
}

/* time() can be some milliseconds behind the clock that dates the requests. */
static time_t wall_seconds(void)
{
        struct timespec now;

        assert_return_code(clock_gettime(CLOCK_REALTIME, &now), errno);
        return now.tv_sec;
}

static void test_signature(void **state)
{
        struct fixture *fixture = *state;
        char timestamp[256], signature[256], expected[WEBHOOK_SIGNATURE_SIZE];
        struct webhook_key *key = NULL;
        time_t before = wall_seconds();

        write_file(fixture->secret_file, SECRET "\n");
        open_hook(fixture);
        deliver(fixture);
        assert_true(fixture->success);
        expect_header(fixture, "webhook-id", ID);
        assert_non_null(header(fixture, "webhook-timestamp", timestamp));
        assert_non_null(header(fixture, "webhook-signature", signature));
        assert_true(atoll(timestamp) >= before && atoll(timestamp) <= wall_seconds());

        assert_null(webhook_key_new(SECRET, &key));
        assert_int_equal(webhook_sign(key, ID, (uint64_t)atoll(timestamp), fixture->posted, expected), 0);
        assert_string_equal(signature, expected);
        webhook_key_free(key);
        assert_null(strstr(fixture->head, "whsec_"));
}

static void test_large_document(void **state)
{
        struct fixture *fixture = *state;
        size_t size = 200 * 1024;
        char *text = malloc(size + 1), *reason = NULL;

        assert_non_null(text);
        memset(text, 'x', size);
        text[size] = '\0';
        open_hook(fixture);
        const struct hook_attempt attempt = attempt_of(fixture, text);
        assert_int_equal(webhook_start(fixture->webhook, &attempt, &reason, &fixture->run), 0);
        loop_until(fixture->event, &fixture->ends, 1);
        assert_true(fixture->success);
        assert_string_equal(fixture->posted, text);
        free(text);
}

static void test_connection_is_used_again(void **state)
{
        struct fixture *fixture = *state;

        open_hook(fixture);
        for (unsigned i = 0; i < 5; i++)
                deliver(fixture);
        assert_int_equal(loopback_requests(fixture->server), 5);
        assert_int_equal(loopback_accepted(fixture->server), 1);
}

/* A hook that has nothing to deliver holds no descriptors, if they are needed elsewhere. */
static void test_idle_descriptors_are_given_back(void **state)
{
        struct fixture *fixture = *state;

        open_hook(fixture);
        deliver(fixture); /* makes the timers of the loop */
        webhook_close_idle(fixture->webhook);
        loop_settle(fixture->event);
        unsigned before = open_descriptors();
        open_hook(fixture);
        webhook_close_idle(fixture->webhook);
        assert_int_equal(open_descriptors(), before);

        deliver(fixture);
        assert_true(open_descriptors() > before);
        webhook_close_idle(fixture->webhook);
        loop_settle(fixture->event); /* the server closes its end */
        assert_int_equal(open_descriptors(), before);

        /* Not while an attempt is in progress. */
        fixture->ends = 0;
        start(fixture);
        webhook_close_idle(fixture->webhook);
        loop_until(fixture->event, &fixture->ends, 1);
        assert_true(fixture->success);
}

/* ---- responses ---- */

static void expect_response(struct fixture *fixture, const char *status, const char *headers,
                            const char *body, const char *reason, uint64_t retry_after_us)
{
        fixture->status = status;
        fixture->headers = headers;
        fixture->body = body;
        fixture->body_size = strlen(body);
        deliver(fixture);
        assert_string_equal(fixture->reason, reason);
        assert_int_equal(fixture->retry_after_us, retry_after_us);
}

static void test_success(void **state)
{
        struct fixture *fixture = *state;

        open_hook(fixture);
        expect_response(fixture, "200 OK", "", "thanks", "", 0);
        expect_response(fixture, "201 Created", "", "", "", 0);
        expect_response(fixture, "202 Accepted", "Retry-After: 9\r\n", "", "", 0);
        expect_response(fixture, "299 Other", "", "x", "", 0);

        /* A large response does not turn success into failure. */
        fixture->body_size = 1000000;
        char *page = calloc(1, fixture->body_size);
        assert_non_null(page);
        fixture->body = page;
        deliver(fixture);
        assert_true(fixture->success);
        free(page);
}

static void test_failure(void **state)
{
        struct fixture *fixture = *state;
        char page[1001], expected[512], excerpt[201];

        open_hook(fixture);
        expect_response(fixture, "500 Oh", "", "", "HTTP 500", 0);
        expect_response(fixture, "404 Not Found", "", "no\tsuch \x1b[31m hook\n",
                        "HTTP 404: no\\tsuch \\x1b[31m hook\\n", 0);
        memset(page, 'x', 1000);
        page[1000] = '\0';
        memset(excerpt, 'x', 200);
        excerpt[200] = '\0';
        (void)snprintf(expected, sizeof(expected), "HTTP 400: %s…", excerpt);
        expect_response(fixture, "400 Bad", "", page, expected, 0);
}

static void test_redirect_is_not_followed(void **state)
{
        struct fixture *fixture = *state;
        char location[128];

        open_hook(fixture);
        (void)snprintf(location, sizeof(location), "Location: %s\r\n",
                       loopback_url(fixture->server, "/other"));
        expect_response(fixture, "307 Temporary Redirect", location, "",
                        "HTTP 307: redirects are not followed; configure the final URL", 0);
        assert_int_equal(loopback_requests(fixture->server), 1);
}

static void test_retry_after(void **state)
{
        struct fixture *fixture = *state;

        open_hook(fixture);
        expect_response(fixture, "429 Slow", "Retry-After: 7\r\n", "", "HTTP 429", 7 * USEC_PER_SEC);
        expect_response(fixture, "409 Slow", "Retry-After: 1\r\n", "", "HTTP 409", USEC_PER_SEC);
        expect_response(fixture, "503 Slow", "Retry-After: 99999999\r\n", "", "HTTP 503", USEC_PER_DAY);
        expect_response(fixture, "503 Slow", "", "", "HTTP 503", 0);
        expect_response(fixture, "429 Slow", "Retry-After: -3\r\n", "", "HTTP 429", 0);
        expect_response(fixture, "500 Slow", "Retry-After: 7\r\n", "", "HTTP 500", 0);
}

static void test_no_server(void **state)
{
        struct fixture *fixture = *state;
        uint16_t port;
        char url[64];
        int fd = loopback_dead_port(&port);

        (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
        free(fixture->hook.target);
        fixture->hook.target = strdup(url);
        open_hook(fixture);
        deliver(fixture);
        assert_false(fixture->success);
        assert_non_null(strstr(fixture->reason, "could not connect: Connection refused"));
        close(fd);
}

static void test_timeout(void **state)
{
        struct fixture *fixture = *state;

        fixture->silent = true;
        fixture->hook.timeout_us = 100 * USEC_PER_MSEC;
        open_hook(fixture);
        deliver(fixture);
        assert_false(fixture->success);
        assert_non_null(strstr(fixture->reason, "timed out waiting for the response"));
}

static void test_cancel(void **state)
{
        struct fixture *fixture = *state;

        assert_null(webhook_cancel(NULL));
        assert_null(webhook_free(NULL));
        open_hook(fixture);
        start(fixture);
        fixture->run = webhook_cancel(fixture->run);
        assert_null(fixture->run);

        fixture->silent = true;
        start(fixture);
        while (loopback_requests(fixture->server) == 0)
                assert_true(sd_event_run(fixture->event, UINT64_MAX) >= 0);
        fixture->run = webhook_cancel(fixture->run);
        loop_settle(fixture->event);
        assert_int_equal(fixture->ends, 0);
}

/* ---- secrets ---- */

static void test_header_lines(void **state)
{
        struct fixture *fixture = *state;

        write_file(fixture->header_file, "Authorization: Bearer abc def\n\nX-Channel:  jobs \n");
        fixture->hook.header_file = fixture->header_file;
        open_hook(fixture);
        deliver(fixture);
        assert_true(fixture->success);
        expect_header(fixture, "Authorization", "Bearer abc def");
        expect_header(fixture, "X-Channel", "jobs");
        expect_header(fixture, "Content-Type", "application/json");
        expect_header(fixture, "webhook-id", ID);
        assert_string_equal(fixture->posted, document);
}

/* The path and the query of url_file, and the values of header_file, are in no reason, whoever repeats them.
 */
static void test_reasons_contain_no_secret(void **state)
{
        struct fixture *fixture = *state;

        write_file(fixture->url_file, loopback_url(fixture->server, "/T0AB/s3cretP4th?key=Qu3ryKey"));
        write_file(fixture->header_file, "X-Key: h3aderV4lue\n");
        fixture->hook.url_file = fixture->url_file;
        fixture->hook.header_file = fixture->header_file;
        open_hook(fixture);
        expect_response(fixture, "200 OK", "", "", "", 0);
        assert_memory_equal(fixture->head, "POST /T0AB/s3cretP4th?key=Qu3ryKey HTTP/1.1\r\n", 45);
        static const char hidden[] = "HTTP 404: the response may repeat a secret and is not shown";
        expect_response(fixture, "404 No", "", "Cannot POST /T0AB/s3cretP4th?key=Qu3ryKey", hidden, 0);
        expect_response(fixture, "404 No", "", "\\/T0AB\\/S3CRETP4TH", hidden, 0);
        expect_response(fixture, "404 No", "", "unknown key Qu3ryKey", hidden, 0);
        expect_response(fixture, "404 No", "", "{\"headers\":{\"x-key\":\"h3aderV4lue\"}}", hidden, 0);
        expect_response(fixture, "400 Bad", "", "no_text", "HTTP 400: no_text", 0);
}

#define WEBHOOK_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                WEBHOOK_TEST(test_request),
                WEBHOOK_TEST(test_signature),
                WEBHOOK_TEST(test_large_document),
                WEBHOOK_TEST(test_connection_is_used_again),
                WEBHOOK_TEST(test_idle_descriptors_are_given_back),
                WEBHOOK_TEST(test_success),
                WEBHOOK_TEST(test_failure),
                WEBHOOK_TEST(test_redirect_is_not_followed),
                WEBHOOK_TEST(test_retry_after),
                WEBHOOK_TEST(test_no_server),
                WEBHOOK_TEST(test_timeout),
                WEBHOOK_TEST(test_cancel),
                WEBHOOK_TEST(test_header_lines),
                WEBHOOK_TEST(test_reasons_contain_no_secret),
        };

        return cmocka_run_group_tests_name("webhook", tests, NULL, NULL);
}
