/* SPDX-License-Identifier: MIT */

/* See monitor_fixture.h. */

#include "monitor_fixture.h"

#include <sys/eventfd.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/container.h"

#include "config_helpers.h" /* after cmocka.h */

/* Nothing takes that long, even on a loaded machine. */
#define LIMIT_US (60 * USEC_PER_SEC)

/* ---- the API ---- */

static void answer_record(const struct monitor_test *test, struct loopback_peer *peer, size_t id)
{
        char answer[128];

        (void)snprintf(answer, sizeof(answer), "{\"Id\":%zu,\"Status\":\"%s\",\"ResultData\":null}", id,
                       test->status[id] != NULL ? test->status[id] : "Running");
        loopback_answer(peer, "200 OK", "", answer, strlen(answer));
}

static void serve_single(struct monitor_test *test, struct loopback_peer *peer, size_t id)
{
        test->polls[id]++;
        if (test->is_withheld[id])
                test->withheld[id] = peer;
        else if (test->failure[id] != NULL)
                loopback_answer(peer, test->failure[id], "", "", 0);
        else
                answer_record(test, peer, id);
}

/* Of all jobs, whichever were requested. */
static void serve_batch(const struct monitor_test *test, struct loopback_peer *peer)
{
        char answer[64 * JOBS] = "[";

        for (size_t id = 1; id <= JOBS; id++) {
                size_t size = strlen(answer);
                (void)snprintf(answer + size, sizeof(answer) - size, "%s{\"Id\":%zu,\"Status\":\"%s\"}",
                               id > 1 ? "," : "", id,
                               test->status[id] != NULL ? test->status[id] : "Running");
        }
        strcat(answer, "]");
        loopback_answer(peer, "200 OK", "", answer, strlen(answer));
}

static void serve(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        struct monitor_test *test = userdata;

        (void)body;
        test->requests++;
        const char *path = strstr(head, "jobs/");
        assert_non_null(path);
        size_t id = strtoul(path + strlen("jobs/"), NULL, 10);
        if (test->all != NULL)
                loopback_answer(peer, test->all, test->headers != NULL ? test->headers : "", "", 0);
        else if (id == 0)
                serve_batch(test, peer);
        else
                serve_single(test, peer, id);
}

void monitor_answer(struct monitor_test *test, size_t job)
{
        assert_true(loopback_is_open(test->server, test->withheld[job]));
        answer_record(test, test->withheld[job], job);
        test->withheld[job] = NULL;
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

void hold(struct monitor_test *test)
{
        test->hold = (struct state_operation){ .run = hold_run, .done = hold_done };
        state_queue(test->state, &test->hold);
}

void release(struct monitor_test *test)
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

void limit(struct monitor_test *test, uint64_t size)
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
        struct monitor_test *test = userdata;
        bool has_one = test->has_new_token;

        test->has_new_token = false;
        return has_one;
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

static void build(struct monitor_test *test, bool once)
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
                .once = once,
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

void monitor_begin(void **state, const struct monitor_options *options)
{
        const struct log_config settings = { .level = options->level, .target = LOG_TARGET_JOURNAL };
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
        write_config(test, options->jobs);
        test->config = load_config(test);
        assert_int_equal(journal_open(&settings, &test->journal), 0);
        assert_int_equal(state_open(test->event, test->files->directory, &message, &test->state), 0);
        build(test, options->once);
        assert_int_equal(recorder_replay(test->recorder), 0);
        monitor_start(test->monitor);
        assert_int_equal(state_start(test->state), 0);
        *state = test;
}

int monitor_setup(void **state)
{
        const struct monitor_options options = { .jobs = "1, 2", .level = LOG_ERR };

        monitor_begin(state, &options);
        wait_for_entries(*state, 2);
        return 0;
}

int monitor_teardown(void **state)
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

/* ---- what the tests do ---- */

void wait_for_polls(struct monitor_test *test, size_t job, unsigned more)
{
        loop_until(test->event, &test->polls[job], test->polls[job] + more);
}

void wait_for_entries(const struct monitor_test *test, unsigned count)
{
        while (capture_count() < count)
                assert_true(sd_event_run(test->event, LIMIT_US) > 0);
}

void change(struct monitor_test *test, size_t job, const char *status)
{
        test->status[job] = status;
        wait_for_polls(test, job, 1);
        wait_for_polls(test, 3 - job, 3); /* the response has arrived */
}

void reload_to(struct monitor_test *test, const char *jobs)
{
        write_config(test, jobs);
        reload_request(test->reload);
}
