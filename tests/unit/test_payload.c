/* SPDX-License-Identifier: MIT */

/* The document of an event, read back with yajl's tree, or with its parser where lengths matter. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <yajl/yajl_parse.h>
#include <yajl/yajl_tree.h>

#include "delivery/payload.h"

static struct event sample(enum event_kind kind)
{
        return (struct event){
                .id = "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0",
                .sequence = 17,
                .kind = kind,
                .outcome = OUTCOME_SUCCESS,
                .time_us = UINT64_C(1769860800123456),
                .job_name = TEXT_LITERAL("members-import"),
                .record = {
                        .id = UINT64_C(9223372036854775807),
                        .status = TEXT_LITERAL("Completed"),
                        .result = TEXT_LITERAL("12 \"rows\""),
                        .guid = TEXT_LITERAL("guid-1"),
                        .description = TEXT_LITERAL("Import é"),
                        .files = TEXT_LITERAL("a.csv"),
                        .business = TEXT_LITERAL("Work/Space"),
                        .business_id = 77,
                        .user = TEXT_LITERAL("Jane Doe"),
                        .email = TEXT_LITERAL("jane@example.com"),
                        .created_on = TEXT_LITERAL("2026-01-31T11:00:00Z"),
                        .updated_on = TEXT_LITERAL("2026-01-31T12:00:00Z"),
                        .has_result = true,
                },
                .status_before = TEXT_LITERAL("Running"),
                .result_before = TEXT_LITERAL(""),
        };
}

static char *write_document(const struct event *event, unsigned attempt, bool personal_data, size_t *ret_size)
{
        char *document = payload_write(event, attempt, personal_data);

        *ret_size = strlen(document);
        assert_true(document[*ret_size - 1] == '\n');
        assert_ptr_equal(strchr(document, '\n'), document + *ret_size - 1); /* one line */
        return document;
}

static yajl_val parse(const struct event *event, unsigned attempt, bool personal_data)
{
        char error[256];
        size_t size;
        char *document = write_document(event, attempt, personal_data, &size);

        yajl_val tree = yajl_tree_parse(document, error, sizeof(error));
        if (tree == NULL)
                fail_msg("%s: %s", error, document);
        free(document);
        return tree;
}

static yajl_val value_at(yajl_val tree, const char *first, const char *second)
{
        const char *path[] = { first, second, NULL };
        yajl_val value = yajl_tree_get(tree, path, yajl_t_any);

        if (value == NULL)
                fail_msg("missing: %s/%s", first, second != NULL ? second : "");
        return value;
}

static void check_string(yajl_val tree, const char *first, const char *second, const char *expected)
{
        yajl_val value = value_at(tree, first, second);

        if (expected == NULL) {
                assert_true(YAJL_IS_NULL(value));
                return;
        }
        assert_true(YAJL_IS_STRING(value));
        assert_string_equal(YAJL_GET_STRING(value), expected);
}

static void check_number(yajl_val tree, const char *first, const char *second, const char *expected)
{
        yajl_val value = value_at(tree, first, second);

        assert_true(YAJL_IS_NUMBER(value));
        assert_string_equal(YAJL_GET_NUMBER(value), expected);
}

static void test_every_field(void **state)
{
        struct event event = sample(EVENT_SUCCEEDED);
        yajl_val tree = parse(&event, 3, false);

        (void)state;
        assert_int_equal(YAJL_GET_OBJECT(tree)->len, 13);
        check_number(tree, "schema", NULL, "1");
        check_string(tree, "event", NULL, "succeeded");
        check_string(tree, "event_id", NULL, event.id);
        check_number(tree, "sequence", NULL, "17");
        check_string(tree, "time", NULL, "2026-01-31T12:00:00.123456Z");
        check_string(tree, "status", NULL, "Completed");
        check_string(tree, "status_before", NULL, "Running");
        check_string(tree, "outcome", NULL, "success");
        check_string(tree, "result", NULL, "12 \"rows\"");
        check_string(tree, "result_before", NULL, "");
        assert_true(YAJL_IS_TRUE(value_at(tree, "result_known", NULL)));
        check_number(tree, "attempt", NULL, "3");

        assert_int_equal(YAJL_GET_OBJECT(value_at(tree, "job", NULL))->len, 8);
        check_number(tree, "job", "id", "9223372036854775807");
        check_string(tree, "job", "name", "members-import");
        check_string(tree, "job", "guid", "guid-1");
        check_string(tree, "job", "description", "Import é");
        check_string(tree, "job", "files", "a.csv");
        check_string(tree, "job", "created_on", "2026-01-31T11:00:00Z");
        check_string(tree, "job", "updated_on", "2026-01-31T12:00:00Z");
        yajl_val business = value_at(tree, "job", "business");
        assert_int_equal(YAJL_GET_OBJECT(business)->len, 2);
        check_number(business, "id", NULL, "77");
        check_string(business, "name", NULL, "Work/Space");
        yajl_tree_free(tree);
}

