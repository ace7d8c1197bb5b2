/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "model/event.h"
#include "platform/worker.h"
#include "util/text.h"

/* No entry has more. */
#define ENTRY_FIELDS_MAX 32

/* What an entry will consist of. Names and data are borrowed, so the list must not outlive them. */
struct field_list {
        struct field {
                const char *name; /* NULL: the data is all of the field */
                const char *data;
                size_t size;
        } items[ENTRY_FIELDS_MAX];
        size_t count;
        char texts[256]; /* numbers and the like */
        size_t texts_used;
};

void fields_add(struct field_list *fields, const char *name, const char *data, size_t size);
void fields_add_string(struct field_list *fields, const char *name, const char *string);
/* Copies a short text into the list. */
void fields_add_copy(struct field_list *fields, const char *name, const char *text);
void fields_add_number(struct field_list *fields, const char *name, uint64_t number);
/* A CLOCK_REALTIME in microseconds. */
void fields_add_time(struct field_list *fields, const char *name, uint64_t time_us);
/* Nothing for a null text. `limit` in bytes, 0: none. */
void fields_add_text(struct field_list *fields, const char *name, const struct text *text, size_t limit);

/* An entry to be sent, in one allocation. */
struct entry {
        struct work work;
        struct journal *journal;      /* that has it */
        char event_id[EVENT_ID_SIZE]; /* of an event; "": it is none */
        int result;                   /* of sending it */
        size_t size;                  /* of all of it, in bytes */
        size_t count;
        struct iovec fields[]; /* as sd_journal_sendv() takes them; their contents follow without gaps */
};

/* Returns the entry, which is malloc()ed. */
struct entry *entry_new(const struct field_list *fields);
