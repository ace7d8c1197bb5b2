/* SPDX-License-Identifier: MIT */

/* See monitor_fixture.h. */

#include "monitor_fixture.h"

#include <sys/eventfd.h>
#include <sys/stat.h>

#include "state_open.h"
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

/* ---- the account ---- */

static struct account_job *find_account_job(struct monitor_test *test, size_t id)
{
        for (size_t i = 0; i < test->account_count; i++)
                if (test->account[i].id == id)
                        return &test->account[i];
        return NULL;
}

static void format_account_job(const struct account_job *job, bool is_brief, char *text, size_t size)
{
        size_t used =
                (size_t)snprintf(text, size,
                                 "{\"Id\":%u,\"Status\":\"%s\",\"ResultData\":null,\"CreatedOn\":\"%s\","
                                 "\"UpdatedOn\":\"%s\"",
                                 job->id, job->status, job->created, job->updated);
        if (!is_brief)
                used += (size_t)snprintf(text + used, size - used, ",\"Description\":\"%s\"",
                                         job->description);
        assert_true(used + 1 < size);
        strcpy(text + used, "}");
}

static int compare_created(const void *left_pointer, const void *right_pointer)
{
        const struct account_job *left = *(struct account_job *const *)left_pointer;
        const struct account_job *right = *(struct account_job *const *)right_pointer;

        return strcmp(right->created, left->created);
}

static int compare_updated(const void *left_pointer, const void *right_pointer)
{
        const struct account_job *left = *(struct account_job *const *)left_pointer;
        const struct account_job *right = *(struct account_job *const *)right_pointer;

        return strcmp(right->updated, left->updated);
}

static size_t parameter(const char *head, const char *name)
{
        const char *found = strstr(head, name);

        assert_non_null(found);
        return strtoul(found + strlen(name), NULL, 10);
}

/* Newest first whatever `dir` is. */
static void serve_search(struct monitor_test *test, struct loopback_peer *peer, const char *head)
{
        struct account_job *jobs[ACCOUNT_JOBS];
        size_t page = parameter(head, "page="), size = parameter(head, "size="), first = (page - 1) * size;
        bool by_created = strstr(head, "orderBy=CreatedOn") != NULL;
        char answer[400 * ACCOUNT_JOBS] = "{\"Records\":[";

        test->searches[by_created]++;
        if (by_created && test->created_max > 0 && size > test->created_max) {
                loopback_answer(peer, "500 Internal Server Error", "", "", 0);
                return;
        }
        if (test->search_failure[by_created] != NULL) {
                loopback_answer(peer, test->search_failure[by_created], "", "", 0);
                return;
        }
        if (test->loses_large && !by_created && size > 25) {
                strcat(answer, "],\"CurrentPage\":7,\"HasNextPage\":true}");
                loopback_answer(peer, "200 OK", "", answer, strlen(answer));
                return;
        }
        for (size_t i = 0; i < test->account_count; i++)
                jobs[i] = &test->account[i];
        if (test->account_count > 0)
                qsort(jobs, test->account_count, sizeof(jobs[0]),
                      by_created ? compare_created : compare_updated);
        for (size_t i = first; i < first + size && i < test->account_count; i++) {
                size_t used = strlen(answer);
                if (i > first)
                        answer[used++] = ',';
                format_account_job(jobs[i], jobs[i]->is_brief, answer + used, sizeof(answer) - used);
        }
        size_t used = strlen(answer);
        (void)snprintf(answer + used, sizeof(answer) - used,
                       "],\"CurrentPage\":%zu,\"TotalItems\":%zu,\"HasNextPage\":%s}", page,
                       test->account_count, first + size < test->account_count ? "true" : "false");
        loopback_answer(peer, "200 OK", "", answer, strlen(answer));
}

