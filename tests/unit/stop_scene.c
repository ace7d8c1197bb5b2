/* SPDX-License-Identifier: MIT */

/* See stop_scene.h. */

#include "stop_scene.h"
#include "bus_fixture.h"
#include "loopback.h"
#include "stop_scene_files.h"

#include "app/daemon.h"
#include "app/signals.h"
#include "config/config.h"
#include "delivery/hook_setup.h"
#include "http/http.h"
#include "monitor/monitor.h"
#include "platform/clock.h"

/* Distinguishes the timer of --timeout from all others. */
#define TIMEOUT_US (12345 * USEC_PER_SEC)

#define RECORD(id, status, result, updated)                                                                  \
        "{\"Id\":" id ",\"Status\":\"" status "\",\"ResultData\":" result                                    \
        ",\"UpdatedOn\":\"2026-01-01T0" updated ":00:00Z\"}"
#define TOKEN(number)                                                                                        \
        "{\"access_token\":\"access-" number "\",\"token_type\":\"bearer\",\"expires_in\":604799,"           \
        "\"refresh_token\":\"refresh-" number "\"}"

static struct {
        const struct scene_options *options;
        struct hook_fixture hook;
        struct bus_fixture bus;
        struct loopback *server;
        sd_event_source *timeout, *summary;
        struct loopback_peer *poll, *sign_in; /* wait for their responses */
        unsigned polls, sign_ins;
        int gate, started,
                asked;  /* fifos: what the hook reads, and writes at its start and when it gets SIGTERM */
        pid_t hook_pid; /* of its hook-run */
        bool hook_was_asked, hook_must_fail;
        bool unauthorized; /* a poll was answered with 401 */
        bool ready;
        bool stop_sent;
        unsigned long ended_at;
} scene;

unsigned long scene_now(void)
{
        return (unsigned long)(hook_now() / USEC_PER_MSEC);
}

unsigned long scene_ended_at(void)
{
        return scene.ended_at;
}

/* ---- the daemon ---- */

void __real_timer_start(sd_event_source *timer, uint64_t span_us);
void __wrap_timer_start(sd_event_source *timer, uint64_t span_us);
void __real_timer_start_at(sd_event_source *timer, uint64_t time_us);
void __wrap_timer_start_at(sd_event_source *timer, uint64_t time_us);
int __real_sd_event_new(sd_event **ret_event);
int __wrap_sd_event_new(sd_event **ret_event);
struct http_request *__real_http_start(struct http_client *client, const struct http_call *call);
struct http_request *__wrap_http_start(struct http_client *client, const struct http_call *call);
int __real_hook_setup_start(struct hook_setup *setup, struct hook_attempt attempt, char **ret_reason,
                            struct attempt_run *ret_run);
int __wrap_hook_setup_start(struct hook_setup *setup, struct hook_attempt attempt, char **ret_reason,
                            struct attempt_run *ret_run);
struct monitor *__real_monitor_free(struct monitor *monitor);
int __real_kill(pid_t pid, int number);
int __wrap_kill(pid_t pid, int number);
struct monitor *__wrap_monitor_free(struct monitor *monitor);

/* References to the timers of --timeout and the summary, which the test makes due. */
void __wrap_timer_start(sd_event_source *timer, uint64_t span_us)
{
        __real_timer_start(timer, span_us);
        if (span_us == USEC_PER_DAY)
                scene.summary = sd_event_source_ref(timer);
}

void __wrap_timer_start_at(sd_event_source *timer, uint64_t time_us)
{
        const uint64_t expires_us = clock_boot_us() + TIMEOUT_US;

        __real_timer_start_at(timer, time_us);
        if (time_us <= expires_us && time_us + USEC_PER_MIN > expires_us)
                scene.timeout = sd_event_source_ref(timer);
}

int __wrap_sd_event_new(sd_event **ret_event)
{
        *ret_event = sd_event_ref(scene.hook.event);
        return 0;
}

struct http_request *__wrap_http_start(struct http_client *client, const struct http_call *call)
{
        assert_false(scene.stop_sent); /* no new request */
        return __real_http_start(client, call);
}

