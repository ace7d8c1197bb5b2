/* SPDX-License-Identifier: MIT */

/*
 * The monitor with a real state and its writer's thread, against an API in the same event loop. The tests
 * hold the writer up, as a slow disk does, and look at what goes on meanwhile.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "app/reload.h"
#include "journal_capture.h"
#include "loopback.h"
#include "state_fixture.h"
#include "util/cleanup.h"
#include "util/container.h"
#include "util/timespan.h"

#include "config_helpers.h" /* after cmocka.h */

#define JOBS 5

struct monitor_test {
        sd_event *event;
        struct fixture *files; /* only the directory is used */
        struct loopback *server;
        struct journal *journal;
        struct config *config;
        struct state *state;
        struct outbox *outbox;
        struct api_connection connection;
        struct recorder *recorder;
        struct monitor *monitor;
        struct reload *reload;
        const char *status[JOBS + 1]; /* what the API answers, by id; NULL: no such job */
        unsigned polls[JOBS + 1];
        unsigned idle, reloads, refusals;

        struct state_operation hold, limit;
        int gate;
        uint64_t max_size;
        unsigned held; /* hold and limit operations that are done */
};

/* ---- the API ---- */

static void serve(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        struct monitor_test *test = userdata;
        char answer[128];

        (void)body;
        const char *path = strstr(head, "jobs/");
        assert_non_null(path);
        size_t id = strtoul(path + strlen("jobs/"), NULL, 10);
        assert_in_range(id, 1, JOBS);
        test->polls[id]++;
        (void)snprintf(answer, sizeof(answer), "{\"Id\":%zu,\"Status\":\"%s\",\"ResultData\":null}", id,
                       test->status[id] != NULL ? test->status[id] : "Running");
        loopback_answer(peer, "200 OK", "", answer, strlen(answer));
}

/* ---- the writer ---- */

/* Returns when the test opens the gate. */
static int hold_run(struct state_operation *operation, struct store *store)
{
        const struct monitor_test *test = CONTAINER_OF(operation, struct monitor_test, hold);
        eventfd_t count;

        (void)store;
        return eventfd_read(test->gate, &count) == 0 ? 0 : -errno;
}

static void hold_done(struct state_operation *operation, int r)
{
        assert_int_equal(r, 0);
        CONTAINER_OF(operation, struct monitor_test, hold)->held++;
}

static void hold(struct monitor_test *test)
{
        test->hold = (struct state_operation){ .run = hold_run, .done = hold_done };
        state_queue(test->state, &test->hold);
}

static void release(struct monitor_test *test)
{
        assert_int_equal(eventfd_write(test->gate, 1), 0);
}

static int limit_run(struct state_operation *operation, struct store *store)
{
        store_set_max_size(store, CONTAINER_OF(operation, struct monitor_test, limit)->max_size);
        return 0;
}

static void limit_done(struct state_operation *operation, int r)
{
        assert_int_equal(r, 0);
        CONTAINER_OF(operation, struct monitor_test, limit)->held++;
}

/* With a size of 1 nothing can be recorded; 0: no limit. */
static void limit(struct monitor_test *test, uint64_t size)
{
        test->max_size = size;
        test->limit = (struct state_operation){ .run = limit_run, .done = limit_done };
        unsigned done = test->held + 1;
        state_queue(test->state, &test->limit);
        loop_until(test->event, &test->held, done);
}

/* ---- the daemon ---- */

static void on_idle(void *userdata)
{
        ((struct monitor_test *)userdata)->idle++;
}

static bool reread_token(void *userdata)
{
        (void)userdata;
        return false;
}

static void on_reload_end(void *userdata, bool succeeded)
{
        struct monitor_test *test = userdata;

        *(succeeded ? &test->reloads : &test->refusals) += 1;
}

