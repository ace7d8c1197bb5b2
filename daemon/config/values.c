/* SPDX-License-Identifier: MIT */

/*
 * Values: from text to field and back, by the kind of the key. What a value may be is in the key's row; how a
 * person is told that it is not so is here, in one form for all: the key, the value, what to write instead.
 */

#include "config/values.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/span.h"
#include "config/value_checks.h"

static void *field_of(const struct config_key *key, void *base)
{
        return (char *)base + key->offset;
}

static const void *const_field_of(const struct config_key *key, const void *base)
{
        return (const char *)base + key->offset;
}

static void complain(const struct config_key *key, const char *text, struct place place,
                     struct report *report, const char *cure)
{
        /* inih takes " #" for a part of the value, which people do not expect. */
        const char *hint = strstr(text, " #") != NULL ? "; a comment behind a value begins with \" ;\"" : "";

        if (*text == '\0')
                report_error(report, place, "%s is empty; %s, or remove the line", key->name, cure);
        else
                report_error(report, place, "%s = %s is not understood: %s%s", key->name, text, cure, hint);
}

int job_id_parse(const char *text, uint64_t *ret_id)
{
        uint64_t id = 0;

        if (*text == '\0')
                return -EINVAL;
        for (; *text != '\0'; text++)
                if (*text < '0' || *text > '9' || __builtin_mul_overflow(id, 10, &id) ||
                    __builtin_add_overflow(id, (uint64_t)(*text - '0'), &id))
                        return -EINVAL;
        if (id == 0 || id > INT64_MAX)
                return -EINVAL;

        *ret_id = id;
        return 0;
}

int string_list_add(struct string_list *list, const char *item)
{
        CLEANUP(cleanup_free) char *copy = strdup(item);
        if (copy == NULL)
                return -ENOMEM;

        char **grown = reallocarray(list->items, list->count + 2, sizeof(*grown));
        if (grown == NULL)
                return -ENOMEM;
        grown[list->count++] = STEAL_POINTER(copy);
        grown[list->count] = NULL;
        list->items = grown;
        return 0;
}

void string_list_clear(struct string_list *list)
{
        for (size_t i = 0; i < list->count; i++)
                free(list->items[i]);
        free(list->items);
        *list = (struct string_list){ 0 };
}

char *list_next(const char **at)
{
        const char *start = *at + strspn(*at, " \t,");
        size_t size = strcspn(start, ",");

        if (size == 0) {
                *at = start;
                return NULL;
        }
        const char *end = start + size;
        while (size > 0 && (start[size - 1] == ' ' || start[size - 1] == '\t'))
                size--;

        char *item = strndup(start, size);
        if (item != NULL)
                *at = end;
        return item;
}

static void number_format(const struct config_key *key, uint64_t number, char buffer[static SPAN_TEXT_MAX])
{
        if (key->kind == KIND_SPAN)
                span_format(number, buffer);
        else if (key->kind == KIND_SIZE)
                size_format((size_t)number, buffer);
        else
                snprintf(buffer, SPAN_TEXT_MAX, "%" PRIu64, number);
}

static bool in_range(const struct config_key *key, const char *text, uint64_t number, struct place place,
                     struct report *report)
{
        char least[SPAN_TEXT_MAX], most[SPAN_TEXT_MAX];

        if (number >= key->minimum && number <= key->maximum)
                return true;
        number_format(key, key->minimum, least);
        number_format(key, key->maximum, most);
        report_error(report, place, "%s = %s is out of range; write %s to %s", key->name, text, least, most);
        return false;
}

static void set_span(const struct config_key *key, const char *text, struct place place, void *base,
                     struct report *report)
{
        uint64_t span = 0;

        int r = span_parse(text, &span);
        if (r == -ERANGE)
                span = UINT64_MAX;
        else if (r < 0) {
                complain(key, text, place, report, "write a time span such as 15s, 1min 30s or 2h");
                return;
        }
        if (in_range(key, text, span, place, report))
                *(uint64_t *)field_of(key, base) = span;
}

static void set_size(const struct config_key *key, const char *text, struct place place, void *base,
                     struct report *report)
{
        size_t size = 0;

