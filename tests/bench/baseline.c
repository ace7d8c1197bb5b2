/* SPDX-License-Identifier: MIT */

/*
 * The baseline: the cost of polling alone. It uses libcurl's multi interface on an epoll descriptor with the
 * same concurrency and features as jobwatchd, and yajl for the bodies. It has no configuration, rate limits,
 * decisions or state, and exits on any error.
 *
 *     baseline URL JOBS BATCH INTERVAL_MS [SPREAD]
 *
 * Polls all jobs every INTERVAL_MS: BATCH ids per request, or single requests with BATCH 1. With BATCH 0 it
 * requests the latest JOBS jobs as one page of the search. Jobs are due in SPREAD waves (1) of equal size
 * over the interval. Runs until it is killed.
 */

#include <curl/curl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>

#include "plain_parse.h"

#define MAX_IN_FLIGHT 8
#define URL_MAX       4096

struct slot {
        CURL *easy;
        yajl_handle parser;
        struct plain_parse parse;
        char url[URL_MAX];
        bool busy;
};

static struct slot slots[MAX_IN_FLIGHT];
static CURLM *multi;
static int epoll;
static long timer_ms = -1;

static const char *base_url;
static uint64_t jobs, batch, next_job, wave_end;
static unsigned busy;

static void die(const char *what)
{
        (void)fprintf(stderr, "baseline: %s\n", what);
        exit(EXIT_FAILURE);
}

static uint64_t now_ms(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data)
{
        (void)easy;
        (void)userdata;
        struct epoll_event event = { .data.fd = fd };

        (void)socket_data;
        if (what == CURL_POLL_REMOVE) {
                (void)epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
                return 0;
        }
        if ((what & CURL_POLL_IN) != 0)
                event.events |= EPOLLIN;
        if ((what & CURL_POLL_OUT) != 0)
                event.events |= EPOLLOUT;
        if (epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) < 0 &&
            epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
                die("epoll_ctl");
        return 0;
}

static int on_timer(CURLM *handle, long timeout_ms, void *userdata)
{
        (void)handle;
        (void)userdata;
        timer_ms = timeout_ms;
        return 0;
}

static size_t on_body(char *data, size_t unit, size_t count, void *userdata)
{
        struct slot *slot = userdata;

        if (yajl_parse(slot->parser, (unsigned char *)data, unit * count) != yajl_status_ok)
                die("not JSON");
        return unit * count;
}

static void slot_init(struct slot *slot)
{
        static struct curl_slist *headers;

        if (headers == NULL) {
                headers = curl_slist_append(NULL, "Accept: application/json");
                headers = curl_slist_append(headers, "Authorization: Bearer token");
        }
        slot->easy = curl_easy_init();
        if (slot->easy == NULL)
                die("no memory");
        (void)curl_easy_setopt(slot->easy, CURLOPT_PRIVATE, (char *)slot);
        (void)curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, headers);
        (void)curl_easy_setopt(slot->easy, CURLOPT_USERAGENT, "baseline");
        (void)curl_easy_setopt(slot->easy, CURLOPT_ACCEPT_ENCODING, "gzip");
        (void)curl_easy_setopt(slot->easy, CURLOPT_NOSIGNAL, 1L);
        (void)curl_easy_setopt(slot->easy, CURLOPT_TIMEOUT_MS, 30000L);
        (void)curl_easy_setopt(slot->easy, CURLOPT_PROXY, "");
        (void)curl_easy_setopt(slot->easy, CURLOPT_WRITEFUNCTION, on_body);
        (void)curl_easy_setopt(slot->easy, CURLOPT_WRITEDATA, slot);
}

