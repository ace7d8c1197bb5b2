/* SPDX-License-Identifier: MIT */
#pragma once

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Bytes of a record with the default ResultData. */
#define RECORD_SIZE_MAX 1024

/* UpdatedOn of the job with the id 0; each was updated a minute before the one with the id before. */
#define RECORD_LATEST 1736937000

/* Writes the record of a running import and returns its size. ResultData has result_size letters; 0: default.
 */
static inline size_t record_write(char *at, uint64_t id, size_t result_size)
{
        static const char before[] =
                "{\"BusinessId\":1414903,\"BusinessName\":\"Riverside Works\",\"UserId\":1830224,"
                "\"UserFullName\":\"Alex Example\",\"UserEmail\":\"alex@example.com\","
                "\"JobId\":\"41bf7522-7f05-419a-8001-000005397fb1\",\"Description\":\"Import of members\","
                "\"Files\":\"members-2025-01.csv\",\"Status\":\"Running\",\"ResultData\":\"";
        static const char default_result[] = "{\\\"rows\\\": 400, \\\"done\\\": 260, \\\"errors\\\": 3}";
        static const char after[] =
                ",\"CreatedOn\":\"2020-01-15T08:00:00Z\","
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
                memcpy(end, default_result, sizeof(default_result) - 1);
                end += sizeof(default_result) - 1;
        }
        time_t updated = RECORD_LATEST - (time_t)id * 60;
        struct tm parts;

        end += sprintf(end, "\",\"Id\":%" PRIu64, id);
        end += strftime(end, RECORD_SIZE_MAX, ",\"UpdatedOn\":\"%Y-%m-%dT%H:%M:%SZ\"",
                        gmtime_r(&updated, &parts));
        memcpy(end, after, sizeof(after) - 1);
        end += sizeof(after) - 1;
        return (size_t)(end - at);
}
