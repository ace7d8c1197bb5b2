/* SPDX-License-Identifier: MIT */

/*
 * The output of one attempt:
 *
 *     read from the loop --(the program has ended)--> detached: in the list --(closed by all)--> freed
 *
 * The loop reads one buffer at a time, so that a program that prints a lot does not keep it from other work.
 * Reading pauses while the journal is busy, so that nothing is dropped. It does not if the journal is stuck:
 * a program never waits for that.
 */

#include "delivery/exec/output.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <unistd.h>

#include "journal/event_message.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/text.h"
#include "util/timer.h"
#include "util/timespan.h"

#define LINE_BYTES_MAX   4096
#define OUTPUT_BYTES_MAX ((size_t)1 << 20)

/* Of one character, to see where a line can be split. */
#define CHARACTER_BYTES_MAX 4

#define READ_SIZE 4096

/* How long a program that prints faster than lines can be logged is made to wait. */
#define PAUSE_US (10 * USEC_PER_MSEC)

/* What a pipe holds. output_end() reads no more than that. */
#define PIPE_SIZE 65536

/* How long it waits between that much of what is discarded: that is fast enough, and costs little time. */
#define DISCARD_PAUSE_US USEC_PER_MSEC

struct output {
        struct outputs *outputs;
        struct journal *journal;
        sd_event_source *source;
        sd_event_source *pause; /* enabled while the source is not */
        char *hook, *job_name;
        char event_id[EVENT_ID_SIZE];
        struct journal_delivery fields;                                 /* borrowed from the above */
        void (*on_line)(void *userdata, const char *line, size_t size); /* until output_end(), or NULL */
        void *userdata;
        char line[LINE_BYTES_MAX + CHARACTER_BYTES_MAX];
        size_t size;    /* of the line so far */
        int priority;   /* of the line, once it is `continued` */
        bool continued; /* a part of the line was logged */
        size_t logged;
        bool discarding; /* OUTPUT_BYTES_MAX is reached */
        bool closed;
        bool detached;
        TAILQ_ENTRY(output) entry;
};

struct outputs {
        TAILQ_HEAD(, output) detached; /* the oldest first */
        size_t count;
};

/* ---- lines ---- */

/* Warns with "Job 11 (members-import): hook mail (attempt 1): …". */
static void warn(const struct output *output, const char *text)
{
        CLEANUP(cleanup_free) char *label = job_label(output->fields.job_id, output->fields.job_name);

        journal_print_delivery(output->journal, LOG_WARNING, NULL, &output->fields,
                               "%s: hook %s (attempt %u): %s", label, output->fields.hook,
                               output->fields.attempt, text);
}

/* Logs the first `size` bytes of the line. */
static void log_line(struct output *output, size_t size)
{
        const char *line = output->line;

        if (!output->continued) {
                output->priority = LOG_INFO;
                if (size >= 3 && line[0] == '<' && line[1] >= '0' && line[1] <= '7' && line[2] == '>') {
                        output->priority = line[1] - '0';
                        line += 3;
                        size -= 3;
                }
        }
        while (size > 0 && isspace((unsigned char)line[size - 1]))
                size--;
        if (size == 0 || output->discarding)
                return;
        output->logged += size + 1;
        if (output->logged > OUTPUT_BYTES_MAX) {
                output->discarding = true;
                warn(output, "printed more than 1 MiB; the rest is discarded");
                return;
        }
        journal_print_output(output->journal, &output->fields, output->priority, line, size);
        if (output->on_line != NULL)
                output->on_line(output->userdata, line, size);
}

/* Logs the line except for what is too long for one entry. */
static void split_line(struct output *output)
{
        while (output->size > LINE_BYTES_MAX) {
                size_t cut = text_cut(output->line, output->size, LINE_BYTES_MAX);

                log_line(output, cut);
                output->continued = true;
                output->size -= cut;
                memmove(output->line, output->line + cut, output->size);
        }
}

static void end_line(struct output *output)
{
        log_line(output, output->size);
        output->size = 0;
        output->continued = false;
}

static void take(struct output *output, const char *data, size_t size)
{
        while (size > 0) {
                const char *newline = memchr(data, '\n', size);
                size_t part = newline != NULL ? (size_t)(newline - data) : size;
                size_t room = sizeof(output->line) - output->size;
                bool whole = part <= room;

                if (!whole)
                        part = room;
                memcpy(output->line + output->size, data, part);
                output->size += part;
                split_line(output);
                if (whole && newline != NULL) {
                        end_line(output);
                        part++;
                }
                data += part;
                size -= part;
        }
}

