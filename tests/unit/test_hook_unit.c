/* SPDX-License-Identifier: MIT */

/* Unit hooks: results of the units and jobs that they start. */

#include "unit_fixture.h"
#include "version.h"

static void expect_files(void *userdata)
{
        assert_true(unit_has_files(userdata));
}

static void test_success(void **state)
{
        struct bus_fixture *fixture = *state;
        struct fake_systemd *systemd = &fixture->systemd;
        const struct unit_change running = { .active = "activating", .result = "success" };
        struct unit_run run;

        systemd->on_start = expect_files;
        systemd->userdata = fixture;
        unit_start(&run, fixture, "import@%i-%o.service");
        assert_false(unit_has_files(fixture));
        unit_wait_starts(fixture, 1);
        assert_true(systemd->subscribed);
        assert_string_equal(systemd->calls, "LoadUnit import@87654321-success.service;"
                                            "StartUnit import@87654321-success.service;");
        fake_send_change(systemd, "import@87654321-success.service", &running);
        fake_send_removed(systemd, 4711, "other.service", "failed");
        fake_send_change(systemd, "import@87654321-success.service", &unit_success);
        fake_send_removed(systemd, 1, "import@87654321-success.service", "done");
        unit_expect_end(&run, true, "");
        assert_false(unit_has_files(fixture));
        assert_int_equal(systemd->cancels, 0);

        unit_start(&run, fixture, "b.service");
        unit_wait_starts(fixture, 2);
        fake_end_unit(systemd, 2, "b.service");
        unit_expect_end(&run, true, "");
        assert_string_equal(strstr(systemd->calls, "LoadUnit b"), "LoadUnit b.service;StartUnit b.service;");
}

struct unit_end {
        const char *job;
        struct unit_change change;
        const char *reason; /* NULL: success */
};

static const struct unit_end outcomes[] = {
        { "done", { "inactive", "success", false, CLD_EXITED, 0, 0 }, NULL },
        { "done", { "active", "success", false, 0, 0, 0 }, NULL },
        { "done", { "inactive", "success", true, 0, 0, 0 }, NULL }, /* a condition is not met */
        { "done", { "failed", "exit-code", true, CLD_EXITED, 1, 0 }, NULL },
        { "done", { "inactive", "exec-condition", false, CLD_EXITED, 1, 0 }, NULL },
        { "skipped", { "inactive", "exec-condition", false, CLD_EXITED, 1, 0 }, NULL },
        { "done", { "failed", "exit-code", false, CLD_EXITED, 4, 0 }, "failed: exit status 4" },
        { "failed", { "failed", "exit-code", false, CLD_EXITED, 203, 0 }, "failed: exit status 203" },
        { "failed", { "failed", "exit-code", false, 0, 0, 0 }, "failed: a command exited with an error" },
        { "failed",
          { "failed", "timeout", false, CLD_KILLED, SIGTERM, 0 },
          "failed: timed out (TimeoutStartSec=)" },
        { "failed", { "failed", "signal", false, CLD_KILLED, SIGKILL, 0 }, "failed: killed by SIGKILL" },
        { "failed",
          { "failed", "core-dump", false, CLD_DUMPED, SIGSEGV, 0 },
          "failed: killed by SIGSEGV (core dumped)" },
        { "failed", { "failed", "signal", false, 0, 0, 0 }, "failed: a process was killed by a signal" },
        { "failed",
          { "failed", "oom-kill", false, CLD_KILLED, SIGKILL, 0 },
          "failed: a process was killed by the OOM killer" },
        { "failed",
          { "failed", "start-limit-hit", false, 0, 0, 0 },
          "failed: started too often (StartLimitBurst=); StartLimitIntervalSec=0 in [Unit] removes the "
          "limit" },
        { "failed",
          { "failed", "exec-condition", false, CLD_EXITED, 255, 0 },
          "failed: ExecCondition= failed" },
        { "failed", { "failed", "made-up", false, 0, 0, 0 }, "failed: result \"made-up\"" },
        { "failed", { "failed", "success", false, 0, 0, 0 }, "failed; see \"systemctl status a.service\"" },
        { "timeout",
          { "inactive", "success", false, 0, 0, 0 },
          "not started: its start job timed out (JobTimeoutSec=)" },
        { "dependency", { "inactive", "success", false, 0, 0, 0 }, "not started: a required unit failed" },
        { "canceled",
          { "inactive", "success", false, 0, 0, 0 },
          "was stopped or cancelled before it finished" },
        { "assert",
          { "inactive", "success", false, 0, 0, 0 },
          "not started: an assertion failed (Assert…=)" },
        { "invalid",
          { "inactive", "success", false, 0, 0, 0 },
          "not started: its start job ended with \"invalid\"" },
        { "skipped",
          { "inactive", "success", false, 0, 0, 0 },
          "not started: its start job ended with \"skipped\"" },
};

static void test_outcomes(void **state)
{
        struct bus_fixture *fixture = *state;

        for (unsigned i = 0; i < sizeof(outcomes) / sizeof(*outcomes); i++) {
                char reason[512] = "";
                struct unit_run run;

                if (outcomes[i].reason != NULL)
                        (void)snprintf(reason, sizeof(reason), "unit a.service %s", outcomes[i].reason);
                unit_start(&run, fixture, "a.service");
                unit_wait_starts(fixture, i + 1);
                fake_send_change(&fixture->systemd, "a.service", &outcomes[i].change);
                fake_send_removed(&fixture->systemd, i + 1, "a.service", outcomes[i].job);
                unit_expect_end(&run, outcomes[i].reason == NULL, reason);
                if (strcmp(outcomes[i].change.active, "active") == 0) { /* it may still read them */
                        assert_true(unit_has_files(fixture));
                        fake_send_change(&fixture->systemd, "a.service", &unit_success);
                        HOOK_WAIT(fixture->hook, !unit_has_files(fixture));
                }
                assert_false(unit_has_files(fixture));
        }
}

