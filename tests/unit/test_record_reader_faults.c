/* SPDX-License-Identifier: MIT */

/* The reader of job records: bodies that are damaged, truncated, hostile or large, and handlers that fail. */

#include "record_reader_harness.h"

static void test_invalid_utf8(void **state)
{
        (void)state;
        static const char *const bad[] = {
                "\xff",
                "\x80",
                "\xc0\x80",
                "\xc3",
                "\xc3(",
                "\xe0\x80\x80",
                "\xed\xa0\x80",
                "\xe2\x82",
                "\xf0\x80\x80\x80",
                "\xf4\x90\x80\x80",
                "\xf5\x80\x80\x80",
                "a\xe2\x28\xa1",
        };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                char body[100];
                struct outcome outcome;
                snprintf(body, sizeof(body), "{\"Id\":1,\"Skipped\":\"%s\"}", bad[i]);
                outcome = read_in_all_pieces(RECORD_SHAPE_OBJECT, ROWS_MAX, body, strlen(body));
                assert_int_equal(outcome.result, -EBADMSG);
                assert_non_null(strstr(outcome.explanation, "UTF-8"));
                outcome_clear(&outcome);
        }
        EXPECT_ARRAY("[{\"Id\":1},{\"Id\":2,\"\xff\":1}]", -EBADMSG, "1|-|-" REST "\n");
        EXPECT_OBJECT("\xff\xfe{\0}\0", -EBADMSG, "");
}

static void test_byte_order_mark(void **state)
{
        (void)state;
        EXPECT_OBJECT("\xef\xbb\xbf{\"Id\":1}", 0, "1|-|-" REST "\n");
        EXPECT_ARRAY("\xef\xbb\xbf [{\"Id\":1}]", 0, "1|-|-" REST "\n");
        EXPECT_OBJECT("\xef\xbb\xbf", -EBADMSG, "");
        EXPECT_OBJECT("\xef\xbb{\"Id\":1}", -EBADMSG, "");
        EXPECT_OBJECT("\xef{\"Id\":1}", -EBADMSG, "");
        EXPECT_OBJECT("\xef\xbb\xbf\xef\xbb\xbf{\"Id\":1}", -EBADMSG, "");
        EXPECT_OBJECT(" \xef\xbb\xbf{\"Id\":1}", -EBADMSG, "");
}

static void test_no_json(void **state)
{
        (void)state;
        EXPECT_OBJECT("", -ENODATA, "");
        EXPECT_OBJECT(" \r\n\t", -EBADMSG, "");
        EXPECT_OBJECT("<!DOCTYPE html><html><p>\"quoted\"</p></html>", -EBADMSG, "");
        EXPECT_OBJECT("{\"Id\":1,}", -EBADMSG, "");
        EXPECT_OBJECT("{\"Id\":1]", -EBADMSG, "");
        EXPECT_OBJECT("{Id:1}", -EBADMSG, "");
        EXPECT_OBJECT("{\"Id\":tru}", -EBADMSG, "");
        EXPECT_OBJECT("{\"Id\":truefalse}", -EBADMSG, "");
        EXPECT_OBJECT("/* no */{\"Id\":1}", -EBADMSG, "");
        EXPECT_OBJECT("{\"Id\":1\0}", -EBADMSG, "");
        EXPECT_OBJECT("{\"Id\":1}x", -EBADMSG, "1|-|-" REST "\n");
        EXPECT_OBJECT("{\"Id\":1} {\"Id\":2}", -EBADMSG, "1|-|-" REST "\n");
        EXPECT_OBJECT("{\"Id\":1} 12", -EBADMSG, "1|-|-" REST "\n");
        EXPECT_OBJECT("{\"Id\":1} \"", -EBADMSG, "1|-|-" REST "\n");
        EXPECT_OBJECT("{\"Id\":1}]", -EBADMSG, "1|-|-" REST "\n");
        EXPECT_ARRAY("[{\"Id\":1}],", -EBADMSG, "1|-|-" REST "\n");
        EXPECT_ARRAY("[{\"Id\":1},]", -EBADMSG, "1|-|-" REST "\n");

        expect_explanation(RECORD_SHAPE_OBJECT, ROWS_MAX, "", -ENODATA, "the body is empty");
        expect_explanation(RECORD_SHAPE_OBJECT, ROWS_MAX, "{\"Id\":1} 12", -EBADMSG,
                           "not JSON at byte 11: trailing garbage");
        expect_explanation(RECORD_SHAPE_OBJECT, ROWS_MAX, "{\"Id\":1,\"Status\":\"Do", -ENODATA,
                           "truncated at byte 20");
        expect_explanation(RECORD_SHAPE_OBJECT, ROWS_MAX, "{\"Id\":1,\"Status\":tr", -ENODATA,
                           "truncated at byte 19");
}

