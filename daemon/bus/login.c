/* SPDX-License-Identifier: MIT */

/* The argument of Login: a descriptor, which may be any, so nothing of it is believed before its seals are
 * seen. */

#include "bus/login.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus/reply.h"
#include "util/memory.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* Returns NULL, or what is wrong. The seals are the first question: only memory has them, and so answers. */
static const char *read_memory(int fd, char data[static BUS_LOGIN_BYTES_MAX], size_t *ret_size)
{
        struct stat status;
        int seals = fcntl(fd, F_GET_SEALS);

        if (seals < 0 || (seals & SEALS) != SEALS)
                return "the descriptor is not a memfd with all seals";
        if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
                return "the descriptor is not a regular file in memory";
        if (status.st_size <= 0 || status.st_size > BUS_LOGIN_BYTES_MAX)
                return "the memfd is empty or too large";
        for (*ret_size = 0; *ret_size < (size_t)status.st_size;) {
                ssize_t size =
                        pread(fd, data + *ret_size, (size_t)status.st_size - *ret_size, (off_t)*ret_size);
                if (size < 0 && errno == EINTR)
                        continue;
                if (size <= 0)
                        return "the memfd cannot be read";
                *ret_size += (size_t)size;
        }
        return NULL;
}

/* Moves *at behind the next text. NULL: there is none. */
static const char *take_text(const char **at, const char *end)
{
        const char *text = *at, *nul = text != NULL ? memchr(text, '\0', (size_t)(end - text)) : NULL;

        *at = nul != NULL ? nul + 1 : NULL;
        return nul != NULL ? text : NULL;
}

static bool split(const char *data, size_t size, struct bus_login *ret_login)
{
        const char *at = data, *end = data + size;
        const char *username = take_text(&at, end), *password = take_text(&at, end),
                   *code = take_text(&at, end);

        if (username == NULL || password == NULL || code == NULL)
                return false;
        *ret_login = (struct bus_login){
                .username = username,
                .password = password,
                .code = *code != '\0' ? code : NULL,
        };
        return at == end && *username != '\0' && *password != '\0';
}

int bus_read_login(struct bus_call *call)
{
        const char *wrong = "the descriptor cannot be read";
        size_t size = 0;
        int fd = -1;

        call->secret = memory_need(calloc(1, BUS_LOGIN_BYTES_MAX));
        if (sd_bus_message_read_basic(call->message, SD_BUS_TYPE_UNIX_FD, &fd) >= 0)
                wrong = read_memory(fd, call->secret, &size);
        if (wrong == NULL && !split(call->secret, size, &call->arguments.login))
                wrong = "the memfd does not have a user name, a password and a code";
        if (wrong == NULL)
                return 0;
        bus_call_fail(call, BUS_INVALID_ARGUMENTS, "%s", wrong);
        return -EINVAL;
}
