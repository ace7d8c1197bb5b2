/* SPDX-License-Identifier: MIT */

/*
 * The log sender, with a datagram socket as the journal, which blocks like that of journald once it is full.
 * The test is the loop: it logs, runs the loop, and reads the socket or does not.
 */

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "journal/journal.h"
#include "util/timespan.h"

#define QUEUE_BYTES ((size_t)4 << 20)
#define EVENTS_MAX  20000

/* Longer fields are cut, as the socket takes no datagram of megabytes. */
#define DATAGRAM_FIELD_MAX 1000

/* For a loaded machine under a sanitizer. What blocks does so for ever. */
#define LIMIT_US (60 * USEC_PER_SEC)

static int sending = -1;                                 /* what stands for the socket of journald */
static _Atomic(uint64_t) failing_event;                  /* with -ENOBUFS; 0: none */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* nothing is sent while the test holds it */

struct scene {
        sd_event *event;
        struct journal *journal;
        int socket; /* the end of journald */

        /* The owner of the events, as a state would be. */
        uint64_t recorded;         /* their ids are 1 to this */
        bool sent[EVENTS_MAX + 1]; /* on_sent() was called */
        bool waiting;              /* one was refused: later ones are not logged before on_drained() */
        unsigned drained;
        int drained_with;

        /* What journald has read. */
        uint64_t events[EVENTS_MAX + 1];
        size_t event_count;
        uint64_t last_number; /* of numbered messages */
        size_t number_count;
        char last_message[1024];
};

/* ---- journald ---- */

int __wrap_sd_journal_sendv(const struct iovec *fields, int count);
int __wrap_access(const char *path, int mode);