static void test_control_characters_are_not_json(void **state)
{
        (void)state;
        for (char control = 0; control < ' '; control++) {
                const char bodies[][24] = {
                        "{\"Id\":_1}", "{\"Id\":1_}", "{_\"Id\":1}",
                        "{\"Id\"_:1}", "_{\"Id\":1}", "{\"Id\":1}_",
                };
                bool is_space = control == '\t' || control == '\n' || control == '\r';

                for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
                        char body[24];
                        size_t size = strlen(bodies[i]);
                        strcpy(body, bodies[i]);
                        *strchr(body, '_') = control;
                        expect_sized(RECORD_SHAPE_OBJECT, ROWS_MAX, body, size, is_space ? 0 : -EBADMSG, NULL,
                                     0);
                }
        }
        expect_explanation(RECORD_SHAPE_OBJECT, ROWS_MAX, "{\"Id\":\f1}", -EBADMSG,
                           "not JSON at byte 6: control character");
        expect_explanation(RECORD_SHAPE_OBJECT, ROWS_MAX, "{\"Id\",\v}", -EBADMSG,
                           "not JSON at byte 6: object key and value must be separated by a colon (':')");
}

static void test_truncated_at_every_byte(void **state)
{
        (void)state;
        static const char array[] =
                "[{\"Id\":1,\"Status\":\"é\\n\\ud83d\\ude00\",\"X\":[1.5e3,true,{}]},{\"Id\":2}]";
        struct outcome outcome;

        for (size_t size = 0; size < sizeof(documented) - 1; size++) {
                outcome = read_body(RECORD_SHAPE_OBJECT, ROWS_MAX, documented, size, 0, 5, 0);
                assert_int_equal(outcome.result, -ENODATA);
                assert_string_equal(outcome.records, "");
                outcome_clear(&outcome);
        }
        static const char kept[] = "{\"ResultData\":{\"a\\n\":[true,\"é\",{}]},\"Id\":1}";
        for (size_t size = 0; size < sizeof(kept) - 1; size++) {
                outcome = read_in_all_pieces(RECORD_SHAPE_OBJECT, ROWS_MAX, kept, size);
                assert_int_equal(outcome.result, -ENODATA);
                assert_string_equal(outcome.records, "");
                outcome_clear(&outcome);
        }
        for (size_t size = 0; size < sizeof(array) - 1; size++) {
                outcome = read_in_all_pieces(RECORD_SHAPE_ARRAY, ROWS_MAX, array, size);
                assert_int_equal(outcome.result, -ENODATA);
                outcome_clear(&outcome);
        }
}

/* `depth` levels: the containers around the innermost one, which is empty, and the end of the body. */
static void expect_depth(enum record_shape shape, const char *head, size_t more, char bracket,
                         const char *tail, int result)
{
        char body[1000], *end = stpcpy(body, head);

        for (size_t i = 0; i < more; i++)
                end = stpcpy(end, bracket == '[' ? "[" : "{\"a\":");
        if (bracket == '{')
                end = stpcpy(end, "0");
        memset(end, bracket == '[' ? ']' : '}', more);
        (void)stpcpy(end + more, tail);
        expect_sized(shape, ROWS_MAX, body, strlen(body), result, NULL, 0);
}

static void test_depth_is_bounded(void **state)
{
        (void)state;
        for (size_t over = 0; over < 2; over++) {
                int result = over == 0 ? 0 : -E2BIG;

                expect_depth(RECORD_SHAPE_OBJECT, "{\"Id\":1,\"a\":", 63 + over, '[', "}", result);
                expect_depth(RECORD_SHAPE_OBJECT, "{\"Id\":1,\"a\":", 63 + over, '{', "}", result);
                expect_depth(RECORD_SHAPE_OBJECT, "{\"Id\":1,\"ResultData\":", 63 + over, '[', "}", result);
                expect_depth(RECORD_SHAPE_ARRAY, "[{\"Id\":1,\"a\":", 62 + over, '[', "}]", result);
                expect_depth(RECORD_SHAPE_ARRAY, "[{\"Id\":1,\"a\":", 62 + over, '{', "}]", result);
        }

        /* Before the innermost one ends. */
        char body[200] = "{\"a\":";
        memset(body + strlen(body), '[', 64);
        expect_explanation(RECORD_SHAPE_OBJECT, ROWS_MAX, body, -E2BIG, "nested deeper than 64 levels");
}

