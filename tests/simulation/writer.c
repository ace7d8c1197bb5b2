/* SPDX-License-Identifier: MIT */

/*
 * The writer of the state, instead of platform/: it takes some time for what is queued. The daemon may crash
 * before or after that is on the disk.
 */

#include "sim.h"

#include <errno.h>
#include <stdlib.h>

#include "platform/worker.h"

struct worker {
        struct worker_parts parts;
        struct work *queued, **queued_end, *finished, **finished_end;
        bool started;
        uint64_t run_us; /* when the present queue is executed and given back */
};

int worker_new(const struct worker_parts *parts, struct worker **ret_worker)
{
        struct worker *worker = calloc(1, sizeof(*worker));

        if (worker == NULL)
                return -ENOMEM;
        worker->parts = *parts;
        worker->queued_end = &worker->queued;
        worker->finished_end = &worker->finished;
        worker->run_us = USEC_NEVER;
        *ret_worker = simulated->writer = worker;
        return 0;
}

int worker_start(struct worker *worker)
{
        worker->started = true;
        return 0;
}

static uint64_t commit_span(struct sim *sim)
{
        if (sim->disk_slow_until_us > sim->now_us)
                return chance_span(sim, 0, DISK_SLOW_US);
        return chance_below(sim, 20 * USEC_PER_MSEC);
}

void worker_push(struct worker *worker, struct work *work)
{
        struct sim *sim = simulated;

        sim->pushed++;
        work->next = NULL;
        if (worker->run_us == USEC_NEVER)
                worker->run_us = sim->now_us + (worker->started ? commit_span(sim) : 0);
        if (!worker->started) {
                worker->parts.execute(worker->parts.userdata, work);
                return;
        }
        *worker->queued_end = work;
        worker->queued_end = &work->next;
}

void worker_finish(struct worker *worker, struct work *work)
{
        work->next = NULL;
        *worker->finished_end = work;
        worker->finished_end = &work->next;
}

bool worker_is_idle(const struct worker *worker)
{
        return worker->queued == NULL && worker->finished == NULL;
}

static void execute(struct worker *worker)
{
        struct work *list = worker->queued;

        worker->queued = NULL;
        worker->queued_end = &worker->queued;
        worker->run_us = USEC_NEVER;
        if (list != NULL)
                worker->parts.execute(worker->parts.userdata, list);
}

static void give_back(struct worker *worker)
{
        struct work *list = worker->finished;

        worker->finished = NULL;
        worker->finished_end = &worker->finished;
        while (list != NULL) {
                struct work *work = list;

                list = work->next;
                simulated->executed++;
                work->done(work);
        }
}

bool writer_run(struct sim *sim)
{
        struct worker *worker = sim->writer;

        if (worker->run_us > sim->now_us)
                return false;
        if (sim->crash != CRASH_BEFORE_COMMIT)
                execute(worker);
        if (sim->crash != CRASH_NONE) {
                daemon_crash(sim);
                return true;
        }
        give_back(worker);
        api_settle(sim);
        if (!sim->failed && sim->executed == sim->pushed &&
            (sim->handed != sim->last_sequence ||
             (sim->journaled != sim->last_sequence && !sim->journal_behind)))
                sim_fail(sim, NULL, "recorded, and neither logged nor given to the outbox");
        return true;
}

void writer_finish(struct sim *sim)
{
        while (!worker_is_idle(sim->writer)) {
                execute(sim->writer);
                give_back(sim->writer);
        }
}

uint64_t writer_next_us(const struct sim *sim)
{
        return sim->writer->run_us;
}

struct worker *worker_free(struct worker *worker)
{
        writer_finish(simulated);
        simulated->writer = NULL;
        free(worker);
        return NULL;
}
