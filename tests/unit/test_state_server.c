/* SPDX-License-Identifier: MIT */

/*
 * What only a state in the database of a server has: connections that are lost, another host, tables that
 * someone has altered. Needs $TEST_DATABASE, see tests/postgresql/run-tests.
 *
 * Connections are ended by another one of the same role, which is the state of another instance.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "state_life.h"

static const char *const mail[] = { "mail" };

/* ---- helpers ---- */

/* The number that SQL returns, in the tables of the state. */
static int64_t number(struct fixture *fixture, const char *sql)
{
        int64_t result = -1;

        /* On a busy machine its session may have been idle for too long; the next call has another. */
        int r = fixture_execute(fixture->state, sql, &result);
        if (r == -EIO)
                r = fixture_execute(fixture->state, sql, &result);
        assert_int_equal(r, 0);
        return result;
}

/* Another instance in the same database. */
static void open_other(struct fixture *other)
{
        (void)snprintf(other->directory, sizeof(other->directory), "%s", "/tmp/jobwatchd-other-XXXXXX");
        assert_non_null(mkdtemp(other->directory));
        fixture_open(other);
}

static void close_other(struct fixture *other)
{
        void *context = memcpy(calloc(1, sizeof(*other)), other, sizeof(*other));

        assert_int_equal(fixture_teardown(&context), 0);
}

/* Ends the connection of the state, and returns when the server knows that it has ended. */
static void cut(struct fixture *other, int64_t process)
{
        char sql[128];

        (void)snprintf(sql, sizeof(sql),
                       "SELECT CASE WHEN pg_terminate_backend(%lld, 5000) THEN 1 ELSE 0 END",
                       (long long)process);
        assert_int_equal(number(other, sql), 1);
}

static int record(struct fixture *fixture, unsigned event_number, uint64_t job)
{
        struct event event = fixture_event(event_number, job, EVENT_CHANGED);

        return store_record_event(fixture->state, &event, mail, 1, NULL);
}

/* All rows of all tables in one number. */
static int64_t fingerprint(struct fixture *fixture)
{
        return number(
                fixture,
                "SELECT hashtextextended(string_agg(line, ',' ORDER BY line), 0) FROM ("
                "SELECT 'job' || j::text AS line FROM jobs AS j "
                "UNION ALL SELECT 'event' || e::text FROM (SELECT id, kind, outcome, time_us, job, "
                "first_sight, job_name, status, status_before, result_hash, before_hash, discover FROM "
                "events) AS e "
                "UNION ALL SELECT 'unlogged' || id FROM unlogged JOIN events ON event = sequence "
                "UNION ALL SELECT 'delivery' || e.id || hook || state || attempts || next_us "
                "FROM deliveries JOIN events AS e ON event = sequence "
                "UNION ALL SELECT 'text' || t::text FROM (SELECT job, hash, size, data FROM texts) AS t "
                "UNION ALL SELECT 'value' || key || data::text FROM \"values\" "
                "UNION ALL SELECT 'discovered' || d::text FROM discovered AS d "
                "UNION ALL SELECT 'manual' || job || kind || coalesce(name, '')::text || again FROM manual"
                ") AS lines");
}

/* ---- lost connections ---- */

/* Each step of a life fails at most once, does nothing then, and succeeds when it is repeated. */
static void test_a_lost_connection_costs_no_more_than_an_error(void **state)
{
        struct fixture *life = *state, undisturbed, other;
        unsigned failures = 0;

        state_life_result_size = 6000;
        open_other(&other);
        open_other(&undisturbed);
        fixture_close(&undisturbed);
        fixture_close(life);
        for (size_t step = 0; step < STATE_LIFE_STEPS; step++) {
                assert_true(state_life_step(&undisturbed, step) >= 0);
                int64_t before = life->state != NULL ? fingerprint(life) : 0;
                if (life->state != NULL)
                        cut(&other, number(life, "SELECT pg_backend_pid()"));
                int r = state_life_step(life, step);
                if (r < 0) {
                        failures++;
                        assert_int_equal(r, -EIO);
                        assert_non_null(
                                strstr(store_error(life->state), "the connection to the database was lost"));
                        assert_int_equal(fingerprint(life), before);
                        r = state_life_step(life, step);
                }
                if (r < 0)
                        fail_msg("step %zu: %d when done again (%s)", step, r, store_error(life->state));
                assert_true(fingerprint(life) == fingerprint(&undisturbed));
        }
        assert_true(failures > 10);
        close_other(&undisturbed);
        close_other(&other);
}

