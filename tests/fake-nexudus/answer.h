/* SPDX-License-Identifier: MIT */
#pragma once

#include "exchange.h"

/* The answer of an endpoint. Zeroed, it is an error 500. */
struct answer {
        unsigned status;
        struct buffer body;
        const char *content_type; /* NULL: JSON if there is a body */
        uint64_t retry_after;     /* seconds; 0: none */
        size_t fill_at;           /* offset in the body at which a fault's oversize is inserted; 0: none */
        bool waits;               /* the request was suspended and is handled again later */
};

/* An error with {"Message":…}. */
void answer_refuse(struct answer *answer, unsigned status, const char *message);

/* Sends it, modified by the fault of the exchange. Takes ownership of its body. */
enum MHD_Result answer_send(struct exchange *exchange, struct answer *answer);
