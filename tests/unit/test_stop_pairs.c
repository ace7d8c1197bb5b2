/* SPDX-License-Identifier: MIT */

/*
 * Two things happen to a busy daemon, in each order of each pair, at once or one after the other. Then it is
 * stopped, unless that was among them, and another run completes what is left. The promises that are checked:
 *
 * - The process ends in time and with the documented exit status; stop_scene.c checks that after a signal no
 *   request and no attempt is started.
 * - Every event is recorded once. Its deliveries are made in order, and what a hook has reported is recorded:
 *   a delivery that succeeded in the first run is not made again, any other is made again.
 *
 * Each case is a process of its own, and many run at a time. Each has a bus of its own, since each has a
 * systemd. Every second pair runs, with one of the gaps, neighbours with different ones; if STOP_PAIRS is
 * "all" in the environment, each pair with each gap.
 */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "stop_scene.h"

/* In milliseconds. */
#define RUN_MAX      60000 /* for a loaded machine under a sanitizer */
#define SETTLE_TIME  30
#define PARALLEL_MAX 24

enum gap {
        GAP_NONE,  /* both before the next iteration of the loop */
        GAP_SHORT, /* the exec hook ignores SIGTERM, and fails soon after the stop */
        GAP_LONG,  /* the exec hook ignores SIGTERM until it is killed */
        GAP_COUNT,
};

/* How long the first run may last after the first signal or timeout: less than 5 s if hooks need not be
 * killed. */
static const unsigned end_max[] = { [GAP_NONE] = 4500, [GAP_SHORT] = 4500, [GAP_LONG] = 6500 };

static const unsigned gap_times[] = { [GAP_NONE] = 0, [GAP_SHORT] = 10, [GAP_LONG] = 300 };

static struct {
        enum occurrence first, second;
        enum gap gap;
        bool second_caused;
} test;

/* ---- the first run ---- */

static bool is_signal(enum occurrence occurrence)
{
        return occurrence == OCCURRENCE_SIGTERM || occurrence == OCCURRENCE_SIGINT;
}

/* A signal is handled before anything else that is due in the same iteration. */
static enum exit_status expected_status(void)
{
        bool timeout_is_first = test.first == OCCURRENCE_TIMEOUT;

        if (test.gap == GAP_NONE)
                timeout_is_first = !is_signal(test.first) && !is_signal(test.second) &&
                                   (timeout_is_first || test.second == OCCURRENCE_TIMEOUT);
        else if (!is_signal(test.first))
                timeout_is_first |= test.second == OCCURRENCE_TIMEOUT;
        return timeout_is_first ? EXIT_STATUS_TIMEOUT : EXIT_STATUS_SUCCESS;
}

static void stop(void)
{
        if (scene_ended_at() == 0)
                scene_cause(OCCURRENCE_SIGTERM);
        if (test.gap == GAP_SHORT)
                scene_call_after(SETTLE_TIME, scene_fail_hook);
}

static void cause_second(void)
{
        test.second_caused = true;
        scene_cause(test.second);
        scene_call_after(SETTLE_TIME, stop);
}

static void on_ready(void)
{
        scene_cause(test.first);
        if (test.gap == GAP_NONE)
                cause_second();
        else
                scene_call_after(gap_times[test.gap], cause_second);
}

static void on_exit_of_loop(void)
{
        if (test.second_caused)
                return;
        test.second_caused = true;
        scene_cause(test.second);
}

static void run_first(const char *directory)
{
        const struct scene_options options = {
                .directory = directory,
                .hook_ignores_term = test.gap != GAP_NONE,
                .on_ready = on_ready,
                .on_exit = on_exit_of_loop,
        };

        enum exit_status status = scene_run(&options);
        assert_true(scene_ended_at() != 0);
        assert_int_equal(status, expected_status());
        unsigned long took = scene_now() - scene_ended_at();
        if (took > end_max[test.gap])
                fail_msg("ended after %lu ms", took);
        (void)printf("ended with status %d after %lu ms\n", (int)status, took);
}

static void run_second(const char *directory)
{
        const struct scene_options options = { .directory = directory, .to_the_end = true };

        assert_int_equal(scene_run(&options), EXIT_STATUS_SUCCESS);
}

