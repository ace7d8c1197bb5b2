/* SPDX-License-Identifier: MIT */

/* The text of the metrics, as a program that knows the format would read it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/metrics.h"
#include "model/event.h"
#include "util/timespan.h"
#include "version.h"

#include "config_helpers.h" /* after cmocka.h */

#define WALL_US (1772366400 * USEC_PER_SEC + 250 * USEC_PER_MSEC)

struct scene {
        struct config *config;
        struct request_counts requests;
        uint64_t events[EVENT_KIND_COUNT];
        struct hook_counts hooks[2];
        struct histogram commits;
        struct metrics_facts facts;
        char *text;
};

/* Nothing has happened yet. */
static int setup(void **state)
{
        struct scene *scene = calloc(1, sizeof(*scene));

        assert_non_null(scene);
        scene->config = load_with("limits", "per_minute = 0\nper_hour = 5000\nper_day = 200000");
        scene->facts = (struct metrics_facts){
                .status = { .config = scene->config, .wall_us = WALL_US },
                .requests = &scene->requests,
                .events = scene->events,
                .hooks = scene->hooks,
                .commits = &scene->commits,
        };
        *state = scene;
        return 0;
}

static int teardown(void **state)
{
        struct scene *scene = *state;

        free(scene->text);
        config_free(scene->config);
        free(scene);
        return 0;
}

static const char *text_of(struct scene *scene)
{
        free(scene->text);
        scene->text = metrics_text(&scene->facts);
        assert_non_null(scene->text);
        return scene->text;
}

static bool has_line(const char *text, const char *line)
{
        size_t length = strlen(line);

        for (const char *at = text; (at = strstr(at, line)) != NULL; at++)
                if ((at == text || at[-1] == '\n') && at[length] == '\n')
                        return true;
        return false;
}

static void expect(struct scene *scene, const char *line)
{
        const char *text = text_of(scene);

        if (!has_line(text, line))
                fail_msg("no line %s in:\n%s", line, text);
}

/* Whether there is a line that begins like this. */
static bool has_sample(struct scene *scene, const char *start)
{
        char line[200];

        (void)snprintf(line, sizeof(line), "\n%s", start);
        return strstr(text_of(scene), line) != NULL;
}

/* ---- the format ---- */

static const char *const families[] = {
        "build_info gauge",
        "heartbeat_timestamp_seconds gauge",
        "active gauge",
        "active_host gauge",
        "jobs gauge",
        "jobs_failing gauge",
        "api_up gauge",
        "api_requests_total counter",
        "api_request_duration_seconds histogram",
        "api_last_success_timestamp_seconds gauge",
        "rate_limit gauge",
        "rate_used gauge",
        "poll_lag_seconds gauge",
        "feed_active gauge",
        "feed_last_success_timestamp_seconds gauge",
        "events_total counter",
        "delivery_attempts_total counter",
        "deliveries gauge",
        "delivery_oldest_pending_timestamp_seconds gauge",
        "state_bytes gauge",
        "state_commit_duration_seconds histogram",
        "state_writable gauge",
};

#define FAMILIES (sizeof(families) / sizeof(families[0]))

static void something_happened(struct scene *scene)
{
        scene->hooks[0] = (struct hook_counts){ .hook = "mail", .pending = 2, .oldest_us = WALL_US };
        scene->hooks[1] = (struct hook_counts){ .hook = "chat" };
        scene->facts.hook_count = 2;
        scene->requests.success_us = scene->requests.feed_success_us = WALL_US;
}

static void test_each_metric_is_there_once_with_help_and_type(void **state)
{
        struct scene *scene = *state;
        size_t helps = 0, types = 0;
        char line[200];

        something_happened(scene);
        for (size_t i = 0; i < FAMILIES; i++) {
                (void)snprintf(line, sizeof(line), "# TYPE jobwatchd_%s", families[i]);
                expect(scene, line);
        }
        for (const char *at = text_of(scene); (at = strstr(at, "# HELP ")) != NULL; at++)
                helps++;
        for (const char *at = text_of(scene); (at = strstr(at, "# TYPE ")) != NULL; at++)
                types++;
        assert_int_equal(helps, FAMILIES);
        assert_int_equal(types, FAMILIES);
}

