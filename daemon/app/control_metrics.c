/* SPDX-License-Identifier: MIT */

/* Metrics: what each part has counted. Nothing is read from the state, so they are there if its disk hangs.
 */

#include <stdlib.h>

#include "app/control_state.h"
#include "app/metrics.h"
#include "bus/reply.h"
#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/memory.h"

static char *standby_metrics_text(const struct parts *parts)
{
        const struct standby_facts facts = parts->describe_standby(parts->userdata);

        return metrics_text_of_standby(parts->options->instance, &facts, clock_wall_us());
}

char *control_metrics_text(const struct parts *parts)
{
        if (parts->describe_standby != NULL)
                return standby_metrics_text(parts);

        size_t max = parts->config->hook_count;
        CLEANUP(cleanup_free) struct hook_counts *hooks = memory_malloc(NULL, (max + 1) * sizeof(*hooks));
        const struct metrics_facts facts = {
                .instance = parts->options->instance,
                .status = parts->describe(parts->userdata),
                .requests = monitor_request_counts(parts->monitor),
                .events = recorder_event_counts(parts->recorder),
                .hooks = hooks,
                .hook_count = outbox_count_hooks(parts->outbox, hooks, max),
                .state_bytes = state_used_bytes(parts->state),
                .commits = state_commit_durations(parts->state),
        };

        return metrics_text(&facts);
}

void control_metrics(struct bus_call *call)
{
        const struct control *control = bus_call_userdata(call);
        CLEANUP(cleanup_free) char *text = control_metrics_text(control->parts);

        bus_reply_string(call, text);
        bus_call_send(call);
}
