/* SPDX-License-Identifier: MIT */

/*
 * The life of a token: sign-in, use, renewal ahead of time, refusal, and what of it outlives the process. The
 * API is a server on loopback whose tokens are numbered; the clock is put forward by the test.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/http.h"
#include "loopback.h"
#include "monitor/session.h"
#include "platform/clock.h"
#include "state_fixture.h"
#include "state_open.h"
#include "util/text.h"
#include "util/timespan.h"

#include "config_helpers.h" /* after cmocka.h */

#define LIFETIME_US (1000 * USEC_PER_SEC)
#define RENEW_US    (900 * USEC_PER_SEC) /* a tenth of the lifetime before its end */

struct session_test {
        struct fixture *files; /* only the directory is used */
        sd_event *event;
        struct loopback *server;
        struct config *config;
        struct journal *journal;
        struct http_client *client;
        struct nexudus *nexudus;
        struct state *state;
        struct session *session;

        unsigned sign_ins; /* requests for a token */
        bool refuses;      /* answers them with an error */
        bool waits;        /* does not answer them yet */
        struct loopback_peer *waiting;
        char form[256];          /* of the last one */
        char authorization[128]; /* of the last other request */

        unsigned answers, spends;
        enum token_verdict verdict;
        bool code_may_help;
        unsigned polls;
};

static uint64_t ahead_us; /* how far the clock was put forward */
static int put_result;    /* of store_put_value(), if it is negative */

uint64_t __real_clock_process_us(void);
uint64_t __wrap_clock_process_us(void);
int __real_store_put_value(struct store *store, const char *key, const void *data, size_t size);
int __wrap_store_put_value(struct store *store, const char *key, const void *data, size_t size);

uint64_t __wrap_clock_process_us(void)
{
        return __real_clock_process_us() + ahead_us;
}

int __wrap_store_put_value(struct store *store, const char *key, const void *data, size_t size)
{
        return put_result < 0 ? put_result : __real_store_put_value(store, key, data, size);
}

/* ---- the API ---- */

static void grant(const struct session_test *test, struct loopback_peer *peer)
{
        char body[256];

        (void)snprintf(body, sizeof(body),
                       "{\"access_token\":\"access-%u\",\"token_type\":\"bearer\",\"expires_in\":1000,"
                       "\"refresh_token\":\"refresh-%u\"}",
                       test->sign_ins, test->sign_ins);
        loopback_answer(peer, "200 OK", "", body, strlen(body));
}

static void serve(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        static const char record[] = "{\"Id\":1,\"Status\":\"Running\",\"ResultData\":null}",
                          error[] = "{\"error\":\"invalid_grant\"}";
        struct session_test *test = userdata;

        if (strncmp(head, "POST", 4) != 0) {
                const char *value = strstr(head, "Authorization: ");
                assert_non_null(value);
                (void)snprintf(test->authorization, sizeof(test->authorization), "%.*s",
                               (int)strcspn(value, "\r"), value);
                loopback_answer(peer, "200 OK", "", record, strlen(record));
                return;
        }
        test->sign_ins++;
        (void)snprintf(test->form, sizeof(test->form), "%s", body);
        if (test->waits)
                test->waiting = peer;
        else if (test->refuses)
                loopback_answer(peer, "400 Bad Request", "", error, strlen(error));
        else
                grant(test, peer);
}

/* ---- a process ---- */

static void on_spend(void *userdata)
{
        ((struct session_test *)userdata)->spends++;
}

static void on_answer(void *userdata, const struct token_result *answer)
{
        struct session_test *test = userdata;

        test->answers++;
        test->verdict = answer->verdict;
        test->code_may_help = answer->code_may_help;
}

static struct config *load_login(const struct session_test *test)
{
        char text[512];

        (void)snprintf(text, sizeof(text),
                       "[api]\nbase_url = %s\nauth = login\nclient_id = me\n[jobs]\nids = 1\n[log]\n"
                       "target = console\nlevel = err\n[state]\ndirectory = %s\n",
                       loopback_url(test->server, ""), test->files->directory);
        return load_text(text);
}

static struct config *load_for(const struct session_test *test, const char *username)
{
        char text[512];

        (void)snprintf(text, sizeof(text),
                       "[api]\nbase_url = %s\nauth = password\nusername = %s\npassword_file = /password\n"
                       "client_id = me\n[jobs]\nids = 1\n[log]\ntarget = console\nlevel = err\n[state]\n"
                       "directory = %s\n",
                       loopback_url(test->server, ""), username, test->files->directory);
        return load_text(text);
}

