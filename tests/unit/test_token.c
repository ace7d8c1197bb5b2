/* SPDX-License-Identifier: MIT */

/* Sign-in: which requests are sent, and which token is used. */

#include "token_script.h"

/* ---- requests, and successful responses ---- */

static void test_password(void **state)
{
        struct http_fixture *fixture = *state;
        struct token_notes notes = { 0 };
        struct token *token = make(fixture, &notes, NULL);

        assert_null(token_current(token, now_realtime()));
        assert_int_equal(token_renew_at(token), 0);
        uint64_t before_us = now_realtime();
        renew(fixture, token, &notes, REPLY("200 OK", .body = GOOD("acc-1", "ref-1")), NOTHING);

        assert_int_equal(notes.verdict, TOKEN_OBTAINED);
        assert_false(notes.refreshed);
        assert_int_equal(notes.spends, 1);
        assert_int_equal(notes.obtained, 1);
        assert_string_equal(notes.saved_access, "acc-1");
        assert_string_equal(notes.saved_refresh, "ref-1");
        assert_string_equal(forms[0], FORM_PASSWORD);
        assert_non_null(strstr(fixture->head, "\r\nclient_id: " CLIENT "\r\n"));
        assert_non_null(strstr(fixture->head, "\r\nAccept: application/json\r\n"));
        assert_non_null(strstr(fixture->head, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
        assert_null(strstr(fixture->head, "Authorization"));

        uint64_t life_us = 604799 * USEC_PER_SEC, renew_at_us = token_renew_at(token);
        assert_in_range(renew_at_us, before_us + life_us - life_us / 10,
                        now_realtime() + life_us - life_us / 10);
        assert_string_equal(token_current(token, now_realtime()), "acc-1");
        assert_string_equal(token_current(token, before_us + life_us - 1), "acc-1");
        assert_null(token_current(token, now_realtime() + life_us));

        token_reject(token);
        assert_null(token_current(token, now_realtime()));
        assert_int_equal(token_renew_at(token), 0);
        token_free(token);
}

static void test_refresh(void **state)
{
        struct http_fixture *fixture = *state;
        struct token_notes notes = { 0 };
        struct tokens known = known_tokens("acc-0", "ref/0 +", USEC_PER_DAY);
        struct token *token = make(fixture, &notes, &known);

        assert_string_equal(token_current(token, now_realtime()), "acc-0");
        token_reject(token); /* the refresh token remains */
        renew(fixture, token, &notes, REPLY("200 OK", .body = GOOD("acc-1", "ref-1")), NOTHING);
        assert_int_equal(notes.verdict, TOKEN_OBTAINED);
        assert_true(notes.refreshed);
        assert_int_equal(notes.spends, 1);
        assert_string_equal(forms[0], "grant_type=refresh_token&refresh_token=ref%2F0%20%2B");
        assert_non_null(strstr(fixture->head, "\r\nclient_id: " CLIENT "\r\n"));

        /* The next renewal uses the new one. */
        renew(fixture, token, &notes, REPLY("200 OK", .body = GOOD("acc-2", "ref-2")), NOTHING);
        assert_string_equal(forms[0], "grant_type=refresh_token&refresh_token=ref-1");
        assert_string_equal(token_current(token, now_realtime()), "acc-2");
        token_free(token);
}

/* A refused refresh token is followed by the password within the same renewal. */
static void test_refresh_refused(void **state)
{
        static const struct scripted refusals[] = {
                { .status = "400 Bad Request", .body = REFUSED },
                { .status = "200 OK", .body = REFUSED },
                { .status = "401 Unauthorized", .body = "" },
                { .status = "400 Bad Request", .body = "<html>" },
                { .status = "400 Bad Request", .body = ERROR("unsupported_grant_type", "No.") },
        };
        struct http_fixture *fixture = *state;

        for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
                struct token_notes notes = { 0 };
                struct tokens known = known_tokens("acc-0", "ref-0", 0);
                struct token *token = make(fixture, &notes, &known);

                renew(fixture, token, &notes, refusals[i], REPLY("200 OK", .body = GOOD("acc-1", "ref-1")));
                assert_int_equal(notes.verdict, TOKEN_OBTAINED);
                assert_false(notes.refreshed);
                assert_int_equal(notes.spends, 2);
                assert_int_equal(request_count, 2);
                assert_string_equal(forms[0], "grant_type=refresh_token&refresh_token=ref-0");
                assert_string_equal(forms[1], FORM_PASSWORD);
                token_free(token);
        }
}

static void test_each_response_is_reported_by_its_class(void **state)
{
        static const struct {
                struct scripted reply;
                enum failure failure;
        } cases[] = {
                { { .status = "200 OK", .body = GOOD("acc-1", "ref-1") }, FAILURE_NONE },
                { { .status = "200 OK", .body = "[]" }, FAILURE_UNEXPECTED },
                { { .status = "400 Bad Request", .body = REFUSED }, FAILURE_REFUSED },
                { { .status = "403 Forbidden", .body = "<html>" }, FAILURE_REFUSED },
                { { .status = "429 Too Many Requests", .body = "" }, FAILURE_THROTTLED },
                { { .status = "500 Internal Server Error", .body = "" }, FAILURE_SERVER_ERROR },
                { { .status = NULL }, FAILURE_NO_RESPONSE },
        };
        struct http_fixture *fixture = *state;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct token_notes notes = { 0 };
                struct token *token = make(fixture, &notes, NULL);

                renew(fixture, token, &notes, cases[i].reply, NOTHING);
                assert_int_equal(notes.responses, 1);
                assert_int_equal(notes.failures[0], cases[i].failure);
                token_free(token);
        }

        struct token_notes notes = { 0 };
        struct tokens known = known_tokens("acc-0", "ref-0", 0);
        struct token *token = make(fixture, &notes, &known);
        renew(fixture, token, &notes, REPLY("400 Bad Request", .body = REFUSED),
              REPLY("200 OK", .body = GOOD("acc-1", "ref-1")));
        assert_int_equal(notes.responses, 2);
        assert_int_equal(notes.failures[0], FAILURE_REFUSED);
        assert_int_equal(notes.failures[1], FAILURE_NONE);
        token_free(token);
}

