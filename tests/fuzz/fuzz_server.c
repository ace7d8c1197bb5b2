/* SPDX-License-Identifier: MIT */

/*
 * The daemon against a server that does what the input says: monitor, recorder and state, with libcurl and
 * the parsers, in one event loop. The first byte is the configuration. Then each request takes bytes that
 * choose the status, headers, the body and what is broken in it, how it is framed and cut into pieces, and
 * how the connection ends. When the input has ended, the server answers well: each job has ended then, and
 * the daemon has to find that out within days, whatever it was told before. No job has an event after its
 * success or failure, and what is logged is UTF-8.
 *
 * Nothing waits for time to pass: when nothing else is to be done, the clocks of the process are advanced.
 */

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "../unit/fault_vfs.h"
#include "../unit/state_open.h"
#include "app/api_connection.h"
#include "config/config.h"
#include "delivery/outbox.h"
#include "monitor/monitor.h"
#include "util/timespan.h"
#include "util/utf8.h"

#include "fuzz_server_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);

/* SQLite allocates so much in each run that most of the time would go into new pages for freed memory. */
const char *__asan_default_options(void)
{
        return "quarantine_size_mb=16";
}

/* Within this time a well-behaved server is believed: the longest pause is an hour, the longest trust a day.
 */
#define PATIENCE_US (4 * USEC_PER_DAY)

/* Iterations of the loop in one run: none takes more without going round in circles. */
#define ITERATIONS_MAX 200000

static struct run {
        sd_event *event; /* this and the next two stay */
        struct loopback *server;
        char directory[256];

        struct answer_input input;
        struct journal *journal;
        struct state *state;
        struct config *config;
        struct api_connection connection;
        struct outbox *outbox;
        struct recorder *recorder;
        struct monitor *monitor;
        bool has_ended[ANSWER_JOBS + 1];
} run;

/* ---- the clocks ---- */

static uint64_t advanced_us;

/*
 * Of the whole process: the event loop, libcurl (8.14 has the raw clock) and the daemon. libFuzzer
 * has the wall clock, which stays.
 */
int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
        int r = (int)syscall(SYS_clock_gettime, clock, ret_time);

        if (r == 0 && (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_BOOTTIME)) {
                uint64_t nanoseconds = (uint64_t)ret_time->tv_nsec + advanced_us % USEC_PER_SEC * 1000;

                ret_time->tv_sec += (time_t)(advanced_us / USEC_PER_SEC + nanoseconds / 1000000000);
                ret_time->tv_nsec = (long)(nanoseconds % 1000000000);
        }
        return r;
}

static uint64_t random_state;

uint64_t __wrap_random_u64(void);
uint64_t __wrap_random_u64(void)
{
        random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return random_state ^ random_state >> 29;
}

/* ---- what is logged ---- */

int __wrap_sd_journal_sendv(const struct iovec *vector, int count);
int __wrap_access(const char *path, int mode);
int __real_access(const char *path, int mode);

static void check_text(const char *text, size_t size)
{
        check(size == 0 || utf8_valid_size(text, size) == size);
}

int __wrap_sd_journal_sendv(const struct iovec *vector, int count)
{
        for (int i = 0; i < count; i++) {
                const char *field = vector[i].iov_base;
                const char *equals = memchr(field, '=', vector[i].iov_len);

                check(equals != NULL && equals > field);
                check_text(equals + 1, vector[i].iov_len - (size_t)(equals + 1 - field));
        }
        return 0;
}

int __wrap_access(const char *path, int mode)
{
        return strcmp(path, "/run/systemd/journal/socket") == 0 ? 0 : __real_access(path, mode);
}

static void on_event(void *userdata, const struct event *event)
{
        (void)userdata;
        check(event->record.id <= ANSWER_JOBS);
        check(!run.has_ended[event->record.id]);
        check_text(event->record.status.data, event->record.status.size);
        check_text(event->record.result.data, event->record.result.size);
        if (event->kind == EVENT_SUCCEEDED || event->kind == EVENT_FAILED)
                run.has_ended[event->record.id] = true;
}

/* ---- files ---- */

static void file_path(char path[static 300], const char *name)
{
        (void)snprintf(path, 300, "%s/%s", run.directory, name);
}

static void file_remove(const char *name)
{
        char path[300];

        file_path(path, name);
        check(unlink(path) == 0 || errno == ENOENT);
}

static void file_write(const char *name, const char *text)
{
        char path[300];

        file_path(path, name);
        FILE *file = fopen(path, "we");
        if (file == NULL)
                abort();
        bool is_written = fputs(text, file) >= 0 && fchmod(fileno(file), 0600) == 0;
        bool is_closed = fclose(file) == 0;
        check(is_written && is_closed);
}

static void state_remove(void)
{
        file_remove("jobwatchd.db");
        file_remove("jobwatchd.db-wal");
        file_remove("jobwatchd.db-journal");
}

static void directory_remove(void)
{
        state_remove();
        file_remove("jobwatchd.lock");
        file_remove("reserve");
        file_remove("token");
        file_remove("config.ini");
        (void)rmdir(run.directory);
}

