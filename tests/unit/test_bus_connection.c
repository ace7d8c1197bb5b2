/* SPDX-License-Identifier: MIT */

/* The connection to the system bus: when it is made, when listeners are called, and how it is lost. */

#include "bus_fixture.h"

struct listener {
        struct bus_listener listener;
        unsigned connects, losses;
        sd_bus *bus; /* of the last connect */
        int result;  /* of on_connect() */
};

static int on_connect(sd_bus *bus, void *userdata)
{
        struct listener *listener = userdata;

        listener->connects++;
        listener->bus = bus;
        return listener->result;
}

static void on_lost(void *userdata)
{
        struct listener *listener = userdata;

        listener->losses++;
}

static void listen_to(struct bus_fixture *fixture, struct listener *listener)
{
        *listener = (struct listener){ .listener = { .on_connect = on_connect, .on_lost = on_lost } };
        listener->listener.userdata = listener;
        bus_connection_listen(fixture->connection, &listener->listener);
}

static void expect_open(struct bus_fixture *fixture)
{
        char *reason = NULL;

        assert_int_equal(bus_connection_open(fixture->connection, &reason), 0);
        assert_null(reason);
}

static void test_open_once(void **state)
{
        struct bus_fixture *fixture = *state;
        struct listener first, second;

        listen_to(fixture, &first);
        assert_int_equal(first.connects, 0); /* connected when needed, not before */
        assert_null(bus_connection_get(fixture->connection));
        expect_open(fixture);
        expect_open(fixture);
        assert_int_equal(first.connects, 1);
        assert_ptr_equal(first.bus, bus_connection_get(fixture->connection));

        listen_to(fixture, &second); /* to an open connection */
        assert_int_equal(second.connects, 1);
        assert_int_equal(first.connects, 1);
        bus_connection_unlisten(fixture->connection, &first.listener);
        bus_connection_close(fixture->connection);
        assert_int_equal(first.losses, 0);
        assert_int_equal(second.losses, 1);
        bus_connection_close(fixture->connection);
        assert_int_equal(second.losses, 1); /* reported once */
        expect_open(fixture);
        assert_int_equal(second.connects, 2);
        bus_connection_unlisten(fixture->connection, &second.listener);
}

static void test_lost_in_the_loop(void **state)
{
        struct bus_fixture *fixture = *state;
        struct listener listener;
        char *reason = NULL;

        listen_to(fixture, &listener);
        expect_open(fixture);
        fake_disconnect(fixture);
        bus_kill(fixture);
        HOOK_WAIT(fixture->hook, listener.losses > 0);
        assert_true(bus_connection_open(fixture->connection, &reason) < 0);
        assert_non_null(strstr(reason, "cannot connect to the system bus: "));
        free(reason);
        assert_int_equal(listener.connects, 1);

        bus_begin(fixture);
        expect_open(fixture);
        assert_int_equal(listener.connects, 2);
        assert_int_equal(listener.losses, 1);
        bus_connection_unlisten(fixture->connection, &listener.listener);
}

/* An error of a listener fails the call and closes the connection; the next call connects anew. */
static void test_listener_fails(void **state)
{
        struct bus_fixture *fixture = *state;
        struct listener listener, late;
        char *reason = NULL;

        listen_to(fixture, &listener);
        listener.result = -EXFULL;
        assert_int_equal(bus_connection_open(fixture->connection, &reason), -EXFULL);
        assert_non_null(reason);
        free(reason);
        assert_int_equal(listener.losses, 1);

        listener.result = 0;
        expect_open(fixture);
        assert_int_equal(listener.connects, 2);

        /* Likewise if the connection is open. */
        late = (struct listener){ .listener = { .on_connect = on_connect, .on_lost = on_lost },
                                  .result = -EXFULL };
        late.listener.userdata = &late;
        bus_connection_listen(fixture->connection, &late.listener);
        assert_int_equal(late.losses, 1);
        assert_int_equal(listener.losses, 2);

        late.result = 0;
        expect_open(fixture);
        assert_int_equal(late.connects, 2);
        assert_int_equal(listener.connects, 3);
        bus_connection_unlisten(fixture->connection, &late.listener);
        bus_connection_unlisten(fixture->connection, &listener.listener);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, bus_setup, bus_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_open_once),
                TEST(test_lost_in_the_loop),
                TEST(test_listener_fails),
        };

        return cmocka_run_group_tests_name("bus_connection", tests, NULL, NULL);
}
