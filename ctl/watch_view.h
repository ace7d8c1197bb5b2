/* SPDX-License-Identifier: MIT */
#pragma once

#include "ctl/output.h"
#include "ctl/row.h"

/*
 * The picture that `watch` shows: a table, or on narrow terminals a few lines for each job. Jobs that are
 * open come first.
 */
struct watch_view {
        struct rows rows; /* jobs; by ID */
        bool absent;      /* the service is not there */
};

/* Whether a job is open, so that its picture changes with time. */
bool watch_view_has_open(const struct watch_view *view);

/*
 * The lines for a terminal with so many rows, owned by the caller, with as many jobs as there is room for.
 * The width and the times are those of `output`.
 */
char *watch_view_format(const struct watch_view *view, const struct output *output, unsigned rows);
