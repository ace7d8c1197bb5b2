/* SPDX-License-Identifier: MIT */

/* Parsing of the heads of responses and of Retry-After. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/http_header.h"
#include "util/timespan.h"

/* Sun, 06 Nov 1994 08:49:37 GMT */
#define NOW ((time_t)784111777)

/* Copies the line to memory of exactly its size, so that a sanitizer detects reading beyond it. */
static bool take(struct http_head *head, const char *line)
{
        size_t size = strlen(line);
        char *copy = malloc(size);

        assert_true(copy != NULL || size == 0);
        if (copy != NULL)
                memcpy(copy, line, size);
        bool taken = http_head_parse(head, copy, size);
        free(copy);
        return taken;
}

static void test_status_line(void **state)
{
        static const struct {
                const char *line;
                int status; /* 0: invalid */
        } cases[] = {
                { "HTTP/1.1 200 OK\r\n", 200 },
                { "HTTP/1.0 404 Not Found\r\n", 404 },
                { "HTTP/1.1 200\r\n", 200 },
                { "HTTP/1.1 200 \r\n", 200 },
                { "HTTP/1.1 200\n", 200 },
                { "HTTP/1.1 100 Continue\r\n", 100 },
                { "HTTP/1.1 999\r\n", 999 },
                { "HTTP/1.1 099\r\n", 0 },
                { "HTTP/1.1 000\r\n", 0 },
                { "HTTP/1.1 20\r\n", 0 },
                { "HTTP/1.1 2000\r\n", 0 },
                { "HTTP/1.1 200OK\r\n", 0 },
                { "HTTP/1.1 200\tOK\r\n", 0 },
                { "HTTP/1.1  200 OK\r\n", 0 },
                { "HTTP/1.1\t200 OK\r\n", 0 },
                { "HTTP/1.1 +20 OK\r\n", 0 },
                { "HTTP/1.1 -20 OK\r\n", 0 },
                { "HTTP/1.2 200 OK\r\n", 0 },
                { "HTTP/0.9 200 OK\r\n", 0 },
                { "HTTP/2 200\r\n", 0 },
                { "HTTP/2 503\r\n", 0 },
                { "HTTP/3 503\r\n", 0 },
                { "http/1.1 200 OK\r\n", 0 },
                { "Http/1.1 200 OK\r\n", 0 },
                { " HTTP/1.1 200 OK\r\n", 0 },
                { "HTTP/1.1 200", 0 }, /* no line ending */
                { "HTTP/1.1 ", 0 },
                { "HTTP/1.1", 0 },
                { "\r\n", 0 },
                { "", 0 },
        };
        (void)state;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct http_head head = HTTP_HEAD_INITIAL;
                bool taken = take(&head, cases[i].line);
                if (taken != (cases[i].status != 0) || head.status != cases[i].status)
                        fail_msg("\"%s\": %d", cases[i].line, head.status);
        }
}

static void test_first_header_line(void **state)
{
        static const char *const status_lines[] = { "HTTP/1.1 200 OK\r\n", "HTTP/1.1 103 Early\r\n" };
        (void)state;

        for (size_t i = 0; i < 2; i++) {
                struct http_head head = HTTP_HEAD_INITIAL;
                assert_true(take(&head, status_lines[i]));
                assert_false(take(&head, " continued: header\r\n"));
                assert_int_not_equal(head.status, 0); /* the status line was valid */

                head = HTTP_HEAD_INITIAL;
                assert_true(take(&head, status_lines[i]));
                assert_false(take(&head, "\tcontinued: header\r\n"));

                head = HTTP_HEAD_INITIAL;
                assert_true(take(&head, status_lines[i]));
                assert_true(take(&head, "first: header\r\n"));
                assert_true(take(&head, " continued\r\n"));
                assert_true(take(&head, "\tcontinued\r\n"));
        }
}

