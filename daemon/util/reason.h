/* SPDX-License-Identifier: MIT */
#pragma once

/* A reason for a person, as hook.h hands them out: malloc()ed, or NULL for want of memory. */
char *format_message(const char *format, ...) __attribute__((format(printf, 1, 2)));
