/* SPDX-License-Identifier: MIT */
#pragma once

#include "state/sqlite/database.h"

/*
 * Opens the connection, configures it, checks the file and migrates its schema. *ret_message as in file.h.
 */
int store_schema_open(struct store *store, const char *path, char **ret_message);
