/* SPDX-License-Identifier: MIT */

/* Replies, written into a message of sd-bus. The first error is kept, and what follows it is not written. */

#include "bus/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/calls.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/text.h"
#include "util/utf8.h"

/* The message to write to; NULL after an error. */
static sd_bus_message *reply_of(struct bus_call *call)
{
        if (call->reply == NULL && call->reply_error >= 0)
                call->reply_error = sd_bus_message_new_method_return(call->message, &call->reply);
        return call->reply_error >= 0 ? call->reply : NULL;
}

static void note(struct bus_call *call, int r)
{
        if (r < 0 && call->reply_error >= 0)
                call->reply_error = r;
}

/* ---- values, rows ---- */

static void append(struct bus_call *call, char type, const void *value)
{
        sd_bus_message *reply = reply_of(call);

        if (reply != NULL)
                note(call, sd_bus_message_append_basic(reply, type, value));
}

static void open_container(struct bus_call *call, char type, const char *contents)
{
        sd_bus_message *reply = reply_of(call);

        if (reply != NULL)
                note(call, sd_bus_message_open_container(reply, type, contents));
}

static void close_container(struct bus_call *call)
{
        sd_bus_message *reply = reply_of(call);

        if (reply != NULL)
                note(call, sd_bus_message_close_container(reply));
}

void bus_reply_number(struct bus_call *call, uint64_t number)
{
        append(call, SD_BUS_TYPE_UINT64, &number);
}

void bus_reply_flag(struct bus_call *call, bool flag)
{
        append(call, SD_BUS_TYPE_BOOLEAN, &(int){ flag });
}

void bus_rows_begin(struct bus_call *call)
{
        open_container(call, SD_BUS_TYPE_ARRAY, "a{sv}");
}

void bus_rows_end(struct bus_call *call)
{
        close_container(call);
}

void bus_row_begin(struct bus_call *call)
{
        open_container(call, SD_BUS_TYPE_ARRAY, "{sv}");
}

void bus_row_end(struct bus_call *call)
{
        close_container(call);
}

/* ---- entries ---- */

static void put_begin(struct bus_call *call, const char *key, const char *type)
{
        open_container(call, SD_BUS_TYPE_DICT_ENTRY, "sv");
        append(call, SD_BUS_TYPE_STRING, key);
        open_container(call, SD_BUS_TYPE_VARIANT, type);
}

static void put_end(struct bus_call *call)
{
        close_container(call);
        close_container(call);
}

/* Whether the client wants rows with this key. */
static bool is_wanted(const struct bus_call *call, const char *key)
{
        if (call->keys.items == NULL)
                return true;
        for (char *const *wanted = call->keys.items; *wanted != NULL; wanted++)
                if (strcmp(*wanted, key) == 0)
                        return true;
        return false;
}

static void put(struct bus_call *call, const char *key, const char *type, const void *value)
{
        if (!is_wanted(call, key))
                return;
        put_begin(call, key, type);
        append(call, *type, value);
        put_end(call);
}

void bus_put_number(struct bus_call *call, const char *key, uint64_t number)
{
        put(call, key, "t", &number);
}

void bus_put_count(struct bus_call *call, const char *key, uint32_t count)
{
        put(call, key, "u", &count);
}

void bus_put_flag(struct bus_call *call, const char *key, bool flag)
{
        put(call, key, "b", &(int){ flag });
}

void bus_put_string(struct bus_call *call, const char *key, const char *string)
{
        if (string != NULL)
                bus_put_text(call, key, string, strlen(string), 0);
}

/* The length of the character at the start; 0: it may not be in a message. sd-bus takes no noncharacters. */
static size_t character_size(const char *data, size_t size)
{
        uint32_t point = 0;
        size_t length = utf8_character(data, size, &point);
        bool is_noncharacter = (point >= 0xfdd0 && point <= 0xfdef) || (point & 0xfffe) == 0xfffe;

        return point == 0 || is_noncharacter ? 0 : length;
}

