/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Gives memory that the C library keeps as free back to the system, where much was used for a short time:
 * after the start, after a reload, and after many events.
 */
struct heap_trim;
struct parts;

/* The parts are borrowed. */
struct heap_trim *heap_trim_new(const struct parts *parts);

/* Much memory was used. What of it is free is given back when the loop has nothing to do. Accepts NULL. */
void heap_trim_request(struct heap_trim *trim);

/* Accepts NULL, returns NULL. */
struct heap_trim *heap_trim_free(struct heap_trim *trim);