/* ---- what is left ---- */

#define ROWS_MAX 16

struct delivery_row {
        char event[40], kind[16];
        unsigned job;
        bool program, done;
        unsigned attempts;
};

static sqlite3 *open_database(const char *directory)
{
        sqlite3 *database = NULL;
        char path[128];

        (void)snprintf(path, sizeof(path), "%s/state/jobwatchd.db", directory);
        assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
        return database;
}

/* All deliveries, oldest first. */
static size_t read_deliveries(const char *directory, struct delivery_row rows[static ROWS_MAX])
{
        sqlite3 *database = open_database(directory);
        sqlite3_stmt *statement = NULL;
        size_t count = 0;

        assert_int_equal(
                sqlite3_prepare_v2(
                        database,
                        "SELECT events.id, kind, events.job, hook = 'program', state = 'done', attempts "
                        "FROM deliveries JOIN events ON event = sequence ORDER BY deliveries.id",
                        -1, &statement, NULL),
                SQLITE_OK);
        while (sqlite3_step(statement) == SQLITE_ROW) {
                assert_true(count < ROWS_MAX);
                struct delivery_row *row = &rows[count++];

                (void)snprintf(row->event, sizeof(row->event), "%s",
                               (const char *)sqlite3_column_text(statement, 0));
                (void)snprintf(row->kind, sizeof(row->kind), "%s",
                               (const char *)sqlite3_column_text(statement, 1));
                row->job = (unsigned)sqlite3_column_int(statement, 2);
                row->program = sqlite3_column_int(statement, 3) != 0;
                row->done = sqlite3_column_int(statement, 4) != 0;
                row->attempts = (unsigned)sqlite3_column_int(statement, 5);
        }
        sqlite3_finalize(statement);
        sqlite3_close(database);
        return count;
}

static void make_retries_due(const char *directory)
{
        sqlite3 *database = open_database(directory);

        assert_int_equal(sqlite3_exec(database, "UPDATE deliveries SET next_us = 0", NULL, NULL, NULL),
                         SQLITE_OK);
        sqlite3_close(database);
}

/* Whether tokens with this text were stored. */
static bool is_stored(const char *directory, const char *text)
{
        sqlite3 *database = open_database(directory);
        sqlite3_stmt *statement = NULL;

        assert_int_equal(sqlite3_prepare_v2(database,
                                            "SELECT 1 FROM \"values\" WHERE instr(CAST(data AS TEXT), ?)", -1,
                                            &statement, NULL),
                         SQLITE_OK);
        assert_int_equal(sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC), SQLITE_OK);
        bool found = sqlite3_step(statement) == SQLITE_ROW;
        sqlite3_finalize(statement);
        sqlite3_close(database);
        return found;
}

/* What the exec hook has delivered: "ID KIND" a line. */
static void read_delivered(const char *directory, char text[static 1024])
{
        char path[128];

        (void)snprintf(path, sizeof(path), "%s/delivered", directory);
        FILE *file = fopen(path, "re");
        size_t size = file != NULL ? fread(text, 1, 1023, file) : 0;
        text[size] = '\0';
        if (file != NULL)
                (void)fclose(file);
}

static unsigned count_in(const char *text, const char *part)
{
        unsigned count = 0;

        for (; (text = strstr(text, part)) != NULL; text++)
                count++;
        return count;
}

/* Returns the number of deliveries after the first run. */
static size_t check_first(const char *directory, struct delivery_row rows[static ROWS_MAX])
{
        char delivered[1024];
        bool timed_out = expected_status() == EXIT_STATUS_TIMEOUT;
        size_t count = read_deliveries(directory, rows);

        read_delivered(directory, delivered);
        assert_true(count >= 2);
        for (size_t i = 0; i < count; i++) {
                unsigned recorded = rows[i].done, reported = count_in(delivered, rows[i].event);

                if (!rows[i].program)
                        continue;
                /* --timeout does not wait for hooks, so a success at the same time may be lost. */
                if (reported != recorded && !(timed_out && reported == 1))
                        fail_msg("%s: the hook has succeeded %u times, recorded: %u", rows[i].kind, reported,
                                 recorded);
                assert_int_equal(rows[i].attempts, recorded); /* a stop is no failure */
        }

        /* While the hook runs there is time for the response. */
        if (test.second == OCCURRENCE_SIGN_IN && test.gap != GAP_NONE && test.first != OCCURRENCE_TIMEOUT &&
            test.first != OCCURRENCE_SIGN_IN_REFUSED)
                assert_true(is_stored(directory, "refresh-2"));
        return count;
}

