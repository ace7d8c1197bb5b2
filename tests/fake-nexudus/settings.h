/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ini.h"
#include "throttle.h"

enum batch_mode {
        BATCH_FULL,
        BATCH_PARTIAL,      /* fields left out of the records */
        BATCH_EMPTY_RESULT, /* ResultData null */
        BATCH_SHUFFLED,     /* full records in another order */
        BATCH_REFUSED,      /* answered with an error status */
};

enum search_pages {
        SEARCH_PAGES_ALL,
        SEARCH_PAGES_FIRST,    /* each page is the first one, and says so */
        SEARCH_PAGES_REPEATED, /* each page has the rows of the first one, but its own number */
};

/* The [server] section. Strings may be NULL. */
struct settings {
        char *token;
        char *username, *password, *totp;
        bool role_read, role_list;
        bool throttle;
        struct throttle_limits limits;
        uint64_t token_lifetime, refresh_lifetime; /* µs */
        enum batch_mode batch;
        unsigned batch_status; /* of BATCH_REFUSED */
        bool camel_token_key;  /* AccessToken instead of access_token */
        bool ignore_filters;   /* searches ignore their filters */
        bool frozen;           /* changes of jobs leave UpdatedOn as it is */
        bool search_unsorted;
        char *search_descending; /* values of dir with which the newest row comes first; NULL: any but 1 */
        char *search_omit;       /* names of fields that pages do not have */
        enum search_pages search_pages;
        bool limits_changed; /* since throttle_set() was called */
};

void settings_init(struct settings *settings);

/* Sets one key. Returns 0 or -EINVAL (problem filled), -ENOMEM. */
int settings_set(struct settings *settings, const char *key, const char *value, struct problem *problem);

void settings_release(struct settings *settings);
