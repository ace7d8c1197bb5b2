/* SPDX-License-Identifier: MIT */

/* Sign-in: how responses are classified and explained. */

#include "token_script.h"

static const struct {
        struct scripted response;
        enum token_verdict verdict;
        const char *part; /* a part of the explanation */
} cases[] = {
        { { "400 Bad Request", .body = ERROR("invalid_grant", "The user name is \\u001b[1mwrong\\n.") },
          TOKEN_REFUSED,
          "wrong user name or password; if the account requires a second factor, set auth = login and run "
          "\"jobwatchctl login\" (invalid_grant)" },
        { { "400 Bad Request", .body = ERROR("totp_required", "Code?") },
          TOKEN_REFUSED,
          "sign-in rejected (HTTP 400); check the user name and password" },
        { { "401 Unauthorized", .body = "{\"Message\":\"TOTP is required\"}" },
          TOKEN_REFUSED,
          "(HTTP 401); check the user name and password" },
        { { "400 Bad Request", .body = ERROR("unsupported_grant_type", "No.") },
          TOKEN_REFUSED,
          "use auth = token" },
        { { "400 Bad Request", .body = ERROR("invalid_client", "No.") },
          TOKEN_REFUSED,
          "set another client_id" },
        { { "400 Bad Request", .body = ERROR("other", "Why.") },
          TOKEN_REFUSED,
          "sign-in rejected (HTTP 400); check the user name and password" },
        { { "401 Unauthorized", .body = "<html>" }, TOKEN_REFUSED, "rejected (HTTP 401)" },
        { { "403 Forbidden", .body = "<html>" }, TOKEN_BLOCKED, "HTTP 403 with an HTML page" },
        { { "403 Forbidden", .body = "{\"Message\":\"Locked\"}" }, TOKEN_REFUSED, "rejected (HTTP 403)" },
        { { "400 Bad Request", .body = "<html>" }, TOKEN_UNREACHABLE, "HTTP 400 without a reason" },
        { { "400 Bad Request", .body = ERROR("temporarily_unavailable", "Later.") },
          TOKEN_UNREACHABLE,
          "(temporarily_unavailable)" },
        { { "409 Conflict", .body = "" }, TOKEN_THROTTLED, "HTTP 409" },
        { { "429 Slow down", .body = "" }, TOKEN_THROTTLED, "HTTP 429" },
        { { "503 No", "Retry-After: 7\r\n", "" }, TOKEN_THROTTLED, "HTTP 503" },
        { { "401 No", "Retry-After: 7\r\n", "" }, TOKEN_THROTTLED, "HTTP 401" },
        { { "500 No", .body = "" }, TOKEN_UNREACHABLE, "HTTP 500" },
        { { "404 No", .body = "" }, TOKEN_UNREACHABLE, "check base_url" },
        { { "302 There", "Location: /api/token2\r\n", "" }, TOKEN_UNREACHABLE, "redirect" },
        { { NULL, .body = "" }, TOKEN_UNREACHABLE, "no complete response" },
        { { "200 OK", .body = "" }, TOKEN_UNREACHABLE, "not a JSON object" },
        { { "200 OK", .body = "[]" }, TOKEN_UNREACHABLE, "not a JSON object" },
        { { "200 OK", .body = "{\"access_token\":\"a\"" }, TOKEN_UNREACHABLE, "not a JSON object" },
        { { "200 OK", .body = "{\"access_token\":null,\"Message\":\"Oh\"}" },
          TOKEN_UNREACHABLE,
          "without an access token" },
        { { "200 OK", .body = "{\"access_token\":\"a b\"}" }, TOKEN_UNREACHABLE, "invalid access token" },
        { { "200 OK", .body = "{\"access_token\":\"a\\r\\nX: y\"}" },
          TOKEN_UNREACHABLE,
          "invalid access token" },
        { { "200 OK", .body = "{\"access_token\":\"a\\u0000\"}" },
          TOKEN_UNREACHABLE,
          "invalid access token" },
        { { "200 OK", .body = "{\"access_token\":\"\xc3\xa9\"}" },
          TOKEN_UNREACHABLE,
          "invalid access token" },
        { { "200 OK", .body = "{\"access_token\":\"a\",\"token_type\":\"mac\"}" },
          TOKEN_UNREACHABLE,
          "type is not bearer" },
        { { "200 OK", .body = "{\"AccessToken\":\"a\",\"token_type\":\"Bearer\"}" },
          TOKEN_OBTAINED,
          "signed in" },
        { { "200 OK", .body = "{\"access_token\":\"a\",\"refresh_token\":\"a b\"}" },
          TOKEN_OBTAINED,
          "signed in" },
};

static void test_verdicts(void **state)
{
        struct http_fixture *fixture = *state;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct token_notes notes = { 0 };
                struct token *token = make(fixture, &notes, NULL);
                bool obtained = cases[i].verdict == TOKEN_OBTAINED;

                renew(fixture, token, &notes, cases[i].response, NOTHING);
                if (notes.verdict != cases[i].verdict || strstr(notes.explanation, cases[i].part) == NULL)
                        fail_msg("%s %s: verdict %d: %s", cases[i].response.status, cases[i].response.body,
                                 notes.verdict, notes.explanation);
                assert_int_equal(notes.spends, 1);
                assert_int_equal(notes.obtained, obtained);
                assert_int_equal(notes.retry_after_us,
                                 cases[i].response.headers != NULL && notes.verdict == TOKEN_THROTTLED
                                         ? 7 * USEC_PER_SEC
                                         : 0);
                assert_true((token_current(token, now_realtime()) != NULL) == obtained);
                if (obtained) {
                        assert_string_equal(notes.saved_refresh, "(none)");
                        assert_true(token_renew_at(token) == UINT64_MAX);
                }
                token_free(token);
        }
}

