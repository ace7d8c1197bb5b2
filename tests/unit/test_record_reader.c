/* SPDX-License-Identifier: MIT */

/* The reader of job records: shapes, fields, values and strings. */

#include "record_reader_harness.h"

static void test_documented(void **state)
{
        (void)state;
        EXPECT_OBJECT(documented, 0,
                      "87654321|-|-|-|-|-|-|-|-|2025-01-10T08:00:00Z|2025-01-15T10:30:00Z|0|sr\n");
}

static void test_every_field(void **state)
{
        (void)state;
        EXPECT_OBJECT(
                " { \"Id\" : 9223372036854775807 , \"Status\":\"Done\",\"ResultData\":\"\",\"JobId\":\"g\","
                "\"Description\":\"d\",\"Files\":\"f\",\"BusinessName\":\"b\",\"BusinessId\":77,"
                "\"UserFullName\":\"u\",\"UserEmail\":\"e\",\"CreatedOn\":\"c\",\"UpdatedOn\":\"o\"}\r\n\t ",
                0, "9223372036854775807|Done||g|d|f|b|u|e|c|o|77|sr\n");
        EXPECT_OBJECT("{\"Id\":1}", 0, "1|-|-" REST "\n");
        EXPECT_OBJECT("{\"Id\":1,\"BusinessId\":-5,\"BusinessName\":5}", 0, "1|-|-|-|-|-|5|-|-|-|-|0|\n");
}

static void test_names_are_exact_and_at_the_records_level(void **state)
{
        (void)state;
        EXPECT_OBJECT("{\"id\":2,\"ID\":3,\"Id \":4,\"I\":5,\"Ids\":6,\"\":7,\"Id\\u0000\":8,\"Id\":1,"
                      "\"status\":\"x\",\"STATUS\":\"y\"}",
                      0, "1|-|-" REST "\n");
        EXPECT_OBJECT("{\"CustomFields\":{\"Id\":9,\"Status\":\"no\",\"a\":[{\"Id\":8},[{\"Status\":1}]]},"
                      "\"Id\":1,\"LocalizationDetails\":[{\"Id\":7,\"ResultData\":\"no\"},\"Id\",3]}",
                      0, "1|-|-" REST "\n");
        /* A key may be written with escapes. */
        EXPECT_OBJECT("{\"\\u0049d\":1,\"Stat\\u0075s\":\"Done\"}", 0, "1|Done|-" REST "s\n");
        EXPECT_OBJECT("{\"CustomFields\":{\"Id\":9}}", -ENOMSG, "");
}

static void test_values_of_other_types(void **state)
{
        (void)state;
        EXPECT_OBJECT("{\"Id\":1,\"Status\":3,\"ResultData\":true}", 0, "1|3|true" REST "sr\n");
        EXPECT_OBJECT("{\"Id\":1,\"Status\":false,\"ResultData\":-1.5e+3}", 0, "1|false|-1.5e+3" REST "sr\n");
        EXPECT_OBJECT("{\"Id\":1,\"Status\":99999999999999999999999999}", 0,
                      "1|99999999999999999999999999|-" REST "s\n");
        EXPECT_OBJECT("{\"Id\":1,\"Unknown\":9223372036854775808,\"Other\":1e999}", 0, "1|-|-" REST "\n");
}

