/* SPDX-License-Identifier: MIT */

/* Which programs are refused. */

#include "delivery/exec/program.h"
#include "hook_fixture.h"

/* Refused by --check and by a start, which starts nothing. */
static void expect_refused(struct hook_fixture *fixture, const char *target, int expected, const char *words)
{
        struct hook_run run = { .fixture = fixture };
        char *reason = NULL;

        assert_int_equal(program_split(target, NULL, &reason), expected);
        assert_non_null(reason);
        if (strstr(reason, words) == NULL)
                fail_msg("%s: %s", target, reason);
        free(reason);

        reason = NULL;
        assert_int_equal(hook_try(&run, target, &reason), expected);
        assert_null(run.run);
        assert_non_null(strstr(reason, words));
        free(reason);
        hook_clear(&run);
}

static void expect_accepted(const char *target)
{
        static char sentinel[] = "";
        char *reason = sentinel;

        int r = program_split(target, NULL, &reason);
        if (r != 0)
                fail_msg("%s: %s", target, reason);
        assert_null(reason);
}

/* Writes a script to the fixture's directory, and its path to `path`. */
static void make_script(const struct hook_fixture *fixture, const char *text, mode_t mode,
                        char path[static 128])
{
        (void)snprintf(path, 128, "%s/program", fixture->directory);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        assert_return_code(fd, errno);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        assert_return_code(fchmod(fd, mode), errno);
        close(fd);
}

static void test_command_line(void **state)
{
        expect_refused(*state, "", -EINVAL, "invalid command line");
        expect_refused(*state, "/bin/sh -c 'x", -EINVAL, "unclosed quote");
        expect_refused(*state, "/bin/sh \\q", -EINVAL, "\\\\");
        expect_refused(*state, "true", -EINVAL, "\"true\" is not an absolute path");
        expect_refused(*state, "bin/true", -EINVAL, "not an absolute path");
        expect_refused(*state, "'' /bin/true", -EINVAL, "not an absolute path");
        expect_accepted("/bin/true");
        expect_accepted("\"/bin/true\" 'a b' \\\\");
}

static void test_path(void **state)
{
        struct hook_fixture *fixture = *state;
        char path[128], below[160];

        expect_refused(fixture, "/nonexistent/program x", -ENOENT, "/nonexistent/program: no such program");
        expect_refused(fixture, "/bin", -EACCES, "not a regular file");
        expect_refused(fixture, "/dev/null", -EACCES, "not a regular file");

        make_script(fixture, "#!/bin/sh\n", 0644, path);
        expect_refused(fixture, path, -EACCES, "chmod a+x");
        (void)snprintf(below, sizeof(below), "%s/x", path);
        expect_refused(fixture, below, -ENOTDIR, "Not a directory");
        assert_return_code(unlink(path), errno);
}

static void test_writable_program(void **state)
{
        struct hook_fixture *fixture = *state;
        struct hook_run run = { .fixture = fixture };
        char path[128], link[128];

        make_script(fixture, "#!/bin/sh\necho here\n", 0757, path);
        expect_refused(fixture, path, -EPERM, "writable by everyone (chmod o-w ");
        (void)snprintf(link, sizeof(link), "%s/link", fixture->directory);
        assert_return_code(symlink(path, link), errno);
        expect_refused(fixture, link, -EPERM, "writable by everyone (chmod o-w ");
        assert_return_code(chmod(path, 0775), errno); /* group write permission is accepted */
        expect_accepted(path);
        expect_accepted(link);
        hook_run(&run, link);
        assert_string_equal(run.output, "here\n");
        hook_clear(&run);
        assert_return_code(unlink(link), errno);
        assert_return_code(unlink(path), errno);
}

/* A directory in which everyone may replace the program: its own, a parent, and the target of a link's. */
static void test_writable_directory(void **state)
{
        struct hook_fixture *fixture = *state;
        char path[128], directory[128], link[160];

        make_script(fixture, "#!/bin/sh\n", 0755, path);
        expect_accepted(path); /* /tmp has the sticky bit */
        (void)snprintf(directory, sizeof(directory), "%s/inner", fixture->directory);
        (void)snprintf(link, sizeof(link), "%s/link", directory);
        assert_return_code(mkdir(directory, 0755), errno);
        assert_return_code(symlink(path, link), errno);
        expect_accepted(link);

        assert_return_code(chmod(directory, 0777), errno);
        expect_accepted(path);
        expect_refused(fixture, link, -EPERM, "inner is writable by everyone");
        assert_return_code(chmod(directory, 01777), errno);
        expect_accepted(link);

        assert_return_code(chmod(directory, 0755), errno);
        assert_return_code(chmod(fixture->directory, 0777), errno);
        expect_refused(fixture, path, -EPERM, "can be replaced by any user");
        expect_refused(fixture, link, -EPERM, "can be replaced by any user");

        assert_return_code(unlink(link), errno);
        assert_return_code(rmdir(directory), errno);
        assert_return_code(unlink(path), errno);
}

/* Errors that only execve() finds. */
static void expect_unstarted(struct hook_fixture *fixture, const char *text, const char *words)
{
        struct hook_run run = { .fixture = fixture };
        char path[128];

        make_script(fixture, text, 0755, path);
        expect_accepted(path);
        hook_run(&run, path);
        assert_false(run.success);
        if (strstr(run.reason, path) == NULL || strstr(run.reason, words) == NULL)
                fail_msg("%s", run.reason);
        hook_clear(&run);
        assert_return_code(unlink(path), errno);
}

static void test_unstarted(void **state)
{
        expect_unstarted(*state, "\177ELF\n", "not a binary for this architecture");
}

/* What the kernel would refuse is found before an event occurs. */
static void test_first_line(void **state)
{
        static const struct {
                const char *text, *words;
                int error;
        } scripts[] = {
                { "#!/nonexistent/interpreter\n", "its interpreter /nonexistent/interpreter does not exist",
                  -ENOENT },
                { "#! /bin/bsh -e\necho\n", "its interpreter /bin/bsh does not exist", -ENOENT },
                { "#!/dev/null\n", "its interpreter /dev/null cannot be executed", -EACCES },
                { "#!/bin/sh\r\necho\r\n", "Windows line endings", -ENOEXEC },
                { "#!/bin/sh -e\r\necho\r\n", "Windows line endings", -ENOEXEC },
                { "#!\n", "names no interpreter", -ENOEXEC },
                { "echo no first line\n", "neither a binary nor a script", -ENOEXEC },
                { "\xef\xbb\xbf#!/bin/sh\n", "byte order mark", -ENOEXEC },
                { "", "is empty", -ENOEXEC },
        };
        struct hook_fixture *fixture = *state;
        char path[128];

        for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
                make_script(fixture, scripts[i].text, 0755, path);
                expect_refused(fixture, path, scripts[i].error, scripts[i].words);
                assert_return_code(unlink(path), errno);
        }
        make_script(fixture, "#! /bin/sh -e", 0755, path);
        expect_accepted(path);
        assert_return_code(unlink(path), errno);
}

#define HOOK_TEST(function) cmocka_unit_test_setup_teardown(function, hook_setup, hook_teardown)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                HOOK_TEST(test_command_line),     HOOK_TEST(test_path),
                HOOK_TEST(test_writable_program), HOOK_TEST(test_writable_directory),
                HOOK_TEST(test_unstarted),        HOOK_TEST(test_first_line),
        };

        return cmocka_run_group_tests_name("hook_exec_check", tests, NULL, NULL);
}
