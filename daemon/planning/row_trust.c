/* SPDX-License-Identifier: MIT */

/*
 * Confirmations cost a request a row, and thousands of jobs may change at once. So while many wait, rows are
 * believed that are as complete as those that were confirmed before.
 */

#include "planning/row_trust.h"

#include "util/timespan.h"

/* So many confirmations in a row must have been equal. */
#define EQUAL_LEAST 20

/* Up to so many that wait are made. */
#define WAITING_MAX 50

/* One in so many is confirmed even then. */
#define SAMPLE 20

#define DISTRUST_US USEC_PER_HOUR

void row_trust_note(struct row_trust *trust, enum row_match match, size_t result_size, uint64_t now_us)
{
        switch (match) {
        case ROW_EQUAL:
                if (trust->equal < EQUAL_LEAST)
                        trust->equal++;
                if (trust->longest < result_size)
                        trust->longest = result_size;
                break;
        case ROW_OLDER:
                break;
        case ROW_WRONG:
                *trust = (struct row_trust){ .not_before_us = now_us + DISTRUST_US };
                break;
        }
}

bool row_trust_believes(const struct row_trust *trust, size_t waiting, bool has_result, size_t result_size,
                        uint64_t now_us)
{
        return waiting > WAITING_MAX && trust->equal >= EQUAL_LEAST && now_us >= trust->not_before_us &&
               has_result && result_size <= trust->longest;
}

bool row_trust_samples(uint64_t random)
{
        return random % SAMPLE == 0;
}
