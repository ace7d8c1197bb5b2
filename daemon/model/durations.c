/* SPDX-License-Identifier: MIT */

/* How long jobs of a kind took. Sorted by kind and duration, the median is in the middle of its kind. */

#include "model/durations.h"

#include <stdlib.h>
#include <string.h>

#include "util/digits.h"
#include "util/sorted.h"
#include "util/text.h"

/* ---- descriptions ---- */

/* Whether a quote after this character may begin a part: not the apostrophe of a word. */
static bool may_precede_quote(char c)
{
        return !is_digit(c) && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && c != '#' &&
               (unsigned char)c < 0x80;
}

/* The size of the quoted part at the start; 0: there is none. */
static size_t quoted_size(const char *text, size_t size)
{
        const char *end =
                size > 1 && (*text == '"' || *text == '\'') ? memchr(text + 1, *text, size - 1) : NULL;

        return end != NULL ? (size_t)(end - text) + 1 : 0;
}

size_t description_fold(const char *description, size_t size, char *ret_folded)
{
        size_t used = 0;

        for (size_t i = 0; i < size;) {
                size_t quoted = i == 0 || may_precede_quote(description[i - 1])
                                        ? quoted_size(description + i, size - i)
                                        : 0;
                if (quoted > 0) {
                        const char quote = description[i];
                        ret_folded[used++] = quote;
                        ret_folded[used++] = quote;
                        i += quoted;
                } else if (is_digit(description[i])) {
                        ret_folded[used++] = '#';
                        while (i < size && is_digit(description[i]))
                                i++;
                } else {
                        ret_folded[used++] = description[i++];
                }
        }
        return used;
}

uint64_t description_kind(const char *description, size_t size)
{
        char folded[DESCRIPTION_MAX];

        if (description == NULL || size == 0)
                return 0;
        size = size < sizeof(folded) ? size : sizeof(folded);
        const struct text text = { folded, description_fold(description, size, folded) };
        return text_digest(&text).hash;
}

/* ---- durations ---- */

void durations_add(struct durations *durations, uint64_t kind, uint64_t duration_us)
{
        if (kind == 0 || durations->count == DURATIONS_MAX)
                return;
        durations->items[durations->count++] = (struct duration){ kind, duration_us };
        durations->sorted = false;
}

static int compare(const void *left, const void *right)
{
        const struct duration *a = left, *b = right;

        if (a->kind != b->kind)
                return a->kind > b->kind ? 1 : -1;
        return (a->duration_us > b->duration_us) - (a->duration_us < b->duration_us);
}

bool durations_median(struct durations *durations, uint64_t kind, uint64_t *ret_median_us)
{
        if (kind == 0)
                return false;
        if (!durations->sorted)
                qsort(durations->items, durations->count, sizeof(*durations->items), compare);
        durations->sorted = true;
        size_t first = sorted_place(durations->items, durations->count, sizeof(*durations->items), kind);
        size_t end = first;
        while (end < durations->count && durations->items[end].kind == kind)
                end++;
        if (end - first < DURATIONS_LEAST)
                return false;
        *ret_median_us = durations->items[first + (end - first - 1) / 2].duration_us;
        return true;
}
