/* SPDX-License-Identifier: MIT */

/* Secrets from files and from systemd credentials, valid and invalid. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/credential.h"
#include "util/text.h"

#define SECRET_MAX 65536

struct directory {
        char path[256];
        char file[300];
        char config[300]; /* the configuration file; not there */
        char passed[300]; /* a directory for $CREDENTIALS_DIRECTORY */
};

static int directory_setup(void **state)
{
        struct directory *directory = calloc(1, sizeof(*directory));
        const char *base = getenv("TMPDIR");

        assert_non_null(directory);
        (void)snprintf(directory->path, sizeof(directory->path), "%s/jobwatchd-XXXXXX",
                       base != NULL ? base : "/tmp");
        assert_non_null(mkdtemp(directory->path));
        (void)snprintf(directory->file, sizeof(directory->file), "%s/nexudus.token", directory->path);
        (void)snprintf(directory->config, sizeof(directory->config), "%s/jobwatchd.ini", directory->path);
        (void)snprintf(directory->passed, sizeof(directory->passed), "%s/passed", directory->path);
        assert_int_equal(mkdir(directory->passed, 0700), 0);
        (void)unsetenv("CREDENTIALS_DIRECTORY");
        *state = directory;
        return 0;
}

static int directory_teardown(void **state)
{
        struct directory *directory = *state;

        (void)unlink(directory->file);
        (void)rmdir(directory->file);
        (void)rmdir(directory->passed);
        assert_int_equal(rmdir(directory->path), 0);
        (void)unsetenv("CREDENTIALS_DIRECTORY");
        free(directory);
        return 0;
}

static void write_file(const struct directory *directory, const char *data, size_t size, mode_t mode)
{
        (void)unlink(directory->file);
        int fd = open(directory->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, data, size), size);
        assert_int_equal(fchmod(fd, mode), 0);
        assert_int_equal(close(fd), 0);
}

static struct credential credential_of(const struct directory *directory, const char *source,
                                       enum credential_form form)
{
        return (struct credential){
                .key = "token_file", .source = source, .config_path = directory->config, .form = form
        };
}

static void expect_form(const struct directory *directory, enum credential_form form, const char *source,
                        const char *expected)
{
        const struct credential credential = credential_of(directory, source, form);
        char *secret = NULL, *message = NULL;

        int r = credential_read(&credential, &secret, &message);
        if (r < 0)
                fail_msg("%s", message);
        assert_null(message);
        assert_string_equal(secret, expected);
        assert_null(secret_free(secret));
}

static void expect_secret(const struct directory *directory, const char *source, const char *expected)
{
        expect_form(directory, CREDENTIAL_LINE, source, expected);
}

/* The message contains `part` and `file`, and is one line. */
static void expect_problem(const struct directory *directory, enum credential_form form, const char *source,
                           int error, const char *file, const char *part)
{
        const struct credential credential = credential_of(directory, source, form);
        char untouched[] = "untouched";
        char *secret = untouched, *message = NULL;

        assert_int_equal(credential_read(&credential, &secret, &message), error);
        assert_ptr_equal(secret, untouched);
        assert_non_null(message);
        if (strstr(message, part) == NULL || strstr(message, file) == NULL || strchr(message, '\n') != NULL ||
            strstr(message, directory->passed) != NULL)
                fail_msg("not the message expected for '%s' and '%s': %s", file, part, message);
        free(message);
}

static void expect_failure(const struct directory *directory, const char *source, int error, const char *part)
{
        expect_problem(directory, CREDENTIAL_LINE, source, error, source, part);
}

static void test_one_line(void **state)
{
        static const struct {
                const char *data, *secret;
        } files[] = {
                { "abc", "abc" },
                { "abc\n", "abc" },
                { "abc\r\n", "abc" },
                { " a b ", " a b " },
                { "t\xc3\xb6k\n", "t\xc3\xb6k" },
                { "=+/==\n", "=+/==" },
                { "a", "a" },
        };
        struct directory *directory = *state;

        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                write_file(directory, files[i].data, strlen(files[i].data), 0600);
                expect_secret(directory, directory->file, files[i].secret);
        }
}

static void test_invalid_contents(void **state)
{
        struct directory *directory = *state;

        write_file(directory, "", 0, 0600);
        expect_failure(directory, directory->file, -EINVAL, "is missing or empty");
        write_file(directory, "\n", 1, 0600);
        expect_failure(directory, directory->file, -EINVAL, "is missing or empty");
        write_file(directory, "\r\n", 2, 0600);
        expect_failure(directory, directory->file, -EINVAL, "is missing or empty");
        write_file(directory, "a\nb\n", 4, 0600);
        expect_failure(directory, directory->file, -EINVAL, "more than one line");
        write_file(directory, "a\n\n", 3, 0600);
        expect_failure(directory, directory->file, -EINVAL, "more than one line");
        write_file(directory, "a\rb", 3, 0600);
        expect_failure(directory, directory->file, -EINVAL, "more than one line");
        write_file(directory, "a\0b", 3, 0600);
        expect_failure(directory, directory->file, -EINVAL, "control characters");
        write_file(directory, "a\tb", 3, 0600);
        expect_failure(directory, directory->file, -EINVAL, "control characters");
        write_file(directory, "a\x7f", 2, 0600);
        expect_failure(directory, directory->file, -EINVAL, "control characters");
}

