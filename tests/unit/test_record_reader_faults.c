/* SPDX-License-Identifier: MIT */

/* The reader of job records: bodies that are damaged, truncated, hostile or large, and handlers that fail. */

#include "fault_malloc.h"
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
                outcome = read_in_all_pieces(RECORD_SHAPE_OBJECT, &generous, body, strlen(body));
                assert_int_equal(outcome.result, RECORD_MALFORMED);
                assert_non_null(strstr(outcome.explanation, "UTF-8"));
                outcome_clear(&outcome);
        }
        EXPECT_ARRAY("[{\"Id\":1},{\"Id\":2,\"\xff\":1}]", RECORD_MALFORMED, "1|-|-" REST "\n");
        EXPECT_OBJECT("\xff\xfe{\0}\0", RECORD_MALFORMED, "");
}

static void test_byte_order_mark(void **state)
{
        (void)state;
        EXPECT_OBJECT("\xef\xbb\xbf{\"Id\":1}", RECORD_OK, "1|-|-" REST "\n");
        EXPECT_ARRAY("\xef\xbb\xbf [{\"Id\":1}]", RECORD_OK, "1|-|-" REST "\n");
        EXPECT_OBJECT("\xef\xbb\xbf", RECORD_MALFORMED, "");
        EXPECT_OBJECT("\xef\xbb{\"Id\":1}", RECORD_MALFORMED, "");
        EXPECT_OBJECT("\xef{\"Id\":1}", RECORD_MALFORMED, "");
        EXPECT_OBJECT("\xef\xbb\xbf\xef\xbb\xbf{\"Id\":1}", RECORD_MALFORMED, "");
        EXPECT_OBJECT(" \xef\xbb\xbf{\"Id\":1}", RECORD_MALFORMED, "");
}

static void test_no_json(void **state)
{
        (void)state;
        EXPECT_OBJECT("", RECORD_MALFORMED, "");
        EXPECT_OBJECT(" \r\n\t", RECORD_MALFORMED, "");
        EXPECT_OBJECT("<!DOCTYPE html><html><p>\"quoted\"</p></html>", RECORD_MALFORMED, "");
        EXPECT_OBJECT("{\"Id\":1,}", RECORD_MALFORMED, "");
        EXPECT_OBJECT("{\"Id\":1]", RECORD_MALFORMED, "");
        EXPECT_OBJECT("{Id:1}", RECORD_MALFORMED, "");
        EXPECT_OBJECT("{\"Id\":tru}", RECORD_MALFORMED, "");
        EXPECT_OBJECT("{\"Id\":truefalse}", RECORD_MALFORMED, "");
        EXPECT_OBJECT("/* no */{\"Id\":1}", RECORD_MALFORMED, "");
        EXPECT_OBJECT("{\"Id\":1\0}", RECORD_MALFORMED, "");
        EXPECT_OBJECT("{\"Id\":1}x", RECORD_MALFORMED, "1|-|-" REST "\n");
        EXPECT_OBJECT("{\"Id\":1} {\"Id\":2}", RECORD_MALFORMED, "1|-|-" REST "\n");
        EXPECT_OBJECT("{\"Id\":1} 12", RECORD_MALFORMED, "1|-|-" REST "\n");
        EXPECT_OBJECT("{\"Id\":1} \"", RECORD_MALFORMED, "1|-|-" REST "\n");
        EXPECT_OBJECT("{\"Id\":1}]", RECORD_MALFORMED, "1|-|-" REST "\n");
        EXPECT_ARRAY("[{\"Id\":1}],", RECORD_MALFORMED, "1|-|-" REST "\n");
        EXPECT_ARRAY("[{\"Id\":1},]", RECORD_MALFORMED, "1|-|-" REST "\n");

        expect_explanation(RECORD_SHAPE_OBJECT, &generous, "", RECORD_MALFORMED, "the body is empty");
        expect_explanation(RECORD_SHAPE_OBJECT, &generous, "{\"Id\":1} 12", RECORD_MALFORMED,
                           "trailing data at byte 9");
        expect_explanation(RECORD_SHAPE_OBJECT, &generous, "{\"Id\":1,\"Status\":\"Do", RECORD_MALFORMED,
                           "truncated at byte 20");
        expect_explanation(RECORD_SHAPE_OBJECT, &generous, "{\"Id\":1,\"Status\":tr", RECORD_MALFORMED,
                           "truncated at byte 19");
}

static void test_control_characters_between_tokens_are_not_json(void **state)
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
                        expect_sized(RECORD_SHAPE_OBJECT, &generous, body, size,
                                     is_space ? RECORD_OK : RECORD_MALFORMED, NULL, 0);
                }
        }
        expect_explanation(RECORD_SHAPE_OBJECT, &generous, "{\"Id\":\f1}", RECORD_MALFORMED,
                           "not JSON at byte 6: control character outside a string");
        expect_explanation(RECORD_SHAPE_OBJECT, &generous, "{\"Id\",\v}", RECORD_MALFORMED,
                           "not JSON at byte 6: object key and value must be separated by a colon (':')");
}

