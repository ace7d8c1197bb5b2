/* SPDX-License-Identifier: MIT */

/* Patience: the bounds of every backoff, and the health of the API through its troubles. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planning/backoff.h"
#include "planning/breaker.h"
#include "random.h"
#include "util/timespan.h"

#define CAP (2 * USEC_PER_MIN)

/* ---- backoff ---- */

static uint64_t ceiling_of(unsigned failures, uint64_t base_us, uint64_t cap_us)
{
        unsigned doublings = failures > 0 ? failures - 1 : 0;

        if (doublings >= 64 || base_us > (UINT64_MAX >> doublings))
                return cap_us;
        return (base_us << doublings) < cap_us ? base_us << doublings : cap_us;
}

static void test_backoff_stays_in_bounds(void **state)
{
        static const uint64_t spans[] = {
                1,          3, 4, 1000, 2 * USEC_PER_SEC, CAP, USEC_PER_DAY, UINT64_MAX / 2, UINT64_MAX - 1,
                UINT64_MAX,
        };
        const size_t count = sizeof(spans) / sizeof(spans[0]);
        uint64_t seed = 1;
        (void)state;

        for (size_t b = 0; b < count; b++)
                for (size_t c = 0; c < count; c++)
                        for (unsigned failures = 0; failures <= 70; failures++) {
                                uint64_t ceiling = ceiling_of(failures, spans[b], spans[c]);
                                uint64_t floor = spans[b] / 4 < ceiling ? spans[b] / 4 : ceiling;

                                for (unsigned i = 0; i < 20; i++) {
                                        uint64_t span = backoff_span(failures, spans[b], spans[c],
                                                                     random_next(&seed));
                                        assert_in_range(span, floor, ceiling);
                                }
                                /* Both ends can come up. */
                                assert_true(backoff_span(failures, spans[b], spans[c], 0) == floor);
                                assert_true(backoff_span(failures, spans[b], spans[c], ceiling - floor) ==
                                            ceiling);
                        }
}

static void test_backoff_spreads(void **state)
{
        unsigned tenths[10] = { 0 };
        uint64_t seed = 7;
        (void)state;

        for (unsigned i = 0; i < 10000; i++) {
                uint64_t span = backoff_span(20, USEC_PER_SEC, 1000 * USEC_PER_SEC, random_next(&seed));
                tenths[span / (100 * USEC_PER_SEC) > 9 ? 9 : span / (100 * USEC_PER_SEC)]++;
        }
        for (unsigned i = 0; i < 10; i++)
                assert_in_range(tenths[i], 800, 1200);
}

/* ---- health ---- */

/* The probe if one is under way, else one that started while all was well. */
static bool failed(struct breaker *breaker, enum outage outage, uint64_t now_us, uint64_t retry_after_us)
{
        return breaker_failed(breaker, outage, breaker->probing, now_us, retry_after_us, CAP, UINT64_MAX / 3);
}

static bool straggler_failed(struct breaker *breaker, enum outage outage, uint64_t now_us,
                             uint64_t retry_after_us)
{
        return breaker_failed(breaker, outage, false, now_us, retry_after_us, CAP, UINT64_MAX / 3);
}

static bool may_start(const struct breaker *breaker, uint64_t now_us)
{
        uint64_t next_us = breaker_next(breaker, now_us);

        return next_us != USEC_NEVER && next_us <= now_us;
}

static bool succeeded(struct breaker *breaker, uint64_t now_us, uint64_t *ret_lasted_us)
{
        return breaker_succeeded(breaker, breaker->probing, now_us, ret_lasted_us);
}

static void test_a_healthy_api_is_asked_at_once(void **state)
{
        struct breaker breaker = BREAKER_INITIAL;
        uint64_t lasted_us = 42;
        (void)state;

        assert_true(may_start(&breaker, 0));
        assert_true(breaker_next(&breaker, 1000) == 1000);
        breaker_started(&breaker);
        assert_true(may_start(&breaker, 0)); /* as many as there are due */
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
        assert_false(may_start(&breaker, resume - 1));
        assert_true(may_start(&breaker, resume));

        breaker_started(&breaker);
        assert_false(may_start(&breaker, resume));
        assert_false(may_start(&breaker, USEC_NEVER));
        assert_true(breaker_next(&breaker, resume) == USEC_NEVER);

        /* A cancelled probe says nothing, and another may go. */
        breaker_cancelled(&breaker, true);
        assert_true(may_start(&breaker, resume));
        assert_int_equal(breaker.failures, 1);
}

