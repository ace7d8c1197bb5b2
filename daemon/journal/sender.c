/* SPDX-License-Identifier: MIT */

/*
 * libsystemd blocks while journald does not read (so does a terminal), which may stop this thread and
 * nothing else. What waits is bounded: an event that finds no room is refused, since its owner has it on
 * disk, and any other entry is dropped and counted.
 *
 *      sending at once --sender_start()--> ACCEPTING --an event is refused or fails--> REFUSING events
 *                                              ^---------the queue is empty----------------'
 */

#include "journal/sender.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "platform/clock.h"
#include "util/container.h"
#include "util/memory.h"
#include "util/timespan.h"

#define QUEUE_BYTES_MAX  ((size_t)4 << 20)
#define QUEUE_BYTES_BUSY (QUEUE_BYTES_MAX / 4)

/* How long the thread may be sending a single entry before nobody waits for it, and before that is shown. */
#define PAUSE_US (1 * USEC_PER_SEC)
#define STUCK_US (5 * USEC_PER_SEC)

struct sender {
        struct sender_parts parts;
        struct worker *worker; /* NULL: entries are sent at once */
        bool abandoned;        /* the thread is stuck for good */
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
        struct sender *sender = userdata;

        for (struct work *next; list != NULL; list = next) {
                struct entry *entry = CONTAINER_OF(list, struct entry, work);

                next = list->next;
                if (is_event(entry) && sender->failed)
                        entry->result = -ECANCELED;
                else
                        entry->result = target_send(&sender->parts.target, entry);
                if (is_event(entry) && entry->result < 0)
                        sender->failed = true;
                worker_finish(sender->worker, list);
        }
}

/* ---- the loop ---- */

static void note_drained(struct sender *sender)
{
        const size_t dropped = sender->dropped;
        const int refused = sender->refused;

        sender->failed = false;
        sender->dropped = 0;
        sender->refused = 0;
        if (dropped > 0 || refused < 0)
                sender->parts.on_drained(sender->parts.userdata, dropped, refused);
}

static void on_done(struct work *work)
{
        struct entry *entry = CONTAINER_OF(work, struct entry, work);
        struct sender *sender = entry->sender;

        sender->bytes -= entry->size;
        sender->progress_us = clock_process_us();
        if (is_event(entry) && entry->result >= 0)
                sender->parts.on_sent(sender->parts.userdata, entry->event_id);
        if (is_event(entry) && entry->result < 0 && sender->refused == 0)
                sender->refused = entry->result;
        free(entry);
        if (worker_is_idle(sender->worker))
                note_drained(sender);
}

static int send_now(const struct sender *sender, struct entry *entry)
{
        int r = sender->abandoned ? -ETIMEDOUT : target_send(&sender->parts.target, entry);

        if (is_event(entry) && r >= 0)
                sender->parts.on_sent(sender->parts.userdata, entry->event_id);
        free(entry);
        return r;
}

int sender_send(struct sender *sender, struct entry *entry)
{
        if (sender->worker == NULL || sender->abandoned)
                return send_now(sender, entry);

        bool full = sender->bytes > 0 && sender->bytes + entry->size > QUEUE_BYTES_MAX;
        bool event = is_event(entry);
        if (full || (event && sender->refused < 0)) {
                free(entry);
                if (!event)
                        sender->dropped++;
                else if (sender->refused == 0)
                        sender->refused = -EXFULL;
                return -EXFULL;
        }
        if (sender->bytes == 0)
                sender->progress_us = clock_process_us();
        sender->bytes += entry->size;
        entry->sender = sender;
        entry->work.done = on_done;
        worker_push(sender->worker, &entry->work);
        return 0;
}

bool sender_is_idle(const struct sender *sender)
{
        return sender->worker == NULL || worker_is_idle(sender->worker);
}

bool sender_is_busy(const struct sender *sender)
{
        return sender->bytes > QUEUE_BYTES_BUSY && clock_process_us() - sender->progress_us < PAUSE_US;
}

bool sender_is_stuck(const struct sender *sender)
{
        return sender->bytes > 0 && clock_process_us() - sender->progress_us >= STUCK_US;
}

/* ---- life ---- */

struct sender *sender_new(const struct sender_parts *parts)
{
        struct sender *sender = memory_need(calloc(1, sizeof(*sender)));

        sender->parts = *parts;
        return sender;
}

int sender_start(struct sender *sender, sd_event *event)
{
        assert(sender->worker == NULL && !sender->abandoned);
        const struct worker_parts parts = {
                .event = event,
                .name = "journal",
                .execute = execute,
                .userdata = sender,
        };

        int r = worker_new(&parts, &sender->worker);
        if (r < 0)
                return r;
        r = worker_start(sender->worker);
        if (r < 0)
                sender->worker = worker_free(sender->worker);
        return r;
}

bool sender_stop(struct sender *sender, uint64_t timeout_us)
{
        if (sender->worker == NULL)
                return true;
        sender->abandoned = !worker_wait(sender->worker, timeout_us);
        if (!sender->abandoned)
                sender->worker = worker_free(sender->worker);
        return !sender->abandoned;
}

struct sender *sender_free(struct sender *sender)
{
        /* A stuck thread still uses it, until the process ends. */
        if (sender == NULL || sender->abandoned)
                return NULL;
        worker_free(sender->worker);
        free(sender);
        return NULL;
}
