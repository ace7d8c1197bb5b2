/* SPDX-License-Identifier: MIT */
#pragma once

/* How a login has ended: see login.h. */

enum login_outcome {
        LOGIN_SUCCEEDED,
        LOGIN_REFUSED,      /* user name, password or code are wrong */
        LOGIN_WITHOUT_CODE, /* the same without a code: perhaps the account requires one */
        LOGIN_FAILED,       /* the API could not be asked */
};

/* `explanation`: what the API says, or why it could not be asked. One line, borrowed. */
typedef void (*login_handler)(void *userdata, enum login_outcome outcome, const char *explanation);
