/* SPDX-License-Identifier: MIT */

/* The circuit breaker through outages. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planning/breaker.h"
#include "random.h"
#include "util/timespan.h"

#define CAP (2 * USEC_PER_MIN)

/* The probe if one is in flight, otherwise a request from before the outage. */
static bool failed(struct breaker *breaker, enum outage outage, uint64_t now_us, uint64_t retry_after_us)
{
        return breaker_failed(breaker, outage, breaker->probing, now_us, retry_after_us, CAP, UINT64_MAX / 3);
}

static bool late_failed(struct breaker *breaker, enum outage outage, uint64_t now_us, uint64_t retry_after_us)
{
        return breaker_failed(breaker, outage, false, now_us, retry_after_us, CAP, UINT64_MAX / 3);
}

static bool succeeded(struct breaker *breaker, uint64_t now_us, uint64_t *ret_lasted_us)
{
        return breaker_succeeded(breaker, breaker->probing, now_us, ret_lasted_us);
}

static void test_closed_allows_every_request(void **state)
{
        struct breaker breaker = BREAKER_INITIAL;
        uint64_t lasted_us = 42;
        (void)state;

        assert_true(breaker_allows(&breaker, 0));
        assert_true(breaker_next(&breaker, 1000) == 1000);
        breaker_started(&breaker);
        assert_true(breaker_allows(&breaker, 0)); /* any number of requests */
        assert_false(succeeded(&breaker, 5, &lasted_us));
        assert_int_equal(lasted_us, 42);
}

static void test_one_probe_at_a_time(void **state)
{
        struct breaker breaker = BREAKER_INITIAL;
        uint64_t now = 100 * USEC_PER_SEC;
        (void)state;

        breaker_started(&breaker);
        assert_true(failed(&breaker, OUTAGE_UNREACHABLE, now, 0));

        uint64_t resume = breaker_next(&breaker, now);
        assert_in_range(resume - now, USEC_PER_SEC / 2, 2 * USEC_PER_SEC);
        assert_false(breaker_allows(&breaker, resume - 1));
        assert_true(breaker_allows(&breaker, resume));

        breaker_started(&breaker);
        assert_false(breaker_allows(&breaker, resume));
        assert_false(breaker_allows(&breaker, USEC_NEVER));
        assert_true(breaker_next(&breaker, resume) == USEC_NEVER);

        /* A cancelled probe is no evidence, and another one may start. */
        breaker_cancelled(&breaker, true);
        assert_true(breaker_allows(&breaker, resume));
        assert_int_equal(breaker.failures, 1);
}

static void test_successful_probe_ends_the_outage(void **state)
{
        struct breaker breaker = BREAKER_INITIAL;
        uint64_t lasted_us = 0;
        (void)state;

        failed(&breaker, OUTAGE_UNREACHABLE, 1000, 0);
        breaker_started(&breaker);
        assert_false(failed(&breaker, OUTAGE_UNREACHABLE, 5 * USEC_PER_SEC, 0)); /* not logged again */
        breaker_started(&breaker);
        assert_true(succeeded(&breaker, 9 * USEC_PER_SEC + 1000, &lasted_us));
        assert_true(lasted_us == 9 * USEC_PER_SEC); /* since the first failure */
        assert_int_equal(breaker.outage, OUTAGE_NONE);
        assert_int_equal(breaker.failures, 0);
        assert_true(breaker_allows(&breaker, 0));

        /* The next outage is a new one with its own start. */
        assert_true(failed(&breaker, OUTAGE_UNREACHABLE, 20 * USEC_PER_SEC, 0));
        breaker_started(&breaker);
        assert_true(succeeded(&breaker, 21 * USEC_PER_SEC, &lasted_us));
        assert_true(lasted_us == USEC_PER_SEC);
}

static void test_probe_intervals_increase_up_to_the_cap(void **state)
{
        struct breaker breaker = BREAKER_INITIAL;
        uint64_t now = 0, longest = 0;
        (void)state;

        for (unsigned i = 1; i <= 40; i++) {
                breaker_started(&breaker);
                breaker_failed(&breaker, OUTAGE_UNREACHABLE, breaker.probing, now, 0, CAP, UINT64_MAX);
                uint64_t span = breaker_next(&breaker, now) - now;
                uint64_t longest_us =
                        i < 7 ? (2 * USEC_PER_SEC) << (i - 1) : CAP; /* 2 s, 4 s, ... 64 s, 2 min */

                assert_in_range(span, USEC_PER_SEC / 2, longest_us);
                if (span > longest)
                        longest = span;
                now += span;
        }
        assert_int_equal(breaker.failures, 40);
        assert_true(longest > 30 * USEC_PER_SEC);
}

