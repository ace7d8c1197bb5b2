/* SPDX-License-Identifier: MIT */

/* Unit hooks on a bus of their own, with somebody who plays systemd. */

#include "bus_fixture.h"

#define ID "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0"

/* Long enough for all that is answered at once, on a loaded machine too. */
#define SHORT_US (250 * USEC_PER_MSEC)

static const struct unit_change success = { .active = "inactive", .result = "success", .code = CLD_EXITED };

struct run {
        struct bus_fixture *fixture;
        struct hook_unit *run; /* NULL once it has ended */
        struct hook_config hook;
        char target[64], name[16];
        unsigned ends;
        bool success;
        char reason[512];
};

static void on_end(void *userdata, const struct hook_end *end)
{
        struct run *run = userdata;

        assert_non_null(end->reason);
        assert_true(end->success || *end->reason != '\0');
        run->ends++;
        run->run = NULL;
        run->success = end->success;
        (void)snprintf(run->reason, sizeof(run->reason), "%s", end->reason);
}

static int try(struct run *run, struct bus_fixture *fixture, const char *target, unsigned attempt,
               char **ret_reason)
{
        *run = (struct run){ .fixture = fixture, .hook = fixture->hook->hook, .name = "mail" };
        (void)snprintf(run->target, sizeof(run->target), "%s", target);
        run->hook.target = run->target;
        run->hook.name = run->name;
        run->hook.retries = 2;
        const struct hook_attempt call = {
                .hook = &run->hook,
                .event = &fixture->hook->told,
                .document = "{}\n",
                .document_size = 3,
                .attempt = attempt,
                .on_end = on_end,
                .userdata = run,
        };
        return hook_unit_start(fixture->bus, &call, ret_reason, &run->run);
}

static void start(struct run *run, struct bus_fixture *fixture, const char *target)
{
        char *reason = NULL;

        assert_int_equal(try(run, fixture, target, 1, &reason), 0);
        assert_null(reason);
        assert_int_equal(run->ends, 0);
}

static void finish(struct run *run)
{
        HOOK_WAIT(run->fixture->hook, run->ends > 0);
        assert_int_equal(run->ends, 1);
}

static void expect_end(struct run *run, bool succeeded, const char *reason)
{
        finish(run);
        assert_string_equal(run->reason, reason);
        assert_int_equal(run->success, succeeded);
}

static void expect_failure(struct run *run, const char *part)
{
        finish(run);
        assert_false(run->success);
        if (strstr(run->reason, part) == NULL)
                fail_msg("\"%s\" is not in \"%s\"", part, run->reason);
}

static void wait_starts(struct bus_fixture *fixture, unsigned starts)
{
        HOOK_WAIT(fixture->hook, fixture->systemd.starts >= starts);
        assert_int_equal(fixture->systemd.starts, starts);
}

/* Its state was asked for; what is told from now on comes after the answer. */
static void wait_looks(struct bus_fixture *fixture)
{
        HOOK_WAIT(fixture->hook, fixture->systemd.looks > 0);
        fixture->systemd.looks = 0;
}

/* Both of its files are there. */
static bool has_files(const struct bus_fixture *fixture)
{
        char path[128];

        (void)snprintf(path, sizeof(path), "%s/events/" ID ".json", fixture->hook->folder);
        bool document = access(path, R_OK) == 0;
        (void)snprintf(path, sizeof(path), "%s/events/" ID ".env", fixture->hook->folder);
        bool variables = access(path, R_OK) == 0;
        assert_int_equal(document, variables);
        return document;
}

/* ---- ends ---- */

static void expect_files(void *userdata)
{
        assert_true(has_files(userdata));
}

