/* SPDX-License-Identifier: MIT */

/* Parsing of status lines and Retry-After, which libcurl's releases do differently. */

#include "http/http_header.h"

#include <assert.h>
#include <string.h>

#include "util/timespan.h"

#define VERSION_SIZE (sizeof("HTTP/1.1") - 1)

static bool is_digit(char byte)
{
        return byte >= '0' && byte <= '9';
}

static bool is_letter(char byte)
{
        return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

static bool is_blank(char byte)
{
        return byte == ' ' || byte == '\t';
}

static bool is_line_end(char byte)
{
        return byte == '\r' || byte == '\n';
}

/* The status, or 0 if this is not a status line of HTTP/1.0 or HTTP/1.1. */
static int status_line_parse(const char *line, size_t size)
{
        const char *digits = line + VERSION_SIZE + 1;

        if (size < VERSION_SIZE + 5 || line[VERSION_SIZE] != ' ' ||
            (memcmp(line, "HTTP/1.1", VERSION_SIZE) != 0 && memcmp(line, "HTTP/1.0", VERSION_SIZE) != 0))
                return 0;
        if (digits[0] < '1' || digits[0] > '9' || !is_digit(digits[1]) || !is_digit(digits[2]))
                return 0;
        if (digits[3] != ' ' && !is_line_end(digits[3]))
                return 0;
        return (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
}

bool http_head_parse(struct http_head *head, const char *line, size_t size)
{
        if (head->next == HTTP_HEAD_STATUS) {
                head->next = HTTP_HEAD_FIRST;
                head->status = status_line_parse(line, size);
                return head->status != 0;
        }

        assert(head->status != 0);
        if (size == 0 || is_line_end(*line)) {
                /* 101 is final: another protocol follows, not another head. */
                bool interim = head->status < 200 && head->status != 101;
                head->next = interim ? HTTP_HEAD_STATUS : HTTP_HEAD_HEADERS;
                return true;
        }

        bool first = head->next == HTTP_HEAD_FIRST;
        head->next = HTTP_HEAD_HEADERS;
        return !first || !is_blank(*line);
}

/* Checks letters, digits and punctuation of the format, since strptime() accepts many others. */
static bool has_date_form(const char *value)
{
        static const char form[] = "Aaa, 00 Aaa 0000 00:00:00 GMT";

        for (size_t i = 0; i < sizeof(form) - 1; i++) {
                bool matches = form[i] == '0'                     ? is_digit(value[i])
                               : form[i] == 'A' || form[i] == 'a' ? is_letter(value[i])
                                                                  : value[i] == form[i];
                if (!matches)
                        return false; /* also at the NUL of a shorter value */
        }
        return value[sizeof(form) - 1] == '\0';
}

/* -1: not a valid date. */
static time_t date_parse(const char *value)
{
        struct tm parts = { .tm_sec = 0 };

        if (!has_date_form(value) || strptime(value, "%a, %d %b %Y %H:%M:%S GMT", &parts) == NULL)
                return -1;
        int day = parts.tm_mday;
        time_t date = timegm(&parts);
        return parts.tm_mday == day ? date : -1; /* timegm() has made July 1 out of June 31 */
}

uint64_t http_retry_after_parse(const char *value, time_t now)
{
        static const uint64_t seconds_max = USEC_PER_DAY / USEC_PER_SEC;
        size_t digits = strspn(value, "0123456789");
        uint64_t seconds = 0;

        if (digits > 0 && value[digits] == '\0') {
                for (; *value != '\0' && seconds < seconds_max; value++)
                        seconds = seconds * 10 + (uint64_t)(*value - '0');
        } else {
                time_t date = date_parse(value);
                seconds = date > now ? (uint64_t)date - (uint64_t)now : 0;
        }

        return (seconds < seconds_max ? seconds : seconds_max) * USEC_PER_SEC;
}
