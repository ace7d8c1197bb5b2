/* SPDX-License-Identifier: MIT */

/* The fake journal of the tests. See journal_capture.h. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "journal_capture.h"

#define FIELDS_MAX 64

static struct {
        char *name;
        char *value;
        size_t size;
} fields[FIELDS_MAX];

static size_t field_count;
static unsigned entries;
static int send_result;
static bool socket_exists = true;

int __wrap_sd_journal_sendv(const struct iovec *vector, int count);
int __wrap_access(const char *path, int mode);
int __real_access(const char *path, int mode);

static void fields_clear(void)
{
        while (field_count > 0) {
                field_count--;
                free(fields[field_count].name);
                free(fields[field_count].value);
        }
}

int __wrap_sd_journal_sendv(const struct iovec *vector, int count)
{
        fields_clear();
        assert_in_range(count, 1, FIELDS_MAX);
        for (int i = 0; i < count; i++) {
                const char *data = vector[i].iov_base;
                const char *equals = memchr(data, '=', vector[i].iov_len);
                assert_non_null(equals);

                size_t name_size = (size_t)(equals - data), size = vector[i].iov_len - name_size - 1;
                char *value = calloc(1, size + 1);
                assert_non_null(value);
                memcpy(value, equals + 1, size);
                fields[field_count].name = strndup(data, name_size);
                fields[field_count].value = value;
                fields[field_count].size = size;
                assert_non_null(fields[field_count].name);
                field_count++;
        }
        entries++;
        return send_result;
}

int __wrap_access(const char *path, int mode)
{
        if (strcmp(path, "/run/systemd/journal/socket") != 0)
                return __real_access(path, mode);
        errno = ENOENT;
        return socket_exists ? 0 : -1;
}

void capture_result(int result)
{
        send_result = result;
}

void capture_socket(bool exists)
{
        socket_exists = exists;
}

unsigned capture_count(void)
{
        return entries;
}

void capture_reset(void)
{
        fields_clear();
        entries = 0;
        send_result = 0;
        socket_exists = true;
}

const char *capture_field(const char *name, size_t *ret_size)
{
        for (size_t i = 0; i < field_count; i++)
                if (strcmp(fields[i].name, name) == 0) {
                        if (ret_size != NULL)
                                *ret_size = fields[i].size;
                        return fields[i].value;
                }
        return NULL;
}

const char *capture_name(size_t index)
{
        return index < field_count ? fields[index].name : NULL;
}

void expect_field(const char *name, const char *value)
{
        size_t size = 0;
        const char *found = capture_field(name, &size);

        if (value == NULL && found != NULL)
                fail_msg("unexpected %s: '%s'", name, found);
        if (value == NULL)
                return;
        if (found == NULL)
                fail_msg("missing %s", name);
        else if (strlen(value) != size || memcmp(value, found, size) != 0)
                fail_msg("%s is '%s', expected '%s'", name, found, value);
}

struct event capture_event(enum event_kind kind)
{
        return (struct event){
                .id = "0d2c7e0e-6f0b-4f7e-8d5e-3a4b5c6d7e8f",
                .sequence = 17,
                .kind = kind,
                .outcome = OUTCOME_FAILURE,
                .time_us = 1700000000000000,
                .job_name = TEXT_LITERAL("members-import"),
                .record = {
                        .id = 87654323,
                        .status = TEXT_LITERAL("Completed"),
                        .result = TEXT_LITERAL("{\"rows\":12}"),
                        .guid = TEXT_LITERAL("a1b2c3d4-e5f6-7890-abcd-ef1234567890"),
                        .description = TEXT_LITERAL("Import of members"),
                        .files = TEXT_LITERAL("members.csv"),
                        .business = TEXT_LITERAL("Harbour"),
                        .business_id = 4711,
                        .user = TEXT_LITERAL("Ada Example"),
                        .email = TEXT_LITERAL("ada@example.com"),
                        .created_on = TEXT_LITERAL("2026-01-10T08:00:00Z"),
                        .updated_on = TEXT_LITERAL("2026-01-15T10:30:00Z"),
                        .has_status = true,
                        .has_result = true,
                },
                .status_before = TEXT_LITERAL("Running"),
                .result_before = TEXT_LITERAL("half of it"),
        };
}

struct log_config capture_settings(void)
{
        return (struct log_config){ .level = LOG_INFO, .target = LOG_TARGET_JOURNAL, .result_bytes = 1024 };
}