static void slot_start(struct slot *slot)
{
        int size = snprintf(slot->url, URL_MAX, "%s/api/sys/businessbackgroundjobs", base_url);

        if (batch == 0) {
                (void)snprintf(slot->url + size, (size_t)(URL_MAX - size),
                               "?page=1&size=%" PRIu64 "&orderBy=UpdatedOn&dir=-1", jobs);
                next_job = wave_end;
        } else if (batch == 1) {
                (void)snprintf(slot->url + size, (size_t)(URL_MAX - size), "/%" PRIu64, ++next_job);
        } else {
                const char *separator = "/?id=%5B";

                for (uint64_t i = 0; i < batch && next_job < wave_end; i++, separator = ",")
                        size += snprintf(slot->url + size, (size_t)(URL_MAX - size), "%s%" PRIu64, separator,
                                         ++next_job);
                (void)snprintf(slot->url + size, (size_t)(URL_MAX - size), "%%5D");
        }
        slot->parser = plain_parse_new(&slot->parse);
        if (slot->parser == NULL || curl_easy_setopt(slot->easy, CURLOPT_URL, slot->url) != CURLE_OK ||
            curl_multi_add_handle(multi, slot->easy) != CURLM_OK)
                die("no memory");
        slot->busy = true;
        busy++;
}

static void start_due(void)
{
        for (size_t i = 0; i < MAX_IN_FLIGHT && next_job < wave_end; i++)
                if (!slots[i].busy)
                        slot_start(&slots[i]);
}

static void collect(void)
{
        CURLMsg *message;
        int left;

        while ((message = curl_multi_info_read(multi, &left)) != NULL) {
                struct slot *slot = NULL;
                long status = 0;

                (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&slot);
                (void)curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
                if (message->data.result != CURLE_OK || status != 200 ||
                    yajl_complete_parse(slot->parser) != yajl_status_ok)
                        die("unexpected response");
                yajl_free(slot->parser);
                (void)curl_multi_remove_handle(multi, slot->easy);
                slot->busy = false;
                busy--;
        }
        start_due();
}

static void run_once(long wait_ms)
{
        struct epoll_event events[64];
        int running, count = epoll_wait(epoll, events, 64, (int)wait_ms);

        for (int i = 0; i < count; i++) {
                int action = 0;

                if ((events[i].events & (EPOLLIN | EPOLLHUP)) != 0)
                        action |= CURL_CSELECT_IN;
                if ((events[i].events & EPOLLOUT) != 0)
                        action |= CURL_CSELECT_OUT;
                if ((events[i].events & EPOLLERR) != 0)
                        action |= CURL_CSELECT_ERR;
                (void)curl_multi_socket_action(multi, events[i].data.fd, action, &running);
        }
        if (count == 0 && timer_ms > 0)
                (void)curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
        collect();
        while (timer_ms == 0) {
                timer_ms = -1;
                (void)curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
                collect();
        }
}

/* Until the time is reached and no request is in flight. */
static void run_until(uint64_t due_ms)
{
        uint64_t now;

        while ((now = now_ms()) < due_ms || busy > 0) {
                long wait_ms = now < due_ms ? (long)(due_ms - now) : 1000;

                run_once(timer_ms >= 0 && timer_ms < wait_ms ? timer_ms : wait_ms);
        }
}

int main(int argc, char *argv[])
{
        if (argc < 5) {
                (void)fprintf(stderr, "usage: baseline URL JOBS BATCH INTERVAL_MS [SPREAD]\n");
                return EXIT_FAILURE;
        }
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        base_url = argv[1];
        jobs = strtoull(argv[2], NULL, 10);
        batch = strtoull(argv[3], NULL, 10);
        uint64_t interval_ms = strtoull(argv[4], NULL, 10);
        uint64_t spread = argc > 5 ? strtoull(argv[5], NULL, 10) : 1;

        epoll = epoll_create1(EPOLL_CLOEXEC);
        multi = curl_multi_init();
        if (epoll < 0 || multi == NULL)
                die("no memory");
        (void)curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        (void)curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
        (void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)MAX_IN_FLIGHT);
        for (size_t i = 0; i < MAX_IN_FLIGHT; i++)
                slot_init(&slots[i]);

        for (uint64_t due_ms = now_ms(), wave = 0;; wave = (wave + 1) % spread) {
                if (wave == 0)
                        next_job = 0;
                wave_end = jobs * (wave + 1) / spread;
                start_due();
                due_ms += interval_ms / spread;
                run_once(0);
                run_until(due_ms);
        }
}
