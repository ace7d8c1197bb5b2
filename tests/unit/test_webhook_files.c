/* SPDX-License-Identifier: MIT */

/* The files of a url hook: what is refused when they are read, with what to write instead and without the
 * secret. */

#include <errno.h>
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

#include "delivery/webhook/files.h"
#include "delivery/webhook/signature.h"
#include "http/authorities.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

/* Of an authority made for this test. */
#define CERTIFICATE                                                                                          \
        "-----BEGIN CERTIFICATE-----\n"                                                                      \
        "MIIBdTCCARugAwIBAgIUV/wQj/beTjLJE+G9MRkC33TfQyAwCgYIKoZIzj0EAwIw\n"                                 \
        "DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjYxNjIzMTFaGA8yMTI2MTEwMjE2MjMx\n"                                 \
        "MVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABEpl\n"                                 \
        "tCfoyOwWmhPj0G0MP1U7ASiQXwAN5WrHbXHN3CAOlDMRqE+U3xMHTr6Yk9NdqkuC\n"                                 \
        "tl7xHdDbtYlIXRibTjWjUzBRMB0GA1UdDgQWBBShnKUrfnWmAN2cqLw45UOGS39L\n"                                 \
        "djAfBgNVHSMEGDAWgBShnKUrfnWmAN2cqLw45UOGS39LdjAPBgNVHRMBAf8EBTAD\n"                                 \
        "AQH/MAoGCCqGSM49BAMCA0gAMEUCIQDzsDsZdvKbYX/MMSzlcf4l5+6FU6dpbrJL\n"                                 \
        "BoI8aWmCnAIgcl9W4qLpLx0pLw/j+9EDSzn2mqpgJq9be+rJI3hvFzA=\n"                                         \
        "-----END CERTIFICATE-----\n"

struct fixture {
        struct config config;
        struct hook_config hook;
        char file[64];
        char problem[1024], where[64];
        unsigned errors, warnings;
};

static void on_problem(void *userdata, const char *where, const char *source, bool is_warning,
                       const char *message)
{
        (void)source;
        struct fixture *fixture = userdata;

        fixture->errors += !is_warning;
        fixture->warnings += is_warning;
        (void)snprintf(fixture->where, sizeof(fixture->where), "%s", where);
        (void)snprintf(fixture->problem, sizeof(fixture->problem), "%s", message);
}

static int setup(void **state)
{
        static char none[] = "", path[] = "/etc/jobwatchd/jobwatchd.ini", url[] = "https://example.com/",
                    target[] = "j.ini:1", secret[] = "j.ini:2", headers[] = "j.ini:3", ca[] = "j.ini:4",
                    name[] = "web";
        struct fixture *fixture = calloc(1, sizeof(*fixture));

        assert_non_null(fixture);
        fixture->config = (struct config){ .path = path, .api = { .ca_file = none, .where_ca_file = path } };
        fixture->hook = (struct hook_config){
                .name = name,
                .kind = HOOK_URL,
                .target = url,
                .secret_file = none,
                .header_file = none,
                .ca_file = none,
                .where = target,
                .where_secret_file = secret,
                .where_header_file = headers,
                .where_ca_file = ca,
        };
        *state = fixture;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *fixture = *state;

        if (*fixture->file != '\0')
                (void)unlink(fixture->file);
        free(fixture);
        return 0;
}

static void write_file(struct fixture *fixture, const char *content)
{
        if (*fixture->file != '\0')
                (void)unlink(fixture->file);
        strcpy(fixture->file, "/tmp/jobwatch-files-XXXXXX");
        int fd = mkstemp(fixture->file);
        assert_return_code(fd, errno);
        assert_int_equal(write(fd, content, strlen(content)), strlen(content));
        close(fd);
}

static int read_files(struct fixture *fixture, struct webhook_files *ret_files)
{
        const struct webhook_files_call call = {
                .config = &fixture->config,
                .hook = &fixture->hook,
                .on_problem = on_problem,
                .userdata = fixture,
        };

        fixture->errors = fixture->warnings = 0;
        *fixture->problem = '\0';
        return webhook_files_read(&call, ret_files);
}

