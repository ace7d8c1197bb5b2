/* SPDX-License-Identifier: MIT */

/*
 * Any bytes as the response of a server, read by the daemon's HTTP client. The first byte selects: the rest
 * is the whole response, or the value of a Retry-After header, a number or a date, in a valid response; then
 * the expected time is known and compared. In all cases every request ends once, the time is absent or
 * between a second and a day, and the delays that polls, pauses and deliveries derive from it are bounded.
 */

#include <curl/curl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "http/http.h"
#include "planning/backoff.h"
#include "planning/throttle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BODY_LIMIT  4096
#define ANSWER_SIZE 8192
#define NOW_US      (400 * USEC_PER_DAY)

/* Whatever a server asks for, it silences us no longer than this. */
#define ASKED_MAX_US USEC_PER_HOUR

struct outcome_seen {
        unsigned ends;
        uint64_t body_size;
        int status;
        enum http_outcome outcome;
        uint64_t retry_after_us;
};

/* Not inlined, so that the trace says which line it was. */
__attribute__((noinline)) static void check(bool condition)
{
        if (!condition)
                abort();
}

static int on_body(void *userdata, const void *data, size_t size)
{
        struct outcome_seen *seen = userdata;

        check(data != NULL && seen->ends == 0);
        seen->body_size += size;
        check(seen->body_size <= BODY_LIMIT);
        return 0;
}

static void on_end(void *userdata, const struct http_end *end)
{
        struct outcome_seen *seen = userdata;
        bool success = end->status >= 200 && end->status <= 299;

        check(end->detail != NULL && end->excerpt != NULL && end->excerpt_size <= HTTP_EXCERPT_MAX);
        check(!success || (end->body_size == seen->body_size && end->excerpt_size == 0));
        check(end->outcome != HTTP_ANSWERED || end->status > 0);
        seen->ends++;
        seen->status = end->status;
        seen->outcome = end->outcome;
        seen->retry_after_us = end->retry_after_us;
}

/* ---- a server with one response ---- */

struct server {
        sd_event *event;
        struct http_client *client;
        char name[64]; /* in the abstract namespace, so there is no file and no port */
        const char *answer;
        size_t size;
        int peer; /* -1: none */
};

/* The whole answer is there before the request is read, and nothing comes after it. */
static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        (void)source;
        (void)revents;
        struct server *server = userdata;

        check(server->peer < 0);
        server->peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        check(server->peer >= 0);
        check(server->size == 0 ||
              send(server->peer, server->answer, server->size, MSG_NOSIGNAL) == (ssize_t)server->size);
        check(shutdown(server->peer, SHUT_WR) == 0);
        return 0;
}

