/* SPDX-License-Identifier: MIT */

/*
 * What is to be done with a file is work for the thread: to replace it by a text, or to remove it. While the
 * thread has work, nothing is added, so a disk that does not respond costs one text.
 */

#include "app/metrics_file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/control_state.h"
#include "platform/worker.h"
#include "util/cleanup.h"
#include "util/container.h"
#include "util/file.h"
#include "util/memory.h"
#include "util/timer.h"
#include "util/timespan.h"

#define INTERVAL_US (15 * USEC_PER_SEC)

/* How long the end waits for the disk. */
#define END_US (1 * USEC_PER_SEC)

struct metrics_file {
        const struct parts *parts;
        sd_event_source *timer;
        struct worker *worker; /* NULL until a file is configured */
        char *path;            /* the file that was written last; NULL: none */
        bool failed;           /* the last attempt to write did, which was logged */
};

struct file_work {
        struct work work;
        struct metrics_file *file;
        char *path;
        char *text; /* NULL: the file is removed */
        int result;
};

/* ---- the thread ---- */

static void execute(void *userdata, struct work *list)
{
        const struct metrics_file *file = userdata;

        for (struct work *next; list != NULL; list = next) {
                struct file_work *work = CONTAINER_OF(list, struct file_work, work);
                next = list->next;
                /* Whoever collects it is another user; after a crash of the machine it is of no use. */
                if (work->text != NULL)
                        work->result = file_replace(work->path, work->text, strlen(work->text), true, false);
                else
                        (void)unlink(work->path);
                worker_finish(file->worker, list);
        }
}

/* ---- the loop ---- */

static void report(struct metrics_file *file, const char *path, int r)
{
        if (r < 0 && !file->failed)
                journal_print(file->parts->journal, LOG_WARNING,
                              "Cannot write the metrics to %s: %s. Trying again every 15s.", path,
                              strerror(-r));
        else if (r >= 0 && file->failed)
                journal_print(file->parts->journal, LOG_NOTICE, "The metrics are written to %s again.", path);
        file->failed = r < 0;
}

static void on_done(struct work *work)
{
        struct file_work *done = CONTAINER_OF(work, struct file_work, work);

        if (done->text != NULL)
                report(done->file, done->path, done->result);
        free(done->path);
        free(done->text);
        free(done);
}

/* Takes over both. */
static void push(struct metrics_file *file, char *path, char *text)
{
        struct file_work *work = memory_need(calloc(1, sizeof(*work)));

        *work = (struct file_work){ .work.done = on_done, .file = file, .path = path, .text = text };
        worker_push(file->worker, &work->work);
}

static void remove_file(struct metrics_file *file)
{
        if (file->path != NULL)
                push(file, STEAL_POINTER(file->path), NULL);
}

/* -EAGAIN: the thread cannot be started at present. */
static int start_worker(struct metrics_file *file)
{
        const struct worker_parts parts = {
                .event = file->parts->event,
                .name = "metrics-file",
                .execute = execute,
                .userdata = file,
        };

        if (file->worker != NULL)
                return 0;
        int r = worker_new(&parts, &file->worker);
        if (r >= 0)
                r = worker_start(file->worker);
        if (r < 0)
                file->worker = worker_free(file->worker);
        return r;
}

static void write_file(struct metrics_file *file, const char *path)
{
        int r = start_worker(file);

        if (r < 0) {
                report(file, path, r);
                return;
        }
        if (!worker_is_idle(file->worker))
                return;
        if (file->path != NULL && strcmp(file->path, path) != 0)
                remove_file(file);
        if (file->path == NULL)
                file->path = memory_need(strdup(path));
        push(file, memory_need(strdup(path)), control_metrics_text(file->parts));
}

static void on_timer(void *userdata)
{
        struct metrics_file *file = userdata;
        const char *path = file->parts->config->metrics_textfile;

        if (*path == '\0') {
                remove_file(file);
                return;
        }
        write_file(file, path);
        timer_start(file->timer, INTERVAL_US);
}

/* ---- life ---- */

struct metrics_file *metrics_file_new(const struct parts *parts)
{
        struct metrics_file *file = memory_need(calloc(1, sizeof(*file)));

        file->parts = parts;
        file->timer = timer_new(parts->event, CLOCK_BOOTTIME, USEC_PER_MSEC, on_timer, file);
        timer_start(file->timer, 0);
        return file;
}

void metrics_file_update(struct metrics_file *file)
{
        if (file != NULL)
                timer_start(file->timer, 0);
}

void metrics_file_stop(struct metrics_file *file)
{
        if (file == NULL)
                return;
        file->timer = sd_event_source_disable_unref(file->timer);
        remove_file(file);
}

struct metrics_file *metrics_file_free(struct metrics_file *file)
{
        if (file == NULL)
                return NULL;
        sd_event_source_disable_unref(file->timer);
        if (file->worker != NULL) {
                if (!worker_wait(file->worker, END_US))
                        return NULL; /* the thread uses it, but not its parts */
                worker_free(file->worker);
        }
        free(file->path);
        free(file);
        return NULL;
}
