/* SPDX-License-Identifier: MIT */

/* Round times: a number of seconds, minutes or hours after midnight of the local day, or whole days. */

#include "ctl/axis.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#include "util/timespan.h"

#define DAY 86400

static const unsigned steps[] = { 1,        2,        5,         10,       15,      30,      60,
                                  120,      300,      600,       900,      1800,    3600,    7200,
                                  10800,    21600,    43200,     DAY,      2 * DAY, 7 * DAY, 14 * DAY,
                                  30 * DAY, 90 * DAY, 180 * DAY, 365 * DAY };

#define STEP_COUNT (sizeof(steps) / sizeof(*steps))

/* The first is never left out for a mark at both ends. */
static unsigned choose_step(uint64_t span_us, size_t most)
{
        for (size_t i = 0; i < STEP_COUNT; i++)
                if (span_us / (steps[i] * USEC_PER_SEC) < most)
                        return steps[i];
        return (unsigned)(span_us / USEC_PER_SEC / most + 1);
}

/* Days have other lengths than 24 h when the clock changes. */
static time_t next_mark(time_t mark, unsigned step)
{
        struct tm parts;

        if (step < DAY || localtime_r(&mark, &parts) == NULL)
                return mark + (time_t)step;
        parts.tm_mday += (int)(step / DAY);
        parts.tm_isdst = -1;
        time_t next = mktime(&parts);
        return next > mark ? next : mark + (time_t)step;
}

static time_t midnight_before(time_t time)
{
        struct tm parts;

        if (localtime_r(&time, &parts) == NULL)
                return time;
        parts.tm_hour = parts.tm_min = parts.tm_sec = 0;
        parts.tm_isdst = -1;
        time_t midnight = mktime(&parts);
        return midnight >= 0 && midnight <= time ? midnight : time;
}

static void name_tick(struct tick *tick, unsigned step, int *day)
{
        const time_t time = (time_t)(tick->time_us / USEC_PER_SEC);
        struct tm parts;

        if (localtime_r(&time, &parts) == NULL)
                return;
        if (step < 60)
                (void)strftime(tick->text, sizeof(tick->text), "%H:%M:%S", &parts);
        else if (step < DAY)
                (void)strftime(tick->text, sizeof(tick->text), "%H:%M", &parts);
        else
                (void)strftime(tick->text, sizeof(tick->text), "%e %b", &parts);
        if (step < DAY && parts.tm_yday != *day)
                (void)strftime(tick->date, sizeof(tick->date), "%e %b", &parts);
        *day = parts.tm_yday;
}

size_t axis_ticks(uint64_t begin_us, uint64_t end_us, size_t most, struct tick ticks[static TICKS_MAX])
{
        const unsigned step = choose_step(end_us - begin_us, most);
        size_t count = 0;
        int day = -1;

        assert(end_us > begin_us && most > 0 && most <= TICKS_MAX);
        time_t mark = midnight_before((time_t)(begin_us / USEC_PER_SEC));
        if (step < DAY) /* at most a day: one step over it */
                mark += (time_t)((begin_us / USEC_PER_SEC - (uint64_t)mark) / step * step);
        for (; (uint64_t)mark * USEC_PER_SEC <= end_us && count < most; mark = next_mark(mark, step)) {
                if ((uint64_t)mark * USEC_PER_SEC < begin_us)
                        continue;
                ticks[count] = (struct tick){ .time_us = (uint64_t)mark * USEC_PER_SEC };
                name_tick(&ticks[count++], step, &day);
        }
        return count;
}
