/* SPDX-License-Identifier: MIT */

/* What was requested when, and which events there were. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "planner_fixture.h"

bool sent_has(const struct sent *sent, uint64_t id)
{
        for (size_t i = 0; i < sent->count; i++)
                if (sent->ids[i] == id)
                        return sent->kind == REQUEST_SINGLE || sent->kind == REQUEST_BATCH;
        return false;
}

size_t count_polls(const struct fixture *fixture, size_t from, size_t index)
{
        size_t count = 0;

        for (size_t i = from; i < fixture->sent_count; i++)
                if (sent_has(&fixture->sent[i], FIRST_ID + index))
                        count++;
        return count;
}

const struct sent *last_poll(const struct fixture *fixture, size_t index)
{
        for (size_t i = fixture->sent_count; i > 0; i--)
                if (sent_has(&fixture->sent[i - 1], FIRST_ID + index))
                        return &fixture->sent[i - 1];
        return NULL;
}

size_t count_kind(const struct fixture *fixture, size_t from, enum request_kind kind)
{
        size_t count = 0;

        for (size_t i = from; i < fixture->sent_count; i++)
                if (fixture->sent[i].kind == kind)
                        count++;
        return count;
}

uint64_t longest_gap(const struct fixture *fixture, size_t from, size_t index)
{
        uint64_t longest_us = 0, last_us = 0;

        for (size_t i = from; i < fixture->sent_count; i++) {
                const struct sent *sent = &fixture->sent[i];

                if (!sent_has(sent, FIRST_ID + index))
                        continue;
                if (last_us != 0 && sent->at_us - last_us > longest_us)
                        longest_us = sent->at_us - last_us;
                last_us = sent->at_us;
        }
        return longest_us;
}

size_t count_events(const struct fixture *fixture, size_t index, enum event_kind kind)
{
        size_t count = 0;

        for (size_t i = 0; i < fixture->event_count; i++)
                if (fixture->events[i].id == FIRST_ID + index && fixture->events[i].kind == kind)
                        count++;
        return count;
}
