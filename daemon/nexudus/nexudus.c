/* SPDX-License-Identifier: MIT */

/*
 * Requests to the job endpoints. A request streams its body into a record reader; a single one keeps the
 * record, a batch and a search pass each row to their handler. When the request ends, a complete
 * document that is what was asked for is a success; classification.h classifies everything else.
 */

#include "nexudus/nexudus.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "nexudus/classification.h"
#include "nexudus/record_reader.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/text.h"

#define BEARER    "Authorization: Bearer "
#define JOBS_PATH "/api/sys/businessbackgroundjobs"

struct nexudus_request {
        struct nexudus *nexudus;
        struct http_request *http;
        struct record_reader *reader;
        enum record_shape shape;
        struct job_record record;   /* of an object: empty until it was read */
        uint64_t id;                /* of an object */
        nexudus_row_handler on_row; /* NULL: an object */
        nexudus_handler on_response;
        void *userdata;
        LIST_ENTRY(nexudus_request) link;
};

struct nexudus {
        struct http_client *client;
        char *base_url;
        char *authorization; /* the header with the bearer token; NULL for Basic */
        unsigned token_generation;
        char *username;
        char *password;
        size_t response_max;
        void (*on_sent)(void *userdata); /* may be NULL */
        bool in_row;                     /* within on_row(), which must call no function */
        LIST_HEAD(, nexudus_request) requests;
};

void nexudus_set_token(struct nexudus *nexudus, const char *token)
{
        char *authorization = format_message(BEARER "%s", token);

        assert(!nexudus->in_row);
        secret_free(nexudus->authorization);
        nexudus->authorization = authorization;
        nexudus->token_generation++;
}

unsigned nexudus_token_generation(const struct nexudus *nexudus)
{
        return nexudus->token_generation;
}

struct nexudus *nexudus_new(struct http_client *client, const struct nexudus_settings *settings)
{
        struct nexudus *nexudus = memory_need(calloc(1, sizeof(*nexudus)));

        nexudus->client = client;
        nexudus->response_max = settings->response_max;
        LIST_INIT(&nexudus->requests);

        nexudus->base_url = memory_need(strdup(settings->base_url));
        if (settings->username != NULL) {
                nexudus->username = memory_need(strdup(settings->username));
                nexudus->password = memory_need(strdup(settings->password));
        }
        if (settings->token != NULL)
                nexudus_set_token(nexudus, settings->token);
        return nexudus;
}

void nexudus_set_sent_handler(struct nexudus *nexudus, void (*on_sent)(void *userdata))
{
        nexudus->on_sent = on_sent;
}

static struct nexudus_request *request_free(struct nexudus_request *request)
{
        if (request == NULL)
                return NULL;

        LIST_REMOVE(request, link);
        record_reader_free(request->reader);
        job_record_clear(&request->record);
        free(request);
        return NULL;
}

struct nexudus *nexudus_free(struct nexudus *nexudus)
{
        if (nexudus == NULL)
                return NULL;

        assert(!nexudus->in_row);
        while (!LIST_EMPTY(&nexudus->requests))
                nexudus_cancel(LIST_FIRST(&nexudus->requests));
        free(nexudus->base_url);
        free(nexudus->username);
        secret_free(nexudus->authorization);
        secret_free(nexudus->password);
        free(nexudus);
        return NULL;
}

struct nexudus_request *nexudus_cancel(struct nexudus_request *request)
{
        if (request == NULL)
                return NULL;

        assert(!request->nexudus->in_row);
        http_cancel(request->http);
        return request_free(request);
}

/* ---- the body ---- */

static int on_record(void *userdata, struct job_record *record)
{
        struct nexudus_request *request = userdata;

        if (request->on_row != NULL) {
                request->nexudus->in_row = true;
                request->on_row(request->userdata, record);
                request->nexudus->in_row = false;
                return 0;
        }
        /* One object, one record; used only if the document turns out to be complete. */
        job_record_clear(&request->record);
        request->record = *record;
        *record = (struct job_record){ 0 };
        return 0;
}

static void on_sent(void *userdata)
{
        struct nexudus_request *request = userdata;

        request->nexudus->on_sent(request->userdata);
}

static int on_body(void *userdata, const void *data, size_t size)
{
        struct nexudus_request *request = userdata;

        return record_reader_feed(request->reader, data, size);
}

/* ---- classification ---- */

/* A complete 2xx response is a success only if its document is what was asked for. */
static void classify_document(struct nexudus_request *request, struct nexudus_response *response,
                              char explanation[static EXPLANATION_SIZE])
{
        response->failure = FAILURE_UNEXPECTED;
        if (record_reader_finish(request->reader) < 0) {
                explain(explanation, "HTTP %d, not %s: %s", response->status,
                        request->shape == RECORD_SHAPE_PAGE ? "a page of job records" : "a job record",
                        record_reader_explain(request->reader));
                return;
        }
        if (request->shape == RECORD_SHAPE_OBJECT && request->record.id != request->id) {
                explain(explanation, "HTTP %d, but with job %" PRIu64, response->status, request->record.id);
                return;
        }
        response->failure = FAILURE_NONE;
        if (request->shape == RECORD_SHAPE_OBJECT)
                response->record = &request->record;
        if (request->shape == RECORD_SHAPE_PAGE)
                response->page = record_reader_page(request->reader);
}