int __wrap_hook_setup_start(struct hook_setup *setup, struct hook_attempt attempt, char **ret_reason,
                            struct attempt_run *ret_run)
{
        assert_false(scene.stop_sent); /* no new attempt */
        return __real_hook_setup_start(setup, attempt, ret_reason, ret_run);
}

struct monitor *__wrap_monitor_free(struct monitor *monitor)
{
        if (scene.options->on_exit != NULL)
                scene.options->on_exit();
        return __real_monitor_free(monitor);
}

int __wrap_kill(pid_t pid, int number)
{
        return scene.options->hook_is_immortal && pid == scene.hook_pid ? 0 : __real_kill(pid, number);
}

/* ---- the API ---- */

static void answer(struct loopback_peer *peer, const char *status, const char *body)
{
        loopback_answer(peer, status, "", body, strlen(body));
}

static void serve_sign_in(struct loopback_peer *peer)
{
        if (++scene.sign_ins == 1 || scene.options->to_the_end)
                answer(peer, "200 OK", TOKEN("1"));
        else
                scene.sign_in = peer;
}

static void serve_job_1(struct loopback_peer *peer)
{
        if (scene.options->to_the_end)
                answer(peer, "200 OK", RECORD("1", "Completed", "\"x\"", "3"));
        else if (++scene.polls == 1)
                answer(peer, "200 OK", RECORD("1", "Running", "null", "1"));
        else if (scene.polls == 2)
                answer(peer, "200 OK", RECORD("1", "Running", "\"x\"", "2"));
        else
                scene.poll = peer;
}

/* Refuses the token once while the poll of job 1 is in progress, which leads to a sign-in. */
static void serve_job_2(struct loopback_peer *peer)
{
        bool refuse = scene.poll != NULL && !scene.unauthorized;

        if (scene.options->to_the_end)
                answer(peer, "200 OK", RECORD("2", "Completed", "null", "3"));
        else if (refuse)
                answer(peer, "401 Unauthorized", "");
        else
                answer(peer, "200 OK", RECORD("2", "Running", "null", "1"));
        scene.unauthorized |= refuse;
}

static void serve(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        (void)body;
        (void)userdata;
        if (strncmp(head, "POST", 4) == 0)
                serve_sign_in(peer);
        else if (strstr(head, "jobs/1 ") != NULL)
                serve_job_1(peer);
        else
                serve_job_2(peer);
}

static void respond(struct loopback_peer **peer, const char *status, const char *body)
{
        if (!loopback_is_open(scene.server, *peer))
                return;
        answer(*peer, status, body);
        loopback_flush(*peer);
        *peer = NULL;
}

/* ---- the exec hook ---- */

