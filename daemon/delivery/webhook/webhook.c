/* SPDX-License-Identifier: MIT */

/*
 * A POST that delivers an event. Each hook has an HTTP client of its own, so that a receiver that is slow or
 * away holds up its own deliveries only, and connections to it are used again.
 *
 * The body is the document, byte for byte what the signature is about. The signature holds the time of the
 * attempt: receivers refuse one that is some minutes old, so each attempt is signed anew, under the same id.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "delivery/hook.h"
#include "delivery/webhook/signature.h"
#include "http/http.h"
#include "platform/credential.h"
#include "util/cleanup.h"
#include "util/reason.h"
#include "util/text.h"
#include "util/timespan.h"
#include "version.h"

#define CONNECT_TIMEOUT_MAX_US (10 * USEC_PER_SEC)
#define ANSWER_BYTES_MAX       (64 * 1024) /* nobody reads them */
#define ANSWER_BYTES_SHOWN     200
#define CONNECTIONS_MAX        4

struct webhook {
        struct http_client *client;
        struct webhook_key *key; /* NULL: not signed */
        char *url;
};

struct webhook_run {
        struct http_request *request; /* NULL once it has ended */
        struct http_headers *headers;
        void (*on_end)(void *userdata, const struct hook_end *end);
        void *userdata;
};

DEFINE_CLEANUP(struct webhook, webhook_free)
DEFINE_CLEANUP(struct webhook_run, webhook_cancel)

/* ---- hooks ---- */

static int read_key(const struct hook_context *context, const struct hook_config *hook, char **ret_reason,
                    struct webhook_key **ret_key)
{
        CLEANUP(cleanup_free) char *message = NULL;
        char *secret = NULL;

        int r = credential_read("secret_file", hook->secret_file, &secret, &message);
        if (r < 0) {
                *ret_reason = STEAL_POINTER(message);
                return r;
        }
        if (message != NULL)
                journal_print(context->journal, LOG_WARNING, "Hook %s: %s", hook->name, message);
        r = webhook_key_new(secret, ret_key);
        if (r == -EINVAL)
                *ret_reason = format_message(
                        "secret_file = %s of hook %s holds no signing secret: that is whsec_ and "
                        "24 to 64 bytes in base64; copy it from the receiver whole",
                        hook->secret_file, hook->name);
        secret_free(secret);
        return r;
}

int webhook_new(const struct hook_context *context, const struct hook_config *hook, char **ret_reason,
                struct webhook **ret_http)
{
        CLEANUP(cleanup_webhook_free) struct webhook *http = calloc(1, sizeof(*http));
        const struct http_settings settings = {
                .user_agent = "jobwatchd/" JOBWATCH_VERSION,
                .timeout_us = hook->timeout_us,
                .connect_timeout_us =
                        hook->timeout_us < CONNECT_TIMEOUT_MAX_US ? hook->timeout_us : CONNECT_TIMEOUT_MAX_US,
                .body_max = ANSWER_BYTES_MAX,
                .connections_max = CONNECTIONS_MAX,
        };
        int r;

        *ret_reason = NULL;
        if (http == NULL)
                return -ENOMEM;
        http->url = strdup(hook->target);
        if (http->url == NULL)
                return -ENOMEM;
        r = http_client_new(context->event, &settings, &http->client);
        if (r < 0)
                return r;
        if (hook->secret_file[0] != '\0') {
                r = read_key(context, hook, ret_reason, &http->key);
                if (r < 0)
                        return r;
        }

        *ret_http = STEAL_POINTER(http);
        return 0;
}

struct webhook *webhook_free(struct webhook *http)
{
        if (http == NULL)
                return NULL;

        http_client_free(http->client);
        webhook_key_free(http->key);
        free(http->url);
        free(http);
        return NULL;
}

/* ---- the end of a run ---- */

static bool is_success(const struct http_end *end)
{
        /* Whether the receiver goes on to talk for long does not matter to the delivery. */
        return end->status >= 200 && end->status <= 299 &&
               (end->outcome == HTTP_ANSWERED || end->outcome == HTTP_TOO_LARGE);
}