static void test_refusals(void **state)
{
        static const char *const refusals[][2] = {
                { "org.freedesktop.systemd1.NoSuchUnit", "unit a.service does not exist" },
                { "org.freedesktop.systemd1.LoadFailed", "unit a.service cannot be loaded" },
                { "org.freedesktop.systemd1.BadUnitSetting", "unit a.service has an invalid setting" },
                { "org.freedesktop.systemd1.OnlyByDependency", "RefuseManualStart" },
                { "org.freedesktop.systemd1.TransactionIsDestructive", "is shutting down" },
                { "org.freedesktop.systemd1.ShuttingDown", "is shutting down" },
                { SD_BUS_ERROR_ACCESS_DENIED,
                  "not permitted to start unit a.service: polkit is not installed; install polkitd and add a "
                  "rule like " JOBWATCH_DATADIR "/50-jobwatchd.rules" },
                { SD_BUS_ERROR_SERVICE_UNKNOWN, "systemd is not on the system bus" },
                { "org.example.Other",
                  "refused to start unit a.service: Message of systemd. (org.example.Other)" },
        };
        struct bus_fixture *fixture = *state;

        for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
                struct unit_run run;

                fixture->systemd.error = refusals[i][0];
                unit_start(&run, fixture, "a.service");
                unit_expect_failure(&run, refusals[i][1]);
                assert_false(unit_has_files(fixture));
        }
}

/* The call may have had an effect: the files stay until the unit is seen to be inactive. */
static void test_no_reply(void **state)
{
        struct bus_fixture *fixture = *state;
        struct unit_run run;

        fixture->systemd.error = SD_BUS_ERROR_NO_REPLY;
        unit_start(&run, fixture, "a.service");
        unit_expect_end(&run, false, "no reply from systemd about unit a.service: Message of systemd.");
        assert_true(unit_has_files(fixture));
        fake_send_change(&fixture->systemd, "a.service", &unit_success);
        HOOK_WAIT(fixture->hook, !unit_has_files(fixture));
}

/* The rule that is missing is named, with its line. */
static void test_denied(void **state)
{
        static const char *const units[][2] = {
                { "a.service", "the line \"a.service\"," },
                { "a@%i.service", "the line \"a@*.service\"," },
                { "a@%e.target", "the line \"a@*.target\"," },
        };
        struct bus_fixture *fixture = *state;
        struct unit_run run;

        fake_add_polkit(&fixture->systemd);
        fixture->systemd.error = SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED;
        for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
                unit_start(&run, fixture, units[i][0]);
                unit_expect_failure(&run, units[i][1]);
                assert_non_null(strstr(run.reason, "no polkit rule allows it"));
                assert_non_null(strstr(run.reason, "copy " JOBWATCH_DATADIR "/50-jobwatchd.rules to "));
                assert_false(unit_has_files(fixture));
        }

        /* What is masked is a unit that this one requires. */
        fixture->systemd.error = "org.freedesktop.systemd1.UnitMasked";
        unit_start(&run, fixture, "a.service");
        unit_expect_end(&run, false, "unit a.service not started: Message of systemd.");
}

/* What is wrong with the unit itself is found before permission is asked for. */
static void test_not_loaded(void **state)
{
        static const char *const states[][2] = {
                { "not-found", "unit a.service does not exist; create it, or correct unit = in the "
                               "configuration" },
                { "masked", "unit a.service is masked; run \"systemctl unmask a.service\"" },
                { "bad-setting",
                  "unit a.service has an invalid setting; see \"systemctl status a.service\"" },
                { "error", "unit a.service cannot be loaded; see \"systemctl status a.service\"" },
        };
        struct bus_fixture *fixture = *state;
        struct unit_run run;

        for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
                fixture->systemd.load = states[i][0];
                unit_start(&run, fixture, "a.service");
                unit_expect_end(&run, false, states[i][1]);
        }
        assert_int_equal(fixture->systemd.starts, 0);
        assert_false(unit_has_files(fixture));
}

/* Without a signal about its state, the result of its job decides. */
static void test_no_state(void **state)
{
        struct bus_fixture *fixture = *state;
        struct unit_run run;

        unit_start(&run, fixture, "a.service");
        unit_wait_starts(fixture, 1);
        fake_send_removed(&fixture->systemd, 1, "a.service", "failed");
        unit_expect_end(&run, false, "unit a.service failed; see \"journalctl -u a.service\"");
        unit_start(&run, fixture, "b.service");
        unit_wait_starts(fixture, 2);
        fake_send_removed(&fixture->systemd, 2, "b.service", "done");
        unit_expect_end(&run, true, "");
        fake_send_change(&fixture->systemd, "b.service", &unit_success);
        fake_send_change(&fixture->systemd, "a.service", &unit_success);
        HOOK_WAIT(fixture->hook, !unit_has_files(fixture));
}

static void test_invalid_name(void **state)
{
        struct bus_fixture *fixture = *state;
        struct unit_run run;
        char *reason = NULL;

        assert_int_equal(unit_try(&run, fixture, "a@%n.service", 1, &reason), -EINVAL);
        assert_non_null(strstr(reason, "has no name"));
        free(reason);
        assert_null(run.run);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, bus_setup, bus_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_success), TEST(test_outcomes),   TEST(test_refusals), TEST(test_no_reply),
                TEST(test_denied),  TEST(test_not_loaded), TEST(test_no_state), TEST(test_invalid_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
