/* SPDX-License-Identifier: MIT */
#pragma once

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Of a record with a ResultData that is not asked to be long. */
#define RECORD_SIZE_MAX 1024

/*
 * Writes the record of a running import at `at` and returns its size; with result_size, its ResultData is as
 * many letters instead of the usual few words.
 */
static inline size_t record_write(char *at, uint64_t id, size_t result_size)
{
        static const char before[] =
                "{\"BusinessId\":1414903,\"BusinessName\":\"Riverside Works\",\"UserId\":1830224,"
                "\"UserFullName\":\"Alex Example\",\"UserEmail\":\"alex@example.com\","
                "\"JobId\":\"41bf7522-7f05-419a-8001-000005397fb1\",\"Description\":\"Import of members\","
                "\"Files\":\"members-2025-01.csv\",\"Status\":\"Running\",\"ResultData\":\"";
        static const char usual[] = "{\\\"rows\\\": 400, \\\"done\\\": 260, \\\"errors\\\": 3}";
        static const char after[] =
                ",\"UpdatedOn\":\"2025-01-15T10:30:00Z\",\"CreatedOn\":\"2025-01-15T08:00:00Z\","
                "\"UniqueId\":\"a1b2c3d4-e5f6-7890-abcd-ef1234567890\",\"UpdatedBy\":\"admin@example.com\","
                "\"IsNew\":false,\"SystemId\":null,\"ToStringText\":\"Import of members\","
                "\"LocalizationDetails\":null,\"CustomFields\":null}";
        char *end = at;

        memcpy(end, before, sizeof(before) - 1);
        end += sizeof(before) - 1;
        if (result_size > 0) {
                memset(end, 'x', result_size);
                end += result_size;
        } else {
                memcpy(end, usual, sizeof(usual) - 1);
                end += sizeof(usual) - 1;
        }
        end += sprintf(end, "\",\"Id\":%" PRIu64, id);
        memcpy(end, after, sizeof(after) - 1);
        end += sizeof(after) - 1;
        return (size_t)(end - at);
}
