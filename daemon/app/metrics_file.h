/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The file of [metrics] textfile: all metrics, written every 15 s by a thread of its own, since its disk may
 * not respond. Whoever reads it never sees a part of one.
 */
struct metrics_file;
struct parts;

/* The parts are borrowed. */
struct metrics_file *metrics_file_new(const struct parts *parts);

/* The configuration in effect was replaced: another file may be wanted, or none. Accepts NULL. */
void metrics_file_update(struct metrics_file *file);

/* Writes no more, and removes the file. Accepts NULL. */
void metrics_file_stop(struct metrics_file *file);

/*
 * Waits a moment until that is done. If the disk does not respond, the thread is left to the end of the
 * process. Accepts NULL, returns NULL.
 */
struct metrics_file *metrics_file_free(struct metrics_file *file);
