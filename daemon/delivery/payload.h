/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/event.h"

/*
 * The version of the document's shape: raised when a field changes its meaning or goes, not when one is
 * added.
 */
#define EVENT_DOCUMENT_SCHEMA 1

/*
 * Writes the event as the JSON document that hooks get, on one line:
 *
 *   {"schema":1,"event":"succeeded","event_id":"…","time":"2026-01-31T12:00:00.123456Z",
 *    "job":{"id":87654321,"name":null,"guid":"…","description":"…","business":{"id":1,"name":"…"},"files":"…",
 *           "created_on":"…","updated_on":"…"},
 *    "status":"Completed","status_before":"Running","outcome":"success","result":"…","result_before":"…","attempt":1}
 *
 * Every field is always there, null where nothing is known; at first sight both _before are null. `time` is
 * when the event was noticed, in UTC. Texts of the remote side stand in it whole and unchanged (as JSON
 * strings; NUL as \u0000), but for bytes that are no UTF-8: each is replaced by U+FFFD, so that the document
 * is JSON whatever was stored. With `personal_data`, job also has "user" and "user_email". Ends with a
 * newline.
 *
 * `attempt` counts from 1. Returns 0 with malloc()ed memory (terminated by a NUL that is not counted), or
 * -ENOMEM.
 */
int payload_write(const struct event *event, unsigned attempt, bool personal_data, char **ret_document,
                  size_t *ret_size);
