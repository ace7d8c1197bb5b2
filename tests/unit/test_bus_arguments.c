/* SPDX-License-Identifier: MIT */

/* The D-Bus API on a private bus: the limit of calls, their arguments, and texts of replies. */

#include "bus_service_fixture.h"

/* ---- calls ---- */

static void test_eight_calls_of_a_client(void **state)
{
        struct scene *scene = *state, other = { .fixture = scene->fixture };

        offer(scene, NULL);
        HOOK_WAIT(scene->fixture->hook, has_owner(scene, "org.jobwatchd1"));
        for (int i = 0; i < 9; i++)
                call_list(scene, "a{sv}tu", 0, UINT64_C(0), 0U);
        HOOK_WAIT(scene->fixture->hook, scene->busy == 1);
        assert_int_equal(scene->replies, 0);

        /* Another client has calls of its own; they wait until it is their turn. */
        connect_client(&other);
        call_list(&other, "a{sv}tu", 0, UINT64_C(0), 0U);
        for (unsigned i = 0; i < 8; i++) {
                HOOK_WAIT(scene->fixture->hook, scene->held_count > 0);
                complete(scene);
                HOOK_WAIT(scene->fixture->hook, scene->replies == i + 1);
                assert_int_equal(other.replies, 0);
        }
        HOOK_WAIT(scene->fixture->hook, scene->held_count > 0);
        complete(scene);
        HOOK_WAIT(scene->fixture->hook, other.replies == 1);
        sd_bus_flush_close_unref(other.client);

        call_list(scene, "a{sv}tu", 0, UINT64_C(0), 0U);
        HOOK_WAIT(scene->fixture->hook, scene->held_count > 0);
        complete(scene);
        HOOK_WAIT(scene->fixture->hook, scene->replies == 9);
        assert_int_equal(scene->busy, 1);
}

static void test_arguments(void **state)
{
        struct scene *scene = *state;

        offer(scene, NULL);
        HOOK_WAIT(scene->fixture->hook, has_owner(scene, "org.jobwatchd1"));
        call_list(scene, "a{sv}tu", 3, "State", "s", "failing", "Ids", "at", 4, UINT64_C(9), UINT64_C(2),
                  UINT64_C(9), UINT64_MAX, "Patterns", "as", 1, "import-*", UINT64_C(1), 5000U);
        HOOK_WAIT(scene->fixture->hook, scene->held_count == 1);
        assert_int_equal(scene->last.state, BUS_JOB_FAILING);
        assert_int_equal(scene->last.id_count, 3);
        assert_int_equal(scene->last.ids[0], 2);
        assert_int_equal(scene->last.ids[1], 9);
        assert_true(scene->last.ids[2] == UINT64_MAX);
        assert_string_equal(scene->pattern, "import-*");
        assert_int_equal(scene->last.after, 1);
        assert_int_equal(scene->last.limit, 1000);
        complete(scene);

        /* Errors say what is wrong. */
        static const struct {
                const char *key, *type, *value, *error;
        } cases[] = {
                { "Status", "s", "open", "org.freedesktop.DBus.Error.InvalidArgs: unknown key 'Status'" },
                { "State", "s", "opened",
                  "org.freedesktop.DBus.Error.InvalidArgs: invalid value of 'State': 'opened'" },
                { "State", "o", "/open",
                  "org.freedesktop.DBus.Error.InvalidArgs: the value of 'State' must have the type 's'" },
        };
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                call_list(scene, "a{sv}tu", 1, cases[i].key, cases[i].type, cases[i].value, UINT64_C(0), 0U);
                HOOK_WAIT(scene->fixture->hook, scene->errors == i + 1);
                assert_string_equal(scene->error, cases[i].error);
        }
        call_list(scene, "a{sv}tu", 2, "Patterns", "as", 1, "a", "Patterns", "as", 1, "b", UINT64_C(0), 0U);
        HOOK_WAIT(scene->fixture->hook, scene->errors == 4);
        call_list(scene, "s", "no such signature");
        HOOK_WAIT(scene->fixture->hook, scene->errors == 5);
        assert_int_equal(scene->held_count, 0);
}

/* ---- bounds of the arguments ---- */

/* Calls a method with `count` ids or texts, in a dictionary with `key` (NULL: as an argument). */
static void call_many(struct scene *scene, const char *key, size_t count, const char *text)
{
        sd_bus_message *message = NULL;
        uint64_t *ids;

        assert_true(sd_bus_message_new_method_call(scene->client, &message, "org.jobwatchd1", MANAGER_PATH,
                                                   MANAGER_INTERFACE,
                                                   key != NULL ? "ListJobs" : "ListEvents") >= 0);
        if (key != NULL) {
                assert_true(sd_bus_message_open_container(message, 'a', "{sv}") >= 0);
                assert_true(sd_bus_message_open_container(message, 'e', "sv") >= 0);
                assert_true(sd_bus_message_append(message, "s", key) >= 0);
                assert_true(sd_bus_message_open_container(message, 'v', text != NULL ? "as" : "at") >= 0);
        } else {
                assert_true(sd_bus_message_append(message, "t", UINT64_C(0)) >= 0);
        }
        if (text != NULL) {
                assert_true(sd_bus_message_open_container(message, 'a', "s") >= 0);
                for (size_t i = 0; i < count; i++)
                        assert_true(sd_bus_message_append(message, "s", text) >= 0);
                assert_true(sd_bus_message_close_container(message) >= 0);
        } else {
                assert_true(sd_bus_message_append_array_space(message, 't', count * sizeof(uint64_t),
                                                              (void **)&ids) >= 0);
                for (size_t i = 0; i < count; i++)
                        ids[i] = i + 1;
        }
        if (key != NULL) {
                for (int i = 0; i < 3; i++)
                        assert_true(sd_bus_message_close_container(message) >= 0);
                assert_true(sd_bus_message_append(message, "t", UINT64_C(0)) >= 0);
        }
        assert_true(sd_bus_message_append(message, "u", 0U) >= 0);
        assert_true(sd_bus_call_async(scene->client, NULL, message, on_reply, scene, 0) >= 0);
        sd_bus_message_unref(message);
}

