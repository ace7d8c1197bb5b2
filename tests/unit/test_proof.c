/* SPDX-License-Identifier: MIT */

/* When a host may act as the active one. The clock is an argument. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planning/proof.h"

#define START (1000 * USEC_PER_SEC)
#define MS    USEC_PER_MSEC

/* Heartbeats that were begun at `beat` and looked at each second until `now`. */
static struct proof run_until(uint64_t beat_us, uint64_t now_us)
{
        struct proof proof;

        proof_begin(&proof, START, START);
        for (uint64_t at_us = START; at_us < now_us; at_us += USEC_PER_SEC)
                (void)proof_check(&proof, beat_us < at_us ? beat_us : at_us, at_us);
        return proof;
}

static void test_it_lasts_for_five_seconds_after_a_heartbeat(void **state)
{
        const uint64_t beat_us = START + 10 * USEC_PER_SEC, end_us = beat_us + 5 * USEC_PER_SEC;
        struct proof proof = run_until(beat_us, end_us);
        (void)state;

        assert_int_equal(proof_end_us(&proof), end_us);
        assert_int_equal(proof_check(&proof, beat_us, end_us), PROOF_VALID);
        assert_int_equal(proof_check(&proof, beat_us, end_us + 1), PROOF_EXPIRED);
}

/* What counts is when a heartbeat was begun: another host may have taken over since. */
static void test_a_heartbeat_that_took_long_proves_less(void **state)
{
        struct proof proof = run_until(START, START + 5 * USEC_PER_SEC);
        (void)state;

        assert_int_equal(proof_check(&proof, START + 1000 * MS, START + 5900 * MS), PROOF_VALID);
        assert_int_equal(proof_check(&proof, START + 1000 * MS, START + 6001 * MS), PROOF_EXPIRED);
}

static void test_once_expired_it_stays_so(void **state)
{
        struct proof proof = run_until(START, START + 5 * USEC_PER_SEC);
        const uint64_t late_us = START + 6 * USEC_PER_SEC;
        (void)state;

        assert_int_equal(proof_check(&proof, START, late_us), PROOF_EXPIRED);
        assert_int_equal(proof_check(&proof, late_us, late_us + 1), PROOF_EXPIRED);
}

static void test_after_a_freeze_a_heartbeat_is_needed_first(void **state)
{
        struct proof proof = run_until(START, START + 1);
        const uint64_t thaw_us = START + 2001 * MS;
        (void)state;

        assert_int_equal(proof_check(&proof, START, thaw_us), PROOF_RENEWING);
        assert_int_equal(proof_check(&proof, START, thaw_us + 1 * MS), PROOF_RENEWING);
        assert_int_equal(proof_check(&proof, thaw_us - 1, thaw_us + 2 * MS), PROOF_RENEWING);
        assert_int_equal(proof_check(&proof, thaw_us, thaw_us + 3 * MS), PROOF_VALID);
}

static void test_a_loop_that_was_busy_goes_on(void **state)
{
        struct proof proof = run_until(START, START + 1);
        (void)state;

        assert_int_equal(proof_check(&proof, START, START + 2000 * MS), PROOF_VALID);
        assert_int_equal(proof_check(&proof, START, START + 4000 * MS), PROOF_VALID);
}

static void test_a_freeze_that_outlasts_the_proof_ends_it(void **state)
{
        struct proof proof = run_until(START, START + 1);
        (void)state;

        assert_int_equal(proof_check(&proof, START, START + 60 * USEC_PER_SEC), PROOF_EXPIRED);
}

static void test_without_an_answer_after_a_freeze_it_expires(void **state)
{
        struct proof proof = run_until(START, START + 1);
        (void)state;

        for (uint64_t at_us = START + 3000 * MS; at_us <= START + 5000 * MS; at_us += 500 * MS)
                assert_int_equal(proof_check(&proof, START, at_us), PROOF_RENEWING);
        assert_int_equal(proof_check(&proof, START, START + 5001 * MS), PROOF_EXPIRED);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_it_lasts_for_five_seconds_after_a_heartbeat),
                cmocka_unit_test(test_a_heartbeat_that_took_long_proves_less),
                cmocka_unit_test(test_once_expired_it_stays_so),
                cmocka_unit_test(test_after_a_freeze_a_heartbeat_is_needed_first),
                cmocka_unit_test(test_a_loop_that_was_busy_goes_on),
                cmocka_unit_test(test_a_freeze_that_outlasts_the_proof_ends_it),
                cmocka_unit_test(test_without_an_answer_after_a_freeze_it_expires),
        };

        return cmocka_run_group_tests_name("proof", tests, NULL, NULL);
}
