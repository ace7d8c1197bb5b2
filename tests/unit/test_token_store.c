/* SPDX-License-Identifier: MIT */

/* Tokens reach the state, also if it could not be written at first. */

#include <stdlib.h>
#include <string.h>

#include "loopback.h"
#include "monitor/token_store.h"
#include "state/state.h"
#include "state_fixture.h"
#include "state_open.h"

#define KEY "grant of somebody"

struct store_test {
        sd_event *event;
        struct fixture *files; /* only the directory is used */
        struct state *state;
        struct token_store *store;
};

static int setup(void **context)
{
        struct store_test *test = calloc(1, sizeof(*test));
        char *message = NULL;
        void *files;

        assert_non_null(test);
        assert_int_equal(fixture_setup(&files), 0);
        test->files = files;
        fixture_close(test->files);
        assert_true(sd_event_new(&test->event) >= 0);
        assert_int_equal(state_open(test->event, test->files->directory, &message, &test->state), 0);
        test->store = token_store_new(test->event, test->state, KEY);
        *context = test;
        return 0;
}

static int teardown(void **context)
{
        struct store_test *test = *context;
        void *files = test->files;

        token_store_free(test->store);
        state_close(test->state);
        sd_event_unref(test->event);
        assert_int_equal(fixture_teardown(&files), 0);
        free(test);
        return 0;
}

static void save(struct store_test *test, const char *access)
{
        const struct tokens tokens = { .access_token = (char *)(uintptr_t)access, .obtained_us = 1 };

        token_store_save(test->store, &tokens);
}

static void expect_saved(struct store_test *test, const char *access)
{
        struct tokens tokens = TOKENS_NULL;
        void *data = NULL;
        size_t size;

        loop_settle(test->event);
        int found = store_get_value(state_store(test->state), KEY, &data, &size);
        assert_int_equal(found, access != NULL);
        if (access != NULL) {
                assert_int_equal(tokens_parse(data, &tokens), 0);
                assert_string_equal(tokens.access_token, access);
        }
        tokens_clear(&tokens);
        free(data);
}

/* A transaction that is open already stands for a disk that cannot be written. */
static void break_state(struct store_test *test)
{
        assert_int_equal(store_batch_begin(state_store(test->state)), 0);
}

static void repair_state(struct store_test *test)
{
        assert_int_equal(store_batch_end(state_store(test->state), false), 0);
}

static void test_tokens_are_saved(void **context)
{
        struct store_test *test = *context;

        save(test, "one");
        expect_saved(test, "one");
        save(test, "two");
        expect_saved(test, "two");
        token_store_retry(test->store); /* nothing is left to do */
        assert_true(state_is_idle(test->state));
}

static void test_a_failure_is_made_good(void **context)
{
        struct store_test *test = *context;

        break_state(test);
        save(test, "one");
        expect_saved(test, NULL);
        token_store_retry(test->store);
        expect_saved(test, NULL);
        repair_state(test);
        token_store_retry(test->store);
        expect_saved(test, "one");
}

/* Others arrive while some are being written, whether that succeeds or not. */
static void test_the_newest_tokens_are_kept(void **context)
{
        struct store_test *test = *context;

        save(test, "one");
        save(test, "two");
        save(test, "three");
        expect_saved(test, "three");

        break_state(test);
        save(test, "four");
        save(test, "five");
        loop_settle(test->event);
        repair_state(test);
        token_store_retry(test->store);
        expect_saved(test, "five");
}

static void test_freed_while_tokens_are_written(void **context)
{
        struct store_test *test = *context;

        save(test, "one");
        save(test, "two");
        test->store = token_store_free(test->store);
        expect_saved(test, "two");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_tokens_are_saved),
                TEST(test_a_failure_is_made_good),
                TEST(test_the_newest_tokens_are_kept),
                TEST(test_freed_while_tokens_are_written),
        };

        return cmocka_run_group_tests_name("token_store", tests, NULL, NULL);
}
