/* SPDX-License-Identifier: MIT */

/* Events and their texts, each of which follows from a number. */

#include "told.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define RESULT_MAX (300 * 1024)

struct told *told;

const char *const hook_names[HOOKS] = { "mail", "restart" };
const char *const value_names[VALUES] = { "token", "cursor", "budget" };

unsigned told_last_event(unsigned job)
{
        unsigned last = 0;

        for (unsigned number = 1; number < told->count; number++)
                if (told->events[number].job == job && told->events[number].recorded == YES)
                        last = number;
        return last;
}

void event_id(unsigned number, char ret_id[static ID_SIZE])
{
        (void)snprintf(ret_id, ID_SIZE, "00000000-0000-4000-8000-%012u", number);
}

const char *status_text(unsigned number)
{
        static char texts[4][32];
        static unsigned next;
        char *text = texts[next++ % 4];

        (void)snprintf(text, sizeof(texts[0]), "Running %u", number);
        return text;
}

/* Mostly short ones. */
static size_t result_size(unsigned number)
{
        unsigned chance = number * 2654435761U >> 16;

        if (chance % 40 == 0)
                return chance % RESULT_MAX + 1;
        return chance % 8 == 0 ? chance % 20000 : chance % 60;
}

const char *result_text(unsigned number, size_t *ret_size)
{
        static char texts[4][RESULT_MAX + 1];
        static unsigned next;
        char *text = texts[next++ % 4];

        *ret_size = result_size(number);
        for (size_t i = 0; i < *ret_size; i++)
                text[i] = (char)('a' + (i / 7 + i * number) % 26);
        text[*ret_size] = '\0';
        return text;
}

void broken(const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        (void)vprintf(format, arguments);
        va_end(arguments);
        (void)printf("\n");
        (void)fflush(stdout);
        _Exit(1);
}
