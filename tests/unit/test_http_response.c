/* SPDX-License-Identifier: MIT */

/* Status lines and Retry-After. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/http_response.h"
#include "util/timespan.h"

/* Sun, 06 Nov 1994 08:49:37 GMT */
#define NOW ((time_t)784111777)

/* Copies the line to memory of exactly its size, so that a sanitizer detects reading beyond it. */
static bool is_valid(const char *line)
{
        size_t size = strlen(line);
        char *copy = malloc(size);

        assert_true(copy != NULL || size == 0);
        if (copy != NULL)
                memcpy(copy, line, size);
        bool valid = http_line_is_valid(copy, size);
        free(copy);
        return valid;
}

static void test_lines(void **state)
{
        static const struct {
                const char *line;
                bool valid;
        } cases[] = {
                { "HTTP/1.1 200 OK\r\n", true },
                { "HTTP/1.0 404 Not Found\r\n", true },
                { "HTTP/1.1 200\r\n", true },
                { "HTTP/1.1 200 \r\n", true },
                { "HTTP/1.1 200\n", true },
                { "HTTP/1.1 100 Continue\r\n", true },
                { "HTTP/1.1 999\r\n", true },
                { "HTTP/1.1 099\r\n", false },
                { "HTTP/1.1 000\r\n", false },
                { "HTTP/1.1 20\r\n", false },
                { "HTTP/1.1 2000\r\n", false },
                { "HTTP/1.1 200OK\r\n", false },
                { "HTTP/1.1 200\tOK\r\n", false },
                { "HTTP/1.1  200 OK\r\n", false },
                { "HTTP/1.1\t200 OK\r\n", false },
                { "HTTP/1.1 +20 OK\r\n", false },
                { "HTTP/1.1 -20 OK\r\n", false },
                { "HTTP/1.2 200 OK\r\n", false },
                { "HTTP/0.9 200 OK\r\n", false },
                { "HTTP/2 200\r\n", false },
                { "HTTP/2 503\r\n", false },
                { "HTTP/3 503\r\n", false },
                { "http/1.1 200 OK\r\n", false },
                { "Http/1.1 200 OK\r\n", false },
                { "HTTP/1.1 200", false },
                { "HTTP/1.1 ", false },
                { "HTTP/1.1", false },
                { "HTTP/x 503\r\n", false },
                { "HTTP/", false },
                { "HTTP", true }, /* not a status line */
                { "Content-Length: 0\r\n", true },
                { " continued\r\n", true },
                { "\r\n", true },
                { "", true },
        };
        (void)state;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                if (is_valid(cases[i].line) != cases[i].valid)
                        fail_msg("\"%s\"", cases[i].line);
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
                { "Sun, 06 nov 1994 08:49:38 GMT", 0 },
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
                cmocka_unit_test(test_lines),
                cmocka_unit_test(test_retry_after),
        };

        return cmocka_run_group_tests_name("http_header", tests, NULL, NULL);
}
