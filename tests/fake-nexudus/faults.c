/* SPDX-License-Identifier: MIT */

/*
 * Faults and their keys. They are reference-counted, since one may be replaced while an answer that uses it
 * is in progress. Which requests they affect: fault_match.c.
 */

#include "faults.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fault *fault_new(const char *name)
{
        struct fault *fault = calloc(1, sizeof *fault);

        if (!fault)
                return NULL;
        fault->references = 1;
        fault->name = strdup(name);
        return fault->name ? fault : fault_unref(fault);
}

struct fault *fault_ref(struct fault *fault)
{
        fault->references++;
        return fault;
}

struct fault *fault_unref(struct fault *fault)
{
        if (!fault || --fault->references > 0)
                return NULL;
        for (size_t i = 0; i < fault->header_count; i++)
                free(fault->headers[i]);
        free(fault->headers);
        free(fault->jobs);
        buffer_release(&fault->body);
        free(fault->content_type);
        free(fault->method);
        free(fault->path);
        free(fault->name);
        free(fault);
        return NULL;
}

static int set_text(char **text, const char *value)
{
        char *copy = strdup(value);

        if (!copy)
                return -ENOMEM;
        free(*text);
        *text = copy;
        return 0;
}

static int add_header(struct fault *fault, const char *value)
{
        size_t length = strlen(value);
        bool quoted = length >= 2 && value[0] == '"' && value[length - 1] == '"';
        char **headers = realloc(fault->headers, (fault->header_count + 1) * sizeof *headers);

        if (!headers)
                return -ENOMEM;
        fault->headers = headers;
        char *copy = quoted ? strndup(value + 1, length - 2) : strdup(value);
        if (!copy)
                return -ENOMEM;
        if (!strchr(copy, ':')) {
                free(copy);
                return -EINVAL;
        }
        headers[fault->header_count++] = copy;
        return 0;
}

static int set_body(struct fault *fault, const char *value)
{
        fault->body.size = 0;
        fault->has_body = true;
        buffer_add_text(&fault->body, value);
        return fault->body.failed ? -ENOMEM : 0;
}

static int set_body_file(struct fault *fault, const char *path)
{
        char block[4096];
        size_t n;
        FILE *file = fopen(path, "re");

        if (!file)
                return -EINVAL;
        fault->body.size = 0;
        fault->has_body = true;
        while ((n = fread(block, 1, sizeof block, file)) > 0)
                buffer_add(&fault->body, block, n);
        int r = ferror(file) ? -EINVAL : fault->body.failed ? -ENOMEM : 0;
        fclose(file);
        return r;
}

static int set_choice(const char *value, const char *const *names, unsigned *ret_choice)
{
        for (unsigned i = 0; names[i]; i++)
                if (strcmp(value, names[i]) == 0) {
                        *ret_choice = i;
                        return 0;
                }
        return -EINVAL;
}

static int set_reset(struct fault *fault, const char *value)
{
        static const char *const names[] = { [RESET_NONE] = "no",
                                             [RESET_BEFORE] = "before",
                                             [RESET_HEADERS] = "headers",
                                             [RESET_BODY] = "body",
                                             NULL };
        unsigned choice = 0;
        int r = set_choice(value, names, &choice);

        fault->reset = (enum fault_reset)choice;
        return r;
}

static int set_gzip(struct fault *fault, const char *value)
{
        static const char *const names[] = {
                [GZIP_NO] = "no", [GZIP_YES] = "yes", [GZIP_FORCE] = "force", NULL
        };
        unsigned choice = 0;
        int r = set_choice(value, names, &choice);

        fault->gzip = (enum fault_gzip)choice;
        return r;
}

static int set_reads(struct fault *fault, const char *value)
{
        static const char *const names[] = {
                [READS_ANY] = "any", [READS_SINGLE] = "single", [READS_BATCH] = "batch", NULL
        };
        unsigned choice = 0;
        int r = set_choice(value, names, &choice);

        fault->reads = (enum fault_reads)choice;
        return r;
}

static int set_chance(struct fault *fault, const char *value)
{
        int r = parse_number(value, &fault->chance);

        return r < 0 || fault->chance == 0 || fault->chance > 100 ? -EINVAL : 0;
}

