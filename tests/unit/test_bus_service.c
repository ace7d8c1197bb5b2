/* SPDX-License-Identifier: MIT */

/* The D-Bus API on a private bus: its name, the limit of calls, arguments, the signal, and a bus that is
 * lost. */

#include "bus_fixture.h"

#include "bus/manager.h"
#include "bus/reply.h"
#include "bus/service.h"

#define HELD_MAX 32

struct scene {
        struct bus_fixture *fixture;
        struct bus_service *service;
        struct bus_call *held[HELD_MAX]; /* calls that the operation was given */
        size_t held_count;
        struct bus_list_jobs last; /* the arguments of the last one */
        char pattern[64];
        char notices[1024];
        unsigned problems;

        sd_bus *client;
        unsigned replies, busy, errors, events;
        char error[128];
        char text[64]; /* of the last reply that is one row with one array of one text */
        uint64_t sequence;
};

static void list_jobs(void *userdata, struct bus_call *call, const struct bus_list_jobs *arguments)
{
        struct scene *scene = userdata;

        assert_true(scene->held_count < HELD_MAX);
        scene->held[scene->held_count++] = call;
        scene->last = *arguments;
        if (arguments->patterns != NULL)
                (void)snprintf(scene->pattern, sizeof(scene->pattern), "%s", arguments->patterns[0]);
}

static void list_events(void *userdata, struct bus_call *call, const struct bus_list_events *arguments)
{
        struct scene *scene = userdata;

        (void)arguments;
        assert_true(scene->held_count < HELD_MAX);
        bus_reply_number(call, 0);
        bus_reply_flag(call, false);
        scene->held[scene->held_count++] = call;
}

static const struct bus_operations operations = { .list_jobs = list_jobs, .list_events = list_events };

static void on_notice(void *userdata, bool is_problem, const char *text)
{
        struct scene *scene = userdata;

        scene->problems += is_problem ? 1 : 0;
        (void)snprintf(scene->notices + strlen(scene->notices),
                       sizeof(scene->notices) - strlen(scene->notices), "%s\n", text);
}

/* Sends an empty list as the reply of the first call that is held. */
static void complete(struct scene *scene)
{
        struct bus_call *call = scene->held[0];

        scene->held_count--;
        memmove(scene->held, scene->held + 1, scene->held_count * sizeof(struct bus_call *));
        bus_rows_begin(call);
        bus_rows_end(call);
        bus_call_send(call);
}

/* ---- the client ---- */

static int on_reply(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct scene *scene = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(message);

        if (error == NULL) {
                const char *key, *text;
                if (sd_bus_message_read(message, "aa{sv}", 1, 1, &key, "as", 1, &text) > 0)
                        (void)snprintf(scene->text, sizeof(scene->text), "%s: %s", key, text);
                scene->replies++;
        } else if (strcmp(error->name, "org.jobwatchd1.Error.Busy") == 0)
                scene->busy++;
        else
                scene->errors++;
        if (error != NULL)
                (void)snprintf(scene->error, sizeof(scene->error), "%s: %s", error->name, error->message);
        return 0;
}

static int on_event(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct scene *scene = userdata;
        const char *event;
        uint64_t job;

        assert_true(sd_bus_message_read(message, "tts", &scene->sequence, &job, &event) >= 0);
        assert_int_equal(job, 5);
        assert_string_equal(event, "failed");
        scene->events++;
        return 0;
}

static void call_list(struct scene *scene, const char *types, ...)
{
        sd_bus_message *message = NULL;
        va_list arguments;

        assert_true(sd_bus_message_new_method_call(scene->client, &message, "org.jobwatchd1", MANAGER_PATH,
                                                   MANAGER_INTERFACE, "ListJobs") >= 0);
        va_start(arguments, types);
        assert_true(sd_bus_message_appendv(message, types, arguments) >= 0);
        va_end(arguments);
        assert_true(sd_bus_call_async(scene->client, NULL, message, on_reply, scene, 0) >= 0);
        sd_bus_message_unref(message);
}

static void connect_client(struct scene *scene)
{
        assert_true(sd_bus_open_system(&scene->client) >= 0);
        assert_true(sd_bus_attach_event(scene->client, scene->fixture->hook->event, 0) >= 0);
        assert_true(sd_bus_match_signal(scene->client, NULL, NULL, MANAGER_PATH, MANAGER_INTERFACE,
                                        "JobEvent", on_event, scene) >= 0);
}

static bool has_owner(struct scene *scene, const char *name)
{
        return sd_bus_get_name_creds(scene->client, name, 0, NULL) >= 0;
}

static void offer(struct scene *scene, const char *instance)
{
        const struct bus_service_parts parts = {
                .event = scene->fixture->hook->event,
                .connection = scene->fixture->connection,
                .instance = instance,
                .operations = &operations,
                .on_notice = on_notice,
                .userdata = scene,
        };

        assert_int_equal(bus_service_new(&parts, &scene->service), 0);
}

static int setup(void **state)
{
        struct scene *scene = calloc(1, sizeof(*scene));
        void *fixture = NULL;

        assert_non_null(scene);
        assert_int_equal(bus_setup(&fixture), 0);
        scene->fixture = fixture;
        connect_client(scene);
        *state = scene;
        return 0;
}

static int teardown(void **state)
{
        struct scene *scene = *state;
        void *fixture = scene->fixture;

        if (scene->service != NULL)
                bus_service_stop(scene->service);
        while (scene->held_count > 0)
                complete(scene);
        bus_service_free(scene->service);
        sd_bus_flush_close_unref(scene->client);
        free(scene);
        return bus_teardown(&fixture);
}

