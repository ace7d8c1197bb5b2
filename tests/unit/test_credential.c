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
};

static int directory_setup(void **state)
{
        struct directory *directory = calloc(1, sizeof(*directory));
        const char *base = getenv("TMPDIR");

        assert_non_null(directory);
        (void)snprintf(directory->path, sizeof(directory->path), "%s/jobwatchd-XXXXXX",
                       base != NULL ? base : "/tmp");
        assert_non_null(mkdtemp(directory->path));
        (void)snprintf(directory->file, sizeof(directory->file), "%s/token", directory->path);
        (void)unsetenv("CREDENTIALS_DIRECTORY");
        *state = directory;
        return 0;
}

static int directory_teardown(void **state)
{
        struct directory *directory = *state;

        (void)unlink(directory->file);
        (void)rmdir(directory->file);
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

static void expect_secret(const char *source, const char *expected)
{
        char *secret = NULL, *message = NULL;

        int r = credential_read("token_file", source, &secret, &message);
        if (r < 0)
                fail_msg("%s", message);
        assert_null(message);
        assert_string_equal(secret, expected);
        assert_null(secret_free(secret));
}

/* The message names the key and the source and contains `part`. */
static void expect_failure(const char *source, int error, const char *part)
{
        char untouched[] = "untouched";
        char *secret = untouched, *message = NULL;

        assert_int_equal(credential_read("token_file", source, &secret, &message), error);
        assert_ptr_equal(secret, untouched);
        assert_non_null(message);
        if (strstr(message, part) == NULL || strstr(message, "token_file") == NULL ||
            strstr(message, source) == NULL || strchr(message, '\n') != NULL)
                fail_msg("not the message expected for '%s': %s", part, message);
        free(message);
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
                expect_secret(directory->file, files[i].secret);
        }
}

static void test_invalid_contents(void **state)
{
        struct directory *directory = *state;

        write_file(directory, "", 0, 0600);
        expect_failure(directory->file, -EINVAL, "is empty");
        write_file(directory, "\n", 1, 0600);
        expect_failure(directory->file, -EINVAL, "is empty");
        write_file(directory, "\r\n", 2, 0600);
        expect_failure(directory->file, -EINVAL, "is empty");
        write_file(directory, "a\nb\n", 4, 0600);
        expect_failure(directory->file, -EINVAL, "more than one line");
        write_file(directory, "a\n\n", 3, 0600);
        expect_failure(directory->file, -EINVAL, "more than one line");
        write_file(directory, "a\rb", 3, 0600);
        expect_failure(directory->file, -EINVAL, "more than one line");
        write_file(directory, "a\0b", 3, 0600);
        expect_failure(directory->file, -EINVAL, "control characters");
        write_file(directory, "a\tb", 3, 0600);
        expect_failure(directory->file, -EINVAL, "control characters");
        write_file(directory, "a\x7f", 2, 0600);
        expect_failure(directory->file, -EINVAL, "control characters");
}

static void test_messages_do_not_contain_the_secret(void **state)
{
        struct directory *directory = *state;
        char *secret = NULL, *message = NULL;

        write_file(directory, "topsecret\nsecondline\n", 21, 0600);
        assert_int_equal(credential_read("token_file", directory->file, &secret, &message), -EINVAL);
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
        expect_failure(directory->file, -EINVAL, "larger than 64 KiB");
        write_file(directory, data, SECRET_MAX + 2, 0600);
        expect_failure(directory->file, -EINVAL, "larger than 64 KiB");

        write_file(directory, data, SECRET_MAX, 0600);
        data[SECRET_MAX] = '\0';
        expect_secret(directory->file, data);
        free(data);
}

static void test_not_a_regular_file(void **state)
{
        struct directory *directory = *state;

        expect_failure(directory->file, -ENOENT, "No such file");
        expect_failure(directory->path, -EINVAL, "not a regular file");
        expect_failure("/dev/null", -EINVAL, "not a regular file");

        /* Opening a pipe without a writer must not block. */
        assert_int_equal(mkfifo(directory->file, 0600), 0);
        expect_failure(directory->file, -EINVAL, "not a regular file");
}

static void test_credential_by_name(void **state)
{
        struct directory *directory = *state;

        write_file(directory, "abc\n", 4, 0400);
        expect_failure("token", -ENOENT, "set token_file to an absolute path");
        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", directory->path, 1), 0);
        expect_secret("token", "abc");
        expect_secret(directory->file, "abc");
        expect_failure("other", -ENOENT, directory->path);
        write_file(directory, "\n", 1, 0400);
        expect_failure("token", -EINVAL, "is empty or its file is missing");
        expect_failure("token", -EINVAL, "(LoadCredential=token in the unit)");
        write_file(directory, "a\nb", 3, 0400);
        expect_failure("token", -EINVAL, "the credential has more than one line");
}

static void test_warning_for_a_world_readable_file(void **state)
{
        struct directory *directory = *state;
        char *secret = NULL, *message = NULL;

        write_file(directory, "abc", 3, 0640);
        expect_secret(directory->file, "abc");

        write_file(directory, "abc", 3, 0644);
        assert_int_equal(credential_read("token_file", directory->file, &secret, &message), 0);
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
        int before = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_true(before >= 0);
        close(before);
        for (unsigned i = 0; i < 10; i++) {
                (void)credential_read("k", directory->file, &secret, &message);
                free(message);
                (void)credential_read("k", directory->path, &secret, &message);
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
                TEST(test_credential_by_name),
                TEST(test_warning_for_a_world_readable_file),
                TEST(test_descriptors_are_closed),
        };

        return cmocka_run_group_tests_name("credential", tests, NULL, NULL);
}
