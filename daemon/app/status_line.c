/* SPDX-License-Identifier: MIT */

/*
 * A post source: it runs after each iteration of the loop in which another source was dispatched, so nobody
 * has to announce changes. A timer causes an iteration when sending was deferred.
 */

#include "app/status_line.h"

#include <stdlib.h>
#include <systemd/sd-daemon.h>

#include "util/cleanup.h"
#include "util/memory.h"
#include "util/timer.h"
#include "util/timespan.h"

/* The minimum interval between two status texts. */
#define STATUS_INTERVAL_US (1 * USEC_PER_SEC)

/* How long a text that is not stable is held back. */
#define STATUS_HOLD_MAX_US (5 * STATUS_INTERVAL_US)

struct status_line {
        sd_event_source *post;
        sd_event_source *timer;
        status_describe describe;
        void *userdata;
        uint64_t sent_us;
};

DEFINE_CLEANUP(struct status_line, status_line_free)

static void send_text(struct status_line *line, const char *status, uint64_t now)
{
        line->sent_us = now;
        if (status != NULL)
                (void)sd_notifyf(false, "STATUS=%s", status);
}

static int on_post(sd_event_source *source, void *userdata)
{
        struct status_line *line = userdata;
        uint64_t now = 0;
        bool stable = true;

        (void)sd_event_now(sd_event_source_get_event(source), CLOCK_BOOTTIME, &now);
        if (now < line->sent_us + STATUS_INTERVAL_US) {
                timer_start_at(line->timer, line->sent_us + STATUS_INTERVAL_US);
                return 0;
        }

        CLEANUP(cleanup_free) char *status = line->describe(line->userdata, now, &stable);
        if (!stable && now < line->sent_us + STATUS_HOLD_MAX_US)
                timer_start_at(line->timer, now + STATUS_INTERVAL_US / 10);
        else
                send_text(line, status, now);
        return 0;
}

void status_line_send(struct status_line *line)
{
        uint64_t now = 0;
        bool stable;

        if (line == NULL)
                return;
        (void)sd_event_now(sd_event_source_get_event(line->post), CLOCK_BOOTTIME, &now);
        CLEANUP(cleanup_free) char *status = line->describe(line->userdata, now, &stable);
        send_text(line, status, now);
}

/* Only causes an iteration of the loop; on_post() runs after it. */
static void on_timer(void *userdata)
{
        (void)userdata;
}

int status_line_new(sd_event *event, status_describe describe, void *userdata, struct status_line **ret_line)
{
        if (getenv("NOTIFY_SOCKET") == NULL) {
                *ret_line = NULL;
                return 0;
        }

        CLEANUP(cleanup_status_line_free) struct status_line *line = memory_need(calloc(1, sizeof(*line)));
        line->describe = describe;
        line->userdata = userdata;
        line->timer = timer_new(event, CLOCK_BOOTTIME, STATUS_INTERVAL_US / 20, on_timer, line);
        int r = sd_event_add_post(event, &line->post, on_post, line);
        if (r < 0)
                return r;
        *ret_line = STEAL_POINTER(line);
        return 0;
}

struct status_line *status_line_free(struct status_line *line)
{
        if (line == NULL)
                return NULL;
        sd_event_source_disable_unref(line->post);
        sd_event_source_disable_unref(line->timer);
        free(line);
        return NULL;
}