static void on_end(void *userdata, const struct http_end *end)
{
        struct nexudus_request *request = userdata;
        char explanation[EXPLANATION_SIZE] = "";

        const char *authorization = request->nexudus->authorization;
        const char *const secrets[] = { authorization != NULL ? authorization + strlen(BEARER) : NULL,
                                        request->nexudus->password };
        struct nexudus_response response = {
                .status = end->status,
                .retry_after_us = end->retry_after_us,
                .date_us = end->date_us,
                .explanation = explanation,
        };

        if ((end->outcome == HTTP_ANSWERED && http_status_is_success(end->status)) ||
            end->outcome == HTTP_STOPPED)
                classify_document(request, &response, explanation);
        else
                classify_failure(end, secrets, request->nexudus->response_max, &response, explanation);
        request->on_response(request->userdata, &response);
        request_free(request);
}

/* ---- requests ---- */

/* Creates the reader of a request and starts it. */
static struct nexudus_request *request_start(struct nexudus_request *request, const char *url,
                                             size_t records_max)
{
        struct nexudus *nexudus = request->nexudus;
        const char *const headers[] = { "Accept: application/json", nexudus->authorization, NULL };
        const struct http_call call = {
                .url = url,
                .headers = headers,
                .username = nexudus->username,
                .password = nexudus->password,
                .on_body = on_body,
                .on_sent = nexudus->on_sent != NULL ? on_sent : NULL,
                .on_end = on_end,
                .userdata = request,
        };

        request->reader = record_reader_new(request->shape, records_max, on_record, request);
        request->http = http_start(nexudus->client, &call);
        return request;
}

/* The URL of a batch. malloc()ed. */
static char *batch_url(const struct nexudus *nexudus, const uint64_t *ids, size_t count)
{
        char list[NEXUDUS_IDS_MAX + 1] = "";
        size_t size = 0;

        for (size_t i = 0; i < count && size < sizeof(list); i++) {
                size += (size_t)snprintf(list + size, sizeof(list) - size, "%s%" PRIu64, i > 0 ? "," : "",
                                         ids[i]);
                assert(size < sizeof(list));
        }
        return format_message("%s" JOBS_PATH "/?id=%%5B%s%%5D", nexudus->base_url, list);
}

static struct nexudus_request *request_new(struct nexudus *nexudus, enum record_shape shape,
                                           nexudus_handler on_response, void *userdata)
{
        struct nexudus_request *request = memory_need(calloc(1, sizeof(*request)));

        assert(!nexudus->in_row);
        request->nexudus = nexudus;
        request->shape = shape;
        request->on_response = on_response;
        request->userdata = userdata;
        LIST_INSERT_HEAD(&nexudus->requests, request, link);
        return request;
}

struct nexudus_request *nexudus_get_job(struct nexudus *nexudus, uint64_t id, nexudus_handler on_response,
                                        void *userdata)
{
        CLEANUP(cleanup_free) char *url = format_message("%s" JOBS_PATH "/%" PRIu64, nexudus->base_url, id);
        struct nexudus_request *request = request_new(nexudus, RECORD_SHAPE_OBJECT, on_response, userdata);
        request->id = id;
        return request_start(request, url, 1);
}

struct nexudus_request *nexudus_get_jobs(struct nexudus *nexudus, const struct nexudus_batch *batch,
                                         nexudus_handler on_response, void *userdata)
{
        assert(batch->count > 0 && batch->on_row != NULL);
        CLEANUP(cleanup_free) char *url = batch_url(nexudus, batch->ids, batch->count);

        struct nexudus_request *request = request_new(nexudus, RECORD_SHAPE_ARRAY, on_response, userdata);
        request->on_row = batch->on_row;
        /* A server may send rows that were not requested; twice as many are accepted. */
        return request_start(request, url, 2 * batch->count);
}

struct nexudus_request *nexudus_search(struct nexudus *nexudus, const struct nexudus_search *search,
                                       nexudus_handler on_response, void *userdata)
{
        static const char *const order_names[] = {
                [NEXUDUS_BY_UPDATED_ON] = "UpdatedOn",
                [NEXUDUS_BY_CREATED_ON] = "CreatedOn",
        };

        assert(search->page > 0 && search->size > 0 && search->on_row != NULL);
        CLEANUP(cleanup_free)
        char *filter = search->business == 0
                               ? format_message("%s", "")
                               : format_message("&BusinessBackgroundJob_Business=%" PRIu64, search->business);
        CLEANUP(cleanup_free)
        char *url = format_message("%s" JOBS_PATH "?page=%u&size=%u&orderBy=%s&dir=%d%s", nexudus->base_url,
                                   search->page, search->size, order_names[search->order], search->direction,
                                   filter);

        struct nexudus_request *request = request_new(nexudus, RECORD_SHAPE_PAGE, on_response, userdata);
        request->on_row = search->on_row;
        return request_start(request, url, 2 * (size_t)search->size);
}