static int set_status(struct fault *fault, const char *value)
{
        uint64_t status;

        if (parse_number(value, &status) < 0 || status < 200 || status > 999)
                return -EINVAL;
        fault->status = (unsigned)status;
        return 0;
}

static int set_truncate(struct fault *fault, const char *value)
{
        fault->truncated = true;
        return parse_size(value, &fault->truncate);
}

static int set_method(struct fault *fault, const char *value)
{
        if (strcmp(value, "*") != 0)
                return set_text(&fault->method, value);
        free(fault->method);
        fault->method = NULL;
        return 0;
}

static int set_key(struct fault *fault, const char *key, const char *value)
{
        if (strcmp(key, "path") == 0)
                return set_text(&fault->path, value);
        if (strcmp(key, "method") == 0)
                return set_method(fault, value);
        if (strcmp(key, "jobs") == 0)
                return fault_set_jobs(fault, value);
        if (strcmp(key, "reads") == 0)
                return set_reads(fault, value);
        if (strcmp(key, "old_connections") == 0)
                return parse_boolean(value, &fault->old_connections);
        if (strcmp(key, "min_spacing") == 0)
                return parse_span(value, &fault->min_spacing);
        if (strcmp(key, "chance") == 0)
                return set_chance(fault, value);
        if (strcmp(key, "after") == 0)
                return parse_number(value, &fault->after);
        if (strcmp(key, "times") == 0)
                return parse_number(value, &fault->times);
        if (strcmp(key, "status") == 0)
                return set_status(fault, value);
        if (strcmp(key, "header") == 0)
                return add_header(fault, value);
        if (strcmp(key, "body") == 0)
                return set_body(fault, value);
        if (strcmp(key, "body_file") == 0)
                return set_body_file(fault, value);
        if (strcmp(key, "content_type") == 0)
                return set_text(&fault->content_type, value);
        if (strcmp(key, "delay") == 0)
                return parse_span(value, &fault->delay);
        if (strcmp(key, "hang") == 0)
                return parse_boolean(value, &fault->hang);
        if (strcmp(key, "reset") == 0)
                return set_reset(fault, value);
        if (strcmp(key, "truncate") == 0)
                return set_truncate(fault, value);
        if (strcmp(key, "chunk") == 0)
                return parse_size(value, &fault->chunk);
        if (strcmp(key, "chunk_delay") == 0)
                return parse_span(value, &fault->chunk_delay);
        if (strcmp(key, "gzip") == 0)
                return set_gzip(fault, value);
        if (strcmp(key, "oversize") == 0)
                return parse_size(value, &fault->oversize);
        if (strcmp(key, "envelope") == 0)
                return parse_boolean(value, &fault->envelope);
        if (strcmp(key, "html") == 0)
                return parse_boolean(value, &fault->html);
        if (strcmp(key, "wrong_id") == 0)
                return parse_boolean(value, &fault->wrong_id);
        return -ENOENT;
}

int fault_set(struct fault *fault, const char *key, const char *value, struct problem *problem)
{
        int r = set_key(fault, key, value);

        if (r == -ENOENT)
                return problem_set(problem, "unknown key '%s' of a fault", key);
        if (r == -EINVAL)
                return problem_set(problem, "%s = %.80s: invalid value", key, value);
        return r;
}

bool fault_replaces_answer(const struct fault *fault)
{
        return fault->status != 0 || fault->has_body || fault->envelope || fault->html || fault->hang ||
               fault->reset == RESET_BEFORE;
}

void faults_put(struct faults *faults, struct fault *fault)
{
        struct fault **at = &faults->first;

        while (*at && strcmp((*at)->name, fault->name) != 0)
                at = &(*at)->next;
        if (*at) {
                fault->next = (*at)->next;
                fault_unref(*at);
        }
        *at = fault;
}

bool faults_remove(struct faults *faults, const char *name)
{
        for (struct fault **at = &faults->first; *at; at = &(*at)->next)
                if (strcmp((*at)->name, name) == 0) {
                        struct fault *fault = *at;
                        *at = fault->next;
                        fault_unref(fault);
                        return true;
                }
        return false;
}

void faults_release(struct faults *faults)
{
        while (faults->first) {
                struct fault *next = faults->first->next;
                fault_unref(faults->first);
                faults->first = next;
        }
}
