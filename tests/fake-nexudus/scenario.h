/* SPDX-License-Identifier: MIT */
#pragma once

#include "fake.h"

/*
 * Reads a scenario file into the server. Returns 0, -EINVAL with the problem and its line, -ENOMEM, or the
 * error of reading the file.
 */
int scenario_read(struct fake *fake, const char *path, struct problem *problem);

/*
 * Adds the jobs of [job ID] and [jobs FIRST-LAST] sections, whose times count from now. Those before an
 * invalid line are added. Returns 0, -EINVAL with the problem and its line, or -ENOMEM.
 */
int scenario_add_jobs(struct fake *fake, const char *text, size_t size, struct problem *problem);

/* Applies changed settings to the throttle, the log and the jobs. Returns 0 or -ENOMEM. */
int scenario_apply_settings(struct fake *fake);
