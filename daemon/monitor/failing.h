/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "journal/journal.h"
#include "model/failure.h"

/*
 * Logs which jobs start to fail and which recover: one line a job, or, if more than five do in the same class
 * of failure within a minute, one line with their number. So lines are held back for a few seconds.
 */
struct failing_log;

/* Event loop and journal are borrowed. */
struct failing_log *failing_log_new(sd_event *event, struct journal *journal);

/* Lines that are held back are logged. Takes NULL, returns NULL. */
struct failing_log *failing_log_free(struct failing_log *log);

/* A job has failed for the second time in a row. `name` may be NULL; all texts are copied. */
void failing_log_start(struct failing_log *log, uint64_t job_id, const char *name, enum failure failure,
                       const char *explanation);

/* A job for which failing_log_start() was called has succeeded. */
void failing_log_end(struct failing_log *log, uint64_t job_id, const char *name);
