/* SPDX-License-Identifier: MIT */

/* The D-Bus API on a private bus: its name, the signal, and a bus that is lost or reads nothing. */

#include "bus_service_fixture.h"

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

/* A bus that reads nothing does not make the process grow: the connection is closed. */
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
                TEST(test_name_of_an_instance),         TEST(test_name_of_another),
                TEST(test_bus_comes_late_and_restarts), TEST(test_signal),
                TEST(test_bus_that_reads_nothing),
        };

        return cmocka_run_group_tests_name("bus_service", tests, NULL, NULL);
}
