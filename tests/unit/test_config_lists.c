/* SPDX-License-Identifier: MIT */

/*
 * How values are written: lists with "=", "+=" and quotes over several files, commands over several lines,
 * and that any value can be written so that it is read back.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/value_syntax.h"
#include "config_helpers.h"
#include "random.h"
#include "util/glob.h"

/* "a|b|" for the items a and b. */
static void expect_items(const struct string_list *list, const char *expected)
{
        char text[1024] = "";

        for (size_t i = 0; i < list->count; i++) {
                strncat(text, list->items[i], sizeof(text) - strlen(text) - 1);
                strncat(text, "|", sizeof(text) - strlen(text) - 1);
        }
        assert_string_equal(text, expected);
}

static void expect_results(const char *lines, const char *expected)
{
        struct config *config = load_with("status", lines);

        expect_items(&config->status.failed_result, expected);
        config_free(config);
}

static void test_items(void **state)
{
        (void)state;
        expect_results("failed_result =", "");
        expect_results("failed_result = ,, ,", "");
        expect_results("failed_result = a, b c ,d", "a|b c|d|");
        expect_results("failed_result=a\n\tb\n  # none\n\n  c, ; d", "a|b|c|");
        expect_results("failed_result =;a, b;c ; d", ";a|b;c|");
        expect_results("failed_result = a\nfailed_result = b\nfailed_result =\nfailed_result += c", "a|b|c|");
        /* The other separators and signs of the format are ordinary characters in an item. */
        expect_results("failed_result = a=b, [c], d]e, #f, g#h, x:y", "a=b|[c]|d]e|#f|g#h|x:y|");
}

static void test_quoted_items(void **state)
{
        (void)state;
        expect_results("failed_result = \"a, b\", \" c \",\"\",d", "a, b| c ||d|");
        expect_results("failed_result = \"a ; b # c\" ; d", "a ; b # c|");
        expect_results("failed_result =\n \"[poll]\"\n \"a = b\"\n \"; c\"\n \"# d\"",
                       "[poll]|a = b|; c|# d|");
        expect_results("failed_result = \"\\\\ \\\" \\a\\b\\f\\n\\r\\t\\v \\x41\\x7a\\101\\377\\xff\"",
                       "\\ \" \a\b\f\n\r\t\v AzA\xff\xff|");
        expect_results("failed_result = \"\\x411\\1011\"", "A1A1|");
        /* Elsewhere a quote is an ordinary character, so " ;" ends the item. */
        expect_results("failed_result = *\"n\":\"a, b\" ; c", "*\"n\":\"a|b\"|");
        expect_results("failed_result = a \"b ; c\"", "a \"b|");
        /* A backslash is one outside quotes. */
        expect_results("failed_result = a\\*, \\n", "a\\*|\\n|");
}

static void test_quotes_prevent_splitting_but_not_globbing(void **state)
{
        static const char lines[] = "success = \"A, *\", \"B\\\\*\"";
        struct config *config = load_with("status", lines);

        (void)state;
        assert_int_equal(status_classify(&config->status, &TEXT_LITERAL("A, b"), &TEXT_NULL).outcome,
                         OUTCOME_SUCCESS);
        assert_int_equal(status_classify(&config->status, &TEXT_LITERAL("B*"), &TEXT_NULL).outcome,
                         OUTCOME_SUCCESS);
        assert_int_equal(status_classify(&config->status, &TEXT_LITERAL("Bx"), &TEXT_NULL).outcome,
                         OUTCOME_OPEN);
        config_free(config);
}

/* The default has these items. */
#define DEFAULT_SUCCESS "Completed|Complete|Succeeded|Success|Successful|Finished|Done|Processed|"

static void expect_success(const char *lines, const char *expected)
{
        struct config *config = load_with("status", lines);

        expect_items(&config->status.success, expected);
        config_free(config);
}

static void test_adding_to_the_default(void **state)
{
        (void)state;
        expect_success("", DEFAULT_SUCCESS);
        expect_success("success += A", DEFAULT_SUCCESS "A|");
        expect_success("success += A, B\n  C", DEFAULT_SUCCESS "A|B|C|");
        expect_success("success += A\nsuccess += B\nsuccess = C", DEFAULT_SUCCESS "A|B|C|");
        expect_success("success +=", DEFAULT_SUCCESS);
        expect_success("success = A\nsuccess += B", "A|B|");
        expect_success("success =\nsuccess += A", "A|");
        expect_success("success = A\nsuccess =", "A|");
        /* Also where the section is repeated. */
        expect_success("success = A\n[poll]\ninterval = 5s\n[status]\nsuccess += B", "A|B|");

        struct config *config = load_with("hook a", "exec = /a\non += seen");
        assert_int_equal(config->hooks[0].on, EVENT_MASK_TERMINAL | EVENT_MASK_SEEN);
        config_free(config);
        config = load_with("hook a", "exec = /a\non +=");
        assert_int_equal(config->hooks[0].on, EVENT_MASK_TERMINAL);
        config_free(config);
}