static void write_config(const struct monitor_test *test, const char *jobs)
{
        char text[1024];

        (void)snprintf(
                text, sizeof(text),
                "[api]\nbase_url = %s\ntoken_file = %s\n[poll]\ninterval = 100ms\nmax_interval = 100ms\n"
                "batch = off\n[limits]\nmin_spacing = 0\nper_minute = 0\nper_hour = 0\nper_day = 0\n"
                "[jobs]\nids = %s\n[log]\nlevel = err\n[state]\ndirectory = %s\nmax_size = 1G\n",
                loopback_url(test->server, ""), fixture_path(test->files, "token"), jobs,
                test->files->directory);
        fixture_write_file(fixture_path(test->files, "config.ini"), text, strlen(text));
}

static struct config *load_config(const struct monitor_test *test)
{
        struct config_problems problems = { .items = NULL };
        struct config *config = NULL;

        int r = config_load(fixture_path(test->files, "config.ini"), &no_overrides, &problems, &config);
        if (r < 0)
                fail_msg("%s", problems.count > 0 ? problems.items[0].message : strerror(-r));
        config_problems_clear(&problems);
        return config;
}

static void on_outbox_idle(void *userdata)
{
        (void)userdata;
}

static void build(struct monitor_test *test)
{
        const struct outbox_parts outbox = {
                .event = test->event,
                .state = test->state,
                .journal = test->journal,
                .config = test->config,
                .on_idle = on_outbox_idle,
                .userdata = test,
        };
        const struct api_connection_parts api = {
                .event = test->event,
                .state = test->state,
                .journal = test->journal,
                .config = test->config,
                .userdata = test,
        };

        assert_int_equal(api_connection_open(&api, &test->connection), EXIT_STATUS_SUCCESS);
        struct outbox_load *load;
        assert_int_equal(outbox_load(state_store(test->state), test->config, &load), 0);
        assert_int_equal(outbox_new(&outbox, load, &test->outbox), 0);
        outbox_load_free(load);
        assert_int_equal(recorder_new(test->event, test->state, test->outbox, test->journal, test->config,
                                      &test->recorder),
                         0);
        const struct monitor_parts monitor = {
                .event = test->event,
                .nexudus = test->connection.nexudus,
                .state = test->state,
                .recorder = test->recorder,
                .journal = test->journal,
                .config = test->config,
                .on_idle = on_idle,
                .reread_token = reread_token,
                .userdata = test,
        };
        assert_int_equal(monitor_new(&monitor, &test->monitor), 0);
        const struct reload_parts reload = {
                .path = fixture_path(test->files, "config.ini"),
                .overrides = &no_overrides,
                .config = &test->config,
                .state = test->state,
                .journal = test->journal,
                .outbox = test->outbox,
                .recorder = test->recorder,
                .monitor = test->monitor,
                .connection = &test->connection,
                .api = api,
                .on_end = on_reload_end,
                .userdata = test,
        };
        assert_int_equal(reload_new(&reload, &test->reload), 0);
}

/* Jobs 1 and 2 have been seen. */
static int setup(void **state)
{
        const struct log_config settings = { .level = LOG_ERR, .target = LOG_TARGET_JOURNAL };
        struct monitor_test *test = calloc(1, sizeof(*test));
        char *message = NULL;
        void *files;

        assert_non_null(test);
        capture_reset();
        assert_int_equal(fixture_setup(&files), 0);
        test->files = files;
        fixture_close(test->files);
        assert_true(sd_event_new(&test->event) >= 0);
        test->server = loopback_new(test->event, serve, test);
        test->gate = eventfd(0, EFD_CLOEXEC);
        fixture_write_file(fixture_path(test->files, "token"), "token\n", 6);
        assert_int_equal(chmod(fixture_path(test->files, "token"), 0600), 0);
        write_config(test, "1, 2");
        test->config = load_config(test);
        assert_int_equal(journal_open(&settings, &test->journal), 0);
        assert_int_equal(state_open(test->event, test->files->directory, &message, &test->state), 0);
        build(test);
        assert_int_equal(recorder_replay(test->recorder), 0);
        monitor_start(test->monitor);
        assert_int_equal(state_start(test->state), 0);
        while (capture_count() < 2)
                assert_true(sd_event_run(test->event, UINT64_MAX) > 0);
        *state = test;
        return 0;
}

