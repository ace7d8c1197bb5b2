/* SPDX-License-Identifier: MIT */

/*
 * What is different on a host that stands by. What is recorded can be read there; what changes something, or
 * asks the API, is for the active host to do.
 */

#include <stdlib.h>

#include "app/control_state.h"
#include "app/status_text.h"
#include "bus/reply.h"
#include "util/cleanup.h"
#include "util/message.h"
#include "version.h"

void standby_get_status(struct bus_call *call)
{
        const struct control *control = bus_call_userdata(call);
        const struct standby_facts facts = control->parts->describe_standby(control->parts->userdata);
        CLEANUP(cleanup_free) char *text = standby_text(&facts);
        CLEANUP(cleanup_free) char *problem = NULL;
        char *problems[] = { NULL, NULL };

        if (facts.error != NULL)
                problems[0] = problem = format_message("The database cannot be used: %s.", facts.error);
        else if (facts.is_known && !standby_sees_active_host(&facts))
                problems[0] = problem = format_message("No host is active.");
        else if (facts.difference != NULL)
                problems[0] = problem = format_message("The configuration differs from that of %s: %s.",
                                                       facts.host.name, facts.difference);
        bus_row_begin(call);
        bus_put_string(call, "Version", JOBWATCH_VERSION);
        bus_put_string(call, "Instance", control->parts->options->instance);
        bus_put_number(call, "StartedUSec", control->started_us);
        bus_put_string(call, "Role", "standby");
        if (standby_sees_active_host(&facts)) {
                bus_put_string(call, "ActiveHost", facts.host.name);
                bus_put_number(call, "ActiveSinceUSec", facts.host.since_us);
        }
        bus_put_string(call, "StateError", facts.error);
        bus_put_string(call, "Text", text);
        bus_put_strings(call, "Problems", problems);
        bus_row_end(call);
        bus_call_send(call);
}

void standby_refuse(struct bus_call *call)
{
        const struct control *control = bus_call_userdata(call);
        const struct standby_facts facts = control->parts->describe_standby(control->parts->userdata);

        if (standby_sees_active_host(&facts))
                bus_call_fail(call, BUS_STANDBY, "this host stands by; %s is active, do it there",
                              facts.host.name);
        else
                bus_call_fail(call, BUS_STANDBY, "this host stands by, and no host is active; try again");
}
