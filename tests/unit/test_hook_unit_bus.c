/* SPDX-License-Identifier: MIT */

/* Unit hooks when the bus is lost or has no systemd. */

#include "unit_fixture.h"

static void test_bus_lost(void **state)
{
        struct bus_fixture *fixture = *state;
        struct unit_run run, other, same;

        unit_start(&run, fixture, "a.service");
        unit_wait_starts(fixture, 1);
        struct unit_run marker;
        unit_start(&marker, fixture, "b.service");
        unit_wait_starts(fixture, 2);
        fake_end_unit(&fixture->systemd, 2, "b.service");
        unit_expect_end(&marker, true, "");
        fake_disconnect(fixture);
        bus_kill(fixture);
        unit_expect_end(&run, false,
                        "result of unit a.service unknown: lost the connection to the system bus");

        /* Meanwhile attempts fail with a reason. */
        unit_start(&run, fixture, "a.service");
        unit_expect_failure(&run, "cannot connect to the system bus: ");

        bus_begin(fixture);
        fake_connect(fixture);
        fixture->systemd.calls[0] = '\0';
        unit_start(&run, fixture, "a.service");
        unit_start(&same, fixture, "a.service");
        unit_wait_starts(fixture, 3);
        assert_string_equal(fixture->systemd.calls, "LoadUnit a.service;StartUnit a.service;");
        fake_end_unit(&fixture->systemd, 3, "a.service");
        unit_expect_end(&run, true, "");
        unit_wait_starts(fixture, 4);

        /* Lost again, and noticed by the next start before the loop. */
        fake_disconnect(fixture);
        bus_kill(fixture);
        bus_begin(fixture);
        fake_connect(fixture);
        unit_start(&other, fixture, "c.service");
        unit_expect_failure(&other, "cannot load unit c.service: ");
        unit_expect_failure(&same, "unit a.service");
        unit_start(&other, fixture, "c.service");
        unit_wait_starts(fixture, 5);
        fake_end_unit(&fixture->systemd, 5, "c.service");
        unit_expect_end(&other, true, "");
}

/* The files of a unit whose result is unknown are removed when the bus is back and the unit inactive. */
static void test_files_after_lost_bus(void **state)
{
        struct bus_fixture *fixture = *state;
        const struct unit_change active = { .active = "active", .result = "" };
        struct unit_run run, other;

        unit_start(&run, fixture, "a.service");
        unit_wait_starts(fixture, 1);
        fake_disconnect(fixture);
        bus_kill(fixture);
        unit_expect_failure(&run, "unit a.service");
        bus_begin(fixture);
        fake_connect(fixture);
        fixture->systemd.active = "activating";
        fixture->systemd.checks = 0;
        fixture->hook_name = "next";
        unit_start(&other, fixture, "b.target");
        unit_wait_starts(fixture, 2);
        assert_true(unit_has_files(fixture));
        fake_send_change(&fixture->systemd, "b.target", &active);
        fake_send_removed(&fixture->systemd, 2, "b.target", "done");
        unit_expect_end(&other, true, "");
        HOOK_WAIT(fixture->hook, fixture->systemd.checks == 2);
        assert_true(unit_has_files(fixture));
        fake_send_change(&fixture->systemd, "a.service", &unit_success);
        HOOK_WAIT(fixture->hook, !unit_has_files(fixture));
}

static void test_no_systemd(void **state)
{
        struct bus_fixture *fixture = *state;
        struct unit_run run;

        fake_disconnect(fixture);
        unit_start(&run, fixture, "a.service");
        unit_expect_end(&run, false, "cannot start unit a.service: systemd is not on the system bus");

        /* It appears. */
        fake_connect(fixture);
        unit_start(&run, fixture, "a.service");
        unit_wait_starts(fixture, 1);
        fake_end_unit(&fixture->systemd, 1, "a.service");
        unit_expect_end(&run, true, "");

        /* It disappears while no run is in progress. */
        fake_disconnect(fixture);
        unit_start(&run, fixture, "a.service");
        unit_expect_end(&run, false, "cannot start unit a.service: systemd is not on the system bus");
}

static void test_nothing_leaks(void **state)
{
        struct bus_fixture *fixture = *state;
        unsigned open = 0;

        fixture->systemd.hurries = true;
        for (unsigned i = 0; i < 200; i++) {
                struct unit_run run;

                fixture->systemd.error = i % 3 == 1 ? "org.freedesktop.systemd1.NoSuchUnit" : NULL;
                unit_start(&run, fixture, "a@%e.service");
                unit_finish(&run);
                assert_int_equal(run.success, i % 3 != 1);
                fixture->systemd.calls[0] = '\0';
                if (i == 10)
                        open = open_descriptors();
        }
        assert_int_equal(open_descriptors(), open);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, bus_setup, bus_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_bus_lost),
                TEST(test_files_after_lost_bus),
                TEST(test_no_systemd),
                TEST(test_nothing_leaks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
