/* SPDX-License-Identifier: MIT */

/*
 * Names in directories. A file whose name is removed or taken by another goes to the directory `saved` until
 * its old directory is synced, so that it can come back.
 *
 * Changes of the same names are kept in order, others are not.
 */

#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cache.h"
#include "fate.h"

#define CHANGES_MAX 4096

struct name_change {
        uint64_t number;
        char *path;   /* that was made or removed, or is the new name */
        char *from;   /* the old name; NULL: it was not renamed */
        char *saved;  /* what the path was before; NULL: nothing */
        bool removed; /* nothing has the path now */
};

static struct name_change changes[CHANGES_MAX];
static size_t count;
static char saved_directory[PATH_MAX];
static unsigned saved_count;

static int move(const char *from, const char *to)
{
        return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static bool exists(const char *path)
{
        struct stat status;

        return lstat(path, &status) == 0;
}

static char *copy(const char *path)
{
        char *copied = strdup(path);

        if (copied == NULL)
                abort();
        return copied;
}

static void forget(struct name_change *change)
{
        if (change->saved != NULL && syscall(SYS_unlinkat, AT_FDCWD, change->saved, 0) < 0)
                (void)syscall(SYS_unlinkat, AT_FDCWD, change->saved, AT_REMOVEDIR);
        free(change->path);
        free(change->from);
        free(change->saved);
}

void names_begin(const char *saved)
{
        while (count > 0)
                forget(&changes[--count]);
        (void)snprintf(saved_directory, sizeof(saved_directory), "%s", saved);
}

static struct name_change *add(const char *path)
{
        if (count == CHANGES_MAX)
                abort();
        changes[count] = (struct name_change){ .number = fate_next_number(), .path = copy(path) };
        return &changes[count++];
}

/* Moves what has the path away. */
static int save(struct name_change *change)
{
        char saved[PATH_MAX + 16];

        (void)snprintf(saved, sizeof(saved), "%s/%u", saved_directory, ++saved_count);
        int r = move(change->path, saved);
        if (r == 0)
                change->saved = copy(saved);
        return r;
}

void cache_note_made(const char *path)
{
        (void)add(path);
}

int cache_remove(const char *path)
{
        struct name_change *change = add(path);

        change->removed = true;
        int r = save(change);
        if (r < 0) {
                int error = errno;
                forget(&changes[--count]);
                errno = error;
        }
        return r;
}

int cache_rename(const char *from, const char *to)
{
        struct name_change *change = add(to);

        change->from = copy(from);
        if (exists(to) && save(change) < 0)
                abort();
        return move(from, to);
}

static bool is_in(const char *path, const char *directory)
{
        size_t length = strlen(directory);

        return strncmp(path, directory, length) == 0 && path[length] == '/' &&
               strchr(path + length + 1, '/') == NULL;
}

void cache_sync_directory(const char *directory)
{
        size_t kept = 0;

        for (size_t i = 0; i < count; i++)
                if (is_in(changes[i].path, directory))
                        forget(&changes[i]);
                else
                        changes[kept++] = changes[i];
        count = kept;
}

/* ---- losing ---- */

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
        (void)status;
        (void)place;
        return (int)syscall(SYS_unlinkat, AT_FDCWD, path, kind == FTW_DP ? AT_REMOVEDIR : 0);
}

void names_remove(const char *path)
{
        (void)nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void undo(struct name_change *change)
{
        if (change->from != NULL)
                (void)move(change->path, change->from);
        else if (!change->removed) /* a directory with all that was in it */
                names_remove(change->path);
        if (change->saved != NULL)
                (void)move(change->saved, change->path);
        free(change->saved);
        change->saved = NULL;
}

static bool is_same(const char *left, const char *right)
{
        return left != NULL && right != NULL && strcmp(left, right) == 0;
}

static bool depend(const struct name_change *left, const struct name_change *right)
{
        return is_same(left->path, right->path) || is_same(left->path, right->from) ||
               is_same(left->from, right->path) || is_same(left->from, right->from);
}

/* The first change that is lost, for each: the same for changes that depend on each other. */
static void draw_first_lost(uint64_t first_lost[])
{
        for (size_t i = 0; i < count; i++) {
                size_t before = 0;

                while (before < i && !depend(&changes[before], &changes[i]))
                        before++;
                first_lost[i] = before < i ? first_lost[before] : fate_first_lost();
        }
}

void names_lose(void)
{
        static uint64_t first_lost[CHANGES_MAX];

        draw_first_lost(first_lost);
        for (size_t i = count; i-- > 0;)
                if (changes[i].number >= first_lost[i])
                        undo(&changes[i]);
        while (count > 0)
                forget(&changes[--count]);
}

static void (*each)(const char *path);

static int call_for_file(const char *path, const struct stat *status, int kind, struct FTW *place)
{
        (void)status;
        (void)place;
        if (kind == FTW_F)
                each(path);
        return 0;
}

void names_each(const char *directory, void (*handler)(const char *path))
{
        each = handler;
        (void)nftw(directory, call_for_file, 8, FTW_PHYS);
}
