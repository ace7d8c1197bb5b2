/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/config.h"

/* Where the active host stores its own: a key of store_put_value(). */
#define CONFIG_DIGEST_KEY "configuration"

/*
 * What hosts that share a state compare of their configurations: a line for each setting, without its value.
 * Left out is what belongs to a host: files, its state directory, the log. All jobs are one line. malloc()ed.
 */
char *config_digest(const struct config *config);

/*
 * The names of the settings that differ, of two of these: "[poll] interval, [hook mail] exec", ten at most.
 * malloc()ed; NULL: none do.
 */
char *config_difference(const char *ours, const char *theirs);
