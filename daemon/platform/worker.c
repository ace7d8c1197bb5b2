/* SPDX-License-Identifier: MIT */

/*
 * Two lists below one lock: work that waits for the thread, and work that waits for the loop. A condition
 * wakes the thread, an eventfd the loop.
 */

#include "platform/worker.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/timespan.h"

/* How much work is given back before other event sources have their turn. */
#define GIVE_BACK_MAX 100

/* Of a thread, in Linux. */
#define NAME_LENGTH_MAX 15

struct work_list {
        struct work *first;
        struct work **end; /* where the next item is linked */
};

struct worker {
        struct worker_parts parts;
        sd_event_source *source;
        int wake;           /* eventfd */
        size_t count;       /* work that was not given back; this and the next three only the loop uses */
        struct work *ready; /* taken from `finished`, not yet given back */
        bool giving_back, started;
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

/* Called with the lock, which is released in between. */
static void wait_for_work(struct worker *worker)
{
        bool more_to_do = worker->parts.on_idle != NULL;

        while (worker->queued.first == NULL && !worker->ending) {
                if (more_to_do) {
                        (void)pthread_mutex_unlock(&worker->lock);
                        more_to_do = worker->parts.on_idle(worker->parts.userdata);
                        (void)pthread_mutex_lock(&worker->lock);
                } else {
                        (void)pthread_cond_wait(&worker->pushed, &worker->lock);
                }
        }
}

static void *run(void *userdata)
{
        struct worker *worker = userdata;

        for (;;) {
                (void)pthread_mutex_lock(&worker->lock);
                wait_for_work(worker);
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

/* Returns whether there was any. */
static bool take_finished(struct worker *worker)
{
        eventfd_t count;

        (void)eventfd_read(worker->wake, &count);
        (void)pthread_mutex_lock(&worker->lock);
        worker->ready = list_take(&worker->finished);
        (void)pthread_mutex_unlock(&worker->lock);
        return worker->ready != NULL;
}

static void give_back(struct worker *worker, size_t max)
{
        worker->giving_back = true;
        while (max-- > 0 && worker->ready != NULL) {
                struct work *work = worker->ready;

                worker->ready = work->next;
                worker->count--;
                work->done(work); /* may free it, and may push more */
        }
        worker->giving_back = false;
}

static int on_finished(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        (void)source;
        (void)fd;
        (void)events;
        struct worker *worker = userdata;

        if (worker->ready == NULL)
                (void)take_finished(worker);
        give_back(worker, GIVE_BACK_MAX);
        if (worker->ready != NULL) /* the rest in the next iteration */
                (void)eventfd_write(worker->wake, 1);
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

bool worker_wait(struct worker *worker, uint64_t timeout_us)
{
        const uint64_t end_us = clock_process_us() + timeout_us;
        struct pollfd wake = { .fd = worker->wake, .events = POLLIN };

        assert(!worker->giving_back);
        for (;;) {
                give_back(worker, SIZE_MAX);
                const uint64_t now_us = clock_process_us();
                if (worker->count == 0 || now_us >= end_us)
                        return worker->count == 0;
                if (take_finished(worker))
                        continue;

                const uint64_t left_us = end_us - now_us;
                const struct timespec left = {
                        .tv_sec = (time_t)(left_us / USEC_PER_SEC),
                        .tv_nsec = (long)(left_us % USEC_PER_SEC) * 1000,
                };
                (void)ppoll(&wake, 1, &left, NULL);
        }
}

/* ---- life ---- */

int worker_new(const struct worker_parts *parts, struct worker **ret_worker)
{
        assert(strlen(parts->name) <= NAME_LENGTH_MAX);
        CLEANUP(cleanup_worker_free) struct worker *worker = memory_need(calloc(1, sizeof(*worker)));
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
        assert(!worker->giving_back);
        if (worker->started) {
                (void)pthread_mutex_lock(&worker->lock);
                worker->ending = true;
                (void)pthread_cond_signal(&worker->pushed);
                (void)pthread_mutex_unlock(&worker->lock);
                (void)pthread_join(worker->thread, NULL);
                worker->started = false;
        }
        do /* what done() pushes is executed at once */
                give_back(worker, SIZE_MAX);
        while (take_finished(worker));
        assert(worker_is_idle(worker));
        sd_event_source_disable_unref(worker->source);
        if (worker->wake >= 0)
                (void)close(worker->wake);
        free(worker);
        return NULL;
}