static void server_start(struct server *server)
{
        const struct http_settings settings = {
                .user_agent = "fuzz",
                .timeout_us = 5 * USEC_PER_SEC,
                .connect_timeout_us = 5 * USEC_PER_SEC,
                .body_max = BODY_LIMIT,
                .connections_max = 2,
        };
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        int length = snprintf(server->name, sizeof(server->name), "jobwatchd-fuzz-%ld", (long)getpid());
        memcpy(address.sun_path + 1, server->name, (size_t)length);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        check(fd >= 0);
        check(bind(fd, (const struct sockaddr *)&address,
                   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) == 0);
        check(listen(fd, 4) == 0);

        check(sd_event_new(&server->event) >= 0);
        check(sd_event_add_io(server->event, NULL, fd, EPOLLIN, on_connection, server) >= 0);
        check(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
        check(http_client_new(server->event, &settings, &server->client) == 0);
}

/* The name of the server's socket; NULL: none yet. */
static const char *socket_name;

CURLMcode __real_curl_multi_add_handle(CURLM *multi, CURL *easy);
CURLMcode __wrap_curl_multi_add_handle(CURLM *multi, CURL *easy);

/* Each request gets its own connection to a socket in the abstract namespace. */
CURLMcode __wrap_curl_multi_add_handle(CURLM *multi, CURL *easy)
{
        check(curl_easy_setopt(easy, CURLOPT_ABSTRACT_UNIX_SOCKET, socket_name) == CURLE_OK);
        check(curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK);
        return __real_curl_multi_add_handle(multi, easy);
}

static struct outcome_seen ask(const char *answer, size_t size)
{
        static struct server server;
        struct outcome_seen seen = { .ends = 0 };

        if (server.event == NULL)
                server_start(&server);
        server.answer = answer;
        server.size = size;
        server.peer = -1;
        socket_name = server.name;

        const struct http_call call = {
                .url = "http://127.0.0.1/", .on_body = on_body, .on_end = on_end, .userdata = &seen
        };
        check(http_start(server.client, &call) != NULL);
        while (seen.ends == 0)
                check(sd_event_run(server.event, UINT64_MAX) >= 0);
        check(seen.ends == 1 && server.peer >= 0);
        check(close(server.peer) == 0);
        return seen;
}

/* ---- what is made of it ---- */

static void check_span(uint64_t span_us, uint64_t random)
{
        struct throttle throttle = THROTTLE_INITIAL;

        check(span_us == HTTP_RETRY_NONE || (span_us >= USEC_PER_SEC && span_us <= USEC_PER_DAY));
        check(span_us % USEC_PER_SEC == 0);

        uint64_t delay_us = delivery_delay(1 + (unsigned)random % 9, span_us, random);
        check(delay_us >= 5 * USEC_PER_SEC && delay_us <= 70 * USEC_PER_MIN);

        delay_us = poll_backoff(1 + (unsigned)random % 9, USEC_PER_MIN, span_us, random);
        check(delay_us >= (span_us < ASKED_MAX_US ? span_us : ASKED_MAX_US) && delay_us <= ASKED_MAX_US);

        throttle_note_throttled(&throttle, span_us, NOW_US);
        check(throttle_next(&throttle, USEC_PER_SEC, NOW_US) > NOW_US);
        check(throttle_next(&throttle, USEC_PER_SEC, NOW_US) <= NOW_US + ASKED_MAX_US);
}

/* ---- a header whose meaning is known ---- */

/* At most this many bytes of a value, without what would end the line. */
#define VALUE_MAX 200

static uint64_t bounded(int64_t seconds)
{
        uint64_t day = USEC_PER_DAY / USEC_PER_SEC;

        if (seconds <= 0)
                return HTTP_RETRY_NONE;
        return ((uint64_t)seconds > day ? day : (uint64_t)seconds) * USEC_PER_SEC;
}

/* Whether the value is digits only; then the span is known. */
static bool check_number(const char *value, uint64_t span_us)
{
        uint64_t seconds = 0;

        if (*value == '\0' || value[strspn(value, "0123456789")] != '\0')
                return false;
        for (; *value != '\0' && seconds <= USEC_PER_DAY; value++)
                seconds = seconds * 10 + (uint64_t)(*value - '0');
        check(span_us == bounded(seconds > USEC_PER_DAY ? INT64_MAX : (int64_t)seconds));
        return true;
}

/* Whether it is a date in the form of RFC 9110; then the span is known but for what has passed meanwhile. */
static bool check_date(const char *value, time_t before, uint64_t span_us)
{
        struct tm tm = { .tm_sec = 0 };
        char again[64];

        const char *end = strptime(value, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        if (end == NULL || *end != '\0')
                return false;
        time_t date = timegm(&tm); /* and the right day of the week */
        if (strftime(again, sizeof(again), "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0 ||
            strcmp(again, value) != 0)
                return true; /* strptime() takes more than there is, such as 6 nov or the 31st of June */
        check(span_us >= bounded(date - time(NULL)) && span_us <= bounded(date - before));
        return true;
}

/* What begins in any other way is no answer, whatever libcurl takes it for. */
static void check_status_line(const char *answer, size_t size, const struct outcome_seen *seen)
{
        bool good = size > 12 && (memcmp(answer, "HTTP/1.1 ", 9) == 0 || memcmp(answer, "HTTP/1.0 ", 9) == 0);

        check(good || (seen->status == 0 && seen->body_size == 0));
        check(seen->status == 0 || (seen->status >= 100 && seen->status <= 999));
        check(seen->outcome != HTTP_ANSWERED || seen->status != 0);
}

static void try_answer(const char *answer, size_t size)
{
        struct outcome_seen seen = ask(answer, size);

        check_status_line(answer, size, &seen);
        check_span(seen.retry_after_us, size);
}

static void try_value(const uint8_t *data, size_t size)
{
        char value[VALUE_MAX + 1], answer[ANSWER_SIZE];
        size_t length = 0;
        time_t before = time(NULL);

        for (size_t i = 0; i < size && length < VALUE_MAX; i++)
                if (data[i] >= ' ' && data[i] <= '~')
                        value[length++] = (char)data[i];
        value[length] = '\0';

        int answer_size =
                snprintf(answer, sizeof(answer),
                         "HTTP/1.1 429 Too Many\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n", value);
        struct outcome_seen seen = ask(answer, (size_t)answer_size);
        check(seen.outcome == HTTP_ANSWERED && seen.status == 429);
        /* Blanks around it are none of the value. */
        for (; length > 0 && value[length - 1] == ' '; length--)
                value[length - 1] = '\0';
        const char *word = value + strspn(value, " ");
        if (!check_number(word, seen.retry_after_us) && !check_date(word, before, seen.retry_after_us))
                check(seen.retry_after_us == HTTP_RETRY_NONE);
        check_span(seen.retry_after_us, length);
}

/* A date at a distance from now, so that dates near today are met at all. */
static void try_distance(const uint8_t *data, size_t size)
{
        int32_t distance = 0;
        char value[64];
        struct tm tm;

        memcpy(&distance, data, size < sizeof(distance) ? size : sizeof(distance));
        time_t date = time(NULL) + distance;
        if (gmtime_r(&date, &tm) == NULL ||
            strftime(value, sizeof(value), "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0)
                return;
        try_value((const uint8_t *)value, strlen(value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size == 0)
                return 0;
        data++;
        size--;
        switch (data[-1] & 3) {
        case 0:
                if (size <= ANSWER_SIZE)
                        try_answer((const char *)data, size);
                return 0;
        case 1:
                try_distance(data, size);
                return 0;
        default:
                try_value(data, size);
                return 0;
        }
}
