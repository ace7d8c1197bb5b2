/* SPDX-License-Identifier: MIT */

/*
 * What is logged: messages, events, and the output of hooks. Each becomes an entry, which is made from the
 * settings of now and handed to the sender.
 */

#include "journal/journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/entry.h"
#include "journal/event_entry.h"
#include "journal/event_message.h"
#include "journal/sender.h"
#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"

struct journal {
        struct target target;
        enum log_target configured; /* at start */
        int level;
        size_t result_bytes;
        bool personal_data;
        struct journal_callbacks callbacks;
        struct sender *sender;
        bool abandoned; /* a thread that is stuck uses all of this until the process ends */
};

DEFINE_CLEANUP(struct journal, journal_close)

/* ---- opening ---- */

bool journal_is_standard_error(void)
{
        return target_is_standard_error();
}

static void on_sent(void *userdata, const char *event_id)
{
        const struct journal *journal = userdata;

        if (journal->callbacks.on_sent != NULL)
                journal->callbacks.on_sent(journal->callbacks.userdata, event_id);
}

static void on_drained(void *userdata, size_t dropped, int refused)
{
        struct journal *journal = userdata;

        if (dropped > 0)
                journal_print(journal, LOG_WARNING,
                              "%zu log entr%s dropped: the journal did not accept %s in time.", dropped,
                              dropped == 1 ? "y was" : "ies were", dropped == 1 ? "it" : "them");
        if (refused < 0 && journal->callbacks.on_drained != NULL)
                journal->callbacks.on_drained(journal->callbacks.userdata, refused);
}

int journal_open(const struct log_config *settings, struct journal **ret_journal)
{
        struct target target;

        int r = target_open(settings->target, &target);
        if (r < 0)
                return r;

        CLEANUP(cleanup_journal_close) struct journal *journal = memory_need(calloc(1, sizeof(*journal)));
        journal->target = target;
        journal->configured = settings->target;
        const struct sender_parts parts = {
                .target = target,
                .on_sent = on_sent,
                .on_drained = on_drained,
                .userdata = journal,
        };
        journal->sender = sender_new(&parts);
        journal_set(journal, settings);

        *ret_journal = STEAL_POINTER(journal);
        return 0;
}

struct journal *journal_close(struct journal *journal)
{
        if (journal == NULL || journal->abandoned)
                return NULL;
        sender_free(journal->sender);
        free(journal);
        return NULL;
}

void journal_set_callbacks(struct journal *journal, const struct journal_callbacks *callbacks)
{
        journal->callbacks = callbacks != NULL ? *callbacks : (struct journal_callbacks){ 0 };
}

int journal_start(struct journal *journal, sd_event *event)
{
        return sender_start(journal->sender, event);
}

bool journal_stop(struct journal *journal, uint64_t timeout_us)
{
        journal->abandoned = !sender_stop(journal->sender, timeout_us);
        return !journal->abandoned;
}

bool journal_is_idle(const struct journal *journal)
{
        return sender_is_idle(journal->sender);
}

bool journal_is_busy(const struct journal *journal)
{
        return sender_is_busy(journal->sender);
}

bool journal_is_stuck(const struct journal *journal)
{
        return sender_is_stuck(journal->sender);
}

void journal_set(struct journal *journal, const struct log_config *settings)
{
        journal->level = settings->level;
        journal->result_bytes = settings->result_bytes;
        journal->personal_data = settings->personal_data;
        if (settings->target != journal->configured)
                journal_print(journal, LOG_WARNING,
                              "Cannot change [log] target while running; restart the service.");
}

/* ---- messages ---- */

static void add_head(struct field_list *fields, int priority, const char *identifier, uint64_t time_us)
{
        fields_add_number(fields, "PRIORITY", (uint64_t)priority);
        fields_add_string(fields, "SYSLOG_IDENTIFIER", identifier);
        fields_add_time(fields, "JOBWATCH_TIME", time_us);
}

