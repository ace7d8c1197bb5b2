/* SPDX-License-Identifier: MIT */

/*
 * Descendants are found through /proc/PID/task/TID/children. It also lists processes that are not dumpable,
 * which ProtectProc=invisible hides everywhere else. All are collected before the first one gets a signal:
 * a process that has died no longer leads to its children.
 */

#include "descendants.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

/* "/proc/", a PID, "/task/", a TID, "/children" */
#define PATH_SIZE 64

struct processes {
        pid_t *pids;
        size_t count, room;
};

/* Without memory the process is missed. */
static void add(struct processes *found, pid_t pid)
{
        if (pid <= 0)
                return;
        if (found->count == found->room) {
                size_t room = found->room > 0 ? 2 * found->room : 64;
                pid_t *pids = reallocarray(found->pids, room, sizeof(*pids));

                if (pids == NULL)
                        return;
                found->pids = pids;
                found->room = room;
        }
        found->pids[found->count++] = pid;
}

static void add_children_of_thread(struct processes *found, pid_t pid, const char *thread)
{
        char path[PATH_SIZE];
        char *word = NULL;
        size_t size = 0;
        FILE *file;

        if (snprintf(path, sizeof(path), "/proc/%d/task/%s/children", (int)pid, thread) >= (int)sizeof(path))
                return;
        file = fopen(path, "re");
        if (file == NULL)
                return;
        while (getdelim(&word, &size, ' ', file) > 0)
                add(found, (pid_t)strtol(word, NULL, 10));
        free(word);
        (void)fclose(file);
}

/* A process that is gone has none. */
static void add_children(struct processes *found, pid_t pid)
{
        char path[PATH_SIZE];
        struct dirent *entry;
        DIR *threads;

        (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
        threads = opendir(path);
        if (threads == NULL)
                return;
        while ((entry = readdir(threads)) != NULL)
                if (entry->d_name[0] != '.')
                        add_children_of_thread(found, pid, entry->d_name);
        (void)closedir(threads);
}

void descendants_signal(int number)
{
        struct processes found = { .pids = NULL };

        add_children(&found, getpid());
        for (size_t i = 0; i < found.count; i++)
                add_children(&found, found.pids[i]);
        for (size_t i = 0; i < found.count; i++)
                (void)kill(found.pids[i], number);
        free(found.pids);
}