static void test_objects_and_arrays_are_their_json_text(void **state)
{
        (void)state;
        EXPECT_OBJECT("{\"Id\":1,\"Status\":{\"Name\":\"Completed\"},"
                      "\"ResultData\":{\"done\":3,\"errors\":[\"row 7\"]}}",
                      0, "1|{\"Name\":\"Completed\"}|{\"done\":3,\"errors\":[\"row 7\"]}" REST "srSR\n");
        EXPECT_OBJECT("{\"Id\":1,\"Status\":[],\"ResultData\":{}}", 0, "1|[]|{}" REST "srSR\n");
        EXPECT_OBJECT("{\"ResultData\":[[],{},[[]],{\"\":{}},\"\"],\"Id\":1}", 0,
                      "1|-|[[],{},[[]],{\"\":{}},\"\"]" REST "rR\n");
        EXPECT_OBJECT("{\"ResultData\":[null,true,false,-0,1.50e+3,123456789012345678901234567890],\"Id\":1}",
                      0, "1|-|[null,true,false,-0,1.50e+3,123456789012345678901234567890]" REST "rR\n");
        /* The names of fields have no meaning within, and those after it have theirs. */
        EXPECT_OBJECT("{\"ResultData\":{\"Id\":2,\"Status\":\"no\",\"ResultData\":{\"Id\":[3]}},\"Id\":1,"
                      "\"Status\":\"yes\",\"CustomFields\":{\"ResultData\":[4]}}",
                      0, "1|yes|{\"Id\":2,\"Status\":\"no\",\"ResultData\":{\"Id\":[3]}}" REST "srR\n");
        /* A repeated name is kept as it was sent. */
        EXPECT_OBJECT("{\"ResultData\":{\"a\":1,\"a\":2},\"Id\":1}", 0, "1|-|{\"a\":1,\"a\":2}" REST "rR\n");
        /* Other fields that are not texts are null. */
        EXPECT_OBJECT("{\"Id\":1,\"Description\":{\"a\":1},\"UpdatedOn\":[\"x\"],\"JobId\":[]}", 0,
                      "1|-|-" REST "\n");
}

static void test_json_text_depends_on_the_value_alone(void **state)
{
        (void)state;
        static const char text[] = "1|-|{\"a/\":[1,\"é😀\"],\"b\":{}}" REST "rR\n";

        EXPECT_OBJECT("{\"Id\":1,\"ResultData\":{\"a/\":[1,\"é😀\"],\"b\":{}}}", 0, text);
        EXPECT_OBJECT("{\"Id\":1,\"ResultData\" :\t{ \"a/\"\r\n: [ 1 ,\"é😀\" ]\n,\"b\" : { } } }", 0, text);
        EXPECT_OBJECT("{\"Id\":1,\"ResultData\":{\"\\u0061\\/\":[1,\"\\u00E9\\ud83d\\uDE00\"],\"b\":{}}}", 0,
                      text);
}

static void test_json_text_is_json(void **state)
{
        (void)state;
        EXPECT_OBJECT("{\"Id\":1,\"ResultData\":[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u001F\x7f\"]}", 0,
                      "1|-|[\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001F\x7f\"]" REST "rR\n");
        EXPECT_OBJECT("{\"Id\":1,\"ResultData\":{\"\\ud800\":\"\\udc00z\"}}", 0,
                      "1|-|{\"�\":\"�z\"}" REST "rR\n");
        EXPECT_OBJECT("{\"Id\":1,\"ResultData\":[\"a\nb\"]}", -EBADMSG, "");
        EXPECT_OBJECT("{\"Id\":1,\"ResultData\":[\"\xff\"]}", -EBADMSG, "");
        EXPECT_OBJECT("{\"Id\":1,\"ResultData\":[1,]}", -EBADMSG, "");
        EXPECT_OBJECT("{\"Id\":1,\"ResultData\":[1}", -EBADMSG, "");
        EXPECT_OBJECT("{\"Id\":1,\"ResultData\":{\"a\"}}", -EBADMSG, "");
}

static void test_objects_and_arrays_in_rows(void **state)
{
        (void)state;
        static const char body[] =
                "[{\"Id\":1,\"Status\":{\"Name\":\"Running\"},\"ResultData\":{\"done\":3},\"Files\":[\"f\"]},"
                "{\"Id\":2,\"Status\":\"Running\",\"ResultData\":\"{\\\"done\\\":3}\"},"
                "{\"Id\":3,\"ResultData\":[ ]}]";
        static const char records[] = "1|{\"Name\":\"Running\"}|{\"done\":3}" REST "srSR\n"
                                      "2|Running|{\"done\":3}" REST "sr\n"
                                      "3|-|[]" REST "rR\n";

        EXPECT_ARRAY(body, 0, records);
}

