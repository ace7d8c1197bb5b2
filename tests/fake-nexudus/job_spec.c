/* SPDX-License-Identifier: MIT */

/* Reads the keys of a [job ID] or [jobs A-B] section into a spec. */

#include "jobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

static const char *const field_keys[FIELD_COUNT] = {
        [FIELD_BUSINESS_ID] = "business_id",
        [FIELD_BUSINESS] = "business",
        [FIELD_USER_ID] = "user_id",
        [FIELD_USER_NAME] = "user_name",
        [FIELD_USER_EMAIL] = "user_email",
        [FIELD_GUID] = "guid",
        [FIELD_DESCRIPTION] = "description",
        [FIELD_FILES] = "files",
        [FIELD_UNIQUE_ID] = "unique_id",
        [FIELD_UPDATED_BY] = "updated_by",
        [FIELD_IS_NEW] = "is_new",
        [FIELD_SYSTEM_ID] = "system_id",
        [FIELD_TO_STRING] = "to_string",
        [FIELD_LOCALIZATION] = "localization",
        [FIELD_CUSTOM_FIELDS] = "custom_fields",
};

struct job_spec *job_spec_free(struct job_spec *spec)
{
        if (!spec)
                return NULL;
        for (size_t i = 0; i < FIELD_COUNT; i++)
                free(spec->fields[i]);
        free(spec->status);
        free(spec->result);
        for (size_t i = 0; i < spec->step_count; i++) {
                free(spec->steps[i].status);
                free(spec->steps[i].result);
        }
        free(spec->steps);
        free(spec);
        return NULL;
}

/* Parses the time of "2s Running" or "poll 3 Running" and advances to the rest. */
static int read_when(char **text, struct job_step *step)
{
        char *word = strsep(text, " ");

        step->by_poll = word && strcmp(word, "poll") == 0;
        if (step->by_poll && *text) {
                *text += strspn(*text, " ");
                word = strsep(text, " ");
        }
        if (!word || !*text)
                return -EINVAL;
        *text += strspn(*text, " ");
        return step->by_poll ? parse_number(word, &step->at) : parse_span(word, &step->at);
}

/* Pads to the size that the section sets. */
static int read_result(const struct job_spec *spec, const char *text, struct job_step *step)
{
        if (strcmp(text, "<null>") == 0)
                return 0;

        struct buffer buffer = { 0 };
        buffer_add_text(&buffer, text);
        if (buffer.size < spec->result_size)
                record_add_padding(&buffer, spec->result_size - buffer.size);
        step->result_size = buffer.size;
        if (!buffer_text(&buffer)) {
                buffer_release(&buffer);
                return -ENOMEM;
        }
        step->result = buffer.data;
        return 0;
}

static int parse_step(const struct job_spec *spec, char *text, struct job_step *ret_step)
{
        struct job_step step = { 0 };
        int r = read_when(&text, &step);
        if (r < 0)
                return r;

        /* The blank after the bar of an empty ResultData was trimmed with the line. */
        char *bar = strstr(text, " | ");
        size_t length = strlen(text);
        if (!bar && length >= 2 && strcmp(text + length - 2, " |") == 0)
                bar = text + length - 2;
        step.keeps_result = !bar;
        if (bar) {
                *bar = 0;
                r = read_result(spec, bar[2] ? bar + 3 : "", &step);
                if (r < 0)
                        return r;
        }
        step.gone = strcmp(text, "<gone>") == 0;
        if (!step.gone && strcmp(text, "-") != 0) {
                step.status = strdup(text);
                if (!step.status) {
                        free(step.result);
                        return -ENOMEM;
                }
        }
        *ret_step = step;
        return 0;
}

static int add_step(struct job_spec *spec, const char *value)
{
        struct job_step *steps = realloc(spec->steps, (spec->step_count + 1) * sizeof *steps);
        if (!steps)
                return -ENOMEM;
        spec->steps = steps;

        char *text = strdup(value);
        if (!text)
                return -ENOMEM;
        int r = parse_step(spec, text, &steps[spec->step_count]);
        free(text);
        if (r == 0)
                spec->step_count++;
        return r;
}

