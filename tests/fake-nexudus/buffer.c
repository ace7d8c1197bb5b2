/* SPDX-License-Identifier: MIT */

/*
 * A growing text and JSON strings in it. Its size doubles; a failed allocation is recorded instead of
 * reported by each addition.
 */

#include "buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool make_room(struct buffer *buffer, size_t size)
{
        if (buffer->failed)
                return false;
        if (size <= buffer->room - buffer->size)
                return true;

        size_t room = buffer->room ? buffer->room : 256;
        while (room - buffer->size < size)
                room *= 2;
        char *data = realloc(buffer->data, room);
        if (!data) {
                buffer->failed = true;
                return false;
        }
        buffer->data = data;
        buffer->room = room;
        return true;
}

void buffer_add(struct buffer *buffer, const void *data, size_t size)
{
        if (size == 0 || !make_room(buffer, size))
                return;
        memcpy(buffer->data + buffer->size, data, size);
        buffer->size += size;
}

void buffer_add_text(struct buffer *buffer, const char *text)
{
        buffer_add(buffer, text, strlen(text));
}

void buffer_add_format(struct buffer *buffer, const char *format, ...)
{
        va_list arguments;
        char text[512];

        va_start(arguments, format);
        int size = vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
        if (size >= 0 && (size_t)size < sizeof text) {
                buffer_add(buffer, text, (size_t)size);
                return;
        }
        if (size < 0 || !make_room(buffer, (size_t)size + 1)) {
                buffer->failed = true;
                return;
        }
        va_start(arguments, format);
        vsnprintf(buffer->data + buffer->size, (size_t)size + 1, format, arguments);
        va_end(arguments);
        buffer->size += (size_t)size;
}

void buffer_add_number(struct buffer *buffer, uint64_t number)
{
        char digits[20];
        size_t at = sizeof digits;

        do {
                digits[--at] = (char)('0' + number % 10);
                number /= 10;
        } while (number > 0);
        buffer_add(buffer, digits + at, sizeof digits - at);
}

/* The length of the UTF-8 sequence at the start of the bytes, or 0. */
static size_t utf8_sequence(const unsigned char *data, size_t size)
{
        size_t length = data[0] < 0x80   ? 1
                        : data[0] < 0xc2 ? 0
                        : data[0] < 0xe0 ? 2
                        : data[0] < 0xf0 ? 3
                        : data[0] < 0xf5 ? 4
                                         : 0;

        if (length > size)
                return 0;
        for (size_t i = 1; i < length; i++)
                if ((data[i] & 0xc0) != 0x80)
                        return 0;
        if (length == 3 && ((data[0] == 0xe0 && data[1] < 0xa0) || (data[0] == 0xed && data[1] > 0x9f)))
                return 0;
        if (length == 4 && ((data[0] == 0xf0 && data[1] < 0x90) || (data[0] == 0xf4 && data[1] > 0x8f)))
                return 0;
        return length;
}

static bool is_utf8(const unsigned char *data, size_t size)
{
        while (size > 0) {
                size_t length = utf8_sequence(data, size);
                if (length == 0)
                        return false;
                data += length;
                size -= length;
        }
        return true;
}

static void add_escape(struct buffer *buffer, unsigned char byte)
{
        static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
        static const char hex[] = "0123456789abcdef";

        for (size_t i = 0; i + 1 < sizeof shorts - 1; i += 2)
                if ((unsigned char)shorts[i] == byte) {
                        buffer_add(buffer, (const char[]){ '\\', shorts[i + 1] }, 2);
                        return;
                }
        buffer_add(buffer, (const char[]){ '\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15] }, 6);
}

void buffer_add_json(struct buffer *buffer, const char *data, size_t size, bool verbatim)
{
        bool keep_high = verbatim || is_utf8((const unsigned char *)data, size);
        size_t start = 0;

        buffer_add(buffer, "\"", 1);
        for (size_t i = 0; i < size; i++) {
                unsigned char byte = (unsigned char)data[i];
                if (byte >= 0x20 && byte != '"' && byte != '\\' && (byte < 0x80 || keep_high))
                        continue;
                buffer_add(buffer, data + start, i - start);
                add_escape(buffer, byte);
                start = i + 1;
        }
        buffer_add(buffer, data + start, size - start);
        buffer_add(buffer, "\"", 1);
}

void buffer_add_json_text(struct buffer *buffer, const char *text)
{
        if (text)
                buffer_add_json(buffer, text, strlen(text), true);
        else
                buffer_add_text(buffer, "null");
}

int buffer_add_file(struct buffer *buffer, const char *path)
{
        char block[4096];
        size_t n;
        FILE *file = fopen(path, "re");

        if (!file)
                return -errno;
        while ((n = fread(block, 1, sizeof block, file)) > 0)
                buffer_add(buffer, block, n);
        int r = ferror(file) ? -EIO : buffer_text(buffer) ? 0 : -ENOMEM;
        fclose(file);
        return r;
}

const char *buffer_text(struct buffer *buffer)
{
        if (!make_room(buffer, 1))
                return NULL;
        buffer->data[buffer->size] = 0;
        return buffer->data;
}

void buffer_release(struct buffer *buffer)
{
        free(buffer->data);
        *buffer = (struct buffer){ 0 };
}
