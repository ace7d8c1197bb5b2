/* SPDX-License-Identifier: MIT */
#pragma once

#include "http/http_outcome.h"

/* "HOST:PORT", cut. */
#define HTTP_PROXY_ADDRESS_SIZE 280

/* The proxy of a request, from the environment variables that libcurl reads. */
struct http_proxy {
        const char *variable;                  /* its name, which is static; NULL: there is no proxy */
        char address[HTTP_PROXY_ADDRESS_SIZE]; /* without user name and password; "": the URL is invalid */
};

/*
 * Finds the proxy for an https URL: https_proxy, HTTPS_PROXY, all_proxy or ALL_PROXY, unless no_proxy or
 * NO_PROXY contains the host, a domain or a network of it.
 */
struct http_proxy http_proxy_find(const char *url);

/* Whether a request through a proxy failed because of the proxy, and not because of what is behind it. */
bool http_proxy_has_failed(const struct http_curl_result *result, long connect_status);
