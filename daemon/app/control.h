/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/*
 * The D-Bus API of the daemon: answers what clients ask by what is in memory and in the state, and carries
 * out what they want. Nothing of it waits: what has to be read or written is an operation of the state.
 */
struct control;
struct parts;

/* Connects later, from the loop. The parts are borrowed. */
struct control *control_new(const struct parts *parts);

/* Whether clients can call, or it is known that they cannot. */
bool control_is_settled(const struct control *control);

/*
 * Other jobs are watched than before, by a reload or a call: tells clients, who may wait for a job that is
 * not watched any more. Accepts NULL.
 */
void control_tell_jobs_changed(struct control *control);

/* Takes no more calls. Those in progress are completed when their operations of the state are. */
void control_stop(struct control *control);

/* Nothing that it waits for exists any more: operations of the state, and the monitor. Accepts NULL, returns
 * NULL. */
struct control *control_free(struct control *control);