/* Nothing of it is stored, and later writes of it fail, too, rather than being stored alone. */
static void test_a_batch_with_a_lost_connection_is_lost(void **state)
{
        struct fixture *fixture = *state, other;

        open_other(&other);
        assert_int_equal(store_batch_begin(fixture->state), 0);
        assert_int_equal(record(fixture, 1, 1), 0);
        cut(&other, number(fixture, "SELECT pg_backend_pid()"));
        assert_int_equal(record(fixture, 2, 2), -EIO);
        assert_int_equal(record(fixture, 3, 3), -EIO);
        assert_true(store_batch_is_full(fixture->state)); /* it is to end here */
        assert_int_equal(store_batch_end(fixture->state, true), -EIO);
        assert_int_equal(number(fixture, "SELECT count(*) FROM events"), 0);

        assert_int_equal(record(fixture, 1, 1), 0);
        fixture_reopen(fixture);
        assert_int_equal(number(fixture, "SELECT count(*) FROM events"), 1);
        close_other(&other);
}

/* ---- kills ---- */

/* Records events in batches of three, and says so after each, until it is killed. */
static _Noreturn void record_until_killed(struct fixture *fixture, int acknowledge, unsigned first)
{
        for (unsigned n = first;; n += 3) {
                bool well = store_batch_begin(fixture->state) == 0;
                for (unsigned i = 0; i < 3; i++)
                        well &= record(fixture, n + i, n + i) == 0;
                well &= store_batch_end(fixture->state, true) == 0;
                if (!well || write(acknowledge, &n, sizeof(n)) != sizeof(n))
                        _exit(1);
        }
}

static void pause_us(long span_us)
{
        const struct timespec span = { .tv_nsec = span_us * 1000 };

        (void)nanosleep(&span, NULL);
}

/* What was acknowledged is there, and of the rest all of a batch or nothing. */
static void test_killed_at_any_instant(void **state)
{
        struct fixture *fixture = *state;
        unsigned next = 1;

        fixture_close(fixture);
        for (unsigned round = 0; round < 15; round++) {
                unsigned acknowledged = next - 3;
                int pipes[2], status;

                assert_int_equal(pipe(pipes), 0);
                pid_t child = fork();
                assert_true(child >= 0);
                if (child == 0) {
                        close(pipes[0]);
                        fixture_open(fixture);
                        record_until_killed(fixture, pipes[1], next);
                }
                close(pipes[1]);
                /* After some batches, at another instant of the next one each time. */
                for (unsigned i = 0; i < 3; i++)
                        assert_int_equal(read(pipes[0], &acknowledged, sizeof(acknowledged)),
                                         sizeof(acknowledged));
                pause_us(round * 100L);
                assert_int_equal(kill(child, SIGKILL), 0);
                assert_int_equal(waitpid(child, &status, 0), child);
                assert_true(WIFSIGNALED(status));
                while (read(pipes[0], &acknowledged, sizeof(acknowledged)) > 0)
                        ;
                close(pipes[0]);

                /* The server sees that the process is gone a little later, and then frees the lock. */
                char *message = NULL;
                int r;
                for (unsigned tries = 0;
                     (r = fixture_try_open(fixture, &message, &fixture->state)) == -EBUSY && tries < 500;
                     tries++) {
                        free(message);
                        message = NULL;
                        pause_us(10000);
                }
                assert_int_equal(r, 0);
                int64_t events = number(fixture, "SELECT count(*) FROM events");
                assert_int_equal(events % 3, 0);
                assert_true(events >= acknowledged + 2);
                assert_int_equal(number(fixture, "SELECT count(*) FROM deliveries"), events);
                assert_int_equal(number(fixture, "SELECT count(*) FROM jobs"), events);
                assert_int_equal(number(fixture, "SELECT count(*) FROM unlogged"), events);
                next = (unsigned)events + 1;
                fixture_close(fixture);
        }
        fixture_open(fixture);
}

