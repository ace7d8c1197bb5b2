/* SPDX-License-Identifier: MIT */

/*
 * HTTP without memory, in the kernel or in libcurl: a request ends once, and later ones are answered; or the
 * process ends. No request waits for ever. Each scene runs in a process of its own.
 */

#include "http_fixture.h"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <sysexits.h>

static void answer_ok(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        (void)head;
        (void)body;
        (void)userdata;
        loopback_answer(peer, "200 OK", "", "ok", 2);
}

static unsigned watch_in; /* this epoll_ctl() from now fails; 0: none */
static bool watch_failed;

int __real_epoll_ctl(int fd, int operation, int about, struct epoll_event *event);
int __wrap_epoll_ctl(int fd, int operation, int about, struct epoll_event *event);

/* Only calls by the daemon's own objects are wrapped. */
int __wrap_epoll_ctl(int fd, int operation, int about, struct epoll_event *event)
{
        if (watch_in > 0 && --watch_in == 0) {
                watch_failed = true;
                errno = ENOMEM;
                return -1;
        }
        return __real_epoll_ctl(fd, operation, about, event);
}

/* How the process of a scene ends, besides by memory_exhausted(). */
enum { SCENE_PASSED = 10, SCENE_NOT_HIT };

/* Runs a scene with the nth call failing, for every n that is reached. Returns how many that were. */
static unsigned run_scenes(bool (*scene)(struct http_fixture *fixture, unsigned nth), bool *ret_exited)
{
        unsigned nth = 0;
        int status = 0;

        *ret_exited = false;
        while (status != SCENE_NOT_HIT) {
                nth++;
                pid_t pid = fork();
                assert_true(pid >= 0);
                if (pid == 0) {
                        void *state = NULL;
                        assert_int_equal(fixture_setup(&state), 0);
                        _exit(scene(state, nth) ? SCENE_PASSED : SCENE_NOT_HIT);
                }
                int raw;
                assert_int_equal(waitpid(pid, &raw, 0), pid);
                assert_true(WIFEXITED(raw));
                status = WEXITSTATUS(raw);
                if (status != EX_SOFTWARE && status != SCENE_PASSED && status != SCENE_NOT_HIT)
                        fail_msg("with call %u failing: status %d", nth, status);
                *ret_exited |= status == EX_SOFTWARE;
        }
        return nth - 1;
}

static void expect_answers(struct noted *noted, loopback_handler handler)
{
        noted_clear(noted);
        for (unsigned i = 0; i < 3; i++) {
                noted_get(noted, handler, "/");
                assert_int_equal(noted->end.outcome, HTTP_ANSWERED);
                noted_clear(noted);
        }
}

static bool watch_scene(struct http_fixture *fixture, unsigned nth)
{
        struct noted noted = { .fixture = fixture };

        watch_in = nth;
        noted_get(&noted, answer_ok, "/");
        watch_in = 0;
        assert_int_equal(noted.end.outcome, HTTP_ANSWERED);
        expect_answers(&noted, answer_ok);
        return watch_failed;
}

static void test_socket_that_cannot_be_watched(void **state)
{
        bool exited;

        (void)state;
        assert_true(run_scenes(watch_scene, &exited) > 1);
        assert_true(exited);
}

/* ---- memory ---- */

static unsigned allocation_in; /* this allocation by libcurl from now fails; 0: none */
static bool allocation_failed;

static bool allocation_fails(void)
{
        if (allocation_in == 0 || --allocation_in > 0)
                return false;
        allocation_failed = true;
        return true;
}

static void *curl_malloc(size_t size)
{
        return allocation_fails() ? NULL : malloc(size);
}

static void *curl_realloc(void *pointer, size_t size)
{
        return allocation_fails() ? NULL : realloc(pointer, size);
}

static char *curl_strdup(const char *string)
{
        return allocation_fails() ? NULL : strdup(string);
}

static void *curl_calloc(size_t count, size_t size)
{
        return allocation_fails() ? NULL : calloc(count, size);
}

/* A request with this allocation failing, and then others. */
static bool request_without_memory(struct http_fixture *fixture, loopback_handler handler, unsigned nth)
{
        struct noted noted = { .fixture = fixture };
        struct http_call call = noted_call(&noted, loopback_url(fixture->server, "/"));

        fixture->handler = handler;
        allocation_in = nth;
        (void)http_start(fixture->client, &call);
        loop_until(fixture->event, &noted.ends, 1);
        loop_settle(fixture->event);
        assert_int_equal(noted.ends, 1);
        allocation_in = 0;
        if (!allocation_failed)
                assert_int_equal(noted.end.outcome, HTTP_ANSWERED);
        expect_answers(&noted, handler);
        return allocation_failed;
}

static bool memory_scene(struct http_fixture *fixture, unsigned nth)
{
        return request_without_memory(fixture, answer_ok, nth);
}

static void test_memory(void **state)
{
        bool exited;

        (void)state;
        assert_true(run_scenes(memory_scene, &exited) > 50);
        assert_true(exited);
}

static struct loopback_peer *held[2];
static unsigned held_count;
static unsigned dead_max; /* connections up to this number are reset by the next request */

static void answer_or_reset(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        if (loopback_number(peer) <= dead_max)
                loopback_reset(peer);
        else if (held_count < 2)
                held[held_count++] = peer;
        else
                answer_ok(peer, head, body, userdata);
}

/* Leaves two idle connections that do not work. */
static void open_dead_connections(struct http_fixture *fixture)
{
        const struct http_settings settings = fixture_settings();
        struct noted noted[2] = { { .fixture = fixture }, { .fixture = fixture } };

        fixture_client(fixture, &settings);
        fixture->handler = answer_or_reset;
        fixture->ended = held_count = 0;
        for (unsigned i = 0; i < 2; i++) {
                struct http_call call = noted_call(&noted[i], loopback_url(fixture->server, "/"));
                noted_start(&noted[i], &call);
        }
        loop_until(fixture->event, &held_count, 2);
        for (unsigned i = 0; i < 2; i++)
                answer_ok(held[i], "", "", fixture);
        loop_until(fixture->event, &fixture->ended, 2);
        for (unsigned i = 0; i < 2; i++)
                noted_clear(&noted[i]);
        dead_max = loopback_accepted(fixture->server);
}

static bool replacement_scene(struct http_fixture *fixture, unsigned nth)
{
        open_dead_connections(fixture);
        return request_without_memory(fixture, answer_or_reset, nth);
}

static void test_memory_while_connections_are_replaced(void **state)
{
        bool exited;

        (void)state;
        assert_true(run_scenes(replacement_scene, &exited) > 50);
        assert_true(exited);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_socket_that_cannot_be_watched),
                cmocka_unit_test(test_memory),
                cmocka_unit_test(test_memory_while_connections_are_replaced),
        };

        if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_malloc, free, curl_realloc, curl_strdup,
                                 curl_calloc) != CURLE_OK)
                return 1;
        return cmocka_run_group_tests_name("http_faults", tests, NULL, NULL);
}
