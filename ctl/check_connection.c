/* SPDX-License-Identifier: MIT */

/*
 * A program that doctor runs: jobwatchctl itself has no use for libcurl. It makes a connection and closes it
 * again; nothing is requested.
 *
 *     check-connection URL CA_FILE     CA_FILE may be empty
 *
 * It prints one line:
 *
 *     expires SECONDS            the connection was made; the first certificate expires then;
 *                                -1: not known, or no TLS
 *     certificate REASON         it is not accepted
 *     proxy ADDRESS: REASON
 *     connection REASON
 */

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/proxy.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"

#define CONNECT_TIMEOUT_S 15L

DEFINE_CLEANUP(CURL, curl_easy_cleanup)
DEFINE_CLEANUP(CURLU, curl_url_cleanup)

/* Its address without a user name and a password; NULL: the URL is not one. */
static char *proxy_address(const char *url)
{
        CLEANUP(cleanup_curl_url_cleanup) CURLU *parts = memory_need(curl_url());
        char *host = NULL, *port = NULL, *address = NULL;

        if (curl_url_set(parts, CURLUPART_URL, url, CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME) ==
                    CURLUE_OK &&
            curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
                (void)curl_url_get(parts, CURLUPART_PORT, &port, 0);
                address = format_message("%s:%s", host, port != NULL ? port : "1080");
        }
        curl_free(host);
        curl_free(port);
        return address;
}

/* As the service does it: see http/http.c. */
static CURL *new_connection(const char *url, const char *authorities, char error[static CURL_ERROR_SIZE])
{
        const bool is_plain = strncmp(url, "http:", 5) == 0;
        CURL *easy = memory_need(curl_easy_init());

        *error = '\0';
        bool well =
                curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_TIMEOUT, CONNECT_TIMEOUT_S) == CURLE_OK &&
                (!is_plain || curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK) &&
                (*authorities == '\0' || (curl_easy_setopt(easy, CURLOPT_CAINFO, authorities) == CURLE_OK &&
                                          curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK));
        if (!well)
                memory_exhausted();
        return easy;
}

/* When the first certificate of the chain expires, in seconds since 1970; -1: not known. */
static time_t find_expiry(CURL *easy)
{
        static const char label[] = "Expire date:";
        struct curl_certinfo *chain = NULL;
        time_t first = -1;

        if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &chain) != CURLE_OK || chain == NULL)
                return -1;
        for (int i = 0; i < chain->num_of_certs; i++)
                for (const struct curl_slist *line = chain->certinfo[i]; line != NULL; line = line->next) {
                        if (strncmp(line->data, label, strlen(label)) != 0)
                                continue;
                        time_t expiry = curl_getdate(line->data + strlen(label), NULL);
                        if (expiry >= 0 && (first < 0 || expiry < first))
                                first = expiry;
                }
        return first;
}

static void print_failure(const char *url, CURLcode code, const char *reason)
{
        const char *proxy = strncmp(url, "http:", 5) == 0 ? NULL : proxy_url();
        CLEANUP(cleanup_free) char *address = proxy != NULL ? proxy_address(proxy) : NULL;

        if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
                (void)printf("certificate %s\n", reason);
        else if (proxy != NULL) /* a text of libcurl may quote the URL with its password */
                (void)printf("proxy %s: %s\n", address != NULL ? address : "(invalid URL)",
                             curl_easy_strerror(code));
        else
                (void)printf("connection %s\n", reason);
}

int main(int argc, char *argv[])
{
        char error[CURL_ERROR_SIZE];

        if (argc != 3)
                return EXIT_FAILURE;
        CLEANUP(cleanup_curl_easy_cleanup) CURL *easy = new_connection(argv[1], argv[2], error);
        CURLcode code = curl_easy_perform(easy);
        if (code == CURLE_OK)
                (void)printf("expires %lld\n", (long long)find_expiry(easy));
        else
                print_failure(argv[1], code, *error != '\0' ? error : curl_easy_strerror(code));
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
