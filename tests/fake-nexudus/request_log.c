/* SPDX-License-Identifier: MIT */

/*
 * The request log: a line of JSON per request in a file, and in memory the data for waiting for requests and
 * counting them. A waiter searches past requests once and is then notified of each new one.
 */

#include "request_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exchange.h"
#include "form.h"

int request_log_open(struct request_log *log, const char *path, uint64_t started)
{
        *log = (struct request_log){ .fd = -1, .started = started, .time_scale = 1 };
        if (path)
                log->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        return path && log->fd < 0 ? -errno : 0;
}

static void entry_release(struct log_entry *entry)
{
        free(entry->target);
        free(entry->method);
}

static bool wanted_fits(const struct log_wanted *wanted, const struct log_entry *entry, uint64_t seq)
{
        if (seq <= wanted->since || (!wanted->arrivals && !entry->ended))
                return false;
        if (wanted->method && strcmp(wanted->method, entry->method) != 0)
                return false;
        if (wanted->status > 0 && wanted->status != entry->status)
                return false;
        if (!wanted->path)
                return true;

        char *decoded = strdup(entry->target);
        if (!decoded)
                return false;
        percent_decode(decoded, false);
        bool fits = target_matches(wanted->path, entry->target, decoded);
        free(decoded);
        return fits;
}

static void waiter_look(struct log_waiter *waiter, const struct log_entry *entry, uint64_t seq)
{
        if (!wanted_fits(&waiter->wanted, entry, seq))
                return;
        waiter->found++;
        if (seq > waiter->last_seq)
                waiter->last_seq = seq;
}

static void show_waiters(struct request_log *log, const struct log_entry *entry, uint64_t seq, bool arrival)
{
        for (struct log_waiter *waiter = log->waiters; waiter; waiter = waiter->next) {
                if (waiter->wanted.arrivals != arrival)
                        continue;
                waiter_look(waiter, entry, seq);
                if (waiter->found >= waiter->wanted.count && waiter->exchange->suspended)
                        loop_timer_set(&waiter->exchange->fake->loop, &waiter->exchange->timer, 0);
        }
}

struct log_waiter *log_waiter_new(struct request_log *log, struct exchange *exchange,
                                  const struct log_wanted *wanted)
{
        struct log_waiter *waiter = calloc(1, sizeof *waiter);

        if (!waiter) {
                free(wanted->path);
                free(wanted->method);
                return NULL;
        }
        waiter->wanted = *wanted;
        waiter->exchange = exchange;
        waiter->next = log->waiters;
        log->waiters = waiter;
        for (size_t i = 0; i < log->count; i++)
                waiter_look(waiter, &log->entries[i], log->first + i + 1);
        return waiter;
}

void log_waiter_free(struct request_log *log, struct log_waiter *waiter)
{
        if (!waiter)
                return;
        for (struct log_waiter **at = &log->waiters; *at; at = &(*at)->next)
                if (*at == waiter) {
                        *at = waiter->next;
                        break;
                }
        free(waiter->wanted.path);
        free(waiter->wanted.method);
        free(waiter);
}

static int grow_arrivals(struct request_log *log)
{
        uint64_t room = log->arrivals_room ? log->arrivals_room * 2 : 4096;
        uint64_t *arrivals = calloc(room, sizeof *arrivals);

        if (!arrivals)
                return -ENOMEM;
        for (uint64_t n = log->peaks[PEAK_HOUR].tail; n < log->arrivals_count; n++)
                arrivals[n % room] = log->arrivals[n % log->arrivals_room];
        free(log->arrivals);
        log->arrivals = arrivals;
        log->arrivals_room = room;
        return 0;
}

static int count_arrival(struct request_log *log, uint64_t now)
{
        static const uint64_t spans[PEAK_COUNT] = {
                [PEAK_SPACING] = 100000, [PEAK_MINUTE] = 60000000, [PEAK_HOUR] = UINT64_C(3600000000)
        };

        if (log->arrivals_count - log->peaks[PEAK_HOUR].tail == log->arrivals_room && grow_arrivals(log) < 0)
                return -ENOMEM;
        log->arrivals[log->arrivals_count++ % log->arrivals_room] = now;
        for (size_t i = 0; i < PEAK_COUNT; i++) {
                struct log_peak *peak = &log->peaks[i];
                double scale = i == PEAK_SPACING ? 1 : log->time_scale;
                uint64_t span = (uint64_t)((double)spans[i] / scale);
                span = span > 0 ? span : 1;
                while (log->arrivals[peak->tail % log->arrivals_room] + span <= now)
                        peak->tail++;
                if (log->arrivals_count - peak->tail > peak->most)
                        peak->most = log->arrivals_count - peak->tail;
        }
        return 0;
}

