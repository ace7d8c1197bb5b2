/* SPDX-License-Identifier: MIT */

/* The HTTP server of the tests, see loopback.h. */

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "loopback.h"

#define REQUEST_MAX (256 * 1024)

/* Generous, for a loaded machine with a sanitizer. */
#define LOOP_LIMIT_S 60

struct loopback_peer {
        struct loopback *server;
        sd_event_source *source;
        int fd;
        unsigned number;
        char *in;
        size_t in_size;
        char *out; /* what is to be sent: from `out_sent` to `out_size` */
        size_t out_sent, out_size, out_room;
        bool finish; /* close once `out` is empty */
        TAILQ_ENTRY(loopback_peer) link;
};

struct loopback {
        sd_event_source *source;
        int fd;
        uint16_t port;
        loopback_handler handler;
        void *userdata;
        unsigned requests, accepted, open, peak;
        TAILQ_HEAD(, loopback_peer) peers;
};

static void peer_free(struct loopback_peer *peer)
{
        TAILQ_REMOVE(&peer->server->peers, peer, link);
        peer->server->open--;
        sd_event_source_disable_unref(peer->source);
        close(peer->fd);
        free(peer->in);
        free(peer->out);
        free(peer);
}

/* Sends what the connection takes. Returns what send() returned. */
static ssize_t peer_send(struct loopback_peer *peer)
{
        ssize_t n = send(peer->fd, peer->out + peer->out_sent, peer->out_size - peer->out_sent, MSG_NOSIGNAL);

        if (n > 0)
                peer->out_sent += (size_t)n;
        if (peer->out_sent == peer->out_size)
                peer->out_sent = peer->out_size = 0;
        return n;
}

/* The size of the complete request at the start of `in`, or 0 if it is incomplete. */
static size_t request_size(const struct loopback_peer *peer, size_t *ret_head_size)
{
        const char *end = memmem(peer->in, peer->in_size, "\r\n\r\n", 4);
        if (end == NULL)
                return 0;

        size_t head_size = (size_t)(end - peer->in) + 4;
        const char *length = memmem(peer->in, head_size, "\r\nContent-Length:", 17);
        size_t body_size = length != NULL ? strtoul(length + 17, NULL, 10) : 0;
        *ret_head_size = head_size;
        return head_size + body_size <= peer->in_size ? head_size + body_size : 0;
}

static void peer_serve(struct loopback_peer *peer)
{
        size_t head_size = 0, size;

        while (!peer->finish && (size = request_size(peer, &head_size)) > 0) {
                char *head = strndup(peer->in, head_size - 4);
                char *body = strndup(peer->in + head_size, size - head_size);

                assert_non_null(head);
                assert_non_null(body);
                peer->in_size -= size;
                memmove(peer->in, peer->in + size, peer->in_size);
                peer->server->requests++;
                peer->server->handler(peer, head, body, peer->server->userdata);
                free(head);
                free(body);
        }
}

static int on_peer(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        struct loopback_peer *peer = userdata;
        (void)source;

        if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                ssize_t n = recv(fd, peer->in + peer->in_size, REQUEST_MAX - peer->in_size, 0);
                if (n == 0 || (n < 0 && errno != EAGAIN)) {
                        peer_free(peer);
                        return 0;
                }
                if (n > 0) {
                        peer->in_size += (size_t)n;
                        peer_serve(peer);
                }
        }

        if (peer->out_size > 0) {
                ssize_t n = peer_send(peer);
                if (n < 0 && errno != EAGAIN) {
                        peer_free(peer);
                        return 0;
                }
        }
        if (peer->out_size == 0 && peer->finish)
                peer_free(peer);
        else if (peer->out_size == 0)
                (void)sd_event_source_set_io_events(peer->source, EPOLLIN);
        return 0;
}

static int on_listener(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        struct loopback *server = userdata;
        (void)revents;

        int peer_fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (peer_fd < 0)
                return 0; /* closed by the client */

        struct loopback_peer *peer = calloc(1, sizeof(*peer));
        assert_non_null(peer);
        peer->server = server;
        peer->fd = peer_fd;
        peer->in = malloc(REQUEST_MAX);
        assert_non_null(peer->in);
        assert_true(sd_event_add_io(sd_event_source_get_event(source), &peer->source, peer_fd, EPOLLIN,
                                    on_peer, peer) >= 0);
        TAILQ_INSERT_TAIL(&server->peers, peer, link);
        peer->number = ++server->accepted;
        if (++server->open > server->peak)
                server->peak = server->open;
        return 0;
}

static int bind_loopback(uint16_t *ret_port)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(address);

        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
        *ret_port = ntohs(address.sin_port);
        return fd;
}

struct loopback *loopback_new(sd_event *event, loopback_handler handler, void *userdata)
{
        struct loopback *server = calloc(1, sizeof(*server));