static bool hook_runs(void)
{
        siginfo_t death = { .si_pid = 0 };

        return scene.hook_pid != 0 &&
               waitid(P_PID, (id_t)scene.hook_pid, &death, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               death.si_pid == 0;
}

/* Returns when it is a zombie, which the loop does not know yet. */
static void end_hook(const char *line)
{
        siginfo_t death;

        if (!hook_runs())
                return;
        assert_int_equal(write(scene.gate, line, 2), 2);
        assert_return_code(waitid(P_PID, (id_t)scene.hook_pid, &death, WEXITED | WNOWAIT), errno);
}

/* If hook-run learns of the end before it is asked to stop the program, that is a failure of the program. */
static void fail_hook_if_asked(void)
{
        if (scene.hook_must_fail && scene.hook_was_asked)
                end_hook("1\n");
}

void scene_fail_hook(void)
{
        scene.hook_must_fail = true;
        fail_hook_if_asked();
}

static int on_hook_asked(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        (void)source;
        (void)revents;
        (void)userdata;
        char line[64];

        assert_true(read(fd, line, sizeof(line)) > 0);
        scene.hook_was_asked = true;
        fail_hook_if_asked();
        return 0;
}

static int on_hook_started(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        (void)source;
        (void)revents;
        (void)userdata;
        char line[64] = "";

        assert_true(read(fd, line, sizeof(line) - 1) > 0);
        scene.hook_pid = (pid_t)strtol(line, NULL, 10);
        return 0;
}

/* ---- occurrences ---- */

const char *occurrence_to_string(enum occurrence occurrence)
{
        static const char *const names[] = {
                [OCCURRENCE_SIGTERM] = "SIGTERM",
                [OCCURRENCE_SIGINT] = "SIGINT",
                [OCCURRENCE_SIGHUP] = "SIGHUP",
                [OCCURRENCE_TIMEOUT] = "--timeout",
                [OCCURRENCE_SUMMARY] = "summary",
                [OCCURRENCE_HOOK_EXIT] = "hook exit",
                [OCCURRENCE_RESPONSE] = "response",
                [OCCURRENCE_SIGN_IN] = "sign-in",
                [OCCURRENCE_SIGN_IN_REFUSED] = "refused sign-in",
                [OCCURRENCE_BUS_LOST] = "bus lost",
        };

        return names[occurrence];
}

static void note_end(void)
{
        if (scene.ended_at == 0)
                scene.ended_at = scene_now();
}

static void send_signal(int number)
{
        assert_return_code(kill(getpid(), number), errno); /* blocked, so it is pending now */
}

static void send_stop(int number)
{
        scene.stop_sent = true;
        note_end();
        send_signal(number);
}

/* A timer that the daemon has disabled stays so. */
static void make_due(sd_event_source *timer)
{
        assert_non_null(timer);
        if (sd_event_get_state(scene.hook.event) != SD_EVENT_FINISHED)
                assert_true(sd_event_source_set_time(timer, 1) >= 0);
}

void scene_cause(enum occurrence occurrence)
{
        switch (occurrence) {
        case OCCURRENCE_SIGTERM:
                send_stop(SIGTERM);
                break;
        case OCCURRENCE_SIGINT:
                send_stop(SIGINT);
                break;
        case OCCURRENCE_SIGHUP:
                send_signal(SIGHUP);
                break;
        case OCCURRENCE_TIMEOUT:
                note_end();
                make_due(scene.timeout);
                break;
        case OCCURRENCE_SUMMARY:
                make_due(scene.summary);
                break;
        case OCCURRENCE_HOOK_EXIT:
                end_hook("0\n");
                break;
        case OCCURRENCE_RESPONSE:
                respond(&scene.poll, "200 OK", RECORD("1", "Completed", "\"x\"", "3"));
                break;
        case OCCURRENCE_SIGN_IN:
                respond(&scene.sign_in, "200 OK", TOKEN("2"));
                break;
        case OCCURRENCE_SIGN_IN_REFUSED:
                respond(&scene.sign_in, "400 Bad Request", "{\"error\":\"invalid_grant\"}");
                break;
        case OCCURRENCE_BUS_LOST:
                if (scene.bus.daemon != 0)
                        bus_kill(&scene.bus);
                break;
        case OCCURRENCE_COUNT:
                break;
        }
}

/* ---- the run ---- */

static int on_idle(sd_event_source *source, void *userdata)
{
        (void)source;
        void (*const *function)(void) = userdata;

        (*function)();
        return 0;
}

/* What the previous call has caused comes first, however late this timer is on a busy machine. */
static int on_call_time(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)time_us;
        sd_event_source *idle = NULL;

        assert_true(sd_event_add_defer(sd_event_source_get_event(source), &idle, on_idle, userdata) >= 0);
        assert_true(sd_event_source_set_priority(idle, SD_EVENT_PRIORITY_IDLE) >= 0);
        assert_true(sd_event_source_set_floating(idle, true) >= 0);
        sd_event_source_unref(idle);
        return 0;
}

void scene_call_after(unsigned milliseconds, void (*function)(void))
{
        static void (*functions[8])(void);
        static size_t count;
        uint64_t now_us;

        assert_true(count < 8);
        functions[count] = function;
        assert_true(sd_event_now(scene.hook.event, CLOCK_MONOTONIC, &now_us) >= 0);
        assert_true(sd_event_add_time(scene.hook.event, NULL, CLOCK_MONOTONIC,
                                      now_us + milliseconds * USEC_PER_MSEC, 1, on_call_time,
                                      &functions[count++]) >= 0);
}

