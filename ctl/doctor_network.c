/* SPDX-License-Identifier: MIT */

/*
 * The way to the API: the name of the host, the proxy, and the certificates. A connection is made as the
 * service makes it, with the proxy of its unit, by a program of its own (check_connection.c).
 */

#include <inttypes.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "ctl/doctor.h"
#include "ctl/doctor_child.h"
#include "ctl/doctor_units.h"
#include "ctl/proxy.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/timespan.h"
#include "version.h"

/* A certificate should have been replaced this long before it expires. */
#define EXPIRY_WARNING_S (7 * 24 * 3600)

static void cleanup_list(char ***list)
{
        for (char **text = *list; text != NULL && *text != NULL; text++)
                free(*text);
        free(*list);
}

/* ---- the proxy ---- */

/* This process gets the proxy of the service, which the shell of the user need not have. */
static void use_environment_of_unit(const struct doctor *doctor)
{
        CLEANUP(cleanup_list) char **list = doctor_unit_environment(doctor);

        if (list == NULL)
                return;
        proxy_forget();
        for (char **text = list; *text != NULL; text++) {
                char *equals = strchr(*text, '=');
                if (equals == NULL || equals - *text < 5 || strncasecmp(equals - 5, "proxy", 5) != 0)
                        continue;
                *equals = '\0';
                (void)setenv(*text, equals + 1, 1);
        }
}

/* ---- the name ---- */

/* Of a URL that --check has accepted: SCHEME://HOST[:PORT][/PATH], in which HOST may be in brackets. */
static bool find_host(struct doctor *doctor)
{
        const char *url = settings_get(&doctor->settings, "api", "base_url"), *host = strstr(url, "://");

        if (host == NULL)
                return false;
        host += strlen("://");
        size_t size = strcspn(host, "/");
        size_t name = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
        if (name > size)
                return false;
        doctor->is_plain = strncmp(url, "http:", 5) == 0;
        doctor->host = format_message("%.*s", (int)name, host);
        doctor->port = name < size ? format_message("%.*s", (int)(size - name - 1), host + name + 1)
                                   : format_message("%s", doctor->is_plain ? "80" : "443");
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

static void judge_expiry(struct doctor *doctor, int64_t expiry)
{
        const int64_t left = expiry - (int64_t)time(NULL);
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

static void explain_proxy(struct doctor *doctor, const char *reason)
{
        doctor_add(doctor, VERDICT_FAILURE, format_message("no connection through the proxy %s", reason),
                   format_message("correct Environment=https_proxy= with 'systemctl edit %s', then run "
                                  "'systemctl restart %s'",
                                  doctor->unit, doctor->unit),
                   format_message("proxy: fails"));
}

static void explain_connection(struct doctor *doctor, const char *reason)
{
        doctor_add(doctor, VERDICT_FAILURE,
                   format_message("no connection to %s, port %s: %s", doctor->host, doctor->port, reason),
                   format_message("check base_url in %s, the network, and the firewall", doctor->config_path),
                   format_message("connection: fails"));
}

/* What check_connection.c says: a word, a blank, and what belongs to it. */
static void take_result(struct doctor *doctor, char *line)
{
        static const struct {
                const char *word;
                void (*explain)(struct doctor *doctor, const char *reason);
        } failures[] = {
                { "certificate ", explain_certificate },
                { "proxy ", explain_proxy },
                { "connection ", explain_connection },
        };

        line[strcspn(line, "\n")] = '\0';
        for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++)
                if (strncmp(line, failures[i].word, strlen(failures[i].word)) == 0) {
                        failures[i].explain(doctor, line + strlen(failures[i].word));
                        return;
                }
        if (doctor->is_plain)
                doctor_add(doctor, VERDICT_OK,
                           format_message("port %s of %s, without TLS", doctor->port, doctor->host), NULL,
                           format_message("TLS: none"));
        else
                judge_expiry(doctor, strncmp(line, "expires ", 8) == 0 ? strtoll(line + 8, NULL, 10) : -1);
}

void doctor_check_connection(struct doctor *doctor)
{
        const char *program = getenv("JOBWATCHD_CHECK_CONNECTION"); /* see docs/hacking.md */
        CLEANUP(cleanup_free) char *text = NULL;

        if (doctor->host == NULL || doctor->unresolved) {
                doctor_add(doctor, VERDICT_SKIPPED,
                           format_message("%s", doctor->host == NULL ? "the configuration is not valid"
                                                                     : "the name cannot be resolved"),
                           NULL, NULL);
                return;
        }
        if (program == NULL)
                program = JOBWATCH_LIBEXECDIR "/check-connection";
        CLEANUP(cleanup_free)
        char *url = format_message("%s://%s:%s/", doctor->is_plain ? "http" : "https", doctor->host,
                                   doctor->port);
        const char *const words[] = { program, url, settings_get(&doctor->settings, "api", "ca_file"), NULL };
        int r = child_run(words, STDOUT_FILENO, &text);
        if (r == 0)
                take_result(doctor, text);
        else
                doctor_add(
                        doctor, VERDICT_FAILURE,
                        format_message("cannot run %s: %s", program, r < 0 ? strerror(-r) : "it has failed"),
                        format_message("install the package again"), NULL);
}
