/* SPDX-License-Identifier: MIT */
#pragma once

/* The hostile server of fuzz_server.c: what it answers, made of the bytes of an input. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../unit/loopback.h"

/* The account has the jobs 1 to 3. */
#define ANSWER_JOBS 3

struct answer_input {
        const uint8_t *at, *end;
};

/* From then on each request gets a good answer: all jobs are completed. */
static inline bool answer_input_has_ended(const struct answer_input *input)
{
        return input->at == input->end;
}

/* A loopback_handler; the userdata is a struct answer_input. */
void answer_request(struct loopback_peer *peer, const char *head, const char *body, void *userdata);

/* Not inlined, so that the trace says which line it was. */
__attribute__((noinline)) static void check(bool condition)
{
        if (!condition)
                abort();
}
