/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "ctl/chart.h"

/* A page for a browser: one file, without scripts, that requests nothing. */

/* Everything is borrowed. */
struct page {
        const struct chart *chart;
        const char *instance;  /* NULL: jobwatchd.service */
        char *const *problems; /* of the service, NULL-terminated; NULL: none */
        uint64_t now_us;       /* when the service was asked, CLOCK_REALTIME */
        uint64_t absent_us;    /* since when it is not there; 0: it is */
        unsigned refresh;      /* after so many seconds browsers read the page again; 0: never */
};

void page_write(FILE *file, const struct page *page);
