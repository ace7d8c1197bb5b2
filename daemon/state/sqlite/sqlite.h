/* SPDX-License-Identifier: MIT */
#pragma once

#include "state/store.h"

/* As store_open(): a store in a file in the directory. */
int sqlite_open(const char *directory, char **ret_message, struct store **ret_store);