/* ---- another host ---- */

static void assert_refused(struct fixture *fixture, int error, const char *says)
{
        struct store *store = NULL;
        char *message = NULL;

        assert_int_equal(fixture_try_open(fixture, &message, &store), error);
        assert_non_null(message);
        if (strstr(message, says) == NULL)
                fail_msg("\"%s\" does not say \"%s\"", message, says);
        assert_null(strstr(message, getenv("TEST_DATABASE_PASSWORD")));
        free(message);
}

/* Event 1, again and again until that ends with `expected`, for some seconds at most. Returns the last end.
 */
static int record_until(struct fixture *fixture, int expected)
{
        int r;

        for (unsigned tries = 0; (r = record(fixture, 1, 1)) != expected && tries < 500; tries++)
                pause_us(10000);
        return r;
}

/* A host with a directory of its own, but the same instance. */
static void test_one_host_at_a_time(void **state)
{
        struct fixture *fixture = *state;
        char directory[] = "/tmp/jobwatchd-host-XXXXXX", command[64];
        const struct store_database database = { .uri = getenv("TEST_DATABASE"),
                                                 .password = getenv("TEST_DATABASE_PASSWORD"),
                                                 .instance = fixture->directory };
        struct store *store = NULL;
        char *message = NULL;

        assert_non_null(mkdtemp(directory));
        assert_int_equal(store_open_database(directory, &database, &message, &store), -EBUSY);
        assert_non_null(strstr(message, "another host uses the state"));
        free(message);

        /* The connection is lost, and another host comes first. */
        struct fixture other;
        open_other(&other);
        cut(&other, number(fixture, "SELECT pg_backend_pid()"));
        assert_int_equal(store_open_database(directory, &database, &message, &store), 0);
        assert_int_equal(record(fixture, 1, 1), -EIO); /* it was lost */
        assert_int_equal(record_until(fixture, -EBUSY), -EBUSY);
        struct event event = fixture_event(2, 2, EVENT_SEEN);
        assert_int_equal(store_record_event(store, &event, mail, 1, NULL), 0);
        store_close(store);

        /* What it knows is out of date now. */
        assert_int_equal(record_until(fixture, -ESTALE), -ESTALE);
        assert_non_null(strstr(store_error(fixture->state), "another host has taken over"));
        fixture_reopen(fixture);
        assert_int_equal(number(fixture, "SELECT count(*) FROM events"), 1);
        assert_int_equal(record(fixture, 1, 1), 0);

        close_other(&other);
        (void)snprintf(command, sizeof(command), "rm -r %s", directory);
        assert_int_equal(system(command), 0);
}

/* Each host signs in for itself. */
static void test_tokens_stay_on_the_host(void **state)
{
        static const char key[] = STORE_HOST_KEY "jobwatchd for someone";
        struct fixture *fixture = *state;
        void *data = NULL;
        size_t size = 0;

        assert_int_equal(store_put_value(fixture->state, key, "secret", 6), 0);
        assert_int_equal(store_put_value(fixture->state, "outage", "down", 4), 0);
        assert_int_equal(number(fixture, "SELECT count(*) FROM \"values\""), 1);
        fixture_reopen(fixture);
        assert_int_equal(store_get_value(fixture->state, key, &data, &size), 1);
        assert_int_equal(size, 6);
        assert_string_equal(data, "secret");
        free(data);
}

/* ---- the schema ---- */

