/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/*
 * Checks of values that are kept as text. Each returns NULL if the value is right, else a static text that
 * says what is wrong and what to write, fit to stand behind a colon.
 */

/* https to anywhere, http to loopback only; no user, query or fragment. */
const char *check_base_url(const char *value);

/* The same, but a query is allowed. */
const char *check_hook_url(const char *value);

/* Names of a credential, or absolute path; "" is right. */
const char *check_secret_file(const char *value);

/* "" is right. */
const char *check_absolute_path(const char *value);

/* Goes into a header: visible ASCII, or nothing. */
const char *check_client_id(const char *value);

const char *check_unit(const char *value);
const char *check_exec(const char *value);

/* Names of jobs and hooks. */
const char *check_name(const char *value);
#define CONFIG_NAME_BYTES 40
