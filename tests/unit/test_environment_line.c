/* SPDX-License-Identifier: MIT */

/* Lines of a file for EnvironmentFile=, read back by systemd's parser and by a shell. */

#include <dlfcn.h>
#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "delivery/unit/event_files.h"
#include "random.h"

struct value {
        const char *value, *read_back; /* NULL: the same */
};

static const struct value values[] = {
        { "", NULL },
        { "Completed", NULL },
        { " blanks and\ttabs ", NULL },
        { "two\nlines\n", NULL },
        { "\r\n\r", NULL },
        { "JOBWATCH_JOB=1\"\nLD_PRELOAD=\"/tmp/x", NULL },
        { "\\", NULL },
        { "\\\\\"", NULL },
        { "ends with a backslash\\", NULL },
        { "\\\n", NULL },
        { "\\n\\t\\x41", NULL },
        { "$(reboot) `reboot` $HOME ${x}", NULL },
        { "'single' # no comment ; neither", NULL },
        { "\x01\x1b[31m\x7f", NULL },
        { "Ünïcode € 😀 \xc2\x80", NULL },
        { "\xff", "\xef\xbf\xbd" },
        { "cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd" },
        { "over\xc0\xaflong", "over\xef\xbf\xbd\xef\xbf\xbdlong" },
        { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xef\xbf\xbe", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
        { "\xef\xb7\x90", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
};
#define VALUE_COUNT (sizeof(values) / sizeof(*values))

static char *format_line(const char *name, const char *value)
{
        char *variable = NULL, *line = NULL;
        size_t length = 0;
        FILE *stream = open_memstream(&line, &length);

        assert_non_null(stream);
        assert_true(asprintf(&variable, "%s=%s", name, value) > 0);
        environment_line(stream, variable);
        free(variable);
        assert_int_equal(fclose(stream), 0);
        return line;
}

static void test_lines(void **state)
{
        (void)state;
        char *line = format_line("A", "a \"b\" \\ $c `d`\ne");
        assert_string_equal(line, "A=\"a \\\"b\\\" \\\\ \\$c \\`d\\`\ne\"\n");
        free(line);
}

/* systemd's own parser of EnvironmentFile=, if one of its private libraries is here whose interface is known.
 */
typedef int load_env_file_function(FILE *file, const char *name, char ***ret_assignments);

static load_env_file_function *find_systemd_parser(void)
{
        static const char pattern[] = "/usr/lib/*/systemd/libsystemd-shared-25[27]*.so";
        load_env_file_function *function = NULL;
        glob_t found;

        if (glob(pattern, 0, NULL, &found) != 0)
                return NULL;
        void *library = dlopen(found.gl_pathv[0], RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (library != NULL)
                *(void **)&function = dlsym(library, "load_env_file");
        globfree(&found);
        return function;
}

static void expect_systemd_reads(load_env_file_function *load, const char *value, const char *expected)
{
        char assignment[65536], **read_back = NULL;
        char *line = format_line("NAME", value);
        char *text = NULL;

        assert_non_null(line);
        assert_true(asprintf(&text, "BEFORE=1\n%sAFTER=\"2\"\n", line) > 0);
        FILE *file = fmemopen(text, strlen(text), "r");
        assert_non_null(file);
        int r = load(file, "test", &read_back);
        assert_return_code(r, -r);
        assert_string_equal(read_back[0], "BEFORE=1");
        (void)snprintf(assignment, sizeof(assignment), "NAME=%s", expected);
        assert_string_equal(read_back[1], assignment);
        assert_string_equal(read_back[2], "AFTER=2");
        assert_null(read_back[3]);
        for (char **at = read_back; *at != NULL; at++)
                free(*at);
        free(read_back);
        fclose(file);
        free(text);
        free(line);
}

static void test_systemd_reads_lines(void **state)
{
        load_env_file_function *load = find_systemd_parser();
        uint64_t seed = 1;

        (void)state;
        if (load == NULL)
                skip();
        for (size_t i = 0; i < VALUE_COUNT; i++)
                expect_systemd_reads(load, values[i].value,
                                     values[i].read_back != NULL ? values[i].read_back : values[i].value);

        /* Any value is read back unchanged. */
        for (unsigned round = 0; round < 20000; round++) {
                static const char alphabet[] = "\\\"`$\n\r '#;=a%\t";
                char value[16];
                size_t size = random_next(&seed) % sizeof(value);
                for (size_t i = 0; i < size; i++)
                        value[i] = alphabet[random_next(&seed) % (sizeof(alphabet) - 1)];
                value[size] = '\0';
                expect_systemd_reads(load, value, value);
        }
}

/* Sources all lines in a shell, which prints the values. */
static void test_shell_reads_lines(void **state)
{
        char path[] = "/tmp/jobwatch-lines-XXXXXX", command[128], answer[64];
        (void)state;

        int fd = mkstemp(path);
        assert_return_code(fd, errno);
        (void)close(fd);
        for (size_t i = 0; i < VALUE_COUNT; i++) {
                const char *expected = values[i].read_back != NULL ? values[i].read_back : values[i].value;
                char *line = format_line("NAME", values[i].value);
                FILE *file = fopen(path, "we");
                assert_non_null(file);
                (void)fputs(line, file);
                assert_int_equal(fclose(file), 0);
                free(line);
                (void)snprintf(command, sizeof(command), ". %s && printf %%s \"$NAME\"", path);
                FILE *shell = popen(command, "re");
                assert_non_null(shell);
                size_t size = fread(answer, 1, sizeof(answer) - 1, shell);
                answer[size] = '\0';
                assert_int_equal(pclose(shell), 0);
                assert_string_equal(answer, expected);
        }
        (void)unlink(path);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lines),
                cmocka_unit_test(test_systemd_reads_lines),
                cmocka_unit_test(test_shell_reads_lines),
        };

        return cmocka_run_group_tests_name("environment_line", tests, NULL, NULL);
}
