/* SPDX-License-Identifier: MIT */

/* The reader of job records: pages of the search. */

#include "record_reader_harness.h"

/* What is documented around the rows of a page. */
#define PAGE_HEAD "{\"Records\":["
#define PAGE_TAIL                                                                                            \
        "],\"CurrentPage\":2,\"CurrentPageSize\":25,\"CurrentOrderField\":\"UpdatedOn\","                    \
        "\"CurrentSortDirection\":-1,\"FirstItem\":26,\"LastItem\":27,\"TotalItems\":27,\"TotalPages\":2,"   \
        "\"HasNextPage\":false,\"HasPreviousPage\":true}"

static void test_documented_page(void **state)
{
        (void)state;
        char body[1000];
        static const char records[] =
                "87654321|-|-|-|-|-|-|-|-|2025-01-10T08:00:00Z|2025-01-15T10:30:00Z|0|sr\npage 2/27\n";

        (void)snprintf(body, sizeof(body), PAGE_HEAD "%s" PAGE_TAIL, documented);
        expect_sized(RECORD_SHAPE_PAGE, ROWS_MAX, body, strlen(body), 0, records, strlen(records));
        EXPECT_PAGE(PAGE_HEAD PAGE_TAIL, 0, "page 2/27\n");
        EXPECT_PAGE(PAGE_HEAD "{\"Id\":1,\"Status\":\"Done\"},{\"Id\":2,\"ResultData\":\"\"}" PAGE_TAIL, 0,
                    "1|Done|-" REST "s\n2|-|" REST "r\npage 2/27\n");
}

static void test_fields_of_a_page_in_any_order(void **state)
{
        (void)state;
        static const char records[] = "1|a|-" REST "s\npage 1/9+\n";

        EXPECT_PAGE("{\"Records\":[{\"Id\":1,\"Status\":\"a\"}],\"CurrentPage\":1,\"TotalItems\":9,"
                    "\"HasNextPage\":true}",
                    0, records);
        EXPECT_PAGE("{\"CurrentPage\":1,\"TotalItems\":9,\"HasNextPage\":true,"
                    "\"Records\":[{\"Id\":1,\"Status\":\"a\"}]}",
                    0, records);
        EXPECT_PAGE(" { \"TotalItems\" : 9, \"Other\":[{\"Id\":7,\"Records\":[{\"Id\":8}]},[]], \"Records\" :"
                    " [ { \"Status\" : \"a\" , \"Id\" : 1 } ] , \"HasNextPage\" : true,\r\n"
                    "\"More\":{\"Records\":[{\"Id\":9}],\"CurrentPage\":5},\"CurrentPage\":1 } ",
                    0, records);
        EXPECT_PAGE("\xef\xbb\xbf{\"Records\":[]}", 0, "page 0/\n");
}

static void test_fields_of_a_page_are_not_those_of_its_rows(void **state)
{
        (void)state;
        EXPECT_PAGE(
                "{\"Id\":7,\"Status\":500,\"Message\":\"m\",\"ResultData\":{\"a\":[1]},\"UpdatedOn\":\"u\","
                "\"Records\":[{\"Id\":1},{\"Id\":2}],\"Status\":\"x\"}",
                0, "1|-|-" REST "\n2|-|-" REST "\npage 0/\n");
        EXPECT_PAGE("{\"Records\":[{\"Id\":1,\"TotalItems\":5,\"CurrentPage\":5,\"HasNextPage\":true,"
                    "\"Records\":[{\"Id\":6}],\"CustomFields\":{\"Records\":[{\"Id\":7}]}}]}",
                    0, "1|-|-" REST "\npage 0/\n");
        EXPECT_PAGE("{\"Id\":7,\"Records\":[{\"Status\":\"a\"}]}", -ENOMSG, "");
        EXPECT_PAGE("{\"records\":[{\"Id\":1}],\"Records \":[{\"Id\":1}],\"Records\\u0000\":[]}", -ENOMSG,
                    "");
}

static void test_fields_of_a_page_with_other_values(void **state)
{
        (void)state;
        EXPECT_PAGE("{\"Records\":[],\"CurrentPage\":\"1\",\"TotalItems\":\"9\",\"HasNextPage\":\"true\"}", 0,
                    "page 0/\n");
        EXPECT_PAGE("{\"Records\":[],\"CurrentPage\":1.0,\"TotalItems\":-1,\"HasNextPage\":1}", 0,
                    "page 0/\n");
        EXPECT_PAGE("{\"Records\":[],\"CurrentPage\":[1],\"TotalItems\":{\"a\":9},\"HasNextPage\":[true]}", 0,
                    "page 0/\n");
        EXPECT_PAGE("{\"Records\":[],\"CurrentPage\":null,\"TotalItems\":null,\"HasNextPage\":null}", 0,
                    "page 0/\n");
        EXPECT_PAGE("{\"Records\":[],\"TotalItems\":0,\"CurrentPage\":9223372036854775807}", 0,
                    "page 9223372036854775807/0\n");
        EXPECT_PAGE("{\"Records\":[],\"TotalItems\":9223372036854775808}", 0, "page 0/\n");
        EXPECT_PAGE("{\"CurrentPage\":1,\"TotalItems\":9,\"HasNextPage\":true,\"Records\":[],"
                    "\"CurrentPage\":2,\"TotalItems\":true,\"HasNextPage\":false}",
                    0, "page 2/\n");
}

