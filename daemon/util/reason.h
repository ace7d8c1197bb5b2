/* SPDX-License-Identifier: MIT */
#pragma once

/* Returns a malloc()ed message, or NULL when out of memory. */
char *format_message(const char *format, ...) __attribute__((format(printf, 1, 2)));
