/* SPDX-License-Identifier: MIT */

/*
 * A POST request that delivers an event. Each hook has its own HTTP client, so a slow or unreachable receiver
 * delays only its own deliveries, and connections are reused. The client takes several descriptors, so it is
 * made when it is needed, and there may be more hooks than descriptors.
 *
 * The body is the document, byte for byte as signed. The signature covers the time of the attempt, since
 * receivers reject signatures that are some minutes old; each attempt is signed anew under the same event id.
 */

#include "delivery/webhook/webhook.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "delivery/webhook/files.h"
#include "delivery/webhook/signature.h"
#include "http/http.h"
#include "platform/clock.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/text.h"
#include "util/timespan.h"
#include "version.h"

#define CONNECT_TIMEOUT_MAX_US (10 * USEC_PER_SEC)
#define RESPONSE_BYTES_MAX     (64 * 1024) /* the body is not used, except for error messages */
#define RESPONSE_BYTES_SHOWN   200
#define CONNECTIONS_MAX        4

struct webhook {
        sd_event *event;
        struct http_settings settings;
        struct http_client *client; /* NULL: none is needed */
        size_t run_count;           /* in progress; each uses the client */
        struct webhook_files files;
};

struct webhook_run {
        struct webhook *webhook;
        const struct hook_config *hook;
        struct http_request *request; /* NULL: it has ended */
        bool in_end;                  /* on_end() is being called */
        void (*on_end)(void *userdata, const struct hook_end *end);
        void *userdata;
};

DEFINE_CLEANUP(struct webhook, webhook_free)
DEFINE_CLEANUP(struct webhook_run, webhook_cancel)

/* ---- hooks ---- */

/* Warnings have been logged when the configuration was checked. */
static void log_problem(void *userdata, const char *where, const char *source, bool is_warning,
                        const char *message)
{
        (void)source;
        if (!is_warning)
                journal_print(userdata, LOG_ERR, "%s: %s.", where, message);
}

int webhook_new(const struct hook_context *context, const struct config *config,
                const struct hook_config *hook, struct webhook **ret_webhook)
{
        CLEANUP(cleanup_webhook_free) struct webhook *webhook = memory_malloc(NULL, sizeof(*webhook));
        const struct webhook_files_call files = {
                .config = config,
                .hook = hook,
                .on_problem = log_problem,
                .userdata = context->journal,
        };

        *webhook = (struct webhook){ .event = context->event };
        int r = webhook_files_read(&files, &webhook->files);
        if (r < 0)
                return r;
        webhook->settings = (struct http_settings){
                .user_agent = "jobwatchd/" JOBWATCH_VERSION,
                .authorities = webhook->files.authorities,
                .timeout_us = hook->timeout_us,
                .connect_timeout_us =
                        hook->timeout_us < CONNECT_TIMEOUT_MAX_US ? hook->timeout_us : CONNECT_TIMEOUT_MAX_US,
                .body_max = RESPONSE_BYTES_MAX,
                .connections_max = CONNECTIONS_MAX,
        };
        *ret_webhook = STEAL_POINTER(webhook);
        return 0;
}

struct webhook *webhook_free(struct webhook *webhook)
{
        if (webhook == NULL)
                return NULL;

        assert(webhook->run_count == 0);
        http_client_free(webhook->client);
        webhook_files_clear(&webhook->files);
        free(webhook);
        return NULL;
}

void webhook_close_idle(struct webhook *webhook)
{
        if (webhook->run_count == 0)
                webhook->client = http_client_free(webhook->client);
}

/* ---- the end of a run ---- */

static bool is_success(const struct http_end *end)
{
        /* A large response body does not affect the delivery. */
        return http_status_is_success(end->status) &&
               (end->outcome == HTTP_ANSWERED || end->outcome == HTTP_TOO_LARGE);
}

static char *explain_untrusted(const struct webhook_run *run, const struct http_end *end)
{
        const struct hook_config *hook = run->hook;

        if (*hook->ca_file != '\0')
                return format_message("%s: %s; its authority is not in ca_file = %s",
                                      http_outcome_to_string(end->outcome), end->detail, hook->ca_file);
        return format_message(
                "%s: %s; if its authority is a private one, set ca_file in [hook %s], or in [api] "
                "for all hooks",
                http_outcome_to_string(end->outcome), end->detail, hook->name);
}

static char *explain_status(const struct webhook_run *run, const struct http_end *end)
{
        CLEANUP(cleanup_free) char *body = NULL;

        if (end->status >= 300 && end->status <= 399)
                return format_message("HTTP %d: redirects are not followed; configure the final URL",
                                      end->status);
        if (end->excerpt_size == 0)
                return format_message("HTTP %d", end->status);
        if (webhook_files_are_repeated(&run->webhook->files, end->excerpt, end->excerpt_size))
                return format_message("HTTP %d: the response may repeat a secret and is not shown",
                                      end->status);
        body = text_escape(end->excerpt, end->excerpt_size, RESPONSE_BYTES_SHOWN);
        return format_message("HTTP %d: %s", end->status, body);
}

