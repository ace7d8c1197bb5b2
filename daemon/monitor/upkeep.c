/* SPDX-License-Identifier: MIT */

/* The operation has a reference to the configuration, whose names it uses. */

#include "monitor/upkeep.h"

#include <stdlib.h>

#include "monitor/discover_sections.h"
#include "platform/clock.h"
#include "util/container.h"
#include "util/memory.h"

struct upkeep {
        struct state_operation operation;
        struct config *config;
        uint64_t wall_us;
        const char **hooks;
        uint64_t *jobs;
};

static void upkeep_free(struct upkeep *upkeep)
{
        config_free(upkeep->config);
        free(upkeep->hooks);
        free(upkeep->jobs);
        free(upkeep);
}

static int upkeep_run(struct state_operation *operation, struct store *store)
{
        const struct upkeep *upkeep = CONTAINER_OF(operation, struct upkeep, operation);
        const struct config *config = upkeep->config;
        struct store_configured configured = {
                .hooks = upkeep->hooks,
                .hook_count = config->hook_count,
                .jobs = upkeep->jobs,
                .job_count = config->job_count,
        };

        discover_sections_stored_horizon(store, &configured);
        store_set_max_size(store, config->state_max_size);
        return store_prune(store, upkeep->wall_us, config->state_keep_us, &configured);
}

static void upkeep_done(struct state_operation *operation, int r)
{
        (void)r;
        upkeep_free(CONTAINER_OF(operation, struct upkeep, operation));
}

void upkeep_queue(struct state *state, struct config *config)
{
        struct upkeep *upkeep = memory_need(calloc(1, sizeof(*upkeep)));

        upkeep->operation = (struct state_operation){ .run = upkeep_run, .done = upkeep_done };
        upkeep->config = config_ref(config);
        upkeep->wall_us = clock_wall_us();
        upkeep->hooks = memory_need(calloc(config->hook_count + 1, sizeof(*upkeep->hooks)));
        upkeep->jobs = memory_need(calloc(config->job_count + 1, sizeof(*upkeep->jobs)));
        for (size_t i = 0; i < config->hook_count; i++)
                upkeep->hooks[i] = config->hooks[i].name;
        for (size_t i = 0; i < config->job_count; i++)
                upkeep->jobs[i] = config->jobs[i].id;
        state_queue(state, &upkeep->operation);
}