static void test_large_object(void **state)
{
        (void)state;
        char *body = NULL, *wanted = NULL;
        size_t size, wanted_size;
        FILE *stream = open_memstream(&body, &size), *wanted_stream = open_memstream(&wanted, &wanted_size);

        assert_non_null(stream);
        assert_non_null(wanted_stream);
        fputs("{\"Id\":1,\"ResultData\": [", stream);
        fputs("1|-|[", wanted_stream);
        for (size_t i = 0; i < 50000; i++) {
                fprintf(stream, "%s{ \"row\": %zu, \"text\": \"\\u00e9\\n\" }", i > 0 ? ", " : "", i);
                fprintf(wanted_stream, "%s{\"row\":%zu,\"text\":\"é\\n\"}", i > 0 ? "," : "", i);
        }
        fputs("]}", stream);
        fputs("]" REST "rR\n", wanted_stream);
        fclose(stream);
        fclose(wanted_stream);

        expect_sized(RECORD_SHAPE_OBJECT, ROWS_MAX, body, size, 0, wanted, wanted_size);
        free(body);
        free(wanted);
}

/* Tokens that span many pieces cost no more than twice what they cost in one piece. */
static void test_long_tokens_in_small_pieces(void **state)
{
        (void)state;
        enum { SIZE = 4 << 20 };
        static const struct {
                const char *head, *tail;
                char fill;
        } tokens[] = {
                { "{\"Id\":1,\"a\":\"", "\"}", 'x' },
                { "{\"Id\":1,\"a\":", "}", '7' },
                { "{\"Id\":1,\"a\":", "1}", ' ' },
        };
        char *body = malloc(SIZE + 100);

        assert_non_null(body);
        for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
                char *end = stpcpy(body, tokens[i].head);

                memset(end, tokens[i].fill, SIZE);
                (void)stpcpy(end + SIZE, tokens[i].tail);
                /* With every piece lexed from the start of the token this would take half an hour. */
                struct outcome outcome =
                        read_body(RECORD_SHAPE_OBJECT, ROWS_MAX, body, strlen(body), 0, 100, 0);
                assert_int_equal(outcome.result, 0);
                assert_string_equal(outcome.records, "1|-|-" REST "\n");
                outcome_clear(&outcome);
        }
        free(body);
}

/* `rows` rows, the documented one with ids from 1 on. */
static char *rows_new(size_t rows, size_t *ret_size)
{
        char *body = NULL;
        FILE *stream = open_memstream(&body, ret_size);
        const char *id = strstr(documented, "87654321");

        assert_non_null(stream);
        for (size_t i = 1; i <= rows; i++)
                fprintf(stream, "%s%.*s%zu%s", i == 1 ? "[" : ",\r\n", (int)(id - documented), documented, i,
                        id + strlen("87654321"));
        fputs("]", stream);
        fclose(stream);
        return body;
}

static void test_hundred_rows(void **state)
{
        (void)state;
        size_t size;
        struct outcome outcome;
        char *body = rows_new(100, &size), *line;

        outcome = read_in_all_pieces(RECORD_SHAPE_ARRAY, ROWS_MAX, body, size);
        assert_int_equal(outcome.result, 0);
        assert_int_equal(outcome.count, 100);
        line = outcome.records;
        for (size_t i = 1; i <= 100; i++) {
                assert_int_equal(strtoull(line, NULL, 10), i);
                line = strchr(line, '\n') + 1;
        }
        outcome_clear(&outcome);

        outcome = read_in_all_pieces(RECORD_SHAPE_ARRAY, 99, body, size);
        assert_int_equal(outcome.result, -E2BIG);
        assert_int_equal(outcome.count, 99);
        outcome_clear(&outcome);
        free(body);
}

