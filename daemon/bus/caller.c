/* SPDX-License-Identifier: MIT */

/*
 * The uid comes from the bus, the permission from polkit, which may ask the user for a password first.
 * sd_bus_query_sender_creds() and the like are not used: they wait for the bus.
 */

#include "bus/caller.h"

#include <unistd.h>

#include "bus/reply.h"
#include "util/timespan.h"

/* A person may have to type a password. */
#define POLKIT_TIMEOUT_US (5 * USEC_PER_MIN)

#define POLKIT_ALLOW_USER_INTERACTION 1U

static int on_polkit(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct bus_call *call = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(message);
        int authorized = 0, challenge = 0;

        call->question = sd_bus_slot_unref(call->question);
        call->asks_polkit = false;
        if (error != NULL)
                bus_call_fail(call, BUS_ACCESS_DENIED, "polkit could not be asked for permission: %s",
                              error->message != NULL ? error->message : error->name);
        else if (sd_bus_message_enter_container(message, SD_BUS_TYPE_STRUCT, "bba{ss}") < 0 ||
                 sd_bus_message_read(message, "bb", &authorized, &challenge) < 0)
                bus_call_fail(call, BUS_ACCESS_DENIED, "polkit sent an unexpected reply");
        else if (authorized)
                bus_call_begin(call);
        else if (challenge)
                bus_call_fail(call, BUS_INTERACTIVE_AUTHORIZATION_REQUIRED, "a password is required");
        else
                bus_call_fail(call, BUS_ACCESS_DENIED, "not permitted by polkit (%s)", call->action);
        return 0;
}

static int ask_polkit(struct bus_call *call)
{
        sd_bus *bus = sd_bus_message_get_bus(call->message);
        bool interactive = sd_bus_message_get_allow_interactive_authorization(call->message) > 0;
        sd_bus_message *question = NULL;

        int r = sd_bus_message_new_method_call(bus, &question, POLKIT_NAME,
                                               "/org/freedesktop/PolicyKit1/Authority",
                                               POLKIT_NAME ".Authority", "CheckAuthorization");
        if (r >= 0)
                r = sd_bus_message_append(question, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                                          sd_bus_message_get_sender(call->message), call->action, 0,
                                          interactive ? POLKIT_ALLOW_USER_INTERACTION : 0U, "");
        if (r >= 0)
                r = sd_bus_call_async(bus, &call->question, question, on_polkit, call, POLKIT_TIMEOUT_US);
        sd_bus_message_unref(question);
        return r;
}

static int on_uid(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct bus_call *call = userdata;

        call->question = sd_bus_slot_unref(call->question);
        if (sd_bus_message_is_method_error(message, NULL) > 0 ||
            sd_bus_message_read(message, "u", &call->uid) < 0) {
                bus_call_fail(call, BUS_ACCESS_DENIED, "the bus does not know the caller");
                return 0;
        }
        if (call->uid == 0 || call->uid == geteuid()) {
                bus_call_begin(call);
                return 0;
        }
        if (bus_calls_count_asking(call) >= BUS_CALLS_ASKING) {
                bus_call_fail(call, BUS_BUSY,
                              "%d calls of this user wait for permission; wait for one of them",
                              BUS_CALLS_ASKING);
                return 0;
        }
        call->asks_polkit = true;
        int r = ask_polkit(call);
        if (r < 0)
                bus_call_fail(call, BUS_FAILED, "polkit cannot be asked for permission");
        return 0;
}

void bus_caller_check(struct bus_call *call)
{
        int r = sd_bus_call_method_async(sd_bus_message_get_bus(call->message), &call->question,
                                         "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                         "org.freedesktop.DBus", "GetConnectionUnixUser", on_uid, call, "s",
                                         sd_bus_message_get_sender(call->message));
        if (r < 0)
                bus_call_fail(call, BUS_FAILED, "the bus cannot be asked for the caller");
}