/* A copy as D-Bus wants it, at most three times as long. */
static char *valid_copy(const char *data, size_t size)
{
        const size_t replacement = strlen(UTF8_REPLACEMENT);
        char *copy = memory_malloc(NULL, size * replacement + 1), *end = copy;

        while (size > 0) {
                size_t valid = character_size(data, size), taken = valid;
                if (valid == 0) {
                        taken = utf8_character(data, size, NULL);
                        taken = taken > 0 ? taken : 1;
                }
                memcpy(end, valid > 0 ? data : UTF8_REPLACEMENT, valid > 0 ? valid : replacement);
                end += valid > 0 ? valid : replacement;
                data += taken;
                size -= taken;
        }
        *end = '\0';
        return copy;
}

/* Most texts need no copy. */
static bool is_plain(const char *data, size_t size)
{
        for (size_t i = 0; i < size; i++)
                if ((signed char)data[i] <= 0)
                        return false;
        return true;
}

void bus_reply_string(struct bus_call *call, const char *string)
{
        size_t size = strlen(string);

        if (is_plain(string, size)) {
                append(call, SD_BUS_TYPE_STRING, string);
                return;
        }
        CLEANUP(cleanup_free) char *copy = valid_copy(string, size);
        append(call, SD_BUS_TYPE_STRING, copy);
}

void bus_put_text(struct bus_call *call, const char *key, const char *data, size_t size, size_t limit)
{
        if (data == NULL || !is_wanted(call, key))
                return;
        size_t shown = text_cut(data, size, limit);
        if (shown == size && is_plain(data, size)) {
                put(call, key, "s", data);
                return;
        }
        CLEANUP(cleanup_free) char *copy = valid_copy(data, shown);
        put(call, key, "s", copy);
}

void bus_put_strings(struct bus_call *call, const char *key, char *const *strings)
{
        if (strings == NULL || !is_wanted(call, key))
                return;
        put_begin(call, key, "as");
        open_container(call, SD_BUS_TYPE_ARRAY, "s");
        for (; *strings != NULL; strings++)
                bus_reply_string(call, *strings);
        close_container(call);
        put_end(call);
}

/* ---- the end ---- */

#define ERROR_TEXT_MAX 4096

static const char *const error_names[] = {
        [BUS_NO_SUCH_JOB] = "org.jobwatchd1.Error.NoSuchJob",
        [BUS_NO_SUCH_HOOK] = "org.jobwatchd1.Error.NoSuchHook",
        [BUS_NO_SUCH_DELIVERY] = "org.jobwatchd1.Error.NoSuchDelivery",
        [BUS_BUSY] = BUS_ERROR_BUSY,
        [BUS_STATE_UNAVAILABLE] = "org.jobwatchd1.Error.StateUnavailable",
        [BUS_STANDBY] = "org.jobwatchd1.Error.Standby",
        [BUS_API_UNAVAILABLE] = "org.jobwatchd1.Error.ApiUnavailable",
        [BUS_SIGN_IN_REFUSED] = "org.jobwatchd1.Error.SignInRefused",
        [BUS_CODE_REQUIRED] = "org.jobwatchd1.Error.CodeRequired",
        [BUS_INVALID_ARGUMENTS] = SD_BUS_ERROR_INVALID_ARGS,
        [BUS_ACCESS_DENIED] = SD_BUS_ERROR_ACCESS_DENIED,
        [BUS_NOT_SUPPORTED] = SD_BUS_ERROR_NOT_SUPPORTED,
        [BUS_INTERACTIVE_AUTHORIZATION_REQUIRED] = SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
        [BUS_FAILED] = SD_BUS_ERROR_FAILED,
};

void bus_call_send(struct bus_call *call)
{
        sd_bus_message *reply = reply_of(call);

        if (reply != NULL)
                note(call, sd_bus_message_send(reply));
        if (call->reply_error < 0)
                (void)sd_bus_reply_method_errno(call->message, call->reply_error, NULL);
        bus_call_finish(call);
}

void bus_call_fail(struct bus_call *call, enum bus_error error, const char *format, ...)
{
        char text[ERROR_TEXT_MAX] = "";
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        CLEANUP(cleanup_free) char *copy = valid_copy(text, strlen(text));
        int r = sd_bus_reply_method_error(call->message, &SD_BUS_ERROR_MAKE_CONST(error_names[error], copy));
        if (r < 0)
                (void)sd_bus_reply_method_errno(call->message, r, NULL);
        bus_call_finish(call);
}
