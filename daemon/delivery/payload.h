/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "model/event.h"

/* The version of the document's schema; raised when a field is changed or removed, not when one is added. */
#define EVENT_DOCUMENT_SCHEMA 1

/*
 * Writes the event as the JSON document for hooks, on one line:
 *
 *   {"schema":1,"event":"succeeded","event_id":"…","sequence":17,
 *    "time":"2026-01-31T12:00:00.123456Z",
 *    "job":{"id":87654321,"name":null,"guid":"…","description":"…","business":{"id":1,"name":"…"},"files":"…",
 *           "created_on":"…","updated_on":"…"},
 *    "status":"Completed","status_before":"Running","outcome":"success","result":"…","result_before":"…",
 *    "result_known":true,"attempt":1}
 *
 * All fields are always present, null where nothing is known; for a first observation both _before are null.
 * `time` is when the event was observed, in UTC. Texts of the remote side are complete and unchanged (as JSON
 * strings, NUL as \u0000), except that bytes that are not UTF-8 become U+FFFD. With `personal_data`, job also
 * has "user" and "user_email". Ends with a newline.
 *
 * An event of the API has "job":null,"description":"…" instead of the job.
 *
 * `attempt` counts from 1. Returns malloc()ed memory.
 */
char *payload_write(const struct event *event, unsigned attempt, bool personal_data);
