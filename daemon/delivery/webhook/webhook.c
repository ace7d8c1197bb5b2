/* SPDX-License-Identifier: MIT */

/*
 * A POST request that delivers an event. Each hook has its own HTTP client, so a slow or unreachable receiver
 * delays only its own deliveries, and connections are reused.
 *
 * The body is the document, byte for byte as signed. The signature covers the time of the attempt, since
 * receivers reject signatures that are some minutes old; each attempt is signed anew under the same event id.
 */

#include "delivery/webhook/webhook.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "delivery/webhook/signature.h"
#include "http/http.h"
#include "platform/credential.h"
#include "util/cleanup.h"
#include "util/message.h"
#include "util/text.h"
#include "util/timespan.h"
#include "version.h"

#define CONNECT_TIMEOUT_MAX_US (10 * USEC_PER_SEC)
#define RESPONSE_BYTES_MAX     (64 * 1024) /* the body is not used, except for error messages */
#define RESPONSE_BYTES_SHOWN   200
#define CONNECTIONS_MAX        4

struct webhook {
        struct http_client *client;
        struct webhook_key *key; /* NULL: requests are not signed */
        char *url;
};

struct webhook_run {
        struct http_request *request; /* NULL: it has ended */
        struct http_headers *headers;
        void (*on_end)(void *userdata, const struct hook_end *end);
        void *userdata;
};

DEFINE_CLEANUP(struct webhook, webhook_free)
DEFINE_CLEANUP(struct webhook_run, webhook_cancel)

/* ---- hooks ---- */

int webhook_read_key(const struct hook_config *hook, const char *config_path, char **ret_message,
                     struct webhook_key **ret_key)
{
        const struct credential credential = {
                .key = "secret_file",
                .source = hook->secret_file,
                .config_path = config_path,
                .form = CREDENTIAL_WORD,
        };
        CLEANUP(cleanup_free) char *file = NULL;
        char *secret = NULL;

        int r = credential_read(&credential, &secret, ret_message);
        if (r < 0)
                return r;
        r = webhook_key_new(secret, ret_key);
        secret_free(secret);
        if (r != -EINVAL)
                return r;

        free(*ret_message);
        *ret_message = NULL;
        file = credential_file(hook->secret_file, config_path);
        if (file == NULL)
                return -ENOMEM;
        return fail_with_message(r, ret_message,
                                 "secret_file = %s: %s has no signing secret; write \"whsec_\" and 24 to 64 "
                                 "bytes in base64 to it, as the receiver shows them",
                                 hook->secret_file, file);
}

static int read_key(const struct hook_context *context, const struct hook_config *hook, char **ret_reason,
                    struct webhook_key **ret_key)
{
        CLEANUP(cleanup_free) char *message = NULL;

        int r = webhook_read_key(hook, context->config_path, &message, ret_key);
        if (r < 0)
                *ret_reason = STEAL_POINTER(message);
        else if (message != NULL)
                journal_print(context->journal, LOG_WARNING, "hook %s: %s", hook->name, message);
        return r;
}

int webhook_new(const struct hook_context *context, const struct hook_config *hook, char **ret_reason,
                struct webhook **ret_webhook)
{
        CLEANUP(cleanup_webhook_free) struct webhook *webhook = calloc(1, sizeof(*webhook));
        const struct http_settings settings = {
                .user_agent = "jobwatchd/" JOBWATCH_VERSION,
                .timeout_us = hook->timeout_us,
                .connect_timeout_us =
                        hook->timeout_us < CONNECT_TIMEOUT_MAX_US ? hook->timeout_us : CONNECT_TIMEOUT_MAX_US,
                .body_max = RESPONSE_BYTES_MAX,
                .connections_max = CONNECTIONS_MAX,
        };
        int r;

        *ret_reason = NULL;
        if (webhook == NULL)
                return -ENOMEM;
        webhook->url = strdup(hook->target);
        if (webhook->url == NULL)
                return -ENOMEM;
        r = http_client_new(context->event, &settings, &webhook->client);
        if (r < 0)
                return r;
        if (hook->secret_file[0] != '\0') {
                r = read_key(context, hook, ret_reason, &webhook->key);
                if (r < 0)
                        return r;
        }

