/* SPDX-License-Identifier: MIT */

/*
 * UTF-8 against an oracle that works the other way round: it encodes. Bytes are a character if, and only if,
 * they are what the encoder makes of some code point that is not a surrogate.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/utf8.h"

#define POINT_LAST 0x10ffffu

/* What a call must not write to. */
#define UNTOUCHED 0xdeadbeefu

static bool is_surrogate(uint32_t point)
{
        return point >= 0xd800 && point <= 0xdfff;
}

/* Any code point at all, a surrogate too. */
static size_t encode(uint32_t point, char bytes[static 4])
{
        size_t length = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        static const unsigned char marks[] = { 0, 0x00, 0xc0, 0xe0, 0xf0 };

        for (size_t i = length; i-- > 1; point /= 64)
                bytes[i] = (char)(0x80 + point % 64);
        bytes[0] = (char)(marks[length] + point);
        return length;
}

/* Decodes one character out of memory of just that size, so that a read beyond the end is found. */
static size_t decode(const char *data, size_t size, uint32_t *ret_point)
{
        char *copy = malloc(size > 0 ? size : 1);
        assert_non_null(copy);
        memcpy(copy, data, size);
        *ret_point = UNTOUCHED;
        size_t length = utf8_character(copy, size, ret_point);
        free(copy);
        return length;
}

static void expect_invalid(const char *data, size_t size)
{
        uint32_t point;

        assert_int_equal(decode(data, size, &point), 0);
        assert_int_equal(point, UNTOUCHED);
        assert_int_equal(utf8_character(data, size, NULL), 0);
        assert_int_equal(utf8_valid_size(data, size), 0);
}

#define EXPECT_INVALID(literal) expect_invalid(literal, sizeof(literal) - 1)

/* Every code point, whole, with more behind it, and cut short at each byte. */
static void test_every_code_point(void **state)
{
        (void)state;
        for (uint32_t expected = 0; expected <= POINT_LAST; expected++) {
                char bytes[8] = { 0 };
                size_t length = encode(expected, bytes);
                uint32_t point = UNTOUCHED;

                if (is_surrogate(expected)) {
                        expect_invalid(bytes, length);
                        continue;
                }
                assert_int_equal(utf8_character(bytes, length, &point), length);
                assert_int_equal(point, expected);
                assert_int_equal(utf8_character(bytes, length, NULL), length);
                assert_int_equal(utf8_valid_size(bytes, length), length);

                memset(bytes + length, 0xbf, sizeof(bytes) - length); /* a continuation too many */
                assert_int_equal(utf8_character(bytes, sizeof(bytes), &point), length);
                assert_int_equal(point, expected);
                assert_int_equal(utf8_valid_size(bytes, sizeof(bytes)), length);

                for (size_t cut = 1; cut < length; cut++) {
                        point = UNTOUCHED;
                        assert_int_equal(utf8_character(bytes, cut, &point), 0);
                        assert_int_equal(point, UNTOUCHED);
                        assert_int_equal(utf8_valid_size(bytes, cut), 0);
                }
        }
}

/* Bytes that may follow: each side of each bound that table 3-7 knows. */
static const unsigned char followers[] = { 0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
                                           0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xff };

/* Whatever is taken for a character must be the bytes that its code point is encoded as. */
static void check_bytes(const unsigned char bytes[static 4], size_t *accepted)
{
        char again[4];
        uint32_t point = UNTOUCHED;
        size_t length = utf8_character((const char *)bytes, 4, &point);

        if (length == 0) {
                assert_int_equal(point, UNTOUCHED);
                return;
        }
        assert_true(point <= POINT_LAST && !is_surrogate(point));
        assert_int_equal(encode(point, again), length);
        assert_memory_equal(again, bytes, length);
        ++*accepted;
}

static void test_every_start(void **state)
{
        (void)state;
        size_t accepted = 0;

        for (unsigned start = 0; start < 0x10000; start++)
                for (size_t third = 0; third < sizeof(followers); third++)
                        for (size_t fourth = 0; fourth < sizeof(followers); fourth++)
                                check_bytes((const unsigned char[]){ (unsigned char)(start >> 8),
                                                                     (unsigned char)(start & 0xff),
                                                                     followers[third], followers[fourth] },
                                            &accepted);

        /*
         * By table 3-7, with 16 × 16 endings of which 6 a byte are continuations: the starts of one byte, of
         * two, of three and of four.
         */
        assert_int_equal(accepted, 128 * 256 * 256 + 30 * 64 * 256 + (32 + 12 * 64 + 32 + 2 * 64) * 6 * 16 +
                                           (48 + 3 * 64 + 16) * 6 * 6);
}