static void test_truncated_at_every_byte(void **state)
{
        (void)state;
        static const char array[] =
                "[{\"Id\":1,\"Status\":\"é\\n\\ud83d\\ude00\",\"X\":[1.5e3,true,{}]},{\"Id\":2}]";
        struct outcome outcome;

        for (size_t size = 0; size < sizeof(documented) - 1; size++) {
                outcome = read_body(RECORD_SHAPE_OBJECT, &generous, documented, size, 0, 5, 0);
                assert_int_equal(outcome.result, RECORD_MALFORMED);
                assert_string_equal(outcome.records, "");
                outcome_clear(&outcome);
        }
        static const char kept[] = "{\"ResultData\":{\"a\\n\":[true,\"é\",{}]},\"Id\":1}";
        for (size_t size = 0; size < sizeof(kept) - 1; size++) {
                outcome = read_in_all_pieces(RECORD_SHAPE_OBJECT, &generous, kept, size);
                assert_int_equal(outcome.result, RECORD_MALFORMED);
                assert_string_equal(outcome.records, "");
                outcome_clear(&outcome);
        }
        for (size_t size = 0; size < sizeof(array) - 1; size++) {
                outcome = read_in_all_pieces(RECORD_SHAPE_ARRAY, &generous, array, size);
                assert_int_equal(outcome.result, RECORD_MALFORMED);
                outcome_clear(&outcome);
        }
}

static void test_depth(void **state)
{
        (void)state;
        const struct record_limits limits = { .depth_max = 4, .string_max = 100, .records_max = 1 };

#define EXPECT_DEPTH(shape, body, result)                                                                    \
        expect_sized(shape, &limits, body, sizeof(body) - 1, result, NULL, 0)
        EXPECT_DEPTH(RECORD_SHAPE_OBJECT, "{\"Id\":1,\"a\":[[[]]],\"b\":{\"c\":[{}]}}", RECORD_OK);
        EXPECT_DEPTH(RECORD_SHAPE_OBJECT, "{\"Id\":1,\"a\":[[[[]]]]}", RECORD_TOO_DEEP);
        EXPECT_DEPTH(RECORD_SHAPE_OBJECT, "{\"Id\":1,\"a\":{\"a\":{\"a\":{\"a\":{}}}}}", RECORD_TOO_DEEP);
        EXPECT_DEPTH(RECORD_SHAPE_ARRAY, "[{\"Id\":1,\"a\":[[]]}]", RECORD_OK);
        EXPECT_DEPTH(RECORD_SHAPE_ARRAY, "[{\"Id\":1,\"a\":[[[]]]}]", RECORD_TOO_DEEP);
        expect_explanation(RECORD_SHAPE_OBJECT, &limits, "{\"a\":[[[[", RECORD_TOO_DEEP,
                           "nested deeper than 4 levels");

        EXPECT_DEPTH(RECORD_SHAPE_OBJECT, "{\"Id\":1,\"ResultData\":[[[]]]}", RECORD_OK);
        EXPECT_DEPTH(RECORD_SHAPE_OBJECT, "{\"Id\":1,\"ResultData\":[[[[]]]]}", RECORD_TOO_DEEP);

        /* Deeper than the initial stack of yajl. */
        struct record_limits deep = generous;
        char body[2000] = "{\"Id\":1,\"a\":";
        deep.depth_max = 500;
        memset(body + strlen(body), '[', 499);
        size_t size = strlen(body);
        memset(body + size, ']', 499);
        body[size + 499] = '}';
        expect_sized(RECORD_SHAPE_OBJECT, &deep, body, size + 500, RECORD_OK, NULL, 0);
        deep.depth_max = 499;
        expect_sized(RECORD_SHAPE_OBJECT, &deep, body, size + 500, RECORD_TOO_DEEP, NULL, 0);
}

