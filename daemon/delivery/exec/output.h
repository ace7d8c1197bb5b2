/* SPDX-License-Identifier: MIT */
#pragma once

#include "delivery/hook.h"

/*
 * What the program of an exec hook prints: read from a pipe and logged line by line, with the fields of its
 * delivery. A line of more than 4 KiB is split. After 1 MiB of an attempt a message is logged, and the rest
 * is read and discarded, so that the program does not block.
 *
 * As in sd-daemon(3), a prefix such as "<3>" is the priority of a line; it is info otherwise. Blanks at the
 * end of a line and empty lines are dropped.
 */
struct output;

/*
 * The outputs of programs that have ended while processes that they have left behind keep the pipe open. If
 * there are more than OUTPUTS_MAX, the oldest is closed, which is logged.
 */
struct outputs;
#define OUTPUTS_MAX 64

struct outputs *outputs_new(void);
struct outputs *outputs_free(struct outputs *outputs);

/*
 * Starts reading `fd`, a pipe that does not block. The descriptor is taken over, even after an error; of the
 * attempt, copies are made. context->outputs must not be NULL. Returns 0 or a negative errno.
 */
int output_new(const struct hook_context *context, const struct hook_attempt *attempt, int fd,
               struct output **ret_output);

/* The program has ended: logs what the pipe contains, and goes on reading in context->outputs until it is
 * closed. Accepts NULL, returns NULL. */
struct output *output_end(struct output *output);

/* Closes the pipe. Accepts NULL, returns NULL. */
struct output *output_free(struct output *output);
