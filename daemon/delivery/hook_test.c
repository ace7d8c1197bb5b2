/* SPDX-License-Identifier: MIT */

/*
 *      running ──(end)──> ended, released from the loop ──(ten minutes, or 64 newer ones)──> forgotten
 *
 * Released are the setup of the hook and the event: not by the callback of the end, which may still use them.
 */

#include "delivery/hook_test.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "journal/event_message.h"
#include "platform/clock.h"
#include "platform/uuid.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/text.h"
#include "util/timer.h"
#include "util/timespan.h"

#define KEEP_US         (10 * USEC_PER_MIN)
#define KEPT_MAX        64
#define OUTPUT_SIZE_MAX (16 * 1024)

struct hook_test {
        struct hook_tests *tests;
        uint64_t id;
        uid_t uid;
        enum hook_test_state state;
        char *hook, *error;
        uint64_t started_us, ended_us; /* by clock_process_us() */
        char *output;
        size_t output_size;
        struct hook_setup *setup; /* NULL: released */
        struct event event;
        struct attempt_run run;
        TAILQ_ENTRY(hook_test) entry;
};

struct hook_tests {
        struct journal *journal;
        void (*on_end)(void *userdata, const char *hook);
        void *userdata;
        sd_event_source *release;
        TAILQ_HEAD(, hook_test) all; /* the oldest first */
        size_t count;
        uint64_t last_id;
};

static void release_test(struct hook_test *test)
{
        if (test->setup == NULL)
                return;
        attempt_run_clear(&test->run);
        event_clear(&test->event);
        test->setup = hook_setup_unref(test->setup);
}

static void forget(struct hook_test *test)
{
        TAILQ_REMOVE(&test->tests->all, test, entry);
        test->tests->count--;
        release_test(test);
        free(test->hook);
        free(test->error);
        free(test->output);
        free(test);
}

static void on_release(void *userdata)
{
        struct hook_tests *tests = userdata;
        struct hook_test *test;

        for (test = TAILQ_FIRST(&tests->all); test != NULL; test = TAILQ_NEXT(test, entry))
                if (test->state != HOOK_TEST_RUNNING)
                        release_test(test);
}

static void forget_old(struct hook_tests *tests)
{
        uint64_t now_us = clock_process_us();
        struct hook_test *test, *next;

        for (test = TAILQ_FIRST(&tests->all); test != NULL; test = next) {
                next = TAILQ_NEXT(test, entry);
                if (test->state != HOOK_TEST_RUNNING &&
                    (tests->count > KEPT_MAX || test->ended_us + KEEP_US <= now_us))
                        forget(test);
        }
}

/* ---- log ---- */

static void __attribute__((format(printf, 3, 4)))
log_test(const struct hook_test *test, int priority, const char *format, ...)
{
        const struct journal_delivery about = {
                .job_id = test->event.record.id,
                .job_name = test->event.job_name.data,
                .event_id = test->event.id,
                .hook = test->hook,
                .attempt = 1,
                .uid = &test->uid,
        };
        va_list arguments;

        va_start(arguments, format);
        CLEANUP(cleanup_free) char *message = format_message_list(format, arguments);
        va_end(arguments);
        journal_print_delivery(test->tests->journal, priority, NULL, &about, "Test of hook %s: %s.",
                               test->hook, message);
}

/* ---- made-up events, as much as possible like those of a real job ---- */

/* What a job may look like after an event. */
static const struct {
        enum outcome outcome;
        const char *status, *status_before;
} cases[EVENT_KIND_COUNT] = {
        [EVENT_SEEN] = { OUTCOME_OPEN, "Running", NULL },
        [EVENT_CHANGED] = { OUTCOME_OPEN, "Running", "Queued" },
        [EVENT_SUCCEEDED] = { OUTCOME_SUCCESS, "Completed", "Running" },
        [EVENT_FAILED] = { OUTCOME_FAILURE, "Failed", "Running" },
        [EVENT_GONE] = { OUTCOME_GONE, "Running", "Running" },
        [EVENT_STALLED] = { OUTCOME_OPEN, "Running", "Running" },
        [EVENT_API_DOWN] = { OUTCOME_FAILURE, NULL, NULL },
        [EVENT_API_REFUSED] = { OUTCOME_FAILURE, NULL, NULL },
        [EVENT_API_OK] = { OUTCOME_SUCCESS, NULL, NULL },
};

static void set_text(struct text *text, const char *value)
{
        text_clear(text);
        if (value != NULL)
                text_from(value, strlen(value), text);
}

void test_event_complete(struct event *event)
{
        struct job_record *record = &event->record;

        event->test = true;
        event->sequence = 0;
        event->time_us = clock_wall_us();
        event->outcome = cases[event->kind].outcome;
        event->first_observation = event->kind == EVENT_SEEN;
        event->result_size = event->result_before_size = 0;
        text_clear(&event->result_before);
        if (event_kind_is_of_api(event->kind)) {
                job_record_clear(record);
                text_clear(&event->job_name);
        }
        record->has_status = record->has_result = !event_kind_is_of_api(event->kind);
        uuid_new(event->id);
        set_text(&record->status, cases[event->kind].status);
        set_text(&event->status_before, cases[event->kind].status_before);
        if (record->has_result)
                set_text(&record->result, "A test of this hook. Nothing has happened to the job.");
        if (record->description.data == NULL)
                set_text(&record->description,
                         record->has_result ? "A made-up job"
                                            : "A test of this hook. Nothing has happened to the API.");
}

/* ---- a test ---- */