/* Stopped while the request is in flight: its tokens are obtained, but no second request follows. */
static void test_stop(void **state)
{
        struct http_fixture *fixture = *state;

        for (unsigned i = 0; i < 2; i++) {
                bool refused = i == 1;
                struct token_notes notes = { 0 };
                struct tokens known = known_tokens("acc-0", "ref-0", 0);
                struct token *token = make(fixture, &notes, &known);

                fixture->handler = on_request;
                request_count = 0;
                script[0] = refused ? REPLY("400 Bad Request", .body = REFUSED)
                                    : REPLY("200 OK", .body = GOOD("acc-1", "ref-1"));
                token_renew(token);
                token_stop(token);
                loop_until(fixture->event, &notes.results, 1);
                loop_settle(fixture->event);
                assert_int_equal(notes.verdict, refused ? TOKEN_REFUSED : TOKEN_OBTAINED);
                assert_int_equal(notes.obtained, refused ? 0 : 1);
                assert_int_equal(request_count, 1);
                assert_int_equal(notes.spends, 1);
                assert_false(token_is_busy(token));
                token_free(token);
        }
}

/* A refused or used refresh token is not sent again; any other is. */
static void test_refresh_remembered(void **state)
{
        static const struct {
                struct scripted first, second;
                enum token_verdict verdict;
                bool dropped;
        } cases[] = {
                { { "400 Bad Request", .body = REFUSED }, { "503 No", .body = "" }, TOKEN_UNREACHABLE, true },
                { { "503 No", .body = "" }, { 0 }, TOKEN_UNREACHABLE, false },
                { { NULL, .body = "" }, { 0 }, TOKEN_UNREACHABLE, false },
                { { "409 Wait", .body = "" }, { 0 }, TOKEN_THROTTLED, false },
                { { "403 No", .body = "<html>" }, { 0 }, TOKEN_BLOCKED, false },
                { { "400 No", .body = ERROR("server_error", "") }, { 0 }, TOKEN_UNREACHABLE, false },
                { { "200 OK", .body = "<html>" }, { 0 }, TOKEN_UNREACHABLE, true },
                { { "200 OK", .body = "{}" }, { 0 }, TOKEN_UNREACHABLE, true },
        };
        struct http_fixture *fixture = *state;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct token_notes notes = { 0 };
                struct tokens known = known_tokens("acc-0", "ref-0", 0);
                struct token *token = make(fixture, &notes, &known);

                renew(fixture, token, &notes, cases[i].first, cases[i].second);
                assert_int_equal(notes.verdict, cases[i].verdict);
                assert_int_equal(notes.obtained, 0);
                assert_string_equal(token_current(token, now_realtime()), "acc-0"); /* still valid */
                renew(fixture, token, &notes, REPLY("200 OK", .body = GOOD("acc-1", "ref-1")), NOTHING);
                assert_int_equal(notes.refreshed, !cases[i].dropped);
                token_free(token);
        }
}

