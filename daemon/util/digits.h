/* SPDX-License-Identifier: MIT */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* The value of a hexadecimal digit in either case, 0 to 15; -1 for any other character, NUL too. */
static inline int hex_digit_value(char c)
{
        if (is_digit(c))
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

/* A decimal number without a sign or blanks. Returns 0, -EINVAL, or -ERANGE above UINT64_MAX. */
static inline int digits_parse(const char *text, uint64_t *ret_number)
{
        size_t digits = strspn(text, "0123456789");

        if (digits == 0 || text[digits] != '\0')
                return -EINVAL;
        errno = 0;
        uint64_t number = strtoull(text, NULL, 10);
        if (errno != 0)
                return -ERANGE;
        *ret_number = number;
        return 0;
}