static void test_messages_do_not_contain_the_secret(void **state)
{
        struct directory *directory = *state;
        char *secret = NULL, *message = NULL;

        write_file(directory, "topsecret\nsecondline\n", 21, 0600);
        const struct credential credential = credential_of(directory, directory->file, CREDENTIAL_LINE);
        assert_int_equal(credential_read(&credential, &secret, &message), -EINVAL);
        assert_null(strstr(message, "topsecret"));
        assert_null(strstr(message, "secondline"));
        free(message);
}

static void test_size_limit(void **state)
{
        struct directory *directory = *state;
        char *data = malloc(SECRET_MAX + 2);

        assert_non_null(data);
        memset(data, 's', SECRET_MAX + 2);
        write_file(directory, data, SECRET_MAX + 1, 0600);
        expect_failure(directory, directory->file, -EINVAL, "larger than 64 KiB");
        write_file(directory, data, SECRET_MAX + 2, 0600);
        expect_failure(directory, directory->file, -EINVAL, "larger than 64 KiB");

        write_file(directory, data, SECRET_MAX, 0600);
        data[SECRET_MAX] = '\0';
        expect_secret(directory, directory->file, data);
        free(data);
}

static void test_not_a_regular_file(void **state)
{
        struct directory *directory = *state;

        expect_failure(directory, directory->file, -ENOENT, "is missing or empty");
        expect_failure(directory, directory->path, -EINVAL, "not a regular file");
        expect_failure(directory, "/dev/null", -EINVAL, "not a regular file");

        /* Opening a pipe without a writer must not block. */
        assert_int_equal(mkfifo(directory->file, 0600), 0);
        expect_failure(directory, directory->file, -EINVAL, "not a regular file");
}

static void test_form_of_a_token(void **state)
{
        static const struct {
                const char *data, *problem;
        } files[] = {
                { "\"abc\"\n", "quotes" },
                { "'abc'\n", "quotes" },
                { "\"abc\n", "quotes" },
                { "Bearer abc\n", "Bearer" },
                { "bearer abc\n", "Bearer" },
                { "\xef\xbb\xbf"
                  "abc\n",
                  "byte order mark" },
                { "\xff\xfe"
                  "a",
                  "UTF-16" },
                { "abc \n", "blanks at the beginning or end" },
                { " abc\n", "blanks at the beginning or end" },
                { "a bc\n", "contains blanks" },
                { "abc\ndef\n", "more than one line" },
                { "abc\t\n", "control characters" },
        };
        struct directory *directory = *state;

        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                write_file(directory, files[i].data, strlen(files[i].data), 0600);
                expect_problem(directory, CREDENTIAL_WORD, directory->file, -EINVAL, directory->file,
                               files[i].problem);
        }
        write_file(directory, "a\"b'c=\r\n", 8, 0600);
        expect_form(directory, CREDENTIAL_WORD, directory->file, "a\"b'c=");
}

static void test_lines(void **state)
{
        struct directory *directory = *state;

        write_file(directory, "A: 1\r\nB: 2\r\n", 12, 0600);
        expect_form(directory, CREDENTIAL_LINES, directory->file, "A: 1\nB: 2");
        write_file(directory, "A: 1\rB: 2\n", 10, 0600);
        expect_problem(directory, CREDENTIAL_LINES, directory->file, -EINVAL, directory->file,
                       "control characters");
        write_file(directory,
                   "\xef\xbb\xbf"
                   "A: 1\n",
                   8, 0600);
        expect_problem(directory, CREDENTIAL_LINES, directory->file, -EINVAL, directory->file,
                       "byte order mark");
}

