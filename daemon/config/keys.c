/* SPDX-License-Identifier: MIT */

/*
 * Finding one's way in the table of keys: the names of sections, the row of a key, and the nearest word to
 * one that is not there. An edit is a letter more, less or other, or two neighbours swapped. Far-off words
 * are not suggested: a wrong guess costs more than none.
 */

#include "config/keys.h"

#include <ctype.h>
#include <string.h>

#define WORD_BYTES 50

static const char *const section_names[SECTION_COUNT] = {
        [SECTION_API] = "api",       [SECTION_POLL] = "poll", [SECTION_LIMITS] = "limits",
        [SECTION_STATUS] = "status", [SECTION_JOBS] = "jobs", [SECTION_JOB] = "job",
        [SECTION_HOOK] = "hook",     [SECTION_EXIT] = "exit", [SECTION_LOG] = "log",
        [SECTION_STATE] = "state",
};

const char *config_section_name(enum config_section section)
{
        return section_names[section];
}

bool config_section_is_named(enum config_section section)
{
        return section == SECTION_JOB || section == SECTION_HOOK;
}

bool config_kind_is_list(enum config_kind kind)
{
        return kind == KIND_LIST || kind == KIND_ID_LIST || kind == KIND_EVENTS;
}

const struct config_key *config_key_find(enum config_section section, const char *name)
{
        for (size_t i = 0; i < config_key_count; i++)
                if (config_keys[i].section == section && strcmp(config_keys[i].name, name) == 0)
                        return &config_keys[i];
        return NULL;
}

static unsigned least(unsigned a, unsigned b)
{
        return a < b ? a : b;
}

static int fold(char c)
{
        return tolower((unsigned char)c);
}

unsigned word_distance(const char *left, const char *right, unsigned limit)
{
        /* Row i of the table of distances between the first i letters of left and the first j of right. */
        unsigned rows[3][WORD_BYTES + 1];
        size_t left_size = strlen(left), right_size = strlen(right);

        if (left_size > WORD_BYTES || right_size > WORD_BYTES)
                return limit;
        for (size_t j = 0; j <= right_size; j++)
                rows[0][j] = (unsigned)j;

        for (size_t i = 1; i <= left_size; i++) {
                unsigned *row = rows[i % 3], *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];
                row[0] = (unsigned)i;
                for (size_t j = 1; j <= right_size; j++) {
                        bool same = fold(left[i - 1]) == fold(right[j - 1]);
                        row[j] = least(above[j - 1] + !same, least(above[j], row[j - 1]) + 1);
                        if (i > 1 && j > 1 && fold(left[i - 1]) == fold(right[j - 2]) &&
                            fold(left[i - 2]) == fold(right[j - 1]))
                                row[j] = least(row[j], above2[j - 2] + 1);
                }
        }
        return least(rows[left_size % 3][right_size], limit);
}

/* A third of the word may be wrong. */
static unsigned tolerance(const char *word)
{
        return (unsigned)strlen(word) / 3 + 1;
}

const char *config_key_nearest(enum config_section section, const char *name)
{
        const char *nearest = NULL;
        unsigned best = tolerance(name);

        for (size_t i = 0; i < config_key_count; i++) {
                if (config_keys[i].section != section)
                        continue;
                unsigned distance = word_distance(name, config_keys[i].name, best);
                if (distance < best) {
                        best = distance;
                        nearest = config_keys[i].name;
                }
        }
        return nearest;
}

const char *config_section_nearest(const char *name)
{
        const char *nearest = NULL;
        unsigned best = tolerance(name);

        for (unsigned section = 0; section < SECTION_COUNT; section++) {
                const char *candidate = config_section_name((enum config_section)section);
                unsigned distance = word_distance(name, candidate, best);
                if (distance < best) {
                        best = distance;
                        nearest = candidate;
                }
        }
        return nearest;
}
