/* SPDX-License-Identifier: MIT */

/* Who may change something: root, the user of the process, and whoever polkit permits. */

#include "bus_fixture.h"

#include "bus/caller.h"
#include "bus/reply.h"

#define STRANGER 65534

uid_t __wrap_geteuid(void);

/* The tests may run as root, who is not asked, or as the user of the process, who would not be either. */
uid_t __wrap_geteuid(void)
{
        return 4711;
}

struct scene {
        struct bus_fixture *fixture;
        struct bus_calls *calls;
        sd_bus *server, *client, *polkit;
        unsigned started;
        uint32_t uid;
        char outcome[256]; /* of the last call: "" or "NAME: MESSAGE" */
        unsigned replies;

        bool authorized, challenge;
        const char *polkit_error;   /* instead */
        sd_bus_message *unanswered; /* the first question, if `silent` */
        bool silent;
        unsigned questions;
        char question[512]; /* as polkit got it */
};

static void start(struct bus_call *call)
{
        struct scene *scene = bus_call_userdata(call);

        scene->started++;
        scene->uid = bus_call_uid(call);
        bus_call_send(call);
}

static bus_operation *const operations[BUS_METHOD_COUNT] = { [BUS_POLL] = start };

static int on_change(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        struct scene *scene = userdata;
        struct bus_call *call = NULL;

        int r = bus_calls_take(scene->calls, message, BUS_POLL, ret_error, &call);
        if (r < 0)
                return r;
        call->action = "org.jobwatchd1.manage-jobs";
        bus_caller_check(call);
        return 1;
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Change", "", "", on_change, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static int on_polkit_call(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct scene *scene = userdata;
        const char *kind, *key, *sender, *action, *cancellation;
        uint32_t flags;

        if (sd_bus_message_is_method_call(message, "org.freedesktop.PolicyKit1.Authority",
                                          "CheckAuthorization") <= 0)
                return 0;
        assert_true(sd_bus_message_read(message, "(sa{sv})sa{ss}us", &kind, 1, &key, "s", &sender, &action, 0,
                                        &flags, &cancellation) >= 0);
        scene->questions++;
        if (scene->silent) {
                if (scene->unanswered == NULL)
                        scene->unanswered = sd_bus_message_ref(message);
                return 1;
        }
        (void)snprintf(scene->question, sizeof(scene->question), "%s %s %s %s %u %s", kind, key,
                       sender[0] == ':' ? "SENDER" : sender, action, flags, cancellation);
        if (scene->polkit_error != NULL)
                return sd_bus_reply_method_errorf(message, scene->polkit_error, "no");
        return sd_bus_reply_method_return(message, "(bba{ss})", scene->authorized, scene->challenge, 0);
}

static sd_bus *connect_to(struct scene *scene)
{
        sd_bus *bus = NULL;

        assert_true(sd_bus_open_system(&bus) >= 0);
        assert_true(sd_bus_attach_event(bus, scene->fixture->hook->event, 0) >= 0);
        return bus;
}

/* The bus knows a client by its effective user when it connected. */
static sd_bus *connect_as_stranger(struct scene *scene)
{
        bool is_root = getuid() == 0;

        if (is_root)
                assert_return_code(seteuid(STRANGER), errno);
        sd_bus *client = connect_to(scene);
        if (is_root)
                assert_return_code(seteuid(0), errno);
        return client;
}

static int setup(void **state)
{
        struct scene *scene = calloc(1, sizeof(*scene));
        void *fixture = NULL;

        assert_non_null(scene);
        assert_int_equal(bus_setup(&fixture), 0);
        scene->fixture = fixture;
        assert_return_code(chmod(scene->fixture->hook->directory, 0755), errno);
        scene->calls = bus_calls_new(scene->fixture->hook->event, operations, scene);
        scene->server = connect_to(scene);
        assert_true(sd_bus_add_object_vtable(scene->server, NULL, "/test", "org.example.Test", vtable,
                                             scene) >= 0);
        assert_true(sd_bus_request_name(scene->server, "org.example.test", 0) > 0);

        scene->client = connect_as_stranger(scene);
        *state = scene;
        return 0;
}

static int teardown(void **state)
{
        struct scene *scene = *state;
        void *fixture = scene->fixture;

        sd_bus_message_unref(scene->unanswered);
        bus_calls_free(scene->calls);
        sd_bus_flush_close_unref(scene->client);
        sd_bus_flush_close_unref(scene->server);
        sd_bus_flush_close_unref(scene->polkit);
        free(scene);
        return bus_teardown(&fixture);
}

static void begin_polkit(struct scene *scene)
{
        scene->polkit = connect_to(scene);
        assert_true(sd_bus_add_filter(scene->polkit, NULL, on_polkit_call, scene) >= 0);
        assert_true(sd_bus_request_name(scene->polkit, POLKIT_NAME, 0) > 0);
}