/* ---- the name ---- */

static void test_name_of_an_instance(void **state)
{
        static const struct {
                const char *instance, *name;
        } cases[] = {
                { NULL, "org.jobwatchd1" },
                { "berlin", "org.jobwatchd1.berlin" },
                { "branch-office", "org.jobwatchd1.branch_2doffice" },
                { "7", "org.jobwatchd1._37" },
                { "a.b@c", "org.jobwatchd1.a_2eb_40c" },
                { "k\xc3\xb6ln", "org.jobwatchd1.k_c3_b6ln" },
        };
        struct scene *scene = *state;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char *name = bus_service_name(cases[i].instance);
                assert_string_equal(name, cases[i].name);
                free(name);
        }
        offer(scene, "7");
        HOOK_WAIT(scene->fixture->hook, has_owner(scene, "org.jobwatchd1._37"));
        assert_string_equal(scene->notices, "");
}

static void test_name_of_another(void **state)
{
        struct scene *scene = *state;
        sd_bus *other = NULL;

        assert_true(sd_bus_open_system(&other) >= 0);
        assert_true(sd_bus_request_name(other, "org.jobwatchd1", 0) > 0);
        offer(scene, NULL);
        HOOK_WAIT(scene->fixture->hook, scene->problems > 0);
        assert_string_equal(scene->notices,
                            "Cannot get the D-Bus name org.jobwatchd1: another process has it. Until it can, "
                            "jobwatchctl does not work.\n");

        /* It is ours when the other ends. */
        sd_bus_flush_close_unref(other);
        call_list(scene, "a{sv}tu", 0, UINT64_C(0), 0U);
        HOOK_WAIT(scene->fixture->hook, scene->held_count > 0);
        assert_int_equal(scene->problems, 1);
        assert_non_null(strstr(scene->notices, "The D-Bus name org.jobwatchd1 is available."));
}

static void test_bus_comes_late_and_restarts(void **state)
{
        struct scene *scene = *state;
        struct bus_fixture *fixture = scene->fixture;

        scene->client = sd_bus_flush_close_unref(scene->client);
        fake_disconnect(fixture);
        bus_kill(fixture);
        offer(scene, NULL);
        HOOK_WAIT(fixture->hook, scene->problems == 1);
        assert_non_null(strstr(scene->notices, "cannot connect to the system bus"));
        bus_begin(fixture);
        HOOK_WAIT(fixture->hook,
                  strstr(scene->notices, "The D-Bus name org.jobwatchd1 is available.") != NULL);

        connect_client(scene);
        call_list(scene, "a{sv}tu", 0, UINT64_C(0), 0U);
        HOOK_WAIT(fixture->hook, scene->held_count == 1);
        scene->client = sd_bus_flush_close_unref(scene->client);
        bus_kill(fixture);
        HOOK_WAIT(fixture->hook, scene->problems == 2);
        complete(scene); /* to nobody */
        bus_service_emit_event(scene->service, 1, 5, "failed");

        scene->notices[0] = '\0';
        bus_begin(fixture);
        HOOK_WAIT(fixture->hook, *scene->notices != '\0');
        assert_string_equal(scene->notices, "The D-Bus name org.jobwatchd1 is available.\n");
        connect_client(scene);
        call_list(scene, "a{sv}tu", 0, UINT64_C(0), 0U);
        HOOK_WAIT(fixture->hook, scene->held_count == 1);
}

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

/* ---- the signal ---- */

static void test_signal(void **state)
{
        struct scene *scene = *state;

        offer(scene, NULL);
        HOOK_WAIT(scene->fixture->hook, has_owner(scene, "org.jobwatchd1"));
        bus_service_emit_event(scene->service, 17, 5, "failed");
        HOOK_WAIT(scene->fixture->hook, scene->events == 1);
        assert_int_equal(scene->sequence, 17);
}

/* A bus that reads nothing does not make the process grow: the connection is given up. */
static void test_bus_that_reads_nothing(void **state)
{
        struct scene *scene = *state;
        unsigned sent = 0;

        offer(scene, NULL);
        HOOK_WAIT(scene->fixture->hook, has_owner(scene, "org.jobwatchd1"));
        scene->client = sd_bus_flush_close_unref(scene->client); /* it would get the signals that were sent */
        assert_return_code(kill(scene->fixture->daemon, SIGSTOP), errno);
        for (; scene->problems == 0 && sent < 100000; sent++)
                bus_service_emit_event(scene->service, sent + 1, 5, "failed");
        assert_in_range(sent, 10000, 100000);
        assert_return_code(kill(scene->fixture->daemon, SIGCONT), errno);
        HOOK_WAIT(scene->fixture->hook, strstr(scene->notices, "is available") != NULL);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_name_of_an_instance),
                TEST(test_name_of_another),
                TEST(test_bus_comes_late_and_restarts),
                TEST(test_eight_calls_of_a_client),
                TEST(test_arguments),
                TEST(test_at_most_1000_ids),
                TEST(test_at_most_1000_jobs_of_events),
                TEST(test_at_most_100_patterns),
                TEST(test_at_most_64_keys),
                TEST(test_patterns_of_at_most_256_bytes),
                TEST(test_errors_with_any_text_are_sent),
                TEST(test_arrays_with_any_text_are_sent),
                TEST(test_signal),
                TEST(test_bus_that_reads_nothing),
        };

        return cmocka_run_group_tests_name("bus_service", tests, NULL, NULL);
}