static void test_success(void **state)
{
        struct bus_fixture *fixture = *state;
        struct fake_systemd *systemd = &fixture->systemd;
        const struct unit_change at_work = { .active = "activating", .result = "success" };
        struct run run;

        systemd->on_start = expect_files;
        systemd->userdata = fixture;
        start(&run, fixture, "import@%i-%o.service");
        assert_false(has_files(fixture));
        wait_starts(fixture, 1);
        assert_string_equal(systemd->calls, "Subscribe;LoadUnit import@87654321-success.service;"
                                            "StartUnit import@87654321-success.service;");
        fake_tell_change(systemd, "import@87654321-success.service", &at_work);
        fake_tell_removed(systemd, 4711, "other.service", "failed");
        fake_tell_change(systemd, "import@87654321-success.service", &success);
        fake_tell_removed(systemd, 1, "import@87654321-success.service", "done");
        expect_end(&run, true, "");
        assert_false(has_files(fixture));
        assert_int_equal(systemd->cancels, 0);

        /* The connection and the subscription are kept. */
        start(&run, fixture, "b.service");
        wait_starts(fixture, 2);
        fake_tell_removed(systemd, 2, "b.service", "done");
        expect_end(&run, true, "");
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
                struct run run;

                if (outcomes[i].reason != NULL)
                        (void)snprintf(reason, sizeof(reason), "unit a.service %s", outcomes[i].reason);
                start(&run, fixture, "a.service");
                wait_starts(fixture, i + 1);
                fake_tell_change(&fixture->systemd, "a.service", &outcomes[i].change);
                fake_tell_removed(&fixture->systemd, i + 1, "a.service", outcomes[i].job);
                expect_end(&run, outcomes[i].reason == NULL, reason);
                assert_false(has_files(fixture));
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
                struct run run;

                fixture->systemd.error = refusals[i][0];
                start(&run, fixture, "a.service");
                expect_failure(&run, refusals[i][1]);
                assert_false(has_files(fixture));
        }
}

/* The end of the job is heard before its name. */
static void test_hurried_job(void **state)
{
        struct bus_fixture *fixture = *state;
        struct run run;

        fixture->systemd.hurries = true;
        start(&run, fixture, "a.service");
        expect_end(&run, true, "");
}

static void tell_earlier_job(void *userdata)
{
        fake_tell_removed(userdata, 8, "a.service", "failed");
}

/* What ended in the meantime was an earlier job of the unit. */
static void test_earlier_job(void **state)
{
        struct bus_fixture *fixture = *state;
        struct run run;

        fixture->systemd.on_start = tell_earlier_job;
        fixture->systemd.userdata = &fixture->systemd;
        fixture->systemd.jobs = 8;
        start(&run, fixture, "a.service");
        wait_starts(fixture, 1);
        fake_tell_removed(&fixture->systemd, 9, "a.service", "done");
        expect_end(&run, true, "");
}

static void test_settles(void **state)
{
        struct bus_fixture *fixture = *state;
        const struct unit_change ending = { .active = "deactivating", .result = "success" };
        const struct unit_change failed = {
                .active = "failed", .result = "exit-code", .code = CLD_EXITED, .status = 9
        };
        struct run run;

        start(&run, fixture, "a.service");
        wait_starts(fixture, 1);
        fake_tell_change(&fixture->systemd, "a.service", &ending);
        fake_tell_removed(&fixture->systemd, 1, "a.service", "done");
        fake_tell_change(&fixture->systemd, "a.service", &ending);
        fake_tell_change(&fixture->systemd, "a.service", &failed);
        expect_end(&run, false, "unit a.service failed: it exited with 9");
}

static void test_wrong_name(void **state)
{
        struct bus_fixture *fixture = *state;
        struct run run;
        char *reason = NULL;

        assert_int_equal(try(&run, fixture, "a@%n.service", 1, &reason), -EINVAL);
        assert_non_null(strstr(reason, "has no name"));
        free(reason);
        assert_null(run.run);
}

/* ---- time ---- */

static void test_timeout(void **state)
{
        struct bus_fixture *fixture = *state;
        struct run run;
        char *reason = NULL;

        fixture->hook->hook.timeout_us = SHORT_US;
        for (unsigned attempt = 1; attempt <= 3; attempt++) {
                assert_int_equal(try(&run, fixture, "a.service", attempt, &reason), 0);
                expect_failure(&run,
                               "unit a.service did not end within 250ms, the timeout = of the hook; it is "
                               "not stopped");
                /* What is still at work may read them, until the delivery is given up. */
                assert_int_equal(has_files(fixture), attempt < 3);
                HOOK_WAIT(fixture->hook, fixture->systemd.cancels == attempt);
                wait_starts(fixture, attempt);
        }
        assert_non_null(strstr(fixture->systemd.calls, "Cancel /org/freedesktop/systemd1/job/3;"));
}