static int set_dates(struct job_spec *spec, const char *value)
{
        static const char *const names[] = {
                [DATES_FRACTION] = "fraction", [DATES_Z] = "z", [DATES_BARE] = "bare", [DATES_EPOCH] = "epoch"
        };

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
                if (strcmp(value, names[i]) == 0) {
                        spec->dates = (enum date_style)i;
                        return 0;
                }
        return -EINVAL;
}

static int set_text(char **text, const char *value)
{
        char *copy = strdup(value);

        if (!copy)
                return -ENOMEM;
        free(*text);
        *text = copy;
        return 0;
}

static int set_search_row(struct job_spec *spec, const char *value)
{
        static const char *const names[] = { [SEARCH_ROW_NORMAL] = "normal",
                                             [SEARCH_ROW_MISSING] = "missing",
                                             [SEARCH_ROW_BROKEN] = "broken",
                                             [SEARCH_ROW_ERROR] = "error" };

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
                if (strcmp(value, names[i]) == 0) {
                        spec->search_row = (enum search_row)i;
                        return 0;
                }
        return -EINVAL;
}

static int set_appears(struct job_spec *spec, const char *value)
{
        uint64_t span;
        int r = parse_span(value, &span);

        if (r == 0) {
                spec->zero += span;
                spec->appears = true;
        }
        return r;
}

static int set_status_type(struct job_spec *spec, const char *value)
{
        spec->status_raw = strcmp(value, "number") == 0 || strcmp(value, "boolean") == 0;
        return spec->status_raw || strcmp(value, "string") == 0 ? 0 : -EINVAL;
}

/* The padding is generated when a step is parsed, so the size must be known before. */
static int set_result_size(struct job_spec *spec, const char *value)
{
        return spec->step_count > 0 ? -EINVAL : parse_size(value, &spec->result_size);
}

int job_spec_set(struct job_spec *spec, const char *key, const char *value, struct problem *problem)
{
        int r = -ENOENT;

        for (size_t i = 0; i < FIELD_COUNT; i++)
                if (strcmp(key, field_keys[i]) == 0) {
                        free(spec->fields[i]);
                        spec->fields[i] = strdup(value);
                        return spec->fields[i] ? 0 : -ENOMEM;
                }
        if (strcmp(key, "step") == 0)
                r = add_step(spec, value);
        else if (strcmp(key, "status") == 0)
                r = set_text(&spec->status, value);
        else if (strcmp(key, "result") == 0)
                r = set_text(&spec->result, value);
        else if (strcmp(key, "spread") == 0)
                r = parse_span(value, &spec->spread);
        else if (strcmp(key, "created") == 0)
                r = parse_span(value, &spec->created_ago);
        else if (strcmp(key, "apart") == 0)
                r = parse_span(value, &spec->apart);
        else if (strcmp(key, "appears") == 0)
                r = set_appears(spec, value);
        else if (strcmp(key, "late") == 0)
                r = parse_span(value, &spec->late);
        else if (strcmp(key, "second_clock") == 0)
                r = parse_span(value, &spec->second_clock);
        else if (strcmp(key, "search_row") == 0)
                r = set_search_row(spec, value);
        else if (strcmp(key, "result_size") == 0)
                r = set_result_size(spec, value);
        else if (strcmp(key, "status_type") == 0)
                r = set_status_type(spec, value);
        else if (strcmp(key, "dates") == 0)
                r = set_dates(spec, value);

        if (r == -ENOENT)
                return problem_set(problem, "unknown key '%s' of a job", key);
        if (r == -EINVAL && strcmp(key, "result_size") == 0)
                return problem_set(problem, "result_size must be a size such as 2M, before the steps");
        if (r == -EINVAL)
                return problem_set(problem, "%s = %.80s: invalid value", key, value);
        return r;
}
