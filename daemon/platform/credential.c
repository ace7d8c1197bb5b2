/* SPDX-License-Identifier: MIT */

/* Where secrets come from. Everything that can be wrong with such a file is told with the file's name. */

#include "platform/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/message.h"
#include "util/text.h"

/* Far more than any token; a file that is larger is something else. */
#define SECRET_MAX (64 * 1024)

/* Returns 0 with the path, or -ENOENT with a message, or -ENOMEM. */
static int path_of(const char *key, const char *source, char **ret_path, char **ret_message)
{
        const char *directory = getenv("CREDENTIALS_DIRECTORY");

        if (*source == '/')
                return (*ret_path = strdup(source)) != NULL ? 0 : -ENOMEM;

        if (directory == NULL) {
                *ret_message = format_message(
                        "%s = %s names a systemd credential, but none were passed to this process; add "
                        "LoadCredential=%s:/path/of/the/file to the unit, or write the absolute path of "
                        "a file instead",
                        key, source, source);
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

/* NULL if the secret is usable as one line of a header, else what is wrong with it. */
static const char *flaw_of(const char *secret, size_t size)
{
        if (size > SECRET_MAX)
                return "is larger than any secret";
        if (size == 0)
                return "is empty";
        for (size_t i = 0; i < size; i++) {
                if (secret[i] == '\n' || secret[i] == '\r')
                        return "holds more than one line";
                if ((unsigned char)secret[i] < 0x20 || secret[i] == 0x7f)
                        return "holds control characters";
        }
        return NULL;
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
                *ret_message =
                        format_message("cannot read %s (%s = %s): %s", path, key, source, strerror(-r));
                return r;
        }
        if (!S_ISREG(st.st_mode)) {
                *ret_message =
                        format_message("cannot read %s (%s = %s): it is no regular file", path, key, source);
                return -EINVAL;
        }

        char *buffer = calloc(1, SECRET_MAX + 2);
        if (buffer == NULL)
                return -ENOMEM;
        r = read_whole(fd, buffer, &size);
        if (r < 0) {
                *ret_message =
                        format_message("cannot read %s (%s = %s): %s", path, key, source, strerror(-r));
        } else {
                if (size > 0 && size <= SECRET_MAX && buffer[size - 1] == '\n')
                        size--;
                if (size > 0 && size <= SECRET_MAX && buffer[size - 1] == '\r')
                        size--;
                const char *flaw = flaw_of(buffer, size);
                if (flaw != NULL) {
                        *ret_message =
                                format_message("%s (%s = %s) %s; write the secret alone on one line into it",
                                               path, key, source, flaw);
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
                        "%s (%s = %s) can be read by every user of this machine; chmod 0600 it", path, key,
                        source);
        return r;
}