static void test_file_of_a_credential(void **state)
{
        static const struct {
                const char *source, *config, *file;
        } names[] = {
                { "nexudus.token", "/etc/jobwatchd/jobwatchd.ini", "/etc/jobwatchd/nexudus.token" },
                { "nexudus.password", "/etc/jobwatchd/jobwatchd.ini", "/etc/jobwatchd/nexudus.password" },
                { "nexudus.token", "/etc/jobwatchd/second.ini", "/etc/jobwatchd/second.token" },
                { "nexudus.password", "/etc/jobwatchd/second.ini", "/etc/jobwatchd/second.password" },
                { "nexudus.token", "/etc/jobwatchd/a.b.ini", "/etc/jobwatchd/a.b.token" },
                { "nexudus.token", "/etc/jobwatchd/plain", "/etc/jobwatchd/plain.token" },
                { "web.secret", "/etc/jobwatchd/second.ini", "/etc/jobwatchd/web.secret" },
                { "/x/y", "/etc/jobwatchd/second.ini", "/x/y" },
                { "nexudus.token", "jobwatchd.ini", "nexudus.token" },
                { "nexudus.token", "wait.ini", "wait.token" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                char *file = credential_file(names[i].source, names[i].config);
                assert_string_equal(file, names[i].file);
                free(file);
        }
}

static void test_unit_of_a_configuration(void **state)
{
        static const char *const units[][2] = {
                { "/etc/jobwatchd/jobwatchd.ini", "jobwatchd.service" },
                { "/etc/jobwatchd/second.ini", "jobwatchd@second.service" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
                char *unit = credential_unit(units[i][0]);
                assert_string_equal(unit, units[i][1]);
                free(unit);
        }
}

static void test_name_without_systemd(void **state)
{
        struct directory *directory = *state;

        expect_problem(directory, CREDENTIAL_WORD, "nexudus.token", -ENOENT, directory->file,
                       "No API token: ");
        write_file(directory, "abc\n", 4, 0600);
        expect_form(directory, CREDENTIAL_WORD, "nexudus.token", "abc");
        assert_false(credential_is_passed("nexudus.token"));
}

/* What the administrator reads leads to the file, not to the copy that systemd passes. */
static void test_credential_passed_by_systemd(void **state)
{
        struct directory *directory = *state;
        struct directory passed;
        char other[300];

        (void)snprintf(passed.path, sizeof(passed.path), "%.200s", directory->passed);
        (void)snprintf(passed.file, sizeof(passed.file), "%s/nexudus.token", passed.path);
        (void)snprintf(other, sizeof(other), "%s/other", directory->path);
        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory->passed, 1), 0);
        assert_true(credential_is_passed("nexudus.token"));
        assert_false(credential_is_passed("/x/y"));

        write_file(&passed, "abc\n", 4, 0400);
        expect_form(directory, CREDENTIAL_WORD, "nexudus.token", "abc");
        write_file(&passed, "\n", 1, 0400);
        expect_problem(directory, CREDENTIAL_WORD, "nexudus.token", -EINVAL, directory->file,
                       "No API token: ");
        expect_problem(directory, CREDENTIAL_WORD, "nexudus.token", -EINVAL, directory->file,
                       "is missing or empty");
        write_file(&passed, "a\nb", 3, 0400);
        expect_problem(directory, CREDENTIAL_WORD, "nexudus.token", -EINVAL, directory->file,
                       "more than one line");
        assert_int_equal(mkdir(directory->file, 0700), 0);
        write_file(&passed, "\n", 1, 0400);
        expect_problem(directory, CREDENTIAL_WORD, "nexudus.token", -EINVAL, directory->file,
                       "is not a regular file");
        expect_problem(directory, CREDENTIAL_WORD, "other", -ENOENT, other, "add LoadCredential=other:");
        assert_int_equal(unlink(passed.file), 0);
}

static void test_warning_for_a_world_readable_file(void **state)
{
        struct directory *directory = *state;
        char *secret = NULL, *message = NULL;

        write_file(directory, "abc", 3, 0640);
        expect_secret(directory, directory->file, "abc");

        write_file(directory, "abc", 3, 0644);
        const struct credential credential = credential_of(directory, directory->file, CREDENTIAL_LINE);
        assert_int_equal(credential_read(&credential, &secret, &message), 0);
        assert_string_equal(secret, "abc");
        assert_non_null(message);
        assert_non_null(strstr(message, directory->file));
        assert_non_null(strstr(message, "chmod 0600"));
        assert_null(strstr(message, "abc"));
        free(message);
        secret_free(secret);
}

static void test_descriptors_are_closed(void **state)
{
        struct directory *directory = *state;
        char *secret = NULL, *message = NULL;

        write_file(directory, "a\nb", 3, 0600);
        const struct credential invalid = credential_of(directory, directory->file, CREDENTIAL_LINE);
        const struct credential no_file = credential_of(directory, directory->path, CREDENTIAL_LINE);
        int before = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_true(before >= 0);
        close(before);
        for (unsigned i = 0; i < 10; i++) {
                (void)credential_read(&invalid, &secret, &message);
                free(message);
                (void)credential_read(&no_file, &secret, &message);
                free(message);
        }
        int after = open("/dev/null", O_RDONLY | O_CLOEXEC);
        close(after);
        assert_int_equal(after, before);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, directory_setup, directory_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_one_line),
                TEST(test_invalid_contents),
                TEST(test_messages_do_not_contain_the_secret),
                TEST(test_size_limit),
                TEST(test_not_a_regular_file),
                TEST(test_form_of_a_token),
                TEST(test_lines),
                TEST(test_file_of_a_credential),
                TEST(test_unit_of_a_configuration),
                TEST(test_name_without_systemd),
                TEST(test_credential_passed_by_systemd),
                TEST(test_warning_for_a_world_readable_file),
                TEST(test_descriptors_are_closed),
        };

        return cmocka_run_group_tests_name("credential", tests, NULL, NULL);
}
