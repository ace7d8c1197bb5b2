/* SPDX-License-Identifier: MIT */
#pragma once

/* The search of the scripted API (planner_fixture.h), whose pages are taken as the monitor takes them. */

#include "planner_fixture.h"

/* A job gets another Status, and an UpdatedOn of now. */
void server_change(struct fixture *fixture, size_t index, const char *status);

/* UpdatedOn alone moves. */
void server_touch(struct fixture *fixture, size_t index);

/* A page was answered. */
void answer_page(struct fixture *fixture, const struct planner_request *request);

/* Limits as published, and the feed for more than 100 jobs. */
struct planner_limits feed_limits(unsigned batch_size);

/* A planner of `count` jobs that are polled at `interval_us`, all started, with the feed at work. */
void start_feed(struct fixture *fixture, size_t count, uint64_t interval_us);
