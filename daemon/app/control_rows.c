/* SPDX-License-Identifier: MIT */

/* A job as a row of a reply: what is in memory of it, and what is recorded. */

#include "app/control_rows.h"

#include <stdlib.h>
#include <string.h>

#include "bus/reply.h"
#include "model/progress.h"
#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/string_list.h"
#include "util/timespan.h"

static void cleanup_list(struct string_list *list)
{
        string_list_clear(list);
}

void job_row_clear(struct job_row *row)
{
        listed_job_clear(&row->stored);
        free(row->name);
        free(row->sections);
        *row = (struct job_row){ .is_watched = false };
}

void job_row_watch(struct job_row *row, const struct watched_job *watched)
{
        row->is_watched = true;
        row->watched = *watched;
        row->watched.hooks = NULL;
        if (watched->name != NULL)
                row->watched.name = row->name = memory_need(strdup(watched->name));
        if (watched->sections != NULL)
                row->watched.sections = row->sections = memory_need(strdup(watched->sections));
}

void job_row_store(struct job_row *row, struct listed_job *job)
{
        const struct text *result = &job->record.result;

        row->is_stored = true;
        row->stored = *job;
        row->progress = PROGRESS_NONE;
        if (result->data != NULL && job->outcome == OUTCOME_OPEN) {
                size_t size = result->size < PROGRESS_TEXT_MAX ? result->size : PROGRESS_TEXT_MAX;
                row->progress = progress_detect(result->data, size, size < job->result_size);
        }
        *job = (struct listed_job){ .has_event = false };
}

uint64_t job_row_id(const struct job_row *row)
{
        return row->is_watched ? row->watched.id : row->stored.record.id;
}

enum outcome job_row_outcome(const struct job_row *row)
{
        return row->is_stored ? row->stored.outcome : OUTCOME_OPEN;
}

static const char *find_configured_name(const struct config *config, uint64_t id)
{
        for (size_t i = 0; i < config->job_count; i++)
                if (config->jobs[i].id == id)
                        return config->jobs[i].name;
        return NULL;
}

const char *job_row_name(const struct control *control, const struct job_row *row)
{
        if (row->is_watched)
                return row->watched.name;
        return control->parts->monitor == NULL ? find_configured_name(control->parts->config, job_row_id(row))
                                               : NULL;
}

void control_cut_text(struct text *text, size_t limit)
{
        size_t size = text_cut(text->data, text->size, limit);
        char *cut = size < text->size ? realloc(text->data, size + 1) : NULL;

        if (cut == NULL)
                return;
        cut[size] = '\0';
        *text = (struct text){ cut, size };
}

void control_put_text(struct bus_call *call, const char *key, const struct text *text)
{
        bus_put_text(call, key, text->data, text->size, LIST_TEXT_MAX);
}

void control_put_sections(struct bus_call *call, const char *sections)
{
        CLEANUP(cleanup_list) struct string_list list = { .items = NULL };

        for (const char *name = sections, *end; name != NULL; name = *end != '\0' ? end + 1 : NULL) {
                end = strchrnul(name, ',');
                CLEANUP(cleanup_free) char *copy = memory_need(strndup(name, (size_t)(end - name)));
                string_list_add(&list, copy);
        }
        bus_put_strings(call, "Discover", list.items);
}

static void put_stored(struct bus_call *call, const struct listed_job *job)
{
        const struct job_record *record = &job->record;

        control_put_text(call, "Status", &record->status);
        if (job->has_event)
                bus_put_string(call, "Event", event_kind_to_string(job->event));
        bus_put_number(call, "ChangedUSec", job->changed_us);
        bus_put_number(call, "FirstUSec", job->first_us);
        control_put_text(call, "Description", &record->description);
        if (record->has_result && record->result.data != NULL) {
                bus_put_text(call, "Result", record->result.data, record->result.size, 0);
                bus_put_number(call, "ResultBytes", job->result_size);
        }
        control_put_text(call, "Business", &record->business);
        if (record->business_id != 0)
                bus_put_number(call, "BusinessId", record->business_id);
}

static void add_duration(void *userdata, const struct text *description, uint64_t duration_us)
{
        durations_add(userdata, description_kind(description->data, description->size), duration_us);
}

int read_durations(struct store *store, struct durations *ret_durations)
{
        ret_durations->count = 0;
        return store_list_durations(store, DURATIONS_MAX, add_duration, ret_durations);
}

/* What is left of the time that similar jobs took; 0 if this one takes longer. */
static void put_left(struct bus_call *call, const struct listed_job *job, struct durations *durations)
{
        const struct text *description = &job->record.description;
        const uint64_t now_us = clock_wall_us();
        uint64_t median_us;

        if (!durations_median(durations, description_kind(description->data, description->size), &median_us))
                return;
        const uint64_t elapsed_us = now_us > job->first_us ? now_us - job->first_us : 0;
        bus_put_number(call, "LeftUSec", median_us > elapsed_us ? median_us - elapsed_us : 0);
}

static void put_progress(struct bus_call *call, const struct job_row *row, struct durations *durations)
{
        if (row->progress != PROGRESS_NONE)
                bus_put_count(call, "Progress", (uint32_t)row->progress);
        if (row->stored.outcome == OUTCOME_OPEN && !(row->is_watched && row->watched.removed))
                put_left(call, &row->stored, durations);
}

void job_row_put(const struct control *control, struct bus_call *call, const struct job_row *row,
                 struct durations *durations)
{
        const struct watched_job *watched = row->is_watched ? &row->watched : NULL;

        bus_put_number(call, "Id", job_row_id(row));
        bus_put_string(call, "Name", job_row_name(control, row));
        control_put_sections(call, watched != NULL && watched->sections != NULL ? watched->sections
                                                                                : row->stored.sections.data);
        bus_put_string(call, "Outcome", outcome_to_string(job_row_outcome(row)));
        bus_put_flag(call, "Observed", row->is_stored);
        if (row->is_stored) {
                put_stored(call, &row->stored);
                put_progress(call, row, durations);
        }
        if (watched != NULL && watched->failure != FAILURE_NONE)
                bus_put_string(call, "Failing", failure_to_string(watched->failure));
        if (watched != NULL && watched->next_us != USEC_NEVER)
                bus_put_number(call, "NextPollUSec", control_wall_us(control, watched->next_us));
        bus_put_flag(call, "Listed", watched != NULL && watched->listed);
        bus_put_flag(call, "Added", watched != NULL && watched->added);
        bus_put_flag(call, "Removed", watched != NULL && watched->removed);
}
