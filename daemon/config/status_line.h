/* SPDX-License-Identifier: MIT */
#pragma once

#include "util/text.h"

/*
 * A line for the section [status] that makes every job with this Status count as succeeded: `success += "X"`.
 * It works as it stands, whatever the Status contains. A Status longer than 1000 bytes is matched by its
 * start. `status` must not be null. The caller frees the line.
 */
char *status_line_write(const struct text *status);
