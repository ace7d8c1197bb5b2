/* SPDX-License-Identifier: MIT */
#pragma once

#include "http/http_outcome.h"

/* "HOST:PORT", cut. */
#define HTTP_PROXY_ADDRESS_SIZE 280

/* The proxy that the environment names for https. */
struct http_proxy {
        const char *variable;                  /* its name, which is static; NULL: there is no proxy */
        char address[HTTP_PROXY_ADDRESS_SIZE]; /* without user name and password; "": the URL is invalid */
        int port;                              /* 0: the URL is invalid */
};

/* Finds the proxy: https_proxy, HTTPS_PROXY, all_proxy or ALL_PROXY, which libcurl reads. */
struct http_proxy http_proxy_find(void);

/*
 * Whether a request failed because of the proxy, and not because of what is behind it. `connect_status` is
 * that of its response to CONNECT; 0: none. Hosts in no_proxy are recognised by their port: a failure of one
 * with the port of the proxy counts as one of the proxy.
 */
bool http_proxy_has_failed(const struct http_proxy *proxy, const struct http_curl_result *result,
                           long connect_status);