/* What succeeds after its time-out is not started again, whatever it is called. */
static void test_late_success(void **state)
{
        struct bus_fixture *fixture = *state;
        struct fake_systemd *systemd = &fixture->systemd;
        const struct unit_change failed = {
                .active = "failed", .result = "exit-code", .code = CLD_EXITED, .status = 1
        };
        struct run run, marker;
        char *reason = NULL;

        fixture->hook->hook.timeout_us = SHORT_US;
        start(&run, fixture, "a.service");
        expect_failure(&run, "did not end within 250ms");

        /* Still at work at the second attempt. */
        systemd->active = "activating";
        assert_int_equal(try(&run, fixture, "a.service", 2, &reason), 0);
        expect_failure(&run, "is at work from an earlier start");
        assert_true(has_files(fixture));

        /* At the third it has ended. What another hook or event gets is not touched by it. */
        systemd->active = "inactive";
        fake_tell_change(systemd, "a.service", &success);
        fixture->hook->hook.timeout_us = LONG_US;
        start(&marker, fixture, "b.service");
        wait_starts(fixture, 2);
        fake_tell_removed(systemd, 2, "b.service", "done");
        expect_end(&marker, true, "");
        assert_int_equal(try(&run, fixture, "a.service", 3, &reason), 0);
        assert_int_equal(run.ends, 0);
        expect_end(&run, true, "");
        assert_false(has_files(fixture));
        assert_int_equal(systemd->starts, 2);

        /* Told once: a new start is one. And what fails after its time-out is started again. */
        fixture->hook->hook.timeout_us = SHORT_US;
        start(&run, fixture, "a.service");
        expect_failure(&run, "did not end within 250ms");
        fake_tell_change(systemd, "a.service", &failed);
        fixture->hook->hook.timeout_us = LONG_US;
        start(&marker, fixture, "b.service");
        wait_starts(fixture, 4);
        fake_tell_removed(systemd, 4, "b.service", "done");
        expect_end(&marker, true, "");
        assert_int_equal(try(&run, fixture, "a.service", 2, &reason), 0);
        wait_starts(fixture, 5);
        fake_tell_change(systemd, "a.service", &success);
        fake_tell_removed(systemd, 5, "a.service", "done");
        expect_end(&run, true, "");
}

static void test_timeout_of_systemd(void **state)
{
        struct bus_fixture *fixture = *state;
        struct run run;

        fixture->hook->hook.timeout_us = SHORT_US;
        assert_true(sd_bus_detach_event(fixture->systemd.bus) >= 0); /* it sleeps */
        start(&run, fixture, "a.service");
        expect_failure(&run, "systemd gave no answer about unit a.service in 250ms");
        assert_false(has_files(fixture));
}

/* ---- units that are at work ---- */

static void test_busy(void **state)
{
        struct bus_fixture *fixture = *state;
        struct fake_systemd *systemd = &fixture->systemd;
        const struct unit_change at_work = { .active = "active", .result = "success" };
        struct run run;

        systemd->active = "activating";
        systemd->sub = "start";
        start(&run, fixture, "a.service");
        wait_looks(fixture);
        fake_tell_change(systemd, "a.service", &at_work);
        fake_tell_removed(systemd, 4710, "a.service", "done");
        for (unsigned i = 0; i < 20; i++)
                assert_true(sd_event_run(fixture->hook->event, 1000) >= 0);
        assert_int_equal(systemd->starts, 0);
        fake_tell_change(systemd, "a.service", &success);
        wait_starts(fixture, 1);
        fake_tell_change(systemd, "a.service", &success);
        fake_tell_removed(systemd, 1, "a.service", "done");
        expect_end(&run, true, "");

        fixture->hook->hook.timeout_us = SHORT_US;
        start(&run, fixture, "a.service");
        expect_end(&run, false,
                   "unit a.service is at work from an earlier start and did not end within 250ms, "
                   "so it was not started again");
        assert_int_equal(systemd->starts, 1);
        assert_false(has_files(fixture));
}

/* With %e in its name, what is at work can only be about this event. */
static void test_busy_with_event(void **state)
{
        struct bus_fixture *fixture = *state;
        struct fake_systemd *systemd = &fixture->systemd;
        const struct unit_change failed = {
                .active = "failed", .result = "exit-code", .code = CLD_EXITED, .status = 1
        };
        const char *unit = "a@0f1e2d3c\\x2d4b5a\\x2d4978\\x2d8695\\x2da4b3c2d1e0f0.service";
        struct run run;

        systemd->active = "activating";
        start(&run, fixture, "a@%e.service");
        wait_looks(fixture);
        fake_tell_change(systemd, unit, &success);
        expect_end(&run, true, "");
        assert_int_equal(systemd->starts, 0);

        systemd->calls[0] = '\0';
        start(&run, fixture, "a@%e.service");
        wait_looks(fixture);
        fake_tell_change(systemd, unit, &failed);
        wait_starts(fixture, 1);
        fake_tell_change(systemd, unit, &success);
        fake_tell_removed(systemd, 1, unit, "done");
        expect_end(&run, true, "");

        systemd->active = "active";
        systemd->sub = "exited";
        start(&run, fixture, "a@%e.service");
        expect_end(&run, true, "");
        start(&run, fixture, "a@%i.service");
        expect_failure(&run, "is up since an earlier start and so cannot be started; remove its "
                             "RemainAfterExit=yes, or write %e into its name");
        assert_int_equal(systemd->starts, 1);
}