static char *explain(const struct http_end *end)
{
        CLEANUP(cleanup_free) char *said = NULL;

        if (end->outcome != HTTP_ANSWERED && end->outcome != HTTP_TOO_LARGE)
                return format_message("%s: %s", http_outcome_to_string(end->outcome), end->detail);
        if (end->status >= 300 && end->status <= 399)
                return format_message(
                        "was answered with status %d; redirects are not followed, write the address "
                        "where this one leads",
                        end->status);
        if (end->excerpt_size == 0)
                return format_message("was answered with status %d", end->status);
        said = text_escape(end->excerpt, end->excerpt_size, ANSWER_BYTES_SHOWN);
        return said != NULL ? format_message("was answered with status %d: %s", end->status, said) : NULL;
}

static void on_end(void *userdata, const struct http_end *http_end)
{
        CLEANUP(cleanup_webhook_cancel) struct webhook_run *run = userdata;
        CLEANUP(cleanup_free) char *reason = NULL;
        struct hook_end end = { .success = is_success(http_end), .reason = "" };

        run->request = NULL;
        if (!end.success) {
                reason = explain(http_end);
                end.reason = reason != NULL ? reason : http_outcome_to_string(http_end->outcome);
        }
        if (http_end->status == 409 || http_end->status == 429 || http_end->status == 503)
                end.retry_after_us = http_end->retry_after_us;
        run->on_end(run->userdata, &end);
}

/* ---- the beginning ---- */

/* The lines about this attempt. They are freed by the caller, whatever is returned. */
static int format_lines(const struct webhook *http, const struct hook_attempt *attempt, char *lines[static 3])
{
        char signature[WEBHOOK_SIGNATURE_SIZE];
        struct timespec now;
        int r;

        if ((lines[0] = format_message("webhook-id: %s", attempt->event->id)) == NULL)
                return -ENOMEM;
        if (http->key == NULL)
                return 0;

        if (clock_gettime(CLOCK_REALTIME, &now) < 0)
                return -errno;
        r = webhook_sign(http->key, attempt->event->id, (uint64_t)now.tv_sec, attempt->document,
                         attempt->document_size, signature);
        if (r < 0)
                return r;
        lines[1] = format_message("webhook-timestamp: %" PRIu64, (uint64_t)now.tv_sec);
        lines[2] = format_message("webhook-signature: %s", signature);
        return lines[1] != NULL && lines[2] != NULL ? 0 : -ENOMEM;
}

static int make_headers(const struct webhook *http, const struct hook_attempt *attempt,
                        struct http_headers **ret_headers)
{
        char *own[3] = { NULL, NULL, NULL };

        int r = format_lines(http, attempt, own);
        if (r == 0) {
                /* "Expect:" keeps libcurl from asking first whether a large body is welcome. */
                const char *const lines[] = {
                        "Content-Type: application/json", "Expect:", own[0], own[1], own[2], NULL,
                };
                r = http_headers_new(lines, ret_headers);
        }
        for (size_t i = 0; i < 3; i++)
                free(own[i]);
        return r;
}

int webhook_start(struct webhook *http, const struct hook_attempt *attempt, char **ret_reason,
                  struct webhook_run **ret_run)
{
        CLEANUP(cleanup_webhook_cancel) struct webhook_run *run = calloc(1, sizeof(*run));
        int r;

        *ret_reason = NULL;
        if (run == NULL)
                return -ENOMEM;
        run->on_end = attempt->on_end;
        run->userdata = attempt->userdata;

        r = make_headers(http, attempt, &run->headers);
        if (r == -ENOTSUP)
                *ret_reason =
                        format_message("the request cannot be signed: the cryptographic library refuses "
                                       "HMAC-SHA256");
        if (r < 0)
                return r;
        const struct http_call call = {
                .url = http->url,
                .headers = run->headers,
                .post = attempt->document,
                .post_size = attempt->document_size,
                .on_end = on_end,
                .userdata = run,
        };
        r = http_start(http->client, &call, &run->request);
        if (r < 0)
                return r;

        *ret_run = STEAL_POINTER(run);
        return 0;
}

struct webhook_run *webhook_cancel(struct webhook_run *run)
{
        if (run == NULL)
                return NULL;

        http_cancel(run->request);
        http_headers_free(run->headers);
        free(run);
        return NULL;
}