        *ret_webhook = STEAL_POINTER(webhook);
        return 0;
}

struct webhook *webhook_free(struct webhook *webhook)
{
        if (webhook == NULL)
                return NULL;

        http_client_free(webhook->client);
        webhook_key_free(webhook->key);
        free(webhook->url);
        free(webhook);
        return NULL;
}

/* ---- the end of a run ---- */

static bool is_success(const struct http_end *end)
{
        /* A large response body does not affect the delivery. */
        return http_status_is_success(end->status) &&
               (end->outcome == HTTP_ANSWERED || end->outcome == HTTP_TOO_LARGE);
}

static char *explain(const struct http_end *end)
{
        CLEANUP(cleanup_free) char *body = NULL;

        if (end->outcome != HTTP_ANSWERED && end->outcome != HTTP_TOO_LARGE)
                return format_message("%s: %s", http_outcome_to_string(end->outcome), end->detail);
        if (end->status >= 300 && end->status <= 399)
                return format_message("HTTP %d: redirects are not followed; configure the final URL",
                                      end->status);
        if (end->excerpt_size == 0)
                return format_message("HTTP %d", end->status);
        body = text_escape(end->excerpt, end->excerpt_size, RESPONSE_BYTES_SHOWN);
        return body != NULL ? format_message("HTTP %d: %s", end->status, body) : NULL;
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

/* ---- start, cancel ---- */

/* The header lines of this attempt. The caller frees them, even after an error. */
static int format_lines(const struct webhook *webhook, const struct hook_attempt *attempt,
                        char *lines[static 3])
{
        char signature[WEBHOOK_SIGNATURE_SIZE];
        struct timespec now;
        int r;

        if ((lines[0] = format_message("webhook-id: %s", attempt->event->id)) == NULL)
                return -ENOMEM;
        if (webhook->key == NULL)
                return 0;

        if (clock_gettime(CLOCK_REALTIME, &now) < 0)
                return -errno;
        r = webhook_sign(webhook->key, attempt->event->id, (uint64_t)now.tv_sec, attempt->document,
                         attempt->document_size, signature);
        if (r < 0)
                return r;
        lines[1] = format_message("webhook-timestamp: %" PRIu64, (uint64_t)now.tv_sec);
        lines[2] = format_message("webhook-signature: %s", signature);
        return lines[1] != NULL && lines[2] != NULL ? 0 : -ENOMEM;
}

static int make_headers(const struct webhook *webhook, const struct hook_attempt *attempt,
                        struct http_headers **ret_headers)
{
        char *own[3] = { NULL, NULL, NULL };

        int r = format_lines(webhook, attempt, own);
        if (r == 0) {
                /* "Expect:" suppresses "Expect: 100-continue" and its round trip for large bodies. */
                const char *const lines[] = {
                        "Content-Type: application/json", "Expect:", own[0], own[1], own[2], NULL,
                };
                r = http_headers_new(lines, ret_headers);
        }
        for (size_t i = 0; i < 3; i++)
                free(own[i]);
        return r;
}

int webhook_start(struct webhook *webhook, const struct hook_attempt *attempt, char **ret_reason,
                  struct webhook_run **ret_run)
{
        CLEANUP(cleanup_webhook_cancel) struct webhook_run *run = calloc(1, sizeof(*run));
        int r;

        *ret_reason = NULL;
        if (run == NULL)
                return -ENOMEM;
        run->on_end = attempt->on_end;
        run->userdata = attempt->userdata;

        r = make_headers(webhook, attempt, &run->headers);
        if (r == -ENOTSUP)
                *ret_reason =
                        format_message("cannot sign the request: libcrypto does not provide HMAC-SHA256");
        if (r < 0)
                return r;
        const struct http_call call = {
                .url = webhook->url,
                .headers = run->headers,
                .post = attempt->document,
                .post_size = attempt->document_size,
                .on_end = on_end,
                .userdata = run,
        };
        r = http_start(webhook->client, &call, &run->request);
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
