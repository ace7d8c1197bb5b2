/* SPDX-License-Identifier: MIT */

/*
 * libcurl does not say which proxy it used. The variables do, and the port that it connected to shows whether
 * it used one.
 */

#include "http/http_proxy.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

static void cleanup_url(CURLU **url)
{
        curl_url_cleanup(*url);
}

static void cleanup_part(char **part)
{
        curl_free(*part);
}

/* Leaves the address empty if the URL of the proxy is invalid. */
static void read_address(const char *text, struct http_proxy *proxy)
{
        CLEANUP(cleanup_url) CURLU *url = curl_url();
        CLEANUP(cleanup_part) char *host = NULL;
        CLEANUP(cleanup_part) char *given = NULL;

        if (url == NULL ||
            curl_url_set(url, CURLUPART_URL, text, CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME) !=
                    CURLUE_OK ||
            curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK || host == NULL)
                return;
        (void)curl_url_get(url, CURLUPART_PORT, &given, 0);
        const char *port = given != NULL ? given : strncasecmp(text, "https://", 8) == 0 ? "443" : "1080";
        (void)snprintf(proxy->address, sizeof(proxy->address), "%s:%s", host, port);
        proxy->port = (int)strtol(port, NULL, 10);
}

struct http_proxy http_proxy_find(void)
{
        static const char *const names[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" };
        struct http_proxy proxy = { .variable = NULL };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && proxy.variable == NULL; i++) {
                const char *text = getenv(names[i]);

                if (text == NULL)
                        continue;
                proxy.variable = names[i];
                read_address(text, &proxy);
        }
        return proxy;
}

bool http_proxy_has_failed(const struct http_proxy *proxy, const struct http_curl_result *result,
                           long connect_status)
{
        if (proxy->variable == NULL || result->sent || (connect_status >= 200 && connect_status <= 299))
                return false;
        if (connect_status > 0 || result->code == CURLE_COULDNT_RESOLVE_PROXY)
                return true;
        if (result->port == 0 || result->port != proxy->port)
                return false;
        switch (result->code) {
        case CURLE_SSL_CONNECT_ERROR: /* of an https proxy, or of the host behind it */
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_OUT_OF_MEMORY:
                return false;
        default:
                return true;
        }
}
