/* SPDX-License-Identifier: MIT */

/*
 * Sign-in with each allocation failing in turn. The test replaces HTTP by wrapping http_start() and
 * http_cancel(); it wraps free() to check that no freed block contains a secret.
 */

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault_malloc.h"
#include "nexudus/token_body.h"
#include "nexudus/tokens.h"
#include "token_fixture.h"

#define PASSWORD_ENCODED "p%26ss%3Dw%25rd%20%C3%A9~"

#define KNOWN_ACCESS  "known-access-token"
#define KNOWN_REFRESH "known-refresh-token"
#define NEW_ACCESS    "new-access-token"
#define NEW_REFRESH   "new-refresh-token"

static const char refused[] =
        "{\"error\":\"invalid_grant\",\"error_description\":\"It \\u0022was\\u0022 used.\"}";
static const char echoed[] =
        "{\"error\":\"invalid_grant\",\"error_description\":\"Not " PASSWORD_ENCODED "\"}";
static const char good[] =
        "{\"x\":[\"\\n\"],\"access_token\":\"new\\u002daccess-token\",\"expires_in\":\"60\","
        "\"refresh_token\":\"new\\u002drefresh-token\",\"token_type\":\"bearer\"}";

/* ---- freed memory ---- */

static bool watching;

void __real_free(void *block);
void __wrap_free(void *block);

void __wrap_free(void *block)
{
        static const char *const secrets[] = {
                PASSWORD,   PASSWORD_ENCODED, KNOWN_ACCESS,   KNOWN_REFRESH,
                NEW_ACCESS, NEW_REFRESH,      "access-token", "refresh-token",
        };

        for (size_t i = 0; watching && block != NULL && i < sizeof(secrets) / sizeof(secrets[0]); i++)
                if (memmem(block, malloc_usable_size(block), secrets[i], strlen(secrets[i])) != NULL) {
                        print_error("freed: %s\n", secrets[i]);
                        abort();
                }
        __real_free(block);
}

/* ---- HTTP ---- */

static struct http_call call;
static bool in_flight;
static unsigned cancelled;

static struct http_request *const some_request = (struct http_request *)&call;

int __wrap_http_start(struct http_client *client, const struct http_call *new_call,
                      struct http_request **ret_request);
struct http_request *__wrap_http_cancel(struct http_request *request);

int __wrap_http_start(struct http_client *client, const struct http_call *new_call,
                      struct http_request **ret_request)
{
        (void)client;
        assert_false(in_flight);
        if (fault_malloc_hit())
                return -ENOMEM;
        call = *new_call;
        in_flight = true;
        *ret_request = some_request;
        return 0;
}

struct http_request *__wrap_http_cancel(struct http_request *request)
{
        if (request != NULL) {
                assert_true(in_flight);
                in_flight = false;
                cancelled++;
        }
        return NULL;
}

static void respond(int status, const char *body)
{
        bool is_success = status >= 200 && status <= 299;
        const struct http_end end = {
                .outcome = HTTP_ANSWERED,
                .status = status,
                .body_size = strlen(body),
                .detail = "",
                .excerpt = is_success ? "" : body,
                .excerpt_size = is_success ? 0 : strlen(body),
        };

        assert_true(in_flight);
        for (size_t i = 0; is_success && i < strlen(body); i++) /* a byte at a time */
                assert_int_equal(call.on_body(call.userdata, body + i, 1), 0);
        in_flight = false;
        call.on_end(call.userdata, &end);
}

/* ---- the tests ---- */

static const struct tokens *known_tokens(void)
{
        static struct tokens known;

        known = (struct tokens){
                .access_token = (char *)(uintptr_t)KNOWN_ACCESS,
                .refresh_token = (char *)(uintptr_t)KNOWN_REFRESH,
                .obtained_us = now_realtime(),
                .lifetime_us = USEC_PER_DAY,
        };
        return &known;
}

/* The refresh token is refused and the password accepted, unless memory runs out. */
static void sign_in(struct token *token, struct token_notes *notes)
{
        int r = token_renew(token, noted_spend);

        if (r < 0) {
                assert_int_equal(r, -ENOMEM);
                assert_int_equal(notes->results, 0);
                assert_false(token_is_busy(token));
                return;
        }
        respond(400, refused);
        if (notes->results == 0)
                respond(200, good);
        assert_int_equal(notes->results, 1);
        assert_true(notes->verdict == TOKEN_OBTAINED || notes->verdict == TOKEN_UNREACHABLE);
        assert_int_equal(notes->persists, notes->verdict == TOKEN_OBTAINED);
        assert_false(token_is_busy(token));
}

static bool life_fails(unsigned nth, bool stays)
{
        struct token_notes notes = { 0 }, *after = &notes;
        struct token *token = NULL;

        fault_malloc_arm(nth, stays);
        int r = token_make(NULL, "http://[::1]", &notes, known_tokens(), &token);
        if (r == 0)
                sign_in(token, &notes);
        bool failed = fault_malloc_disarm();

        assert_true(r == 0 || (r == -ENOMEM && token == NULL && failed));
        if (r < 0)
                return true;
        if (!failed)
                assert_int_equal(notes.verdict, TOKEN_OBTAINED);

        /* Once allocations succeed again, it works again. */
        *after = (struct token_notes){ 0 };
        assert_int_equal(token_renew(token, noted_spend), 0);
        respond(200, good);
        assert_int_equal(notes.verdict, TOKEN_OBTAINED);
        assert_string_equal(token_current(token, now_realtime()), NEW_ACCESS);
        assert_string_equal(notes.saved_refresh, NEW_REFRESH);
        token_free(token);
        return failed;
}

