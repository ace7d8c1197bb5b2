/* SPDX-License-Identifier: MIT */

/*
 * Entries are built as fields (struct entry) and sent to journald by sd_journal_sendv(), or written to
 * standard error as one line. sd_journal_print() is not used because it cuts long lines.
 */

/* CODE_FILE= and the like are of no use in entries about jobs. */
#define SD_JOURNAL_SUPPRESS_LOCATION

#include "journal/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

#include "journal/event_message.h"
#include "journal/message_ids.h"
#include "util/cleanup.h"
#include "util/message.h"
#include "util/timespan.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* No entry has more. */
#define FIELDS_MAX 32

/* Bytes of a remote text in a field, except ResultData, for which there is a setting. */
#define TEXT_BYTES_MAX 1024

struct journal {
        bool native;
        bool coloured;
        enum log_target target; /* as configured at start */
        int level;
        size_t result_bytes;
        bool personal_data;
};

struct entry {
        struct iovec fields[FIELDS_MAX];
        size_t count;
        bool incomplete; /* out of memory for a field */
};

/* ---- entries ---- */

static void entry_clear(struct entry *entry)
{
        for (size_t i = 0; i < entry->count; i++)
                free(entry->fields[i].iov_base);
        entry->count = 0;
}

static void entry_add(struct entry *entry, const char *name, const char *data, size_t size)
{
        size_t name_size = strlen(name);
        char *field = malloc(name_size + 1 + size);

        if (field == NULL || entry->count == FIELDS_MAX) {
                free(field);
                entry->incomplete = true;
                return;
        }
        memcpy(field, name, name_size);
        field[name_size] = '=';
        if (size > 0)
                memcpy(field + name_size + 1, data, size);
        entry->fields[entry->count++] = (struct iovec){ field, name_size + 1 + size };
}

static void entry_add_string(struct entry *entry, const char *name, const char *string)
{
        entry_add(entry, name, string, strlen(string));
}

static void entry_add_number(struct entry *entry, const char *name, uint64_t number)
{
        char digits[24];

        (void)snprintf(digits, sizeof(digits), "%" PRIu64, number);
        entry_add_string(entry, name, digits);
}

/* Adds a field unless the text is null. `limit` in bytes, 0: none. */
static void entry_add_cut(struct entry *entry, const char *name, const struct text *text, size_t limit)
{
        if (text->data != NULL)
                entry_add(entry, name, text->data, text_cut(text->data, text->size, limit));
}

static void entry_add_text(struct entry *entry, const char *name, const struct text *text)
{
        entry_add_cut(entry, name, text, TEXT_BYTES_MAX);
}

static void entry_add_delivery(struct entry *entry, const struct journal_delivery *delivery)
{
        if (delivery->job_id != 0)
                entry_add_number(entry, "JOBWATCH_JOB", delivery->job_id);
        if (delivery->job_name != NULL)
                entry_add_string(entry, "JOBWATCH_JOB_NAME", delivery->job_name);
        if (delivery->event_id != NULL)
                entry_add_string(entry, "JOBWATCH_EVENT_ID", delivery->event_id);
        if (delivery->hook != NULL) {
                entry_add_string(entry, "JOBWATCH_HOOK", delivery->hook);
                entry_add_number(entry, "JOBWATCH_ATTEMPT", delivery->attempt);
        }
}

static void entry_add_head(struct entry *entry, int priority, const char *message_id, const char *message)
{
        entry_add_string(entry, "MESSAGE", message);
        entry_add_number(entry, "PRIORITY", (uint64_t)priority);
        entry_add_string(entry, "SYSLOG_IDENTIFIER", "jobwatchd");
        if (message_id != NULL)
                entry_add_string(entry, "MESSAGE_ID", message_id);
}

/* An incomplete entry is not sent: the event is logged again later, and both entries must be equal. */
static int entry_send(struct entry *entry)
{
        if (entry->incomplete)
                return -ENOMEM;

        int r = sd_journal_sendv(entry->fields, (int)entry->count);
        return r < 0 ? r : 0;
}

/* ---- the console ---- */

static const char *colour_of(int priority)
{
        if (priority <= LOG_ERR)
                return "\x1b[1;31m";
        if (priority == LOG_WARNING)
                return "\x1b[1;33m";
        if (priority == LOG_NOTICE)
                return "\x1b[1m";
        return priority == LOG_DEBUG ? "\x1b[2m" : "";
}

