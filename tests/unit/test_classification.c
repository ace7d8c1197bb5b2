/* SPDX-License-Identifier: MIT */

/* Classes of failed responses, and what is explained of them: never a secret. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "nexudus/classification.h"
#include "util/timespan.h"

#define RESPONSE_MAX 65536

#define TOKEN    "eyJhbGciOi.t0ken-of-the-test"
#define PASSWORD "pa55"

static const char *const secrets[2] = { TOKEN, PASSWORD };
static char explanation[EXPLANATION_SIZE];

static struct nexudus_response classify_page(int status, uint64_t retry_after_us, const char *page)
{
        const struct http_end end = { .outcome = HTTP_ANSWERED,
                                      .status = status,
                                      .retry_after_us = retry_after_us,
                                      .detail = "answered",
                                      .excerpt = page,
                                      .excerpt_size = strlen(page) };

        struct nexudus_response class = { .status = end.status };

        classify_failure(&end, secrets, RESPONSE_MAX, &class, explanation);
        return class;
}

static struct nexudus_response classify_outcome(enum http_outcome outcome)
{
        const struct http_end end = { .outcome = outcome, .detail = "some detail", .excerpt = "" };

        struct nexudus_response class = { .status = end.status };

        classify_failure(&end, secrets, RESPONSE_MAX, &class, explanation);
        return class;
}

/* ---- statuses ---- */

static void test_each_status(void **state)
{
        (void)state;
        for (int status = 100; status <= 599; status++) {
                enum failure expected = FAILURE_UNEXPECTED, with_retry_after;
                char shown[16];

                if (http_status_is_success(status))
                        continue;
                if (status >= 500 || status == 408)
                        expected = FAILURE_SERVER_ERROR;
                if (status == 401 || status == 403)
                        expected = FAILURE_REFUSED;
                if (status == 404 || status == 410)
                        expected = FAILURE_NOT_FOUND;
                if (status == 409 || status == 429)
                        expected = FAILURE_THROTTLED;
                with_retry_after = status == 503 ? FAILURE_THROTTLED : expected;

                struct nexudus_response class = classify_page(status, HTTP_RETRY_NONE, "");
                (void)snprintf(shown, sizeof(shown), "HTTP %d", status);
                if (class.failure != expected || strstr(explanation, shown) != explanation)
                        fail_msg("%d: %s, %s", status, failure_to_string(class.failure), explanation);
                assert_false(class.blocked || class.too_large);
                class = classify_page(status, USEC_PER_SEC, "");
                if (class.failure != with_retry_after)
                        fail_msg("%d with Retry-After: %s", status, failure_to_string(class.failure));
        }
}

static void test_redirect(void **state)
{
        (void)state;
        classify_page(302, HTTP_RETRY_NONE, "<html>moved</html>");
        assert_string_equal(explanation,
                            "HTTP 302: redirects are not followed, to protect the credentials; check "
                            "base_url");
}

/* The API sends JSON: an HTML page is from something in front of it, and credentials are not the cause. */
static void test_blocked(void **state)
{
        static const int statuses[] = { 401, 403 };
        (void)state;

        for (size_t i = 0; i < 2; i++) {
                assert_true(classify_page(statuses[i], HTTP_RETRY_NONE, "<html>no</html>").blocked);
                assert_true(classify_page(statuses[i], HTTP_RETRY_NONE, " \r\n\t<!DOCTYPE html>").blocked);
                assert_false(classify_page(statuses[i], HTTP_RETRY_NONE, "").blocked);
                assert_false(classify_page(statuses[i], HTTP_RETRY_NONE, " \r\n").blocked);
                assert_false(classify_page(statuses[i], HTTP_RETRY_NONE, "{\"Message\":\"<b>\"}").blocked);
        }
        assert_false(classify_page(404, HTTP_RETRY_NONE, "<html>no</html>").blocked);
        assert_false(classify_page(500, HTTP_RETRY_NONE, "<html>no</html>").blocked);
}

/* ---- explanations ---- */

