/* SPDX-License-Identifier: MIT */

/* Tests of hooks run the real hook with a made-up event, and their results are kept for a while. */

#include "delivery/hook_test.h"
#include "hook_fixture.h"
#include "platform/clock.h"

#include "config_helpers.h" /* after cmocka.h */

uint64_t __real_clock_process_us(void);
uint64_t __wrap_clock_process_us(void);

static uint64_t passed_us;

uint64_t __wrap_clock_process_us(void)
{
        return __real_clock_process_us() + passed_us;
}

struct scene {
        struct hook_fixture *hook;
        struct config *config;
        struct hook_setup *setup;
        struct hook_tests *tests;
        uint64_t id; /* of the last test */
        unsigned ends;
};

static void on_end(void *userdata, const char *hook)
{
        struct scene *scene = userdata;

        assert_string_equal(hook, "mail");
        scene->ends++;
}

static int set_up(void **state)
{
        struct scene *scene = calloc(1, sizeof(*scene));
        void *hook;

        assert_non_null(scene);
        passed_us = 0;
        assert_int_equal(hook_setup(&hook), 0);
        scene->hook = hook;
        scene->tests = hook_tests_new(scene->hook->event, scene->hook->journal, on_end, scene);
        *state = scene;
        return 0;
}

static int tear_down(void **state)
{
        struct scene *scene = *state;
        void *hook = scene->hook;

        hook_tests_free(scene->tests);
        hook_setup_unref(scene->setup);
        config_free(scene->config);
        assert_int_equal(hook_teardown(&hook), 0);
        free(scene);
        return 0;
}

static void load(struct scene *scene, const char *target)
{
        char text[512];

        (void)snprintf(text, sizeof(text), "[jobs]\nids = 1\n[hook mail]\n%s\ntimeout = 10min\n", target);
        scene->config = load_text(text);
        assert_int_equal(hook_setup_new(&scene->hook->context, NULL, scene->config, &scene->config->hooks[0],
                                        &scene->setup),
                         0);
}

static int try_start(struct scene *scene, enum event_kind kind, uint64_t job)
{
        struct event event = { .kind = kind, .record.id = job };

        test_event_complete(&event);
        int r = hook_tests_start(scene->tests, scene->setup, &event, 1000, &scene->id);
        event_clear(&event);
        return r;
}

static struct hook_test_result find(const struct scene *scene, uint64_t id)
{
        struct hook_test_result result;

        assert_int_equal(hook_tests_find(scene->tests, id, &result), 1);
        assert_int_equal(result.id, id);
        assert_string_equal(result.hook, "mail");
        return result;
}

static struct hook_test_result finish(const struct scene *scene)
{
        HOOK_WAIT(scene->hook, find(scene, scene->id).state != HOOK_TEST_RUNNING);
        return find(scene, scene->id);
}

static struct hook_test_result run(struct scene *scene, const char *target, enum event_kind kind,
                                   uint64_t job)
{
        load(scene, target);
        assert_int_equal(try_start(scene, kind, job), 0);
        assert_int_equal(find(scene, scene->id).state, HOOK_TEST_RUNNING);
        return finish(scene);
}

static void test_the_program_gets_an_event_that_is_marked(void **state)
{
        struct scene *scene = *state;
        const struct hook_test_result result =
                run(scene,
                    "exec = /bin/sh -c 'echo $JOBWATCH_TEST $JOBWATCH_EVENT $JOBWATCH_OUTCOME $JOBWATCH_JOB; "
                    "cat'",
                    EVENT_FAILED, 5);

        assert_int_equal(result.state, HOOK_TEST_SUCCEEDED);
        assert_null(result.error);
        assert_in_range(result.duration_us, 1, LOOP_LIMIT_US);
        assert_int_equal(result.output_size, strlen(result.output));
        assert_memory_equal(result.output, "1 failed failure 5\n{", 20);
        assert_non_null(strstr(result.output, "\"test\":true,"));
        assert_non_null(strstr(result.output, "\"sequence\":0,"));
        assert_non_null(strstr(result.output, "\"status\":\"Failed\",\"status_before\":\"Running\""));
        assert_non_null(strstr(result.output, "\"attempt\":1"));
}

static void test_a_failure_is_explained(void **state)
{
        const struct hook_test_result result =
                run(*state, "exec = /bin/sh -c 'echo no such mailbox >&2; exit 3'", EVENT_SUCCEEDED, 5);

        assert_int_equal(result.state, HOOK_TEST_FAILED);
        assert_string_equal(result.error, "exit status 3");
        assert_string_equal(result.output, "no such mailbox");
}

static void test_one_that_cannot_be_started_has_failed(void **state)
{
        struct scene *scene = *state;

        load(scene, "exec = /nonexistent");
        assert_int_equal(try_start(scene, EVENT_SUCCEEDED, 5), 0);
        const struct hook_test_result result = finish(scene);
        assert_int_equal(result.state, HOOK_TEST_FAILED);
        assert_non_null(strstr(result.error, "/nonexistent"));
}

