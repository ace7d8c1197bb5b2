/* SPDX-License-Identifier: MIT */

/*
 * Formats a BusinessBackgroundJob like the API: every documented field, null if unset, in the documented
 * order. Fields that a scenario does not set are derived from the id, so that they are the same in each run.
 */

#include "record.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "ini.h"

static const char padding[] = "He said \"run $(id) `id` now\";\n\tpath C:\\temp\\x, \xe2\x9c\x85 "
                              "\xf0\x9f\x98\x80 <b>&amp;</b> %s\r\n";

const char *record_padding(void)
{
        return padding;
}

void record_add_padding(struct buffer *buffer, size_t size)
{
        for (; size >= sizeof padding - 1; size -= sizeof padding - 1)
                buffer_add(buffer, padding, sizeof padding - 1);
        for (; size > 0; size--)
                buffer_add(buffer, "x", 1);
}

static void add_date(struct buffer *buffer, int64_t wall, enum date_style style)
{
        time_t seconds = (time_t)(wall / 1000000);
        struct tm parts;
        char text[32];

        if (style == DATES_EPOCH) {
                buffer_add_format(buffer, "\"/Date(%" PRId64 ")/\"", wall / 1000);
                return;
        }
        gmtime_r(&seconds, &parts);
        size_t length = strftime(text, sizeof text, "\"%Y-%m-%dT%H:%M:%S", &parts);
        buffer_add(buffer, text, length);
        if (style == DATES_FRACTION) {
                char fraction[10] = ".0000000";
                int64_t rest = wall % 1000000;
                for (size_t i = 6; i > 0; i--, rest /= 10)
                        fraction[i] = (char)('0' + rest % 10);
                buffer_add(buffer, fraction, 8);
        }
        buffer_add_text(buffer, style == DATES_BARE ? "\"" : "Z\"");
}

static void add_guid(struct buffer *buffer, uint64_t id, unsigned kind)
{
        uint64_t mixed = (id + kind) * UINT64_C(0x9e3779b97f4a7c15);

        buffer_add_format(buffer, "\"%08x-%04x-4%03x-8%03x-%012" PRIx64 "\"", (unsigned)(mixed >> 32),
                          (unsigned)(mixed >> 16 & 0xffff), (unsigned)(mixed & 0xfff), kind,
                          id & UINT64_C(0xffffffffffff));
}

/* A string of the scenario, with %i replaced by the id. */
static void add_text_field(struct buffer *buffer, const char *value, uint64_t id)
{
        if (!strstr(value, "%i")) {
                buffer_add_json_text(buffer, value);
                return;
        }
        struct buffer text = { 0 };
        for (const char *at; (at = strstr(value, "%i")); value = at + 2) {
                buffer_add(&text, value, (size_t)(at - value));
                buffer_add_number(&text, id);
        }
        buffer_add_text(&text, value);
        buffer_add_json_text(buffer, buffer_text(&text));
        buffer_release(&text);
}

static void add_default(struct buffer *buffer, enum job_field field, uint64_t id)
{
        switch (field) {
        case FIELD_BUSINESS_ID:
                buffer_add_text(buffer, "0");
                return;
        case FIELD_GUID:
                add_guid(buffer, id, 1);
                return;
        case FIELD_UNIQUE_ID:
                add_guid(buffer, id, 2);
                return;
        case FIELD_UPDATED_BY:
                buffer_add_text(buffer, "\"admin@example.com\"");
                return;
        case FIELD_IS_NEW:
                buffer_add_text(buffer, "false");
                return;
        case FIELD_TO_STRING:
                buffer_add_text(buffer, "\"BusinessBackgroundJob ");
                buffer_add_number(buffer, id);
                buffer_add_text(buffer, "\"");
                return;
        case FIELD_CUSTOM_FIELDS:
                buffer_add_text(buffer, id % 3 != 0
                                                ? "null"
                                                : "{\"Data\":[{\"Name\":\"Id\",\"Value\":[1,[2,{\"Status\":"
                                                  "\"inner\"}]]},{\"Id\":-1}],\"ResultData\":\"inner\"}");
                return;
        case FIELD_BUSINESS:
        case FIELD_USER_ID:
        case FIELD_USER_NAME:
        case FIELD_USER_EMAIL:
        case FIELD_DESCRIPTION:
        case FIELD_FILES:
        case FIELD_SYSTEM_ID:
        case FIELD_LOCALIZATION:
        case FIELD_COUNT:
                break;
        }
        buffer_add_text(buffer, "null");
}

