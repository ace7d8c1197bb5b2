/* SPDX-License-Identifier: MIT */
#pragma once

#include "fake.h"

/*
 * Reads a scenario file into the server. Returns 0, -EINVAL with the problem and its line, -ENOMEM, or the
 * error of reading the file.
 */
int scenario_read(struct fake *fake, const char *path, struct problem *problem);

/* Applies changed settings to the throttle and the log. Returns 0 or -ENOMEM. */
int scenario_apply_settings(struct fake *fake);
