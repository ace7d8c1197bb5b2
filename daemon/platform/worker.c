/* SPDX-License-Identifier: MIT */

/*
 * Two lists below one lock: work that waits for the thread, and work that waits for the loop. A condition
 * wakes the thread, an eventfd the loop.
 */

#include "platform/worker.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "util/cleanup.h"

struct work_list {
        struct work *first;
        struct work **end; /* where the next item is linked */
};

struct worker {
        struct worker_parts parts;
        sd_event_source *source;
        int wake;     /* eventfd */
        size_t count; /* work that was not given back; only the loop uses it */
        bool started;
        pthread_t thread;

        pthread_mutex_t lock; /* of what follows */
        pthread_cond_t pushed;
        struct work_list queued, finished;
        bool ending;
};

DEFINE_CLEANUP(struct worker, worker_free)

/* ---- lists ---- */

static void list_reset(struct work_list *list)
{
        list->first = NULL;
        list->end = &list->first;
}

static void list_append(struct work_list *list, struct work *work)
{
        work->next = NULL;
        *list->end = work;
        list->end = &work->next;
}

static struct work *list_take(struct work_list *list)
{
        struct work *first = list->first;

        list_reset(list);
        return first;
}

/* ---- the thread ---- */

static void *run(void *userdata)
{
        struct worker *worker = userdata;

        for (;;) {
                (void)pthread_mutex_lock(&worker->lock);
                while (worker->queued.first == NULL && !worker->ending)
                        (void)pthread_cond_wait(&worker->pushed, &worker->lock);
                struct work *work = list_take(&worker->queued);
                (void)pthread_mutex_unlock(&worker->lock);

                if (work == NULL)
                        return NULL;
                worker->parts.execute(worker->parts.userdata, work);
        }
}

void worker_finish(struct worker *worker, struct work *work)
{
        (void)pthread_mutex_lock(&worker->lock);
        bool is_first = worker->finished.first == NULL;
        list_append(&worker->finished, work);
        (void)pthread_mutex_unlock(&worker->lock);
        if (is_first) /* an eventfd takes 2^64 - 2 of these before it would block */
                (void)eventfd_write(worker->wake, 1);
}

int worker_start(struct worker *worker)
{
        sigset_t all, before;

        assert(!worker->started);
        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        int r = pthread_create(&worker->thread, NULL, run, worker);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0)
                return -r;
        (void)pthread_setname_np(worker->thread, worker->parts.name);
        worker->started = true;
        return 0;
}

/* ---- the loop ---- */

static void give_back(struct worker *worker)
{
        (void)pthread_mutex_lock(&worker->lock);
        struct work *work = list_take(&worker->finished);
        (void)pthread_mutex_unlock(&worker->lock);

        while (work != NULL) {
                struct work *next = work->next;

                worker->count--;
                work->done(work); /* may free it, and may push more */
                work = next;
        }
}

static int on_finished(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        (void)source;
        (void)events;
        eventfd_t count;

        (void)eventfd_read(fd, &count);
        give_back(userdata);
        return 0;
}

void worker_push(struct worker *worker, struct work *work)
{
        assert(work->done != NULL);
        worker->count++;
        if (!worker->started) {
                work->next = NULL;
                worker->parts.execute(worker->parts.userdata, work);
                return;
        }
        (void)pthread_mutex_lock(&worker->lock);
        list_append(&worker->queued, work);
        (void)pthread_cond_signal(&worker->pushed);
        (void)pthread_mutex_unlock(&worker->lock);
}

bool worker_is_idle(const struct worker *worker)
{
        return worker->count == 0;
}

/* ---- life ---- */

int worker_new(const struct worker_parts *parts, struct worker **ret_worker)
{
        CLEANUP(cleanup_worker_free) struct worker *worker = calloc(1, sizeof(*worker));

        if (worker == NULL)
                return -ENOMEM;
        worker->parts = *parts;
        worker->lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
        worker->pushed = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
        list_reset(&worker->queued);
        list_reset(&worker->finished);
        worker->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (worker->wake < 0)
                return -errno;
        int r = sd_event_add_io(parts->event, &worker->source, worker->wake, EPOLLIN, on_finished, worker);
        if (r < 0)
                return r;
        (void)sd_event_source_set_description(worker->source, parts->name);
        *ret_worker = STEAL_POINTER(worker);
        return 0;
}

struct worker *worker_free(struct worker *worker)
{
        if (worker == NULL)
                return NULL;
        if (worker->started) {
                (void)pthread_mutex_lock(&worker->lock);
                worker->ending = true;
                (void)pthread_cond_signal(&worker->pushed);
                (void)pthread_mutex_unlock(&worker->lock);
                (void)pthread_join(worker->thread, NULL);
                worker->started = false;
        }
        give_back(worker);
        sd_event_source_disable_unref(worker->source);
        if (worker->wake >= 0)
                (void)close(worker->wake);
        free(worker);
        return NULL;
}
