/* SPDX-License-Identifier: MIT */

/*
 *      ready ──an event is not taken, or not sent──> waiting ──timer, drained──> reading: up to 100 events
 *        ^                                              ^                         │  ^
 *        │                                              └──one is not taken───────┤  └── all are taken
 *        └───────────────none is left─────────────────────────────────────────────┘
 *
 * Operations are done in the order in which they are executed. So when none was left to read, what is
 * recorded later is also reported later.
 */

#include "monitor/event_log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "util/cleanup.h"
#include "util/container.h"
#include "util/memory.h"
#include "util/timer.h"
#include "util/timespan.h"

/* Interval of attempts to log events that could not be logged. */
#define RETRY_US (1 * USEC_PER_SEC)

/* Events that are read at a time, and after which size of their results no more is read. */
#define READ_MAX      100
#define READ_SIZE_MAX ((size_t)1 << 20)

/* Events read from the state. */
struct backlog {
        struct state_operation operation;
        struct event_log *log;
        uint64_t after; /* events with a sequence above this are read */
        size_t count, size;
        size_t next;  /* to be logged */
        bool reading; /* the operation is in progress */
        bool stale;   /* what it reads is not all that has to be logged */
        struct event events[READ_MAX];
};

struct event_log {
        struct state *state;
        struct journal *journal;
        sd_event_source *timer;
        uint64_t taken;          /* the sequence of the last event that the journal has taken; 0: read all */
        struct backlog *backlog; /* NULL: ready */
};

static int log_event(struct event_log *log, const struct event *event)
{
        int r = journal_event(log->journal, event);

        if (r >= 0)
                log->taken = event->sequence;
        return r;
}

static void on_sent(void *userdata, const char *event_id)
{
        const struct event_log *log = userdata;

        state_mark_logged(log->state, event_id); /* if that is lost, it is logged twice */
}

/* Then all events are read that are not marked. */
static void retry_later(struct event_log *log)
{
        log->taken = 0;
        timer_start(log->timer, RETRY_US);
}

/* ---- the backlog ---- */

static void backlog_clear(struct backlog *backlog)
{
        while (backlog->next < backlog->count)
                event_clear(&backlog->events[backlog->next++]);
        backlog->count = backlog->next = backlog->size = 0;
}

static int take_event(void *userdata, struct event *event)
{
        struct backlog *backlog = userdata;

        backlog->size += event->record.result.size + event->result_before.size;
        backlog->events[backlog->count++] = *event;
        *event = (struct event){ .id = "" };
        return backlog->count == READ_MAX || backlog->size > READ_SIZE_MAX ? -ECANCELED : 0;
}

/* On the writer's thread. Damaged events are left out. */
static int backlog_run(struct state_operation *operation, struct store *store)
{
        struct backlog *backlog = CONTAINER_OF(operation, struct backlog, operation);

        backlog_clear(backlog);
        int r = store_each_unlogged(store, backlog->after, take_event, backlog);
        return backlog->count > 0 ? 0 : r;
}

/* Logs what was read. Returns whether all was taken. */
static bool log_backlog(struct event_log *log)
{
        struct backlog *backlog = log->backlog;

        while (backlog->next < backlog->count) {
                if (log_event(log, &backlog->events[backlog->next]) < 0) {
                        backlog_clear(backlog);
                        retry_later(log);
                        return false;
                }
                event_clear(&backlog->events[backlog->next++]);
        }
        return true;
}

static void read_backlog(struct event_log *log)
{
        struct backlog *backlog = log->backlog;

        backlog->after = log->taken;
        backlog->reading = true;
        backlog->stale = false;
        source_stop(log->timer);
        state_queue(log->state, &backlog->operation);
}

static void backlog_done(struct state_operation *operation, int r)
{
        struct backlog *backlog = CONTAINER_OF(operation, struct backlog, operation);
        struct event_log *log = backlog->log;

        backlog->reading = false;
        if (backlog->stale || (r < 0 && r != -EUCLEAN)) {
                backlog_clear(backlog); /* perhaps of events that were not recorded after all */
                retry_later(log);
        } else if (backlog->count > 0) {
                if (log_backlog(log))
                        read_backlog(log);
        } else {
                free(STEAL_POINTER(log->backlog));
                journal_print(log->journal, LOG_WARNING,
                              "The journal is available again. Delayed entries have been logged.");
        }
}

static void on_timer(void *userdata)
{
        struct event_log *log = userdata;

        assert(log->backlog != NULL);
        if (log->backlog->reading)
                return;
        if (journal_is_idle(log->journal))
                read_backlog(log);
        else /* what waits would be logged twice */
                retry_later(log);
}

static struct backlog *backlog_new(struct event_log *log)
{
        struct backlog *backlog = memory_need(calloc(1, sizeof(*backlog)));
        backlog->operation = (struct state_operation){
                .run = backlog_run,
                .done = backlog_done,
                .only_reads = true,
        };
        backlog->log = log;
        return backlog;
}

/* ---- the log ---- */

/* The journal has not taken an event, or not sent it. */
static void wait_for_journal(struct event_log *log)
{
        if (log->backlog == NULL)
                log->backlog = backlog_new(log);
        retry_later(log);
}

/* After an error there is a pause; if the queue was full, there is room now. */
static void on_drained(void *userdata, int r)
{
        struct event_log *log = userdata;

        wait_for_journal(log);
        log->backlog->stale = true;
        if (r == -EXFULL)
                on_timer(log);
}

int event_log_start(struct event_log *log)
{
        int r;

        log->backlog = backlog_new(log);
        do {
                log->backlog->after = log->taken;
                r = backlog_run(&log->backlog->operation, state_store(log->state));
                if (!log_backlog(log))
                        return 0; /* later */
        } while (log->taken != log->backlog->after);
        free(STEAL_POINTER(log->backlog));
        return r;
}

void event_log_add(struct event_log *log, const struct event *event)
{
        if (log->backlog == NULL && log_event(log, event) < 0)
                wait_for_journal(log);
}

struct event_log *event_log_new(sd_event *event, struct state *state, struct journal *journal)
{
        struct event_log *log = memory_need(calloc(1, sizeof(*log)));

        log->state = state;
        log->journal = journal;
        log->timer = timer_new(event, CLOCK_BOOTTIME, 0, on_timer, log);
        const struct journal_callbacks callbacks = {
                .on_sent = on_sent,
                .on_drained = on_drained,
                .userdata = log,
        };
        journal_set_callbacks(journal, &callbacks);
        return log;
}

struct event_log *event_log_free(struct event_log *log)
{
        if (log == NULL)
                return NULL;
        assert(log->backlog == NULL || !log->backlog->reading);
        journal_set_callbacks(log->journal, NULL);
        sd_event_source_disable_unref(log->timer);
        if (log->backlog != NULL)
                backlog_clear(log->backlog);
        free(log->backlog);
        free(log);
        return NULL;
}
