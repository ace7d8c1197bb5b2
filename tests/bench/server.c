/* SPDX-License-Identifier: MIT */

/*
 * A minimal Nexudus API: each response is sent in one piece, and all records are equal except for the id. It
 * serves single reads, batches, pages of the search by UpdatedOn, newest first, in which the jobs from 1 to
 * ACCOUNT_JOBS are, and /stats, the counts of requests and records as "REQUESTS RECORDS"; all else is 404.
 *
 *     server [CHANGES]
 *
 * With the file CHANGES, each record differs from the previous one in the length of its ResultData, and the
 * time of sending it is appended to the file: "NANOSECONDS JOB RESULT_BYTES".
 *
 * Prints its URL, and exits with its parent.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "record.h"

#define CLIENTS_MAX   8192
#define REQUEST_MAX   8192
#define BATCH_MAX     1000
#define CHANGING_MAX  1024 /* jobs with ids below this can change */
#define RESULT_MODULO 1000
#define ACCOUNT_JOBS  1000000

#define JOBS_PATH "/api/sys/businessbackgroundjobs"

/* The incomplete request of a client. */
struct client {
        char data[REQUEST_MAX];
        size_t size;
};

static struct client *clients[CLIENTS_MAX];
static uint64_t requests, records;
static FILE *changes;
static unsigned result_sizes[CHANGING_MAX];

/* Reads do not block, but writes do: a client reads its response. */
static void send_all(int fd, const char *data, size_t size)
{
        while (size > 0) {
                ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return; /* the next read returns the error */
                data += n;
                size -= (size_t)n;
        }
}

static char response[1024 + BATCH_MAX * (RECORD_SIZE_MAX + RESULT_MODULO)];

/* The head is copied in front of the body, so that both are sent in one piece. */
static char *const body = response + 512;

static void send_response(int fd, const char *status, size_t body_size)
{
        char head[512];
        int size = snprintf(head, sizeof(head),
                            "HTTP/1.1 %s\r\n"
                            "Cache-Control: no-cache\r\n"
                            "Pragma: no-cache\r\n"
                            "Content-Type: application/json; charset=utf-8\r\n"
                            "Expires: -1\r\n"
                            "Vary: Accept-Encoding\r\n"
                            "Server: Microsoft-IIS/10.0\r\n"
                            "Date: Wed, 15 Jan 2025 10:30:00 GMT\r\n"
                            "Content-Length: %zu\r\n\r\n",
                            status, body_size);

        memcpy(body - size, head, (size_t)size);
        send_all(fd, body - size, (size_t)size + body_size);
}

static void respond_single(int fd, uint64_t id)
{
        unsigned result_size = 0;
        struct timespec now;

        records++;
        if (changes == NULL || id >= CHANGING_MAX) {
                send_response(fd, "200 OK", record_write(body, id, 0));
                return;
        }
        result_size = result_sizes[id] = result_sizes[id] % RESULT_MODULO + 1;
        size_t size = record_write(body, id, result_size);
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        send_response(fd, "200 OK", size);
        (void)fprintf(changes, "%" PRIu64 " %" PRIu64 " %u\n",
                      (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec, id, result_size);
        (void)fflush(changes);
}

static void respond_batch(int fd, const char *ids)
{
        char *end = body, *next;
        size_t count = 0;

        *end++ = '[';
        do {
                uint64_t id = strtoull(ids, &next, 10);
                if (count > 0)
                        *end++ = ',';
                end += record_write(end, id, 0);
                ids = next + 1;
        } while (++count < BATCH_MAX && *next == ',');
        *end++ = ']';
        records += count;
        send_response(fd, "200 OK", (size_t)(end - body));
}

static void respond_page(int fd, const char *query)
{
        char *end = body, *next;
        uint64_t page = strtoull(query, &next, 10), size = 0;

        if (strncmp(next, "&size=", 6) == 0)
                size = strtoull(next + 6, NULL, 10);
        if (page == 0 || size == 0 || size > BATCH_MAX || page > ACCOUNT_JOBS / size) {
                send_response(fd, "404 Not Found", 0);
                return;
        }
        end += sprintf(end, "{\"Records\":[");
        for (uint64_t i = 1; i <= size; i++) {
                end += record_write(end, (page - 1) * size + i, 0);
                *end++ = i < size ? ',' : ']';
        }
        end += sprintf(end,
                       ",\"CurrentPage\":%" PRIu64 ",\"CurrentPageSize\":%" PRIu64
                       ",\"TotalItems\":%d,\"HasNextPage\":true}",
                       page, size, ACCOUNT_JOBS);
        records += size;
        send_response(fd, "200 OK", (size_t)(end - body));
}

static void respond(int fd, const char *request)
{
        static const char one[] = "GET " JOBS_PATH "/", several[] = "GET " JOBS_PATH "/?id=%5B",
                          some[] = "GET " JOBS_PATH "?page=";

        if (strncmp(request, "GET /stats ", 11) == 0) {
                int size = sprintf(body, "%" PRIu64 " %" PRIu64, requests, records);
                send_response(fd, "200 OK", (size_t)size);
                return;
        }
        requests++;
        if (strncmp(request, several, sizeof(several) - 1) == 0)
                respond_batch(fd, request + sizeof(several) - 1);
        else if (strncmp(request, some, sizeof(some) - 1) == 0)
                respond_page(fd, request + sizeof(some) - 1);
        else if (strncmp(request, one, sizeof(one) - 1) == 0)
                respond_single(fd, strtoull(request + sizeof(one) - 1, NULL, 10));
        else
                send_response(fd, "404 Not Found", 0);
}

static void client_close(int fd)
{
        free(clients[fd]);
        clients[fd] = NULL;
        (void)close(fd);
}

static void client_read(int fd)
{
        struct client *client = clients[fd];
        ssize_t n =
                recv(fd, client->data + client->size, sizeof(client->data) - 1 - client->size, MSG_DONTWAIT);
        char *end;

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                client_close(fd);
                return;
        }
        client->size += (size_t)n;
        client->data[client->size] = '\0';
        while ((end = strstr(client->data, "\r\n\r\n")) != NULL) {
                respond(fd, client->data);
                client->size -= (size_t)(end + 4 - client->data);
                memmove(client->data, end + 4, client->size + 1);
        }
}

static void client_accept(int listener, int epoll)
{
        int on = 1, fd = accept(listener, NULL, NULL);
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

        if (fd < 0)
                return;
        if (fd >= CLIENTS_MAX || (clients[fd] = calloc(1, sizeof(struct client))) == NULL) {
                (void)close(fd);
                return;
        }
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static int listen_on_loopback(void)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, SOMAXCONN) < 0 ||
            getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
                perror("server");
                exit(EXIT_FAILURE);
        }
        (void)printf("http://127.0.0.1:%u\n", ntohs(address.sin_port));
        (void)fflush(stdout);
        return fd;
}

int main(int argc, char *argv[])
{
        struct epoll_event events[64];

        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (argc > 1 && (changes = fopen(argv[1], "ae")) == NULL) {
                perror(argv[1]);
                return EXIT_FAILURE;
        }
        int listener = listen_on_loopback(), epoll = epoll_create1(EPOLL_CLOEXEC);
        struct epoll_event event = { .events = EPOLLIN, .data.fd = listener };
        if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0) {
                perror("server");
                return EXIT_FAILURE;
        }

        for (;;) {
                int count = epoll_wait(epoll, events, 64, -1);

                for (int i = 0; i < count; i++) {
                        if (events[i].data.fd == listener)
                                client_accept(listener, epoll);
                        else
                                client_read(events[i].data.fd);
                }
        }
}
