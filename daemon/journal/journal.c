/* SPDX-License-Identifier: MIT */

/*
 * What is logged: messages, events, and the output of hooks. Each becomes an entry, which is made from the
 * settings of now, and sent by a thread.
 *
 * libsystemd blocks while journald does not read (so does a terminal), which may stop that thread and
 * nothing else. What waits is bounded: an event that finds no room is refused, since its owner has it on
 * disk, and any other entry is dropped and counted.
 *
 *      sending at once --journal_start()--> ACCEPTING --an event is refused or fails--> REFUSING events
 *                                               ^---------the queue is empty----------------'
 */

#include "journal/journal.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/entry.h"
#include "journal/event_message.h"
#include "journal/target.h"
#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/container.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/timespan.h"

#define QUEUE_BYTES_MAX  ((size_t)4 << 20)
#define QUEUE_BYTES_BUSY (QUEUE_BYTES_MAX / 4)

/* Output of hooks gets no more of the queue, so that a hook that prints a lot displaces nothing else. */
#define QUEUE_BYTES_OUTPUT (QUEUE_BYTES_MAX / 4 * 3)

/* How long the thread may be sending a single entry before nobody waits for it, and before that is shown. */
#define PAUSE_US (1 * USEC_PER_SEC)
#define STUCK_US (5 * USEC_PER_SEC)

struct journal {
        struct target target;
        enum log_target configured; /* at start */
        int level;
        size_t result_bytes;
        bool personal_data;
        struct journal_callbacks callbacks;
        struct worker *worker; /* NULL: entries are sent at once */
        bool abandoned;        /* the thread is stuck, and uses all of this until the process ends */
        size_t bytes;          /* of entries that were not given back */
        size_t dropped;        /* since the queue was last empty */
        int refused;           /* the first errno of an event since then; 0: none was refused */
        uint64_t progress_us;  /* when an entry was last given back, or queued in an empty queue */

        /*
         * An event was not sent, and those behind it must not be. The thread sets and reads it; the loop
         * resets it when nothing is queued.
         */
        bool failed;
};

static bool is_event(const struct entry *entry)
{
        return entry->event_id[0] != '\0';
}

/* ---- the thread ---- */

static void execute(void *userdata, struct work *list)
{
        struct journal *journal = userdata;

        for (struct work *next; list != NULL; list = next) {
                struct entry *entry = CONTAINER_OF(list, struct entry, work);

                next = list->next;
                if (is_event(entry) && journal->failed)
                        entry->result = -ECANCELED;
                else
                        entry->result = target_send(&journal->target, entry);
                if (is_event(entry) && entry->result < 0)
                        journal->failed = true;
                worker_finish(journal->worker, list);
        }
}

/* ---- the loop ---- */

static void note_sent(const struct journal *journal, const struct entry *entry)
{
        if (is_event(entry) && journal->callbacks.on_sent != NULL)
                journal->callbacks.on_sent(journal->callbacks.userdata, entry->event_id);
}

/* The queue is empty. */
static void note_drained(struct journal *journal)
{
        const size_t dropped = journal->dropped;
        const int refused = journal->refused;

        journal->failed = false;
        journal->dropped = 0;
        journal->refused = 0;
        if (dropped > 0)
                journal_print(journal, LOG_WARNING,
                              "%zu log entr%s dropped: the journal did not accept %s in time.", dropped,
                              dropped == 1 ? "y was" : "ies were", dropped == 1 ? "it" : "them");
        if (refused < 0 && journal->callbacks.on_drained != NULL)
                journal->callbacks.on_drained(journal->callbacks.userdata, refused);
}

static void on_done(struct work *work)
{
        struct entry *entry = CONTAINER_OF(work, struct entry, work);
        struct journal *journal = entry->journal;

        journal->bytes -= entry->size;
        journal->progress_us = clock_process_us();
        if (entry->result >= 0)
                note_sent(journal, entry);
        if (is_event(entry) && entry->result < 0 && journal->refused == 0)
                journal->refused = entry->result;
        free(entry);
        if (worker_is_idle(journal->worker))
                note_drained(journal);
}