static void test_refresh_too_old(void **state)
{
        static const uint64_t ages_us[] = { 15 * USEC_PER_DAY - USEC_PER_HOUR, 15 * USEC_PER_DAY };
        struct http_fixture *fixture = *state;

        for (size_t i = 0; i < 2; i++) {
                struct token_notes notes = { 0 };
                struct tokens known = known_tokens("acc-0", "ref-0", ages_us[i]);
                struct token *token = make(fixture, &notes, &known);

                assert_null(token_current(token, now_realtime()));
                renew(fixture, token, &notes, REPLY("200 OK", .body = GOOD("acc-1", "ref-1")), NOTHING);
                assert_int_equal(notes.refreshed, i == 0);
                assert_int_equal(notes.spends, 1);
                token_free(token);
        }
}

/* ---- calls from callbacks, cancelling, errors ---- */

static void test_renew_in_callback(void **state)
{
        struct http_fixture *fixture = *state;
        struct token_notes notes = { 0 };
        struct token *token = make(fixture, &notes, NULL);

        fixture->handler = on_request;
        request_count = 0;
        script[0] = REPLY("503 No", .body = "");
        script[1] = REPLY("200 OK", .body = GOOD("acc-1", "ref-1"));
        notes.renew_in_result = token;
        token_renew(token);
        loop_until(fixture->event, &notes.results, 2);
        assert_int_equal(notes.verdict, TOKEN_OBTAINED);
        assert_int_equal(notes.spends, 2);
        token_free(token);
}

/* In the user name and the password, whatever characters they have. */
static void test_the_form_is_encoded(void **state)
{
        const struct token_login login = { "azAZ09-._~", " +%&=/\n\xff", NULL };
        struct http_fixture *fixture = *state;
        struct token_notes notes = { 0 };
        struct token *token = make(fixture, &notes, NULL);

        token_set_login(token, &login);
        renew(fixture, token, &notes, REPLY("200 OK", .body = GOOD("acc-1", "ref-1")), NOTHING);
        assert_string_equal(forms[0],
                            "grant_type=password&username=azAZ09-._~&password=%20%2B%25%26%3D%2F%0A%FF");
        token_free(token);
}

static void test_free_in_callback(void **state)
{
        struct http_fixture *fixture = *state;
        struct token_notes notes = { 0 };
        struct token *token = make(fixture, &notes, NULL);

        fixture->handler = on_request;
        request_count = 0;
        script[0] = REPLY("200 OK", .body = GOOD("acc-1", "ref-1"));
        notes.free_in_result = &token;
        token_renew(token);
        loop_until(fixture->event, &notes.results, 1);
        loop_settle(fixture->event);
        assert_null(token);
}

static void test_free_while_busy(void **state)
{
        struct http_fixture *fixture = *state;
        struct token_notes notes = { 0 };
        struct token *token = make(fixture, &notes, NULL);

        fixture->handler = on_request;
        request_count = 0;
        script[0] = REPLY("200 OK", .body = GOOD("acc-1", "ref-1"));
        token_renew(token);
        assert_null(token_free(token));
        loop_settle(fixture->event);
        assert_int_equal(notes.results, 0);
        assert_null(token_free(NULL));
}

static void test_unreachable(void **state)
{
        struct http_fixture *fixture = *state;
        struct token_notes notes = { 0 };
        struct token *token = NULL;
        uint16_t port;
        char url[64];

        int fd = loopback_dead_port(&port);
        (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
        assert_int_equal(token_make(fixture->client, url, &notes, NULL, &token), 0);
        renew(fixture, token, &notes, NOTHING, NOTHING);
        assert_int_equal(notes.verdict, TOKEN_UNREACHABLE);
        token_free(token);
        close(fd);
}

static void test_bad_client_id(void **state)
{
        static const char *const bad[] = { "", "a b", "a\r\nX: y", "\xc3\xa9" };
        struct http_fixture *fixture = *state;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                const struct token_settings settings = { "http://[::1]", bad[i], "u", "p", now_realtime };
                const struct token_callbacks callbacks = { 0 };
                struct token *token = NULL;

                assert_int_equal(token_new(fixture->client, &settings, &callbacks, NULL, &token), -EINVAL);
                assert_null(token);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_password),
                TEST(test_refresh),
                TEST(test_refresh_refused),
                TEST(test_each_response_is_reported_by_its_class),
                TEST(test_stop),
                TEST(test_refresh_remembered),
                TEST(test_refresh_too_old),
                TEST(test_renew_in_callback),
                TEST(test_the_form_is_encoded),
                TEST(test_free_in_callback),
                TEST(test_free_while_busy),
                TEST(test_unreachable),
                TEST(test_bad_client_id),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