static void serve_account_job(struct account_job *job, struct loopback_peer *peer)
{
        char answer[400];

        job->polls++;
        format_account_job(job, false, answer, sizeof(answer));
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
        const char *path = strstr(head, "businessbackgroundjobs");
        assert_non_null(path);
        path += strlen("businessbackgroundjobs");
        size_t id = strtoul(path + 1, NULL, 10);
        if (test->all != NULL)
                loopback_answer(peer, test->all, test->headers != NULL ? test->headers : "", "", 0);
        else if (*path == '?')
                serve_search(test, peer, head);
        else if (id == 0)
                serve_batch(test, peer);
        else if (find_account_job(test, id) != NULL)
                serve_account_job(find_account_job(test, id), peer);
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

static void write_config(const struct monitor_test *test, const struct monitor_options *options)
{
        char text[2048];

        (void)snprintf(
                text, sizeof(text),
                "[api]\nbase_url = %s\ntoken_file = %s\n[poll]\ninterval = 100ms\nmax_interval = 100ms\n"
                "batch = off\n[limits]\nmin_spacing = 0\nper_minute = 0\nper_hour = 0\nper_day = 0\n"
                "[jobs]\n%s%s\n[log]\nlevel = err\n[state]\ndirectory = %s\nmax_size = 1G\n%s",
                loopback_url(test->server, options->path != NULL ? options->path : ""),
                fixture_path(test->files, "token"), options->jobs != NULL ? "ids = " : "",
                options->jobs != NULL ? options->jobs : "", test->files->directory,
                options->more != NULL ? options->more : "");
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
                .config = test->parts.config,
                .on_idle = on_outbox_idle,
                .userdata = test,
        };
        const struct api_connection_parts api = {
                .event = test->event,
                .state = test->state,
                .journal = test->journal,
                .config = test->parts.config,
                .userdata = test,
        };

        assert_int_equal(api_connection_open(&api, &test->parts.connection), EXIT_STATUS_SUCCESS);
        struct outbox_load *load;
        assert_int_equal(outbox_load(state_store(test->state), test->parts.config, &load), 0);
        assert_int_equal(outbox_new(&outbox, load, &test->outbox), 0);
        outbox_load_free(load);
        test->recorder =
                recorder_new(test->event, test->state, test->outbox, test->journal, test->parts.config);
        const struct monitor_parts monitor = {
                .event = test->event,
                .nexudus = test->parts.connection.nexudus,
                .state = test->state,
                .recorder = test->recorder,
                .journal = test->journal,
                .config = test->parts.config,
                .once = once,
                .on_idle = on_idle,
                .reread_token = reread_token,
                .userdata = test,
        };
        assert_int_equal(monitor_new(&monitor, &test->monitor), 0);
        test->options = (struct daemon_options){ .path = fixture_path(test->files, "config.ini"),
                                                 .overrides = &no_overrides };
        test->parts.options = &test->options;
        test->parts.state = test->state;
        test->parts.journal = test->journal;
        test->parts.outbox = test->outbox;
        test->parts.recorder = test->recorder;
        test->parts.monitor = test->monitor;
        test->parts.api = api;
        test->reload = reload_new(&test->parts, on_reload_end, test);
}

/* Begins a run with the files of the test. */
static void start(struct monitor_test *test, const struct monitor_options *options)
{
        const struct log_config settings = { .level = options->level, .target = LOG_TARGET_JOURNAL };
        char *message = NULL;

        write_config(test, options);
        test->parts.config = load_config(test);
        assert_int_equal(journal_open(&settings, &test->journal), 0);
        assert_int_equal(state_open(test->event, test->files->directory, &message, &test->state), 0);
        build(test, options->once);
        assert_int_equal(recorder_replay(test->recorder), 0);
        monitor_start(test->monitor);
        assert_int_equal(state_start(test->state), 0);
}

static void stop(struct monitor_test *test)
{
        monitor_stop(test->monitor);
        reload_stop(test->reload);
        state_close(test->state);
        reload_free(test->reload);
        monitor_free(test->monitor);
        recorder_free(test->recorder);
        outbox_free(test->outbox);
        api_connection_close(&test->parts.connection);
        journal_close(test->journal);
        config_free(test->parts.config);
}

void monitor_restart(void **state, const struct monitor_options *options)
{
        struct monitor_test *test = *state;

        stop(test);
        start(test, options);
}

void monitor_begin(void **state, const struct monitor_options *options)
{
        struct monitor_test *test = calloc(1, sizeof(*test));
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
        start(test, options);
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

        stop(test);
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
        reload_to_options(test, &(const struct monitor_options){ .jobs = jobs });
}

void reload_to_options(struct monitor_test *test, const struct monitor_options *options)
{
        write_config(test, options);
        reload_request(test->reload);
}
