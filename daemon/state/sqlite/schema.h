/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "state/sqlite/database.h"

/*
 * Opens the connection, configures it, checks the file and migrates its schema. `fresh`: the file has no
 * schema yet. *ret_message as in file.h.
 */
int store_schema_open(struct store *store, const char *path, bool fresh, char **ret_message);
