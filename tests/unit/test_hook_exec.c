/* SPDX-License-Identifier: MIT */

/* What a hook's program gets, and how its end is reported. */

#include "hook_fixture.h"

static void expect_end(struct hook_fixture *fixture, const char *target, bool success, const char *reason)
{
        struct hook_run run = { .fixture = fixture };

        hook_run(&run, target);
        assert_int_equal(run.success, success);
        assert_string_equal(run.reason, reason);
        hook_clear(&run);
}

static void test_ends(void **state)
{
        expect_end(*state, "/bin/true", true, "");
        expect_end(*state, "/bin/false", false, "exit status 1");
        expect_end(*state, "/bin/sh -c 'exit 3'", false, "exit status 3");
        expect_end(*state, "/bin/sh -c 'exit 255'", false, "exit status 255");
        expect_end(*state, "/bin/sh -c 'kill -KILL $$'", false, "killed by SIGKILL");
        expect_end(*state, "/bin/sh -c 'ulimit -c 0; kill -SEGV $$'", false, "killed by SIGSEGV");
        expect_end(*state, "/bin/sh -c 'kill -40 $$'", false, "killed by signal 40");
}

static void expect_output(struct hook_fixture *fixture, const char *target, const char *expected)
{
        struct hook_run run = { .fixture = fixture };

        hook_run(&run, target);
        assert_true(run.success);
        assert_string_equal(run.output, expected);
        hook_clear(&run);
}

static void test_words(void **state)
{
        expect_output(*state, "/usr/bin/printf '<%s>' a \"b  c\" '' $HOME \\x41\\n",
                      "<a><b  c><><$HOME><A\n>\n");
}

static void test_standard_error_is_output_too(void **state)
{
        expect_output(*state, "/bin/sh -c 'echo out; echo err >&2'", "out\nerr\n");
}

/* ---- standard input ---- */

static char *large_document(size_t size)
{
        char *document = malloc(size + 1);

        assert_non_null(document);
        for (size_t i = 0; i < size; i++)
                document[i] = (char)((i * 2654435761u) >> 11 | 1);
        document[size] = '\0';
        return document;
}

static void expect_file(const char *path, const char *expected, size_t size)
{
        FILE *file = fopen(path, "re");
        char *found = malloc(size + 1);

        assert_non_null(file);
        assert_non_null(found);
        assert_int_equal(fread(found, 1, size + 1, file), size);
        assert_memory_equal(found, expected, size);
        (void)fclose(file);
        free(found);
}

static void test_document(void **state)
{
        struct hook_fixture *fixture = *state;
        char copy[96], target[192];
        size_t size = 2 * 1024 * 1024 + 1;
        char *document = large_document(size);
        struct hook_run run = { .fixture = fixture, .document = document };

        (void)snprintf(copy, sizeof(copy), "%s/copy", fixture->directory);
        /* It can be read a second time, by a child of the program. */
        (void)snprintf(target, sizeof(target), "/bin/sh -c 'cat >%s; cat /dev/stdin | wc -c'", copy);
        hook_run(&run, target);
        assert_true(run.success);
        assert_int_equal(atol(run.output), size);
        expect_file(copy, document, size);
        assert_return_code(unlink(copy), errno);
        hook_clear(&run);
        free(document);
}

static void test_document_is_not_read(void **state)
{
        size_t size = 2 * 1024 * 1024;
        char *document = large_document(size);
        static const char *const targets[] = { "/bin/true", "/bin/sh -c 'exec <&-; exit 0'",
                                               "/usr/bin/head -c 1" };

        for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
                struct hook_run run = { .fixture = *state, .document = document };
                hook_run(&run, targets[i]);
                assert_true(run.success);
                hook_clear(&run);
        }
        free(document);
}

static void test_document_cannot_be_changed(void **state)
{
        struct hook_run run = { .fixture = *state };

        hook_run(&run, "/bin/sh -c 'echo x >&0'");
        assert_false(run.success);
        hook_clear(&run);
}

/* ---- the environment ---- */

/* Empties the environment of this process, except for what a run needs. */
static void clear_environment(void)
{
        char *path = strdup(getenv("JOBWATCHD_HOOK_RUN"));

        assert_non_null(path);
        clearenv();
        assert_return_code(setenv("JOBWATCHD_HOOK_RUN", path, 1), errno);
        free(path);
}

/* The environment of a program becomes the output of the run. */
static void run_environment(struct hook_run *run)
{
        char copy[96], target[160];

        (void)snprintf(copy, sizeof(copy), "%s/environ", run->fixture->directory);
        (void)snprintf(target, sizeof(target), "/bin/cp /proc/self/environ %s", copy);
        hook_run(run, target);
        assert_true(run->success);
        FILE *file = fopen(copy, "re");
        assert_non_null(file);
        run->output = realloc(run->output, 65536);
        assert_non_null(run->output);
        run->output_size = fread(run->output, 1, 65536, file);
        (void)fclose(file);
        assert_return_code(unlink(copy), errno);
}