static int send_now(const struct journal *journal, struct entry *entry)
{
        int r = journal->abandoned ? -ETIMEDOUT : target_send(&journal->target, entry);

        if (r >= 0)
                note_sent(journal, entry);
        free(entry);
        return r;
}

/*
 * Sends an entry, which it takes over, or queues it, if the queue then has no more than `most` bytes, or
 * only this entry. An event is also refused if an event before it was refused or not sent, until
 * on_drained(), so that events are sent in order.
 */
static int send_entry(struct journal *journal, struct entry *entry, size_t most)
{
        if (journal->worker == NULL || journal->abandoned)
                return send_now(journal, entry);

        bool full = journal->bytes > 0 && journal->bytes + entry->size > most;
        bool event = is_event(entry);
        if (full || (event && journal->refused < 0)) {
                free(entry);
                if (!event)
                        journal->dropped++;
                else if (journal->refused == 0)
                        journal->refused = -EXFULL;
                return -EXFULL;
        }
        if (journal->bytes == 0)
                journal->progress_us = clock_process_us();
        journal->bytes += entry->size;
        entry->journal = journal;
        entry->work.done = on_done;
        worker_push(journal->worker, &entry->work);
        return 0;
}

bool journal_is_idle(const struct journal *journal)
{
        return journal->worker == NULL || worker_is_idle(journal->worker);
}

bool journal_is_busy(const struct journal *journal)
{
        return journal->bytes > QUEUE_BYTES_BUSY && clock_process_us() - journal->progress_us < PAUSE_US;
}

bool journal_is_stuck(const struct journal *journal)
{
        return journal->bytes > 0 && clock_process_us() - journal->progress_us >= STUCK_US;
}

/* ---- life ---- */

int journal_open(const struct log_config *settings, struct journal **ret_journal)
{
        struct target target;

        int r = target_open(settings->target, &target);
        if (r < 0)
                return r;

        struct journal *journal = memory_need(calloc(1, sizeof(*journal)));
        journal->target = target;
        journal->configured = settings->target;
        journal_set(journal, settings);
        *ret_journal = journal;
        return 0;
}

struct journal *journal_close(struct journal *journal)
{
        if (journal == NULL || journal->abandoned)
                return NULL;
        worker_free(journal->worker);
        target_drain(&journal->target);
        free(journal);
        return NULL;
}

void journal_set_callbacks(struct journal *journal, const struct journal_callbacks *callbacks)
{
        journal->callbacks = callbacks != NULL ? *callbacks : (struct journal_callbacks){ 0 };
}

int journal_start(struct journal *journal, sd_event *event)
{
        const struct worker_parts parts = {
                .event = event,
                .name = "journal",
                .execute = execute,
                .userdata = journal,
        };

        assert(journal->worker == NULL && !journal->abandoned);

        int r = worker_new(&parts, &journal->worker);
        if (r < 0)
                return r;
        r = worker_start(journal->worker);
        if (r < 0)
                journal->worker = worker_free(journal->worker);
        return r;
}

bool journal_stop(struct journal *journal, uint64_t timeout_us)
{
        if (journal->worker == NULL)
                return true;
        journal->abandoned = !worker_wait(journal->worker, timeout_us);
        if (!journal->abandoned)
                journal->worker = worker_free(journal->worker);
        return !journal->abandoned;
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
static void __attribute__((format(printf, 5, 0)))
print(struct journal *journal, int priority, const char *message_id, const struct journal_delivery *about,
      const char *format, va_list arguments)
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
        (void)send_entry(journal, entry_new(&fields), QUEUE_BYTES_MAX);
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
        (void)send_entry(journal, entry_new(&fields), QUEUE_BYTES_OUTPUT);
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
        return send_entry(journal, entry, QUEUE_BYTES_MAX);
}
