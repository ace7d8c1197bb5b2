/* SPDX-License-Identifier: MIT */
#pragma once

/* Secrets are read from systemd credentials (systemd.exec(5), "CREDENTIALS") or from files. */

/*
 * Reads the secret `source`: an absolute path, or the name of a credential in $CREDENTIALS_DIRECTORY. `key`
 * is the configuration key, for messages. One trailing newline (\n or \r\n) is dropped; the rest must be one
 * line that is not empty and has no control characters.
 *
 * Returns 0 with a malloc()ed *ret_secret, to be freed with secret_free(), and a *ret_message that is NULL or
 * a malloc()ed warning (the file is world-readable). On failure returns a negative errno, *ret_secret is
 * untouched, and *ret_message is a malloc()ed error message, or NULL when out of memory.
 */
int credential_read(const char *key, const char *source, char **ret_secret, char **ret_message);