/* Compares the environment, in any order. */
static void expect_variables(const struct hook_run *run, const char *const expected[], size_t count)
{
        size_t found = 0;

        for (const char *at = run->output; at < run->output + run->output_size; at += strlen(at) + 1) {
                bool known = false;
                for (size_t i = 0; i < count; i++)
                        known |= strcmp(at, expected[i]) == 0;
                if (!known)
                        fail_msg("unexpected: %s", at);
                found++;
        }
        assert_int_equal(found, count);
}

#define EXPECT_VARIABLES(run, ...)                                                                           \
        expect_variables(run, (const char *const[]){ __VA_ARGS__ },                                          \
                         sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void test_environment(void **state)
{
        struct hook_fixture *fixture = *state;
        struct hook_run run = { .fixture = fixture, .attempt = 7 };
        static const char *const own[] = {
                "NOTIFY_SOCKET",  "WATCHDOG_PID",          "WATCHDOG_USEC",
                "LISTEN_FDS",     "CREDENTIALS_DIRECTORY", "STATE_DIRECTORY",
                "JOURNAL_STREAM", "INVOCATION_ID",         "SYSTEMD_EXEC_PID",
                "LD_PRELOAD_",    "JOBWATCH_UNKNOWN",      "JOBWATCH_EVENT",
                "http_proxy",
        };

        clear_environment();
        for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
                assert_return_code(setenv(own[i], "/tmp/x", 1), errno);
        assert_return_code(setenv("PATH", "/bin:/usr/bin", 1), errno);
        assert_return_code(setenv("LANG", "C.UTF-8", 1), errno);
        assert_return_code(setenv("TZ", "Europe/Madrid", 1), errno);

        fixture->sample.job_name = TEXT_LITERAL("members-import");
        fixture->sample.discover = TEXT_LITERAL("imports,all");
        fixture->sample.record.status = TEXT_LITERAL("Completed $(x) \"q\"\n=é");
        fixture->sample.record.result = TEXT_LITERAL("12345\0"
                                                     "6789");
        fixture->sample.status_before = TEXT_LITERAL("Running\0cut");
        run_environment(&run);
        EXPECT_VARIABLES(&run, "PATH=/bin:/usr/bin", "LANG=C.UTF-8", "TZ=Europe/Madrid",
                         "JOBWATCH_EVENT=succeeded", "JOBWATCH_EVENT_ID=0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0",
                         "JOBWATCH_SEQUENCE=17", "JOBWATCH_JOB=87654321", "JOBWATCH_JOB_NAME=members-import",
                         "JOBWATCH_DISCOVER=imports,all", "JOBWATCH_STATUS=Completed $(x) \"q\"\n=é",
                         "JOBWATCH_STATUS_BEFORE=Running", "JOBWATCH_OUTCOME=success",
                         "JOBWATCH_RESULT_BYTES=10", "JOBWATCH_ATTEMPT=7", "JOBWATCH_TEST=");
        hook_clear(&run);
}

static void test_environment_of_nothing(void **state)
{
        struct hook_fixture *fixture = *state;
        struct hook_run run = { .fixture = fixture };

        clear_environment();
        fixture->sample.kind = EVENT_GONE;
        fixture->sample.outcome = OUTCOME_GONE;
        fixture->sample.first_observation = true;
        fixture->sample.status_before = TEXT_LITERAL("means nothing");
        run_environment(&run);
        EXPECT_VARIABLES(&run, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
                         "JOBWATCH_EVENT=gone", "JOBWATCH_EVENT_ID=0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0",
                         "JOBWATCH_SEQUENCE=17", "JOBWATCH_JOB=87654321",
                         "JOBWATCH_JOB_NAME=", "JOBWATCH_DISCOVER=", "JOBWATCH_STATUS=",
                         "JOBWATCH_STATUS_BEFORE=", "JOBWATCH_OUTCOME=gone", "JOBWATCH_RESULT_BYTES=0",
                         "JOBWATCH_ATTEMPT=1", "JOBWATCH_TEST=");
        hook_clear(&run);
}

static void test_environment_cuts(void **state)
{
        struct hook_fixture *fixture = *state;
        struct hook_run run = { .fixture = fixture };
        char status[5001] = "";

        for (size_t i = 1; i < 5000; i += 2)
                memcpy(status + i, "é", 2);
        status[0] = 'x';
        fixture->sample.record.status = (struct text){ status, 4999 };
        hook_run(&run, "/bin/sh -c 'printf %s \"$JOBWATCH_STATUS\"'");
        assert_true(run.success);
        assert_int_equal(run.output_size, 4095 + 1); /* cut before a character */
        assert_memory_equal(run.output, status, 4095);
        hook_clear(&run);
}

/* ---- descriptors, signals, directory ---- */

static void test_descriptors(void **state)
{
        /* Without O_CLOEXEC, low and high. */
        int low = open("/dev/null", O_RDONLY), high = fcntl(low, F_DUPFD, 100);

        assert_return_code(high, errno);
        expect_output(*state, "/bin/ls /proc/self/fd", "0\n1\n2\n3\n"); /* 3 is the directory that ls reads */
        close(low);
        close(high);
}

static void test_signals(void **state)
{
        sigset_t all, before;

        sigfillset(&all);
        assert_return_code(sigprocmask(SIG_BLOCK, &all, &before), errno);
        assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
        assert_true(signal(SIGHUP, SIG_IGN) != SIG_ERR);
        expect_output(*state, "/bin/grep -E '^Sig(Blk|Ign)' /proc/self/status",
                      "SigBlk:\\t0000000000000000\nSigIgn:\\t0000000000000000\n");
        (void)signal(SIGPIPE, SIG_DFL);
        (void)signal(SIGHUP, SIG_DFL);
        assert_return_code(sigprocmask(SIG_SETMASK, &before, NULL), errno);
}

static void test_group_and_folder(void **state)
{
        struct hook_run run = { .fixture = *state };
        int pid, parent, group;

        hook_run(&run, "/bin/cat /proc/self/stat");
        assert_int_equal(sscanf(run.output, "%d (cat) R %d %d ", &pid, &parent, &group), 3);
        assert_int_not_equal(parent, getpid()); /* but hook-run */
        assert_int_equal(group, pid);
        hook_clear(&run);
        expect_output(*state, "/bin/readlink /proc/self/cwd", "/\n");
}

/* ---- many runs ---- */

static void test_nothing_is_left(void **state)
{
        struct hook_run run = { .fixture = *state };
        unsigned before = 0;

        for (unsigned i = 0; i < 200; i++) {
                hook_run(&run, "/bin/true");
                assert_true(run.success);
                hook_clear(&run);
                assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
                assert_int_equal(errno, ECHILD);
                if (i == 0)
                        before = open_descriptors();
        }
        assert_int_equal(open_descriptors(), before);
}

static void test_many_at_once(void **state)
{
        struct hook_run runs[30];
        char target[64];

        for (unsigned i = 0; i < 30; i++) {
                runs[i] = (struct hook_run){ .fixture = *state };
                (void)snprintf(target, sizeof(target), "/bin/sh -c 'exit %u'", i);
                hook_start(&runs[i], target);
        }
        for (unsigned i = 0; i < 30; i++) {
                hook_finish_output(&runs[i]);
                assert_int_equal(runs[i].success, i == 0);
                (void)snprintf(target, sizeof(target), "exit status %u", i);
                assert_string_equal(runs[i].reason, i == 0 ? "" : target);
                hook_clear(&runs[i]);
        }
}

static struct hook_run *next;

static void start_next(struct hook_run *run)
{
        assert_true(run->success);
        hook_start(next, "/bin/sh -c 'exit 2'");
}

static void test_start_at_the_end_of_another(void **state)
{
        struct hook_run first = { .fixture = *state, .then = start_next }, second = { .fixture = *state };

        next = &second;
        hook_run(&first, "/bin/true");
        hook_finish_output(&second);
        assert_string_equal(second.reason, "exit status 2");
        hook_clear(&first);
        hook_clear(&second);
}

#define HOOK_TEST(function) cmocka_unit_test_setup_teardown(function, hook_setup, hook_teardown)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                HOOK_TEST(test_ends),
                HOOK_TEST(test_words),
                HOOK_TEST(test_standard_error_is_output_too),
                HOOK_TEST(test_document),
                HOOK_TEST(test_document_is_not_read),
                HOOK_TEST(test_document_cannot_be_changed),
                HOOK_TEST(test_environment),
                HOOK_TEST(test_environment_of_nothing),
                HOOK_TEST(test_environment_cuts),
                HOOK_TEST(test_descriptors),
                HOOK_TEST(test_signals),
                HOOK_TEST(test_group_and_folder),
                HOOK_TEST(test_nothing_is_left),
                HOOK_TEST(test_many_at_once),
                HOOK_TEST(test_start_at_the_end_of_another),
        };

        return cmocka_run_group_tests_name("hook_exec", tests, NULL, NULL);
}