        int r = size_parse(text, &size);
        if (r == -ERANGE)
                size = SIZE_MAX;
        else if (r < 0) {
                complain(key, text, place, report, "write a number of bytes such as 4096, 64K or 16M");
                return;
        }
        if (in_range(key, text, size, place, report))
                *(size_t *)field_of(key, base) = size;
}

static void set_unsigned(const struct config_key *key, const char *text, struct place place, void *base,
                         struct report *report)
{
        size_t digits = strspn(text, "0123456789");

        if (digits == 0 || text[digits] != '\0') {
                complain(key, text, place, report, "write a whole number");
                return;
        }
        /* Saturates at what is out of every range. */
        uint64_t number = strtoull(text, NULL, 10);
        if (in_range(key, text, number, place, report))
                *(unsigned *)field_of(key, base) = (unsigned)number;
}

static void set_boolean(const struct config_key *key, const char *text, struct place place, void *base,
                        struct report *report)
{
        static const char *const words[] = { "no", "yes", "false", "true", "off", "on",
                                             "0",  "1",   "n",     "y",    "f",   "t" };

        for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
                if (strcasecmp(text, words[i]) == 0) {
                        *(bool *)field_of(key, base) = i % 2 == 1;
                        return;
                }
        complain(key, text, place, report, "write yes or no");
}

static const struct config_word *find_word(const struct config_key *key, const char *text)
{
        for (const struct config_word *word = key->words; word->word != NULL; word++)
                if (strcmp(word->word, text) == 0)
                        return word;
        return NULL;
}

/* "write token, password or basic", with the likeliest first said if there is one. */
static void complain_word(const struct config_key *key, const char *text, struct place place,
                          struct report *report)
{
        const struct config_word *nearest = NULL;
        unsigned best = (unsigned)strlen(text) / 3 + 1;
        char cure[256] = "write ";
        size_t used = strlen(cure);

        for (const struct config_word *word = key->words; word->word != NULL; word++) {
                unsigned distance = word_distance(text, word->word, best);
                if (distance < best) {
                        best = distance;
                        nearest = word;
                }
                bool last = word[1].word == NULL;
                if (used < sizeof(cure))
                        used += (size_t)snprintf(cure + used, sizeof(cure) - used, "%s%s",
                                                 word == key->words ? ""
                                                 : last             ? " or "
                                                                    : ", ",
                                                 word->word);
        }
        if (nearest != NULL && *text != '\0')
                report_error(report, place, "%s = %s is not understood; did you mean \"%s\"?", key->name,
                             text, nearest->word);
        else
                complain(key, text, place, report, cure);
}

static void set_word(const struct config_key *key, const char *text, struct place place, void *base,
                     struct report *report)
{
        const struct config_word *word = find_word(key, text);

        if (word == NULL) {
                complain_word(key, text, place, report);
                return;
        }
        *(unsigned *)field_of(key, base) = (unsigned)word->value;
}

static void set_id(const struct config_key *key, const char *text, struct place place, void *base,
                   struct report *report)
{
        if (job_id_parse(text, field_of(key, base)) < 0)
                complain(key, text, place, report,
                         "write the id of a job, a number from 1 to 9223372036854775807");
}

/*
 * A " #" that stands alone: someone's comment, which inih takes for a part of the value. Within quotes, and
 * in front of a word, it can be meant.
 */
static bool has_hash_comment(const char *text, bool quotes_count)
{
        char quote = '\0';

        for (size_t i = 0; text[i] != '\0'; i++) {
                bool starts = i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t';
                bool ends =
                        text[i] != '\0' && strchr(" \t", text[i + 1]) != NULL; /* or the end of the text */
                if (text[i] == '#' && starts && ends && quote == '\0')
                        return true;
                if (!quotes_count)
                        continue;
                if (quote != '\0')
                        quote = (char)(text[i] == quote ? '\0' : quote);
                else if (text[i] == '"' || text[i] == '\'')
                        quote = text[i];
        }
        return false;
}

/* Whether the text is right for a key that keeps text. */
static bool check_text(const struct config_key *key, const char *text, struct place place,
                       struct report *report)
{
        const char *cure = NULL;