bool record_begin_field(struct buffer *buffer, const char *name, const char *omit)
{
        if (omit && list_has(omit, name))
                return false;
        buffer_add_text(buffer, buffer->size > 0 && buffer->data[buffer->size - 1] != '{' ? ",\"" : "\"");
        buffer_add_text(buffer, name);
        buffer_add_text(buffer, "\":");
        return true;
}

static void add_field(struct buffer *buffer, const struct job *job, enum job_field field,
                      const struct record_form *form)
{
        static const struct {
                const char *name;
                bool raw; /* JSON of the scenario, verbatim */
        } rows[FIELD_COUNT] = {
                [FIELD_BUSINESS_ID] = { "BusinessId", true },
                [FIELD_BUSINESS] = { "BusinessName", false },
                [FIELD_USER_ID] = { "UserId", true },
                [FIELD_USER_NAME] = { "UserFullName", false },
                [FIELD_USER_EMAIL] = { "UserEmail", false },
                [FIELD_GUID] = { "JobId", false },
                [FIELD_DESCRIPTION] = { "Description", false },
                [FIELD_FILES] = { "Files", false },
                [FIELD_UNIQUE_ID] = { "UniqueId", false },
                [FIELD_UPDATED_BY] = { "UpdatedBy", false },
                [FIELD_IS_NEW] = { "IsNew", true },
                [FIELD_SYSTEM_ID] = { "SystemId", false },
                [FIELD_TO_STRING] = { "ToStringText", false },
                [FIELD_LOCALIZATION] = { "LocalizationDetails", true },
                [FIELD_CUSTOM_FIELDS] = { "CustomFields", true },
        };
        const char *value = job->spec->fields[field];

        if (!record_begin_field(buffer, rows[field].name, form->omit))
                return;
        if (!value)
                add_default(buffer, field, form->id);
        else if (strcmp(value, "-") == 0)
                buffer_add_text(buffer, "null");
        else if (rows[field].raw)
                buffer_add_text(buffer, value);
        else
                add_text_field(buffer, value, form->id);
}

/* The JSON of a value that is to be sent verbatim, or NULL. */
static const char *verbatim_json(const char *value)
{
        static const char mark[] = "<json>";

        return value && strncmp(value, mark, sizeof mark - 1) == 0 ? value + sizeof mark - 1 : NULL;
}

static void add_result(struct buffer *buffer, const struct job *job)
{
        const char *json = verbatim_json(job->result);

        if (json)
                buffer_add(buffer, json, job->result_size - (size_t)(json - job->result));
        else
                buffer_add_json(buffer, job->result, job->result_size, true);
}

static void add_status(struct buffer *buffer, const struct job *job)
{
        const char *json = verbatim_json(job->status);

        if (json)
                buffer_add_text(buffer, json);
        else if (job->status && job->spec->status_raw)
                buffer_add_text(buffer, job->status);
        else
                buffer_add_json_text(buffer, job->status);
}

/* Returns the offset of the closing quote of an open one, otherwise 0. */
static size_t add_result_field(struct buffer *buffer, const struct job *job, const struct record_form *form)
{
        if (form->shape == RECORD_PARTIAL || !record_begin_field(buffer, "ResultData", form->omit))
                return 0;
        if (form->shape == RECORD_OPEN) {
                buffer_add_text(buffer, "\"\"");
                return buffer->size - 1;
        }
        if (job->result && form->shape == RECORD_FULL)
                add_result(buffer, job);
        else
                buffer_add_text(buffer, "null");
        return 0;
}

size_t record_add(struct buffer *buffer, const struct job *job, const struct record_form *form)
{
        bool is_partial = form->shape == RECORD_PARTIAL;

        buffer_add_text(buffer, "{");
        for (unsigned field = FIELD_BUSINESS_ID; !is_partial && field <= FIELD_FILES; field++)
                add_field(buffer, job, field, form);
        if (record_begin_field(buffer, "Status", form->omit))
                add_status(buffer, job);
        size_t open = add_result_field(buffer, job, form);
        if (record_begin_field(buffer, "Id", form->omit))
                buffer_add_number(buffer, form->id);
        if (record_begin_field(buffer, "UpdatedOn", form->omit))
                add_date(buffer, job->updated_wall, job->spec->dates);
        if (record_begin_field(buffer, "CreatedOn", form->omit))
                add_date(buffer, job->created_wall, job->spec->dates);
        for (unsigned field = FIELD_UNIQUE_ID; field < (is_partial ? FIELD_UPDATED_BY : FIELD_COUNT); field++)
                add_field(buffer, job, field, form);
        buffer_add_text(buffer, "}");
        return open;
}