static void test_target_that_is_up(void **state)
{
        struct bus_fixture *fixture = *state;
        struct run run;

        fixture->systemd.active = "active";
        start(&run, fixture, "a.target");
        wait_starts(fixture, 1);
        fake_tell_removed(&fixture->systemd, 1, "a.target", "done");
        expect_end(&run, true, "");
}

static void test_turns(void **state)
{
        struct bus_fixture *fixture = *state;
        struct fake_systemd *systemd = &fixture->systemd;
        struct run first, second, third, other;

        start(&first, fixture, "a.service");
        start(&second, fixture, "a.service");
        start(&third, fixture, "a.service");
        start(&other, fixture, "b.service");
        wait_starts(fixture, 2);
        assert_string_equal(systemd->calls, "Subscribe;LoadUnit a.service;LoadUnit b.service;"
                                            "StartUnit a.service;StartUnit b.service;");
        fake_tell_removed(systemd, 1, "a.service", "failed");
        expect_failure(&first, "unit a.service failed");
        assert_null(hook_unit_cancel(second.run)); /* while it looks */
        wait_starts(fixture, 3);
        assert_int_equal(third.ends, 0);
        fake_tell_removed(systemd, 3, "a.service", "done");
        expect_end(&third, true, "");
        assert_int_equal(other.ends, 0);
        fake_tell_removed(systemd, 2, "b.service", "done");
        expect_end(&other, true, "");
        assert_int_equal(second.ends, 0);
}

static void test_cancel(void **state)
{
        struct bus_fixture *fixture = *state;
        struct run run;

        start(&run, fixture, "a.service");
        assert_null(hook_unit_cancel(run.run));
        start(&run, fixture, "a.service");
        wait_starts(fixture, 1);
        assert_null(hook_unit_cancel(run.run));
        assert_null(hook_unit_cancel(NULL));

        /* The answer to the first may be on its way; one whose job is known is cancelled. */
        start(&run, fixture, "b.service");
        wait_starts(fixture, 2);
        fake_tell_removed(&fixture->systemd, 2, "b.service", "done");
        expect_end(&run, true, "");
        start(&run, fixture, "a.service");
        wait_starts(fixture, 3);
        struct run marker; /* whose end says that the answer before was read */
        start(&marker, fixture, "b.service");
        wait_starts(fixture, 4);
        fake_tell_removed(&fixture->systemd, 4, "b.service", "done");
        expect_end(&marker, true, "");
        assert_null(hook_unit_cancel(run.run));
        HOOK_WAIT(fixture->hook, fixture->systemd.cancels == 1);
        assert_int_equal(run.ends, 0);

        /* Files of what may be at work stay; the next daemon removes them. */
        assert_null(hook_bus_free(fixture->bus));
        assert_int_equal(hook_bus_new(&fixture->hook->context, &fixture->bus), 0);
        assert_false(has_files(fixture));
}

/* ---- the bus ---- */

static void test_bus_lost(void **state)
{
        struct bus_fixture *fixture = *state;
        struct run run, other, same;
        char *reason = NULL;

        start(&run, fixture, "a.service");
        wait_starts(fixture, 1);
        struct run marker;
        start(&marker, fixture, "b.service");
        wait_starts(fixture, 2);
        fake_tell_removed(&fixture->systemd, 2, "b.service", "done");
        expect_end(&marker, true, "");
        fake_disconnect(fixture);
        bus_kill(fixture);
        expect_end(&run, false,
                   "the connection to the system bus was lost while unit a.service was under way, "
                   "so what became of it is not known");

        /* While it is away, attempts fail with a reason. */
        assert_true(try(&run, fixture, "a.service", 1, &reason) < 0);
        assert_non_null(strstr(reason, "the system bus, which starts units, cannot be reached"));
        free(reason);

        bus_begin(fixture);
        fake_connect(fixture);
        fixture->systemd.calls[0] = '\0';
        start(&run, fixture, "a.service");
        start(&same, fixture, "a.service");
        wait_starts(fixture, 3);
        assert_string_equal(fixture->systemd.calls, "Subscribe;LoadUnit a.service;StartUnit a.service;");
        fake_tell_removed(&fixture->systemd, 3, "a.service", "done");
        expect_end(&run, true, "");
        wait_starts(fixture, 4);

        /* Lost again, and noticed by the next start and not by the loop. */
        fake_disconnect(fixture);
        bus_kill(fixture);
        bus_begin(fixture);
        fake_connect(fixture);
        start(&other, fixture, "c.service");
        expect_failure(&same, "the connection to the system bus was lost while unit a.service");
        wait_starts(fixture, 5);
        fake_tell_removed(&fixture->systemd, 5, "c.service", "done");
        expect_end(&other, true, "");
}

