/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What a page of the search says of itself, beside its rows. Fields of another type count as not given. */
struct search_page {
        uint64_t number; /* CurrentPage, from 1; 0: not given */
        uint64_t total;  /* TotalItems: of all pages */
        bool has_total;  /* TotalItems was given */
        bool has_next;   /* HasNextPage is true */
};