static void test_life(void **state)
{
        (void)state;
        for (int stays = 0; stays <= 1; stays++) {
                unsigned nth = 1;

                while (life_fails(nth, stays))
                        nth++;
                assert_in_range(nth, 20, 1000);
        }
}

/* A refusal that cannot be read does not count: the refresh token may still be valid. */
static void test_unread_refusal(void **state)
{
        struct token_notes notes = { 0 };
        struct token *token = NULL;

        (void)state;
        assert_int_equal(token_make(NULL, "http://[::1]", &notes, known_tokens(), &token), 0);
        assert_int_equal(token_renew(token, NULL), 0);
        fault_malloc_arm(1, false);
        respond(400, refused);
        assert_true(fault_malloc_disarm());
        assert_int_equal(notes.verdict, TOKEN_UNREACHABLE);
        assert_non_null(strstr(notes.explanation, "out of memory"));
        assert_int_equal(token_renew(token, NULL), 0);
        assert_non_null(memmem(call.post, call.post_size, KNOWN_REFRESH, strlen(KNOWN_REFRESH)));
        token_free(token);
}

/* A refusal that contains the password is not shown, and neither is one that cannot be checked for it. */
static void test_echoed_secret(void **state)
{
        (void)state;
        for (unsigned nth = 1, failed = true; failed; nth++) {
                struct token_notes notes = { 0 };
                struct token *token = NULL;

                assert_int_equal(token_make(NULL, "http://[::1]", &notes, NULL, &token), 0);
                assert_int_equal(token_renew(token, NULL), 0);
                fault_malloc_arm(nth, false);
                respond(400, echoed);
                failed = fault_malloc_disarm();
                assert_null(strstr(notes.explanation, PASSWORD_ENCODED));
                if (!failed) {
                        assert_int_equal(notes.verdict, TOKEN_REFUSED);
                        assert_non_null(strstr(notes.explanation, "not shown"));
                }
                token_free(token);
        }
}

/* Not persisted, tried again, rejected, cancelled: no secret remains in freed memory. */
static void test_wiped(void **state)
{
        struct token_notes notes = { .persist_error = -ENOSPC };
        struct token *token = NULL;

        (void)state;
        assert_int_equal(token_make(NULL, "http://[::1]", &notes, known_tokens(), &token), 0);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(token_renew(token, NULL), 0);
                respond(200, good);
                assert_int_equal(notes.verdict, TOKEN_NOT_PERSISTED);
        }
        token_reject(token);
        assert_null(token_current(token, now_realtime()));
        notes.persist_error = 0;
        assert_int_equal(token_renew(token, NULL), 0);
        assert_string_equal(token_current(token, now_realtime()), NEW_ACCESS);
        for (size_t i = 0; i < strlen(good); i++)
                assert_int_equal(call.on_body(call.userdata, good + i, 1), 0);
        cancelled = 0;
        token_free(token);
        assert_int_equal(cancelled, 1);
}

static void test_body(void **state)
{
        static const char *const bodies[] = {
                good, refused, "{\"access_token\":\"" NEW_ACCESS "\",\"x\":!}",
                "{\"access_token\":\"new\\u002daccess-token\",\"refresh_token\":\"new-refr"
        };
        (void)state;

        for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
                for (int how = 0; how < 4; how++)
                        for (unsigned nth = 1, failed = true; failed; nth++) {
                                struct token_body parsed = TOKEN_BODY_NULL;

                                fault_malloc_arm(nth, how & 1);
                                int r = token_body_parse(bodies[i], strlen(bodies[i]), how & 2, &parsed);
                                failed = fault_malloc_disarm();
                                if (failed)
                                        assert_int_equal(r, -ENOMEM);
                                else
                                        assert_true(r == (i < 2 || (i == 3 && (how & 2)) ? 0 : -EBADMSG));
                                if (r < 0)
                                        assert_null(parsed.access_token.data);
                                token_body_clear(&parsed);
                        }
}

static void test_tokens(void **state)
{
        (void)state;
        for (unsigned nth = 1, failed = true; failed; nth++) {
                struct tokens copy = TOKENS_NULL;
                char *text = NULL;

                fault_malloc_arm(nth, false);
                int r = tokens_format(known_tokens(), &text);
                if (r == 0)
                        r = tokens_parse(text, &copy);
                failed = fault_malloc_disarm();
                assert_int_equal(r, failed ? -ENOMEM : 0);
                assert_true((r == 0) == (copy.access_token != NULL));
                tokens_clear(&copy);
                if (text != NULL)
                        explicit_bzero(text, strlen(text));
                free(text);
        }

        /* Errors behind the first token. */
        struct tokens tokens = TOKENS_NULL;
        assert_int_equal(tokens_parse("1 0 0 " NEW_ACCESS " " NEW_REFRESH "%20x", &tokens), -EINVAL);
        assert_int_equal(tokens_parse("1 0 0 " NEW_ACCESS " " NEW_REFRESH " x", &tokens), -EINVAL);
        assert_int_equal(tokens_parse("1 0 0 %41new%2Daccess-token", &tokens), 0);
        tokens_clear(&tokens);
}

static int watch(void **state)
{
        (void)state;
        watching = true;
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_life),  cmocka_unit_test(test_echoed_secret),
                cmocka_unit_test(test_wiped), cmocka_unit_test(test_unread_refusal),
                cmocka_unit_test(test_body),  cmocka_unit_test(test_tokens),
        };

        return cmocka_run_group_tests(tests, watch, NULL);
}
