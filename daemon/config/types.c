/* SPDX-License-Identifier: MIT */

/*
 * The types of values. Printing is exact: what is printed is read back as the same value. For that, items of
 * a list that could be misread are in quotes, and a single value that begins like a comment is written
 * directly after the "=".
 */

#include "config/types.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/value_syntax.h"
#include "util/cleanup.h"
#include "util/digits.h"
#include "util/id_list.h"
#include "util/memory.h"
#include "util/string_list.h"
#include "util/suggestion.h"

/* Where long lists are wrapped. */
#define PRINT_COLUMNS 100

static int refuse(struct value_fault *ret_fault, const char *fault, const char *hint)
{
        ret_fault->fault = fault;
        ret_fault->hint = hint;
        return -EINVAL;
}

/* ---- numbers ---- */

static char *format_digits(uint64_t number, char buffer[static TIMESPAN_TEXT_MAX])
{
        (void)snprintf(buffer, TIMESPAN_TEXT_MAX, "%" PRIu64, number);
        return buffer;
}

static int parse_number(const struct config_key *key, const char *text, void *field,
                        struct value_fault *ret_fault)
{
        const struct config_type *type = key->type;
        char least[TIMESPAN_TEXT_MAX], most[TIMESPAN_TEXT_MAX];
        uint64_t number = 0;

        assert(key->minimum <= key->maximum &&
               (type->size == sizeof(unsigned) || type->size == sizeof(number)));
        int r = type->read(text, &number);
        if (r == -EINVAL)
                return refuse(ret_fault, NULL, type->hint);
        if (r == -ERANGE || number < key->minimum || number > key->maximum) {
                (void)snprintf(ret_fault->text, sizeof(ret_fault->text), "write %s to %s",
                               type->format(key->minimum, least), type->format(key->maximum, most));
                return refuse(ret_fault, "out of range;", ret_fault->text);
        }
        if (type->size == sizeof(unsigned))
                *(unsigned *)field = (unsigned)number;
        else
                *(uint64_t *)field = number;
        return 0;
}

static void print_number(const struct config_key *key, const void *field, FILE *file)
{
        uint64_t number =
                key->type->size == sizeof(unsigned) ? *(const unsigned *)field : *(const uint64_t *)field;
        char text[TIMESPAN_TEXT_MAX];

        (void)fprintf(file, " %s", key->type->format(number, text));
}

#define NUMBER(field_type) .parse = parse_number, .print = print_number, .size = sizeof(field_type)

const struct config_type config_type_timespan = {
        NUMBER(uint64_t),
        .read = timespan_parse,
        .format = timespan_format,
        .hint = "write a time span such as 15s, 1min 30s or 2h",
};

static int read_since(const char *text, uint64_t *ret_us)
{
        if (strcmp(text, "start") != 0)
                return timespan_parse(text, ret_us);
        *ret_us = 0;
        return 0;
}

static char *format_since(uint64_t span_us, char buffer[static TIMESPAN_TEXT_MAX])
{
        if (span_us > 0)
                return timespan_format(span_us, buffer);
        (void)snprintf(buffer, TIMESPAN_TEXT_MAX, "start");
        return buffer;
}

const struct config_type config_type_since = {
        NUMBER(uint64_t),
        .read = read_since,
        .format = format_since,
        .hint = "write start, or a time span such as 2h or 1d",
};

const struct config_type config_type_size = {
        NUMBER(size_t),
        .read = size_parse,
        .format = size_format,
        .hint = "write a number of bytes such as 4096, 64K or 16M",
};

const struct config_type config_type_count = {
        NUMBER(unsigned),
        .read = digits_parse,
        .format = format_digits,
        .hint = "write a whole number",
};

const struct config_type config_type_id = {
        NUMBER(uint64_t),
        .read = job_id_parse,
        .format = format_digits,
        .hint = "write a job ID, a number from 1 to 9223372036854775807",
};

/* ---- words ---- */

static int parse_boolean(const struct config_key *key, const char *text, void *field,
                         struct value_fault *ret_fault)
{
        static const char *const words[] = { "no", "yes", "false", "true", "off", "on",
                                             "0",  "1",   "n",     "y",    "f",   "t" };

        (void)key;
        for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
                if (strcasecmp(text, words[i]) == 0) {
                        *(bool *)field = i % 2 == 1;
                        return 0;
                }
        return refuse(ret_fault, NULL, "write yes or no");
}

static void print_boolean(const struct config_key *key, const void *field, FILE *file)
{
        (void)key;
        (void)fputs(*(const bool *)field ? " yes" : " no", file);
}

const struct config_type config_type_boolean = { .parse = parse_boolean, .print = print_boolean };

/* Suggests the most similar choice, or lists them all: "write token, password or basic". */
static int refuse_choice(const struct config_key *key, const char *text, struct value_fault *ret_fault)
{
        char *hint = ret_fault->text;
        size_t used = 0, size = sizeof(ret_fault->text), count = 0;

        for (const struct config_choice *choice = key->choices; choice->text != NULL; choice++, count++) {
                const char *before = choice == key->choices   ? "write "
                                     : choice[1].text == NULL ? " or "
                                                              : ", ";
                used += (size_t)snprintf(hint + used, size - used, "%s%s", before, choice->text);
                assert(used < size);
        }
        const char *nearest = nearest_word(text, &key->choices->text, sizeof(*key->choices), count);
        if (nearest == NULL || *text == '\0')
                return refuse(ret_fault, NULL, hint);
        (void)snprintf(hint, size, "did you mean \"%s\"?", nearest);
        return refuse(ret_fault, "invalid;", hint);
}

