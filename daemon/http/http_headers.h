/* SPDX-License-Identifier: MIT */
#pragma once

struct curl_slist;

/* The fields are for daemon/http only. */
struct http_headers {
        struct curl_slist *list;
        unsigned references; /* the owner's, and one per request */
};

/*
 * Header lines ("Name: value") for any number of requests. They may contain secrets; they are wiped when the
 * owner has freed them and no request uses them any more. `lines` ends with NULL. Returns -ENOMEM.
 */
int http_headers_new(const char *const lines[], struct http_headers **ret_headers);
struct http_headers *http_headers_free(struct http_headers *headers);