static void test_the_beginning_of_the_output_is_kept(void **state)
{
        const struct hook_test_result result =
                run(*state, "exec = /bin/sh -c 'head -c 20000 /dev/zero | tr \"\\\\0\" x; echo; echo y'",
                    EVENT_SUCCEEDED, 5);

        assert_int_equal(result.state, HOOK_TEST_SUCCEEDED);
        assert_int_equal(result.output_size, 16 * 1024);
        assert_null(strchr(result.output, 'y'));
}

static void test_a_receiver_that_cannot_be_reached_is_named(void **state)
{
        const struct hook_test_result result = run(*state, "url = http://127.0.0.1:1/", EVENT_SUCCEEDED, 5);

        assert_int_equal(result.state, HOOK_TEST_FAILED);
        assert_non_null(result.error);
        assert_int_equal(result.output_size, 0);
}

static void test_few_run_at_a_time(void **state)
{
        struct scene *scene = *state;

        load(scene, "exec = /bin/sleep 600");
        for (unsigned i = 0; i < HOOK_TESTS_RUNNING_MAX; i++)
                assert_int_equal(try_start(scene, EVENT_SUCCEEDED, 5), 0);
        uint64_t last = scene->id;
        assert_int_equal(try_start(scene, EVENT_SUCCEEDED, 5), -EBUSY);
        hook_tests_stop(scene->tests);
        const struct hook_test_result result = find(scene, last);
        assert_int_equal(result.state, HOOK_TEST_FAILED);
        assert_string_equal(result.error, "the daemon is stopping");
        assert_int_equal(scene->ends, HOOK_TESTS_RUNNING_MAX);
}

static void test_results_are_kept_for_ten_minutes(void **state)
{
        struct scene *scene = *state;
        struct hook_test_result result;

        (void)run(scene, "exec = /bin/true", EVENT_SUCCEEDED, 5);
        uint64_t first = scene->id;
        passed_us = 599 * USEC_PER_SEC;
        (void)find(scene, first);
        assert_int_equal(try_start(scene, EVENT_SUCCEEDED, 5), 0);
        (void)finish(scene);
        passed_us = 601 * USEC_PER_SEC;
        assert_int_equal(hook_tests_find(scene->tests, first, &result), 0);
        (void)find(scene, scene->id);
        assert_int_equal(scene->id, first + 1);
        assert_true(first > UINT64_C(1) << 32); /* no delivery has it */
}

static void test_so_many_results_are_kept(void **state)
{
        struct scene *scene = *state;
        struct hook_test_result result;

        load(scene, "exec = /nonexistent");
        assert_int_equal(try_start(scene, EVENT_SUCCEEDED, 5), 0);
        uint64_t first = scene->id;
        for (unsigned i = 1; i < 64; i++)
                assert_int_equal(try_start(scene, EVENT_SUCCEEDED, 5), 0);
        (void)find(scene, first);
        assert_int_equal(try_start(scene, EVENT_SUCCEEDED, 5), 0);
        assert_int_equal(hook_tests_find(scene->tests, first, &result), 0);
        (void)find(scene, first + 1);
}

/* What a job is made up to be fits the event. */
static void test_made_up_events_are_consistent(void **state)
{
        (void)state;
        for (int kind = 0; kind < EVENT_KIND_COUNT; kind++) {
                struct event event = { .kind = (enum event_kind)kind, .record.id = 5 };

                test_event_complete(&event);
                assert_true(event.test);
                assert_int_equal(strlen(event.id), EVENT_ID_SIZE - 1);
                assert_int_equal(event.first_observation, kind == EVENT_SEEN);
                assert_non_null(event.record.description.data);
                if (event_kind_is_of_api(event.kind)) {
                        assert_int_equal(event.record.id, 0);
                } else {
                        assert_int_equal(event_kind_is_terminal(event.kind),
                                         outcome_is_terminal(event.outcome));
                        assert_non_null(event.record.status.data);
                }
                event_clear(&event);
        }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
        static const struct CMUnitTest tests[] = {
                TEST(test_the_program_gets_an_event_that_is_marked),
                TEST(test_a_failure_is_explained),
                TEST(test_one_that_cannot_be_started_has_failed),
                TEST(test_the_beginning_of_the_output_is_kept),
                TEST(test_a_receiver_that_cannot_be_reached_is_named),
                TEST(test_few_run_at_a_time),
                TEST(test_results_are_kept_for_ten_minutes),
                TEST(test_so_many_results_are_kept),
                cmocka_unit_test(test_made_up_events_are_consistent),
        };

        return cmocka_run_group_tests_name("hook_test", tests, NULL, NULL);
}