/* Only for jobs that were discovered. */
static void test_the_sections_that_discovered_a_job(void **state)
{
        static const struct {
                struct text discover;
                const char *names[3];
        } cases[] = {
                { TEXT_LITERAL("imports"), { "imports" } },
                { TEXT_LITERAL("b,a,c"), { "b", "a", "c" } },
                { TEXT_LITERAL("b,\xff"), { "b", "\xef\xbf\xbd" } }, /* a file that was altered */
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct event event = sample(EVENT_SEEN);
                event.discover = cases[i].discover;
                yajl_val tree = parse(&event, 1, false), names = value_at(tree, "discover", NULL);
                assert_true(YAJL_IS_ARRAY(names));
                assert_int_equal(YAJL_GET_OBJECT(tree)->len, 14);
                for (size_t k = 0; k < YAJL_GET_ARRAY(names)->len; k++)
                        assert_string_equal(YAJL_GET_STRING(YAJL_GET_ARRAY(names)->values[k]),
                                            cases[i].names[k]);
                assert_true(YAJL_GET_ARRAY(names)->len == 3 ||
                            cases[i].names[YAJL_GET_ARRAY(names)->len] == NULL);
                yajl_tree_free(tree);
        }
}

/* The complete document, so that any change of its schema is noticed. */
static void test_shape(void **state)
{
        struct event event = sample(EVENT_CHANGED);
        size_t size;

        (void)state;
        event.outcome = OUTCOME_OPEN;
        char *document = write_document(&event, 1, true, &size);
        assert_string_equal(document,
                            "{\"schema\":1,\"event\":\"changed\",\"event_id\":\"0f1e2d3c-4b5a-4978-8695-"
                            "a4b3c2d1e0f0\",\"sequence\":17,"
                            "\"time\":\"2026-01-31T12:00:00.123456Z\",\"job\":{\"id\":9223372036854775807,"
                            "\"name\":\"members-import\",\"guid\":\"guid-1\",\"description\":\"Import é\","
                            "\"business\":{\"id\":77,\"name\":\"Work/Space\"},\"files\":\"a.csv\","
                            "\"created_on\":\"2026-01-31T11:00:00Z\",\"updated_on\":\"2026-01-31T12:00:00Z\","
                            "\"user\":\"Jane Doe\",\"user_email\":\"jane@example.com\"},"
                            "\"status\":\"Completed\",\"status_before\":\"Running\",\"outcome\":\"open\","
                            "\"result\":\"12 \\\"rows\\\"\",\"result_before\":\"\","
                            "\"result_known\":true,\"attempt\":1}\n");
        free(document);
}

static void test_a_made_up_event_is_marked(void **state)
{
        struct event event = sample(EVENT_FAILED);
        size_t size;

        (void)state;
        event.test = true;
        char *document = write_document(&event, 1, false, &size);
        assert_non_null(strstr(document, "\"event\":\"failed\",\"test\":true,\"event_id\":"));
        free(document);
        event.test = false;
        document = write_document(&event, 1, false, &size);
        assert_null(strstr(document, "\"test\""));
        free(document);
}

static void test_nulls(void **state)
{
        struct event event = {
                .id = "x", .kind = EVENT_GONE, .outcome = OUTCOME_GONE, .record = { .id = 5 }
        };
        yajl_val tree = parse(&event, 1, true);

        (void)state;
        static const char *const of_job[] = { "name", "guid",       "description", "files",
                                              "user", "user_email", "created_on",  "updated_on" };
        for (size_t i = 0; i < sizeof(of_job) / sizeof(of_job[0]); i++)
                check_string(tree, "job", of_job[i], NULL);
        check_string(value_at(tree, "job", "business"), "id", NULL, NULL);
        check_string(value_at(tree, "job", "business"), "name", NULL, NULL);
        check_string(tree, "status", NULL, NULL);
        check_string(tree, "status_before", NULL, NULL);
        check_string(tree, "result", NULL, NULL);
        assert_true(YAJL_IS_FALSE(value_at(tree, "result_known", NULL)));
        check_string(tree, "result_before", NULL, NULL);
        check_string(tree, "time", NULL, "1970-01-01T00:00:00.000000Z");
        check_string(tree, "event", NULL, "gone");
        check_string(tree, "outcome", NULL, "gone");
        yajl_tree_free(tree);
}

static void test_personal_data(void **state)
{
        struct event event = sample(EVENT_SUCCEEDED);
        size_t size;

        (void)state;
        char *document = write_document(&event, 1, false, &size);
        assert_null(strstr(document, "Jane"));
        assert_null(strstr(document, "jane"));
        assert_null(strstr(document, "\"user"));
        free(document);
}

static void test_first_observation(void **state)
{
        struct event event = sample(EVENT_FAILED);

        (void)state;
        event.first_observation = true;
        yajl_val tree = parse(&event, 1, false);
        check_string(tree, "status_before", NULL, NULL);
        check_string(tree, "result_before", NULL, NULL);
        yajl_tree_free(tree);
}

static void test_every_kind(void **state)
{
        (void)state;
        for (unsigned kind = 0; kind < EVENT_KIND_COUNT; kind++) {
                struct event event = sample((enum event_kind)kind);
                yajl_val tree = parse(&event, kind + 1, false);
                check_string(tree, "event", NULL, event_kind_to_string((enum event_kind)kind));
                yajl_tree_free(tree);
        }
}

