/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

/*
 * A small HTTP server on a loopback port of the kernel's choice, run by the same event loop as the client
 * that is tested: no thread, no process, nothing left behind. What it answers is up to a function of the
 * test, byte for byte. Include after cmocka.h: whatever goes wrong here fails the test.
 */
struct loopback;
struct loopback_peer; /* a connection */

/*
 * A whole request has come: `head` is its lines up to and without the empty one, NUL-terminated. To be
 * answered with the functions below, now or later; the peer lives until the client or loopback_finish() ends
 * it.
 */
typedef void (*loopback_handler)(struct loopback_peer *peer, const char *head, const char *body,
                                 void *userdata);

struct loopback *loopback_new(sd_event *event, loopback_handler handler, void *userdata);
struct loopback *loopback_free(struct loopback *server);

/* "http://127.0.0.1:PORT" and the path; static memory, valid until the next call. */
const char *loopback_url(const struct loopback *server, const char *path);

/* Figures so far. */
unsigned loopback_requests(const struct loopback *server);
unsigned loopback_accepted(const struct loopback *server); /* connections */
unsigned loopback_open(const struct loopback *server);     /* of them now */
unsigned loopback_peak(const struct loopback *server);     /* of them at a time */

/* Sends bytes as they are. */
void loopback_send(struct loopback_peer *peer, const void *data, size_t size);
void loopback_send_string(struct loopback_peer *peer, const char *string);

/* Sends a whole answer with Content-Length; `headers` are whole lines with \r\n, or "". */
void loopback_answer(struct loopback_peer *peer, const char *status, const char *headers, const void *body,
                     size_t size);

/* Sends a piece of a chunked body. */
void loopback_send_chunk(struct loopback_peer *peer, const void *data, size_t size);

/* Sends now what the functions above have queued, which otherwise takes an iteration of the loop. */
void loopback_flush(struct loopback_peer *peer);

/* Whether the connection is open. Accepts a peer that no longer exists. */
bool loopback_is_open(const struct loopback *server, const struct loopback_peer *peer);

/* Closes the connection once everything is sent. */
void loopback_finish(struct loopback_peer *peer);

/* A loopback port at which nobody listens, and which nobody else gets until the descriptor is closed. */
int loopback_dead_port(uint16_t *ret_port);

/* Runs the loop until *counter has reached `goal`; fails the test when it takes absurdly long. */
void loop_until(sd_event *event, const unsigned *counter, unsigned goal);

/* Runs the loop as long as there is something to do at once. */
void loop_settle(sd_event *event);
