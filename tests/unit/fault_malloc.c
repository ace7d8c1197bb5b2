/* SPDX-License-Identifier: MIT */

/*
 * Allocations that fail on request. The linker redirects each call of an allocating function here (--wrap);
 * the real one is called under its other name, so sanitizers check all allocations.
 */

#include "fault_malloc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned left;
static bool armed, failing, reached;

void fault_malloc_arm(unsigned nth, bool stays)
{
        left = nth;
        failing = stays;
        reached = false;
        armed = true;
}

bool fault_malloc_disarm(void)
{
        armed = false;
        return reached;
}

bool fault_malloc_hit(void)
{
        if (!armed)
                return false;
        if (left > 0 && --left > 0)
                return false;
        if (reached && !failing)
                return false;
        reached = true;
        errno = ENOMEM;
        return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *pointer, size_t size);
char *__real_strdup(const char *string);
char *__real_strndup(const char *string, size_t size);
int __real_vasprintf(char **ret_string, const char *format, va_list arguments)
        __attribute__((format(printf, 2, 0)));

/* The names of both under _FORTIFY_SOURCE. */
int __real___vasprintf_chk(char **ret_string, int flag, const char *format, va_list arguments)
        __attribute__((format(printf, 3, 0)));
int __wrap___vasprintf_chk(char **ret_string, int flag, const char *format, va_list arguments)
        __attribute__((format(printf, 3, 0)));
int __wrap___asprintf_chk(char **ret_string, int flag, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *pointer, size_t size);
void *__wrap_memory_malloc(void *unused, size_t size);
void *__wrap_memory_realloc(void *unused, void *pointer, size_t size);
char *__wrap_strdup(const char *string);
char *__wrap_strndup(const char *string, size_t size);
int __wrap_vasprintf(char **ret_string, const char *format, va_list arguments)
        __attribute__((format(printf, 2, 0)));
int __wrap_asprintf(char **ret_string, const char *format, ...) __attribute__((format(printf, 2, 3)));

void *__wrap_malloc(size_t size)
{
        return fault_malloc_hit() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
        return fault_malloc_hit() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *pointer, size_t size)
{
        return fault_malloc_hit() ? NULL : __real_realloc(pointer, size);
}

/* Those of memory.h end the process when they fail: they are not failed. */

void *__wrap_memory_malloc(void *unused, size_t size)
{
        (void)unused;
        return __real_malloc(size);
}

void *__wrap_memory_realloc(void *unused, void *pointer, size_t size)
{
        (void)unused;
        return __real_realloc(pointer, size);
}

char *__wrap_strdup(const char *string)
{
        return fault_malloc_hit() ? NULL : __real_strdup(string);
}

char *__wrap_strndup(const char *string, size_t size)
{
        return fault_malloc_hit() ? NULL : __real_strndup(string, size);
}

int __wrap_vasprintf(char **ret_string, const char *format, va_list arguments)
{
        return fault_malloc_hit() ? -1 : __real_vasprintf(ret_string, format, arguments);
}

int __wrap_asprintf(char **ret_string, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        int r = __wrap_vasprintf(ret_string, format, arguments);
        va_end(arguments);
        return r;
}

int __wrap___vasprintf_chk(char **ret_string, int flag, const char *format, va_list arguments)
{
        return fault_malloc_hit() ? -1 : __real___vasprintf_chk(ret_string, flag, format, arguments);
}

int __wrap___asprintf_chk(char **ret_string, int flag, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        int r = __wrap___vasprintf_chk(ret_string, flag, format, arguments);
        va_end(arguments);
        return r;
}