static void add_output(struct hook_test *test, const char *data, size_t size)
{
        size_t room = OUTPUT_SIZE_MAX - test->output_size;
        size_t taken = size < room ? size : text_cut(data, size, room);

        if (room == 0 || taken == 0)
                return;
        test->output = memory_realloc(NULL, test->output, test->output_size + taken + 1);
        memcpy(test->output + test->output_size, data, taken);
        test->output_size += taken;
        test->output[test->output_size] = '\0';
}

static void on_output(void *userdata, const char *line, size_t size)
{
        struct hook_test *test = userdata;

        if (test->output_size > 0)
                add_output(test, "\n", 1);
        add_output(test, line, size);
}

static void end_test(struct hook_test *test, const char *error)
{
        char span[TIMESPAN_TEXT_MAX];

        test->ended_us = clock_process_us();
        test->state = error == NULL ? HOOK_TEST_SUCCEEDED : HOOK_TEST_FAILED;
        if (error != NULL) {
                test->error = format_message("%s", error);
                text_strip_full_stop(test->error);
                log_test(test, LOG_WARNING, "failed: %s", test->error);
        } else {
                log_test(test, LOG_INFO, "succeeded after %s",
                         timespan_format_rough(test->ended_us - test->started_us, span));
        }
        deferred_start(test->tests->release);
        test->tests->on_end(test->tests->userdata, test->hook);
}

static void on_attempt_end(void *userdata, const struct hook_end *end)
{
        struct hook_test *test = userdata;

        attempt_run_ended(&test->run);
        if (end->answer != NULL && end->success)
                add_output(test, end->answer, strlen(end->answer));
        end_test(test, end->success ? NULL : end->reason);
}

static size_t count_running(const struct hook_tests *tests)
{
        const struct hook_test *test;
        size_t count = 0;

        for (test = TAILQ_FIRST(&tests->all); test != NULL; test = TAILQ_NEXT(test, entry))
                count += test->state == HOOK_TEST_RUNNING;
        return count;
}

static void start(struct hook_test *test)
{
        const struct hook_attempt attempt = {
                .event = &test->event,
                .attempt = 1,
                .on_end = on_attempt_end,
                .on_output = on_output,
                .userdata = test,
        };
        CLEANUP(cleanup_free) char *reason = NULL;

        int r = hook_setup_start(test->setup, attempt, &reason, &test->run);
        if (r < 0)
                end_test(test, reason != NULL ? reason : strerror(-r));
}

int hook_tests_start(struct hook_tests *tests, struct hook_setup *setup, struct event *event, uid_t uid,
                     uint64_t *ret_id)
{
        if (count_running(tests) >= HOOK_TESTS_RUNNING_MAX)
                return -EBUSY;
        struct hook_test *test = memory_malloc(NULL, sizeof(*test));
        *test = (struct hook_test){
                .tests = tests,
                .id = ++tests->last_id,
                .uid = uid,
                .hook = format_message("%s", setup->hook->name),
                .started_us = clock_process_us(),
                .setup = hook_setup_ref(setup),
                .event = *event,
        };
        *event = (struct event){ .sequence = 0 };
        TAILQ_INSERT_TAIL(&tests->all, test, entry);
        tests->count++;
        log_test(test, LOG_NOTICE, "started by user %u with a made-up event \"%s\"", (unsigned)uid,
                 event_kind_to_string(test->event.kind));
        *ret_id = test->id;
        start(test);
        forget_old(tests);
        return 0;
}

int hook_tests_find(struct hook_tests *tests, uint64_t id, struct hook_test_result *ret_result)
{
        const struct hook_test *test;

        forget_old(tests);
        for (test = TAILQ_FIRST(&tests->all); test != NULL && test->id != id; test = TAILQ_NEXT(test, entry))
                ;
        if (test == NULL)
                return 0;
        uint64_t until_us = test->state == HOOK_TEST_RUNNING ? clock_process_us() : test->ended_us;
        *ret_result = (struct hook_test_result){
                .id = id,
                .hook = test->hook,
                .state = test->state,
                .error = test->error,
                .duration_us = until_us - test->started_us,
                .output = test->output != NULL ? test->output : "",
                .output_size = test->output_size,
        };
        return 1;
}

void hook_tests_stop(struct hook_tests *tests)
{
        struct hook_test *test;

        for (test = TAILQ_FIRST(&tests->all); test != NULL; test = TAILQ_NEXT(test, entry))
                if (test->state == HOOK_TEST_RUNNING) {
                        attempt_run_clear(&test->run);
                        end_test(test, "the daemon is stopping");
                }
}

/* ---- life ---- */

struct hook_tests *hook_tests_new(sd_event *event, struct journal *journal,
                                  void (*on_end)(void *userdata, const char *hook), void *userdata)
{
        struct hook_tests *tests = memory_malloc(NULL, sizeof(*tests));

        /* Deliveries are counted from 1. A later run has other ids than this one. */
        *tests = (struct hook_tests){
                .journal = journal, .on_end = on_end, .userdata = userdata, .last_id = clock_wall_us()
        };
        TAILQ_INIT(&tests->all);
        tests->release = deferred_new(event, on_release, tests);
        return tests;
}

struct hook_tests *hook_tests_free(struct hook_tests *tests)
{
        if (tests == NULL)
                return NULL;
        while (!TAILQ_EMPTY(&tests->all))
                forget(TAILQ_FIRST(&tests->all));
        sd_event_source_disable_unref(tests->release);
        free(tests);
        return NULL;
}
