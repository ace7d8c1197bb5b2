/* SPDX-License-Identifier: MIT */

/* The promises of platform/worker.h, with a thread and without. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "platform/worker.h"
#include "util/container.h"

#define MANY 5000

struct bench {
        sd_event *event;
        struct worker *worker;
        pthread_t loop;
        sem_t gate;          /* execute() waits for it if `gated` */
        sem_t idle;          /* posted by on_idle() */
        bool gated;          /* written before the thread is started */
        unsigned idle_steps; /* that on_idle() has left */
        unsigned list_count; /* calls of execute() */
        sigset_t mask;       /* in the last of them */
        unsigned executed;
        unsigned done;
        unsigned done_in_iteration;
};

struct item {
        struct work work;
        struct bench *bench;
        unsigned number;
        unsigned executed; /* its place in the order */
        unsigned more;     /* how many to push from done() */
        pthread_t thread;
};

static void on_done(struct work *work);

static struct item *push(struct bench *bench, unsigned number)
{
        struct item *item = calloc(1, sizeof(*item));

        assert_non_null(item);
        *item = (struct item){ .work.done = on_done, .bench = bench, .number = number };
        worker_push(bench->worker, &item->work);
        return item;
}

static void on_done(struct work *work)
{
        struct item *item = CONTAINER_OF(work, struct item, work);
        struct bench *bench = item->bench;

        assert_true(pthread_equal(pthread_self(), bench->loop));
        assert_int_equal(item->executed, item->number); /* executed in the order of pushing */
        assert_int_equal(bench->done, item->number);    /* and given back in the order of worker_finish() */
        bench->done++;
        bench->done_in_iteration++;
        if (item->more > 0)
                push(bench, item->number + 1)->more = item->more - 1;
        free(item);
}

static void execute(void *userdata, struct work *list)
{
        struct bench *bench = userdata;

        bench->list_count++;
        (void)pthread_sigmask(SIG_SETMASK, NULL, &bench->mask);
        if (bench->gated)
                while (sem_wait(&bench->gate) < 0)
                        ;
        for (struct work *next, *work = list; work != NULL; work = next) {
                struct item *item = CONTAINER_OF(work, struct item, work);

                next = work->next;
                item->executed = bench->executed++;
                worker_finish(bench->worker, work);
        }
}

static bool on_idle(void *userdata)
{
        struct bench *bench = userdata;

        (void)sem_post(&bench->idle);
        return bench->idle_steps > 0 && --bench->idle_steps > 0;
}

static int setup(void **state)
{
        struct bench *bench = calloc(1, sizeof(*bench));

        assert_non_null(bench);
        bench->loop = pthread_self();
        assert_int_equal(sem_init(&bench->gate, 0, 0), 0);
        assert_int_equal(sem_init(&bench->idle, 0, 0), 0);
        assert_true(sd_event_new(&bench->event) >= 0);
        const struct worker_parts parts = {
                .event = bench->event,
                .name = "bench",
                .execute = execute,
                .on_idle = on_idle,
                .userdata = bench,
        };
        assert_int_equal(worker_new(&parts, &bench->worker), 0);
        *state = bench;
        return 0;
}

static int teardown(void **state)
{
        struct bench *bench = *state;

        assert_null(worker_free(bench->worker));
        sd_event_unref(bench->event);
        sem_destroy(&bench->gate);
        sem_destroy(&bench->idle);
        free(bench);
        return 0;
}

static void run_until_idle(struct bench *bench)
{
        while (!worker_is_idle(bench->worker))
                assert_true(sd_event_run(bench->event, UINT64_MAX) >= 0);
}

static void test_work_comes_back_in_order_from_the_loop(void **state)
{
        struct bench *bench = *state;

        assert_int_equal(worker_start(bench->worker), 0);
        assert_true(worker_is_idle(bench->worker));
        for (unsigned i = 0; i < MANY; i++)
                (void)push(bench, i);
        assert_false(worker_is_idle(bench->worker));
        assert_int_equal(bench->done, 0);
        run_until_idle(bench);
        assert_int_equal(bench->done, MANY);
}

static void test_without_a_thread_work_comes_back_from_the_loop_too(void **state)
{
        struct bench *bench = *state;

        for (unsigned i = 0; i < 3; i++) {
                (void)push(bench, i);
                assert_int_equal(bench->executed, i + 1);
                assert_int_equal(bench->done, 0);
        }
        run_until_idle(bench);
        assert_int_equal(bench->done, 3);
}

