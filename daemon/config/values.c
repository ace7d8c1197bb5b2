/* SPDX-License-Identifier: MIT */

/*
 * Parses and formats values by the kind of their keys. All messages about a value have the same form: the
 * key, the value, and what to write instead.
 */

#include "config/values.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/suggestion.h"
#include "util/cleanup.h"
#include "util/text.h"
#include "util/timespan.h"

static void *field_of(const struct config_key *key, void *base)
{
        return (char *)base + key->offset;
}

static const void *const_field_of(const struct config_key *key, const void *base)
{
        return (const char *)base + key->offset;
}

/* Of a value in a message. */
#define SHOWN_BYTES 200

/*
 * Reports a value: "KEY = VALUE is FAULT HINT", where the hint says what to write instead. Returns false, as
 * the callers do for an invalid value.
 */
static bool refuse_as(const char *fault, const struct config_key *key, const char *text,
                      struct location location, struct diagnostics *diagnostics, const char *hint)
{
        CLEANUP(cleanup_free) char *shown = text_escape(text, strlen(text), SHOWN_BYTES);

        if (shown == NULL)
                diagnostics_no_memory(diagnostics);
        else if (*text == '\0')
                diagnostics_error(diagnostics, location, "%s is empty; %s, or remove the line", key->name,
                                  hint);
        else
                diagnostics_error(diagnostics, location, "%s%s%s is %s %s%s", key->name,
                                  key->may_contain_secret ? "" : " = ", key->may_contain_secret ? "" : shown,
                                  fault, hint,
                                  /* People expect a comment. */
                                  strstr(text, " #") != NULL ? "; a comment after a value starts with \" ;\""
                                                             : "");
        return false;
}

static bool refuse(const struct config_key *key, const char *text, struct location location,
                   struct diagnostics *diagnostics, const char *hint)
{
        return refuse_as("invalid:", key, text, location, diagnostics, hint);
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

static void number_format(const struct config_key *key, uint64_t number,
                          char buffer[static TIMESPAN_TEXT_MAX])
{
        if (key->kind == KIND_TIMESPAN)
                (void)timespan_format(number, buffer);
        else if (key->kind == KIND_SIZE)
                (void)size_format((size_t)number, buffer);
        else
                (void)snprintf(buffer, TIMESPAN_TEXT_MAX, "%" PRIu64, number);
}

static bool in_range(const struct config_key *key, const char *text, uint64_t number,
                     struct location location, struct diagnostics *diagnostics)
{
        char least[TIMESPAN_TEXT_MAX], most[TIMESPAN_TEXT_MAX], hint[2 * TIMESPAN_TEXT_MAX + 16];

        if (number >= key->minimum && number <= key->maximum)
                return true;
        number_format(key, key->minimum, least);
        number_format(key, key->maximum, most);
        (void)snprintf(hint, sizeof(hint), "write %s to %s", least, most);
        return refuse_as("out of range;", key, text, location, diagnostics, hint);
}

static bool set_timespan(const struct config_key *key, const char *text, struct location location, void *base,
                         struct diagnostics *diagnostics)
{
        uint64_t span = 0;

        int r = timespan_parse(text, &span);
        if (r == -ERANGE)
                span = UINT64_MAX;
        else if (r < 0)
                return refuse(key, text, location, diagnostics,
                              "write a time span such as 15s, 1min 30s or 2h");
        if (!in_range(key, text, span, location, diagnostics))
                return false;
        *(uint64_t *)field_of(key, base) = span;
        return true;
}

static bool set_size(const struct config_key *key, const char *text, struct location location, void *base,
                     struct diagnostics *diagnostics)
{
        size_t size = 0;

        int r = size_parse(text, &size);
        if (r == -ERANGE)
                size = SIZE_MAX;
        else if (r < 0)
                return refuse(key, text, location, diagnostics,
                              "write a number of bytes such as 4096, 64K or 16M");
        if (!in_range(key, text, size, location, diagnostics))
                return false;
        *(size_t *)field_of(key, base) = size;
        return true;
}

static bool set_unsigned(const struct config_key *key, const char *text, struct location location, void *base,
                         struct diagnostics *diagnostics)
{
        size_t digits = strspn(text, "0123456789");

        if (digits == 0 || text[digits] != '\0')
                return refuse(key, text, location, diagnostics, "write a whole number");
        /* Saturates at a number that is out of any range. */
        uint64_t number = strtoull(text, NULL, 10);
        if (!in_range(key, text, number, location, diagnostics))
                return false;
        *(unsigned *)field_of(key, base) = (unsigned)number;
        return true;
}

static bool set_boolean(const struct config_key *key, const char *text, struct location location, void *base,
                        struct diagnostics *diagnostics)
{
        static const char *const choices[] = { "no", "yes", "false", "true", "off", "on",
                                               "0",  "1",   "n",     "y",    "f",   "t" };

        for (size_t i = 0; i < sizeof(choices) / sizeof(*choices); i++)
                if (strcasecmp(text, choices[i]) == 0) {
                        *(bool *)field_of(key, base) = i % 2 == 1;
                        return true;
                }
        return refuse(key, text, location, diagnostics, "write yes or no");
}

static const struct config_choice *find_choice(const struct config_key *key, const char *text)
{
        for (const struct config_choice *choice = key->choices; choice->text != NULL; choice++)
                if (strcmp(choice->text, text) == 0)
                        return choice;
        return NULL;
}

/* Suggests the most similar choice, or lists them all: "write token, password or basic". */
static bool refuse_choice(const struct config_key *key, const char *text, struct location location,
                          struct diagnostics *diagnostics)
{
        struct suggestion suggestion = suggestion_start(text);
        char hint[256] = "write ";
        size_t used = strlen(hint);