static void test_details_are_bounded(void **state)
{
        (void)state;
        enum { SIZE = 70000, WHOLE = RECORD_DETAIL_MAX };
        char *body = NULL, *wanted = NULL;
        size_t size, wanted_size;
        FILE *stream = open_memstream(&body, &size), *wanted_stream = open_memstream(&wanted, &wanted_size);

        assert_non_null(stream);
        assert_non_null(wanted_stream);
        fprintf(stream, "{\"Id\":1,\"Status\":\"%0*d\",\"ResultData\":\"%0*d\",\"JobId\":\"%0*d\",", SIZE, 0,
                SIZE, 0, WHOLE, 0);
        /* The limit is in the middle of the é. */
        fprintf(stream, "\"Description\":\"%0*dé%0*d\"}", WHOLE - 1, 0, SIZE, 0);
        fprintf(wanted_stream, "1|%0*d|%0*d|%0*d|%0*d|-|-|-|-|-|-|0|sr\n", SIZE, 0, SIZE, 0, WHOLE, 0,
                WHOLE - 1, 0);
        fclose(stream);
        fclose(wanted_stream);

        expect_sized(RECORD_SHAPE_OBJECT, ROWS_MAX, body, size, 0, wanted, wanted_size);
        free(body);
        free(wanted);
}

static void test_last_of_a_name_counts(void **state)
{
        (void)state;
        EXPECT_OBJECT("{\"Id\":1,\"Status\":\"a\",\"Id\":2,\"Status\":\"b\"}", 0, "2|b|-" REST "s\n");
        EXPECT_OBJECT("{\"Id\":1,\"Status\":\"a\",\"Status\":null}", 0, "1|-|-" REST "s\n");
        EXPECT_OBJECT("{\"Id\":1,\"Status\":\"a\",\"Status\":{}}", 0, "1|{}|-" REST "sS\n");
        EXPECT_OBJECT("{\"Id\":1,\"Status\":{},\"Status\":\"a\"}", 0, "1|a|-" REST "s\n");
        EXPECT_OBJECT("{\"Id\":1,\"Status\":{},\"Status\":null}", 0, "1|-|-" REST "s\n");
        EXPECT_OBJECT("{\"Id\":1,\"ResultData\":[1],\"ResultData\":{\"a\":2}}", 0,
                      "1|-|{\"a\":2}" REST "rR\n");
        EXPECT_OBJECT("{\"Id\":1,\"BusinessId\":4,\"BusinessId\":\"5\"}", 0, "1|-|-" REST "\n");
        EXPECT_OBJECT("{\"Id\":1,\"Id\":null}", -ENOMSG, "");
        EXPECT_OBJECT("{\"Id\":1,\"Id\":[2]}", -ENOMSG, "");
        EXPECT_OBJECT("{\"Id\":\"x\",\"Id\":2}", 0, "2|-|-" REST "\n");
}

static void test_ids(void **state)
{
        (void)state;
        EXPECT_OBJECT("{\"Id\":9223372036854775808}", -ENOMSG, "");
        EXPECT_OBJECT("{\"Id\":18446744073709551617}", -ENOMSG, "");
        EXPECT_OBJECT("{\"Id\":0}", -ENOMSG, "");
        EXPECT_OBJECT("{\"Id\":-1}", -ENOMSG, "");
        EXPECT_OBJECT("{\"Id\":-0}", -ENOMSG, "");
        EXPECT_OBJECT("{\"Id\":1.0}", -ENOMSG, "");
        EXPECT_OBJECT("{\"Id\":1e3}", -ENOMSG, "");
        EXPECT_OBJECT("{\"Id\":\"1\"}", -ENOMSG, "");
        EXPECT_OBJECT("{\"Id\":true}", -ENOMSG, "");
        EXPECT_OBJECT("{\"Id\":null}", -ENOMSG, "");
        EXPECT_OBJECT("{\"Id\":01}", -EBADMSG, "");
        expect_explanation(RECORD_SHAPE_OBJECT, ROWS_MAX, "{\"Id\":1.0}", -ENOMSG,
                           "an object whose Id is not a positive integer");
}