static void test_what_was_executed_before_the_start_comes_back_after_it(void **state)
{
        struct bench *bench = *state;

        (void)push(bench, 0);
        assert_int_equal(worker_start(bench->worker), 0);
        (void)push(bench, 1);
        run_until_idle(bench);
        assert_int_equal(bench->done, 2);
}

static void test_what_waits_is_one_list(void **state)
{
        struct bench *bench = *state;

        bench->gated = true;
        assert_int_equal(worker_start(bench->worker), 0);
        (void)push(bench, 0);
        assert_int_equal(sem_post(&bench->gate), 0);
        run_until_idle(bench);
        (void)push(bench, 1);
        /* The thread may have taken number 1 already; the others wait together. */
        for (unsigned i = 2; i < 50; i++)
                (void)push(bench, i);
        for (unsigned i = 0; i < 50; i++)
                assert_int_equal(sem_post(&bench->gate), 0);
        run_until_idle(bench);
        assert_int_equal(bench->done, 50);
        assert_true(bench->list_count < 50);
}

static void test_waiting_for_all_work_has_a_limit(void **state)
{
        struct bench *bench = *state;

        bench->gated = true;
        assert_int_equal(worker_start(bench->worker), 0);
        push(bench, 0)->more = 2;
        assert_false(worker_wait(bench->worker, 0));
        assert_false(worker_wait(bench->worker, 20000));
        assert_int_equal(bench->done, 0);
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(sem_post(&bench->gate), 0);
        assert_true(worker_wait(bench->worker, UINT64_C(60000000)));
        assert_int_equal(bench->done, 3); /* also what done() pushed */
}

static void test_much_work_does_not_occupy_the_loop(void **state)
{
        struct bench *bench = *state;

        for (unsigned i = 0; i < 1000; i++)
                (void)push(bench, i);
        while (!worker_is_idle(bench->worker)) {
                bench->done_in_iteration = 0;
                assert_true(sd_event_run(bench->event, UINT64_MAX) >= 0);
                assert_true(bench->done_in_iteration <= 100);
        }
        assert_int_equal(bench->done, 1000);
}

static void test_done_may_push_more(void **state)
{
        struct bench *bench = *state;

        assert_int_equal(worker_start(bench->worker), 0);
        push(bench, 0)->more = 20;
        run_until_idle(bench);
        assert_int_equal(bench->done, 21);
}

static void test_the_thread_does_housekeeping_when_nothing_waits(void **state)
{
        struct bench *bench = *state;

        bench->idle_steps = 3;
        assert_int_equal(worker_start(bench->worker), 0);
        for (unsigned i = 0; i < 3; i++)
                while (sem_wait(&bench->idle) < 0)
                        ;
        (void)push(bench, 0);
        while (sem_wait(&bench->idle) < 0) /* and after each list */
                ;
        run_until_idle(bench);
}

static void test_freeing_waits_for_all_work_and_gives_it_back(void **state)
{
        struct bench *bench = *state;

        assert_int_equal(worker_start(bench->worker), 0);
        for (unsigned i = 0; i < MANY - 1; i++)
                (void)push(bench, i);
        push(bench, MANY - 1)->more = 3;
        bench->worker = worker_free(bench->worker);
        assert_int_equal(bench->done, MANY + 3);
}

static void test_the_thread_takes_no_signals(void **state)
{
        struct bench *bench = *state;
        sigset_t before, after;

        assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
        assert_int_equal(worker_start(bench->worker), 0);
        assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
        (void)push(bench, 0);
        run_until_idle(bench);

        static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGALRM };
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
                assert_int_equal(sigismember(&bench->mask, numbers[i]), 1);
                assert_int_equal(sigismember(&before, numbers[i]), sigismember(&after, numbers[i]));
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_work_comes_back_in_order_from_the_loop),
                TEST(test_without_a_thread_work_comes_back_from_the_loop_too),
                TEST(test_what_was_executed_before_the_start_comes_back_after_it),
                TEST(test_what_waits_is_one_list),
                TEST(test_waiting_for_all_work_has_a_limit),
                TEST(test_much_work_does_not_occupy_the_loop),
                TEST(test_done_may_push_more),
                TEST(test_the_thread_does_housekeeping_when_nothing_waits),
                TEST(test_freeing_waits_for_all_work_and_gives_it_back),
                TEST(test_the_thread_takes_no_signals),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
