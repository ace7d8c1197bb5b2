/* SPDX-License-Identifier: MIT */

/*
 * The program of an exec hook that records its attempts; a program of its own, since to start a process takes
 * most of the time of many tests. Installed as NAME, it appends a line to NAME.attempts:
 *
 *     ok|fail ATTEMPT DOCUMENT
 *
 * If there is a file NAME.moody, one attempt in four fails, until there is a file NAME.calm.
 */

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

static char *path_of(const char *name, const char *suffix)
{
        char *path = NULL;

        if (asprintf(&path, "%s.%s", name, suffix) < 0)
                err(EXIT_FAILURE, "%s", name);
        return path;
}

static bool is_there(const char *name, const char *suffix)
{
        return access(path_of(name, suffix), F_OK) == 0;
}

static bool fails(const char *name)
{
        unsigned char chance = 0;

        if (!is_there(name, "moody") || is_there(name, "calm"))
                return false;
        return getrandom(&chance, sizeof(chance), 0) == sizeof(chance) && chance < 64;
}

/* The document without its newline at the end, after `begin`. */
static char *read_line(const char *begin, size_t *ret_size)
{
        size_t size = strlen(begin), room = 64 * 1024;
        char *line = malloc(room);
        ssize_t n = 1;

        if (line != NULL)
                memcpy(line, begin, size);
        while (line != NULL && n > 0) {
                if (room - size < 2)
                        line = realloc(line, room *= 2);
                if (line != NULL && (n = read(STDIN_FILENO, line + size, room - size - 1)) > 0)
                        size += (size_t)n;
        }
        if (line == NULL || n < 0)
                err(EXIT_FAILURE, "standard input");
        if (line[size - 1] != '\n')
                line[size++] = '\n';
        *ret_size = size;
        return line;
}

int main(int argc, char *argv[])
{
        const char *name = argc > 0 ? argv[0] : "";
        const char *attempt = getenv("JOBWATCH_ATTEMPT");
        bool failed = fails(name);
        char begin[64];
        size_t size;

        (void)snprintf(begin, sizeof(begin), "%s %s ", failed ? "fail" : "ok",
                       attempt != NULL ? attempt : "");
        const char *line = read_line(begin, &size);

        /* A long line may be written in pieces, between which another program must not write. */
        int fd = open(path_of(name, "attempts"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0 || flock(fd, LOCK_EX) < 0)
                err(EXIT_FAILURE, "%s.attempts", name);
        while (size > 0) {
                ssize_t n = write(fd, line, size);
                if (n < 0 && errno != EINTR)
                        err(EXIT_FAILURE, "%s.attempts", name);
                if (n > 0) {
                        line += n;
                        size -= (size_t)n;
                }
        }
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