int request_log_arrived(struct request_log *log, struct exchange *exchange)
{
        if (log->count == log->room) {
                size_t room = log->room ? log->room * 2 : 1024;
                struct log_entry *entries = realloc(log->entries, room * sizeof *entries);
                if (!entries)
                        return -ENOMEM;
                log->entries = entries;
                log->room = room;
        }
        struct log_entry entry = { .target = strdup(exchange->target), .method = strdup(exchange->method) };
        if (!entry.target || !entry.method || count_arrival(log, exchange->arrived_at) < 0) {
                entry_release(&entry);
                return -ENOMEM;
        }
        log->entries[log->count++] = entry;
        exchange->seq = ++log->seq;
        show_waiters(log, &entry, exchange->seq, true);
        return 0;
}

static void add_header(struct buffer *line, const struct exchange *exchange, const char *name,
                       const char *header)
{
        const char *value = exchange_header(exchange, header);

        buffer_add_format(line, ",\"%s\":", name);
        buffer_add_json(line, value ? value : "", value ? strlen(value) : 0, false);
}

static void add_line(struct buffer *line, const struct request_log *log, const struct exchange *exchange)
{
        const char *query = exchange->query ? exchange->query : "";
        struct buffer authorization = { 0 };

        buffer_add_format(line, "{\"seq\":%" PRIu64 ",\"t\":%.6f,\"took\":%.6f,\"method\":", exchange->seq,
                          (double)(exchange->arrived_at - log->started) / 1e6,
                          (double)(clock_now() - exchange->arrived_at) / 1e6);
        buffer_add_json(line, exchange->method, strlen(exchange->method), false);
        buffer_add_text(line, ",\"path\":");
        buffer_add_json(line, exchange->path, strlen(exchange->path), false);
        buffer_add_text(line, ",\"query\":");
        buffer_add_json(line, query, strlen(query), false);
        buffer_add_format(line, ",\"status\":%u,\"bytes\":%" PRIu64 ",\"connection\":%" PRIu64,
                          exchange->status, exchange->sent, exchange->connection_number);
        add_header(line, exchange, "user_agent", "User-Agent");
        add_header(line, exchange, "host", "Host");
        add_header(line, exchange, "accept", "Accept");
        add_header(line, exchange, "accept_encoding", "Accept-Encoding");
        add_header(line, exchange, "client_id", "client_id");
        tokens_describe(&authorization, exchange_header(exchange, "Authorization"));
        buffer_add_text(line, ",\"authorization\":");
        buffer_add_json(line, authorization.data ? authorization.data : "", authorization.size, false);
        buffer_release(&authorization);
        buffer_add_text(line, ",\"body\":");
        buffer_add_json(line, exchange->body.data ? exchange->body.data : "", exchange->body.size, false);
        buffer_add_text(line, ",\"fault\":");
        buffer_add_json_text(line, exchange->fault ? exchange->fault->name : NULL);
        buffer_add_text(line, "}\n");
}

static void write_line(struct request_log *log, const struct exchange *exchange)
{
        log->line.size = 0;
        add_line(&log->line, log, exchange);
        for (size_t at = 0; at < log->line.size && !log->line.failed;) {
                ssize_t n = write(log->fd, log->line.data + at, log->line.size - at);
                if (n < 0)
                        return;
                at += (size_t)n;
        }
}

void request_log_ended(struct request_log *log, const struct exchange *exchange)
{
        if (exchange->seq <= log->first)
                return; /* it came before the log was reset */
        log->answered++;
        log->statuses[exchange->status < 1000 ? exchange->status : 0]++;
        if (log->fd >= 0)
                write_line(log, exchange);
        struct log_entry *entry = &log->entries[exchange->seq - log->first - 1];
        entry->status = exchange->status;
        entry->ended = true;
        show_waiters(log, entry, exchange->seq, false);
}

static void forget_entries(struct request_log *log)
{
        for (size_t i = 0; i < log->count; i++)
                entry_release(&log->entries[i]);
        log->count = 0;
}

void request_log_reset(struct request_log *log)
{
        if (log->fd >= 0 && ftruncate(log->fd, 0) < 0)
                close(log->fd), log->fd = -1;
        forget_entries(log);
        log->first = log->seq;
        log->arrivals_count = log->answered = log->throttled = 0;
        memset(log->peaks, 0, sizeof log->peaks);
        memset(log->statuses, 0, sizeof log->statuses);
}

void request_log_release(struct request_log *log)
{
        forget_entries(log);
        free(log->entries);
        free(log->arrivals);
        buffer_release(&log->line);
        if (log->fd >= 0)
                close(log->fd);
}