static void write_text(const char *path, const char *text)
{
        FILE *file = fopen(path, "we");

        assert_non_null(file);
        assert_int_equal(fputs(text, file) < 0, 0);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(chmod(path, 0644), 0);
}

/* Loads a main file and drop-ins, in this order; ends with NULL. */
static struct config *load_files(const char *const texts[])
{
        char directory[] = "/tmp/test_config.XXXXXX", main_file[64], drop_ins[80], path[128];
        struct config_problems problems = { 0 };
        struct config *config = NULL;

        assert_non_null(mkdtemp(directory));
        snprintf(main_file, sizeof(main_file), "%s/f.ini", directory);
        snprintf(drop_ins, sizeof(drop_ins), "%s.d", main_file);
        assert_int_equal(mkdir(drop_ins, 0755), 0);
        for (size_t i = 0; texts[i] != NULL; i++) {
                snprintf(path, sizeof(path), "%s/%zu.ini", drop_ins, i);
                write_text(i == 0 ? main_file : path, texts[i]);
        }
        int r = config_load(main_file, NULL, &problems, &config);
        if (r < 0)
                fail_msg("%s", problems.count > 0 ? problems.items[0].message : strerror(-r));
        for (size_t i = 0; texts[i] != NULL; i++) {
                snprintf(path, sizeof(path), "%s/%zu.ini", drop_ins, i);
                assert_int_equal(unlink(i == 0 ? main_file : path), 0);
        }
        assert_int_equal(rmdir(drop_ins), 0);
        assert_int_equal(rmdir(directory), 0);
        return config;
}

/* The file that is named for a line "success +=" is the one in which the line takes effect. */
static void expect_merged(const char *const texts[], const char *expected, const char *status_file)
{
        struct config *config = load_files(texts);
        const char *name = strrchr(config->status_file, '/') + 1;

        expect_items(&config->status.success, expected);
        assert_string_equal(name, status_file);
        config_free(config);
}

static void test_the_first_line_in_each_file_decides(void **state)
{
#define JOBS "[jobs]\nids = 1\n[status]\n"
        (void)state;
        expect_merged((const char *[]){ JOBS, "[status]\nsuccess += A\n", NULL }, DEFAULT_SUCCESS "A|",
                      "f.ini");
        expect_merged((const char *[]){ JOBS "success += A\n", "[status]\nsuccess += B\n", NULL },
                      DEFAULT_SUCCESS "A|B|", "f.ini");
        expect_merged((const char *[]){ JOBS "success = A\n", "[status]\nsuccess += B\nsuccess = C\n", NULL },
                      "A|B|C|", "f.ini");
        expect_merged((const char *[]){ JOBS "success = A\n", "[status]\nsuccess = B\nsuccess += C\n", NULL },
                      "B|C|", "1.ini");
        expect_merged((const char *[]){ JOBS "success += A\n", "[status]\nsuccess =\n", NULL }, "", "1.ini");
        expect_merged((const char *[]){ JOBS "success += A\n", "[status]\nsuccess = B\n",
                                        "[status]\nsuccess += C\n", NULL },
                      "B|C|", "1.ini");

        struct config *config = load_files((const char *[]){
                "[jobs]\nids = 1\nids += 2\n", "[jobs]\nids = 3\n", "[jobs]\nids =\nids += 4\n", NULL });
        assert_int_equal(config->job_count, 4);
        for (size_t i = 0; i < 4; i++)
                assert_int_equal(config->jobs[i].id, i + 1);
        config_free(config);
}

static void expect_target(const char *later, enum hook_kind kind, const char *target)
{
        struct config *config =
                load_files((const char *[]){ "[jobs]\nids = 1\n[hook a]\nexec = /a ; c\n", later, NULL });

        assert_int_equal(config->hooks[0].kind, kind);
        assert_string_equal(config->hooks[0].target, target);
        assert_null(config->hooks[0].comment);
        config_free(config);
}

static void test_a_later_file_replaces_the_target_of_a_hook(void **state)
{
        (void)state;
        expect_target("[hook a]\nexec = /b\n", HOOK_EXEC, "/b");
        expect_target("[hook a]\nexec =\nunit = b.service\n", HOOK_UNIT, "b.service");
        expect_target("[hook a]\nunit = b.service\nexec =\n", HOOK_UNIT, "b.service");
}