/* So many are taken, and one more is refused. */
static void check_bound(struct scene *scene, const char *key, size_t most, const char *text,
                        const char *error)
{
        offer(scene, NULL);
        HOOK_WAIT(scene->fixture->hook, has_owner(scene, "org.jobwatchd1"));
        call_many(scene, key, most, text);
        HOOK_WAIT(scene->fixture->hook, scene->held_count == 1);
        complete(scene);
        HOOK_WAIT(scene->fixture->hook, scene->replies == 1);
        call_many(scene, key, most + 1, text);
        HOOK_WAIT(scene->fixture->hook, scene->errors == 1);
        assert_string_equal(scene->error, error);
        assert_int_equal(scene->held_count, 0);
}

#define INVALID "org.freedesktop.DBus.Error.InvalidArgs: "

static void test_at_most_1000_ids(void **state)
{
        check_bound(*state, "Ids", 1000, NULL, INVALID "more than 1000 IDs in a call");
}

static void test_at_most_1000_jobs_of_events(void **state)
{
        check_bound(*state, NULL, 1000, NULL, INVALID "more than 1000 IDs in a call");
}

static void test_at_most_100_patterns(void **state)
{
        check_bound(*state, "Patterns", 100, "a*", INVALID "more than 100 texts in 'Patterns'");
}

static void test_at_most_64_keys(void **state)
{
        check_bound(*state, "Keys", 64, "Id", INVALID "more than 64 texts in 'Keys'");
}

static void test_patterns_of_at_most_256_bytes(void **state)
{
        struct scene *scene = *state;
        char pattern[258] = "";

        offer(scene, NULL);
        HOOK_WAIT(scene->fixture->hook, has_owner(scene, "org.jobwatchd1"));
        memset(pattern, 'a', 256);
        call_many(scene, "Patterns", 1, pattern);
        HOOK_WAIT(scene->fixture->hook, scene->held_count == 1);
        complete(scene);
        memset(pattern, 'a', 257);
        call_many(scene, "Patterns", 1, pattern);
        HOOK_WAIT(scene->fixture->hook, scene->errors == 1);
        assert_string_equal(scene->error, INVALID "a text in 'Patterns' is longer than 256 bytes");
        assert_int_equal(scene->held_count, 0);
}

/* ---- texts that are not UTF-8 ---- */

static struct bus_call *take_call(struct scene *scene)
{
        offer(scene, NULL);
        HOOK_WAIT(scene->fixture->hook, has_owner(scene, "org.jobwatchd1"));
        call_list(scene, "a{sv}tu", 0, UINT64_C(0), 0U);
        HOOK_WAIT(scene->fixture->hook, scene->held_count == 1);
        scene->held_count = 0;
        return scene->held[0];
}

static void test_errors_with_any_text_are_sent(void **state)
{
        struct scene *scene = *state;

        bus_call_fail(take_call(scene), BUS_API_UNAVAILABLE, "caf%s \xef\xbf\xbf", "\xe9");
        HOOK_WAIT(scene->fixture->hook, scene->errors == 1);
        assert_string_equal(scene->error,
                            "org.jobwatchd1.Error.ApiUnavailable: caf\xef\xbf\xbd \xef\xbf\xbd");
}

static void test_arrays_with_any_text_are_sent(void **state)
{
        struct scene *scene = *state;
        struct bus_call *call = take_call(scene);
        char text[] = "caf\xe9", *texts[] = { text, NULL };

        bus_rows_begin(call);
        bus_row_begin(call);
        bus_put_strings(call, "Hooks", texts);
        bus_row_end(call);
        bus_rows_end(call);
        bus_call_send(call);
        HOOK_WAIT(scene->fixture->hook, scene->replies + scene->errors == 1);
        assert_string_equal(scene->text, "Hooks: caf\xef\xbf\xbd");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_eight_calls_of_a_client),
                TEST(test_arguments),
                TEST(test_at_most_1000_ids),
                TEST(test_at_most_1000_jobs_of_events),
                TEST(test_at_most_100_patterns),
                TEST(test_at_most_64_keys),
                TEST(test_patterns_of_at_most_256_bytes),
                TEST(test_errors_with_any_text_are_sent),
                TEST(test_arrays_with_any_text_are_sent),
        };

        return cmocka_run_group_tests_name("bus_arguments", tests, NULL, NULL);
}
