/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/config.h"

/*
 * What a reload has changed: "4 jobs (1 added: 87654323 (members-import); 1 removed: 87654321), 3 hooks". Up
 * to ten of each are named. malloc()ed. When memory runs out, the process ends.
 */
char *config_changes_text(const struct config *old, const struct config *new);
