/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Validation of text values. Each check returns NULL if the value is valid, else a static text: what is
 * wrong, and what to write instead. Their callers put the key and the value in front.
 */

/* https to any host, http to loopback only; without user, query or fragment. */
const char *check_base_url(const char *value);

/* Like check_base_url(), but a query is allowed. */
const char *check_hook_url(const char *value);

/* The name of a systemd credential, an absolute path, or "". */
const char *check_secret_file(const char *value);

/* An absolute path, or "". */
const char *check_absolute_path(const char *value);

/* A URI of PostgreSQL without a password, or "". */
const char *check_database(const char *value);

/* The name of a host, as hostname(1) prints it, or "". */
const char *check_host(const char *value);

/* An absolute path that the collector "textfile" of node_exporter reads, or "". */
const char *check_textfile(const char *value);

/* Visible ASCII, since it is sent in a header; or "". */
const char *check_client_id(const char *value);

/* The name of a unit that can be started, with specifiers. */
const char *check_unit(const char *value);

/* A command line that begins with an absolute path. */
const char *check_exec(const char *value);

/* The name of a job or hook. */
const char *check_name(const char *value);
#define CONFIG_NAME_BYTES 40
