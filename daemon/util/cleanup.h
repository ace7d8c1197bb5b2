/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Scope-bound cleanup, by the cleanup attribute that gcc and clang share.
 *
 * A variable declared CLEANUP(function) has function(&variable) called when it leaves its scope. What is to
 * outlive the scope is taken out with STEAL_POINTER() or STEAL_DESCRIPTOR(), which leave NULL or -1 behind.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(function) __attribute__((cleanup(function)))

#define STEAL_POINTER(pointer)                                                                               \
        __extension__({                                                                                      \
                __typeof__(pointer) stolen_ = (pointer);                                                     \
                (pointer) = NULL;                                                                            \
                stolen_;                                                                                     \
        })

#define STEAL_DESCRIPTOR(descriptor)                                                                         \
        __extension__({                                                                                      \
                int stolen_ = (descriptor);                                                                  \
                (descriptor) = -1;                                                                           \
                stolen_;                                                                                     \
        })

/* Defines cleanup_NAME(type **), which calls a NAME(type *) that takes NULL. */
#define DEFINE_CLEANUP(type, function)                                                                       \
        static inline void cleanup_##function(type **pointer)                                                \
        {                                                                                                    \
                (void)function(*pointer);                                                                    \
        }

/* For malloc()ed memory of any type: CLEANUP(cleanup_free) char *text = NULL; */
static inline void cleanup_free(void *pointer)
{
        free(*(void **)pointer);
}

static inline void cleanup_descriptor(const int *descriptor)
{
        if (*descriptor >= 0)
                close(*descriptor);
}

static inline void cleanup_file(FILE **file)
{
        if (*file != NULL)
                (void)fclose(*file);
}
