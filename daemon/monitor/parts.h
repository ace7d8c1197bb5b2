/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "config/config.h"
#include "journal/journal.h"
#include "monitor/recorder.h"
#include "monitor/session.h"
#include "nexudus/nexudus.h"
#include "state/state.h"

/* The components that a monitor works with. They are borrowed and must outlive it. */
struct monitor_parts {
        sd_event *event;
        struct nexudus *nexudus;
        struct session *session; /* NULL unless config_has_session() */
        struct state *state;
        struct recorder *recorder;
        struct journal *journal;
        const struct config *config;
        bool once;   /* poll each job once and retry nothing */
        bool report; /* with once: print the observation of each job on standard output */

        /*
         * Called from the event loop, possibly repeatedly, when nothing is left to poll: each job has ended
         * or, with `once`, has been answered or will not be.
         */
        void (*on_idle)(void *userdata);

        /*
         * Whether a request may be sent now; NULL: always. If not, monitor_resume() says when it may.
         */
        bool (*may_send)(void *userdata);

        /*
         * auth = token: the token was refused. Reads it again. Returns whether another one is in use now.
         */
        bool (*reread_token)(void *userdata);
        void *userdata;
};
