/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus/operations.h"

/*
 * The reply of a call, made of numbers, flags, texts, and rows: dictionaries whose keys are absent if there
 * is no value. All functions are called from the loop. Errors are kept: bus_call_send() then sends an error.
 */

/* A value of the reply itself. */
void bus_reply_number(struct bus_call *call, uint64_t number);
void bus_reply_flag(struct bus_call *call, bool flag);
void bus_reply_string(struct bus_call *call, const char *string); /* as bus_put_text() writes it */

/* An array of rows, and a row: in the array or as the reply itself. */
void bus_rows_begin(struct bus_call *call);
void bus_rows_end(struct bus_call *call);
void bus_row_begin(struct bus_call *call);
void bus_row_end(struct bus_call *call);

/* The entries of a row. */
void bus_put_number(struct bus_call *call, const char *key, uint64_t number); /* t */
void bus_put_count(struct bus_call *call, const char *key, uint32_t count);   /* u */
void bus_put_flag(struct bus_call *call, const char *key, bool flag);
void bus_put_string(struct bus_call *call, const char *key, const char *string); /* NULL: absent */

/*
 * The first `limit` bytes of a text (0: all), after which there is a NUL. What is not UTF-8 is replaced by
 * U+FFFD, and NUL too. NULL: the key is absent.
 */
void bus_put_text(struct bus_call *call, const char *key, const char *data, size_t size, size_t limit);

/* `strings` is NULL-terminated, each is written as bus_put_text() does. NULL: the key is absent. */
void bus_put_strings(struct bus_call *call, const char *key, char *const *strings);

/* Sends the reply, empty if nothing was added to it. The call is finished. */
void bus_call_send(struct bus_call *call);

/* Errors of this interface, see org.jobwatchd1(5). */
enum bus_error {
        BUS_NO_SUCH_JOB,
        BUS_NO_SUCH_HOOK,
        BUS_NO_SUCH_DELIVERY,
        BUS_BUSY,
        BUS_STATE_UNAVAILABLE,
        BUS_STANDBY,
        BUS_API_UNAVAILABLE,
        BUS_SIGN_IN_REFUSED,
        BUS_CODE_REQUIRED,
        BUS_INVALID_ARGUMENTS,
        BUS_ACCESS_DENIED,
        BUS_NOT_SUPPORTED,
        BUS_INTERACTIVE_AUTHORIZATION_REQUIRED,
        BUS_FAILED, /* anything else */
};

/*
 * Sends an error with a message for the user, cut at 4095 bytes, in which what is not UTF-8 is replaced. The
 * call is finished.
 */
void bus_call_fail(struct bus_call *call, enum bus_error error, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
