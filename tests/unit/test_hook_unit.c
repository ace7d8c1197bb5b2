/* SPDX-License-Identifier: MIT */

/* Unit hooks, and how the jobs and units that they start end. */

#include "unit_fixture.h"

static void expect_files(void *userdata)
{
        assert_true(unit_has_files(userdata));
}

static void test_success(void **state)
{
        struct bus_fixture *fixture = *state;
        struct fake_systemd *systemd = &fixture->systemd;
        const struct unit_change at_work = { .active = "activating", .result = "success" };
        struct unit_run run;

        systemd->on_start = expect_files;
        systemd->userdata = fixture;
        unit_start(&run, fixture, "import@%i-%o.service");
        assert_false(unit_has_files(fixture));
        unit_wait_starts(fixture, 1);
        assert_string_equal(systemd->calls, "Subscribe;LoadUnit import@87654321-success.service;"
                                            "StartUnit import@87654321-success.service;");
        fake_tell_change(systemd, "import@87654321-success.service", &at_work);
        fake_tell_removed(systemd, 4711, "other.service", "failed");
        fake_tell_change(systemd, "import@87654321-success.service", &unit_success);
        fake_tell_removed(systemd, 1, "import@87654321-success.service", "done");
        unit_expect_end(&run, true, "");
        assert_false(unit_has_files(fixture));
        assert_int_equal(systemd->cancels, 0);

        /* The connection and the subscription are kept. */
        unit_start(&run, fixture, "b.service");
        unit_wait_starts(fixture, 2);
        fake_tell_removed(systemd, 2, "b.service", "done");
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
        { "done", { "failed", "exit-code", false, CLD_EXITED, 4 }, "failed: it exited with 4" },
        { "failed", { "failed", "exit-code", false, CLD_EXITED, 203 }, "failed: it exited with 203" },
        { "failed", { "failed", "exit-code", false, 0, 0 }, "failed: a command of it exited with an error" },
        { "failed",
          { "failed", "timeout", false, CLD_KILLED, SIGTERM },
          "failed: it took longer than its own TimeoutStartSec= allows and was ended" },
        { "failed", { "failed", "signal", false, CLD_KILLED, SIGKILL }, "failed: it was killed by SIGKILL" },
        { "failed",
          { "failed", "core-dump", false, CLD_DUMPED, SIGSEGV },
          "failed: it was killed by SIGSEGV and dumped its core" },
        { "failed", { "failed", "signal", false, 0, 0 }, "failed: a process of it was killed by a signal" },
        { "failed",
          { "failed", "oom-kill", false, CLD_KILLED, SIGKILL },
          "failed: a process of it was killed for want of memory" },
        { "failed",
          { "failed", "start-limit-hit", false, 0, 0 },
          "failed: it was started more often than its StartLimitBurst= allows; StartLimitIntervalSec=0 in "
          "its "
          "[Unit] lifts that" },
        { "failed",
          { "failed", "exec-condition", false, CLD_EXITED, 255 },
          "failed: the command of its ExecCondition= failed" },
        { "failed", { "failed", "made-up", false, 0, 0 }, "failed with the result \"made-up\"" },
        { "failed",
          { "failed", "success", false, 0, 0 },
          "failed; \"systemctl status a.service\" shows more" },
        { "timeout",
          { "inactive", "success", false, 0, 0 },
          "was waited for longer than its JobTimeoutSec= allows" },
        { "dependency",
          { "inactive", "success", false, 0, 0 },
          "was not started, since a unit that it requires failed" },
        { "canceled",
          { "inactive", "success", false, 0, 0 },
          "was stopped, or its start was cancelled, before it had ended" },
        { "assert",
          { "inactive", "success", false, 0, 0 },
          "was not started, since one of its Assert…= does not hold" },
        { "invalid",
          { "inactive", "success", false, 0, 0 },
          "was not started: its start job ended with \"invalid\"" },
        { "skipped",
          { "inactive", "success", false, 0, 0 },
          "was not started: its start job ended with \"skipped\"" },
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
                fake_tell_change(&fixture->systemd, "a.service", &outcomes[i].change);
                fake_tell_removed(&fixture->systemd, i + 1, "a.service", outcomes[i].job);
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
                { "org.freedesktop.systemd1.BadUnitSetting", "unit a.service has a wrong setting" },
                { "org.freedesktop.systemd1.OnlyByDependency", "RefuseManualStart" },
                { "org.freedesktop.systemd1.TransactionIsDestructive", "shuts down" },
                { "org.freedesktop.systemd1.ShuttingDown", "shuts down" },
                { SD_BUS_ERROR_ACCESS_DENIED,
                  "org.freedesktop.systemd1.manage-units with unit = \"a.service\" "
                  "and verb = \"start\"" },
                { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, "may not start unit a.service; allow it" },
                { SD_BUS_ERROR_SERVICE_UNKNOWN, "systemd is not on the system bus" },
                { SD_BUS_ERROR_NO_REPLY, "gave no answer about unit a.service over the system bus: Said by" },
                { "org.example.Odd", "refused to start unit a.service: Said by systemd. (org.example.Odd)" },
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

/* The end of the job is heard before its name. */
static void test_hurried_job(void **state)
{
        struct bus_fixture *fixture = *state;
        struct unit_run run;

        fixture->systemd.hurries = true;
        unit_start(&run, fixture, "a.service");
        unit_expect_end(&run, true, "");
}

static void tell_earlier_job(void *userdata)
{
        fake_tell_removed(userdata, 8, "a.service", "failed");
}

/* What ended in the meantime was an earlier job of the unit. */
static void test_earlier_job(void **state)
{
        struct bus_fixture *fixture = *state;
        struct unit_run run;

        fixture->systemd.on_start = tell_earlier_job;
        fixture->systemd.userdata = &fixture->systemd;
        fixture->systemd.jobs = 8;
        unit_start(&run, fixture, "a.service");
        unit_wait_starts(fixture, 1);
        fake_tell_removed(&fixture->systemd, 9, "a.service", "done");
        unit_expect_end(&run, true, "");
}

static void test_settles(void **state)
{
        struct bus_fixture *fixture = *state;
        const struct unit_change ending = { .active = "deactivating", .result = "success" };
        const struct unit_change failed = {
                .active = "failed", .result = "exit-code", .code = CLD_EXITED, .status = 9
        };
        struct unit_run run;

        unit_start(&run, fixture, "a.service");
        unit_wait_starts(fixture, 1);
        fake_tell_change(&fixture->systemd, "a.service", &ending);
        fake_tell_removed(&fixture->systemd, 1, "a.service", "done");
        fake_tell_change(&fixture->systemd, "a.service", &ending);
        fake_tell_change(&fixture->systemd, "a.service", &failed);
        unit_expect_end(&run, false, "unit a.service failed: it exited with 9");
}

static void test_wrong_name(void **state)
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
                TEST(test_success),     TEST(test_outcomes), TEST(test_refusals),   TEST(test_hurried_job),
                TEST(test_earlier_job), TEST(test_settles),  TEST(test_wrong_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
