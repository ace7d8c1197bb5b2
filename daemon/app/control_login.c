/* SPDX-License-Identifier: MIT */

/* Login: the API is asked for tokens, and its answer is the reply. */

#include <errno.h>
#include <stdlib.h>

#include "app/control_state.h"
#include "bus/reply.h"
#include "monitor/login.h"
#include "util/memory.h"

struct login_call {
        const struct control *control;
        struct bus_call *call;
};

static void on_login(void *userdata, enum login_outcome outcome, const char *explanation)
{
        struct login_call *login = userdata;
        struct journal *journal = login->control->parts.journal;
        uid_t uid = bus_call_uid(login->call);
        const struct journal_delivery asked = { .uid = &uid };

        switch (outcome) {
        case LOGIN_SUCCEEDED:
                journal_print_delivery(journal, LOG_NOTICE, NULL, &asked,
                                       "Signed in to the API, by a login of user %u.", (unsigned)uid);
                bus_call_send(login->call);
                break;
        case LOGIN_REFUSED:
        case LOGIN_WITHOUT_CODE:
                journal_print_delivery(journal, LOG_NOTICE, NULL, &asked,
                                       "The API has refused a login by user %u: %s.", (unsigned)uid,
                                       explanation);
                bus_call_fail(login->call, outcome == LOGIN_REFUSED ? BUS_SIGN_IN_REFUSED : BUS_CODE_REQUIRED,
                              "the API has refused the login: %s", explanation);
                break;
        case LOGIN_FAILED:
                bus_call_fail(login->call, BUS_API_UNAVAILABLE, "the API cannot be asked: %s", explanation);
                break;
        }
        free(login);
}

void control_login(void *userdata, struct bus_call *call, const struct bus_login *arguments)
{
        const struct control *control = userdata;
        struct login_call *login = memory_malloc(NULL, sizeof(*login));
        const struct token_login credentials = {
                .username = arguments->username,
                .password = arguments->password,
                .code = arguments->code,
        };

        *login = (struct login_call){ control, call };
        int r = monitor_login(control->parts.monitor, &credentials, on_login, login);
        if (r >= 0)
                return;
        if (r == -EOPNOTSUPP)
                bus_call_fail(call, BUS_NOT_SUPPORTED, "a login needs auth = login in the configuration");
        else if (r == -EBUSY)
                bus_call_fail(call, BUS_BUSY, "another login is in progress");
        else
                bus_call_fail(call, BUS_API_UNAVAILABLE, "the service is stopping");
        free(login);
}
