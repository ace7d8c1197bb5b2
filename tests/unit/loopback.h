/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

/*
 * A small HTTP server on a loopback port chosen by the kernel, run by the same event loop as the client under
 * test, so there is no thread and no process. A function of the test supplies the responses, byte for byte.
 * Include after cmocka.h: any error in here fails the test.
 */
struct loopback;
struct loopback_peer; /* a connection */

/*
 * A complete request was received: `head` is its lines without the empty one, NUL-terminated. To be answered
 * with the functions below, now or later; the peer exists until the client closes the connection or
 * loopback_finish() does.
 */
typedef void (*loopback_handler)(struct loopback_peer *peer, const char *head, const char *body,
                                 void *userdata);

struct loopback *loopback_new(sd_event *event, loopback_handler handler, void *userdata);
struct loopback *loopback_free(struct loopback *server);

/* "http://127.0.0.1:PORT" and the path; static memory, valid until the next call. */
const char *loopback_url(const struct loopback *server, const char *path);

/* Counters. */
unsigned loopback_requests(const struct loopback *server);
unsigned loopback_accepted(const struct loopback *server); /* connections */
unsigned loopback_open(const struct loopback *server);     /* of them open now */
unsigned loopback_peak(const struct loopback *server);     /* of them open at a time, at most */

/* Sends bytes. */
void loopback_send(struct loopback_peer *peer, const void *data, size_t size);
void loopback_send_string(struct loopback_peer *peer, const char *string);

/* Sends a response with Content-Length; `headers` are complete lines with \r\n, or "". */
void loopback_answer(struct loopback_peer *peer, const char *status, const char *headers, const void *body,
                     size_t size);

/* Sends a chunk of a chunked body. */
void loopback_send_chunk(struct loopback_peer *peer, const void *data, size_t size);

/* Sends now what the functions above have queued, which otherwise takes an iteration of the loop. */
void loopback_flush(struct loopback_peer *peer);

/* Whether the connection is open. Accepts a peer that no longer exists. */
bool loopback_is_open(const struct loopback *server, const struct loopback_peer *peer);

/* Closes the connection once everything is sent. */
void loopback_finish(struct loopback_peer *peer);

/* Resets the connection at once; what was not sent is lost. */
void loopback_reset(struct loopback_peer *peer);

/* The number of the connection in the order of acceptance, from 1. */
unsigned loopback_number(const struct loopback_peer *peer);

/* Returns a socket that occupies a loopback port without listening. */
int loopback_dead_port(uint16_t *ret_port);

/* Runs the loop until *counter has reached `goal`; fails the test after a minute. */
void loop_until(sd_event *event, const unsigned *counter, unsigned goal);

/* Runs the loop until no event is pending. */
void loop_settle(sd_event *event);

/* Runs the loop for this time, in microseconds. */
void loop_for(sd_event *event, uint64_t span_us);