static void test_boundaries(void **state)
{
        (void)state;
        /* Continuations alone, and bytes that never occur. */
        EXPECT_INVALID("\x80");
        EXPECT_INVALID("\xbf\xbf");
        EXPECT_INVALID("\xf5\x80\x80\x80");
        EXPECT_INVALID("\xf8\x88\x80\x80\x80");
        EXPECT_INVALID("\xfc\x84\x80\x80\x80\x80");
        EXPECT_INVALID("\xfe\xff");
        /* Overlong: the last of each length. */
        EXPECT_INVALID("\xc0\x80");
        EXPECT_INVALID("\xc1\xbf");
        EXPECT_INVALID("\xe0\x80\x80");
        EXPECT_INVALID("\xe0\x9f\xbf");
        EXPECT_INVALID("\xf0\x80\x80\x80");
        EXPECT_INVALID("\xf0\x8f\xbf\xbf");
        /* Surrogates, alone and as CESU-8 writes a pair. */
        EXPECT_INVALID("\xed\xa0\x80");
        EXPECT_INVALID("\xed\xbf\xbf");
        EXPECT_INVALID("\xed\xa0\xbd\xed\xb8\x80");
        /* U+110000 */
        EXPECT_INVALID("\xf4\x90\x80\x80");
        /* The character ends early, at each byte. */
        EXPECT_INVALID("\xc3"
                       "A");
        EXPECT_INVALID("\xe2\x82"
                       "A");
        EXPECT_INVALID("\xf0\x9f\x98"
                       "A");
        EXPECT_INVALID("");
}

static void test_valid_size(void **state)
{
        (void)state;
        assert_int_equal(utf8_valid_size(NULL, 0), 0);
        assert_int_equal(utf8_valid_size("a\0b", 3), 3);
        assert_int_equal(utf8_valid_size("aé€😀", 10), 10);
        assert_int_equal(utf8_valid_size("aé€😀", 9), 6);
        assert_int_equal(utf8_valid_size("aé€😀", 5), 3);
        assert_int_equal(utf8_valid_size("abc\xff"
                                         "def",
                                         7),
                         3);
        assert_int_equal(utf8_valid_size(UTF8_REPLACEMENT, sizeof(UTF8_REPLACEMENT) - 1), 3);
}

/* The stream refuses at the first byte after which nothing well-formed can come, not later. */
static void test_stream(void **state)
{
        static const struct {
                const char *bytes;
                size_t good;
        } samples[] = {
                { "a\xc3\xa9", 3 },     { "\xc1\xbf", 0 },         { "\xe0\x9f", 1 }, { "\xed\xa0", 1 },
                { "\xf0\x8f", 1 },      { "\xf4\x90", 1 },         { "\xf5", 0 },     { "\xe2\x82\x41", 2 },
                { "\xf0\x9f\x98z", 3 }, { "\xed\x9f\xbf\x80", 3 },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
                struct utf8_state stream = { 0 };
                size_t good = 0;

                while (samples[i].bytes[good] != '\0' &&
                       utf8_take(&stream, (unsigned char)samples[i].bytes[good]))
                        good++;
                assert_int_equal(good, samples[i].good);
        }
}

/* Where a stream stands between its bytes. */
static void test_stream_awaits(void **state)
{
        (void)state;
        struct utf8_state stream = { 0 };
        static const unsigned char awaited[] = { 0, 1, 0, 2, 1, 0, 3, 2, 1, 0, 0 };
        static const char text[] = "aé€😀z";

        for (size_t i = 0; i < sizeof(text) - 1; i++) {
                assert_true(utf8_take(&stream, (unsigned char)text[i]));
                assert_int_equal(stream.awaited, awaited[i]);
        }
}

static void test_continuation(void **state)
{
        (void)state;
        for (unsigned byte = 0; byte < 0x100; byte++)
                assert_int_equal(utf8_is_continuation((char)byte), byte >= 0x80 && byte <= 0xbf);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_code_point), cmocka_unit_test(test_every_start),
                cmocka_unit_test(test_boundaries),       cmocka_unit_test(test_valid_size),
                cmocka_unit_test(test_stream),           cmocka_unit_test(test_stream_awaits),
                cmocka_unit_test(test_continuation),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