static void test_explained(void **state)
{
        char page[2000];
        (void)state;

        classify_page(500, HTTP_RETRY_NONE, "");
        assert_string_equal(explanation, "HTTP 500");
        classify_page(500, HTTP_RETRY_NONE, "a\nb\x1b[31m");
        assert_string_equal(explanation, "HTTP 500: a\\nb\\x1b[31m");
        classify_page(502, HTTP_RETRY_NONE, "\n <html><body>Bad gateway</body></html>");
        assert_string_equal(explanation, "HTTP 502 with an HTML page");

        memset(page, 'p', sizeof(page) - 1);
        page[sizeof(page) - 1] = '\0';
        classify_page(500, HTTP_RETRY_NONE, page);
        assert_in_range(strlen(explanation), 100, 200);

        memset(page, '\x01', sizeof(page) - 1);
        classify_page(500, HTTP_RETRY_NONE, page);
        assert_in_range(strlen(explanation), 100, EXPLANATION_SIZE - 1);
}

static void expect_hidden(const char *page)
{
        classify_page(500, HTTP_RETRY_NONE, page);
        if (strstr(explanation, "not shown") == NULL)
                fail_msg("%s: %s", page, explanation);
}

static void expect_shown(const char *page)
{
        classify_page(500, HTTP_RETRY_NONE, page);
        if (strstr(explanation, page) == NULL)
                fail_msg("%s: %s", page, explanation);
}

static void test_no_secret_is_shown(void **state)
{
        (void)state;
        expect_hidden("your token " TOKEN " is bad");
        expect_hidden("your password " PASSWORD " is bad");
        expect_hidden("GET / HTTP/1.1 Authorization: Basic c29tZWJvZHk=");
        expect_hidden("GET / HTTP/1.1 authorization: Bearer x");

        /* The excerpt may begin or end in the middle of the secret. */
        expect_hidden("your token eyJhbGciO");
        expect_hidden("the-test is bad");
        expect_shown("your token eyJhbGc");
        expect_shown("pa5");

        /* Blocked, or with an HTML page. */
        classify_page(403, HTTP_RETRY_NONE, "<html>" TOKEN "</html>");
        assert_null(strstr(explanation, TOKEN));
}

static void test_no_secrets_at_all(void **state)
{
        static const char *const none[2] = { NULL, NULL }, *const empty[2] = { "", "" };
        const struct http_end end = {
                .outcome = HTTP_ANSWERED, .status = 500, .detail = "", .excerpt = "a page", .excerpt_size = 6
        };
        struct nexudus_response class = { 0 };
        (void)state;

        classify_failure(&end, none, RESPONSE_MAX, &class, explanation);
        assert_string_equal(explanation, "HTTP 500: a page");
        classify_failure(&end, empty, RESPONSE_MAX, &class, explanation);
        assert_string_equal(explanation, "HTTP 500: a page");
}

/* ---- transport ---- */

static void test_outcomes(void **state)
{
        static const struct {
                enum http_outcome outcome;
                enum failure failure;
        } outcomes[] = {
                { HTTP_UNRESOLVED, FAILURE_UNREACHABLE }, { HTTP_UNCONNECTED, FAILURE_UNREACHABLE },
                { HTTP_TLS_FAILED, FAILURE_UNREACHABLE }, { HTTP_IMPOSSIBLE, FAILURE_UNREACHABLE },
                { HTTP_TIMED_OUT, FAILURE_NO_RESPONSE },  { HTTP_BROKEN, FAILURE_NO_RESPONSE },
                { HTTP_STOPPED, FAILURE_UNEXPECTED },
        };
        (void)state;

        for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
                struct nexudus_response class = classify_outcome(outcomes[i].outcome);

                assert_int_equal(class.failure, outcomes[i].failure);
                assert_false(class.too_large || class.blocked);
                assert_non_null(strstr(explanation, http_outcome_to_string(outcomes[i].outcome)));
                assert_non_null(strstr(explanation, "(some detail)"));
        }
}

static void test_too_large(void **state)
{
        (void)state;
        struct nexudus_response class = classify_outcome(HTTP_TOO_LARGE);

        assert_int_equal(class.failure, FAILURE_UNEXPECTED);
        assert_true(class.too_large);
        assert_string_equal(explanation, "response larger than max_response (65536 bytes)");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_each_status),
                cmocka_unit_test(test_redirect),
                cmocka_unit_test(test_blocked),
                cmocka_unit_test(test_explained),
                cmocka_unit_test(test_no_secret_is_shown),
                cmocka_unit_test(test_no_secrets_at_all),
                cmocka_unit_test(test_outcomes),
                cmocka_unit_test(test_too_large),
        };

        return cmocka_run_group_tests_name("classification", tests, NULL, NULL);
}