static void test_late_responses_do_not_count(void **state)
{
        struct breaker breaker = BREAKER_INITIAL;
        uint64_t lasted_us = 42;
        (void)state;

        /* Eight requests were in flight when the outage began. */
        assert_true(failed(&breaker, OUTAGE_UNREACHABLE, 1000, 0));
        for (unsigned i = 1; i < 8; i++)
                assert_false(failed(&breaker, OUTAGE_UNREACHABLE, 1000 + i, 0));
        assert_int_equal(breaker.failures, 1);
        assert_int_equal(breaker.since_us, 1000);
        assert_in_range(breaker.resume_us, 1000, 2 * USEC_PER_SEC + 2000);

        /* A late success from before the outage does not end it. */
        assert_false(succeeded(&breaker, 2000, &lasted_us));
        assert_int_equal(lasted_us, 42);
        assert_int_equal(breaker.outage, OUTAGE_UNREACHABLE);
}

/* While the probe is in flight, a late response does not let another one start. */
static void test_late_responses_are_not_the_probe(void **state)
{
        struct breaker breaker = BREAKER_INITIAL;
        const uint64_t now = 60 * USEC_PER_SEC;
        uint64_t lasted_us = 42;
        (void)state;

        failed(&breaker, OUTAGE_UNREACHABLE, 0, 0);
        breaker_started(&breaker);
        assert_true(breaker.probing);

        assert_false(late_failed(&breaker, OUTAGE_UNREACHABLE, now, 0));
        assert_false(breaker_allows(&breaker, USEC_NEVER));
        assert_false(breaker_succeeded(&breaker, false, now, &lasted_us));
        assert_int_equal(lasted_us, 42);
        assert_false(breaker_allows(&breaker, USEC_NEVER));
        breaker_cancelled(&breaker, false);
        assert_false(breaker_allows(&breaker, USEC_NEVER));
        assert_int_equal(breaker.failures, 1);

        assert_true(breaker_succeeded(&breaker, true, now, &lasted_us));
        assert_true(lasted_us == now);
}

static void test_late_failure_never_advances_the_probe(void **state)
{
        struct breaker breaker = BREAKER_INITIAL;
        uint64_t seed = 3;
        (void)state;

        breaker_failed(&breaker, OUTAGE_UNREACHABLE, false, 0, 0, CAP, UINT64_MAX);
        for (unsigned i = 0; i < 1000; i++) {
                uint64_t before = breaker.resume_us;
                breaker_failed(&breaker, OUTAGE_UNREACHABLE, false, i, 0, CAP, random_next(&seed));
                assert_true(breaker.resume_us >= before);
        }
        assert_true(breaker.resume_us <= 1000 + 2 * USEC_PER_SEC);
}

static void test_retry_after_stays_in_force(void **state)
{
        struct breaker breaker = BREAKER_INITIAL;
        const uint64_t pause = 40 * USEC_PER_SEC;
        uint64_t lasted_us;
        (void)state;

        assert_true(failed(&breaker, OUTAGE_THROTTLED, 0, pause));
        assert_true(breaker_next(&breaker, 0) == pause);

        /* Later failures of other kinds, a shorter Retry-After or a success do not shorten it. */
        failed(&breaker, OUTAGE_UNREACHABLE, 10, 0);
        failed(&breaker, OUTAGE_THROTTLED, 20, USEC_PER_SEC);
        (void)succeeded(&breaker, 30, &lasted_us);
        assert_true(breaker_next(&breaker, 40) == pause);
        assert_false(breaker_allows(&breaker, pause - 1));
        assert_true(breaker_allows(&breaker, pause));

        /* A longer Retry-After extends it. */
        failed(&breaker, OUTAGE_THROTTLED, 50, 2 * pause);
        assert_true(breaker_next(&breaker, 60) == 50 + 2 * pause);
}

static void test_another_kind_of_outage_is_new(void **state)
{
        struct breaker breaker = BREAKER_INITIAL;
        uint64_t lasted_us = 0;
        (void)state;

        assert_true(failed(&breaker, OUTAGE_UNREACHABLE, 5, 0));
        breaker_started(&breaker);
        assert_true(failed(&breaker, OUTAGE_UNAUTHORIZED, 10 * USEC_PER_SEC, 0));
        breaker_started(&breaker);
        assert_false(failed(&breaker, OUTAGE_UNAUTHORIZED, 90 * USEC_PER_SEC, 0));
        breaker_started(&breaker);
        assert_true(succeeded(&breaker, 100 * USEC_PER_SEC + 5, &lasted_us));
        assert_true(lasted_us == 100 * USEC_PER_SEC); /* no request succeeded in all that time */
}

