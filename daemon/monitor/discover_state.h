/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/discover_sections.h"
#include "monitor/known_ids.h"
#include "planning/created_round.h"

struct lookup;

/* What is known of new jobs: see discover.h, and discover_created.h for the last part. */
struct discover {
        struct discover_sections sections;
        struct known_ids known;
        size_t looking_up;             /* rows that are being looked up in the state */
        struct lookup *failed_lookups; /* of these: they are repeated at `retry_us` */
        uint64_t retry_us;             /* USEC_NEVER: there is none */
        unsigned resets;               /* how often another API was taken */
        size_t unrecorded;             /* jobs in the table whose first event is not recorded */
        size_t watched;                /* discovered jobs in the table */
        size_t succeeded, failed;      /* that have ended and are in the table no more */
        size_t gone;                   /* of those that have failed */
        bool limit_logged;
        bool unsaved;          /* a first round is over, and the state does not know that */
        bool in_feed_round;    /* between two pages of one */
        bool some_ended;       /* jobs of the table are to be taken out */
        uint64_t taken_out_us; /* when that was done last */

        struct created_round round;
        uint64_t due_us;    /* of the round that is wanted in any case; USEC_NEVER: none is */
        uint64_t ended_us;  /* when a round ended last */
        uint64_t wanted_us; /* as the planner was told; USEC_NEVER: no page */
        bool form_differs;  /* some row's CreatedOn has another form than those before */
        bool round_failed;  /* the last one: that was logged */
};