static void test_interim_responses(void **state)
{
        struct http_head head = HTTP_HEAD_INITIAL;
        (void)state;

        for (unsigned i = 0; i < 3; i++) {
                assert_true(take(&head, "HTTP/1.1 103 Early\r\n"));
                assert_true(take(&head, "Link: <style.css>\r\n"));
                assert_true(take(&head, "\r\n"));
        }
        assert_true(take(&head, "HTTP/1.1 409 Conflict\r\n"));
        assert_true(take(&head, "\r\n"));
        assert_true(take(&head, "Trailer: value\r\n"));
        assert_true(take(&head, "\r\n"));
        assert_int_equal(head.status, 409);

        /* Only a status line may follow an interim response. */
        head = HTTP_HEAD_INITIAL;
        assert_true(take(&head, "HTTP/1.1 100 Continue\r\n"));
        assert_true(take(&head, "\r\n"));
        assert_false(take(&head, "Content-Length: 0\r\n"));
        assert_int_equal(head.status, 0);

        /* 101 is final. */
        head = HTTP_HEAD_INITIAL;
        assert_true(take(&head, "HTTP/1.1 101 Switching\r\n"));
        assert_true(take(&head, "\n"));
        assert_true(take(&head, "Trailer: value\r\n"));
        assert_int_equal(head.status, 101);
}

static void test_retry_after(void **state)
{
        static const struct {
                const char *value;
                uint64_t seconds;
        } cases[] = {
                { "7", 7 },
                { "007", 7 },
                { "0", 0 },
                { "2027", 2027 }, /* a number, not a year */
                { "21601", 21601 },
                { "86399", 86399 },
                { "86400", 86400 },
                { "86401", 86400 },
                { "9223372036854775807", 86400 },
                { "18446744073709551617", 86400 },
                { "99999999999999999999999", 86400 },
                { "", 0 },
                { "soon", 0 },
                { "-5", 0 },
                { "+5", 0 },
                { "5 ", 0 },
                { " 5", 0 },
                { "5s", 0 },
                { "1.5", 0 },
                { "1e9", 0 },
                { "0x10", 0 },
                { "7, 9", 0 },
                { "2027-01-01T00:00:00Z", 0 },
                { "2027-01-01", 0 },
                { "20270101", 86400 },
                { "Sun, 06 Nov 1994 08:49:38 GMT", 1 },
                { "Sun, 06 Nov 1994 08:51:17 GMT", 100 },
                { "Mon, 07 Nov 1994 08:49:36 GMT", 86399 },
                { "Mon, 07 Nov 1994 08:49:37 GMT", 86400 },
                { "Mon, 07 Nov 1994 08:49:38 GMT", 86400 },
                { "Fri, 31 Dec 9999 23:59:59 GMT", 86400 },
                { "Sun, 06 Nov 1994 08:49:37 GMT", 0 },
                { "Sun, 06 Nov 1994 08:49:36 GMT", 0 },
                { "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
                { "Thu, 01 Jan 0000 00:00:00 GMT", 0 },
                { "Thu, 01 Jan 0050 00:00:00 GMT", 0 }, /* not 2050 */
                { "Thu, 29 Feb 1996 00:00:00 GMT", 86400 },
                /* Not a date, or in another format. */
                { "Sun, 06 Nov 1994 25:49:38 GMT", 0 },
                { "Sun, 06 Abc 1994 08:49:38 GMT", 0 },
                { "Abc, 06 Nov 1994 08:49:38 GMT", 0 },
                { "Mon, 45 Nov 1994 08:49:38 GMT", 0 },
                { "Fri, 31 Jun 2033 08:49:38 GMT", 0 },
                { "Tue, 29 Feb 2033 08:49:38 GMT", 0 },
                { "Sun, 06 Nov 1994 08:49:38 UTC", 0 },
                { "Sun, 06 Nov 1994 08:49:38 GMT ", 0 },
                { "Sun, 06 Nov 1994 08:49:38", 0 },
                { "Sun, 6 Nov 1994 08:49:38 GMT", 0 },
                { "Sunday, 06-Nov-94 08:51:17 GMT", 0 },
                { "Sun Nov  6 08:51:17 1994", 0 },
                { "Mon, 07 Nov 1994 08:49:38 +0100", 0 },
        };
        (void)state;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                uint64_t span_us = http_retry_after_parse(cases[i].value, NOW);
                if (span_us != cases[i].seconds * USEC_PER_SEC)
                        fail_msg("\"%s\": %llu us", cases[i].value, (unsigned long long)span_us);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_status_line),
                cmocka_unit_test(test_first_header_line),
                cmocka_unit_test(test_interim_responses),
                cmocka_unit_test(test_retry_after),
        };

        return cmocka_run_group_tests_name("http_header", tests, NULL, NULL);
}