static void test_retry_after_is_a_lower_bound_and_bounded(void **state)
{
        static const uint64_t requested[] = {
                1, USEC_PER_SEC, 30 * USEC_PER_SEC, USEC_PER_HOUR, USEC_PER_HOUR + 1, USEC_PER_DAY, UINT64_MAX
        };
        uint64_t seed = 11;
        (void)state;

        for (size_t i = 0; i < sizeof(requested) / sizeof(requested[0]); i++)
                for (unsigned n = 0; n < 200; n++) {
                        struct breaker breaker = BREAKER_INITIAL;
                        uint64_t now = 77 * USEC_PER_SEC;
                        uint64_t bounded = requested[i] < USEC_PER_HOUR ? requested[i] : USEC_PER_HOUR;

                        breaker_failed(&breaker, OUTAGE_THROTTLED, false, now, requested[i], CAP,
                                       random_next(&seed));
                        uint64_t span = breaker_next(&breaker, now) - now;
                        assert_true(span >= bounded);
                        assert_true(span <= (bounded > CAP ? bounded : CAP));
                }
}

static void test_refused_credentials_are_probed_every_few_minutes(void **state)
{
        struct breaker breaker = BREAKER_INITIAL;
        uint64_t now = 0, seed = 5;
        (void)state;

        for (unsigned i = 1; i <= 50; i++) {
                breaker_started(&breaker);
                breaker_failed(&breaker, OUTAGE_UNAUTHORIZED, breaker.probing, now, 0, CAP,
                               random_next(&seed));
                uint64_t span = breaker_next(&breaker, now) - now;
                assert_in_range(span, 15 * USEC_PER_SEC, 5 * USEC_PER_MIN);
                now += span;
        }
}

/* Invariants under random sequences of events. */
static void test_random_sequences(void **state)
{
        uint64_t seed = 99;
        (void)state;

        for (unsigned run = 0; run < 2000; run++) {
                struct breaker breaker = BREAKER_INITIAL;
                uint64_t now = 1;

                for (unsigned step = 0; step < 50; step++) {
                        uint64_t random = random_next(&seed);
                        uint64_t resume = breaker.resume_us, lasted_us = UINT64_MAX;
                        bool probing = breaker.probing, closed = breaker.outage == OUTAGE_NONE;
                        bool probe = probing && (random >> 50) % 2; /* otherwise a late response */
                        unsigned failures = breaker.failures;

                        now += random % (5 * USEC_PER_SEC);
                        switch (random >> 60) {
                        case 0 ... 5:
                                if (breaker_allows(&breaker, now)) {
                                        assert_true(closed || (!probing && now >= resume));
                                        breaker_started(&breaker);
                                        assert_true(closed != breaker.probing);
                                }
                                break;
                        case 6 ... 8:
                                if (breaker_succeeded(&breaker, probe, now, &lasted_us)) {
                                        assert_true(probe);
                                        assert_true(lasted_us <= now);
                                }
                                assert_int_equal(breaker.outage == OUTAGE_NONE, closed || probe);
                                break;
                        case 9:
                                breaker_cancelled(&breaker, probe);
                                assert_int_equal(breaker.probing, probing && !probe);
                                break;
                        default:
                                breaker_failed(&breaker, (enum outage)(OUTAGE_UNREACHABLE + random % 3),
                                               probe, now, random % USEC_PER_MIN, CAP, random);
                                assert_int_equal(breaker.probing, probing && !probe);
                                assert_int_equal(breaker.failures, failures + (closed || probe));
                                assert_true(breaker.resume_us > now);
                                assert_true(probe || closed || breaker.resume_us >= resume);
                                break;
                        }
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_closed_allows_every_request),
                cmocka_unit_test(test_one_probe_at_a_time),
                cmocka_unit_test(test_successful_probe_ends_the_outage),
                cmocka_unit_test(test_probe_intervals_increase_up_to_the_cap),
                cmocka_unit_test(test_late_responses_do_not_count),
                cmocka_unit_test(test_late_responses_are_not_the_probe),
                cmocka_unit_test(test_late_failure_never_advances_the_probe),
                cmocka_unit_test(test_retry_after_stays_in_force),
                cmocka_unit_test(test_another_kind_of_outage_is_new),
                cmocka_unit_test(test_retry_after_is_a_lower_bound_and_bounded),
                cmocka_unit_test(test_refused_credentials_are_probed_every_few_minutes),
                cmocka_unit_test(test_random_sequences),
        };

        return cmocka_run_group_tests_name("breaker", tests, NULL, NULL);
}