static void expect_command(const char *lines, const char *expected)
{
        struct config *config = load_with("hook a", lines);

        assert_string_equal(config->hooks[0].target, expected);
        config_free(config);
}

static void test_commands(void **state)
{
        static char line[2000], expected[2000];

        (void)state;
        expect_command("exec = /bin/a b ; c", "/bin/a b");
        expect_command("exec = /bin/sh -c 'a ; b # c' ; d", "/bin/sh -c 'a ; b # c'");
        expect_command("exec = /bin/sh -c \"a ; \\\" ; 'b\" '\\' ; c' ; d",
                       "/bin/sh -c \"a ; \\\" ; 'b\" '\\' ; c'");
        expect_command("exec = /bin/a\n  b   ; c\n\n  # d\n\t  e", "/bin/a b e");
        expect_command("exec =\n  /bin/a\n  \"b\n  ; c\n  d ; e\"", "/bin/a \"b d ; e\"");
        expect_command("exec = /bin/a \\; b", "/bin/a \\; b");
        expect_bad("hook a", "exec = /bin/a # b", "\"#\" does not start a comment");
        expect_bad("hook a", "exec = /bin/a \"b", "unclosed quote");

        snprintf(line, sizeof(line), "exec = /usr/bin/curl %01000d\n  --data '%0500d ; '", 7, 8);
        snprintf(expected, sizeof(expected), "/usr/bin/curl %01000d --data '%0500d ; '", 7, 8);
        expect_command(line, expected);
}

static void test_single_values_take_no_quotes_and_one_line(void **state)
{
        struct config *config = load_with("api", "username = a \"b ; c");

        (void)state;
        assert_string_equal(config->api.username, "a \"b");
        config_free(config);
        config = load_with("api", "username = can't \"x\" ; c");
        assert_string_equal(config->api.username, "can't \"x\"");
        config_free(config);
        config = load_with("api", "username =;a");
        assert_string_equal(config->api.username, ";a");
        config_free(config);
}

/* ---- what is written is read back ---- */

#define TEXT_BYTES 64

/* Bytes that have a meaning somewhere, and others. */
static size_t draw_text(uint64_t *random, bool with_nul, char text[static TEXT_BYTES])
{
        static const char bytes[] = "\\\"'`,;#[]=+*?!-: \t\n\r\a\x1b\x7f\xff\xc3\xa9\xe2\x80\x8bnx0aA";
        size_t size = random_next(random) % TEXT_BYTES;

        for (size_t i = 0; i < size; i++) {
                char any = (char)(random_next(random) % 256);
                text[i] =
                        random_next(random) % 8 == 0 ? any : bytes[random_next(random) % (sizeof(bytes) - 1)];
                if (text[i] == '\0' && !with_nul)
                        text[i] = ',';
        }
        return size;
}

/* The text as an item in which each byte is escaped. */
static void append_escaped(char *line, const char *text, size_t size)
{
        strcat(line, ", \"");
        for (size_t i = 0; i < size; i++)
                sprintf(line + strlen(line), "\\x%02x", (unsigned char)text[i]);
        strcat(line, "\"");
}

static void test_any_item_is_printed_so_that_it_is_read_back(void **state)
{
        uint64_t random = 7;

        (void)state;
        for (unsigned round = 0; round < 3000; round++) {
                char items[5][TEXT_BYTES], line[5 * TEXT_BYTES * 4 + 100] = "failed_result = ";
                size_t sizes[5];
                for (unsigned i = 0; i < 5; i++) {
                        sizes[i] = draw_text(&random, false, items[i]);
                        append_escaped(line, items[i], sizes[i]);
                }

                struct config *config = load_with("status", line);
                char *printed = NULL;
                size_t printed_size = 0;
                FILE *file = open_memstream(&printed, &printed_size);
                assert_non_null(file);
                assert_int_equal(config_print(config, file), 0);
                assert_int_equal(fclose(file), 0);
                struct config *again = load_text(printed);
                assert_int_equal(again->status.failed_result.count, 5);
                for (unsigned i = 0; i < 5; i++) {
                        assert_int_equal(strlen(again->status.failed_result.items[i]), sizes[i]);
                        assert_memory_equal(again->status.failed_result.items[i], items[i], sizes[i]);
                }
                free(printed);
                config_free(config);
                config_free(again);
        }
}

/* Whether a job with this Status succeeds with the line, where no other pattern is configured. */
static bool succeeds_with(const char *line, const struct text *status)
{
        static char text[20000];

        snprintf(text, sizeof(text), "[jobs]\nids = 1\n[status]\nfailure =\nrunning =\nsuccess = None\n%s\n",
                 line);
        struct config *config = load_text(text);
        bool succeeds = status_classify(&config->status, status, &TEXT_NULL).outcome == OUTCOME_SUCCESS;
        config_free(config);
        return succeeds;
}