static int console_write(const struct journal *journal, int priority, const char *message)
{
        static const char *const words[] = { "emerg",   "alert",  "crit", "error",
                                             "warning", "notice", "info", "debug" };
        const char *colour = journal->coloured ? colour_of(priority) : "";
        char stamp[sizeof("2026-01-01 00:00:00")] = "";
        time_t now = time(NULL);
        struct tm local;

        if (localtime_r(&now, &local) != NULL)
                (void)strftime(stamp, sizeof(stamp), "%F %T", &local);
        int r = fprintf(stderr, "%s%s %-7s %s%s\n", colour, stamp, words[priority], message,
                        *colour != '\0' ? "\x1b[0m" : "");
        return r < 0 ? -EIO : 0;
}

/* ---- opening ---- */

/* $JOURNAL_STREAM holds device and inode of the stream to the journal: systemd.exec(5). */
bool journal_is_standard_error(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        struct stat st;
        char *end;

        if (stream == NULL)
                return false;
        unsigned long long device = strtoull(stream, &end, 10);
        if (*end != ':')
                return false;
        unsigned long long inode = strtoull(end + 1, NULL, 10);
        return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

int journal_open(const struct log_config *settings, struct journal **ret_journal)
{
        bool native = settings->target == LOG_TARGET_JOURNAL ||
                      (settings->target == LOG_TARGET_AUTO && journal_is_standard_error());

        /* sd_journal_sendv() reports success without a journal, and all entries would be lost silently. */
        if (native && access(JOURNAL_SOCKET, F_OK) < 0)
                return -errno;

        struct journal *journal = calloc(1, sizeof(*journal));
        if (journal == NULL)
                return -ENOMEM;
        journal->native = native;
        journal->coloured = !native && isatty(STDERR_FILENO) && getenv("NO_COLOR") == NULL;
        journal->target = settings->target;
        journal_set(journal, settings);

        *ret_journal = journal;
        return 0;
}

struct journal *journal_close(struct journal *journal)
{
        free(journal);
        return NULL;
}

void journal_set(struct journal *journal, const struct log_config *settings)
{
        journal->level = settings->level;
        journal->result_bytes = settings->result_bytes;
        journal->personal_data = settings->personal_data;
        if (settings->target != journal->target)
                journal_print(journal, LOG_WARNING,
                              "Cannot change [log] target while running; restart the service.");
}

bool journal_is_native(const struct journal *journal)
{
        return journal->native;
}

/* ---- messages ---- */

/* Returns 0, -ENOMEM, or the error of sd_journal_sendv(). */
static int send_message(struct journal *journal, int priority, const char *message_id,
                        const struct journal_delivery *about, const char *raw, size_t size)
{
        CLEANUP(cleanup_free) char *message = text_escape(raw, size, 0);
        struct entry entry = { .count = 0 };

        if (message == NULL)
                return -ENOMEM;
        if (!journal->native)
                return console_write(journal, priority, message);

        entry_add_head(&entry, priority, message_id, message);
        entry_add_delivery(&entry, about);
        int r = entry_send(&entry);
        entry_clear(&entry);
        return r;
}

/* The fallback when out of memory: sends the first kilobyte of the message, in ASCII, without other fields.
 */
static void print_without_memory(struct journal *journal, int priority, const char *format, va_list arguments)
        __attribute__((format(printf, 3, 0)));

static void print_without_memory(struct journal *journal, int priority, const char *format, va_list arguments)
{
        static const char name[] = "MESSAGE=";
        char field[sizeof(name) + 1024], digit[] = "PRIORITY=0", identifier[] = "SYSLOG_IDENTIFIER=jobwatchd";
        char *message = field + sizeof(name) - 1;

        memcpy(field, name, sizeof(name));
        (void)vsnprintf(message, sizeof(field) - (sizeof(name) - 1), format, arguments);
        for (char *c = message; *c != '\0'; c++)
                if (*c < ' ' || *c > '~')
                        *c = '?';
        if (!journal->native) {
                (void)console_write(journal, priority, message);
                return;
        }

        digit[sizeof(digit) - 2] = (char)('0' + priority);
        const struct iovec fields[] = {
                { field, strlen(field) },
                { digit, strlen(digit) },
                { identifier, strlen(identifier) },
        };
        (void)sd_journal_sendv(fields, sizeof(fields) / sizeof(fields[0]));
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
        if (length < 0 || send_message(journal, priority, message_id, about, raw, (size_t)length) == -ENOMEM)
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
        CLEANUP(cleanup_free) char *identifier = NULL;
        struct entry entry = { .count = 0 };

        if (!journal->native) {
                CLEANUP(cleanup_free) char *text = text_escape(line, size, 0);

                (void)fprintf(stderr, "%s\n", text != NULL ? text : "");
                return;
        }
        identifier = format_message("jobwatch-%s", delivery->hook);
        if (identifier == NULL)
                return;
        entry_add(&entry, "MESSAGE", line, size);
        entry_add_number(&entry, "PRIORITY", (uint64_t)priority);
        entry_add_string(&entry, "SYSLOG_IDENTIFIER", identifier);
        entry_add_delivery(&entry, delivery);
        (void)entry_send(&entry);
        entry_clear(&entry);
}

/* ---- events ---- */

int event_priority(enum event_kind kind)
{
        switch (kind) {
        case EVENT_FAILED:
        case EVENT_GONE:
                return LOG_ERR;
        case EVENT_STALLED:
                return LOG_WARNING;
        case EVENT_CHANGED:
        case EVENT_SUCCEEDED:
                return LOG_NOTICE;
        case EVENT_SEEN:
                break;
        }
        return LOG_INFO;
}

const char *event_message_id(enum event_kind kind)
{
        static const char *const ids[EVENT_KIND_COUNT] = {
                [EVENT_SEEN] = MESSAGE_ID_SEEN,           [EVENT_CHANGED] = MESSAGE_ID_CHANGED,
                [EVENT_SUCCEEDED] = MESSAGE_ID_SUCCEEDED, [EVENT_FAILED] = MESSAGE_ID_FAILED,
                [EVENT_GONE] = MESSAGE_ID_GONE,           [EVENT_STALLED] = MESSAGE_ID_STALLED,
        };

        return ids[kind];
}

static void entry_add_event(struct entry *entry, const struct journal *journal, const struct event *event)
{
        const struct job_record *record = &event->record;

        entry_add_string(entry, "JOBWATCH_EVENT", event_kind_to_string(event->kind));
        entry_add_string(entry, "JOBWATCH_EVENT_ID", event->id);
        entry_add_number(entry, "JOBWATCH_SEQUENCE", event->sequence);
        entry_add_number(entry, "JOBWATCH_JOB", record->id);
        entry_add_text(entry, "JOBWATCH_JOB_NAME", &event->job_name);
        entry_add_text(entry, "JOBWATCH_JOB_GUID", &record->guid);
        entry_add_text(entry, "JOBWATCH_STATUS", &record->status);
        entry_add_text(entry, "JOBWATCH_STATUS_BEFORE", &event->status_before);
        entry_add_cut(entry, "JOBWATCH_RESULT", &record->result, journal->result_bytes);
        entry_add_cut(entry, "JOBWATCH_RESULT_BEFORE", &event->result_before, journal->result_bytes);
        if (record->has_result)
                entry_add_number(entry, "JOBWATCH_RESULT_BYTES",
                                 event->result_size != 0 ? event->result_size : record->result.size);
        entry_add_string(entry, "JOBWATCH_OUTCOME", outcome_to_string(event->outcome));
        entry_add_text(entry, "JOBWATCH_DESCRIPTION", &record->description);
        entry_add_text(entry, "JOBWATCH_BUSINESS", &record->business);
        if (record->business_id != 0)
                entry_add_number(entry, "JOBWATCH_BUSINESS_ID", record->business_id);
        entry_add_text(entry, "JOBWATCH_UPDATED_ON", &record->updated_on);
        if (journal->personal_data) {
                entry_add_text(entry, "JOBWATCH_USER", &record->user);
                entry_add_text(entry, "JOBWATCH_USER_EMAIL", &record->email);
        }
}

/* The console has no fields: the line also shows the event and the size of ResultData. */
static int console_event(const struct journal *journal, const struct event *event, const char *message)
{
        CLEANUP(cleanup_free) char *line = NULL;
        const struct text *result = &event->record.result;

        if (result->data == NULL)
                line = format_message(
                        "%s [%s%s]", message, event_kind_to_string(event->kind),
                        event->kind == EVENT_SEEN && !event->record.has_result ? ", result not known" : "");
        else
                line = format_message("%s [%s, result of %zu bytes]", message,
                                      event_kind_to_string(event->kind), result->size);
        if (line == NULL)
                return -ENOMEM;
        return console_write(journal, event_priority(event->kind), line);
}

int journal_event(struct journal *journal, const struct event *event)
{
        CLEANUP(cleanup_free) char *message = event_message(event, journal->result_bytes);
        struct entry entry = { .count = 0 };

        if (message == NULL)
                return -ENOMEM;
        if (!journal->native)
                return console_event(journal, event, message);

        entry_add_head(&entry, event_priority(event->kind), event_message_id(event->kind), message);
        entry_add_event(&entry, journal, event);
        int r = entry_send(&entry);
        entry_clear(&entry);
        return r;
}
