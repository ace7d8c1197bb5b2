/* SPDX-License-Identifier: MIT */

/*
 * What is logged: messages, events, and the output of hooks. Each becomes an entry, which is made from the
 * settings of now and handed to the sender.
 */

#include "journal/journal.h"

#include <errno.h>
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
#include "util/message.h"

/* Bytes of a message for which there is no memory, and of everything else in its entry. */
#define SPARE_MESSAGE_BYTES 1024
#define SPARE_OTHER_BYTES   256

struct journal {
        struct target target;
        enum log_target configured; /* at start */
        int level;
        size_t result_bytes;
        bool personal_data;
        struct journal_callbacks callbacks;
        struct sender *sender;
        bool abandoned;      /* a thread that is stuck uses all of this until the process ends */
        struct entry *spare; /* for a message without memory; NULL while it is queued */
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

        CLEANUP(cleanup_journal_close) struct journal *journal = calloc(1, sizeof(*journal));
        if (journal == NULL)
                return -ENOMEM;
        journal->target = target;
        journal->configured = settings->target;
        const struct sender_parts parts = {
                .target = target,
                .on_sent = on_sent,
                .on_drained = on_drained,
                .userdata = journal,
        };
        journal->sender = sender_new(&parts);
        journal->spare = entry_new_spare(SPARE_MESSAGE_BYTES + SPARE_OTHER_BYTES);
        if (journal->sender == NULL || journal->spare == NULL)
                return -ENOMEM;
        journal->spare->home = &journal->spare;
        journal_set(journal, settings);

        *ret_journal = STEAL_POINTER(journal);
        return 0;
}

struct journal *journal_close(struct journal *journal)
{
        if (journal == NULL || journal->abandoned)
                return NULL;
        sender_free(journal->sender);
        free(journal->spare);
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

bool journal_is_native(const struct journal *journal)
{
        return journal->target.native;
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
        if (delivery->hook != NULL) {
                fields_add_string(fields, "JOBWATCH_HOOK", delivery->hook);
                fields_add_number(fields, "JOBWATCH_ATTEMPT", delivery->attempt);
        }
}

/* The message alone, without what needs memory. */
static void add_message(const struct journal *journal, struct field_list *fields, int priority,
                        const char *message)
{
        if (!journal->target.native) {
                target_add_line(&journal->target, fields, priority, message);
                return;
        }
        fields_add_string(fields, "MESSAGE", message);
        add_head(fields, priority, "jobwatchd", clock_wall_us());
}

/* Returns -ENOMEM, or 0 also if the entry could not be sent: nobody would do anything about it. */
static int send_message(struct journal *journal, int priority, const char *message_id,
                        const struct journal_delivery *about, const char *raw, size_t size)
{
        CLEANUP(cleanup_free) char *message = text_escape(raw, size, 0);
        struct field_list fields = { .count = 0 };

        if (message == NULL)
                return -ENOMEM;
        add_message(journal, &fields, priority, message);
        if (journal->target.native) {
                if (message_id != NULL)
                        fields_add_string(&fields, "MESSAGE_ID", message_id);
                add_delivery(&fields, about);
        }
        struct entry *entry = entry_new(&fields);
        if (entry == NULL)
                return -ENOMEM;
        (void)sender_send(journal->sender, entry);
        return 0;
}

/* The fallback when out of memory: sends the first kilobyte of the message, in ASCII, without other fields.
 */
static void print_without_memory(struct journal *journal, int priority, const char *format, va_list arguments)
        __attribute__((format(printf, 3, 0)));

static void print_without_memory(struct journal *journal, int priority, const char *format, va_list arguments)
{
        char message[SPARE_MESSAGE_BYTES];
        struct field_list fields = { .count = 0 };
        struct entry *entry = journal->spare;

        if (entry == NULL) {
                sender_drop(journal->sender);
                return;
        }
        journal->spare = NULL;
        (void)vsnprintf(message, sizeof(message), format, arguments);
        for (char *c = message; *c != '\0'; c++)
                if (*c < ' ' || *c > '~')
                        *c = '?';
        add_message(journal, &fields, priority, message);
        entry_fill(entry, &fields);
        (void)sender_send(journal->sender, entry);
}

static void print(struct journal *journal, int priority, const char *message_id,
                  const struct journal_delivery *about, const char *format, va_list arguments)
        __attribute__((format(printf, 5, 0)));

static void print(struct journal *journal, int priority, const char *message_id,
                  const struct journal_delivery *about, const char *format, va_list arguments)
{
        CLEANUP(cleanup_free) char *raw = NULL;
        va_list again;

        if (priority > journal->level)
                return;
        va_copy(again, arguments);
        int length = vasprintf(&raw, format, arguments);
        if (length < 0)
                raw = NULL;
        if (length < 0 || send_message(journal, priority, message_id, about, raw, (size_t)length) < 0)
                print_without_memory(journal, priority, format, again);
        va_end(again);
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
                if (text == NULL)
                        return;
                fields_add(&fields, "MESSAGE", line, size);
                add_head(&fields, priority, text, clock_wall_us());
                add_delivery(&fields, delivery);
        } else {
                text = text_escape(line, size, 0);
                if (text == NULL)
                        return;
                fields_add_string(&fields, NULL, text);
                fields_add_string(&fields, NULL, "\n");
        }
        struct entry *entry = entry_new(&fields);
        if (entry != NULL)
                (void)sender_send(journal->sender, entry);
}

/* ---- events ---- */

static struct entry *make_event(const struct journal *journal, const struct event *event)
{
        CLEANUP(cleanup_free) char *message = event_message(event, journal->result_bytes);
        CLEANUP(cleanup_free) char *line = NULL;
        const int priority = event_priority(event->kind);
        struct field_list fields = { .count = 0 };

        if (message == NULL)
                return NULL;
        if (journal->target.native) {
                /* An entry that is repeated is the same one, so it has the time of the event. */
                fields_add_string(&fields, "MESSAGE", message);
                add_head(&fields, priority, "jobwatchd", event->time_us);
                fields_add_string(&fields, "MESSAGE_ID", event_message_id(event->kind));
                event_add_fields(&fields, event, journal->result_bytes, journal->personal_data);
        } else {
                line = event_console_message(event, message);
                if (line == NULL)
                        return NULL;
                target_add_line(&journal->target, &fields, priority, line);
        }
        return entry_new(&fields);
}

int journal_event(struct journal *journal, const struct event *event)
{
        struct entry *entry = make_event(journal, event);

        if (entry == NULL)
                return sender_refuse_event(journal->sender, -ENOMEM);
        memcpy(entry->event_id, event->id, sizeof(entry->event_id));
        return sender_send(journal->sender, entry);
}