static void test_arrays(void **state)
{
        (void)state;
        EXPECT_ARRAY("[]", 0, "");
        EXPECT_ARRAY(" [ ] ", 0, "");
        EXPECT_ARRAY("[{\"Id\":1,\"Status\":\"a\"},{\"Id\":2},{\"Id\":3,\"ResultData\":null}]", 0,
                     "1|a|-" REST "s\n2|-|-" REST "\n3|-|-" REST "r\n");
        EXPECT_ARRAY("[{\"Id\":1},{\"Status\":\"x\"}]", -ENOMSG, "1|-|-" REST "\n");
        EXPECT_ARRAY("[{\"Id\":1},null]", -ENOMSG, "1|-|-" REST "\n");
        EXPECT_ARRAY("[[{\"Id\":1}]]", -ENOMSG, "");
        EXPECT_ARRAY("[1]", -ENOMSG, "");
        EXPECT_ARRAY("[\"Id\"]", -ENOMSG, "");
        EXPECT_ARRAY("[{}]", -ENOMSG, "");
        EXPECT_ARRAY("{\"Id\":1}", -ENOMSG, "");
        EXPECT_ARRAY("null", -ENOMSG, "");
}

static void test_other_shapes(void **state)
{
        (void)state;
        EXPECT_OBJECT("[{\"Id\":1}]", -ENOMSG, "");
        EXPECT_OBJECT("[]", -ENOMSG, "");
        EXPECT_OBJECT("{}", -ENOMSG, "");
        EXPECT_OBJECT("1", -ENOMSG, "");
        EXPECT_OBJECT("true", -ENOMSG, "");
        EXPECT_OBJECT("null ", -ENOMSG, "");
        EXPECT_OBJECT("\"\"", -ENOMSG, "");
        expect_explanation(RECORD_SHAPE_ARRAY, ROWS_MAX, "1 ", -ENOMSG,
                           "a number where an array of job records was expected");
        expect_explanation(RECORD_SHAPE_ARRAY, ROWS_MAX, "[true]", -ENOMSG,
                           "a boolean where a job record was expected");
        expect_explanation(RECORD_SHAPE_OBJECT, ROWS_MAX, "[1]", -ENOMSG,
                           "an array where a job record was expected");
}

static void test_envelopes(void **state)
{
        (void)state;
        static const char envelope[] =
                "{\"Status\":500,\"Message\":\"Not\\nfound\",\"Value\":null,\"RedirectURL\":null,"
                "\"Errors\":[{\"AttemptedValue\":1,\"Message\":\"inner\",\"PropertyName\":\"Id\"}],"
                "\"WasSuccessful\":false}";

        expect_explanation(RECORD_SHAPE_OBJECT, ROWS_MAX, envelope, -ENOMSG,
                           "an object without Id; it has WasSuccessful: 'false', Status: '500', "
                           "Message: 'Not\\nfound'");
        expect_explanation(RECORD_SHAPE_ARRAY, ROWS_MAX, envelope, -ENOMSG,
                           "an object where an array of job records was expected; it has WasSuccessful: "
                           "'false', Status: '500', Message: 'Not\\nfound'");
        expect_explanation(RECORD_SHAPE_OBJECT, ROWS_MAX, "{\"Message\":\"No\"}", -ENOMSG,
                           "an object without Id; it has Message: 'No'");
        expect_explanation(RECORD_SHAPE_OBJECT, ROWS_MAX, "{\"Status\":{\"Code\":500}}", -ENOMSG,
                           "an object without Id; it has Status: '{\"Code\":500}'");
        expect_explanation(RECORD_SHAPE_OBJECT, ROWS_MAX, "{\"Error\":\"No\"}", -ENOMSG,
                           "an object without Id");
        /* The summary of one row is not used for the next. */
        expect_explanation(RECORD_SHAPE_ARRAY, ROWS_MAX, "[{\"Id\":1,\"Message\":\"No\"},{}]", -ENOMSG,
                           "an object without Id");
}

static void test_explanation_is_short_and_clean(void **state)
{
        (void)state;
        char body[2000] = "{\"Status\":\"", *end = body + strlen(body);
        struct outcome outcome;

        for (size_t i = 0; i < 150; i++)
                end = stpcpy(end, "\\u0007é");
        end = stpcpy(end, "\",\"Message\":\"\\u001b[31m\"}");
        outcome = read_in_all_pieces(RECORD_SHAPE_OBJECT, ROWS_MAX, body, strlen(body));
        assert_int_equal(outcome.result, -ENOMSG);
        for (const char *at = outcome.explanation; *at != '\0'; at++)
                assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
        assert_non_null(strstr(outcome.explanation, "Message: '\\x1b[31m'"));
        outcome_clear(&outcome);
}

