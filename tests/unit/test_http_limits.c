/* SPDX-License-Identifier: MIT */

/* How much of a response is read: of bodies that are too large, and of error pages. */

#include "http_fixture.h"

/* 100,000 times the letter a. */
static const unsigned char gzip_of_100000[133] = { 0x1f, 0x8b, 0x08, 0x00,         0x00, 0x00, 0x00, 0x00,
                                                   0x02, 0x03, 0xed, 0xc1,         0x31, 0x01, 0x00, 0x00,
                                                   0x00, 0xc2, 0xa0, 0xac,         0xeb, 0x5f, 0xc2, 0x1a,
                                                   0x1e, 0x40, 0x01, [123] = 0xaf, 0x06, 0x87, 0xfa, 0xe2,
                                                   0x1b, 0xa0, 0x86, 0x01,         0x00 };

/* A page of `page_size` bytes in one of three encodings. */
static enum { PLAIN, CHUNKED, GZIP } form;
static const char *page_status;
static size_t page_size;

static void answer_page(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        char *page = malloc(page_size + 1);
        (void)head;
        (void)body;
        (void)userdata;

        assert_non_null(page);
        memset(page, 'p', page_size);
        switch (form) {
        case PLAIN:
                loopback_answer(peer, page_status, "", page, page_size);
                break;
        case CHUNKED:
                loopback_send_string(peer, "HTTP/1.1 ");
                loopback_send_string(peer, page_status);
                loopback_send_string(peer, "\r\nTransfer-Encoding: chunked\r\n\r\n");
                for (size_t at = 0; at < page_size; at += 1000)
                        loopback_send_chunk(peer, page + at, page_size - at < 1000 ? page_size - at : 1000);
                loopback_send_string(peer, "0\r\n\r\n");
                break;
        case GZIP:
                loopback_answer(peer, page_status, "Content-Encoding: gzip\r\n", gzip_of_100000,
                                sizeof(gzip_of_100000));
                break;
        }
        free(page);
}

static void get_page(struct noted *noted, const char *status, size_t size)
{
        page_status = status;
        page_size = size;
        noted_get(noted, answer_page, "/");
}

/* ---- limits ---- */

static void test_body_of_the_maximum_size(void **state)
{
        struct noted noted = { .fixture = *state };

        for (form = PLAIN; form <= CHUNKED; form++) {
                get_page(&noted, "200 OK", BODY_MAX);
                assert_int_equal(noted.end.outcome, HTTP_ANSWERED);
                assert_int_equal(noted.end.body_size, BODY_MAX);
                assert_int_equal(noted.size, BODY_MAX);
                noted_clear(&noted);
        }
}

static void test_body_too_large(void **state)
{
        struct noted noted = { .fixture = *state };

        for (form = PLAIN; form <= GZIP; form++) {
                get_page(&noted, "200 OK", BODY_MAX + 1);
                assert_int_equal(noted.end.outcome, HTTP_TOO_LARGE);
                assert_int_equal(noted.end.status, 200);
                assert_true(noted.end.body_size <= BODY_MAX);
                assert_true(noted.size <= BODY_MAX);
                noted_clear(&noted);
        }
}

static void test_decoded_bytes_are_counted(void **state)
{
        struct http_fixture *fixture = *state;
        struct http_settings settings = fixture_settings();
        struct noted noted = { .fixture = fixture };

        form = GZIP;
        settings.body_max = 100000;
        fixture_client(fixture, &settings);
        get_page(&noted, "200 OK", 0);
        assert_int_equal(noted.end.outcome, HTTP_ANSWERED);
        assert_int_equal(noted.size, 100000);
        assert_int_equal(noted.data[99999], 'a');
        noted_clear(&noted);

        settings.body_max = 99999;
        fixture_client(fixture, &settings);
        get_page(&noted, "200 OK", 0);
        assert_int_equal(noted.end.outcome, HTTP_TOO_LARGE);
        noted_clear(&noted);
}

static void test_rejecting_the_body(void **state)
{
        struct noted noted = { .fixture = *state, .body_result = -EBADMSG };

        form = CHUNKED;
        get_page(&noted, "200 OK", 30000);
        assert_int_equal(noted.end.outcome, HTTP_STOPPED);
        assert_int_equal(noted.end.status, 200);
        assert_int_equal(noted.pieces, 1);
        noted_clear(&noted);

        form = PLAIN;
        get_page(&noted, "200 OK", 100);
        assert_int_equal(noted.end.outcome, HTTP_ANSWERED);
        noted_clear(&noted);
}

/* ---- error pages ---- */

static void answer_busy(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        (void)head;
        (void)body;
        (void)userdata;
        loopback_send_string(peer, "HTTP/1.1 503 Busy\r\nContent-Length: 11\r\n\r\nbusy,\nsorry");
}