static const char *find_event(const char *delivered, const struct delivery_row rows[], size_t count,
                              const char *kind)
{
        for (size_t i = 0; i < count; i++)
                if (rows[i].job == 1 && rows[i].program && strcmp(rows[i].kind, kind) == 0)
                        return strstr(delivered, rows[i].event);
        return NULL;
}

static void check_second(const char *directory, const struct delivery_row before[], size_t before_count)
{
        struct delivery_row rows[ROWS_MAX];
        char delivered[1024];
        bool timed_out = expected_status() == EXIT_STATUS_TIMEOUT;
        size_t count = read_deliveries(directory, rows);

        read_delivered(directory, delivered);
        assert_int_equal(count, 6); /* changed and succeeded of job 1, succeeded of job 2; two hooks */
        for (size_t i = 0; i < count; i++) {
                bool was_done = i < before_count && before[i].done;

                assert_true(rows[i].done);
                if (!rows[i].program)
                        continue;
                assert_int_equal(rows[i].attempts, 1);
                assert_in_range(count_in(delivered, rows[i].event), 1, timed_out && !was_done ? 2 : 1);
        }
        const char *changed = find_event(delivered, rows, count, "changed");
        const char *succeeded = find_event(delivered, rows, count, "succeeded");
        assert_non_null(changed);
        assert_true(changed < succeeded);
}

/* ---- one case ---- */

/* What run_checked() calls. */
static void (*tested)(const char *directory);
static const char *tested_directory;

static void run_tested(void **state)
{
        (void)state;
        tested(tested_directory);
}

/* Below cmocka, which otherwise does not print what has failed. Returns the exit status. */
static int run_checked(void (*function)(const char *directory), const char *directory)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(run_tested) };

        tested = function;
        tested_directory = directory;
        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* As fork(). The child does not outlive this process. */
static pid_t fork_dependent(void)
{
        (void)fflush(NULL);
        pid_t parent = getpid(), pid = fork();
        assert_return_code(pid, errno);
        if (pid == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent))
                _exit(EXIT_FAILURE);
        return pid;
}