/* One error with these words at this line, and without a piece of the content. */
static void expect_refused(struct fixture *fixture, const char *where, const char *words, const char *secret)
{
        struct webhook_files files;

        assert_int_equal(read_files(fixture, &files), -EINVAL);
        assert_int_equal(fixture->errors, 1);
        assert_string_equal(fixture->where, where);
        if (strstr(fixture->problem, words) == NULL || strstr(fixture->problem, secret) != NULL)
                fail_msg("%s", fixture->problem);
}

static void expect_accepted(struct fixture *fixture, struct webhook_files *ret_files)
{
        if (read_files(fixture, ret_files) != 0)
                fail_msg("%s", fixture->problem);
        assert_int_equal(fixture->errors, 0);
}

/* ---- secret_file ---- */

static void test_signing_secrets(void **state)
{
        static const struct {
                const char *content, *words;
        } wrong[] = {
                { "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", "has no signing secret; write \"whsec_\"" },
                { "v1," SECRET "\n", "begins with \"v1,\"; write the secret to it from \"whsec_\" on" },
                { "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", "asymmetric" },
                { "whsec_MfKQ9r8GKYqrTwjU\n", "too short; write \"whsec_\" and 24 to 64 bytes" },
                { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS\n", "not base64" },
                { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS-\n", "not base64" },
                { "\"" SECRET "\"\n", "quotes" },
                { "\xef\xbb\xbf" SECRET "\n", "byte order mark" },
                { SECRET "\n" SECRET "\n", "more than one line" },
                { "", "is missing or empty" },
        };
        struct fixture *fixture = *state;
        struct webhook_files files;

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                write_file(fixture, wrong[i].content);
                fixture->hook.secret_file = fixture->file;
                expect_refused(fixture, "j.ini:2", wrong[i].words, "MfKQ");
                assert_non_null(strstr(fixture->problem, fixture->file));
        }

        write_file(fixture, SECRET "\n");
        expect_accepted(fixture, &files);
        assert_non_null(files.key);
        assert_int_equal(fixture->warnings, 0);
        webhook_files_clear(&files);

        assert_return_code(chmod(fixture->file, 0644), errno);
        expect_accepted(fixture, &files);
        assert_int_equal(fixture->warnings, 1);
        assert_non_null(strstr(fixture->problem, "chmod 0600"));
        webhook_files_clear(&files);

        static char missing[] = "/nonexistent/secret";
        fixture->hook.secret_file = missing;
        expect_refused(fixture, "j.ini:2", "/nonexistent/secret", "MfKQ");
}

/* ---- url_file ---- */

static void test_secret_urls(void **state)
{
        static const struct {
                const char *content, *words;
        } wrong[] = {
                { "http://hooks.example.com/s3cret", "plain http" },
                { "hooks.example.com/s3cret", "begins with https://" },
                { "https://user:pass@hooks.example.com/s3cret", "remove the user name" },
                { "https://hooks.example.com:99999/s3cret", "port" },
                { "https://hooks.example.com/s3cret\nhttps://hooks.example.com/s3cret", "one line" },
                { "url = https://hooks.example.com/s3cret", "blanks" },
                { "\n", "is missing or empty" },
        };
        struct fixture *fixture = *state;
        struct webhook_files files;

        fixture->hook.target = NULL;
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                write_file(fixture, wrong[i].content);
                fixture->hook.url_file = fixture->file;
                expect_refused(fixture, "j.ini:1", wrong[i].words, "s3cret");
                assert_non_null(strstr(fixture->problem, "url_file = "));
        }
        write_file(fixture, "https://hooks.example.com/s3cret?a=b\r\n");
        expect_accepted(fixture, &files);
        assert_string_equal(files.url, "https://hooks.example.com/s3cret?a=b");
        webhook_files_clear(&files);
}

/* ---- header_file ---- */

