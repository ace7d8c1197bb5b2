/* SPDX-License-Identifier: MIT */

/* libcurl does not say which proxy it used, so that is derived from the variables once more, for messages. */

#include "http/http_proxy.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define SEPARATORS ", \t"

static void cleanup_url(CURLU **url)
{
        curl_url_cleanup(*url);
}

static void cleanup_part(char **part)
{
        curl_free(*part);
}

/* The value of the first variable that is set, or NULL, with the name of that variable. */
static const char *find_variable(const char *const names[], const char **ret_name)
{
        for (size_t i = 0; names[i] != NULL; i++) {
                const char *value = getenv(names[i]);
                if (value != NULL) {
                        *ret_name = names[i];
                        return value;
                }
        }
        return NULL;
}

/* Whether a pattern, "example.com" or ".example.com", is the host or a parent domain of it. */
static bool pattern_matches(const char *pattern, size_t size, const char *host)
{
        size_t host_size = strlen(host);

        while (size > 0 && *pattern == '.') {
                pattern++;
                size--;
        }
        if (size == 0 || size > host_size)
                return false;
        const char *tail = host + host_size - size;
        return strncasecmp(tail, pattern, size) == 0 && (tail == host || tail[-1] == '.');
}

/* Whether a pattern, "10.0.0.0/8" or "2001:db8::1", is a network or address that contains the host. */
static bool network_contains(const char *pattern, size_t size, const char *host)
{
        static const struct {
                int family;
                unsigned bits;
        } kinds[] = { { AF_INET, 32 }, { AF_INET6, 128 } };
        unsigned char network[sizeof(struct in6_addr)], address[sizeof(struct in6_addr)];
        char text[INET6_ADDRSTRLEN + 4];

        if (size >= sizeof(text))
                return false;
        (void)snprintf(text, sizeof(text), "%.*s", (int)size, pattern);
        char *slash = strchr(text, '/');
        unsigned long bits = slash != NULL ? strtoul(slash + 1, NULL, 10) : 0;
        if (slash != NULL)
                *slash = '\0';

        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                if (inet_pton(kinds[i].family, text, network) != 1 ||
                    inet_pton(kinds[i].family, host, address) != 1)
                        continue;
                size_t used = bits == 0 ? kinds[i].bits : bits; /* as libcurl does it */
                size_t at = 0;
                while (at < used && used <= kinds[i].bits &&
                       ((network[at / 8] ^ address[at / 8]) >> (7 - at % 8) & 1) == 0)
                        at++;
                return at == used;
        }
        return false;
}

static bool is_exempt(const char *host)
{
        static const char *const names[] = { "no_proxy", "NO_PROXY", NULL };
        const char *variable;
        const char *at = find_variable(names, &variable);

        if (at == NULL)
                return false;
        if (strcmp(at, "*") == 0)
                return true;
        for (;;) {
                at += strspn(at, SEPARATORS);
                size_t size = strcspn(at, SEPARATORS);
                if (size == 0)
                        return false;
                if (pattern_matches(at, size, host) || network_contains(at, size, host))
                        return true;
                at += size;
        }
}

/* Removes the brackets of an IPv6 address. */
static const char *bare_host(char *host)
{
        size_t size = strlen(host);

        if (*host != '[' || host[size - 1] != ']')
                return host;
        host[size - 1] = '\0';
        return host + 1;
}

/* Leaves the address empty if the URL of the proxy is invalid. */
static void read_address(const char *text, char ret_address[static HTTP_PROXY_ADDRESS_SIZE])
{
        CLEANUP(cleanup_url) CURLU *url = curl_url();
        CLEANUP(cleanup_part) char *host = NULL;
        CLEANUP(cleanup_part) char *port = NULL;

        if (url == NULL ||
            curl_url_set(url, CURLUPART_URL, text, CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME) !=
                    CURLUE_OK ||
            curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK || host == NULL)
                return;
        (void)curl_url_get(url, CURLUPART_PORT, &port, 0);
        (void)snprintf(ret_address, HTTP_PROXY_ADDRESS_SIZE, "%s:%s", host,
                       port != NULL                            ? port
                       : strncasecmp(text, "https://", 8) == 0 ? "443"
                                                               : "1080");
}

struct http_proxy http_proxy_find(const char *url)
{
        static const char *const names[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL };
        CLEANUP(cleanup_url) CURLU *parsed = curl_url();
        CLEANUP(cleanup_part) char *host = NULL;
        struct http_proxy proxy = { .variable = NULL };
        const char *variable;
        const char *value = find_variable(names, &variable);

        if (value == NULL || *value == '\0' || strncasecmp(url, "https:", 6) != 0 || parsed == NULL ||
            curl_url_set(parsed, CURLUPART_URL, url, 0) != CURLUE_OK ||
            curl_url_get(parsed, CURLUPART_HOST, &host, 0) != CURLUE_OK || host == NULL ||
            is_exempt(bare_host(host)))
                return proxy;
        proxy.variable = variable;
        read_address(value, proxy.address);
        return proxy;
}

bool http_proxy_has_failed(const struct http_curl_result *result, long connect_status)
{
        if (result->sent || (connect_status >= 200 && connect_status <= 299))
                return false;
        switch (result->code) {
        case CURLE_SSL_CONNECT_ERROR: /* of an https proxy, or of the host behind it */
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_OUT_OF_MEMORY:
        case CURLE_FAILED_INIT:
                return false;
        default:
                return true;
        }
}