/* Calls the function in a process, which must end with status 0. */
static void run_apart(void (*function)(const char *directory), const char *directory)
{
        int status = 0;

        pid_t pid = fork_dependent();
        if (pid == 0) {
                (void)alarm(RUN_MAX / 1000);
                exit(run_checked(function, directory));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void run_case(const char *directory)
{
        struct delivery_row before[ROWS_MAX];

        run_apart(run_first, directory);
        size_t count = check_first(directory, before);
        make_retries_due(directory);
        run_apart(run_second, directory);
        check_second(directory, before, count);
}

/* ---- all cases ---- */

struct test_case {
        pid_t pid;
        unsigned number;
        char directory[64];
};

#define CASE_COUNT (OCCURRENCE_COUNT * OCCURRENCE_COUNT * GAP_COUNT)

static struct test_case running[PARALLEL_MAX];

/* The longest first. */
static void select_case(unsigned number)
{
        unsigned pair = number % (OCCURRENCE_COUNT * OCCURRENCE_COUNT);

        test.gap = (enum gap)(GAP_COUNT - 1 - number / (OCCURRENCE_COUNT * OCCURRENCE_COUNT));
        test.first = (enum occurrence)(pair / OCCURRENCE_COUNT);
        test.second = (enum occurrence)(pair % OCCURRENCE_COUNT);
}

/* Returns the first case from this number on that is part of this run, or CASE_COUNT. */
static unsigned find_case(unsigned number)
{
        const char *which = getenv("STOP_PAIRS");
        bool all = which != NULL && strcmp(which, "all") == 0;

        for (; number < CASE_COUNT; number++) {
                select_case(number);
                unsigned sum = (unsigned)test.first + (unsigned)test.second;
                if (all || (sum % 2 == 0 && sum / 2 % GAP_COUNT == (unsigned)test.gap))
                        break;
        }
        return number;
}

static void start_case(struct test_case *slot, unsigned number)
{
        char path[128];

        *slot = (struct test_case){ .number = number, .directory = "/tmp/jobwatch-stop-XXXXXX" };
        select_case(number);
        assert_non_null(mkdtemp(slot->directory));
        slot->pid = fork_dependent();
        if (slot->pid > 0)
                return;
        (void)snprintf(path, sizeof(path), "%s/log", slot->directory);
        int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        assert_return_code(fd, errno);
        assert_return_code(dup2(fd, STDOUT_FILENO), errno);
        assert_return_code(dup2(fd, STDERR_FILENO), errno);
        exit(run_checked(run_case, slot->directory));
}

static void print_log(const char *directory)
{
        char path[128], line[1024];

        (void)snprintf(path, sizeof(path), "%s/log", directory);
        FILE *file = fopen(path, "re");
        while (file != NULL && fgets(line, sizeof(line), file) != NULL)
                (void)printf("    %s", line);
        if (file != NULL)
                (void)fclose(file);
}

static int remove_entry(const char *path, const struct stat *information, int type, struct FTW *walk)
{
        (void)information;
        (void)type;
        (void)walk;
        return remove(path);
}

/* Waits for the end of a case. Returns its slot, which is free now, or NULL for an orphan. */
static struct test_case *finish_case(unsigned *failed)
{
        int status = 0;
        pid_t pid = wait(&status);

        assert_return_code(pid, errno);
        for (size_t i = 0; i < PARALLEL_MAX; i++) {
                struct test_case *slot = &running[i];

                if (slot->pid != pid)
                        continue;
                slot->pid = 0;
                if (status != 0) {
                        (*failed)++;
                        select_case(slot->number);
                        (void)printf("case %u: %s, after %u ms %s (wait status %#x):\n", slot->number,
                                     occurrence_to_string(test.first), gap_times[test.gap],
                                     occurrence_to_string(test.second), (unsigned)status);
                        print_log(slot->directory);
                }
                (void)nftw(slot->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
                return slot;
        }
        return NULL;
}

/* Processes that outlived their daemon. Returns their number. */
static unsigned kill_orphans(void)
{
        char path[64];
        unsigned count = 0;
        int pid;

        (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        for (; fscanf(file, "%d", &pid) == 1; count++)
                (void)kill(pid, SIGKILL);
        (void)fclose(file);
        return count;
}

/* With the number of a case: runs only that one, with its messages on the terminal. */
static int run_single(const char *number)
{
        char directory[] = "/tmp/jobwatch-stop-XXXXXX";

        assert_non_null(mkdtemp(directory));
        select_case((unsigned)strtoul(number, NULL, 10));
        int status = run_checked(run_case, directory);
        return nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS) == 0 ? status : EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
        unsigned failed = 0, next = find_case(0), busy = 0, count = 0;
        unsigned long start = scene_now();

        assert_non_null(getenv("JOBWATCHD_HOOK_RUN")); /* without it no scene gets ready */
        if (argc > 1)
                return run_single(argv[1]);
        assert_return_code(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), errno);
        while (next < CASE_COUNT || busy > 0) {
                for (size_t i = 0; i < PARALLEL_MAX && next < CASE_COUNT; i++)
                        if (running[i].pid == 0) {
                                start_case(&running[i], next);
                                next = find_case(next + 1);
                                busy++;
                                count++;
                        }
                if (finish_case(&failed) != NULL)
                        busy--;
        }
        unsigned orphans = kill_orphans();
        (void)printf("%d pairs: %u of %u cases failed, %u processes left behind, %lu s\n",
                     OCCURRENCE_COUNT * OCCURRENCE_COUNT, failed, count, orphans,
                     (scene_now() - start) / 1000);
        return failed == 0 && orphans == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