static void begin(struct session_test *test)
{
        const struct http_settings http = { .user_agent = "jobwatchd/test",
                                            .timeout_us = 30 * USEC_PER_SEC,
                                            .connect_timeout_us = 30 * USEC_PER_SEC,
                                            .body_max = 65536,
                                            .connections_max = 2 };
        const struct nexudus_settings api = { .base_url = test->config->api.base_url, .response_max = 65536 };
        char *message = NULL;

        assert_int_equal(http_client_new(test->event, &http, &test->client), 0);
        test->nexudus = nexudus_new(test->client, &api);
        assert_int_equal(state_open(test->event, test->files->directory, &message, &test->state), 0);
        char *stored = session_load(state_store(test->state), test->config);
        const struct session_parts parts = {
                .event = test->event,
                .client = test->client,
                .nexudus = test->nexudus,
                .state = test->state,
                .journal = test->journal,
                .config = test->config,
                .password = test->config->api.auth == AUTH_LOGIN ? NULL : "secret",
                .stored = stored,
                .spend = on_spend,
                .on_answer = on_answer,
                .userdata = test,
        };
        assert_int_equal(session_new(&parts, &test->session), 0);
        secret_free(stored);
}

/* As at the end of the process. */
static void end(struct session_test *test)
{
        session_stop(test->session);
        loop_settle(test->event);
        test->session = session_free(test->session);
        test->nexudus = nexudus_free(test->nexudus);
        test->client = http_client_free(test->client);
        test->state = state_close(test->state);
}

static void restart(struct session_test *test)
{
        end(test);
        begin(test);
}

static int setup(void **state)
{
        static struct session_test test;
        void *files;

        test = (struct session_test){ .sign_ins = 0 };
        ahead_us = 0;
        put_result = 0;
        assert_int_equal(fixture_setup(&files), 0);
        test.files = files;
        fixture_close(test.files);
        assert_true(sd_event_new(&test.event) >= 0);
        test.server = loopback_new(test.event, serve, &test);
        test.config = load_for(&test, "me@example.com");
        assert_int_equal(journal_open(&test.config->log, &test.journal), 0);
        begin(&test);
        *state = &test;
        return 0;
}

static int teardown(void **state)
{
        struct session_test *test = *state;
        void *files = test->files;

        end(test);
        journal_close(test->journal);
        config_free(test->config);
        loopback_free(test->server);
        sd_event_unref(test->event);
        return fixture_teardown(&files);
}

static void sign_in(struct session_test *test)
{
        session_renew(test->session);
        loop_until(test->event, &test->answers, test->answers + 1);
        loop_settle(test->event);
}

static void on_response(void *userdata, const struct nexudus_response *response)
{
        assert_int_equal(response->failure, FAILURE_NONE);
        ((struct session_test *)userdata)->polls++;
}

static void expect_token(struct session_test *test, const char *token)
{
        char expected[128];

        (void)nexudus_get_job(test->nexudus, 1, on_response, test);
        loop_until(test->event, &test->polls, test->polls + 1);
        (void)snprintf(expected, sizeof(expected), "Authorization: Bearer %s", token);
        assert_string_equal(test->authorization, expected);
}

/* Returns whether a new token may help. */
static bool refused(struct session_test *test)
{
        return session_note_refused(test->session, session_generation(test->session));
}

static void accepted(struct session_test *test)
{
        session_note_accepted(test->session, session_generation(test->session));
}

/* ---- sign-in and renewal ---- */

static void test_a_sign_in_gives_requests_a_token(void **state)
{
        struct session_test *test = *state;
        unsigned before = session_generation(test->session);

        assert_int_equal(session_need(test->session), SESSION_SIGN_IN);
        assert_int_equal(session_renew_in(test->session), USEC_NEVER);
        sign_in(test);
        assert_int_equal(test->verdict, TOKEN_OBTAINED);
        assert_int_equal(test->spends, 1);
        assert_int_equal(session_need(test->session), SESSION_READY);
        assert_true(session_generation(test->session) > before);
        expect_token(test, "access-1");
}

static void test_a_refused_sign_in_leaves_the_next_to_the_monitor(void **state)
{
        struct session_test *test = *state;

        test->refuses = true;
        sign_in(test);
        assert_int_equal(test->verdict, TOKEN_REFUSED);
        assert_int_equal(session_need(test->session), SESSION_SIGN_IN);
        loop_for(test->event, 50 * USEC_PER_MSEC);
        assert_int_equal(test->sign_ins, 1);
}