static void add_delivery(struct field_list *fields, const struct journal_delivery *delivery)
{
        if (delivery->job_id != 0)
                fields_add_number(fields, "JOBWATCH_JOB", delivery->job_id);
        if (delivery->job_name != NULL)
                fields_add_string(fields, "JOBWATCH_JOB_NAME", delivery->job_name);
        if (delivery->event_id != NULL)
                fields_add_string(fields, "JOBWATCH_EVENT_ID", delivery->event_id);
        if (delivery->hook != NULL)
                fields_add_string(fields, "JOBWATCH_HOOK", delivery->hook);
        if (delivery->hook != NULL && delivery->attempt != 0)
                fields_add_number(fields, "JOBWATCH_ATTEMPT", delivery->attempt);
        if (delivery->uid != NULL)
                fields_add_number(fields, "JOBWATCH_UID", *delivery->uid);
}

/* That the entry could not be sent is not reported: nobody would do anything about it. */
static void print(struct journal *journal, int priority, const char *message_id,
                  const struct journal_delivery *about, const char *format, va_list arguments)
        __attribute__((format(printf, 5, 0)));

static void print(struct journal *journal, int priority, const char *message_id,
                  const struct journal_delivery *about, const char *format, va_list arguments)
{
        CLEANUP(cleanup_free) char *raw = NULL;
        CLEANUP(cleanup_free) char *message = NULL;
        struct field_list fields = { .count = 0 };

        if (priority > journal->level)
                return;
        raw = format_message_list(format, arguments);
        message = text_escape(raw, strlen(raw), 0);
        if (journal->target.native) {
                fields_add_string(&fields, "MESSAGE", message);
                add_head(&fields, priority, "jobwatchd", clock_wall_us());
                if (message_id != NULL)
                        fields_add_string(&fields, "MESSAGE_ID", message_id);
                add_delivery(&fields, about);
        } else {
                target_add_line(&journal->target, &fields, priority, message);
        }
        (void)sender_send(journal->sender, entry_new(&fields));
}

void journal_print(struct journal *journal, int priority, const char *format, ...)
{
        const struct journal_delivery nothing = { .job_id = 0 };
        va_list arguments;

        va_start(arguments, format);
        print(journal, priority, NULL, &nothing, format, arguments);
        va_end(arguments);
}

void journal_print_about(struct journal *journal, int priority, const char *message_id, uint64_t job_id,
                         const char *job_name, const char *format, ...)
{
        const struct journal_delivery about = { .job_id = job_id, .job_name = job_name };
        va_list arguments;

        va_start(arguments, format);
        print(journal, priority, message_id, &about, format, arguments);
        va_end(arguments);
}

void journal_print_delivery(struct journal *journal, int priority, const char *message_id,
                            const struct journal_delivery *delivery, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        print(journal, priority, message_id, delivery, format, arguments);
        va_end(arguments);
}

void journal_print_output(struct journal *journal, const struct journal_delivery *delivery, int priority,
                          const char *line, size_t size)
{
        CLEANUP(cleanup_free) char *text = NULL;
        struct field_list fields = { .count = 0 };

        if (journal->target.native) {
                text = format_message("jobwatch-%s", delivery->hook);
                fields_add(&fields, "MESSAGE", line, size);
                add_head(&fields, priority, text, clock_wall_us());
                add_delivery(&fields, delivery);
        } else {
                text = text_escape(line, size, 0);
                fields_add_string(&fields, NULL, text);
                fields_add_string(&fields, NULL, "\n");
        }
        (void)sender_send(journal->sender, entry_new(&fields));
}

/* ---- events ---- */

int journal_event(struct journal *journal, const struct event *event)
{
        CLEANUP(cleanup_free) char *message = event_message(event, journal->result_bytes);
        CLEANUP(cleanup_free) char *line = NULL;
        const int priority = event_priority(event->kind);
        struct field_list fields = { .count = 0 };

        if (journal->target.native) {
                /* An entry that is repeated is the same one, so it has the time of the event. */
                fields_add_string(&fields, "MESSAGE", message);
                add_head(&fields, priority, "jobwatchd", event->time_us);
                fields_add_string(&fields, "MESSAGE_ID", event_message_id(event->kind));
                event_add_fields(&fields, event, journal->result_bytes, journal->personal_data);
        } else {
                line = event_console_message(event, message);
                target_add_line(&journal->target, &fields, priority, line);
        }
        struct entry *entry = entry_new(&fields);
        memcpy(entry->event_id, event->id, sizeof(entry->event_id));
        return sender_send(journal->sender, entry);
}
