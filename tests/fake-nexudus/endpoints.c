/* SPDX-License-Identifier: MIT */

/* The API: the order of the checks (length, throttle, credentials, role, record) and each endpoint but the
 * search. */

#include "endpoints.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "form.h"
#include "search.h"

static const char jobs_path[] = "/api/sys/businessbackgroundjobs";

static const char not_found_page[] =
        "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\">\r\n<html><head><title>404 - File or "
        "directory not "
        "found.</title></head>\r\n<body><h2>404 - File or directory not found.</h2></body></html>\r\n";

static void refuse_in_html(struct answer *answer)
{
        answer->status = 404;
        answer->content_type = "text/html";
        buffer_add_text(&answer->body, not_found_page);
}

static bool throttle_passes(struct exchange *exchange, struct answer *answer)
{
        struct fake *fake = exchange->fake;
        uint64_t wait;

        if (!fake->settings.throttle ||
            throttle_accept(&fake->throttle, strcmp(exchange->method, "GET") != 0, clock_now(), &wait))
                return true;
        fake->log.throttled++;
        answer->status = 409;
        answer->retry_after = (wait + 999999) / 1000000;
        return false;
}

static bool is_allowed(struct exchange *exchange, struct answer *answer, bool role)
{
        const struct fake *fake = exchange->fake;

        if (role && tokens_allow(&fake->tokens, &fake->settings, exchange_header(exchange, "Authorization"),
                                 clock_now()))
                return true;
        answer_refuse(answer, 401, "Authorization has been denied for this request.");
        return false;
}

enum record_shape endpoints_list_shape(const struct settings *settings)
{
        return settings->batch == BATCH_PARTIAL        ? RECORD_PARTIAL
               : settings->batch == BATCH_EMPTY_RESULT ? RECORD_EMPTY_RESULT
                                                       : RECORD_FULL;
}

void endpoints_add_record(struct exchange *exchange, struct answer *answer, struct job *job,
                          enum record_shape shape, const char *omit)
{
        const struct fault *fault = exchange->fault;
        bool fills = fault && fault->oversize > 0 && answer->fill_at == 0;
        const struct record_form form = {
                .id = job->id + (fault && fault->wrong_id ? 1 : 0),
                .shape = fills ? RECORD_OPEN : shape,
                .omit = omit,
        };

        size_t open = record_add(&answer->body, job, &form);
        if (fills)
                answer->fill_at = open;
}

static void answer_token(struct exchange *exchange, struct answer *answer)
{
        struct fake *fake = exchange->fake;
        const char *type = exchange_header(exchange, "Content-Type");
        bool form = type && strncasecmp(type, "application/x-www-form-urlencoded", 33) == 0;

        if (strcmp(exchange->method, "POST") != 0) {
                answer_refuse(answer, 405, "The requested resource does not support this http method.");
                return;
        }
        answer->status = tokens_answer(&fake->tokens, &fake->settings,
                                       form && exchange->body.data ? exchange->body.data : "",
                                       exchange_header(exchange, "client_id"), clock_now(), &answer->body);
}

static void answer_one(struct exchange *exchange, struct answer *answer, const char *text)
{
        uint64_t id;
        struct job *job =
                parse_number(text, &id) < 0 ? NULL : jobs_find(&exchange->fake->jobs, id, clock_now());

        if (!is_allowed(exchange, answer, exchange->fake->settings.role_read))
                return;
        if (job) /* the read counts even if the job is gone: a step may bring it back */
                job_read(&exchange->fake->jobs, job, clock_now());
        if (!job || job->gone) {
                answer_refuse(answer, 404, "The record was not found.");
                return;
        }
        endpoints_add_record(exchange, answer, job, RECORD_FULL, NULL);
        answer->status = 200;
}

static int collect_ids(const char *text, uint64_t **ret_ids, size_t *ret_count)
{
        uint64_t *ids = calloc(strlen(text) / 2 + 1, sizeof *ids);
        size_t count = 0;

        if (!ids)
                return -ENOMEM;
        text += strspn(text, " [");
        while (*text && *text != ']') {
                char *end;
                ids[count] = strtoull(text, &end, 10);
                if (end == text || *text == '-') {
                        free(ids);
                        return -EINVAL;
                }
                count++;
                text = end + strspn(end, ", ");
        }
        *ret_ids = ids;
        *ret_count = count;
        return 0;
}

static void add_batch(struct exchange *exchange, struct answer *answer, const uint64_t *ids, size_t count)
{
        struct jobs *jobs = &exchange->fake->jobs;
        const struct settings *settings = &exchange->fake->settings;
        enum record_shape shape = endpoints_list_shape(settings);
        bool first = true;

        jobs->last_mark++;
        buffer_add_text(&answer->body, "[");
        for (size_t i = 0; i < count; i++) {
                uint64_t id = ids[settings->batch == BATCH_SHUFFLED ? count - 1 - i : i];
                struct job *job = jobs_find(jobs, id, clock_now());
                if (!job || job->mark == jobs->last_mark)
                        continue;
                job->mark = jobs->last_mark;
                job_read(jobs, job, clock_now());
                if (job->gone)
                        continue;
                if (!first)
                        buffer_add_text(&answer->body, ",");
                first = false;
                endpoints_add_record(exchange, answer, job, shape, NULL);
        }
        buffer_add_text(&answer->body, "]");
        answer->status = 200;
}

static void answer_batch(struct exchange *exchange, struct answer *answer, const char *text)
{
        const struct settings *settings = &exchange->fake->settings;
        uint64_t *ids = NULL;
        size_t count = 0;

        if (!is_allowed(exchange, answer, settings->role_read))
                return;
        if (settings->batch == BATCH_REFUSED) {
                answer_refuse(answer, settings->batch_status, "The request is invalid.");
                return;
        }
        if (collect_ids(text, &ids, &count) < 0) {
                answer_refuse(answer, 400, "The request is invalid.");
                return;
        }
        add_batch(exchange, answer, ids, count);
        free(ids);
}

static void answer_jobs(struct exchange *exchange, struct answer *answer, const char *rest)
{
        struct buffer ids = { 0 };

        if (strcmp(exchange->method, "GET") != 0)
                answer_refuse(answer, 405, "The requested resource does not support this http method.");
        else if (rest[0] == '/' && rest[1])
                answer_one(exchange, answer, rest + 1);
        else if (form_find(exchange->query, "id", &ids))
                answer_batch(exchange, answer, ids.data);
        else if (is_allowed(exchange, answer, exchange->fake->settings.role_list))
                search_answer(exchange, answer);
        buffer_release(&ids);
}

void endpoints_answer(struct exchange *exchange, struct answer *answer)
{
        const char *rest = exchange->path + sizeof jobs_path - 1;

        /* The limits of the web server in front of the API; its errors are not in the format of the API. */
        if (strlen(exchange->target) > 4096 || (exchange->query && strlen(exchange->query) > 2048) ||
            strncmp(exchange->path, "/api/", 5) != 0) {
                refuse_in_html(answer);
                return;
        }
        if (!throttle_passes(exchange, answer))
                return;
        if (strcmp(exchange->path, "/api/token") == 0)
                answer_token(exchange, answer);
        else if (strncmp(exchange->path, jobs_path, sizeof jobs_path - 1) == 0 &&
                 (*rest == 0 || *rest == '/'))
                answer_jobs(exchange, answer, rest);
        else
                answer_refuse(answer, 404, "No HTTP resource was found that matches the request URI.");
}
