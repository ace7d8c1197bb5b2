/* SPDX-License-Identifier: MIT */
#pragma once

/* Formats into memory of its own, as printf() does. Returns what free() takes, or NULL for want of memory. */
char *format_message(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Sets *ret_message to what format_message() makes, NULL for want of memory, and returns `r`: for functions
 * that hand out the words for their error. A caller without words falls back on the errno.
 */
int fail_with_message(int r, char **ret_message, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