/* ---- the pipe ---- */

/* Returns the bytes read, or 0: nothing is there now, or the output is closed. */
static size_t read_some(struct output *output)
{
        char data[PIPE_SIZE];

        ssize_t n = read(sd_event_source_get_io_fd(output->source), data,
                         output->discarding ? sizeof(data) : READ_SIZE);
        if (n > 0) {
                if (!output->discarding)
                        take(output, data, (size_t)n);
                return (size_t)n;
        }
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        end_line(output);
        output->closed = true;
        source_stop(output->source);
        return 0;
}

static void pause_reading(struct output *output, uint64_t span_us)
{
        timer_start(output->pause, span_us);
        source_stop(output->source);
}

static void on_pause_end(void *userdata)
{
        const struct output *output = userdata;

        if (!output->closed)
                (void)sd_event_source_set_enabled(output->source, SD_EVENT_ON);
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        (void)source;
        (void)fd;
        (void)revents;
        struct output *output = userdata;

        if (!output->discarding && journal_is_busy(output->journal)) {
                pause_reading(output, PAUSE_US);
                return 0;
        }
        (void)read_some(output);
        if (output->discarding && !output->closed)
                pause_reading(output, DISCARD_PAUSE_US);
        if (output->closed && output->detached)
                output_free(output);
        return 0;
}

struct output *output_end(struct output *output)
{
        size_t size, total = 0;

        if (output == NULL)
                return NULL;
        assert(!output->detached);
        do {
                size = output->closed ? 0 : read_some(output);
                total += size;
        } while (size > 0 && total < PIPE_SIZE);
        if (output->closed)
                return output_free(output);

        struct outputs *outputs = output->outputs;

        output->detached = true;
        output->on_line = NULL;
        TAILQ_INSERT_TAIL(&outputs->detached, output, entry);
        if (++outputs->count > OUTPUTS_MAX) {
                warn(TAILQ_FIRST(&outputs->detached),
                     "the output of its background processes is no longer read: too many attempts have left "
                     "such processes");
                output_free(TAILQ_FIRST(&outputs->detached));
        }
        return NULL;
}

/* ---- life ---- */

int output_new(const struct hook_context *context, const struct hook_attempt *attempt, int fd,
               struct output **ret_output)
{
        CLEANUP(cleanup_descriptor) int pipe_fd = fd;
        const char *job_name = attempt->event->job_name.data;
        struct output *output = memory_malloc(NULL, sizeof(*output));

        assert(context->outputs != NULL);
        *output = (struct output){
                .outputs = context->outputs,
                .journal = context->journal,
                .hook = format_message("%s", attempt->hook->name),
                .job_name = job_name != NULL ? format_message("%s", job_name) : NULL,
                .on_line = attempt->on_output,
                .userdata = attempt->userdata,
        };
        memcpy(output->event_id, attempt->event->id, sizeof(output->event_id));
        output->fields = (struct journal_delivery){
                .job_id = attempt->event->record.id,
                .job_name = output->job_name,
                .event_id = output->event_id,
                .hook = output->hook,
                .attempt = attempt->attempt,
        };

        output->pause = timer_new(context->event, CLOCK_BOOTTIME, USEC_PER_MSEC, on_pause_end, output);
        int r = sd_event_add_io(context->event, &output->source, pipe_fd, EPOLLIN, on_readable, output);
        if (r >= 0)
                r = sd_event_source_set_io_fd_own(output->source, true);
        if (r < 0) {
                output_free(output);
                return r;
        }
        (void)STEAL_DESCRIPTOR(pipe_fd);
        (void)sd_event_source_set_description(output->source, "hook-output");
        *ret_output = output;
        return 0;
}

struct output *output_free(struct output *output)
{
        if (output == NULL)
                return NULL;

        if (output->detached) {
                TAILQ_REMOVE(&output->outputs->detached, output, entry);
                output->outputs->count--;
        }
        sd_event_source_disable_unref(output->source);
        sd_event_source_disable_unref(output->pause);
        free(output->hook);
        free(output->job_name);
        free(output);
        return NULL;
}

struct outputs *outputs_new(void)
{
        struct outputs *outputs = memory_malloc(NULL, sizeof(*outputs));

        *outputs = (struct outputs){ .count = 0 };
        TAILQ_INIT(&outputs->detached);
        return outputs;
}

struct outputs *outputs_free(struct outputs *outputs)
{
        if (outputs == NULL)
                return NULL;

        while (!TAILQ_EMPTY(&outputs->detached))
                output_free(TAILQ_FIRST(&outputs->detached));
        free(outputs);
        return NULL;
}
