/* SPDX-License-Identifier: MIT */
#pragma once

#include "exchange.h"

/* What an endpoint says. Zeroed, it says nothing, which is an error 500. */
struct answer {
        unsigned status;
        struct buffer body;
        const char *content_type; /* NULL: JSON, when there is a body */
        uint64_t retry_after;     /* seconds; 0: none */
        size_t fill_at;           /* where in the body a fault's oversize is filled in; 0: nowhere */
        bool waits;               /* the request was suspended; it is asked again later */
};

/* An error with {"Message":…}. */
void answer_refuse(struct answer *answer, unsigned status, const char *message);

/* Sends it as the exchange's fault says; takes its body over. */
enum MHD_Result answer_send(struct exchange *exchange, struct answer *answer);