static int teardown(void **state)
{
        struct monitor_test *test = *state;
        void *files = test->files;

        monitor_stop(test->monitor);
        reload_stop(test->reload);
        state_close(test->state);
        reload_free(test->reload);
        monitor_free(test->monitor);
        recorder_free(test->recorder);
        outbox_free(test->outbox);
        api_connection_close(&test->connection);
        journal_close(test->journal);
        config_free(test->config);
        loopback_free(test->server);
        close(test->gate);
        sd_event_unref(test->event);
        assert_int_equal(fixture_teardown(&files), 0);
        capture_reset();
        free(test);
        return 0;
}

static void wait_for_polls(struct monitor_test *test, size_t job, unsigned more)
{
        loop_until(test->event, &test->polls[job], test->polls[job] + more);
}

/* Answers the next poll of a job with another Status, and waits until that is on its way to the disk. */
static void change(struct monitor_test *test, size_t job, const char *status)
{
        test->status[job] = status;
        wait_for_polls(test, job, 1);
        wait_for_polls(test, 3 - job, 3); /* the response has arrived */
}

/* ---- a slow disk ---- */

static void test_only_the_job_that_changed_waits_for_the_disk(void **state)
{
        struct monitor_test *test = *state;

        hold(test);
        change(test, 1, "Queued");
        unsigned polls = test->polls[1];
        wait_for_polls(test, 2, 10);
        assert_int_equal(test->polls[1], polls);
        assert_int_equal(capture_count(), 2); /* nothing is reported */

        release(test);
        wait_for_polls(test, 1, 3);
        assert_int_equal(capture_count(), 3);
        expect_field("JOBWATCH_JOB", "1");
        expect_field("JOBWATCH_STATUS", "Queued");
        expect_field("JOBWATCH_STATUS_BEFORE", "Running");
}

static void test_the_end_waits_for_the_disk(void **state)
{
        struct monitor_test *test = *state;

        test->status[2] = "Failed";
        while (capture_count() < 3)
                assert_true(sd_event_run(test->event, UINT64_MAX) > 0);
        hold(test);
        test->status[1] = "Completed";
        wait_for_polls(test, 1, 1);
        loop_for(test->event, 300 * USEC_PER_MSEC); /* longer than the interval: it is not polled again */
        assert_int_equal(test->idle, 0);
        assert_false(monitor_is_idle(test->monitor));
        assert_int_equal(monitor_count(test->monitor).succeeded, 0);

        release(test);
        loop_until(test->event, &test->idle, 1);
        assert_true(monitor_is_idle(test->monitor));
        assert_int_equal(monitor_count(test->monitor).succeeded, 1);
        expect_field("JOBWATCH_EVENT", "succeeded");
}

static void test_a_change_that_was_not_recorded_is_found_by_the_next_poll(void **state)
{
        struct monitor_test *test = *state;

        limit(test, 1);
        test->status[1] = "Queued";
        wait_for_polls(test, 1, 4);
        assert_int_equal(capture_count(), 3);
        expect_field("PRIORITY", "3"); /* the state cannot be saved: once */

        limit(test, 0);
        wait_for_polls(test, 1, 4);
        assert_int_equal(capture_count(), 4);
        expect_field("JOBWATCH_STATUS", "Queued");
        expect_field("JOBWATCH_STATUS_BEFORE", "Running");
}

/* ---- reloads ---- */

static void reload_to(struct monitor_test *test, const char *jobs)
{
        write_config(test, jobs);
        reload_request(test->reload);
}

