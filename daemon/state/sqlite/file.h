/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The state directory, its lock and the database file, before SQLite opens it. On failure *ret_message is a
 * malloc()ed text for the user.
 */

#define STATE_FILE_NAME "jobwatchd.db"

#define STATE_APPLICATION_ID "0x4a4f4257" /* "JOBW": of the database header */

/* Creates the directory if it is missing. *ret_directory is its absolute path, malloc()ed. */
int state_directory_open(const char *directory, char **ret_message, char **ret_directory);

/* Locks the directory until the descriptor *ret_lock is closed or the process ends. */
int state_directory_lock(const char *directory, char **ret_message, int *ret_lock);

/*
 * Checks that `path` is an empty file or a database of this program, without writing to it; creates it if it
 * is missing, and sets its mode to 0600.
 */
int state_file_prepare(const char *directory, const char *path, char **ret_message);