/* Whether a sample belongs to a metric: its name, for a histogram with a suffix. */
static bool belongs_to(const char *sample, const char *metric, size_t length, bool is_histogram)
{
        static const char *const suffixes[] = { "_bucket", "_sum", "_count" };

        if (strncmp(sample, metric, length) != 0)
                return false;
        size_t rest = strcspn(sample + length, "{ ");
        if (!is_histogram)
                return rest == 0;
        for (size_t i = 0; i < 3; i++)
                if (rest == strlen(suffixes[i]) && strncmp(sample + length, suffixes[i], rest) == 0)
                        return true;
        return false;
}

static void test_samples_follow_the_metric_they_belong_to_and_each_is_there_once(void **state)
{
        struct scene *scene = *state;
        char *seen[500], *rest = NULL, *copy;
        const char *metric = NULL;
        bool is_histogram = false;
        size_t count = 0;

        something_happened(scene);
        copy = strdup(text_of(scene));
        assert_non_null(copy);
        assert_int_equal(copy[strlen(copy) - 1], '\n');
        for (char *line = strtok_r(copy, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
                if (strncmp(line, "# TYPE ", 7) == 0) {
                        metric = line + 7;
                        is_histogram = strstr(line, " histogram") != NULL;
                        continue;
                }
                if (line[0] == '#')
                        continue;
                assert_non_null(metric);
                if (!belongs_to(line, metric, strcspn(metric, " "), is_histogram))
                        fail_msg("%s is not of %s", line, metric);
                char *value = strrchr(line, ' ');
                assert_int_equal(strspn(value + 1, "0123456789."), strlen(value + 1));
                *value = '\0';
                for (size_t i = 0; i < count; i++)
                        assert_string_not_equal(seen[i], line);
                assert_true(count < 500);
                seen[count++] = line;
        }
        free(copy);
}

static void test_label_values_are_escaped(void **state)
{
        struct scene *scene = *state;

        scene->facts.instance = "a\"b\\c\nd";
        scene->hooks[0] = (struct hook_counts){ .hook = "say \"hi\\\"", .pending = 1 };
        scene->facts.hook_count = 1;
        expect(scene, "jobwatchd_deliveries{account=\"a\\\"b\\\\c\\nd\",hook=\"say \\\"hi\\\\\\\"\","
                      "state=\"pending\"} 1");
}

static void test_an_instance_is_a_label_of_every_sample(void **state)
{
        struct scene *scene = *state;
        const char *next;

        something_happened(scene);
        expect(scene, "jobwatchd_api_up 1");
        expect(scene, "jobwatchd_build_info{version=\"" JOBWATCH_VERSION "\"} 1");
        scene->facts.instance = "berlin";
        expect(scene, "jobwatchd_api_up{account=\"berlin\"} 1");
        for (const char *line = text_of(scene); *line != '\0'; line = next + 1) {
                next = strchr(line, '\n');
                assert_non_null(next);
                if (*line != '#' && memmem(line, (size_t)(next - line), "{account=\"berlin\"", 17) == NULL)
                        fail_msg("no account in %.*s", (int)(next - line), line);
        }
}

static void test_buckets_are_cumulative(void **state)
{
        struct scene *scene = *state;

        histogram_add(&scene->commits, 500);
        histogram_add(&scene->commits, 2 * USEC_PER_MSEC);
        histogram_add(&scene->commits, 2 * USEC_PER_SEC);
        histogram_add(&scene->commits, USEC_PER_MIN);
        expect(scene, "jobwatchd_state_commit_duration_seconds_bucket{le=\"0.001\"} 1");
        expect(scene, "jobwatchd_state_commit_duration_seconds_bucket{le=\"0.003\"} 2");
        expect(scene, "jobwatchd_state_commit_duration_seconds_bucket{le=\"1\"} 2");
        expect(scene, "jobwatchd_state_commit_duration_seconds_bucket{le=\"3\"} 3");
        expect(scene, "jobwatchd_state_commit_duration_seconds_bucket{le=\"30\"} 3");
        expect(scene, "jobwatchd_state_commit_duration_seconds_bucket{le=\"+Inf\"} 4");
        expect(scene, "jobwatchd_state_commit_duration_seconds_sum 62.0025");
        expect(scene, "jobwatchd_state_commit_duration_seconds_count 4");
}

/* ---- what they say ---- */

static void test_a_time_is_absent_until_there_is_one(void **state)
{
        static const char *const times[] = {
                "jobwatchd_api_last_success_timestamp_seconds",
                "jobwatchd_feed_last_success_timestamp_seconds",
                "jobwatchd_delivery_oldest_pending_timestamp_seconds{hook=\"mail\"}"
        };
        struct scene *scene = *state;
        char line[200];

        scene->hooks[0].hook = "mail";
        scene->facts.hook_count = 1;
        for (size_t i = 0; i < 3; i++)
                assert_false(has_sample(scene, times[i]));
        something_happened(scene);
        for (size_t i = 0; i < 3; i++) {
                (void)snprintf(line, sizeof(line), "%s 1772366400.25", times[i]);
                expect(scene, line);
        }
        assert_false(has_sample(scene, "jobwatchd_delivery_oldest_pending_timestamp_seconds{hook=\"chat\"}"));
        expect(scene, "jobwatchd_heartbeat_timestamp_seconds 1772366400.25");
}

static void test_the_active_host_is_named_if_hosts_share_the_state(void **state)
{
        static const struct store_active_host alpha = { .name = "alpha" };
        struct scene *scene = *state;

        expect(scene, "jobwatchd_active 1");
        assert_false(has_sample(scene, "jobwatchd_active_host"));
        scene->facts.status.host = &alpha;
        expect(scene, "jobwatchd_active 1");
        expect(scene, "jobwatchd_active_host{host=\"alpha\"} 1");
}

static void expect_of_standby(const struct standby_facts *facts, bool knows_host)
{
        char *text = metrics_text_of_standby("berlin", facts, WALL_US);

        assert_true(
                has_line(text, "jobwatchd_heartbeat_timestamp_seconds{account=\"berlin\"} 1772366400.25"));
        assert_true(has_line(text, "jobwatchd_active{account=\"berlin\"} 0"));
        assert_int_equal(has_line(text, "jobwatchd_active_host{account=\"berlin\",host=\"alpha\"} 1"),
                         knows_host);
        assert_int_equal(strstr(text, "\njobwatchd_active_host{") != NULL, knows_host);
        assert_null(strstr(text, "jobwatchd_api_up"));
        free(text);
}

static void test_a_host_that_stands_by_says_so_and_which_is_active_as_far_as_it_knows(void **state)
{
        (void)state;
        struct standby_facts facts = { .is_known = false };

        expect_of_standby(&facts, false);
        facts.is_known = true; /* none was active so far */
        expect_of_standby(&facts, false);
        facts.host = (struct store_active_host){ .name = "alpha" };
        expect_of_standby(&facts, true);
        facts.host.is_gone = true;
        expect_of_standby(&facts, false);
        facts.host.is_gone = false;
        facts.error = "no route to host";
        expect_of_standby(&facts, false);
}

static void test_jobs_and_events(void **state)
{
        struct scene *scene = *state;

        scene->facts.status.jobs = (struct monitor_counts){ .watched = 15,
                                                            .open = 8,
                                                            .succeeded = 4,
                                                            .failed = 3,
                                                            .gone = 1,
                                                            .failing = 2,
                                                            .lag_us = 1500000 };
        scene->events[EVENT_STALLED] = 7;
        expect(scene, "jobwatchd_jobs{outcome=\"open\"} 8");
        expect(scene, "jobwatchd_jobs{outcome=\"success\"} 4");
        expect(scene, "jobwatchd_jobs{outcome=\"failure\"} 2");
        expect(scene, "jobwatchd_jobs{outcome=\"gone\"} 1");
        expect(scene, "jobwatchd_jobs_failing 2");
        expect(scene, "jobwatchd_poll_lag_seconds 1.5");
        expect(scene, "jobwatchd_events_total{event=\"stalled\"} 7");
        expect(scene, "jobwatchd_events_total{event=\"seen\"} 0");
}

static void test_requests(void **state)
{
        struct scene *scene = *state;

        scene->requests.results[ENDPOINT_SINGLE][FAILURE_NONE] = 100;
        scene->requests.results[ENDPOINT_TOKEN][FAILURE_NO_RESPONSE] = 3;
        histogram_add(&scene->requests.durations[ENDPOINT_BATCH], 50 * USEC_PER_MSEC);
        expect(scene, "jobwatchd_api_requests_total{endpoint=\"single\",result=\"ok\"} 100");
        expect(scene, "jobwatchd_api_requests_total{endpoint=\"token\",result=\"no response\"} 3");
        expect(scene, "jobwatchd_api_requests_total{endpoint=\"search\",result=\"unexpected response\"} 0");
        expect(scene, "jobwatchd_api_request_duration_seconds_bucket{endpoint=\"batch\",le=\"0.03\"} 0");
        expect(scene, "jobwatchd_api_request_duration_seconds_bucket{endpoint=\"batch\",le=\"0.1\"} 1");
        expect(scene, "jobwatchd_api_request_duration_seconds_sum{endpoint=\"batch\"} 0.05");
        expect(scene, "jobwatchd_api_request_duration_seconds_count{endpoint=\"single\"} 0");
}

static void test_a_pause_that_the_api_asks_for_is_no_outage(void **state)
{
        struct scene *scene = *state;

        scene->facts.status.jobs.failure = FAILURE_THROTTLED;
        expect(scene, "jobwatchd_api_up 1");
        scene->facts.status.jobs.failure = FAILURE_UNREACHABLE;
        expect(scene, "jobwatchd_api_up 0");
}

static void test_limits_that_are_off_have_no_sample(void **state)
{
        struct scene *scene = *state;

        scene->facts.status.jobs.spent_minute = 5;
        scene->facts.status.jobs.spent_hour = 23;
        scene->facts.status.jobs.spent_day = 99;
        assert_false(has_sample(scene, "jobwatchd_rate_limit{window=\"minute\"}"));
        expect(scene, "jobwatchd_rate_limit{window=\"hour\"} 5000");
        expect(scene, "jobwatchd_rate_limit{window=\"day\"} 200000");
        expect(scene, "jobwatchd_rate_used{window=\"minute\"} 5");
        expect(scene, "jobwatchd_rate_used{window=\"hour\"} 23");
        expect(scene, "jobwatchd_rate_used{window=\"day\"} 99");
}

static void test_deliveries_of_each_hook(void **state)
{
        struct scene *scene = *state;

        something_happened(scene);
        scene->hooks[1].attempts = (struct attempt_counts){ .succeeded = 5, .failed = 4, .abandoned = 1 };
        expect(scene, "jobwatchd_delivery_attempts_total{hook=\"chat\",result=\"success\"} 5");
        expect(scene, "jobwatchd_delivery_attempts_total{hook=\"chat\",result=\"failure\"} 4");
        expect(scene, "jobwatchd_deliveries{hook=\"chat\",state=\"failed\"} 1");
        expect(scene, "jobwatchd_deliveries{hook=\"mail\",state=\"pending\"} 2");
}

static void test_a_state_that_cannot_be_written_or_does_not_respond(void **state)
{
        struct scene *scene = *state;

        scene->facts.state_bytes = 4096;
        expect(scene, "jobwatchd_state_bytes 4096");
        expect(scene, "jobwatchd_state_writable 1");
        scene->facts.status.state_error = "disk full";
        expect(scene, "jobwatchd_state_writable 0");
        scene->facts.status.state_error = NULL;
        scene->facts.status.state_slow = true;
        expect(scene, "jobwatchd_state_writable 0");
        scene->facts.status.state_slow = false;
        scene->facts.status.deliveries.state_error = true;
        expect(scene, "jobwatchd_state_writable 0");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_each_metric_is_there_once_with_help_and_type),
                TEST(test_samples_follow_the_metric_they_belong_to_and_each_is_there_once),
                TEST(test_label_values_are_escaped),
                TEST(test_an_instance_is_a_label_of_every_sample),
                TEST(test_buckets_are_cumulative),
                TEST(test_a_time_is_absent_until_there_is_one),
                TEST(test_the_active_host_is_named_if_hosts_share_the_state),
                TEST(test_a_host_that_stands_by_says_so_and_which_is_active_as_far_as_it_knows),
                TEST(test_jobs_and_events),
                TEST(test_requests),
                TEST(test_a_pause_that_the_api_asks_for_is_no_outage),
                TEST(test_limits_that_are_off_have_no_sample),
                TEST(test_deliveries_of_each_hook),
                TEST(test_a_state_that_cannot_be_written_or_does_not_respond),
        };

        return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
