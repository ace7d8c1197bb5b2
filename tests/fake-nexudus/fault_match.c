/* SPDX-License-Identifier: MIT */

/*
 * Which requests a fault affects. Each fault counts the requests that match it: the first `after` pass, the
 * next `times` are affected, the rest pass. The first fault in the order of the scenario that affects a
 * request is used.
 */

#include "faults.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

static const char jobs_path[] = "/businessbackgroundjobs";

int fault_set_jobs(struct fault *fault, const char *value)
{
        struct id_range *ranges = calloc(strlen(value) / 2 + 1, sizeof *ranges);
        size_t count = 0;

        if (!ranges)
                return -ENOMEM;
        for (const char *at = value + strspn(value, " "); *at; at += strspn(at, " ,")) {
                char *end;
                struct id_range *range = &ranges[count++];

                range->first = range->last = strtoull(at, &end, 10);
                if (end != at && *end == '-')
                        range->last = strtoull(end + 1, &end, 10);
                if (end == at || (*end && *end != ',' && *end != ' ') || range->last < range->first) {
                        free(ranges);
                        return -EINVAL;
                }
                at = end;
        }
        free(fault->jobs);
        fault->jobs = ranges;
        fault->job_range_count = count;
        return 0;
}

static bool has_job(const struct fault *fault, uint64_t id)
{
        for (size_t i = 0; i < fault->job_range_count; i++)
                if (id >= fault->jobs[i].first && id <= fault->jobs[i].last)
                        return true;
        return false;
}

/* Whether a read by id, single or as a batch, is for one of the fault's jobs. */
static bool reads_job(const struct fault *fault, const char *decoded)
{
        const char *at = strstr(decoded, jobs_path);
        char *end;

        if (!at)
                return false;
        at += sizeof jobs_path - 1;
        if (*at == '/' && at[1] >= '0' && at[1] <= '9')
                return fault->reads != READS_BATCH && has_job(fault, strtoull(at + 1, NULL, 10));
        at = strstr(at, "id=[");
        if (!at || fault->reads == READS_SINGLE)
                return false;
        for (at += 4; *at && *at != ']'; at = end + strspn(end, ", ")) {
                uint64_t id = strtoull(at, &end, 10);
                if (end == at)
                        return false;
                if (has_job(fault, id))
                        return true;
        }
        return false;
}

bool target_matches(const char *glob, const char *target, const char *decoded)
{
        return fnmatch(glob, target, 0) == 0 || fnmatch(glob, decoded, 0) == 0;
}

static bool matches(const struct fault *fault, const struct fault_request *request)
{
        if (fault->method && strcmp(fault->method, request->method) != 0)
                return false;
        if (fault->path && !target_matches(fault->path, request->target, request->decoded))
                return false;
        if (fault->jobs && !reads_job(fault, request->decoded))
                return false;
        return !fault->old_connections || request->connection <= fault->newest_connection;
}

/* As a proxy that limits the rate: a request too soon after one that passed does not count as passed. */
static bool is_spaced(struct fault *fault, uint64_t now)
{
        if (fault->min_spacing == 0 || (fault->passed_at > 0 && now - fault->passed_at < fault->min_spacing))
                return false;
        fault->passed_at = now;
        return true;
}

struct fault *faults_pick(struct faults *faults, const struct fault_request *request)
{
        for (struct fault *fault = faults->first; fault; fault = fault->next) {
                if (!matches(fault, request) || is_spaced(fault, request->now))
                        continue;
                if (fault->chance > 0 && (uint64_t)(random() % 100) >= fault->chance)
                        continue;
                if (fault->times > 0 && fault->used == fault->times)
                        continue;
                if (fault->seen++ < fault->after)
                        continue;
                fault->used++;
                return fault_ref(fault);
        }
        return NULL;
}
