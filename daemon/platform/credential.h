/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum credential_form {
        CREDENTIAL_LINE,  /* one line, such as a password */
        CREDENTIAL_WORD,  /* one line without blanks, quotes or "Bearer ", such as a token, a key or a URL */
        CREDENTIAL_LINES, /* one or more lines, such as HTTP headers */
};

/*
 * Secrets that the configuration names. An absolute path is a file. Anything else is the name of a systemd
 * credential (systemd.exec(5), "CREDENTIALS"): under systemd it is read from $CREDENTIALS_DIRECTORY; without
 * that variable, from the file that the units pass as this credential. That file is beside the configuration
 * file DIR/NAME.ini: DIR/NAME.token for nexudus.token and DIR/NAME.password for nexudus.password (with
 * jobwatchd.ini DIR/nexudus.token and DIR/nexudus.password), DIR/CREDENTIAL for any other name.
 */

/* Borrowed strings. */
struct credential {
        const char *key;         /* of the configuration, for messages */
        const char *source;      /* its value: an absolute path or a name; not empty */
        const char *config_path; /* the main configuration file */
        enum credential_form form;
};

/*
 * Reads a secret. One trailing newline (\n or \r\n) is dropped. The text is not empty, has the given form,
 * and contains no byte order mark and no control characters; with CREDENTIAL_LINES each line ends in \n, and
 * the last one without.
 *
 * Returns 0 with a malloc()ed *ret_secret, to be freed with secret_free(), and a *ret_message that is NULL or
 * a malloc()ed warning (all users can read the file). On failure returns a negative errno, *ret_secret is
 * untouched, and *ret_message is a malloc()ed error message. Messages name the
 * file to create or to correct, never its copy in $CREDENTIALS_DIRECTORY. They neither begin with a location
 * nor end in a full stop.
 */
int credential_read(const struct credential *credential, char **ret_secret, char **ret_message);

/*
 * The file to create or to correct, malloc()ed. For a name it is the one described
 * above, also under systemd.
 */
char *credential_file(const char *source, const char *config_path);

/* Whether `source` is a name and systemd passes credentials: changed files take effect at a restart only. */
bool credential_is_passed(const char *source);

/*
 * The unit to restart, malloc()ed. That of this process if systemd passed
 * credentials to it, otherwise the one that uses this configuration file.
 */
char *credential_unit(const char *config_path);
