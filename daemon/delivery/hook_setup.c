/* SPDX-License-Identifier: MIT */

/* The three kinds of hooks meet here. */

#include "delivery/hook_setup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "delivery/exec/exec.h"
#include "delivery/payload.h"
#include "delivery/unit/unit.h"
#include "delivery/webhook/webhook.h"
#include "util/memory.h"

#define RESERVED_DESCRIPTORS 32

int hook_setup_new(const struct hook_context *context, struct unit_hooks *unit_hooks, struct config *config,
                   const struct hook_config *hook, struct hook_setup **ret_setup)
{
        struct hook_setup *setup = memory_malloc(NULL, sizeof(*setup));

        *setup = (struct hook_setup){
                .references = 1,
                .config = config_ref(config),
                .hook = hook,
                .context = *context,
                .unit_hooks = unit_hooks,
        };
        int r = hook->kind == HOOK_URL ? webhook_new(context, config, hook, &setup->webhook) : 0;
        if (r < 0) {
                hook_setup_unref(setup);
                return r;
        }
        *ret_setup = setup;
        return 0;
}

struct hook_setup *hook_setup_ref(struct hook_setup *setup)
{
        setup->references++;
        return setup;
}

struct hook_setup *hook_setup_unref(struct hook_setup *setup)
{
        if (setup == NULL || --setup->references > 0)
                return NULL;
        webhook_free(setup->webhook);
        config_free(setup->config);
        free(setup);
        return NULL;
}

void hook_setup_close_idle(struct hook_setup *setup)
{
        if (setup->webhook != NULL)
                webhook_close_idle(setup->webhook);
}

/*
 * Whether an attempt of any kind finds the descriptors it needs, while enough are left for the rest of the
 * daemon: requests, the database, the journal, a reload. A new descriptor has the lowest number that is free,
 * so a high one shows that few are left. Returns 0, -EMFILE or -ENFILE.
 */
static int check_descriptors(void)
{
        struct rlimit limit;

        int fd = open("/", O_PATH | O_CLOEXEC);
        if (fd < 0)
                return errno == ENFILE ? -ENFILE : errno == EMFILE ? -EMFILE : 0;
        (void)close(fd);
        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur <= 2 * RESERVED_DESCRIPTORS)
                return 0;
        return (rlim_t)fd < limit.rlim_cur - RESERVED_DESCRIPTORS ? 0 : -EMFILE;
}

int hook_setup_start(struct hook_setup *setup, struct hook_attempt attempt, char **ret_reason,
                     struct attempt_run *ret_run)
{
        *ret_run = (struct attempt_run){ .exec = NULL };
        *ret_reason = NULL;
        int r = check_descriptors();
        if (r < 0)
                return r;
        ret_run->document = payload_write(attempt.event, attempt.attempt, setup->config->log.personal_data);
        attempt.document = ret_run->document;
        attempt.hook = setup->hook;
        switch (setup->hook->kind) {
        case HOOK_EXEC:
                return hook_exec_start(&setup->context, &attempt, ret_reason, &ret_run->exec);
        case HOOK_URL:
                return webhook_start(setup->webhook, &attempt, ret_reason, &ret_run->http);
        case HOOK_UNIT:
                return hook_unit_start(setup->unit_hooks, &attempt, ret_reason, &ret_run->unit);
        }
        return -EOPNOTSUPP;
}

void attempt_run_ended(struct attempt_run *run)
{
        run->exec = NULL;
        run->http = NULL;
        run->unit = NULL;
}

void attempt_run_clear(struct attempt_run *run)
{
        hook_exec_free(run->exec);
        webhook_cancel(run->http);
        hook_unit_cancel(run->unit);
        free(run->document);
        *run = (struct attempt_run){ .exec = NULL };
}
