/* SPDX-License-Identifier: MIT */

/* A writer that makes no progress for ten seconds is reported. */

#include "state_fixture.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "state/state.h"
#include "state_open.h"
#include "util/container.h"

struct bench {
        struct fixture *fixture;
        sd_event *event;
        struct state *state;
        sem_t gate;
        unsigned slow_count, over_count; /* calls of the handler */
        unsigned done_count;
};

struct wait {
        struct state_operation operation;
        struct bench *bench;
};

static int wait_run(struct state_operation *operation, struct store *store)
{
        struct wait *wait = CONTAINER_OF(operation, struct wait, operation);

        (void)store;
        while (sem_wait(&wait->bench->gate) < 0)
                ;
        return 0;
}

static void wait_done(struct state_operation *operation, int r)
{
        struct wait *wait = CONTAINER_OF(operation, struct wait, operation);

        assert_int_equal(r, 0);
        wait->bench->done_count++;
}

static void on_slow(void *userdata, bool is_slow)
{
        struct bench *bench = userdata;

        bench->slow_count += is_slow;
        bench->over_count += !is_slow;
}

static double now_s(void)
{
        struct timespec now;

        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void run_until(struct bench *bench, const unsigned *count, unsigned value)
{
        while (*count < value)
                assert_true(sd_event_run(bench->event, UINT64_MAX) >= 0);
}

static void test_ten_seconds_without_progress_are_reported_once(void **state)
{
        struct bench *bench = *state;
        struct wait waits[3];

        assert_int_equal(state_start(bench->state), 0);
        state_on_slow(bench->state, on_slow, bench);
        for (unsigned i = 0; i < 3; i++)
                waits[i] =
                        (struct wait){ .operation = { .run = wait_run, .done = wait_done }, .bench = bench };

        double began = now_s();
        state_queue(bench->state, &waits[0].operation);
        run_until(bench, &bench->slow_count, 1);
        assert_true(now_s() - began >= 10);
        assert_true(now_s() - began < 15);
        assert_int_equal(bench->done_count, 0);
        state_queue(bench->state, &waits[1].operation);

        assert_int_equal(sem_post(&bench->gate), 0);
        run_until(bench, &bench->done_count, 1);
        assert_int_equal(bench->over_count, 1);
        assert_int_equal(sem_post(&bench->gate), 0);
        run_until(bench, &bench->done_count, 2);

        state_queue(bench->state, &waits[2].operation); /* and again */
        run_until(bench, &bench->slow_count, 2);
        assert_int_equal(sem_post(&bench->gate), 0);
        run_until(bench, &bench->done_count, 3);
        assert_int_equal(bench->over_count, 2);
        assert_int_equal(bench->slow_count, 2);
}

static int setup(void **state)
{
        struct bench *bench = calloc(1, sizeof(*bench));
        char *message = NULL;

        assert_non_null(bench);
        assert_int_equal(sem_init(&bench->gate, 0, 0), 0);
        assert_int_equal(fixture_setup((void **)&bench->fixture), 0);
        fixture_close(bench->fixture);
        assert_true(sd_event_new(&bench->event) >= 0);
        assert_int_equal(state_open(bench->event, bench->fixture->directory, &message, &bench->state), 0);
        *state = bench;
        return 0;
}

static int teardown(void **state)
{
        struct bench *bench = *state;

        state_close(bench->state);
        sd_event_unref(bench->event);
        assert_int_equal(fixture_teardown((void **)&bench->fixture), 0);
        sem_destroy(&bench->gate);
        free(bench);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_ten_seconds_without_progress_are_reported_once, setup,
                                                teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