static void test_no_systemd(void **state)
{
        struct bus_fixture *fixture = *state;
        struct run run;

        fake_disconnect(fixture);
        start(&run, fixture, "a.service");
        expect_failure(&run,
                       "the unit a.service cannot be started: systemd does not answer on the system bus: ");

        /* It comes. */
        fake_connect(fixture);
        start(&run, fixture, "a.service");
        wait_starts(fixture, 1);
        fake_tell_removed(&fixture->systemd, 1, "a.service", "done");
        expect_end(&run, true, "");

        /* It goes while nothing is under way. */
        fake_disconnect(fixture);
        start(&run, fixture, "a.service");
        expect_end(&run, false, "unit a.service cannot be started: systemd is not on the system bus");
}

static void test_no_subscription(void **state)
{
        struct bus_fixture *fixture = *state;
        struct run run;

        fixture->systemd.refuses_subscribers = true;
        start(&run, fixture, "a.service");
        expect_failure(&run, "systemd does not answer on the system bus: Too many.");
        assert_int_equal(fixture->systemd.starts, 0);

        fixture->systemd.refuses_subscribers = false;
        start(&run, fixture, "a.service");
        wait_starts(fixture, 1);
        fake_tell_removed(&fixture->systemd, 1, "a.service", "done");
        expect_end(&run, true, "");
}

static void test_nothing_leaks(void **state)
{
        struct bus_fixture *fixture = *state;
        unsigned open = 0;

        fixture->systemd.hurries = true;
        for (unsigned i = 0; i < 200; i++) {
                struct run run;

                fixture->systemd.error = i % 3 == 1 ? "org.freedesktop.systemd1.NoSuchUnit" : NULL;
                start(&run, fixture, "a@%e.service");
                finish(&run);
                assert_int_equal(run.success, i % 3 != 1);
                fixture->systemd.calls[0] = '\0';
                if (i == 10)
                        open = hook_open_descriptors();
        }
        assert_int_equal(hook_open_descriptors(), open);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_success, bus_setup, bus_teardown),
                cmocka_unit_test_setup_teardown(test_outcomes, bus_setup, bus_teardown),
                cmocka_unit_test_setup_teardown(test_refusals, bus_setup, bus_teardown),
                cmocka_unit_test_setup_teardown(test_hurried_job, bus_setup, bus_teardown),
                cmocka_unit_test_setup_teardown(test_earlier_job, bus_setup, bus_teardown),
                cmocka_unit_test_setup_teardown(test_settles, bus_setup, bus_teardown),
                cmocka_unit_test_setup_teardown(test_wrong_name, bus_setup, bus_teardown),
                cmocka_unit_test_setup_teardown(test_timeout, bus_setup, bus_teardown),
                cmocka_unit_test_setup_teardown(test_late_success, bus_setup, bus_teardown),
                cmocka_unit_test_setup_teardown(test_timeout_of_systemd, bus_setup, bus_teardown),
                cmocka_unit_test_setup_teardown(test_busy, bus_setup, bus_teardown),
                cmocka_unit_test_setup_teardown(test_busy_with_event, bus_setup, bus_teardown),
                cmocka_unit_test_setup_teardown(test_target_that_is_up, bus_setup, bus_teardown),
                cmocka_unit_test_setup_teardown(test_turns, bus_setup, bus_teardown),
                cmocka_unit_test_setup_teardown(test_cancel, bus_setup, bus_teardown),
                cmocka_unit_test_setup_teardown(test_bus_lost, bus_setup, bus_teardown),
                cmocka_unit_test_setup_teardown(test_no_systemd, bus_setup, bus_teardown),
                cmocka_unit_test_setup_teardown(test_no_subscription, bus_setup, bus_teardown),
                cmocka_unit_test_setup_teardown(test_nothing_leaks, bus_setup, bus_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
