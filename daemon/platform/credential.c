/* SPDX-License-Identifier: MIT */

/* Reads secrets from systemd credentials and files. Each message names the key and the file or credential. */

#include "platform/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/message.h"
#include "util/text.h"

/* Bytes. Tokens and passwords are much shorter. */
#define SECRET_MAX (64 * 1024)

/* What systemd passes for a missing file, too: SetCredential= in the units. */
#define EMPTY "is empty"

/* Returns 0 with a malloc()ed path, -ENOENT with a message, or -ENOMEM. */
static int path_of(const char *key, const char *source, char **ret_path, char **ret_message)
{
        const char *directory = getenv("CREDENTIALS_DIRECTORY");

        if (*source == '/')
                return (*ret_path = strdup(source)) != NULL ? 0 : -ENOMEM;

        if (directory == NULL) {
                *ret_message = format_message(
                        "%s = %s is a systemd credential, available only inside the service; to run "
                        "jobwatchd by hand, set %s to an absolute path",
                        key, source, key);
                return -ENOENT;
        }
        *ret_path = format_message("%s/%s", directory, source);
        return *ret_path != NULL ? 0 : -ENOMEM;
}

static int read_whole(int fd, char buffer[static SECRET_MAX + 1], size_t *ret_size)
{
        size_t size = 0;

        while (size <= SECRET_MAX) {
                ssize_t n = read(fd, buffer + size, SECRET_MAX + 1 - size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                size += (size_t)n;
        }
        *ret_size = size;
        return 0;
}

/* Returns NULL if the secret is valid, else what is wrong with it. */
static const char *secret_error(const char *secret, size_t size)
{
        if (size > SECRET_MAX)
                return "is larger than 64 KiB";
        if (size == 0)
                return EMPTY;
        for (size_t i = 0; i < size; i++) {
                if (secret[i] == '\n' || secret[i] == '\r')
                        return "has more than one line";
                if ((unsigned char)secret[i] < 0x20 || secret[i] == 0x7f)
                        return "contains control characters";
        }
        return NULL;
}

static char *explain_unreadable(const char *key, const char *source, const char *path, const char *error)
{
        if (*source == '/')
                return format_message("%s = %s: cannot read the file: %s", key, source, error);
        return format_message("%s = %s: cannot read %s: %s", key, source, path, error);
}

/* A credential is a read-only copy, so the message has to lead to its source. */
static char *explain_invalid(const char *key, const char *source, const char *error)
{
        bool is_shipped = strcmp(source, "nexudus.token") == 0 || strcmp(source, "nexudus.password") == 0;

        if (*source == '/')
                return format_message("%s = %s: the file %s; write only the secret to it, on one line", key,
                                      source, error);
        return format_message(
                "%s = %s: the credential %s%s; write only the secret to its file (LoadCredential=%s%s%s)",
                key, source, error, strcmp(error, EMPTY) == 0 ? " or its file is missing" : "", source,
                is_shipped ? ":/etc/jobwatchd/" : " in the unit", is_shipped ? source : "");
}

int credential_read(const char *key, const char *source, char **ret_secret, char **ret_message)
{
        CLEANUP(cleanup_free) char *path = NULL;
        CLEANUP(cleanup_descriptor) int fd = -1;
        struct stat st;
        size_t size = 0;
        int r;

        *ret_message = NULL;
        r = path_of(key, source, &path, ret_message);
        if (r < 0)
                return r;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) < 0) {
                r = -errno;
                *ret_message = explain_unreadable(key, source, path, strerror(-r));
                return r;
        }
        if (!S_ISREG(st.st_mode)) {
                *ret_message = explain_unreadable(key, source, path, "not a regular file");
                return -EINVAL;
        }

        char *buffer = calloc(1, SECRET_MAX + 2);
        if (buffer == NULL)
                return -ENOMEM;
        r = read_whole(fd, buffer, &size);
        if (r < 0) {
                *ret_message = explain_unreadable(key, source, path, strerror(-r));
        } else {
                if (size > 0 && size <= SECRET_MAX && buffer[size - 1] == '\n')
                        size--;
                if (size > 0 && size <= SECRET_MAX && buffer[size - 1] == '\r')
                        size--;
                const char *error = secret_error(buffer, size);
                if (error != NULL) {
                        *ret_message = explain_invalid(key, source, error);
                        r = -EINVAL;
                } else {
                        buffer[size] = '\0';
                        char *secret = strdup(buffer);
                        r = secret != NULL ? 0 : -ENOMEM;
                        if (secret != NULL)
                                *ret_secret = secret;
                }
        }
        explicit_bzero(buffer, SECRET_MAX + 2);
        free(buffer);

        if (r == 0 && (st.st_mode & S_IROTH))
                *ret_message = format_message(
                        "%s = %s: the file is readable by all users; run chmod 0600 on it", key, source);
        return r;
}
