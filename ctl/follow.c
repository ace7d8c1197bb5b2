/* SPDX-License-Identifier: MIT */

/*
 * Keeping up with the service. Whatever is not certain after a signal only sets a flag, for which the caller
 * asks again: so a signal that is lost while the service restarts loses nothing.
 */

#include "ctl/follow.h"

#include <errno.h>

#include "util/cleanup.h"
#include "util/message.h"
#include "util/timespan.h"

DEFINE_CLEANUP(sd_bus_message, sd_bus_message_unref)

/* ---- signals ---- */

static int on_job_event(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        struct follow *follow = userdata;
        uint64_t sequence, job;
        const char *event;

        (void)ret_error;
        if (sd_bus_message_read(message, "tts", &sequence, &job, &event) < 0)
                return 0;
        if (job == 0) /* other jobs are watched than before */
                follow->relist = true;
        else if (follow->jobs == NULL || id_list_contains(follow->jobs, job))
                follow->notified = true;
        return 0;
}

static int on_owner_changed(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        struct follow *follow = userdata;
        const char *name, *before, *after;

        (void)ret_error;
        if (sd_bus_message_read(message, "sss", &name, &before, &after) < 0)
                return 0;
        if (*before != '\0')
                follow->relist = true; /* what happened to the old one is not known */
        if (*after != '\0') {
                follow->appeared = true;
                follow->notified = true;
        }
        return 0;
}

static int lost(const struct follow *follow, int error)
{
        struct call_failure failure = { .error = error };

        return (int)client_explain(follow->client, &failure);
}

int follow_begin(struct follow *follow)
{
        sd_bus *bus = follow->client->bus;
        CLEANUP(cleanup_free)
        char *owner =
                format_message("type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                               "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='%s'",
                               follow->client->name);

        int r = sd_bus_add_match(bus, NULL, owner, on_owner_changed, follow);
        if (r >= 0)
                r = sd_bus_match_signal(bus, NULL, follow->client->name, SERVICE_PATH, SERVICE_INTERFACE,
                                        "JobEvent", on_job_event, follow);
        follow->begun = follow->notified = follow->relist = true;
        return r < 0 ? lost(follow, r) : STEP_ON;
}

/* ---- calls ---- */

int follow_failed(struct follow *follow, struct call_failure *failure)
{
        if (call_failure_is_departure(failure))
                follow->was_there = true;
        int step = follow->begun && follow->was_there && call_failure_is_absence(failure)
                           ? STEP_ABSENT
                           : (int)client_explain(follow->client, failure);

        call_failure_clear(failure);
        return step;
}

int follow_call(struct follow *follow, sd_bus_message *call, sd_bus_message **ret_reply)
{
        struct call_failure failure;

        if (client_try(follow->client, call, ret_reply, &failure) < 0)
                return follow_failed(follow, &failure);
        follow->was_there = true;
        return STEP_ON;
}

/* ---- waiting ---- */

static int wait_for_signal(struct follow *follow)
{
        int r = 0;

        while (r >= 0 && !follow->notified && !follow->relist)
                r = client_process(follow->client);
        return r;
}

int follow_wait(struct follow *follow)
{
        int r = wait_for_signal(follow);

        return r < 0 ? lost(follow, r) : STEP_ON;
}

int follow_wait_at_most(struct follow *follow, uint64_t span_us)
{
        client_set_deadline(follow->client, span_us);
        int r = wait_for_signal(follow);
        client_set_deadline(follow->client, USEC_NEVER);
        return r < 0 && r != -ETIME ? lost(follow, r) : STEP_ON;
}

/* It may be there already, having left another call without a reply. */
static int wait_until_present(struct follow *follow)
{
        CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
        int there;

        follow->appeared = false;
        int r = sd_bus_call_method(follow->client->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                   "org.freedesktop.DBus", "NameHasOwner", NULL, &reply, "s",
                                   follow->client->name);
        if (r >= 0)
                r = sd_bus_message_read(reply, "b", &there);
        while (r >= 0 && !there && !follow->appeared)
                r = client_process(follow->client);
        follow->notified = true;
        follow->relist = true;
        return r;
}

int follow_until_present(struct follow *follow)
{
        int r = wait_until_present(follow);

        return r < 0 ? lost(follow, r) : STEP_ON;
}

int follow_until_present_at_most(struct follow *follow, uint64_t span_us)
{
        client_set_deadline(follow->client, span_us);
        int r = wait_until_present(follow);
        client_set_deadline(follow->client, USEC_NEVER);
        return r < 0 && r != -ETIME ? lost(follow, r) : STEP_ON;
}