static void test_polling_waits_for_the_first_sign_in_only(void **state)
{
        struct session_test *test = *state;

        test->waits = true;
        session_renew(test->session);
        assert_int_equal(session_need(test->session), SESSION_BUSY);
        loop_until(test->event, &test->sign_ins, 1);
        grant(test, test->waiting);
        loop_until(test->event, &test->answers, 1);

        session_renew(test->session);
        loop_until(test->event, &test->sign_ins, 2);
        assert_int_equal(session_need(test->session), SESSION_READY);
        expect_token(test, "access-1");
        grant(test, test->waiting);
        loop_until(test->event, &test->answers, 2);
        expect_token(test, "access-2");
}

static void test_a_token_is_renewed_before_it_expires(void **state)
{
        struct session_test *test = *state;

        sign_in(test);
        uint64_t left_us = session_renew_in(test->session);
        assert_in_range(left_us, RENEW_US - 60 * USEC_PER_SEC, RENEW_US);
        ahead_us += left_us + USEC_PER_SEC;
        assert_int_equal(session_need(test->session), SESSION_RENEW);
        expect_token(test, "access-1");
        sign_in(test);
        assert_non_null(strstr(test->form, "refresh_token=refresh-1"));
        assert_int_equal(session_need(test->session), SESSION_READY);
        expect_token(test, "access-2");

        ahead_us += LIFETIME_US;
        assert_int_equal(session_need(test->session), SESSION_SIGN_IN);
}

/* ---- refusals ---- */

/* The role is missing, and signing in again is useless. */
static void test_a_fresh_token_that_is_refused_stays(void **state)
{
        struct session_test *test = *state;

        sign_in(test);
        assert_false(refused(test));
        assert_int_equal(session_need(test->session), SESSION_READY);
}

/* While the API refuses all, it is not known whether it would accept another. */
static void test_a_token_that_was_never_accepted_is_renewed_after_five_minutes(void **state)
{
        struct session_test *test = *state;

        sign_in(test);
        for (unsigned i = 0; i < 20; i++) {
                ahead_us += 4 * USEC_PER_MIN;
                assert_false(refused(test));
                ahead_us += 1 * USEC_PER_MIN;
                assert_true(refused(test));
                assert_int_equal(session_need(test->session), SESSION_SIGN_IN);
                sign_in(test);
        }
}

static void test_a_token_that_had_been_accepted_is_renewed(void **state)
{
        struct session_test *test = *state;

        sign_in(test);
        accepted(test);
        assert_true(refused(test));
        assert_int_equal(session_need(test->session), SESSION_SIGN_IN);
        sign_in(test);
        expect_token(test, "access-2");
        assert_false(refused(test)); /* the new one has not been accepted */
}

/* Several requests in flight carried the old token. */
static void test_a_late_refusal_does_not_cost_the_new_token(void **state)
{
        struct session_test *test = *state;

        sign_in(test);
        accepted(test);
        unsigned old = session_generation(test->session);
        assert_true(session_note_refused(test->session, old));
        assert_true(session_note_refused(test->session, old));
        sign_in(test);
        assert_true(session_note_refused(test->session, old));
        assert_int_equal(session_need(test->session), SESSION_READY);
        assert_int_equal(test->sign_ins, 2);

        session_note_accepted(test->session, old); /* says nothing of the new one */
        assert_false(refused(test));
}

/* A token that is accepted for one job and refused for another would be renewed at each poll. */
static void test_renewals_for_refusals_are_limited(void **state)
{
        struct session_test *test = *state;
        unsigned renewed = 0;

        sign_in(test);
        for (unsigned i = 0; i < 30; i++) {
                accepted(test);
                if (!refused(test))
                        continue;
                renewed++;
                sign_in(test);
        }
        assert_int_equal(renewed, 10);

        ahead_us += 6 * USEC_PER_MIN; /* it was in use for a while */
        accepted(test);
        assert_true(refused(test));
        sign_in(test);
        accepted(test);
        assert_false(refused(test));

        ahead_us += USEC_PER_HOUR;
        sign_in(test);
        accepted(test);
        assert_true(refused(test));
}

/* ---- what outlives the process ---- */

static void test_the_next_run_uses_the_stored_token(void **state)
{
        struct session_test *test = *state;

        sign_in(test);
        restart(test);
        assert_int_equal(session_need(test->session), SESSION_READY);
        expect_token(test, "access-1");
        assert_int_equal(test->sign_ins, 1);

        assert_true(refused(test)); /* perhaps it was revoked meanwhile */
        sign_in(test);
        assert_non_null(strstr(test->form, "refresh_token=refresh-1"));
}

