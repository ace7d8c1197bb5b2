/* SPDX-License-Identifier: MIT */

/*
 * The way to the API: the name of the host, the proxy, and the certificates. A connection is made as the
 * service makes it, with the proxy of its unit, and closed again: nothing is requested.
 */

#include <curl/curl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "ctl/doctor.h"
#include "ctl/doctor_units.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/timespan.h"

/* A certificate should have been replaced this long before it expires. */
#define EXPIRY_WARNING_S (7 * 24 * 3600)

#define CONNECT_TIMEOUT_S 15L

DEFINE_CLEANUP(CURL, curl_easy_cleanup)
DEFINE_CLEANUP(CURLU, curl_url_cleanup)

static void cleanup_list(char ***list)
{
        for (char **text = *list; text != NULL && *text != NULL; text++)
                free(*text);
        free(*list);
}

/* ---- the proxy ---- */

static const char *const proxy_variables[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" };

#define PROXY_VARIABLES (sizeof(proxy_variables) / sizeof(*proxy_variables))

static const char *proxy_url(void)
{
        for (size_t i = 0; i < PROXY_VARIABLES; i++) {
                const char *value = getenv(proxy_variables[i]);
                if (value != NULL && *value != '\0')
                        return value;
        }
        return NULL;
}

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

/* This process gets the proxy of the service, which the shell of the user need not have. */
static void use_environment_of_unit(const struct doctor *doctor)
{
        CLEANUP(cleanup_list) char **list = doctor_unit_environment(doctor);

        if (list == NULL)
                return;
        for (size_t i = 0; i < PROXY_VARIABLES; i++)
                (void)unsetenv(proxy_variables[i]);
        (void)unsetenv("no_proxy");
        (void)unsetenv("NO_PROXY");
        for (char **text = list; *text != NULL; text++) {
                char *equals = strchr(*text, '=');
                if (equals == NULL || equals - *text < 5 || strncasecmp(equals - 5, "proxy", 5) != 0)
                        continue;
                *equals = '\0';
                (void)setenv(*text, equals + 1, 1);
        }
}

/* ---- the name ---- */

static bool find_host(struct doctor *doctor)
{
        CLEANUP(cleanup_curl_url_cleanup) CURLU *parts = memory_need(curl_url());
        const char *url = settings_get(&doctor->settings, "api", "base_url");
        char *host = NULL, *port = NULL;

        doctor->is_plain = strncmp(url, "http:", 5) == 0;
        if (curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
            curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
            curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK) {
                curl_free(host);
                return false;
        }
        doctor->host = format_message("%s", host);
        doctor->port = format_message("%s", port);
        curl_free(host);
        curl_free(port);
        return true;
}

/* An address in brackets is not a name. */
static int resolve(const struct doctor *doctor)
{
        const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
        struct addrinfo *list = NULL;

        if (*doctor->host == '[')
                return 0;
        int r = getaddrinfo(doctor->host, doctor->port, &hints, &list);
        if (r == 0)
                freeaddrinfo(list);
        return r;
}

void doctor_check_name(struct doctor *doctor)
{
        if (!doctor->configured || !find_host(doctor)) {
                doctor_add(doctor, VERDICT_SKIPPED, format_message("the configuration is not valid"), NULL,
                           NULL);
                return;
        }
        use_environment_of_unit(doctor);
        if (!doctor->is_plain && proxy_url() != NULL) {
                doctor_add(doctor, VERDICT_OK, format_message("the proxy resolves %s", doctor->host), NULL,
                           NULL);
                return;
        }
        int r = resolve(doctor);
        if (r != 0) {
                doctor->unresolved = true;
                doctor_add(doctor, VERDICT_FAILURE,
                           format_message("%s cannot be resolved: %s", doctor->host, gai_strerror(r)),
                           format_message("check the network, base_url in %s, and the name servers in "
                                          "/etc/resolv.conf",
                                          doctor->config_path),
                           format_message("name: cannot be resolved"));
                return;
        }
        doctor_add(doctor, VERDICT_OK, format_message("%s has an address", doctor->host), NULL,
                   format_message("name: resolved"));
}

/* ---- the connection ---- */

/* As the service does it: see http/http.c and http/http_tls.c. */
static CURL *new_connection(const struct doctor *doctor, char error[static CURL_ERROR_SIZE])
{
        const char *authorities = settings_get(&doctor->settings, "api", "ca_file");
        CURL *easy = memory_need(curl_easy_init());
        CLEANUP(cleanup_free)
        char *url = format_message("%s://%s:%s/", doctor->is_plain ? "http" : "https", doctor->host,
                                   doctor->port);

        *error = '\0';
        bool well =
                curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_TIMEOUT, CONNECT_TIMEOUT_S) == CURLE_OK &&
                (!doctor->is_plain || curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK) &&
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

static void judge_expiry(struct doctor *doctor, CURL *easy)
{
        const time_t expiry = find_expiry(easy), left = expiry - time(NULL);
        char span[TIMESPAN_TEXT_MAX];

        if (expiry < 0) {
                doctor_add(doctor, VERDICT_OK, format_message("%s has a valid certificate", doctor->host),
                           NULL, format_message("TLS: valid"));
                return;
        }
        (void)timespan_format_rough((uint64_t)(left > 0 ? left : 0) * USEC_PER_SEC, span);
        if (left < EXPIRY_WARNING_S)
                doctor_add(
                        doctor, VERDICT_WARNING,
                        format_message("the certificate of %s expires in %s", doctor->host, span),
                        format_message("have it renewed by who runs the server, or the proxy in front of it"),
                        format_message("TLS: expires in %s", span));
        else
                doctor_add(doctor, VERDICT_OK,
                           format_message("%s has a valid certificate, for %s more", doctor->host, span),
                           NULL, format_message("TLS: valid for %s", span));
}

/* No certificate was accepted. */
static void explain_certificate(struct doctor *doctor, const char *reason)
{
        const char *authorities = settings_get(&doctor->settings, "api", "ca_file");
        char *advice;

        if (strstr(reason, "expired") != NULL)
                advice = format_message(
                        "check the clock of this machine with 'date', and have the certificate "
                        "renewed by who runs the server");
        else if (*authorities != '\0')
                advice = format_message("write the certificate of the authority that signed it to %s, which "
                                        "ca_file names",
                                        authorities);
        else
                advice = format_message(
                        "run 'update-ca-certificates'; behind a proxy that inspects TLS, write the "
                        "certificate of its authority to a file, and set ca_file to it under [api]");
        doctor_add(doctor, VERDICT_FAILURE,
                   format_message("the certificate of %s is not accepted: %s", doctor->host, reason), advice,
                   format_message("TLS: not accepted"));
}

static void explain_failure(struct doctor *doctor, CURLcode code, const char *reason)
{
        const char *proxy = doctor->is_plain ? NULL : proxy_url();
        CLEANUP(cleanup_free) char *address = proxy != NULL ? proxy_address(proxy) : NULL;

        if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
                explain_certificate(doctor, reason);
        } else if (proxy != NULL) { /* a text of libcurl may quote the URL with its password */
                doctor_add(
                        doctor, VERDICT_FAILURE,
                        format_message("no connection through the proxy %s: %s",
                                       address != NULL ? address : "(invalid URL)", curl_easy_strerror(code)),
                        format_message("correct Environment=https_proxy= with 'systemctl edit %s', then run "
                                       "'systemctl restart %s'",
                                       doctor->unit, doctor->unit),
                        format_message("proxy: fails"));
        } else {
                doctor_add(doctor, VERDICT_FAILURE,
                           format_message("no connection to %s, port %s: %s", doctor->host, doctor->port,
                                          reason),
                           format_message("check base_url in %s, the network, and the firewall",
                                          doctor->config_path),
                           format_message("connection: fails"));
        }
}

void doctor_check_connection(struct doctor *doctor)
{
        char error[CURL_ERROR_SIZE];

        if (doctor->host == NULL || doctor->unresolved) {
                doctor_add(doctor, VERDICT_SKIPPED,
                           format_message("%s", doctor->host == NULL ? "the configuration is not valid"
                                                                     : "the name cannot be resolved"),
                           NULL, NULL);
                return;
        }
        CLEANUP(cleanup_curl_easy_cleanup) CURL *easy = new_connection(doctor, error);
        CURLcode code = curl_easy_perform(easy);
        if (code != CURLE_OK)
                explain_failure(doctor, code, *error != '\0' ? error : curl_easy_strerror(code));
        else if (doctor->is_plain)
                doctor_add(doctor, VERDICT_OK,
                           format_message("port %s of %s, without TLS", doctor->port, doctor->host), NULL,
                           format_message("TLS: none"));
        else
                judge_expiry(doctor, easy);
}
