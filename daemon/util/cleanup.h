/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Scope-bound cleanup with the cleanup attribute of gcc and clang.
 *
 * For a variable declared CLEANUP(function), function(&variable) is called at the end of its scope.
 * STEAL_POINTER() and STEAL_DESCRIPTOR() return its value and set it to NULL or -1, so that the value
 * outlives the scope.
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

/* Defines cleanup_FUNCTION(type **), which calls FUNCTION(type *); FUNCTION accepts NULL. */
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