/* ---- texts, byte for byte ---- */

struct found {
        bool wanted; /* the key was "result" */
        char *data;
        size_t size;
};

static int on_key(void *userdata, const unsigned char *data, size_t size)
{
        struct found *found = userdata;

        found->wanted = size == 6 && memcmp(data, "result", 6) == 0;
        return 1;
}

static int on_string(void *userdata, const unsigned char *data, size_t size)
{
        struct found *found = userdata;

        if (found->wanted) {
                found->data = malloc(size + 1);
                assert_non_null(found->data);
                memcpy(found->data, data, size);
                found->size = size;
        }
        found->wanted = false;
        return 1;
}

/* Writes `data` as ResultData, reads it back, and compares with `expected`. */
static void expect_result(const char *data, size_t size, const char *expected, size_t expected_size)
{
        static const yajl_callbacks callbacks = { .yajl_map_key = on_key, .yajl_string = on_string };
        struct event event = sample(EVENT_SUCCEEDED);
        struct found found = { .data = NULL };
        size_t document_size;

        event.record.result = (struct text){ NULL, size };
        event.record.result.data =
                malloc(size > 0 ? size : 1); /* exact size, so that sanitizers find reads beyond */
        assert_non_null(event.record.result.data);
        memcpy(event.record.result.data, data, size);
        char *document = write_document(&event, 1, false, &document_size);

        yajl_handle parser = yajl_alloc(&callbacks, NULL, &found);
        assert_int_equal(yajl_parse(parser, (const unsigned char *)document, document_size), yajl_status_ok);
        assert_int_equal(yajl_complete_parse(parser), yajl_status_ok);
        yajl_free(parser);
        assert_non_null(found.data);
        assert_int_equal(found.size, expected_size);
        assert_memory_equal(found.data, expected, expected_size);

        free(found.data);
        free(document);
        free(event.record.result.data);
}

static void test_large_result(void **state)
{
        static const char pattern[] = "say \"hi\"\n$(rm -rf ~) `x` \\ / \t\r\b\f \x7f \xf0\x9f\x98\x80 é\0|";
        size_t size = 2 * 1024 * 1024;
        char *result = malloc(size);

        (void)state;
        assert_non_null(result);
        memset(result, 'x', size);
        for (size_t at = 0; at + sizeof(pattern) <= size; at += sizeof(pattern))
                memcpy(result + at, pattern, sizeof(pattern));
        expect_result(result, size, result, size);
        free(result);
}

static void test_control_characters(void **state)
{
        char result[0x80];

        (void)state;
        for (size_t i = 0; i < sizeof(result); i++)
                result[i] = (char)i;
        expect_result(result, sizeof(result), result, sizeof(result));
        expect_result("", 0, "", 0);
        expect_result("\0", 1, "\0", 1);
        expect_result("a\0", 2, "a\0", 2);
}

#define EXPECT_RESULT(data, expected) expect_result(data, sizeof(data) - 1, expected, sizeof(expected) - 1)
#define X                             "\xef\xbf\xbd"

static void test_what_is_no_utf8(void **state)
{
        (void)state;
        EXPECT_RESULT("\xff", X);
        EXPECT_RESULT("a\x80z", "a" X "z");
        EXPECT_RESULT("\xc0\xaf", X X);
        EXPECT_RESULT("\xc3", X);
        EXPECT_RESULT("\xc3\xa9\xc3", "é" X);
        EXPECT_RESULT("\xe2\x82z", X X "z");
        EXPECT_RESULT("\xe0\x9f\xbf", X X X);
        EXPECT_RESULT("\xe0\xa0\x80", "\xe0\xa0\x80");
        EXPECT_RESULT("\xed\x9f\xbf", "\xed\x9f\xbf");
        EXPECT_RESULT("\xed\xa0\x80", X X X);
        EXPECT_RESULT("\xf0\x8f\xbf\xbf", X X X X);
        EXPECT_RESULT("\xf0\x90\x80\x80", "\xf0\x90\x80\x80");
        EXPECT_RESULT("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf");
        EXPECT_RESULT("\xf4\x90\x80\x80", X X X X);
        EXPECT_RESULT("\xf8\x88\x80\x80\x80", X X X X X);
        EXPECT_RESULT("\xf0\x9f\x98", X X X);
        EXPECT_RESULT("\0\xff\0", "\0" X "\0");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_field),
                cmocka_unit_test(test_the_sections_that_discovered_a_job),
                cmocka_unit_test(test_shape),
                cmocka_unit_test(test_a_made_up_event_is_marked),
                cmocka_unit_test(test_nulls),
                cmocka_unit_test(test_personal_data),
                cmocka_unit_test(test_first_observation),
                cmocka_unit_test(test_every_kind),
                cmocka_unit_test(test_large_result),
                cmocka_unit_test(test_control_characters),
                cmocka_unit_test(test_what_is_no_utf8),
        };

        return cmocka_run_group_tests_name("event_document", tests, NULL, NULL);
}
