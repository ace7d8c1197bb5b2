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
        sd_event *event;
        sd_event_source *post;
        sd_event_source *timer;
        status_describe describe;
        void *userdata;
        uint64_t sent_us;
};

static void send_text(struct status_line *line, const char *status, uint64_t now)
{
        line->sent_us = now;
        if (status != NULL)
                (void)sd_notifyf(false, "STATUS=%s", status);
}

static void on_post(void *userdata)
{
        struct status_line *line = userdata;
        uint64_t now = 0;
        bool stable = true;

        (void)sd_event_now(line->event, CLOCK_BOOTTIME, &now);
        if (now < line->sent_us + STATUS_INTERVAL_US) {
                timer_start_at(line->timer, line->sent_us + STATUS_INTERVAL_US);
                return;
        }

        CLEANUP(cleanup_free) char *status = line->describe(line->userdata, now, &stable);
        if (!stable && now < line->sent_us + STATUS_HOLD_MAX_US)
                timer_start_at(line->timer, now + STATUS_INTERVAL_US / 10);
        else
                send_text(line, status, now);
}

void status_line_send(struct status_line *line)
{
        uint64_t now = 0;
        bool stable;

        if (line == NULL)
                return;
        (void)sd_event_now(line->event, CLOCK_BOOTTIME, &now);
        CLEANUP(cleanup_free) char *status = line->describe(line->userdata, now, &stable);
        send_text(line, status, now);
}

/* Only causes an iteration of the loop; on_post() runs after it. */
static void on_timer(void *userdata)
{
        (void)userdata;
}

struct status_line *status_line_new(sd_event *event, status_describe describe, void *userdata)
{
        if (getenv("NOTIFY_SOCKET") == NULL)
                return NULL;

        struct status_line *line = memory_need(calloc(1, sizeof(*line)));
        *line = (struct status_line){
                .event = event,
                .post = post_new(event, on_post, line),
                .timer = timer_new(event, CLOCK_BOOTTIME, STATUS_INTERVAL_US / 20, on_timer, line),
                .describe = describe,
                .userdata = userdata,
        };
        return line;
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