        for (const struct config_choice *choice = key->choices; choice->text != NULL; choice++) {
                const char *separator = choice == key->choices ? "" : choice[1].text == NULL ? " or " : ", ";
                suggestion_consider(&suggestion, choice->text);
                if (used < sizeof(hint))
                        used += (size_t)snprintf(hint + used, sizeof(hint) - used, "%s%s", separator,
                                                 choice->text);
        }
        if (suggestion.nearest == NULL || *text == '\0')
                return refuse(key, text, location, diagnostics, hint);
        (void)snprintf(hint, sizeof(hint), "did you mean \"%s\"?", suggestion.nearest);
        return refuse_as("invalid;", key, text, location, diagnostics, hint);
}

static bool set_choice(const struct config_key *key, const char *text, struct location location, void *base,
                       struct diagnostics *diagnostics)
{
        const struct config_choice *choice = find_choice(key, text);

        if (choice == NULL)
                return refuse_choice(key, text, location, diagnostics);
        *(unsigned *)field_of(key, base) = (unsigned)choice->value;
        return true;
}

static bool set_id(const struct config_key *key, const char *text, struct location location, void *base,
                   struct diagnostics *diagnostics)
{
        if (job_id_parse(text, field_of(key, base)) < 0)
                return refuse(key, text, location, diagnostics,
                              "write a job ID, a number from 1 to 9223372036854775807");
        return true;
}

/* Validates a value that is kept as text. */
static bool check_text(const struct config_key *key, const char *text, struct location location,
                       struct diagnostics *diagnostics)
{
        const char *hint = key->check != NULL ? key->check(text) : NULL;

        return hint == NULL || refuse(key, text, location, diagnostics, hint);
}

static bool set_string(const struct config_key *key, const char *text, struct location location, void *base,
                       struct diagnostics *diagnostics)
{
        if (!check_text(key, text, location, diagnostics))
                return false;

        char *copy = strdup(text);
        if (copy == NULL) {
                diagnostics_no_memory(diagnostics);
                return false;
        }
        if (key->normalise != NULL)
                key->normalise(copy);

        char **field = field_of(key, base);
        free(*field);
        *field = copy;
        if (key->kind == KIND_TARGET)
                ((struct hook_config *)base)->kind = (enum hook_kind)key->hook_kind;
        return true;
}

bool value_set(const struct config_key *key, const char *text, struct location location, void *base,
               struct diagnostics *diagnostics)
{
        switch (key->kind) {
        case KIND_STRING:
        case KIND_TARGET:
                return set_string(key, text, location, base, diagnostics);
        case KIND_TIMESPAN:
                return set_timespan(key, text, location, base, diagnostics);
        case KIND_SIZE:
                return set_size(key, text, location, base, diagnostics);
        case KIND_UNSIGNED:
                return set_unsigned(key, text, location, base, diagnostics);
        case KIND_BOOLEAN:
                return set_boolean(key, text, location, base, diagnostics);
        case KIND_CHOICE:
                return set_choice(key, text, location, base, diagnostics);
        case KIND_ID:
                return set_id(key, text, location, base, diagnostics);
        case KIND_ID_LIST:
        case KIND_LIST:
        case KIND_EVENTS:
                break;
        }
        return true;
}

bool value_add(const struct config_key *key, const char *text, struct location location, void *base,
               struct diagnostics *diagnostics)
{
        if (key->kind == KIND_EVENTS) {
                const struct config_choice *choice = find_choice(key, text);
                if (choice == NULL)
                        return refuse_choice(key, text, location, diagnostics);
                *(unsigned *)field_of(key, base) |= (unsigned)choice->value;
                return true;
        }
        if (!check_text(key, text, location, diagnostics))
                return false;
        if (string_list_add(field_of(key, base), text) < 0)
                diagnostics_no_memory(diagnostics);
        return true;
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

        for (const struct config_choice *choice = key->choices; choice->text != NULL; choice++) {
                bool single = __builtin_popcount((unsigned)choice->value) == 1;
                if (single && (events & (unsigned)choice->value) != 0)
                        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
                                                 used > 0 ? ", " : "", choice->text);
        }
        return strdup(text);
}

char *value_format(const struct config_key *key, const void *base)
{
        const void *field = const_field_of(key, base);
        char text[TIMESPAN_TEXT_MAX] = "";

        switch (key->kind) {
        case KIND_STRING:
        case KIND_TARGET:
                return strdup(*(char *const *)field != NULL ? *(char *const *)field : "");
        case KIND_TIMESPAN:
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
        case KIND_CHOICE:
                for (const struct config_choice *choice = key->choices; choice->text != NULL; choice++)
                        if ((unsigned)choice->value == *(const unsigned *)field)
                                return strdup(choice->text);
                break;
        case KIND_EVENTS:
                return events_format(key, *(const unsigned *)field);
        case KIND_LIST:
        case KIND_ID_LIST:
                break;
        }
        return strdup(text);
}
