/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "ctl/chart.h"

/* Pictures of jobs over time. All texts of the service go through markup_put(). */

enum svg_form {
        SVG_FILE,   /* a document of its own, with title and style */
        SVG_WIDE,   /* for a page that has svg_style; names beside the bars */
        SVG_MIDDLE, /* the same for a tablet */
        SVG_NARROW, /* the same for a phone; names above the bars */
};

void svg_write(FILE *file, const struct chart *chart, enum svg_form form);

/* A sign for how a job is, for a page that has svg_style. */
void svg_write_sign(FILE *file, enum bar_kind kind);

/* "open", "succeeded", "failed", "gone": also the classes of svg_style. */
const char *bar_kind_name(enum bar_kind kind);

/* What a job is called, without personal data; and its Status, or "gone". */
void put_job_label(FILE *file, const struct row *job, size_t limit);
void put_job_status(FILE *file, const struct row *job, size_t limit);

/* Colours for a light and for a dark background, in the syntax of CSS. */
extern const char svg_style[];