static void test_headers(void **state)
{
        static const struct {
                const char *content, *words;
        } wrong[] = {
                { "s3cret\n", "line 1: write \"Name: value\"" },
                { "X-A: 1\n: s3cret\n", "line 2: write \"Name: value\"" },
                { "X A: s3cret\n", "line 1: write \"Name: value\"" },
                { " X-Folded: s3cret\n", "line 1: write \"Name: value\"" },
                { "X-A:\n", "line 1: the value is missing" },
                { "X-A: s3cr\xc3\xa9t\n", "line 1: the value contains a character that is not ASCII" },
                { "X-A: 1\n\nhost: s3cret.example.com\n", "line 3: jobwatchd sets Host itself" },
                { "CONTENT-LENGTH: 1\n", "line 1: jobwatchd sets Content-* itself" },
                { "Content-Type: text/s3cret\n", "Content-*" },
                { "Transfer-Encoding: chunked\n", "Transfer-*" },
                { "Connection: close\n", "Connection" },
                { "Webhook-Signature: v1,s3cret\n", "webhook-*" },
                { "webhook-id: s3cret\n", "webhook-*" },
                { "X-A: s3cret\rX-B: c\n", "control characters" },
                { "X-A: s3cret\x01\n", "control characters" },
                { "\n", "is missing or empty" },
        };
        struct fixture *fixture = *state;
        struct webhook_files files;

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                write_file(fixture, wrong[i].content);
                fixture->hook.header_file = fixture->file;
                expect_refused(fixture, "j.ini:3", wrong[i].words, "s3cr");
                assert_non_null(strstr(fixture->problem, "header_file = "));
        }

        write_file(fixture, "Authorization: Bearer a: b \r\nx_y:z\r\nTea: 1");
        expect_accepted(fixture, &files);
        assert_string_equal(files.header_lines[0], "Authorization: Bearer a: b");
        assert_string_equal(files.header_lines[1], "x_y: z");
        assert_string_equal(files.header_lines[2], "Tea: 1");
        assert_null(files.header_lines[3]);
        webhook_files_clear(&files);
}

/* ---- ca_file ---- */

static size_t count_certificates(const struct http_authorities *authorities)
{
        size_t size, count = 0;
        const char *pem = http_authorities_pem(authorities, &size), *end = pem + size;
        static const char begin[] = "-----BEGIN CERTIFICATE-----";

        while ((pem = memmem(pem, (size_t)(end - pem), begin, sizeof(begin) - 1)) != NULL) {
                pem++;
                count++;
        }
        return count;
}

static void test_authorities(void **state)
{
        struct fixture *fixture = *state;
        struct webhook_files files;

        expect_accepted(fixture, &files);
        assert_null(files.authorities);
        webhook_files_clear(&files);

        /* What is not a certificate stays out. */
        write_file(fixture, "# ours\n" CERTIFICATE
                            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n" CERTIFICATE);
        fixture->hook.ca_file = fixture->file;
        expect_accepted(fixture, &files);
        assert_true(http_authorities_exclude_system(files.authorities));
        assert_int_equal(count_certificates(files.authorities), 2);
        size_t size;
        const char *pem = http_authorities_pem(files.authorities, &size);
        assert_null(memmem(pem, size, "PRIVATE", 7));
        webhook_files_clear(&files);

        /* Those of [api] count besides the system's. */
        fixture->hook.ca_file = fixture->hook.secret_file;
        fixture->config.api.ca_file = fixture->file;
        expect_accepted(fixture, &files);
        assert_false(http_authorities_exclude_system(files.authorities));
        assert_true(count_certificates(files.authorities) >= 2);
        webhook_files_clear(&files);
}

static void test_files_without_certificates(void **state)
{
        static char missing[] = "/nonexistent/ca.pem", directory[] = "/tmp";
        struct fixture *fixture = *state;

        write_file(fixture, "no certificate\n");
        fixture->hook.ca_file = fixture->file;
        expect_refused(fixture, "j.ini:4", "the file contains no certificate; write it in PEM",
                       "no certificate\n");
        write_file(fixture, CERTIFICATE "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        fixture->hook.ca_file = fixture->file;
        expect_refused(fixture, "j.ini:4", "a certificate in the file is damaged", "AAAA");
        fixture->hook.ca_file = missing;
        expect_refused(fixture, "j.ini:4", "ca_file = /nonexistent/ca.pem: No such file or directory",
                       "AAAA");
        fixture->hook.ca_file = directory;
        expect_refused(fixture, "j.ini:4", "ca_file = /tmp: not a regular file", "AAAA");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_signing_secrets, setup, teardown),
                cmocka_unit_test_setup_teardown(test_secret_urls, setup, teardown),
                cmocka_unit_test_setup_teardown(test_headers, setup, teardown),
                cmocka_unit_test_setup_teardown(test_authorities, setup, teardown),
                cmocka_unit_test_setup_teardown(test_files_without_certificates, setup, teardown),
        };

        return cmocka_run_group_tests_name("webhook files", tests, NULL, NULL);
}