int __wrap_sd_journal_sendv(const struct iovec *fields, int count)
{
        struct iovec lines[64];
        const struct msghdr message = { .msg_iov = lines, .msg_iovlen = (size_t)count * 2 };
        static char newline[] = "\n";

        for (int i = 0; i < count; i++) {
                if (strncmp(fields[i].iov_base, "JOBWATCH_SEQUENCE=", strlen("JOBWATCH_SEQUENCE=")) == 0 &&
                    strtoull((char *)fields[i].iov_base + strlen("JOBWATCH_SEQUENCE="), NULL, 10) ==
                            atomic_load(&failing_event))
                        return -ENOBUFS;
                lines[2 * i] = fields[i];
                if (lines[2 * i].iov_len > DATAGRAM_FIELD_MAX)
                        lines[2 * i].iov_len = DATAGRAM_FIELD_MAX;
                lines[2 * i + 1] = (struct iovec){ newline, 1 };
        }
        assert_int_equal(pthread_mutex_lock(&gate), 0);
        assert_int_equal(pthread_mutex_unlock(&gate), 0);
        return sendmsg(sending, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int __wrap_access(const char *path, int mode)
{
        (void)path;
        (void)mode;
        return 0;
}

/* Reads one entry, if there is one. */
static bool read_entry(struct scene *scene)
{
        char text[64 * DATAGRAM_FIELD_MAX];

        ssize_t size = recv(scene->socket, text, sizeof(text) - 1, MSG_DONTWAIT);
        if (size < 0)
                return false;
        text[size] = '\0';
        assert_int_equal(strncmp(text, "MESSAGE=", 8), 0);
        assert_non_null(strstr(text, "\nJOBWATCH_TIME=20"));
        (void)snprintf(scene->last_message, sizeof(scene->last_message), "%.*s", (int)strcspn(text + 8, "\n"),
                       text + 8);
        const char *sequence = strstr(text, "\nJOBWATCH_SEQUENCE=");
        if (sequence != NULL) {
                assert_true(scene->event_count < EVENTS_MAX);
                scene->events[scene->event_count++] = strtoull(sequence + 19, NULL, 10);
        } else if (strncmp(text + 8, "number ", 7) == 0) {
                uint64_t number = strtoull(text + 15, NULL, 10);

                assert_true(number > scene->last_number); /* the order is kept */
                scene->last_number = number;
                scene->number_count++;
        }
        return true;
}

/* ---- the loop ---- */

static uint64_t now_us(void)
{
        struct timespec now;

        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

static struct event make_event(uint64_t number)
{
        struct event event = {
                .sequence = number,
                .kind = EVENT_CHANGED,
                .time_us = 1700000000000000,
                .record = { .id = 7, .status = TEXT_LITERAL("Running"), .has_status = true },
        };

        (void)snprintf(event.id, sizeof(event.id), "%036" PRIu64, number);
        return event;
}

/* Logs the events that were not sent, in order, until one is refused. Only when none is queued. */
static void log_waiting(struct scene *scene)
{
        scene->waiting = false;
        for (uint64_t i = 1; i <= scene->recorded && !scene->waiting; i++)
                if (!scene->sent[i]) {
                        const struct event event = make_event(i);
                        scene->waiting = journal_event(scene->journal, &event) < 0;
                }
}

static void record_event(struct scene *scene)
{
        const struct event event = make_event(++scene->recorded);

        assert_true(scene->recorded <= EVENTS_MAX);
        if (!scene->waiting)
                scene->waiting = journal_event(scene->journal, &event) < 0;
}

static void on_sent(void *userdata, const char *event_id)
{
        struct scene *scene = userdata;
        uint64_t number = strtoull(event_id, NULL, 10);

        assert_in_range(number, 1, EVENTS_MAX);
        assert_false(scene->sent[number]);
        scene->sent[number] = true;
}

static void on_drained(void *userdata, int r)
{
        struct scene *scene = userdata;

        scene->drained++;
        scene->drained_with = r;
        log_waiting(scene);
}

static void run_loop(struct scene *scene)
{
        assert_true(sd_event_run(scene->event, 1000) >= 0);
}

/* Until journald has read everything. */
static void read_all(struct scene *scene)
{
        const uint64_t end_us = now_us() + LIMIT_US;

        do {
                run_loop(scene);
                while (read_entry(scene))
                        ;
                assert_true(now_us() < end_us);
        } while (!journal_is_idle(scene->journal));
        while (read_entry(scene))
                ;
}

static int scene_setup(void **state)
{
        const struct log_config settings = { .level = LOG_INFO, .target = LOG_TARGET_JOURNAL };
        struct scene *scene = calloc(1, sizeof(*scene));
        const struct journal_callbacks callbacks = {
                .on_sent = on_sent,
                .on_drained = on_drained,
                .userdata = scene,
        };
        int sockets[2];

        assert_non_null(scene);
        assert_return_code(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sockets), errno);
        sending = sockets[0];
        scene->socket = sockets[1];
        assert_true(sd_event_new(&scene->event) >= 0);
        assert_int_equal(journal_open(&settings, &scene->journal), 0);
        journal_set_callbacks(scene->journal, &callbacks);
        assert_int_equal(journal_start(scene->journal, scene->event), 0);
        *state = scene;
        return 0;
}

static int scene_teardown(void **state)
{
        struct scene *scene = *state;

        (void)pthread_mutex_trylock(&gate); /* a test that has failed holds it */
        (void)pthread_mutex_unlock(&gate);
        assert_null(journal_close(scene->journal));
        sd_event_unref(scene->event);
        close(scene->socket);
        close(sending);
        atomic_store(&failing_event, 0);
        free(scene);
        return 0;
}

static void close_gate(void)
{
        assert_int_equal(pthread_mutex_lock(&gate), 0);
}

static void open_gate(void)
{
        assert_int_equal(pthread_mutex_unlock(&gate), 0);
}

/* Every event was logged once, and in order. */
static void check_events(const struct scene *scene)
{
        assert_int_equal(scene->event_count, scene->recorded);
        for (uint64_t i = 0; i < scene->recorded; i++) {
                assert_int_equal(scene->events[i], i + 1);
                assert_true(scene->sent[i + 1]);
        }
}

/* ---- the tests ---- */

static void test_the_order_is_kept(void **state)
{
        struct scene *scene = *state;

        for (unsigned i = 1; i <= 500; i++) {
                journal_print(scene->journal, LOG_INFO, "number %u", i);
                record_event(scene);
                if (i % 50 == 0)
                        run_loop(scene);
        }
        read_all(scene);
        check_events(scene);
        assert_int_equal(scene->number_count, 500);
        assert_string_equal(scene->last_message, "Job 7: (none) → Running");
        assert_int_equal(scene->drained, 0);
}

/* Five times what the queue holds, while nobody reads the socket. */
static void test_a_stopped_journal(void **state)
{
        enum { COUNT = 20000 };
        struct scene *scene = *state;
        const size_t before = mallinfo2().uordblks;
        uint64_t longest_us = 0;
        size_t most = 0;

        for (unsigned i = 1; i <= COUNT; i++) {
                const uint64_t begin_us = now_us();

                journal_print(scene->journal, LOG_INFO, "number %u %0500u", i, i);
                record_event(scene);
                if (i % 10 == 0)
                        run_loop(scene);
                if (now_us() - begin_us > longest_us)
                        longest_us = now_us() - begin_us;
                const size_t used = mallinfo2().uordblks - before;
                if (used > most)
                        most = used;
        }
        print_message("The longest iteration of the loop took %" PRIu64 " us.\n", longest_us);
        assert_true(longest_us < USEC_PER_SEC); /* sending would wait for ever */
#ifndef SANITIZED
        assert_in_range(most, QUEUE_BYTES / 2, QUEUE_BYTES + QUEUE_BYTES / 8);
#endif
        assert_false(journal_is_idle(scene->journal));
        assert_true(scene->waiting);

        read_all(scene);
        check_events(scene);
        assert_true(scene->drained > 1); /* the queue has been filled again */
        assert_int_equal(scene->drained_with, -EXFULL);
        assert_true(scene->number_count > 0);
        assert_true(scene->number_count < COUNT);
}

/* Logs messages of 100 kB while nothing is sent. Returns how many were sent then. */
static size_t log_large_messages(struct scene *scene, unsigned count)
{
        scene->last_number = scene->number_count = 0;
        close_gate();
        for (unsigned i = 1; i <= count; i++)
                journal_print(scene->journal, LOG_INFO, "number %u %0100000u", i, i);
        open_gate();
        read_all(scene);
        return scene->number_count;
}

static void test_dropped_messages_are_counted(void **state)
{
        struct scene *scene = *state;
        char expected[128];

        size_t sent = log_large_messages(scene, 100);
        assert_in_range(sent, 1, QUEUE_BYTES / 100000);
        (void)snprintf(expected, sizeof(expected),
                       "%zu log entries were dropped: the journal did not accept them in time.", 100 - sent);
        assert_string_equal(scene->last_message, expected);

        assert_int_equal(log_large_messages(scene, (unsigned)sent + 1), sent);
        assert_string_equal(scene->last_message,
                            "1 log entry was dropped: the journal did not accept it in time.");
        log_large_messages(scene, (unsigned)sent);
        assert_int_equal(strncmp(scene->last_message, "number ", 7), 0);
}

static void test_output_of_hooks_displaces_nothing_else(void **state)
{
        const struct journal_delivery delivery = { .job_id = 7, .hook = "loud", .attempt = 1 };
        struct scene *scene = *state;
        enum { COUNT = 100 }; /* more than what is left when no other line has room */
        static char line[1024];

        memset(line, 'y', sizeof(line));
        close_gate();
        for (size_t size = 0; size < 2 * QUEUE_BYTES; size += sizeof(line))
                journal_print_output(scene->journal, &delivery, LOG_INFO, line, sizeof(line));
        for (unsigned i = 1; i <= COUNT; i++) {
                journal_print(scene->journal, LOG_WARNING, "number %u", i);
                record_event(scene);
        }
        open_gate();
        read_all(scene);
        assert_int_equal(scene->number_count, COUNT);
        assert_int_equal(scene->drained, 0);
        check_events(scene);
}

/* The queue is empty, so nothing is gained by refusing it. */
static void test_an_entry_larger_than_the_queue(void **state)
{
        struct log_config settings = { .level = LOG_INFO, .target = LOG_TARGET_JOURNAL, .result_bytes = 0 };
        struct scene *scene = *state;
        struct event event = make_event(1);

        journal_set(scene->journal, &settings);
        scene->recorded = 1;
        event.record.result.size = QUEUE_BYTES + 1;
        char *text = calloc(1, event.record.result.size);
        assert_non_null(text);
        memset(text, 'x', event.record.result.size);
        event.record.result.data = text;
        close_gate();
        assert_int_equal(journal_event(scene->journal, &event), 0);
        event = make_event(2);
        assert_int_equal(journal_event(scene->journal, &event), -EXFULL);
        open_gate();
        free(text);
        scene->recorded = 2;
        read_all(scene);
        check_events(scene);
}

/* Even if it would fit. A message does not wait. */
static void test_no_event_overtakes_one_that_was_refused(void **state)
{
        const struct log_config settings = { .level = LOG_INFO, .target = LOG_TARGET_JOURNAL };
        struct scene *scene = *state;
        size_t size = QUEUE_BYTES / 4;
        char *text = malloc(size);

        assert_non_null(text);
        memset(text, 'x', size);
        journal_set(scene->journal, &settings);
        close_gate();
        for (unsigned i = 1; i <= 4; i++) {
                struct event event = make_event(i);

                event.record.result = (struct text){ text, size };
                assert_int_equal(journal_event(scene->journal, &event), i <= 3 ? 0 : -EXFULL);
        }
        const struct event small = make_event(5);
        assert_int_equal(journal_event(scene->journal, &small), -EXFULL);
        journal_print(scene->journal, LOG_INFO, "number 1");
        open_gate();
        scene->recorded = 5;
        read_all(scene);
        check_events(scene);
        assert_int_equal(scene->number_count, 1);
        free(text);
}

/* Later events wait until it can be logged again, and then follow in order. */
static void test_an_event_that_cannot_be_sent(void **state)
{
        struct scene *scene = *state;

        atomic_store(&failing_event, 3);
        close_gate();
        for (unsigned i = 1; i <= 6; i++)
                record_event(scene);
        journal_print(scene->journal, LOG_INFO, "number 1");
        open_gate();
        while (scene->drained == 0)
                run_loop(scene);
        assert_int_equal(scene->drained_with, -ENOBUFS);
        assert_false(scene->sent[4]);
        atomic_store(&failing_event, 0);
        record_event(scene);
        read_all(scene);
        check_events(scene);
        assert_int_equal(scene->number_count, 1);
}

static void test_all_is_sent_before_the_end(void **state)
{
        struct scene *scene = *state;

        for (unsigned i = 0; i < 5; i++)
                record_event(scene);
        assert_true(journal_stop(scene->journal, LIMIT_US));
        while (read_entry(scene))
                ;
        check_events(scene);

        /* And from then on at once. */
        journal_print(scene->journal, LOG_INFO, "the end");
        assert_true(read_entry(scene));
        assert_string_equal(scene->last_message, "the end");
        record_event(scene);
        assert_true(read_entry(scene));
        check_events(scene);
}

/* The process ends in time while the thread waits for journald. Runs in a process of its own. */
static void end_while_stuck(struct scene *scene)
{
        const uint64_t begin_us = now_us();

        for (unsigned i = 0; i < 5000; i++)
                record_event(scene);
        bool sent = journal_stop(scene->journal, 200 * USEC_PER_MSEC);
        uint64_t took_us = now_us() - begin_us;
        journal_print(scene->journal, LOG_INFO, "lost");
        record_event(scene);
        bool was_refused = !scene->sent[scene->recorded];
        journal_close(scene->journal);
        exit(!sent && was_refused && took_us >= 200 * USEC_PER_MSEC && took_us < 20 * USEC_PER_SEC ? 0 : 1);
}

static void test_a_stuck_thread_does_not_hold_up_the_end(void **state)
{
        (void)state;
        int status = -1;

        pid_t child = fork();
        assert_return_code(child, errno);
        if (child == 0) {
                void *scene;

                assert_int_equal(scene_setup(&scene), 0);
                end_while_stuck(scene);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

/* Whoever prints a lot waits for the queue, but not for a thread that is stuck. */
static void test_busy(void **state)
{
        struct scene *scene = *state;
        const uint64_t end_us = now_us() + LIMIT_US;

        assert_false(journal_is_busy(scene->journal));
        close_gate();
        for (unsigned i = 0; !journal_is_busy(scene->journal); i++) {
                assert_true(i < 10000);
                journal_print(scene->journal, LOG_INFO, "number %u %0500u", i + 1, i);
        }
        while (journal_is_busy(scene->journal)) {
                run_loop(scene);
                assert_true(now_us() < end_us);
        }
        assert_false(journal_is_idle(scene->journal));
        open_gate();
        read_all(scene);
        assert_false(journal_is_busy(scene->journal));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_the_order_is_kept),
                TEST(test_a_stopped_journal),
                TEST(test_dropped_messages_are_counted),
                TEST(test_output_of_hooks_displaces_nothing_else),
                TEST(test_an_entry_larger_than_the_queue),
                TEST(test_no_event_overtakes_one_that_was_refused),
                TEST(test_an_event_that_cannot_be_sent),
                TEST(test_all_is_sent_before_the_end),
                cmocka_unit_test(test_a_stuck_thread_does_not_hold_up_the_end),
                TEST(test_busy),
        };

        return cmocka_run_group_tests_name("sender", tests, NULL, NULL);
}
