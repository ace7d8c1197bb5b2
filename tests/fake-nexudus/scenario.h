/* SPDX-License-Identifier: MIT */
#pragma once

#include "fake.h"

/* Reads a scenario file into the server. On -EINVAL the problem says what is wrong and where. Returns 0,
 * -EINVAL, -ENOMEM, or the error of reading the file. */
int scenario_read(struct fake *fake, const char *path, struct problem *problem);

/* Brings the throttle and the log into line with settings that have changed. Returns 0 or -ENOMEM. */
int scenario_apply_settings(struct fake *fake);
