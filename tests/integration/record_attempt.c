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
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

static char path[PATH_MAX];

static const char *path_of(const char *name, const char *suffix)
{
        if (snprintf(path, sizeof(path), "%s.%s", name, suffix) >= (int)sizeof(path))
                errx(EXIT_FAILURE, "%s: the name is too long", name);
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

int main(int argc, char *argv[])
{
        const char *name = argc > 0 ? argv[0] : "";
        const char *attempt = getenv("JOBWATCH_ATTEMPT");
        bool failed = fails(name);
        char *document = NULL;
        size_t room = 0;

        ssize_t size = getdelim(&document, &room, '\0', stdin); /* to its end */
        if (size > 0 && document[size - 1] == '\n')
                size--;

        /* A long line may be written in pieces, between which another program must not write. */
        FILE *file = fopen(path_of(name, "attempts"), "ae");
        if (file == NULL || flock(fileno(file), LOCK_EX) < 0)
                err(EXIT_FAILURE, "%s", path);
        (void)fprintf(file, "%s %s %.*s\n", failed ? "fail" : "ok", attempt != NULL ? attempt : "",
                      size > 0 ? (int)size : 0, document);
        free(document);
        if (fclose(file) != 0)
                err(EXIT_FAILURE, "%s", path);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