static void test_error_page(void **state)
{
        struct noted noted = { .fixture = *state };

        noted_get(&noted, answer_busy, "/");
        assert_int_equal(noted.end.outcome, HTTP_ANSWERED);
        assert_int_equal(noted.end.status, 503);
        assert_int_equal(noted.pieces, 0);
        assert_int_equal(noted.end.excerpt_size, 11);
        assert_string_equal(noted.end.excerpt, "busy,\nsorry");
        noted_clear(&noted);
}

static void test_long_error_page(void **state)
{
        struct http_fixture *fixture = *state;
        struct noted noted = { .fixture = fixture };

        for (form = PLAIN; form <= CHUNKED; form++) {
                get_page(&noted, "500 Oops", 20000);
                assert_int_equal(noted.end.outcome, HTTP_ANSWERED);
                assert_int_equal(noted.end.status, 500);
                assert_int_equal(noted.pieces, 0);
                assert_int_equal(noted.end.excerpt_size, 512);
                assert_int_equal(noted.end.excerpt[511], 'p');
                assert_int_equal(noted.end.body_size, 20000);
                noted_clear(&noted);
        }
        assert_int_equal(loopback_accepted(fixture->server),
                         1); /* read to its end, so the connection is reused */
}

/* The status of an error page counts, however long the page is. */
static void test_error_page_beyond_all_limits(void **state)
{
        static const size_t sizes[] = { BODY_MAX + 1, 10 * BODY_MAX };
        static const size_t limits[] = { 1000, BODY_MAX, 20 * BODY_MAX };
        struct http_fixture *fixture = *state;
        struct http_settings settings = fixture_settings();
        struct noted noted = { .fixture = fixture };

        for (size_t limit = 0; limit < 3; limit++) {
                settings.body_max = limits[limit];
                fixture_client(fixture, &settings);
                for (form = PLAIN; form <= GZIP; form++)
                        for (size_t size = 0; size < 2; size++) {
                                get_page(&noted, "500 Oops", sizes[size]);
                                assert_int_equal(noted.end.outcome, HTTP_ANSWERED);
                                assert_int_equal(noted.end.status, 500);
                                assert_int_equal(noted.pieces, 0);
                                noted_clear(&noted);
                        }
        }
}

/* ---- header lines ---- */

static const char *lines_before, *lines_between;
static size_t line_size, line_count;

/* So many lines of that size between two texts. */
static void answer_lines(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        char *line = malloc(line_size);
        (void)head;
        (void)body;
        (void)userdata;

        assert_non_null(line);
        memset(line, 'x', line_size);
        memcpy(line, "X: ", 3);
        memcpy(line + line_size - 2, "\r\n", 2);
        loopback_send_string(peer, lines_before);
        for (size_t i = 0; i < line_count; i++) {
                loopback_send_string(peer, lines_between);
                loopback_send(peer, line, line_size);
        }
        loopback_send_string(peer, "\r\n");
        loopback_finish(peer);
        free(line);
}

static void expect_lines(struct http_fixture *fixture, const char *before, const char *between, size_t size,
                         size_t count, enum http_outcome outcome)
{
        struct noted noted = { .fixture = fixture };

        lines_before = before;
        lines_between = between;
        line_size = size;
        line_count = count;
        noted_get(&noted, answer_lines, "/");
        if (noted.end.outcome != outcome)
                fail_msg("%s: %s (%s)", before, http_outcome_to_string(noted.end.outcome), noted.end.detail);
        assert_int_equal(noted.end.shortage, 0); /* none of this machine */
        if (outcome == HTTP_BROKEN)
                assert_non_null(strstr(noted.end.detail, "header line"));
        noted_clear(&noted);
}

/* Wherever they are: in interim responses, in the head, and behind the body. */
static void test_header_lines(void **state)
{
        static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
        static const char trailer[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
        static const char interim[] = "\r\nHTTP/1.1 103 Early Hints\r\n";

        expect_lines(*state, response, "", 1000, 250, HTTP_ANSWERED);
        expect_lines(*state, response, "", 1000, 270, HTTP_BROKEN);
        expect_lines(*state, trailer, "", 1000, 250, HTTP_ANSWERED);
        expect_lines(*state, trailer, "", 1000, 270, HTTP_BROKEN);
        expect_lines(*state, interim + 2, interim, 2000, 200, HTTP_BROKEN);
        expect_lines(*state, response, "", 1000 * 1000, 1, HTTP_BROKEN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_body_of_the_maximum_size),
                TEST(test_body_too_large),
                TEST(test_decoded_bytes_are_counted),
                TEST(test_rejecting_the_body),
                TEST(test_error_page),
                TEST(test_long_error_page),
                TEST(test_error_page_beyond_all_limits),
                TEST(test_header_lines),
        };

        return cmocka_run_group_tests_name("http_limits", tests, NULL, NULL);
}
