/* SPDX-License-Identifier: MIT */

/*
 * The life of a request. It is created with the request line, collects its body, arrives, may be suspended
 * (by a fault's delay or hang, or by a waiting control request), is answered, and always ends in
 * exchange_on_end(), which writes the log line.
 *
 * The HTTP daemon does not poll the socket of a suspended request. The event loop does, to notice a client
 * that hangs up.
 */

#include "exchange.h"

#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "control.h"
#include "endpoints.h"
#include "form.h"

static int socket_of(struct MHD_Connection *connection)
{
        return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

const char *exchange_header(const struct exchange *exchange, const char *name)
{
        return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

static void on_timer(struct loop_timer *timer)
{
        exchange_resume((struct exchange *)((char *)timer - offsetof(struct exchange, timer)));
}

static void on_hang_up(struct loop_watch *watch)
{
        struct exchange *exchange = (struct exchange *)((char *)watch - offsetof(struct exchange, watch));

        exchange->client_gone = true;
        exchange_resume(exchange);
}

void exchange_suspend(struct exchange *exchange, uint64_t until)
{
        struct loop *loop = &exchange->fake->loop;

        exchange->suspended = true;
        exchange->previous_suspended = NULL;
        exchange->next_suspended = exchange->fake->suspended;
        if (exchange->next_suspended)
                exchange->next_suspended->previous_suspended = exchange;
        exchange->fake->suspended = exchange;

        MHD_suspend_connection(exchange->connection);
        exchange->timer.fire = on_timer;
        exchange->watch.hung_up = on_hang_up;
        if (until > 0)
                loop_timer_set(loop, &exchange->timer, until);
        loop_watch_set(loop, &exchange->watch, socket_of(exchange->connection));
}

void exchange_resume(struct exchange *exchange)
{
        struct loop *loop = &exchange->fake->loop;

        if (!exchange->suspended)
                return;
        exchange->suspended = false;
        *(exchange->previous_suspended ? &exchange->previous_suspended->next_suspended
                                       : &exchange->fake->suspended) = exchange->next_suspended;
        if (exchange->next_suspended)
                exchange->next_suspended->previous_suspended = exchange->previous_suspended;
        loop_timer_unset(loop, &exchange->timer);
        loop_watch_unset(loop, &exchange->watch);
        MHD_resume_connection(exchange->connection);
}

void exchanges_stop(struct fake *fake)
{
        fake->stopping = true;
        while (fake->suspended)
                exchange_resume(fake->suspended);
}

static void exchange_free(struct exchange *exchange)
{
        log_waiter_free(&exchange->fake->log, exchange->waiter);
        fault_unref(exchange->fault);
        buffer_release(&exchange->body);
        free(exchange->target);
        free(exchange->decoded);
        free(exchange->path);
        free(exchange->method);
        free(exchange);
}

void *exchange_on_uri(void *userdata, const char *uri, struct MHD_Connection *connection)
{
        struct exchange *exchange = calloc(1, sizeof *exchange);

        if (!exchange)
                return NULL;
        exchange->fake = userdata;
        exchange->connection = connection;
        exchange->target = strdup(uri);
        exchange->decoded = strdup(uri);
        exchange->path = strndup(uri, strcspn(uri, "?"));
        if (!exchange->target || !exchange->decoded || !exchange->path) {
                exchange_free(exchange);
                return NULL;
        }
        percent_decode(exchange->decoded, false);
        exchange->query = strchr(exchange->target, '?');
        if (exchange->query)
                exchange->query++;
        exchange->control = strncmp(uri, "/_control/", 10) == 0;
        return exchange;
}

static bool begin(struct exchange *exchange, const char *method)
{
        void **number = MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
                                ->socket_context;

        exchange->connection_number = (uint64_t)(uintptr_t)number;
        exchange->method = strdup(method);
        exchange->begun = true;
        return exchange->method;
}

/* Answers a request that is not suspended any more. */
static enum MHD_Result answer_now(struct exchange *exchange)
{
        struct answer answer = { 0 };

        if (exchange->control)
                control_answer(exchange, &answer);
        else if (!exchange->fault || !fault_replaces_answer(exchange->fault))
                endpoints_answer(exchange, &answer);
        if (answer.waits)
                return MHD_YES;
        return answer_send(exchange, &answer);
}

static enum MHD_Result arrive(struct exchange *exchange)
{
        struct fake *fake = exchange->fake;

        exchange->arrived = true;
        exchange->arrived_at = clock_now();
        buffer_text(&exchange->body);
        if (exchange->control)
                return answer_now(exchange);

        const struct fault_request request = { .method = exchange->method,
                                               .target = exchange->target,
                                               .decoded = exchange->decoded,
                                               .connection = exchange->connection_number,
                                               .now = exchange->arrived_at };
        exchange->fault = faults_pick(&fake->faults, &request);
        if (request_log_arrived(&fake->log, exchange) < 0)
                return MHD_NO;
        const struct fault *fault = exchange->fault;
        if (fault && (fault->hang || fault->delay > 0)) {
                exchange_suspend(exchange, fault->hang ? 0 : exchange->arrived_at + fault->delay);
                return MHD_YES;
        }
        return answer_now(exchange);
}

enum MHD_Result exchange_on_request(void *userdata, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *upload,
                                    size_t *upload_size, void **state)
{
        struct exchange *exchange = *state;

        (void)userdata, (void)connection, (void)url, (void)version;
        if (!exchange)
                return MHD_NO;
        if (!exchange->begun)
                return begin(exchange, method) ? MHD_YES : MHD_NO;
        if (*upload_size > 0) {
                buffer_add(&exchange->body, upload, *upload_size);
                *upload_size = 0;
                return exchange->body.failed ? MHD_NO : MHD_YES;
        }
        if (!exchange->arrived)
                return arrive(exchange);
        if (exchange->client_gone || exchange->fake->stopping)
                return MHD_NO;
        return answer_now(exchange);
}

void exchange_on_end(void *userdata, struct MHD_Connection *connection, void **state,
                     enum MHD_RequestTerminationCode how)
{
        struct exchange *exchange = *state;

        (void)userdata, (void)connection;
        *state = NULL;
        if (!exchange)
                return;
        loop_timer_unset(&exchange->fake->loop, &exchange->timer);
        loop_watch_unset(&exchange->fake->loop, &exchange->watch);
        if (how == MHD_REQUEST_TERMINATED_COMPLETED_OK && !exchange->pieces)
                exchange->sent = exchange->body_size;
        if (exchange->arrived && !exchange->control)
                request_log_ended(&exchange->fake->log, exchange);
        exchange_free(exchange);
}

void exchange_on_connection(void *userdata, struct MHD_Connection *connection, void **number,
                            enum MHD_ConnectionNotificationCode what)
{
        struct fake *fake = userdata;

        (void)connection;
        if (what == MHD_CONNECTION_NOTIFY_STARTED)
                *number = (void *)(uintptr_t)++fake->connections;
}