/* The line that is suggested for a Status works as it stands, and only for that Status. */
static void test_the_suggested_status_line_works_for_any_status(void **state)
{
        uint64_t random = 11;

        (void)state;
        for (unsigned round = 0; round < 5000; round++) {
                char data[TEXT_BYTES];
                struct text status = { data, draw_text(&random, true, data) };
                char *line = status_line_write(&status);

                assert_non_null(line);
                assert_memory_equal(line, "success += \"", 12);
                for (const char *at = line; *at != '\0'; at++)
                        assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
                assert_true(succeeds_with(line, &status));
                if (status.size > 0) {
                        char *byte = &data[random_next(&random) % status.size];
                        bool any = *byte == '\0';
                        *byte = (char)(*byte == '~' ? '|' : '~');
                        assert_true(any || !succeeds_with(line, &status));
                        status.size--;
                        assert_false(succeeds_with(line, &status));
                }
                free(line);
        }
}

static void test_the_suggested_status_line_has_a_bounded_length(void **state)
{
        static char data[3000001];

        (void)state;
        for (size_t i = 0; i < sizeof(data) - 1; i++)
                data[i] = "*\x1b"[i % 2];
        for (size_t size = 240; size < sizeof(data); size = size < 1010 ? size + 1 : size * 3) {
                struct text status = { data, size };
                char *line = status_line_write(&status);
                assert_non_null(line);
                assert_true(strlen(line) < 5000);
                assert_true(succeeds_with(line, &status));
                free(line);
        }
}

static void test_escaped_globs_match_the_text(void **state)
{
        uint64_t random = 13;

        (void)state;
        for (unsigned round = 0; round < 20000; round++) {
                char data[TEXT_BYTES];
                size_t size = draw_text(&random, true, data);
                char *pattern = glob_escape(data, size);
                assert_non_null(pattern);
                assert_true(glob_matches(pattern, data, size));
                free(pattern);
        }
}

/* ---- size ---- */

static double seconds_to_load(unsigned jobs)
{
        struct config_problems problems = { 0 };
        struct config *config = NULL;
        char *text = NULL;
        size_t size = 0;
        struct timespec begin, end;

        FILE *file = open_memstream(&text, &size);
        assert_non_null(file);
        for (unsigned hook = 0; hook < jobs / 4; hook++)
                fprintf(file, "[hook h%u]\nexec = /bin/true\n", hook);
        for (unsigned job = 1; job <= jobs; job++)
                fprintf(file, "[job j%u]\nid = %u\nhooks = h%u, h%u\n", job, job, (job - 1) / 4,
                        jobs / 4 - 1 - job / 5);
        fprintf(file, "[jobs]\nids = 1000000");
        for (unsigned job = 1; job <= jobs; job++)
                fprintf(file, job % 3 == 0 ? "\n  %u" : job % 3 == 1 ? ", %u" : "\nids += %u", 1000000 + job);
        assert_int_equal(fclose(file), 0);

        assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin), 0);
        int r = config_load_memory("f.ini", text, size, NULL, &problems, &config);
        assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end), 0);
        if (r < 0)
                fail_msg("%s", problems.items[0].message);
        assert_int_equal(config->job_count, jobs * 2 + 1);
        config_free(config);
        free(text);
        return (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
}

/* Eight times as many jobs take about eight times as long, not 64 times. */
static void test_loading_time_is_proportional_to_the_size(void **state)
{
        double few = seconds_to_load(5000), many;

        (void)state;
        for (unsigned i = 0; i < 2; i++) {
                double again = seconds_to_load(5000);
                few = again < few ? again : few;
        }
        many = seconds_to_load(40000);
        print_message("%.3f s, %.3f s\n", few, many);
        assert_true(many < few * 25);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_items),
                cmocka_unit_test(test_quoted_items),
                cmocka_unit_test(test_quotes_prevent_splitting_but_not_globbing),
                cmocka_unit_test(test_adding_to_the_default),
                cmocka_unit_test(test_the_first_line_in_each_file_decides),
                cmocka_unit_test(test_a_later_file_replaces_the_target_of_a_hook),
                cmocka_unit_test(test_commands),
                cmocka_unit_test(test_single_values_take_no_quotes_and_one_line),
                cmocka_unit_test(test_any_item_is_printed_so_that_it_is_read_back),
                cmocka_unit_test(test_the_suggested_status_line_works_for_any_status),
                cmocka_unit_test(test_the_suggested_status_line_has_a_bounded_length),
                cmocka_unit_test(test_escaped_globs_match_the_text),
                cmocka_unit_test(test_loading_time_is_proportional_to_the_size),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