        assert_non_null(server);
        TAILQ_INIT(&server->peers);
        server->handler = handler;
        server->userdata = userdata;
        server->fd = bind_loopback(&server->port);
        assert_int_equal(listen(server->fd, 256), 0);
        assert_true(sd_event_add_io(event, &server->source, server->fd, EPOLLIN, on_listener, server) >= 0);
        return server;
}

struct loopback *loopback_free(struct loopback *server)
{
        if (server == NULL)
                return NULL;

        while (!TAILQ_EMPTY(&server->peers))
                peer_free(TAILQ_FIRST(&server->peers));
        sd_event_source_disable_unref(server->source);
        close(server->fd);
        free(server);
        return NULL;
}

int loopback_dead_port(uint16_t *ret_port)
{
        return bind_loopback(ret_port);
}

const char *loopback_url(const struct loopback *server, const char *path)
{
        static char url[1024];

        (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", server->port, path);
        return url;
}

unsigned loopback_requests(const struct loopback *server)
{
        return server->requests;
}

unsigned loopback_accepted(const struct loopback *server)
{
        return server->accepted;
}

unsigned loopback_open(const struct loopback *server)
{
        return server->open;
}

unsigned loopback_peak(const struct loopback *server)
{
        return server->peak;
}

void loopback_send(struct loopback_peer *peer, const void *data, size_t size)
{
        if (size == 0)
                return;

        if (peer->out_room - peer->out_size < size) {
                peer->out_room = 2 * peer->out_room + size;
                peer->out = realloc(peer->out, peer->out_room);
                assert_non_null(peer->out);
        }
        memcpy(peer->out + peer->out_size, data, size);
        peer->out_size += size;
        (void)sd_event_source_set_io_events(peer->source, EPOLLIN | EPOLLOUT);
}

void loopback_send_string(struct loopback_peer *peer, const char *string)
{
        loopback_send(peer, string, strlen(string));
}

void loopback_answer(struct loopback_peer *peer, const char *status, const char *headers, const void *body,
                     size_t size)
{
        char head[1024];

        int length = snprintf(head, sizeof(head), "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status,
                              headers, size);
        assert_in_range(length, 1, sizeof(head) - 1);
        loopback_send(peer, head, (size_t)length);
        loopback_send(peer, body, size);
}

void loopback_send_chunk(struct loopback_peer *peer, const void *data, size_t size)
{
        char head[32];

        (void)snprintf(head, sizeof(head), "%zx\r\n", size);
        loopback_send_string(peer, head);
        loopback_send(peer, data, size);
        loopback_send_string(peer, "\r\n");
}

void loopback_flush(struct loopback_peer *peer)
{
        while (peer->out_size > 0)
                assert_true(peer_send(peer) > 0);
}

bool loopback_is_open(const struct loopback *server, const struct loopback_peer *peer)
{
        const struct loopback_peer *at;

        TAILQ_FOREACH(at, &server->peers, link)
        if (at == peer)
                return true;
        return false;
}

void loopback_finish(struct loopback_peer *peer)
{
        peer->finish = true;
        (void)sd_event_source_set_io_events(peer->source, EPOLLIN | EPOLLOUT);
}

void loopback_reset(struct loopback_peer *peer)
{
        const struct linger linger = { .l_onoff = 1 };

        assert_int_equal(setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
        peer->out_sent = peer->out_size = 0;
        loopback_finish(peer);
}

unsigned loopback_number(const struct loopback_peer *peer)
{
        return peer->number;
}

/* ---- the loop ---- */

static time_t seconds_now(void)
{
        struct timespec now;

        assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
        return now.tv_sec;
}

void loop_until(sd_event *event, const unsigned *counter, unsigned goal)
{
        time_t limit = seconds_now() + LOOP_LIMIT_S;

        while (*counter < goal) {
                assert_true(sd_event_run(event, 1000 * 1000) >= 0);
                if (seconds_now() > limit)
                        fail_msg("%u of %u after %u s", *counter, goal, LOOP_LIMIT_S);
        }
}

void loop_settle(sd_event *event)
{
        int r;

        while ((r = sd_event_run(event, 0)) > 0)
                ;
        assert_int_equal(r, 0);
}

static int on_span_over(sd_event_source *source, uint64_t time_us, void *userdata)
{
        (void)source;
        (void)time_us;
        *(unsigned *)userdata = 1;
        return 0;
}

void loop_for(sd_event *event, uint64_t span_us)
{
        sd_event_source *timer = NULL;
        unsigned over = 0;

        assert_true(sd_event_add_time_relative(event, &timer, CLOCK_MONOTONIC, span_us, 1, on_span_over,
                                               &over) >= 0);
        loop_until(event, &over, 1);
        sd_event_source_disable_unref(timer);
}