static void test_large_result(void **state)
{
        (void)state;
        static const char unit[] = "\\\"quoted\\\"\\r\\n$(rm -rf /) `id` 😀 \\ud83d\\ude00 \\u0000 ü\\\\ ";
        static const char decoded[] = "\"quoted\"\r\n$(rm -rf /) `id` 😀 😀 \0 ü\\ ";
        const size_t units = (2 << 20) / (sizeof(decoded) - 1) + 1;
        char *body = NULL, *wanted = NULL;
        size_t size, wanted_size;
        FILE *stream = open_memstream(&body, &size), *wanted_stream = open_memstream(&wanted, &wanted_size);

        assert_non_null(stream);
        assert_non_null(wanted_stream);
        fputs("{\"Id\":1,\"ResultData\":\"", stream);
        fputs("1|-|", wanted_stream);
        for (size_t i = 0; i < units; i++) {
                fputs(unit, stream);
                fwrite(decoded, 1, sizeof(decoded) - 1, wanted_stream);
        }
        fputs("\"}", stream);
        fputs(REST "r\n", wanted_stream);
        fclose(stream);
        fclose(wanted_stream);

        expect_sized(RECORD_SHAPE_OBJECT, ROWS_MAX, body, size, 0, wanted, wanted_size);
        free(body);
        free(wanted);
}

static void test_handler_stops_the_reader(void **state)
{
        (void)state;
        static const char body[] = "[{\"Id\":1},{\"Id\":2},{\"Id\":3}]";

        for (size_t step = 1; step <= sizeof(body); step++) {
                struct outcome outcome =
                        read_body(RECORD_SHAPE_ARRAY, ROWS_MAX, body, sizeof(body) - 1, 0, step, -ENOSPC);
                assert_int_equal(outcome.result, -ENOSPC);
                assert_int_equal(outcome.count, 2);
                assert_string_equal(outcome.records, "1|-|-" REST "\n");
                assert_string_equal(outcome.explanation, "cannot process a record: No space left on device");
                outcome_clear(&outcome);
        }
}

static int keep_status(void *userdata, struct job_record *record)
{
        struct text *kept = userdata;

        *kept = record->status;
        record->status = TEXT_NULL;
        return 0;
}

static void test_texts_can_be_stolen(void **state)
{
        (void)state;
        static const char body[] = "{\"Id\":1,\"Status\":\"Done\"}";
        struct text kept = TEXT_NULL;
        struct record_reader *reader = NULL;

        reader = record_reader_new(RECORD_SHAPE_OBJECT, ROWS_MAX, keep_status, &kept);
        assert_int_equal(record_reader_feed(reader, body, sizeof(body) - 1), 0);
        assert_int_equal(record_reader_feed(reader, NULL, 0), 0);
        assert_int_equal(record_reader_finish(reader), 0);
        record_reader_free(reader);
        assert_true(text_equal(&kept, &TEXT_LITERAL("Done")));
        text_clear(&kept);
}

static void test_freed_at_any_time(void **state)
{
        (void)state;
        static const char open_value[] = "{\"Id\":1,\"ResultData\":{\"a\":[1,\"text\",{";
        struct record_reader *reader = NULL;

        assert_null(record_reader_free(NULL));
        for (size_t size = 0; size < sizeof(open_value) - 1; size++) {
                struct outcome outcome = { 0 };
                reader = record_reader_new(RECORD_SHAPE_OBJECT, ROWS_MAX, on_record, &outcome);
                assert_int_equal(record_reader_feed(reader, open_value, size), 0);
                record_reader_free(reader);
        }
        for (size_t size = 0; size < sizeof(documented) - 1; size++) {
                struct outcome outcome = { 0 };
                outcome.stream = open_memstream(&outcome.records, &outcome.size);
                reader = record_reader_new(RECORD_SHAPE_OBJECT, ROWS_MAX, on_record, &outcome);
                assert_int_equal(record_reader_feed(reader, documented, size), 0);
                record_reader_free(reader);
                fclose(outcome.stream);
                outcome_clear(&outcome);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_invalid_utf8),
                cmocka_unit_test(test_byte_order_mark),
                cmocka_unit_test(test_no_json),
                cmocka_unit_test(test_control_characters_are_not_json),
                cmocka_unit_test(test_truncated_at_every_byte),
                cmocka_unit_test(test_depth_is_bounded),
                cmocka_unit_test(test_large_object),
                cmocka_unit_test(test_long_tokens_in_small_pieces),
                cmocka_unit_test(test_hundred_rows),
                cmocka_unit_test(test_large_result),
                cmocka_unit_test(test_handler_stops_the_reader),
                cmocka_unit_test(test_texts_can_be_stolen),
                cmocka_unit_test(test_freed_at_any_time),
        };

        return cmocka_run_group_tests_name("record_reader_faults", tests, NULL, NULL);
}