        if (has_hash_comment(text, key->kind == KIND_TARGET))
                cure = "# begins no comment here; write \" ;\" in front of one";
        else if (key->check != NULL)
                cure = key->check(text);
        if (cure == NULL)
                return true;
        if (text[0] == '\0')
                report_error(report, place, "%s is empty: %s", key->name, cure);
        else
                report_error(report, place, "%s = %s: %s", key->name, text, cure);
        return false;
}

static void set_string(const struct config_key *key, const char *text, struct place place, void *base,
                       struct report *report)
{
        if (!check_text(key, text, place, report))
                return;

        char *copy = strdup(text);
        if (copy == NULL) {
                report_oom(report);
                return;
        }
        for (size_t size = strlen(copy); key->check == check_base_url && size > 0 && copy[size - 1] == '/';
             size--)
                copy[size - 1] = '\0';

        char **field = field_of(key, base);
        free(*field);
        *field = copy;
        if (key->kind == KIND_TARGET)
                ((struct hook_config *)base)->kind = (enum hook_kind)key->hook_kind;
}

void value_set(const struct config_key *key, const char *text, struct place place, void *base,
               struct report *report)
{
        switch (key->kind) {
        case KIND_STRING:
        case KIND_TARGET:
                set_string(key, text, place, base, report);
                break;
        case KIND_SPAN:
                set_span(key, text, place, base, report);
                break;
        case KIND_SIZE:
                set_size(key, text, place, base, report);
                break;
        case KIND_UNSIGNED:
                set_unsigned(key, text, place, base, report);
                break;
        case KIND_BOOLEAN:
                set_boolean(key, text, place, base, report);
                break;
        case KIND_WORD:
                set_word(key, text, place, base, report);
                break;
        case KIND_ID:
                set_id(key, text, place, base, report);
                break;
        case KIND_ID_LIST:
        case KIND_LIST:
        case KIND_EVENTS:
                break;
        }
}

void value_add(const struct config_key *key, const char *text, struct place place, void *base,
               struct report *report)
{
        if (key->kind == KIND_EVENTS) {
                const struct config_word *word = find_word(key, text);
                if (word == NULL)
                        complain_word(key, text, place, report);
                else
                        *(unsigned *)field_of(key, base) |= (unsigned)word->value;
        } else if (check_text(key, text, place, report) && string_list_add(field_of(key, base), text) < 0) {
                report_oom(report);
        }
}

void value_clear(const struct config_key *key, void *base)
{
        if (key->kind == KIND_EVENTS)
                *(unsigned *)field_of(key, base) = 0;
        else if (key->kind == KIND_LIST)
                string_list_clear(field_of(key, base));
}

const struct string_list *value_list(const struct config_key *key, const void *base)
{
        return const_field_of(key, base);
}

static char *events_format(const struct config_key *key, unsigned events)
{
        char text[128] = "";
        size_t used = 0;

        for (const struct config_word *word = key->words; word->word != NULL; word++) {
                bool single = __builtin_popcount((unsigned)word->value) == 1;
                if (single && (events & (unsigned)word->value) != 0)
                        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
                                                 used > 0 ? ", " : "", word->word);
        }
        return strdup(text);
}

char *value_format(const struct config_key *key, const void *base)
{
        const void *field = const_field_of(key, base);
        char text[SPAN_TEXT_MAX] = "";

        switch (key->kind) {
        case KIND_STRING:
        case KIND_TARGET:
                return strdup(*(char *const *)field != NULL ? *(char *const *)field : "");
        case KIND_SPAN:
        case KIND_ID:
                number_format(key, *(const uint64_t *)field, text);
                break;
        case KIND_SIZE:
                number_format(key, *(const size_t *)field, text);
                break;
        case KIND_UNSIGNED:
                number_format(key, *(const unsigned *)field, text);
                break;
        case KIND_BOOLEAN:
                return strdup(*(const bool *)field ? "yes" : "no");
        case KIND_WORD:
                for (const struct config_word *word = key->words; word->word != NULL; word++)
                        if ((unsigned)word->value == *(const unsigned *)field)
                                return strdup(word->word);
                break;
        case KIND_EVENTS:
                return events_format(key, *(const unsigned *)field);
        case KIND_LIST:
        case KIND_ID_LIST:
                break;
        }
        return strdup(text);
}
