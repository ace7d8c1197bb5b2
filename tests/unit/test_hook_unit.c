/* SPDX-License-Identifier: MIT */

/* Unit hooks: results of the units and jobs that they start. */

#include "unit_fixture.h"

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
        assert_string_equal(systemd->calls, "Subscribe;LoadUnit import@87654321-success.service;"
                                            "StartUnit import@87654321-success.service;");
        fake_send_change(systemd, "import@87654321-success.service", &running);
        fake_send_removed(systemd, 4711, "other.service", "failed");
        fake_send_change(systemd, "import@87654321-success.service", &unit_success);
        fake_send_removed(systemd, 1, "import@87654321-success.service", "done");
        unit_expect_end(&run, true, "");
        assert_false(unit_has_files(fixture));
        assert_int_equal(systemd->cancels, 0);

        /* The connection and the subscription are kept. */
        unit_start(&run, fixture, "b.service");
        unit_wait_starts(fixture, 2);
        fake_send_removed(systemd, 2, "b.service", "done");
        unit_expect_end(&run, true, "");
        assert_string_equal(strstr(systemd->calls, "LoadUnit b"), "LoadUnit b.service;StartUnit b.service;");
}

struct unit_end {
        const char *job;
        struct unit_change change;
        const char *reason; /* NULL: success */
};

static const struct unit_end outcomes[] = {
        { "done", { "inactive", "success", false, CLD_EXITED, 0 }, NULL },
        { "done", { "active", "success", false, 0, 0 }, NULL },
        { "done", { "inactive", "success", true, 0, 0 }, NULL }, /* a condition is not met */
        { "done", { "failed", "exit-code", true, CLD_EXITED, 1 }, NULL },
        { "done", { "inactive", "exec-condition", false, CLD_EXITED, 1 }, NULL },
        { "skipped", { "inactive", "exec-condition", false, CLD_EXITED, 1 }, NULL },
        { "done", { "failed", "exit-code", false, CLD_EXITED, 4 }, "failed: exit status 4" },
        { "failed", { "failed", "exit-code", false, CLD_EXITED, 203 }, "failed: exit status 203" },
        { "failed", { "failed", "exit-code", false, 0, 0 }, "failed: a command exited with an error" },
        { "failed",
          { "failed", "timeout", false, CLD_KILLED, SIGTERM },
          "failed: timed out (TimeoutStartSec=)" },
        { "failed", { "failed", "signal", false, CLD_KILLED, SIGKILL }, "failed: killed by SIGKILL" },
        { "failed",
          { "failed", "core-dump", false, CLD_DUMPED, SIGSEGV },
          "failed: killed by SIGSEGV (core dumped)" },
        { "failed", { "failed", "signal", false, 0, 0 }, "failed: a process was killed by a signal" },
        { "failed",
          { "failed", "oom-kill", false, CLD_KILLED, SIGKILL },
          "failed: a process was killed by the OOM killer" },
        { "failed",
          { "failed", "start-limit-hit", false, 0, 0 },
          "failed: started too often (StartLimitBurst=); StartLimitIntervalSec=0 in [Unit] removes the "
          "limit" },
        { "failed", { "failed", "exec-condition", false, CLD_EXITED, 255 }, "failed: ExecCondition= failed" },
        { "failed", { "failed", "made-up", false, 0, 0 }, "failed: result \"made-up\"" },
        { "failed", { "failed", "success", false, 0, 0 }, "failed; see \"systemctl status a.service\"" },
        { "timeout",
          { "inactive", "success", false, 0, 0 },
          "not started: its start job timed out (JobTimeoutSec=)" },
        { "dependency", { "inactive", "success", false, 0, 0 }, "not started: a required unit failed" },
        { "canceled", { "inactive", "success", false, 0, 0 }, "was stopped or cancelled before it finished" },
        { "assert", { "inactive", "success", false, 0, 0 }, "not started: an assertion failed (Assert…=)" },
        { "invalid",
          { "inactive", "success", false, 0, 0 },
          "not started: its start job ended with \"invalid\"" },
        { "skipped",
          { "inactive", "success", false, 0, 0 },
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
                assert_false(unit_has_files(fixture));
        }
}

static void test_refusals(void **state)
{
        static const char *const refusals[][2] = {
                { "org.freedesktop.systemd1.NoSuchUnit", "unit a.service does not exist" },
                { "org.freedesktop.systemd1.UnitMasked", "unit a.service is masked" },
                { "org.freedesktop.systemd1.LoadFailed", "unit a.service cannot be loaded" },
                { "org.freedesktop.systemd1.BadUnitSetting", "unit a.service has an invalid setting" },
                { "org.freedesktop.systemd1.OnlyByDependency", "RefuseManualStart" },
                { "org.freedesktop.systemd1.TransactionIsDestructive", "is shutting down" },
                { "org.freedesktop.systemd1.ShuttingDown", "is shutting down" },
                { SD_BUS_ERROR_ACCESS_DENIED,
                  "not permitted to start unit a.service; install polkitd and add a rule" },
                { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, "not permitted to start unit a.service" },
                { SD_BUS_ERROR_SERVICE_UNKNOWN, "systemd is not on the system bus" },
                { SD_BUS_ERROR_NO_REPLY, "no reply from systemd about unit a.service: Message of systemd." },
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

/* JobRemoved arrives before the reply that names the job. */
static void test_hurried_job(void **state)
{
        struct bus_fixture *fixture = *state;
        struct unit_run run;

        fixture->systemd.hurries = true;
        unit_start(&run, fixture, "a.service");
        unit_expect_end(&run, true, "");
}

static void send_earlier_job(void *userdata)
{
        fake_send_removed(userdata, 8, "a.service", "failed");
}

/* JobRemoved before the reply was about an earlier job of the unit. */
static void test_earlier_job(void **state)
{
        struct bus_fixture *fixture = *state;
        struct unit_run run;

        fixture->systemd.on_start = send_earlier_job;
        fixture->systemd.userdata = &fixture->systemd;
        fixture->systemd.jobs = 8;
        unit_start(&run, fixture, "a.service");
        unit_wait_starts(fixture, 1);
        fake_send_removed(&fixture->systemd, 9, "a.service", "done");
        unit_expect_end(&run, true, "");
}

static void test_wait_for_final_state(void **state)
{
        struct bus_fixture *fixture = *state;
        const struct unit_change ending = { .active = "deactivating", .result = "success" };
        const struct unit_change failed = {
                .active = "failed", .result = "exit-code", .code = CLD_EXITED, .status = 9
        };
        struct unit_run run;

        unit_start(&run, fixture, "a.service");
        unit_wait_starts(fixture, 1);
        fake_send_change(&fixture->systemd, "a.service", &ending);
        fake_send_removed(&fixture->systemd, 1, "a.service", "done");
        fake_send_change(&fixture->systemd, "a.service", &ending);
        fake_send_change(&fixture->systemd, "a.service", &failed);
        unit_expect_end(&run, false, "unit a.service failed: exit status 9");
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
                TEST(test_success),      TEST(test_outcomes),    TEST(test_refusals),
                TEST(test_hurried_job),  TEST(test_earlier_job), TEST(test_wait_for_final_state),
                TEST(test_invalid_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