static void test_the_next_run_renews_in_time(void **state)
{
        struct session_test *test = *state;

        sign_in(test);
        ahead_us += RENEW_US;
        restart(test);
        assert_int_equal(session_need(test->session), SESSION_RENEW);
        ahead_us += LIFETIME_US;
        restart(test);
        assert_int_equal(session_need(test->session), SESSION_SIGN_IN);
}

/* Its age is not known then; it is used no longer than a new one. */
static void test_a_clock_that_was_set_back_does_not_prolong_a_token(void **state)
{
        struct session_test *test = *state;

        ahead_us = 365 * USEC_PER_DAY;
        sign_in(test);
        ahead_us = 0;
        restart(test);
        assert_int_equal(session_need(test->session), SESSION_READY);
        assert_in_range(session_renew_in(test->session), 1, RENEW_US);
}

static void test_another_account_does_not_get_the_token(void **state)
{
        struct session_test *test = *state;

        sign_in(test);
        end(test);
        config_free(test->config);
        test->config = load_for(test, "you@example.com");
        begin(test);
        assert_int_equal(session_need(test->session), SESSION_SIGN_IN);
}

/* The old refresh token is invalid by then, so the new one must not be lost. */
static void test_tokens_that_could_not_be_stored_are_used_and_stored_later(void **state)
{
        struct session_test *test = *state;

        put_result = -ENOSPC;
        sign_in(test);
        assert_int_equal(session_need(test->session), SESSION_READY);
        expect_token(test, "access-1");
        put_result = 0;
        restart(test); /* at the latest */
        expect_token(test, "access-1");
}

static void test_only_the_latest_tokens_are_stored_later(void **state)
{
        struct session_test *test = *state;

        put_result = -ENOSPC;
        sign_in(test);
        sign_in(test);
        put_result = 0;
        sign_in(test);
        restart(test);
        expect_token(test, "access-3");
}

static void test_the_response_to_a_sign_in_in_flight_is_stored_at_a_stop(void **state)
{
        struct session_test *test = *state;

        test->waits = true;
        session_renew(test->session);
        loop_until(test->event, &test->sign_ins, 1);
        session_stop(test->session);
        grant(test, test->waiting);
        loop_until(test->event, &test->answers, 1);
        restart(test);
        expect_token(test, "access-1");
}

/* ---- auth = login ---- */

static void use_login(struct session_test *test)
{
        end(test);
        config_free(test->config);
        test->config = load_login(test);
        begin(test);
}

static void log_in(struct session_test *test, const char *code)
{
        const struct token_login login = { "me+you@example.com", "p&ss", code };

        session_set_login(test->session, &login);
        assert_true(session_has_login(test->session));
        sign_in(test);
        assert_false(session_has_login(test->session));
}

static void test_nothing_is_sent_before_a_login(void **state)
{
        struct session_test *test = *state;

        assert_null(session_login_command(test->session)); /* with auth = password */
        use_login(test);
        assert_int_equal(session_need(test->session), SESSION_LOGIN);
        assert_string_equal(session_login_reason(test->session), "nobody has logged in yet");
        assert_non_null(strstr(session_login_command(test->session), "login"));
        assert_int_equal(session_renew_in(test->session), USEC_NEVER);
        log_in(test, NULL);
        assert_string_equal(test->form,
                            "grant_type=password&username=me%2Byou%40example.com&password=p%26ss");
        assert_int_equal(session_need(test->session), SESSION_READY);
        expect_token(test, "access-1");
}

static void test_the_code_of_the_second_factor_is_sent(void **state)
{
        struct session_test *test = *state;

        use_login(test);
        log_in(test, "123456");
        assert_string_equal(
                test->form,
                "grant_type=password&username=me%2Byou%40example.com&password=p%26ss&totp=123456");
}

static void test_a_refused_login_costs_no_token(void **state)
{
        struct session_test *test = *state;

        use_login(test);
        log_in(test, NULL);
        test->refuses = true;
        log_in(test, NULL);
        assert_int_equal(test->verdict, TOKEN_REFUSED);
        assert_true(test->code_may_help);
        log_in(test, "1");
        assert_false(test->code_may_help);
        assert_int_equal(session_need(test->session), SESSION_READY);
        expect_token(test, "access-1");

        test->refuses = false;
        ahead_us = RENEW_US;
        assert_int_equal(session_need(test->session), SESSION_RENEW);
        sign_in(test);
        assert_string_equal(test->form, "grant_type=refresh_token&refresh_token=refresh-1");
}

