/* SPDX-License-Identifier: MIT */

/* Counts deliveries of the state for one configuration. The deliveries themselves are read by hook_queue.c.
 */

#include "delivery/outbox_load.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/id_list.h"
#include "util/memory.h"
#include "util/message.h"

DEFINE_CLEANUP(struct outbox_load, outbox_load_free)

struct reading {
        const struct config *config;
        uint64_t *jobs; /* those that are listed, sorted */
        struct outbox_load *load;
};

/* malloc()ed. */
static uint64_t *sorted_jobs(const struct config *config)
{
        uint64_t *jobs = memory_need(calloc(config->job_count + 1, sizeof(*jobs)));
        for (size_t i = 0; i < config->job_count; i++)
                jobs[i] = config->jobs[i].id;
        qsort(jobs, config->job_count, sizeof(*jobs), id_compare);
        return jobs;
}

static void take_pending(void *userdata, const char *hook, uint64_t count)
{
        const struct reading *reading = userdata;
        struct outbox_load *load = reading->load;
        const struct hook_config *configured = config_find_hook(reading->config, hook);

        if (configured != NULL) {
                load->hooks[configured - reading->config->hooks].pending = count;
                return;
        }
        CLEANUP(cleanup_free) char *before = load->removed;
        load->removed = before != NULL ? format_message("%s, %s (%" PRIu64 ")", before, hook, count)
                                       : format_message("%s (%" PRIu64 ")", hook, count);
}

static void take_abandoned(void *userdata, uint64_t job_id, bool job_is_added, const char *hook)
{
        const struct reading *reading = userdata;
        const struct config *config = reading->config;
        const struct hook_config *configured = config_find_hook(config, hook);

        /* 0: of the API. With [discover], any job may have been discovered. */
        if (configured != NULL &&
            (job_id == 0 || job_is_added || config->discover_count > 0 ||
             bsearch(&job_id, reading->jobs, config->job_count, sizeof(job_id), id_compare) != NULL))
                reading->load->hooks[configured - config->hooks].abandoned++;
}

int outbox_load(struct store *store, const struct config *config, struct outbox_load **ret_load)
{
        CLEANUP(cleanup_outbox_load_free)
        struct outbox_load *load =
                memory_need(calloc(1, sizeof(*load) + config->hook_count * sizeof(load->hooks[0])));
        CLEANUP(cleanup_free) uint64_t *jobs = sorted_jobs(config);
        struct reading reading = { .config = config, .jobs = jobs, .load = load };

        load->hook_count = config->hook_count;
        int r = store_each_pending_hook(store, take_pending, &reading);
        if (r >= 0)
                r = store_each_failed_delivery(store, take_abandoned, &reading);
        if (r < 0)
                return r;
        *ret_load = STEAL_POINTER(load);
        return 0;
}

struct outbox_load *outbox_load_free(struct outbox_load *load)
{
        if (load != NULL)
                free(load->removed);
        free(load);
        return NULL;
}