static void test_objects_and_arrays_in_rows_of_a_page(void **state)
{
        (void)state;
        EXPECT_PAGE("{\"Records\":[{\"Id\":1,\"Status\":{ \"Name\":\"Done\" },\"ResultData\":[ {\"Id\":5} ]},"
                    "{\"Id\":2,\"ResultData\":{\"Records\":[[]]}}],\"HasNextPage\":true}",
                    0,
                    "1|{\"Name\":\"Done\"}|[{\"Id\":5}]" REST "srSR\n2|-|{\"Records\":[[]]}" REST
                    "rR\npage 0/+\n");
}

static void expect_page_explanation(const char *body, const char *explanation)
{
        expect_explanation(RECORD_SHAPE_PAGE, ROWS_MAX, body, -ENOMSG, explanation);
}

static void test_no_pages(void **state)
{
        (void)state;
        expect_page_explanation("[{\"Id\":1}]", "an array where a page of job records was expected");
        expect_page_explanation("null ", "null where a page of job records was expected");
        expect_page_explanation("{}", "an object without an array of Records");
        expect_page_explanation("{\"Id\":1,\"CurrentPage\":1}", "an object without an array of Records");
        expect_page_explanation("{\"Records\":{\"Id\":1}}", "an object without an array of Records");
        expect_page_explanation("{\"Records\":[[{\"Id\":1}]]}", "an array where a job record was expected");
        expect_page_explanation("{\"Records\":[null]}", "null where a job record was expected");
        expect_page_explanation("{\"Records\":[{\"Id\":\"1\"}]}",
                                "an object whose Id is not a positive integer");
        expect_page_explanation("{\"Records\":[],\"Records\":[]}", "a page that has Records twice");
        expect_page_explanation("{\"Status\":500,\"Message\":\"Not\\nfound\",\"Value\":null,"
                                "\"Errors\":[{\"Message\":\"inner\"}],\"Records\":null,"
                                "\"WasSuccessful\":false}",
                                "an object without an array of Records; it has WasSuccessful: 'false', "
                                "Status: '500', Message: 'Not\\nfound'");
}

static void test_rows_of_a_page_are_bounded(void **state)
{
        (void)state;
        static const char within[] = "{\"Records\":[{\"Id\":1},{\"Id\":2}]}";

        expect_sized(RECORD_SHAPE_PAGE, 2, within, strlen(within), 0, NULL, 0);
        expect_explanation(RECORD_SHAPE_PAGE, 2, "{\"Records\":[{\"Id\":1},{\"Id\":2},{\"Id\":3}]}", -E2BIG,
                           "more than 2 records");
}

static void test_page_truncated_at_every_byte(void **state)
{
        (void)state;
        static const char body[] = "{\"TotalItems\":2,\"Records\":[{\"Id\":1,\"Status\":[\"é\"],\"X\":[{}]},"
                                   "{\"Id\":2}],\"CurrentPage\":1,\"HasNextPage\":false}";

        for (size_t size = 0; size < sizeof(body) - 1; size++) {
                struct outcome outcome = read_in_all_pieces(RECORD_SHAPE_PAGE, ROWS_MAX, body, size);
                assert_int_equal(outcome.result, -ENODATA);
                outcome_clear(&outcome);
        }
        EXPECT_PAGE("{\"Records\":[]}x", -EBADMSG, "");
        EXPECT_PAGE("{\"Records\":[]]", -EBADMSG, "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_documented_page),
                cmocka_unit_test(test_fields_of_a_page_in_any_order),
                cmocka_unit_test(test_fields_of_a_page_are_not_those_of_its_rows),
                cmocka_unit_test(test_fields_of_a_page_with_other_values),
                cmocka_unit_test(test_objects_and_arrays_in_rows_of_a_page),
                cmocka_unit_test(test_no_pages),
                cmocka_unit_test(test_rows_of_a_page_are_bounded),
                cmocka_unit_test(test_page_truncated_at_every_byte),
        };

        return cmocka_run_group_tests_name("record_reader_page", tests, NULL, NULL);
}
