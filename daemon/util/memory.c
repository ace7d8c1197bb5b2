/* SPDX-License-Identifier: MIT */

/* The end of the process when memory runs out. Neither the message nor the exit allocates. */

#include "util/memory.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sysexits.h>
#include <unistd.h>

void memory_exhausted(void)
{
        char message[] = ": out of memory\n";
        const struct iovec line[] = {
                /* written at once, since other threads write too */
                { program_invocation_short_name, strlen(program_invocation_short_name) },
                { message, strlen(message) },
        };

        if (writev(STDERR_FILENO, line, 2) < 0)
                _exit(EX_OSERR);
        _exit(EX_SOFTWARE);
}

void *memory_need(void *block)
{
        if (block == NULL)
                memory_exhausted();
        return block;
}

void memory_free_wiping(void *block)
{
        if (block != NULL)
                explicit_bzero(block, malloc_usable_size(block));
        free(block);
}

void *memory_realloc_wiping(void *block, size_t size)
{
        size_t before = block != NULL ? malloc_usable_size(block) : 0;
        void *other = malloc(size > 0 ? size : 1);

        if (other == NULL)
                return NULL;
        if (block != NULL)
                memcpy(other, block, size < before ? size : before);
        memory_free_wiping(block);
        return other;
}

void *memory_malloc(void *unused, size_t size)
{
        return memory_realloc(unused, NULL, size);
}

void *memory_realloc(void *unused, void *block, size_t size)
{
        (void)unused;
        return memory_need(realloc(block, size > 0 ? size : 1));
}

void memory_free(void *unused, void *block)
{
        (void)unused;
        free(block);
}