static void test_a_newer_schema_is_refused(void **state)
{
        struct fixture *fixture = *state;
        struct fixture other;
        char sql[512];

        open_other(&other);
        fixture_close(fixture);
        (void)snprintf(sql, sizeof(sql),
                       "UPDATE jobwatchd.instance SET version = version + 1 WHERE name = '%s'",
                       fixture->directory);
        assert_int_equal(fixture_execute(other.state, sql, NULL), 0);
        assert_refused(fixture, -EOPNOTSUPP, "newer jobwatchd (schema version 2, supported up to 1)");
        (void)snprintf(sql, sizeof(sql),
                       "UPDATE jobwatchd.instance SET version = version - 1 WHERE name = '%s'",
                       fixture->directory);
        assert_int_equal(fixture_execute(other.state, sql, NULL), 0);
        fixture_open(fixture);
        close_other(&other);
}

/* A start that was interrupted before the tables were made. */
static void test_an_older_schema_is_migrated(void **state)
{
        struct fixture *fixture = *state;
        struct fixture other;
        char sql[512];

        open_other(&other);
        int64_t instance = number(fixture, "SELECT substr(current_schema(), 11)::bigint");
        fixture_close(fixture);
        (void)snprintf(sql, sizeof(sql),
                       "DROP SCHEMA jobwatchd_%lld CASCADE; UPDATE jobwatchd.instance SET version = 0 WHERE "
                       "number = %lld",
                       (long long)instance, (long long)instance);
        assert_int_equal(fixture_execute(other.state, sql, NULL), 0);
        fixture_open(fixture);
        assert_int_equal(record(fixture, 1, 1), 0);
        close_other(&other);
}

static void test_an_altered_table_is_refused_and_not_changed(void **state)
{
        static const struct {
                const char *alter, *restore, *says;
        } cases[] = {
                { "ALTER TABLE events RENAME COLUMN kind TO sort",
                  "ALTER TABLE events RENAME COLUMN sort TO kind", "column \"kind\"" },
                { "ALTER TABLE manual RENAME TO by_hand", "ALTER TABLE by_hand RENAME TO manual",
                  "relation \"manual\" does not exist" },
                { "ALTER TABLE jobs ALTER changed_us TYPE text",
                  "ALTER TABLE jobs ALTER changed_us TYPE bigint USING changed_us::bigint",
                  "the database is damaged" },
        };
        struct fixture *fixture = *state;
        struct fixture other;
        char sql[300];

        open_other(&other);
        assert_int_equal(record(fixture, 1, 1), 0);
        int64_t instance = number(fixture, "SELECT substr(current_schema(), 11)::bigint");
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                fixture_close(fixture);
                (void)snprintf(sql, sizeof(sql), "SET search_path = jobwatchd_%lld; %s", (long long)instance,
                               cases[i].alter);
                assert_int_equal(fixture_execute(other.state, sql, NULL), 0);
                assert_refused(fixture, -EUCLEAN, cases[i].says);
                (void)snprintf(sql, sizeof(sql), "SET search_path = jobwatchd_%lld; %s", (long long)instance,
                               cases[i].restore);
                assert_int_equal(fixture_execute(other.state, sql, NULL), 0);
                fixture_open(fixture);
                assert_int_equal(number(fixture, "SELECT count(*) FROM events"), 1);
        }
        close_other(&other);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_a_lost_connection_costs_no_more_than_an_error),
                TEST(test_a_batch_with_a_lost_connection_is_lost),
                TEST(test_killed_at_any_instant),
                TEST(test_one_host_at_a_time),
                TEST(test_tokens_stay_on_the_host),
                TEST(test_a_newer_schema_is_refused),
                TEST(test_an_older_schema_is_migrated),
                TEST(test_an_altered_table_is_refused_and_not_changed),
        };

        if (getenv("TEST_DATABASE") == NULL)
                return 77;
        return cmocka_run_group_tests_name("state_server", tests, NULL, NULL);
}