static char *explain(const struct webhook_run *run, const struct http_end *end)
{
        if (end->outcome == HTTP_ANSWERED || end->outcome == HTTP_TOO_LARGE)
                return explain_status(run, end);
        if (end->untrusted)
                return explain_untrusted(run, end);
        return format_message("%s: %s", http_outcome_to_string(end->outcome), end->detail);
}

static void on_end(void *userdata, const struct http_end *http_end)
{
        CLEANUP(cleanup_webhook_cancel) struct webhook_run *run = userdata;
        CLEANUP(cleanup_free) char *reason = NULL;
        CLEANUP(cleanup_free) char *answer = format_message("HTTP %d", http_end->status);
        struct hook_end end = { .success = is_success(http_end), .reason = "", .answer = answer };

        run->request = NULL;
        if (!end.success) {
                end.shortage = http_end->shortage != 0;
                reason = explain(run, http_end);
                end.reason = reason;
        }
        if (http_end->status == 409 || http_end->status == 429 || http_end->status == 503)
                end.retry_after_us = http_end->retry_after_us;
        run->in_end = true;
        run->on_end(run->userdata, &end);
        run->in_end = false;
}

/* ---- start, cancel ---- */

/* The two header lines of a signature, made now. */
static int sign(const struct webhook *webhook, const struct hook_attempt *attempt, char **ret_timestamp,
                char **ret_signature)
{
        char signature[WEBHOOK_SIGNATURE_SIZE];
        uint64_t now = clock_wall_us() / USEC_PER_SEC;

        int r = webhook_sign(webhook->files.key, attempt->event->id, now, attempt->document, signature);
        if (r < 0)
                return r;
        *ret_timestamp = format_message("webhook-timestamp: %" PRIu64, now);
        *ret_signature = format_message("webhook-signature: %s", signature);
        return 0;
}

/* Sends the request of a run. */
static int send_request(struct webhook_run *run, const struct hook_attempt *attempt)
{
        struct webhook *webhook = run->webhook;
        char **more = webhook->files.header_lines;
        CLEANUP(cleanup_free) char *id = format_message("webhook-id: %s", attempt->event->id);
        CLEANUP(cleanup_free) char *timestamp = NULL, *signature = NULL;
        CLEANUP(cleanup_free) const char **lines = NULL;
        size_t count = 0;
        int r = 0;

        if (webhook->files.key != NULL)
                r = sign(webhook, attempt, &timestamp, &signature);
        if (r >= 0 && webhook->client == NULL)
                r = http_client_new(webhook->event, &webhook->settings, &webhook->client);
        if (r < 0)
                return r;
        /* "Expect:" suppresses "Expect: 100-continue" and its round trip for large bodies. */
        const char *const own[] = {
                "Content-Type: application/json", "Expect:", id, timestamp, signature, NULL
        };
        while (more != NULL && more[count] != NULL)
                count++;
        lines = memory_malloc(NULL, count * sizeof(*lines) + sizeof(own));
        for (size_t i = 0; i < count; i++)
                lines[i] = more[i];
        memcpy(lines + count, own, sizeof(own));
        const struct http_call call = {
                .url = webhook->files.url,
                .headers = lines,
                .post = attempt->document,
                .post_size = strlen(attempt->document),
                .on_end = on_end,
                .userdata = run,
        };
        run->request = http_start(webhook->client, &call);
        return 0;
}

int webhook_start(struct webhook *webhook, const struct hook_attempt *attempt, char **ret_reason,
                  struct webhook_run **ret_run)
{
        CLEANUP(cleanup_webhook_cancel) struct webhook_run *run = memory_malloc(NULL, sizeof(*run));

        *ret_reason = NULL;
        *run = (struct webhook_run){
                .webhook = webhook,
                .hook = attempt->hook,
                .on_end = attempt->on_end,
                .userdata = attempt->userdata,
        };
        webhook->run_count++;
        int r = send_request(run, attempt);
        if (r == -ENOTSUP)
                *ret_reason =
                        format_message("cannot sign the request: libcrypto does not provide HMAC-SHA256");
        if (r < 0)
                return r;
        *ret_run = STEAL_POINTER(run);
        return 0;
}

struct webhook_run *webhook_cancel(struct webhook_run *run)
{
        if (run == NULL)
                return NULL;

        assert(!run->in_end);
        http_cancel(run->request);
        run->webhook->run_count--;
        free(run);
        return NULL;
}