static int on_reply(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct scene *scene = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(message);

        scene->replies++;
        scene->outcome[0] = '\0';
        if (error != NULL)
                (void)snprintf(scene->outcome, sizeof(scene->outcome), "%s: %s", error->name, error->message);
        return 0;
}

static void send_change(struct scene *scene, sd_bus *client, bool interactive)
{
        sd_bus_message *message = NULL;

        assert_true(sd_bus_message_new_method_call(client, &message, "org.example.test", "/test",
                                                   "org.example.Test", "Change") >= 0);
        assert_true(sd_bus_message_set_allow_interactive_authorization(message, interactive) >= 0);
        assert_true(sd_bus_call_async(client, NULL, message, on_reply, scene, 0) >= 0);
        sd_bus_message_unref(message);
}

static void change(struct scene *scene, sd_bus *client, bool interactive)
{
        unsigned replies = scene->replies;

        send_change(scene, client, interactive);
        HOOK_WAIT(scene->fixture->hook, scene->replies > replies);
}

static void test_root_is_not_asked(void **state)
{
        struct scene *scene = *state;

        if (getuid() != 0)
                skip();
        change(scene, scene->server, false); /* its own client */
        assert_string_equal(scene->outcome, "");
        assert_int_equal(scene->started, 1);
        assert_int_equal(scene->uid, 0);
}

static void test_polkit_decides(void **state)
{
        struct scene *scene = *state;

        begin_polkit(scene);
        scene->authorized = true;
        change(scene, scene->client, false);
        assert_string_equal(scene->outcome, "");
        assert_int_equal(scene->started, 1);
        assert_int_equal(scene->uid, getuid() == 0 ? STRANGER : getuid());
        assert_string_equal(scene->question, "system-bus-name name SENDER org.jobwatchd1.manage-jobs 0 ");

        scene->authorized = false;
        change(scene, scene->client, true);
        assert_string_equal(scene->outcome,
                            "org.freedesktop.DBus.Error.AccessDenied: not permitted by polkit "
                            "(org.jobwatchd1.manage-jobs)");
        assert_string_equal(scene->question, "system-bus-name name SENDER org.jobwatchd1.manage-jobs 1 ");

        scene->challenge = true;
        change(scene, scene->client, false);
        assert_string_equal(scene->outcome, "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired: a "
                                            "password is required");

        scene->polkit_error = "org.freedesktop.PolicyKit1.Error.Failed";
        change(scene, scene->client, true);
        assert_string_equal(scene->outcome, "org.freedesktop.DBus.Error.AccessDenied: polkit could not be "
                                            "asked for permission: no");
        assert_int_equal(scene->started, 1);
}

static void test_without_polkit_nobody_else_may(void **state)
{
        struct scene *scene = *state;

        change(scene, scene->client, true);
        assert_non_null(strstr(scene->outcome, "AccessDenied: polkit could not be asked for permission"));
        assert_int_equal(scene->started, 0);
}

/* One user, from as many connections as he likes, does not use up what all have. */
static void test_few_calls_of_a_user_wait_for_polkit(void **state)
{
        struct scene *scene = *state;
        sd_bus *clients[BUS_CALLS_ASKING / BUS_CALLS_PER_CLIENT];

        begin_polkit(scene);
        scene->silent = true;
        for (size_t i = 0; i < BUS_CALLS_ASKING; i++) {
                sd_bus **client = &clients[i / BUS_CALLS_PER_CLIENT];
                if (i % BUS_CALLS_PER_CLIENT == 0)
                        *client = connect_as_stranger(scene);
                send_change(scene, *client, true);
        }
        HOOK_WAIT(scene->fixture->hook, scene->questions == BUS_CALLS_ASKING);
        change(scene, scene->client, true);
        assert_string_equal(scene->outcome, "org.jobwatchd1.Error.Busy: 32 calls of this user wait for "
                                            "permission; wait for one of them");
        if (getuid() == 0) { /* another user */
                change(scene, scene->server, true);
                assert_string_equal(scene->outcome, "");
        }

        unsigned replies = scene->replies;
        assert_true(sd_bus_reply_method_return(scene->unanswered, "(bba{ss})", true, false, 0) >= 0);
        HOOK_WAIT(scene->fixture->hook, scene->replies > replies);
        scene->silent = false;
        scene->authorized = true;
        change(scene, scene->client, true);
        assert_string_equal(scene->outcome, "");
        bus_calls_drop(scene->calls);
        for (size_t i = 0; i < sizeof(clients) / sizeof(*clients); i++)
                sd_bus_flush_close_unref(clients[i]);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_root_is_not_asked),
                TEST(test_polkit_decides),
                TEST(test_without_polkit_nobody_else_may),
                TEST(test_few_calls_of_a_user_wait_for_polkit),
        };

        return cmocka_run_group_tests_name("bus_caller", tests, NULL, NULL);
}