static void test_a_probe_that_succeeds_ends_the_trouble(void **state)
{
        struct breaker breaker = BREAKER_INITIAL;
        uint64_t lasted_us = 0;
        (void)state;

        failed(&breaker, OUTAGE_UNREACHABLE, 1000, 0);
        breaker_started(&breaker);
        assert_false(failed(&breaker, OUTAGE_UNREACHABLE, 5 * USEC_PER_SEC, 0)); /* no second line */
        breaker_started(&breaker);
        assert_true(succeeded(&breaker, 9 * USEC_PER_SEC + 1000, &lasted_us));
        assert_true(lasted_us == 9 * USEC_PER_SEC); /* since the first failure */
        assert_int_equal(breaker.outage, OUTAGE_NONE);
        assert_int_equal(breaker.failures, 0);
        assert_true(may_start(&breaker, 0));

        /* The next trouble is a new one, with its own beginning. */
        assert_true(failed(&breaker, OUTAGE_UNREACHABLE, 20 * USEC_PER_SEC, 0));
        breaker_started(&breaker);
        assert_true(succeeded(&breaker, 21 * USEC_PER_SEC, &lasted_us));
        assert_true(lasted_us == USEC_PER_SEC);
}

static void test_probes_grow_apart_up_to_the_cap(void **state)
{
        struct breaker breaker = BREAKER_INITIAL;
        uint64_t now = 0, longest = 0;
        (void)state;

        for (unsigned i = 1; i <= 40; i++) {
                breaker_started(&breaker);
                breaker_failed(&breaker, OUTAGE_UNREACHABLE, breaker.probing, now, 0, CAP, UINT64_MAX);
                uint64_t span = breaker_next(&breaker, now) - now;
                uint64_t ceiling = ceiling_of(i, 2 * USEC_PER_SEC, CAP);

                assert_in_range(span, USEC_PER_SEC / 2, ceiling);
                if (span > longest)
                        longest = span;
                now += span;
        }
        assert_int_equal(breaker.failures, 40);
        assert_true(longest > 30 * USEC_PER_SEC);
}

static void test_stragglers_do_not_count(void **state)
{
        struct breaker breaker = BREAKER_INITIAL;
        uint64_t lasted_us = 42;
        (void)state;

        /* Eight were under way when it went down. */
        assert_true(failed(&breaker, OUTAGE_UNREACHABLE, 1000, 0));
        for (unsigned i = 1; i < 8; i++)
                assert_false(failed(&breaker, OUTAGE_UNREACHABLE, 1000 + i, 0));
        assert_int_equal(breaker.failures, 1);
        assert_int_equal(breaker.since_us, 1000);
        assert_in_range(breaker.resume_us, 1000, 2 * USEC_PER_SEC + 2000);

        /* One that was answered before the trouble began, and only arrives now, does not end it. */
        assert_false(succeeded(&breaker, 2000, &lasted_us));
        assert_int_equal(lasted_us, 42);
        assert_int_equal(breaker.outage, OUTAGE_UNREACHABLE);
}

/* The probe is under way when a late answer comes: the probe goes on being the only one. */
static void test_stragglers_do_not_stand_for_the_probe(void **state)
{
        struct breaker breaker = BREAKER_INITIAL;
        const uint64_t now = 60 * USEC_PER_SEC;
        uint64_t lasted_us = 42;
        (void)state;

        failed(&breaker, OUTAGE_UNREACHABLE, 0, 0);
        breaker_started(&breaker);
        assert_true(breaker.probing);

        assert_false(straggler_failed(&breaker, OUTAGE_UNREACHABLE, now, 0));
        assert_false(may_start(&breaker, USEC_NEVER));
        assert_false(breaker_succeeded(&breaker, false, now, &lasted_us));
        assert_int_equal(lasted_us, 42);
        assert_false(may_start(&breaker, USEC_NEVER));
        breaker_cancelled(&breaker, false);
        assert_false(may_start(&breaker, USEC_NEVER));
        assert_int_equal(breaker.failures, 1);

        assert_true(breaker_succeeded(&breaker, true, now, &lasted_us));
        assert_true(lasted_us == now);
}

static void test_a_straggler_never_brings_the_probe_forward(void **state)
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

static void test_a_throttling_pause_stays_in_force(void **state)
{
        struct breaker breaker = BREAKER_INITIAL;
        const uint64_t pause = 40 * USEC_PER_SEC;
        uint64_t lasted_us;
        (void)state;

        assert_true(failed(&breaker, OUTAGE_THROTTLED, 0, pause));
        assert_true(breaker_next(&breaker, 0) == pause);

        /* What was under way fails otherwise, is throttled with less, or succeeds: nothing shortens it. */
        failed(&breaker, OUTAGE_UNREACHABLE, 10, 0);
        failed(&breaker, OUTAGE_THROTTLED, 20, USEC_PER_SEC);
        (void)succeeded(&breaker, 30, &lasted_us);
        assert_true(breaker_next(&breaker, 40) == pause);
        assert_false(may_start(&breaker, pause - 1));
        assert_true(may_start(&breaker, pause));

        /* One that asks for more prolongs it. */
        failed(&breaker, OUTAGE_THROTTLED, 50, 2 * pause);
        assert_true(breaker_next(&breaker, 60) == 50 + 2 * pause);
}

static void test_another_trouble_is_news(void **state)
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
        assert_true(lasted_us == 100 * USEC_PER_SEC); /* no request went well in all that time */
}