static void begin_process(void)
{
        const char *parent = getenv("TMPDIR");

        check(fault_vfs_register() == 0); /* it does not sync */
        (void)snprintf(run.directory, sizeof(run.directory), "%s/jobwatchd-fuzz-XXXXXX",
                       parent != NULL ? parent : "/tmp");
        check(mkdtemp(run.directory) != NULL && atexit(directory_remove) == 0);
        file_write("token", "token\n");
        check(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
        check(sd_event_new(&run.event) >= 0);
        run.server = loopback_new(run.event, answer_request, &run.input);
}

/* ---- the daemon ---- */

static struct config *load_config(unsigned choice)
{
        static const struct config_overrides none = { .log_level = -1, .log_target = -1 };
        struct config_problems problems = { .items = NULL };
        struct config *config = NULL;
        char text[2048], path[300];

        file_path(path, "token");
        (void)snprintf(
                text, sizeof(text),
                "[api]\nbase_url = %s\ntoken_file = %s\nmax_response = 64K\n[poll]\ninterval = 5s\nbatch = "
                "%s\n"
                "batch_size = 2\nfeed = %s\nstalled_after = %s\nresult_wait = %s\n[limits]\nmin_spacing = "
                "%s\n"
                "[jobs]\nids = 1, 2, 3\n[log]\ntarget = journal\nlevel = debug\npersonal_data = "
                "yes\n[state]\ndirectory = %s\n",
                loopback_url(run.server, ""), path, choice & 1 ? "auto" : "off", choice & 2 ? "auto" : "off",
                choice & 4 ? "1h" : "0", choice & 8 ? "10min" : "0", choice & 16 ? "100ms" : "0",
                run.directory);
        file_write("config.ini", text);
        file_path(path, "config.ini");
        check(config_load(path, &none, &problems, &config) == 0);
        config_problems_clear(&problems);
        return config;
}

static void ignore_idle(void *userdata)
{
        (void)userdata;
}

static bool has_no_other_token(void *userdata)
{
        (void)userdata;
        return false;
}

static void build(void)
{
        const struct api_connection_parts api = {
                .event = run.event, .state = run.state, .journal = run.journal, .config = run.config
        };
        const struct outbox_parts outbox = { .event = run.event,
                                             .state = run.state,
                                             .journal = run.journal,
                                             .config = run.config,
                                             .on_idle = ignore_idle };
        struct outbox_load *load = NULL;

        check(api_connection_open(&api, &run.connection) == EXIT_STATUS_SUCCESS);
        check(outbox_load(state_store(run.state), run.config, &load) == 0);
        check(outbox_new(&outbox, load, &run.outbox) == 0);
        outbox_load_free(load);
        run.recorder = recorder_new(run.event, run.state, run.outbox, run.journal, run.config);
        recorder_on_event(run.recorder, on_event, NULL);

        const struct monitor_parts monitor = {
                .event = run.event,
                .nexudus = run.connection.nexudus,
                .state = run.state,
                .recorder = run.recorder,
                .journal = run.journal,
                .config = run.config,
                .on_idle = ignore_idle,
                .reread_token = has_no_other_token,
        };
        check(monitor_new(&monitor, &run.monitor) == 0);
        monitor_start(run.monitor);
}

/* Without the thread of the state writer: its operations are executed when they are queued. */
static void begin_run(unsigned choice)
{
        char *message = NULL;

        state_remove();
        memset(run.has_ended, 0, sizeof(run.has_ended));
        random_state = choice;
        run.config = load_config(choice);
        check(journal_open(&run.config->log, &run.journal) == 0);
        check(state_open(run.event, run.directory, &message, &run.state) == 0);
        build();
}

static void end_run(void)
{
        monitor_stop(run.monitor);
        state_finish(run.state);
        while (sd_event_run(run.event, 0) > 0)
                ;
        run.state = state_close(run.state);
        run.monitor = monitor_free(run.monitor);
        run.recorder = recorder_free(run.recorder);
        run.outbox = outbox_free(run.outbox);
        api_connection_close(&run.connection);
        run.journal = journal_close(run.journal);
        config_free(run.config);
        while (loopback_open(run.server) > 0) /* it takes notice of the connections that were closed */
                check(sd_event_run(run.event, USEC_PER_SEC) > 0);
}

/* Until all jobs have ended. */
static void follow_jobs(void)
{
        uint64_t step_us = USEC_PER_MSEC, good_us = 0;

        for (unsigned i = 0; !monitor_is_idle(run.monitor); i++) {
                int r = sd_event_run(run.event, 0);

                check(r >= 0 && i < ITERATIONS_MAX);
                if (r > 0) {
                        step_us = USEC_PER_MSEC;
                        continue;
                }
                advanced_us += step_us;
                good_us += answer_input_has_ended(&run.input) ? step_us : 0;
                check(good_us < PATIENCE_US);
                if (step_us < USEC_PER_MIN)
                        step_us *= 2;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size == 0 || size > 4096)
                return 0;
        if (run.event == NULL)
                begin_process();
        run.input = (struct answer_input){ .at = data + 1, .end = data + size };
        begin_run(data[0]);
        follow_jobs();
        end_run();
        return 0;
}
