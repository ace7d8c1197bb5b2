/* SPDX-License-Identifier: MIT */

/* Handover: another host becomes the active one. */

#include "app/control_state.h"
#include "bus/reply.h"
#include "util/cleanup.h"
#include "util/message.h"

void control_handover(struct bus_call *call)
{
        const struct control *control = bus_call_userdata(call);
        CLEANUP(cleanup_free)
        char *reason = format_message("user %u has asked for a handover", (unsigned)bus_call_uid(call));

        if (control->parts->hand_over(control->parts->userdata, reason))
                bus_call_send(call);
        else
                bus_call_fail(call, BUS_NOT_SUPPORTED, "there is no other host: the state is in a file");
}
