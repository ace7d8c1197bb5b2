/* SPDX-License-Identifier: MIT */

/* Login: the API is asked for tokens, and its answer is the reply. */

#include <errno.h>

#include "app/control_state.h"
#include "bus/reply.h"
#include "monitor/login.h"

static void on_login(void *userdata, enum login_outcome outcome, const char *explanation)
{
        struct bus_call *call = userdata;
        const struct control *control = bus_call_userdata(call);
        struct journal *journal = control->parts->journal;
        uid_t uid = bus_call_uid(call);
        const struct journal_delivery asked = { .uid = &uid };

        switch (outcome) {
        case LOGIN_SUCCEEDED:
                journal_print_delivery(journal, LOG_NOTICE, NULL, &asked,
                                       "Signed in to the API, by a login of user %u.", (unsigned)uid);
                bus_call_send(call);
                break;
        case LOGIN_REFUSED:
        case LOGIN_WITHOUT_CODE:
                journal_print_delivery(journal, LOG_NOTICE, NULL, &asked,
                                       "The API has refused a login by user %u: %s.", (unsigned)uid,
                                       explanation);
                bus_call_fail(call, outcome == LOGIN_REFUSED ? BUS_SIGN_IN_REFUSED : BUS_CODE_REQUIRED,
                              "the API has refused the login: %s", explanation);
                break;
        case LOGIN_FAILED:
                bus_call_fail(call, BUS_API_UNAVAILABLE, "the API cannot be asked: %s", explanation);
                break;
        }
}

void control_login(struct bus_call *call)
{
        const struct control *control = bus_call_userdata(call);
        const struct bus_login *arguments = &bus_call_arguments(call)->login;
        const struct token_login credentials = {
                .username = arguments->username,
                .password = arguments->password,
                .code = arguments->code,
        };

        int r = monitor_login(control->parts->monitor, &credentials, on_login, call);
        if (r == -EOPNOTSUPP)
                bus_call_fail(call, BUS_NOT_SUPPORTED, "a login needs auth = login in the configuration");
        else if (r == -EBUSY)
                bus_call_fail(call, BUS_BUSY, "another login is in progress");
        else if (r < 0)
                bus_call_fail(call, BUS_API_UNAVAILABLE, "the service is stopping");
}
