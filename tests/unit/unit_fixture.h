/* SPDX-License-Identifier: MIT */

#pragma once

/* Runs of unit hooks on a private bus with a fake systemd: starting them and waiting for their results. */

#include "bus_fixture.h"

#define UNIT_EVENT_ID "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0"

/* Long enough for everything the fake replies to at once, even on a loaded machine. */
#define UNIT_SHORT_US (1 * USEC_PER_SEC)

static const struct unit_change unit_success = { .active = "inactive",
                                                 .result = "success",
                                                 .code = CLD_EXITED };

struct unit_run {
        struct bus_fixture *fixture;
        struct unit_run *run; /* NULL once it has ended */
        struct hook_config hook;
        char target[64], name[16];
        unsigned ends;
        bool success;
        char reason[512];
};

static inline void unit_on_end(void *userdata, const struct hook_end *end)
{
        struct unit_run *run = userdata;

        assert_non_null(end->reason);
        assert_true(end->success || *end->reason != '\0');
        run->ends++;
        run->run = NULL;
        run->success = end->success;
        (void)snprintf(run->reason, sizeof(run->reason), "%s", end->reason);
}

static inline int unit_try(struct unit_run *run, struct bus_fixture *fixture, const char *target,
                           unsigned attempt, char **ret_reason)
{
        *run = (struct unit_run){ .fixture = fixture, .hook = fixture->hook->hook };
        (void)snprintf(run->name, sizeof(run->name), "%s",
                       fixture->hook_name != NULL ? fixture->hook_name : "mail");
        (void)snprintf(run->target, sizeof(run->target), "%s", target);
        run->hook.target = run->target;
        run->hook.name = run->name;
        run->hook.retries = 2;
        const struct hook_attempt call = {
                .hook = &run->hook,
                .event = &fixture->hook->sample,
                .document = "{}\n",
                .attempt = attempt,
                .on_end = unit_on_end,
                .userdata = run,
        };
        return hook_unit_start(fixture->unit_hooks, &call, ret_reason, &run->run);
}

static inline void unit_start(struct unit_run *run, struct bus_fixture *fixture, const char *target)
{
        char *reason = NULL;

        assert_int_equal(unit_try(run, fixture, target, 1, &reason), 0);
        assert_null(reason);
        assert_int_equal(run->ends, 0);
}

static inline void unit_finish(struct unit_run *run)
{
        HOOK_WAIT(run->fixture->hook, run->ends > 0);
        assert_int_equal(run->ends, 1);
}

static inline void unit_expect_end(struct unit_run *run, bool succeeded, const char *reason)
{
        unit_finish(run);
        assert_string_equal(run->reason, reason);
        assert_int_equal(run->success, succeeded);
}

static inline void unit_expect_failure(struct unit_run *run, const char *part)
{
        unit_finish(run);
        assert_false(run->success);
        if (strstr(run->reason, part) == NULL)
                fail_msg("\"%s\" is not in \"%s\"", part, run->reason);
}

static inline void unit_wait_starts(struct bus_fixture *fixture, unsigned starts)
{
        HOOK_WAIT(fixture->hook, fixture->systemd.starts >= starts);
        assert_int_equal(fixture->systemd.starts, starts);
}

/* Waits for GetAll. What is sent from now on arrives after its reply. */
static inline void unit_wait_checks(struct bus_fixture *fixture)
{
        HOOK_WAIT(fixture->hook, fixture->systemd.checks > 0);
        fixture->systemd.checks = 0;
}

/* Whether both of its files exist. */
static inline bool unit_has_files(const struct bus_fixture *fixture)
{
        char path[128];

        (void)snprintf(path, sizeof(path), "%s/events/" UNIT_EVENT_ID ".json", fixture->hook->directory);
        bool document = access(path, R_OK) == 0;
        (void)snprintf(path, sizeof(path), "%s/events/" UNIT_EVENT_ID ".env", fixture->hook->directory);
        bool variables = access(path, R_OK) == 0;
        assert_int_equal(document, variables);
        return document;
}
