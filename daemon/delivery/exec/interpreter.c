/* SPDX-License-Identifier: MIT */

/* What a program begins with, as the kernel reads it; see execve(2). */

#include "delivery/exec/interpreter.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/message.h"

/* BINPRM_BUF_SIZE of Linux: what it reads of a file to find out what it is. */
#define HEAD_MAX 256

#define BLANKS " \t"

static int check_interpreter(const char *path, char *line, char **ret_reason)
{
        char *name = line + strspn(line, BLANKS);
        char *end = strchr(name, '\r');

        if (end != NULL && end[1] == '\0')
                return fail_with_message(-ENOEXEC, ret_reason,
                                         "%s has Windows line endings, so its interpreter is not found "
                                         "(sed -i 's/\\r$//' %s)",
                                         path, path);
        name[strcspn(name, BLANKS)] = '\0';
        if (*name == '\0')
                return fail_with_message(-ENOEXEC, ret_reason, "%s names no interpreter after #!", path);
        if (faccessat(AT_FDCWD, name, X_OK, AT_EACCESS) < 0) {
                int r = -errno;
                return fail_with_message(r, ret_reason, "%s: its interpreter %s %s", path, name,
                                         r == -ENOENT ? "does not exist" : "cannot be executed");
        }
        return 0;
}

int interpreter_check(const char *path, char **ret_reason)
{
        char head[HEAD_MAX + 1];

        CLEANUP(cleanup_descriptor) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return 0; /* the kernel needs no read permission for a binary */
        ssize_t size = pread(fd, head, HEAD_MAX, 0);
        if (size < 0)
                return 0;
        head[size] = '\0';

        if (size >= 4 && memcmp(head, "\177ELF", 4) == 0)
                return 0;
        if (size >= 2 && memcmp(head, "#!", 2) == 0) {
                head[strcspn(head, "\n")] = '\0';
                return check_interpreter(path, head + 2, ret_reason);
        }
        if (size == 0)
                return fail_with_message(-ENOEXEC, ret_reason, "%s is empty", path);
        if (size >= 5 && memcmp(head, "\xef\xbb\xbf#!", 5) == 0)
                return fail_with_message(-ENOEXEC, ret_reason,
                                         "%s begins with a byte order mark, which hides its #! line; save it "
                                         "without one",
                                         path);
        if (memchr(head, '\0', (size_t)size) != NULL) /* a binary: binfmt_misc may have a handler for it */
                return 0;
        return fail_with_message(-ENOEXEC, ret_reason,
                                 "%s is neither a binary nor a script with an interpreter; write one such as "
                                 "#!/bin/sh on its first line",
                                 path);
}