static void test_string_max(void **state)
{
        (void)state;
        const struct record_limits limits = { .depth_max = 4, .string_max = 4, .records_max = 1 };

#define EXPECT_LENGTH(body, result)                                                                          \
        expect_sized(RECORD_SHAPE_OBJECT, &limits, body, sizeof(body) - 1, result, NULL, 0)
        EXPECT_LENGTH("{\"Id\":1,\"a\":\"1234\"}", RECORD_OK);
        EXPECT_LENGTH("{\"Id\":1,\"a\":\"12345\"}", RECORD_TOO_LONG);
        EXPECT_LENGTH("{\"Id\":1,\"1234\":1}", RECORD_OK);
        EXPECT_LENGTH("{\"Id\":1,\"12345\":1}", RECORD_TOO_LONG);
        EXPECT_LENGTH("{\"Id\":1,\"a\":\"\\u0031\\n\\u0033\\\\\"}", RECORD_OK);
        EXPECT_LENGTH("{\"Id\":1,\"a\":\"\\u0031\\n\\u0033\\\\5\"}", RECORD_TOO_LONG);
        EXPECT_LENGTH("{\"Id\":1,\"a\":\"😀\"}", RECORD_OK);
        EXPECT_LENGTH("{\"Id\":1,\"a\":\"😀5\"}", RECORD_TOO_LONG);
        EXPECT_LENGTH("{\"Id\":1,\"a\":\"\\ud83d\\ude00\"}", RECORD_OK);
        EXPECT_LENGTH("{\"Id\":1,\"a\":\"\\ud83d\\ude005\"}", RECORD_TOO_LONG);
        EXPECT_LENGTH("{\"Id\":1,\"a\":\"\\u20ac\\u20ac\"}", RECORD_TOO_LONG);
        /* Before the end of the string is read. */
        EXPECT_LENGTH("{\"Id\":1,\"a\":\"12345", RECORD_TOO_LONG);
        EXPECT_LENGTH("{\"Id\":1,\"a\":\"1234", RECORD_MALFORMED);
        /* The first problem counts. */
        EXPECT_LENGTH("{\"Id\":1,,\"a\":\"12345\"}", RECORD_MALFORMED);
        EXPECT_LENGTH("{\"Id\":1}\"12345\"}", RECORD_TOO_LONG);
        EXPECT_LENGTH("nonsense\"12345\"", RECORD_MALFORMED);
        expect_explanation(RECORD_SHAPE_OBJECT, &limits, "\"12345", RECORD_TOO_LONG,
                           "a string longer than 4 bytes");
}

static void test_string_max_bounds_json_texts(void **state)
{
        (void)state;
        const struct record_limits limits = { .depth_max = 4, .string_max = 12, .records_max = 1 };

        EXPECT_LENGTH("{\"Id\":1,\"ResultData\":{\"ab\":[123]}}", RECORD_OK);
        EXPECT_LENGTH("{\"Id\":1,\"ResultData\": { \"ab\" : [ 123 ] } }", RECORD_OK);
        EXPECT_LENGTH("{\"Id\":1,\"ResultData\":{\"ab\":[1234]}}", RECORD_TOO_LONG);
        EXPECT_LENGTH("{\"Id\":1,\"Status\":[\"12345678\"]}", RECORD_OK);
        EXPECT_LENGTH("{\"Id\":1,\"Status\":[\"123456789\"]}", RECORD_TOO_LONG);
        EXPECT_LENGTH("{\"Id\":1,\"Status\":[\"123456\\n\"]}", RECORD_OK);
        EXPECT_LENGTH("{\"Id\":1,\"Status\":[\"1234567\\n\"]}", RECORD_TOO_LONG);
        EXPECT_LENGTH("{\"Id\":1,\"Status\":[true,null]}", RECORD_OK);
        EXPECT_LENGTH("{\"Id\":1,\"Status\":[false,false]}", RECORD_TOO_LONG);
        /* Only the text is bounded, not a value that is skipped. */
        EXPECT_LENGTH("{\"Id\":1,\"a\":[false,null,false,null]}", RECORD_OK);
        /* Before the value ends. */
        EXPECT_LENGTH("{\"Id\":1,\"Status\":[1,2,3,4,5,6,7,", RECORD_TOO_LONG);
        expect_explanation(RECORD_SHAPE_OBJECT, &limits, "{\"Id\":1,\"Status\":[false,false]}",
                           RECORD_TOO_LONG, "an object or array longer than 12 bytes in a text field");
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

        expect_sized(RECORD_SHAPE_OBJECT, &generous, body, size, RECORD_OK, wanted, wanted_size);
        free(body);
        free(wanted);
}