static void test_a_reload_waits_for_the_state_and_polling_goes_on(void **state)
{
        struct monitor_test *test = *state;

        hold(test);
        reload_to(test, "1, 2, 3");
        wait_for_polls(test, 1, 5);
        assert_int_equal(test->reloads, 0);
        assert_int_equal(test->polls[3], 0);
        assert_int_equal(monitor_count(test->monitor).watched, 2);

        release(test);
        wait_for_polls(test, 3, 2);
        assert_int_equal(test->reloads, 1);
        assert_int_equal(monitor_count(test->monitor).watched, 3);
}

static void test_a_reload_that_is_requested_meanwhile_follows(void **state)
{
        struct monitor_test *test = *state;

        hold(test);
        reload_to(test, "1, 2, 3");
        reload_to(test, "2, 4");
        reload_to(test, "2, 5");
        release(test);
        loop_until(test->event, &test->reloads, 2);
        wait_for_polls(test, 5, 2);
        assert_int_equal(test->polls[4], 0);
        assert_int_equal(test->reloads, 2);
        assert_int_equal(monitor_count(test->monitor).watched, 2);
}

static void test_a_stop_abandons_the_reload(void **state)
{
        struct monitor_test *test = *state;

        hold(test);
        reload_to(test, "1, 2, 3");
        reload_to(test, "3");
        reload_stop(test->reload);
        release(test);
        loop_until(test->event, &test->held, 1);
        wait_for_polls(test, 1, 3);
        assert_int_equal(test->reloads + test->refusals, 0);
        assert_int_equal(monitor_count(test->monitor).watched, 2);
}

static void test_a_refused_reload_is_followed_by_the_next(void **state)
{
        struct monitor_test *test = *state;

        reload_to(test, "nonsense");
        assert_int_equal(test->refusals, 1);
        reload_to(test, "1, 2, 3");
        wait_for_polls(test, 3, 1);
        assert_int_equal(test->reloads, 1);
}

/* The event was true, and is recorded; nothing is left to be planned. */
static void test_a_job_is_removed_while_its_change_is_committed(void **state)
{
        struct monitor_test *test = *state;

        hold(test);
        change(test, 1, "Queued");
        unsigned polls = test->polls[1];
        reload_to(test, "2");
        release(test);
        loop_until(test->event, &test->reloads, 1);
        wait_for_polls(test, 2, 5);
        assert_int_equal(test->polls[1], polls);
        assert_int_equal(capture_count(), 3);
        expect_field("JOBWATCH_STATUS", "Queued");

        /* What was recorded of it is known when it returns. */
        reload_to(test, "1, 2");
        wait_for_polls(test, 1, 3);
        assert_int_equal(capture_count(), 3);
}

/* The commit is not that of the new object. */
static void test_a_job_that_returns_is_loaded_after_its_commit(void **state)
{
        struct monitor_test *test = *state;

        hold(test);
        change(test, 1, "Queued");
        reload_to(test, "2");
        reload_to(test, "1, 2");
        release(test);
        loop_until(test->event, &test->reloads, 2);
        wait_for_polls(test, 1, 3);
        assert_int_equal(capture_count(), 3);
        expect_field("JOBWATCH_STATUS", "Queued");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_only_the_job_that_changed_waits_for_the_disk),
                TEST(test_the_end_waits_for_the_disk),
                TEST(test_a_change_that_was_not_recorded_is_found_by_the_next_poll),
                TEST(test_a_reload_waits_for_the_state_and_polling_goes_on),
                TEST(test_a_reload_that_is_requested_meanwhile_follows),
                TEST(test_a_stop_abandons_the_reload),
                TEST(test_a_refused_reload_is_followed_by_the_next),
                TEST(test_a_job_is_removed_while_its_change_is_committed),
                TEST(test_a_job_that_returns_is_loaded_after_its_commit),
        };

        return cmocka_run_group_tests_name("monitor", tests, NULL, NULL);
}
