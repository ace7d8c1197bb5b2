/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Secrets lie in systemd credentials or in files, never in the configuration. See "CREDENTIALS" in
 * systemd.exec(5).
 */

/*
 * Reads the secret that `source` names: an absolute path, or the name of a credential in
 * $CREDENTIALS_DIRECTORY. `key` is the configuration key, for messages. One trailing newline is dropped; what
 * is left must be one line that is not empty.
 *
 * On success *ret_secret is malloc()ed, to be freed with secret_free(), and *ret_message is NULL or a
 * malloc()ed warning (others can read the file). On failure the return value is a negative errno and
 * *ret_message (NULL if there was no memory for it) says which file, what is wrong, and what to do.
 */
int credential_read(const char *key, const char *source, char **ret_secret, char **ret_message);