static void test_long_numbers(void **state)
{
        (void)state;
        char body[3000] = "{\"Id\":1,\"a\":";
        size_t size = strlen(body);

        memset(body + size, '7', 1024);
        strcpy(body + size + 1024, "}");
        expect_sized(RECORD_SHAPE_OBJECT, &generous, body, strlen(body), RECORD_OK, NULL, 0);
        memset(body + size, '7', 1025);
        strcpy(body + size + 1025, "}");
        expect_sized(RECORD_SHAPE_OBJECT, &generous, body, strlen(body), RECORD_TOO_LONG, NULL, 0);
        memset(body + size, 'x', 1025);
        expect_sized(RECORD_SHAPE_OBJECT, &generous, body, strlen(body), RECORD_MALFORMED, NULL, 0);
        memset(body + size, ' ', 1500);
        strcpy(body + size + 1500, "1}");
        expect_sized(RECORD_SHAPE_OBJECT, &generous, body, strlen(body), RECORD_OK, NULL, 0);
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
        struct record_limits fewer = generous;
        struct outcome outcome;
        char *body = rows_new(100, &size), *line;

        outcome = read_in_all_pieces(RECORD_SHAPE_ARRAY, &generous, body, size);
        assert_int_equal(outcome.result, RECORD_OK);
        assert_int_equal(outcome.count, 100);
        line = outcome.records;
        for (size_t i = 1; i <= 100; i++) {
                assert_int_equal(strtoull(line, NULL, 10), i);
                line = strchr(line, '\n') + 1;
        }
        outcome_clear(&outcome);

        fewer.records_max = 99;
        outcome = read_in_all_pieces(RECORD_SHAPE_ARRAY, &fewer, body, size);
        assert_int_equal(outcome.result, RECORD_TOO_MANY);
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

        expect_sized(RECORD_SHAPE_OBJECT, &generous, body, size, RECORD_OK, wanted, wanted_size);
        free(body);
        free(wanted);
}

static void test_handler_stops_the_reader(void **state)
{
        (void)state;
        static const char body[] = "[{\"Id\":1},{\"Id\":2},{\"Id\":3}]";

        for (size_t step = 1; step <= sizeof(body); step++) {
                struct outcome outcome =
                        read_body(RECORD_SHAPE_ARRAY, &generous, body, sizeof(body) - 1, 0, step, -ENOSPC);
                assert_int_equal(outcome.result, -ENOSPC);
                assert_int_equal(outcome.count, 2);
                assert_string_equal(outcome.records, "1|-|-" REST "\n");
                assert_string_equal(outcome.explanation, "cannot process a record: No space left on device");
                outcome_clear(&outcome);
        }
}

static void test_without_memory_it_stops_or_reads_the_same(void **state)
{
        (void)state;
        static const char body[] =
                "{\"Id\":1,\"Status\":\"a\\n\",\"ResultData\":{\"a\\u0001\":[\"text\",{},1]}}";
        static const char wanted[] = "1|a\n|{\"a\\u0001\":[\"text\",{},1]}" REST "srR\n";
        unsigned refused = 0;
        bool is_hit = true;

        for (unsigned nth = 1; is_hit; nth++) {
                struct outcome outcome = { 0 };
                struct record_reader *reader = NULL;

                outcome.stream = open_memstream(&outcome.records, &outcome.size);
                assert_non_null(outcome.stream);
                fault_malloc_arm(nth, false);
                int r = record_reader_new(RECORD_SHAPE_OBJECT, &generous, on_record, &outcome, &reader);
                for (size_t i = 0; r == 0 && i < sizeof(body) - 1; i++)
                        r = record_reader_feed(reader, body + i, 1);
                if (r == 0)
                        r = record_reader_finish(reader);
                is_hit = fault_malloc_disarm();
                record_reader_free(reader);
                fclose(outcome.stream);

                assert_true(r == 0 || (is_hit && r == -ENOMEM));
                assert_string_equal(outcome.records, r == 0 ? wanted : "");
                refused += r != 0;
                outcome_clear(&outcome);
        }
        assert_true(refused > 5);
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

        assert_int_equal(record_reader_new(RECORD_SHAPE_OBJECT, &generous, keep_status, &kept, &reader), 0);
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
                assert_int_equal(
                        record_reader_new(RECORD_SHAPE_OBJECT, &generous, on_record, &outcome, &reader), 0);
                assert_int_equal(record_reader_feed(reader, open_value, size), 0);
                record_reader_free(reader);
        }
        for (size_t size = 0; size < sizeof(documented) - 1; size++) {
                struct outcome outcome = { 0 };
                outcome.stream = open_memstream(&outcome.records, &outcome.size);
                assert_int_equal(
                        record_reader_new(RECORD_SHAPE_OBJECT, &generous, on_record, &outcome, &reader), 0);
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
                cmocka_unit_test(test_control_characters_between_tokens_are_not_json),
                cmocka_unit_test(test_truncated_at_every_byte),
                cmocka_unit_test(test_depth),
                cmocka_unit_test(test_string_max),
                cmocka_unit_test(test_string_max_bounds_json_texts),
                cmocka_unit_test(test_large_object),
                cmocka_unit_test(test_long_numbers),
                cmocka_unit_test(test_hundred_rows),
                cmocka_unit_test(test_large_result),
                cmocka_unit_test(test_handler_stops_the_reader),
                cmocka_unit_test(test_without_memory_it_stops_or_reads_the_same),
                cmocka_unit_test(test_texts_can_be_stolen),
                cmocka_unit_test(test_freed_at_any_time),
        };

        return cmocka_run_group_tests_name("record_reader_faults", tests, NULL, NULL);
}
