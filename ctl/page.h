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
        uint64_t now_us;       /* when the page is made, CLOCK_REALTIME */
        uint64_t known_us;     /* when the service was asked last; 0: never */
        bool absent;           /* it is not there */
        unsigned refresh;      /* after so many seconds browsers read the page again; 0: never */
};

void page_write(FILE *file, const struct page *page);