static void test_strings(void **state)
{
        (void)state;
        EXPECT_OBJECT("{\"Id\":1,\"Status\":\"a\\u0000b\",\"ResultData\":\"\\u0000\"}", 0,
                      "1|a\0b|\0" REST "sr\n");
        EXPECT_OBJECT("{\"Id\":1,\"Status\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC\\ud83d\\uDE00\"}", 0,
                      "1|\"\\/\b\f\n\r\té€😀|-" REST "s\n");
        EXPECT_OBJECT("{\"Id\":1,\"Status\":\"é€😀\xf4\x8f\xbf\xbf\x7f\"}", 0,
                      "1|é€😀\xf4\x8f\xbf\xbf\x7f|-" REST "s\n");
        EXPECT_OBJECT("{\"Id\":1,\"Status\":\"a\nb\"}", -EBADMSG, "");
        EXPECT_OBJECT("{\"Id\":1,\"Status\":\"a\0b\"}", -EBADMSG, "");
        EXPECT_OBJECT("{\"Id\":1,\"Status\":\"\\x\"}", -EBADMSG, "");
        EXPECT_OBJECT("{\"Id\":1,\"Status\":\"\\u00g0\"}", -EBADMSG, "");
        EXPECT_OBJECT("{\"Id\":1,\"Status\":\"\\u00\"}", -EBADMSG, "");
}

static void test_lone_surrogates(void **state)
{
        (void)state;
        EXPECT_OBJECT("{\"Id\":1,\"Status\":\"\\ud800\"}", 0, "1|�|-" REST "s\n");
        EXPECT_OBJECT("{\"Id\":1,\"Status\":\"\\udc00z\"}", 0, "1|�z|-" REST "s\n");
        EXPECT_OBJECT("{\"Id\":1,\"Status\":\"\\uD83Déz\"}", 0, "1|�éz|-" REST "s\n");
        EXPECT_OBJECT("{\"Id\":1,\"Status\":\"\\ud83d\\u0041\"}", 0, "1|�A|-" REST "s\n");
        EXPECT_OBJECT("{\"Id\":1,\"Status\":\"\\ud83d\\n\"}", 0, "1|�\n|-" REST "s\n");
        EXPECT_OBJECT("{\"Id\":1,\"Status\":\"\\ud83d\\\"\"}", 0, "1|�\"|-" REST "s\n");
        EXPECT_OBJECT("{\"Id\":1,\"Status\":\"\\ud83d\\ud83d\\ude00\"}", 0, "1|�😀|-" REST "s\n");
        EXPECT_OBJECT("{\"Id\":1,\"Status\":\"\\ude00\\ud83d\"}", 0, "1|��|-" REST "s\n");
        /* An escaped backslash is followed by a letter, not by a surrogate. */
        EXPECT_OBJECT("{\"Id\":1,\"Status\":\"\\\\ud800\\\\\\ud800\"}", 0, "1|\\ud800\\�|-" REST "s\n");
        EXPECT_OBJECT("{\"Id\":1,\"\\ud800\":\"x\",\"Status\":\"y\"}", 0, "1|y|-" REST "s\n");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_documented),
                cmocka_unit_test(test_every_field),
                cmocka_unit_test(test_names_are_exact_and_at_the_records_level),
                cmocka_unit_test(test_values_of_other_types),
                cmocka_unit_test(test_objects_and_arrays_are_their_json_text),
                cmocka_unit_test(test_json_text_depends_on_the_value_alone),
                cmocka_unit_test(test_json_text_is_json),
                cmocka_unit_test(test_objects_and_arrays_in_rows),
                cmocka_unit_test(test_details_are_bounded),
                cmocka_unit_test(test_last_of_a_name_counts),
                cmocka_unit_test(test_ids),
                cmocka_unit_test(test_arrays),
                cmocka_unit_test(test_other_shapes),
                cmocka_unit_test(test_envelopes),
                cmocka_unit_test(test_explanation_is_short_and_clean),
                cmocka_unit_test(test_strings),
                cmocka_unit_test(test_lone_surrogates),
        };

        return cmocka_run_group_tests_name("record_reader", tests, NULL, NULL);
}
