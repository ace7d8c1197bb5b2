/* SPDX-License-Identifier: MIT */

/* The span of time for which the API must be down, and which events an outage has had. */

#include "planning/api_events.h"

#include <assert.h>

#include "util/timespan.h"

#define DOWN_US  (10 * USEC_PER_MIN)
#define KEPT_US  (1 * USEC_PER_MIN) /* a shorter outage is not kept */
#define AGAIN_US (1 * USEC_PER_MIN) /* that the API must be down in a later run */

static void begin(struct api_events *events, uint64_t now_us, uint64_t wall_us)
{
        uint64_t lasted_us = 0;

        if (events->now.since_us == 0) {
                events->now.since_us = wall_us;
                events->kept_us = now_us + KEPT_US;
        } else if (wall_us > events->now.since_us) {
                lasted_us = wall_us - events->now.since_us;
        }
        events->due_us = now_us + (lasted_us < DOWN_US - AGAIN_US ? DOWN_US - lasted_us : AGAIN_US);
}

void api_events_note(struct api_events *events, enum api_condition condition, uint64_t now_us,
                     uint64_t wall_us)
{
        assert(now_us > 0);

        events->refused = condition == API_REFUSED;
        if (condition != API_WELL)
                events->recovered = false;
        if (condition != API_DOWN)
                events->now.since_us = events->kept_us = events->due_us = 0;
        else if (events->due_us == 0)
                begin(events, now_us, wall_us);
}

void api_events_note_recovered(struct api_events *events)
{
        events->recovered = true;
}

static bool is_down_due(const struct api_events *events)
{
        return events->due_us != 0 && !events->now.down;
}

bool api_events_due(const struct api_events *events, uint64_t now_us, enum event_kind *ret_kind)
{
        if (events->recovered && (events->now.down || events->now.refused))
                *ret_kind = EVENT_API_OK;
        else if (events->refused && !events->now.refused)
                *ret_kind = EVENT_API_REFUSED;
        else if (is_down_due(events) && events->due_us <= now_us)
                *ret_kind = EVENT_API_DOWN;
        else
                return false;
        return true;
}

uint64_t api_events_next(const struct api_events *events, uint64_t now_us)
{
        if (events->kept_us > now_us)
                return events->kept_us;
        return is_down_due(events) && events->due_us > now_us ? events->due_us : UINT64_MAX;
}

void api_events_note_recorded(struct api_events *events, enum event_kind kind)
{
        assert(event_kind_is_of_api(kind));

        if (kind == EVENT_API_DOWN)
                events->now.down = 1;
        if (kind == EVENT_API_REFUSED)
                events->now.refused = 1;
        if (kind == EVENT_API_OK)
                events->now.down = events->now.refused = events->recovered = false;
}

struct api_events_kept api_events_keep(const struct api_events *events, uint64_t now_us)
{
        struct api_events_kept kept = events->now;

        if (events->kept_us > now_us)
                kept.since_us = 0;
        return kept;
}

void api_events_resume(struct api_events *events, const struct api_events_kept *kept)
{
        *events = (struct api_events){ .now = *kept };
}