static void test_the_tokens_of_a_login_are_renewed_in_the_next_run(void **state)
{
        struct session_test *test = *state;

        use_login(test);
        log_in(test, "123456");
        restart(test);
        expect_token(test, "access-1");
        ahead_us = RENEW_US;
        sign_in(test);
        assert_string_equal(test->form, "grant_type=refresh_token&refresh_token=refresh-1");
        restart(test);
        expect_token(test, "access-2");
}

static void test_a_token_that_cannot_be_renewed_is_used_until_it_expires(void **state)
{
        struct session_test *test = *state;
        uint64_t token_us, refresh_us;

        use_login(test);
        log_in(test, NULL);
        session_expiry(test->session, &token_us, &refresh_us);
        assert_true(token_us > clock_wall_us() + LIFETIME_US - 60 * USEC_PER_SEC);
        assert_true(token_us <= clock_wall_us() + LIFETIME_US);
        assert_true(refresh_us > clock_wall_us() + 14 * USEC_PER_DAY);

        ahead_us = RENEW_US;
        test->refuses = true;
        sign_in(test);
        assert_int_equal(test->verdict, TOKEN_REFUSED);
        assert_int_equal(test->sign_ins, 2); /* no password follows */
        assert_int_equal(session_need(test->session), SESSION_READY);
        assert_true(session_login_is_due(test->session));
        session_expiry(test->session, &token_us, &refresh_us);
        assert_int_equal(refresh_us, 0);
        uint64_t left_us = session_renew_in(test->session);
        assert_true(left_us > 0 && left_us <= LIFETIME_US - RENEW_US);
        expect_token(test, "access-1");

        ahead_us = LIFETIME_US;
        assert_int_equal(session_need(test->session), SESSION_LOGIN);
        assert_false(session_login_is_due(test->session));
        assert_non_null(strstr(session_login_reason(test->session), "expired"));
}

static void test_a_rejected_token_is_renewed_or_needs_a_login(void **state)
{
        struct session_test *test = *state;

        use_login(test);
        log_in(test, NULL);
        accepted(test);
        assert_true(refused(test));
        assert_int_equal(session_need(test->session), SESSION_SIGN_IN);
        test->refuses = true;
        sign_in(test);
        assert_int_equal(session_need(test->session), SESSION_LOGIN);
        assert_non_null(strstr(session_login_reason(test->session), "rejected"));
        test->refuses = false;
        log_in(test, NULL);
        assert_int_equal(session_need(test->session), SESSION_READY);
}

static void test_the_form_of_a_login_that_is_not_sent_is_dropped(void **state)
{
        struct session_test *test = *state;
        const struct token_login login = { "me", "secret", NULL };

        use_login(test);
        session_set_login(test->session, &login);
        assert_int_equal(session_need(test->session), SESSION_SIGN_IN);
        session_drop_login(test->session);
        assert_int_equal(session_need(test->session), SESSION_LOGIN);
        session_set_login(test->session, &login);
        session_stop(test->session);
        assert_false(session_has_login(test->session));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_a_sign_in_gives_requests_a_token),
                TEST(test_a_refused_sign_in_leaves_the_next_to_the_monitor),
                TEST(test_polling_waits_for_the_first_sign_in_only),
                TEST(test_a_token_is_renewed_before_it_expires),
                TEST(test_a_fresh_token_that_is_refused_stays),
                TEST(test_a_token_that_was_never_accepted_is_renewed_after_five_minutes),
                TEST(test_a_token_that_had_been_accepted_is_renewed),
                TEST(test_a_late_refusal_does_not_cost_the_new_token),
                TEST(test_renewals_for_refusals_are_limited),
                TEST(test_the_next_run_uses_the_stored_token),
                TEST(test_the_next_run_renews_in_time),
                TEST(test_a_clock_that_was_set_back_does_not_prolong_a_token),
                TEST(test_another_account_does_not_get_the_token),
                TEST(test_tokens_that_could_not_be_stored_are_used_and_stored_later),
                TEST(test_only_the_latest_tokens_are_stored_later),
                TEST(test_the_response_to_a_sign_in_in_flight_is_stored_at_a_stop),
                TEST(test_nothing_is_sent_before_a_login),
                TEST(test_the_code_of_the_second_factor_is_sent),
                TEST(test_a_refused_login_costs_no_token),
                TEST(test_the_tokens_of_a_login_are_renewed_in_the_next_run),
                TEST(test_a_token_that_cannot_be_renewed_is_used_until_it_expires),
                TEST(test_a_rejected_token_is_renewed_or_needs_a_login),
                TEST(test_the_form_of_a_login_that_is_not_sent_is_dropped),
        };

        return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