static int parse_choice(const struct config_key *key, const char *text, void *field,
                        struct value_fault *ret_fault)
{
        const struct config_choice *choice = key->choices;
        unsigned *value = field;

        while (choice->text != NULL && strcmp(choice->text, text) != 0)
                choice++;
        if (choice->text == NULL)
                return refuse_choice(key, text, ret_fault);
        *value = (key->type->is_list ? *value : 0) | (unsigned)choice->value;
        return 0;
}

static void print_choice(const struct config_key *key, const void *field, FILE *file)
{
        const struct config_choice *choice = key->choices;

        while ((unsigned)choice->value != *(const unsigned *)field) {
                choice++;
                assert(choice->text != NULL);
        }
        (void)fprintf(file, " %s", choice->text);
}

const struct config_type config_type_choice = { .parse = parse_choice, .print = print_choice };

static void print_events(const struct config_key *key, const void *field, FILE *file)
{
        const char *before = " ";

        for (const struct config_choice *choice = key->choices; choice->text != NULL; choice++) {
                unsigned bits = (unsigned)choice->value;
                if (__builtin_popcount(bits) != 1 || (*(const unsigned *)field & bits) == 0)
                        continue;
                (void)fprintf(file, "%s%s", before, choice->text);
                before = ", ";
        }
}

static void clear_events(void *field)
{
        *(unsigned *)field = 0;
}

const struct config_type config_type_events = {
        .is_list = true,
        .parse = parse_choice,
        .print = print_events,
        .clear = clear_events,
};

/* ---- texts ---- */

static int check_text(const struct config_key *key, const char *text, struct value_fault *ret_fault)
{
        const char *hint = key->check != NULL ? key->check(text) : NULL;

        return hint != NULL ? refuse(ret_fault, NULL, hint) : 0;
}

static void clear_text(void *field)
{
        char **value = field;

        free(*value);
        *value = NULL;
}

static int parse_text(const struct config_key *key, const char *text, void *field,
                      struct value_fault *ret_fault)
{
        char **value = field;

        /* Without a default, an empty text counts as not given, so that a drop-in can remove it. */
        if (*text == '\0' && key->default_text == NULL) {
                clear_text(field);
                return 0;
        }
        int r = check_text(key, text, ret_fault);
        if (r < 0)
                return r;
        free(*value);
        *value = memory_need(strdup(text));
        return 0;
}

static void print_text(const struct config_key *key, const void *field, FILE *file)
{
        const char *value = *(char *const *)field;

        (void)key;
        (void)fprintf(file, value[0] == ';' || value[0] == '\0' ? "%s" : " %s", value);
}

const struct config_type config_type_text = { .parse = parse_text, .print = print_text, .clear = clear_text };

/* ---- lists ---- */

static int parse_item(const struct config_key *key, const char *text, void *field,
                      struct value_fault *ret_fault)
{
        int r = check_text(key, text, ret_fault);

        if (r >= 0)
                string_list_add(field, text);
        return r;
}

/* On lines of a suitable length. */
static void print_list(const struct config_key *key, const void *field, FILE *file)
{
        const struct string_list *list = field;
        size_t column = strlen(key->name) + strlen(" =");

        for (size_t i = 0; i < list->count; i++) {
                CLEANUP(cleanup_free)
                char *quoted = list_item_is_plain(list->items[i])
                                       ? NULL
                                       : list_item_quote(list->items[i], strlen(list->items[i]));
                const char *item = quoted != NULL ? quoted : list->items[i];
                const char *before = i > 0 ? ", " : " ";
                column += strlen(before) + strlen(item);
                if (i > 0 && column + strlen(",") > PRINT_COLUMNS) {
                        before = ",\n    ";
                        column = strlen("    ") + strlen(item);
                }
                (void)fprintf(file, "%s%s", before, item);
        }
}

static void clear_list(void *field)
{
        string_list_clear(field);
}

const struct config_type config_type_list = {
        .is_list = true,
        .parse = parse_item,
        .print = print_list,
        .clear = clear_list,
};

static int parse_listed_number(const struct config_key *key, const char *text, void *field,
                               struct value_fault *ret_fault)
{
        uint64_t number;

        (void)key;
        if (job_id_parse(text, &number) < 0)
                return refuse(ret_fault, NULL,
                              "write IDs, numbers from 1 to 9223372036854775807, separated by commas");
        id_list_add(field, number);
        return 0;
}

static void print_numbers(const struct config_key *key, const void *field, FILE *file)
{
        const struct id_list *list = field;
        struct string_list texts = { 0 };
        char text[TIMESPAN_TEXT_MAX];

        for (size_t i = 0; i < list->count; i++)
                string_list_add(&texts, format_digits(list->ids[i], text));
        print_list(key, &texts, file);
        string_list_clear(&texts);
}

static void clear_numbers(void *field)
{
        id_list_clear(field);
}

const struct config_type config_type_numbers = {
        .is_list = true,
        .parse = parse_listed_number,
        .print = print_numbers,
        .clear = clear_numbers,
};

const struct config_type config_type_ids = { .is_list = true, .print = print_numbers };