static void test_refused_logins(void **state)
{
        static const struct {
                const char *code, *body, *part;
                bool code_may_help;
        } logins[] = {
                { NULL, ERROR("invalid_grant", "No."), "wrong user name or password (invalid_grant)", true },
                { "1", ERROR("invalid_grant", "No."), "wrong user name, password or one-time code (", false },
                { NULL, ERROR("totp_required", "Code?"), "sign-in rejected (HTTP 400)", true },
                { NULL, ERROR("unsupported_grant_type", "No."), "use auth = token", false },
                { NULL, ERROR("invalid_client", "No."), "client_id", false },
        };
        struct http_fixture *fixture = *state;

        for (size_t i = 0; i < sizeof(logins) / sizeof(logins[0]); i++) {
                struct token_notes notes = { 0 };
                struct token *token = make(fixture, &notes, NULL);
                const struct token_login login = { USERNAME, PASSWORD, logins[i].code };

                token_set_login(token, &login);
                renew(fixture, token, &notes, REPLY("400 Bad Request", .body = logins[i].body), NOTHING);
                assert_int_equal(notes.verdict, TOKEN_REFUSED);
                assert_int_equal(notes.code_may_help, logins[i].code_may_help);
                if (strstr(notes.explanation, logins[i].part) == NULL)
                        fail_msg("%s: %s", logins[i].body, notes.explanation);
                assert_int_equal(strcmp(forms[0], FORM_PASSWORD) == 0, logins[i].code == NULL);
                token_free(token);
        }
}

/* An error whose JSON is longer than the excerpt of http.h. */
static void test_long_error(void **state)
{
        struct http_fixture *fixture = *state;
        struct token_notes notes = { 0 };
        struct token *token = make(fixture, &notes, NULL);
        char body[2000], spaces[1400];

        memset(spaces, ' ', sizeof(spaces));
        (void)snprintf(body, sizeof(body), "{\"error\":\"invalid_grant\",\"x\":\"%.*s\"}", 1399, spaces);
        renew(fixture, token, &notes, REPLY("400 Bad Request", .body = body), NOTHING);
        assert_int_equal(notes.verdict, TOKEN_REFUSED);
        assert_non_null(strstr(notes.explanation, "(invalid_grant)"));
        token_free(token);
}

static void test_too_large(void **state)
{
        struct http_fixture *fixture = *state;
        struct http_settings settings = fixture_settings();
        static char body[70000];

        memset(body, ' ', sizeof(body) - 1);
        memcpy(body, "{\"access_token\":\"a\"}", 20);
        for (size_t i = 0; i < 2; i++) {
                struct token_notes notes = { 0 };
                settings.body_max = i == 0 ? 1000 : 1000000; /* stopped by the client, and by the token */
                fixture_client(fixture, &settings);
                struct token *token = make(fixture, &notes, NULL);
                renew(fixture, token, &notes, REPLY("200 OK", .body = body), NOTHING);
                assert_int_equal(notes.verdict, TOKEN_UNREACHABLE);
                assert_non_null(strstr(notes.explanation, "more than"));
                token_free(token);
        }
}

/* ---- secrets ---- */

static void test_secrets_are_not_shown(void **state)
{
        static const char *const echoed[] = {
                "p&ss=w%rd \xc3\xa9~",
                "p%26ss%3Dw%25rd%20%C3%A9~",
                "p%26ss%3dw%25rd+%c3%a9~",
                "acc-0",
        };
        struct http_fixture *fixture = *state;

        for (size_t i = 0; i < sizeof(echoed) / sizeof(echoed[0]); i++)
                for (int where = 0; where < 3; where++) {
                        static const char *const around[][2] = {
                                { "{\"error\":\"invalid_grant\",\"error_description\":\"You sent ", ".\"}" },
                                { "{\"error\":\"x ", "\",\"error_description\":\"no\"}" },
                                { "You sent ", "." },
                        };
                        struct token_notes notes = { 0 };
                        struct tokens known = known_tokens("acc-0", NULL, 0);
                        struct token *token = make(fixture, &notes, &known);
                        char body[300];

                        (void)snprintf(body, sizeof(body), "%s%s%s", around[where][0], echoed[i],
                                       around[where][1]);
                        renew(fixture, token, &notes, REPLY("401 Unauthorized", .body = body), NOTHING);
                        assert_int_equal(notes.verdict, TOKEN_REFUSED);
                        for (size_t k = 0; k < sizeof(echoed) / sizeof(echoed[0]); k++)
                                assert_null(strstr(notes.explanation, echoed[k]));
                        token_free(token);
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_verdicts),  TEST(test_refused_logins),        TEST(test_long_error),
                TEST(test_too_large), TEST(test_secrets_are_not_shown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