/* After each iteration of the loop. */
static int on_post(sd_event_source *source, void *userdata)
{
        (void)source;
        (void)userdata;

        if (scene.ready || scene.poll == NULL || scene.sign_in == NULL || scene.hook_pid == 0 ||
            scene.bus.systemd.jobs == 0)
                return 0;
        scene.ready = true;
        scene.options->on_ready();
        return 0;
}

static void scene_open(void)
{
        const char *directory = scene.options->directory;

        signals_block();
        assert_true(__real_sd_event_new(&scene.hook.event) >= 0);
        (void)snprintf(scene.hook.directory, sizeof(scene.hook.directory), "%s", directory);
        scene.server = loopback_new(scene.hook.event, serve, NULL);
        scene.gate = scene_fifo_open(scene.options->directory, "gate");
        scene.started = scene_fifo_open(scene.options->directory, "started");
        scene.asked = scene_fifo_open(scene.options->directory, "asked");
        scene_write_hook(scene.options);
        scene_write_config(scene.options, loopback_url(scene.server, ""));

        scene.bus.hook = &scene.hook;
        scene.bus.systemd = (struct fake_systemd){ .active = "inactive", .sub = "dead" };
        scene.bus.systemd.hurries = scene.options->to_the_end;
        (void)snprintf(scene.bus.address, sizeof(scene.bus.address), "unix:path=%s/bus", directory);
        assert_return_code(setenv("DBUS_SYSTEM_BUS_ADDRESS", scene.bus.address, 1), errno);
        assert_return_code(setenv("RUNTIME_DIRECTORY", directory, 1), errno);
        bus_begin(&scene.bus);
        fake_connect(&scene.bus);

        assert_true(sd_event_add_io(scene.hook.event, NULL, scene.started, EPOLLIN, on_hook_started, NULL) >=
                    0);
        assert_true(sd_event_add_io(scene.hook.event, NULL, scene.asked, EPOLLIN, on_hook_asked, NULL) >= 0);
        if (scene.options->on_ready != NULL)
                assert_true(sd_event_add_post(scene.hook.event, NULL, on_post, NULL) >= 0);
}

static void scene_close(void)
{
        if (scene.options->hook_is_immortal) {
                assert_return_code(__real_kill(scene.hook_pid, SIGKILL), errno);
                (void)hook_reap(scene.hook_pid);
        }
        sd_event_source_unref(scene.timeout);
        sd_event_source_unref(scene.summary);
        fake_disconnect(&scene.bus);
        if (scene.bus.daemon != 0)
                bus_kill(&scene.bus);
        loopback_free(scene.server);
        close(scene.gate);
        close(scene.started);
        close(scene.asked);
        sd_event_unref(scene.hook.event);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child and no zombie is left */
        assert_int_equal(errno, ECHILD);
}

enum exit_status scene_run(const struct scene_options *options)
{
        const struct config_overrides overrides = {
                .log_level = -1,
                .log_target = -1,
                .exit_when_done = options->to_the_end,
        };
        struct config_problems problems = { .items = NULL };
        struct config *config = NULL;
        struct journal *journal = NULL;
        char path[96];

        scene.options = options;
        scene_open();
        (void)snprintf(path, sizeof(path), "%s/config.ini", options->directory);
        const struct daemon_options daemon = {
                .path = path,
                .overrides = &overrides,
                .timeout_us = TIMEOUT_US,
        };
        int r = config_load(path, &overrides, &problems, &config);
        if (r < 0)
                fail_msg("%s", problems.count > 0 ? problems.items[0].message : strerror(-r));
        config_problems_clear(&problems);
        assert_int_equal(journal_open(&config->log, &journal), 0);
        enum exit_status status = daemon_run(&daemon, config, journal);
        journal_close(journal);
        scene_close();
        return status;
}