static void test_deliveries_grow_apart(void **state)
{
        static const uint64_t seconds[] = { 5, 5, 30, 120, 600, 1800, 3600, 3600 };
        (void)state;

        for (unsigned made = 0; made < sizeof(seconds) / sizeof(seconds[0]); made++)
                for (uint64_t random = 0; random < 10 * USEC_PER_SEC; random += USEC_PER_SEC / 3) {
                        uint64_t delay_us = delivery_delay(made, 0, random);
                        assert_in_range(delay_us, seconds[made] * USEC_PER_SEC,
                                        seconds[made] * USEC_PER_SEC * 11 / 10);
                }
        /* What the receiver asks for is a lower bound, and has one above. */
        assert_int_equal(delivery_delay(1, 40 * USEC_PER_SEC, 0), 40 * USEC_PER_SEC);
        assert_int_equal(delivery_delay(1, 1, 0), 5 * USEC_PER_SEC);
        assert_int_equal(delivery_delay(1, UINT64_MAX, 0), USEC_PER_HOUR);
}

static void test_retry_after_is_a_lower_bound_and_bounded(void **state)
{
        static const uint64_t asked[] = {
                1, USEC_PER_SEC, 30 * USEC_PER_SEC, USEC_PER_HOUR, USEC_PER_HOUR + 1, USEC_PER_DAY, UINT64_MAX
        };
        uint64_t seed = 11;
        (void)state;

        for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
                for (unsigned n = 0; n < 200; n++) {
                        struct breaker breaker = BREAKER_INITIAL;
                        uint64_t now = 77 * USEC_PER_SEC;
                        uint64_t bounded = asked[i] < USEC_PER_HOUR ? asked[i] : USEC_PER_HOUR;

                        breaker_failed(&breaker, OUTAGE_THROTTLED, false, now, asked[i], CAP,
                                       random_next(&seed));
                        uint64_t span = breaker_next(&breaker, now) - now;
                        assert_true(span >= bounded);
                        assert_true(span <= (bounded > CAP ? bounded : CAP));
                }
}

static void test_refused_credentials_are_tried_every_few_minutes(void **state)
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

/* Any order of what can happen keeps the promises. */
static void test_random_lives(void **state)
{
        uint64_t seed = 99;
        (void)state;

        for (unsigned life = 0; life < 2000; life++) {
                struct breaker breaker = BREAKER_INITIAL;
                uint64_t now = 1;

                for (unsigned step = 0; step < 50; step++) {
                        uint64_t chance = random_next(&seed);
                        uint64_t resume = breaker.resume_us, lasted_us = UINT64_MAX;
                        bool probing = breaker.probing, well = breaker.outage == OUTAGE_NONE;
                        bool probe = probing && (chance >> 50) % 2; /* else a straggler */
                        unsigned failures = breaker.failures;

                        now += chance % (5 * USEC_PER_SEC);
                        switch (chance >> 60) {
                        case 0 ... 5:
                                if (may_start(&breaker, now)) {
                                        assert_true(well || (!probing && now >= resume));
                                        breaker_started(&breaker);
                                        assert_true(well != breaker.probing);
                                }
                                break;
                        case 6 ... 8:
                                if (breaker_succeeded(&breaker, probe, now, &lasted_us)) {
                                        assert_true(probe);
                                        assert_true(lasted_us <= now);
                                }
                                assert_int_equal(breaker.outage == OUTAGE_NONE, well || probe);
                                break;
                        case 9:
                                breaker_cancelled(&breaker, probe);
                                assert_int_equal(breaker.probing, probing && !probe);
                                break;
                        default:
                                breaker_failed(&breaker, (enum outage)(OUTAGE_UNREACHABLE + chance % 3),
                                               probe, now, chance % USEC_PER_MIN, CAP, chance);
                                assert_int_equal(breaker.probing, probing && !probe);
                                assert_int_equal(breaker.failures, failures + (well || probe));
                                assert_true(breaker.resume_us > now);
                                assert_true(probe || well || breaker.resume_us >= resume);
                                break;
                        }
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_backoff_stays_in_bounds),
                cmocka_unit_test(test_backoff_spreads),
                cmocka_unit_test(test_a_healthy_api_is_asked_at_once),
                cmocka_unit_test(test_one_probe_at_a_time),
                cmocka_unit_test(test_a_probe_that_succeeds_ends_the_trouble),
                cmocka_unit_test(test_probes_grow_apart_up_to_the_cap),
                cmocka_unit_test(test_stragglers_do_not_count),
                cmocka_unit_test(test_stragglers_do_not_stand_for_the_probe),
                cmocka_unit_test(test_a_straggler_never_brings_the_probe_forward),
                cmocka_unit_test(test_a_throttling_pause_stays_in_force),
                cmocka_unit_test(test_another_trouble_is_news),
                cmocka_unit_test(test_deliveries_grow_apart),
                cmocka_unit_test(test_retry_after_is_a_lower_bound_and_bounded),
                cmocka_unit_test(test_refused_credentials_are_tried_every_few_minutes),
                cmocka_unit_test(test_random_lives),
        };

        return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
