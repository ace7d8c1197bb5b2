/* SPDX-License-Identifier: MIT */

/*
 * Reads a scenario: passes the keys of each section to its module, and adds the result to the server when the
 * next section begins.
 */

#include "scenario.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
        struct fake *fake;
        bool jobs_only;
        uint64_t zero; /* µs after the start: of the times of jobs */
        bool server;   /* in [server] */
        struct job_spec *spec;
        struct fault *fault;
};

static int finish_section(struct reader *reader)
{
        int r = reader->spec ? jobs_add_spec(&reader->fake->jobs, reader->spec) : 0;

        if (reader->fault)
                faults_put(&reader->fake->faults, reader->fault);
        reader->spec = NULL;
        reader->fault = NULL;
        reader->server = false;
        return r;
}

static int begin_jobs(struct reader *reader, const char *name, struct problem *problem)
{
        uint64_t first, last;
        char *end;
        const char *range = name + (strncmp(name, "jobs ", 5) == 0 ? 5 : 4);

        errno = 0;
        first = last = strtoull(range, &end, 10);
        if (*end == '-' && strncmp(name, "jobs ", 5) == 0)
                last = strtoull(end + 1, &end, 10);
        if (errno || *end || end == range || *range == '-' || last < first || last - first >= 1000000)
                return problem_set(problem,
                                   "[%s]: expected [job ID] or [jobs FIRST-LAST] with at most a million jobs",
                                   name);
        reader->spec = calloc(1, sizeof *reader->spec);
        if (!reader->spec)
                return -ENOMEM;
        reader->spec->first = first;
        reader->spec->last = last;
        reader->spec->zero = reader->zero;
        reader->spec->created_ago = UINT64_C(86400000000);
        reader->spec->apart = 1000000;
        return 0;
}

static int on_section(void *userdata, const char *name, struct problem *problem)
{
        struct reader *reader = userdata;
        int r = finish_section(reader);

        if (r < 0)
                return r;
        if (strncmp(name, "job ", 4) == 0 || strncmp(name, "jobs ", 5) == 0)
                return begin_jobs(reader, name, problem);
        if (reader->jobs_only)
                return problem_set(problem, "[%s]: expected [job ID] or [jobs FIRST-LAST]", name);
        if (strcmp(name, "server") == 0) {
                reader->server = true;
                return 0;
        }
        if (strncmp(name, "fault ", 6) == 0) {
                reader->fault = fault_new(name + 6);
                return reader->fault ? 0 : -ENOMEM;
        }
        return problem_set(
                problem,
                "[%s]: unknown section; expected [server], [job ID], [jobs FIRST-LAST] or [fault NAME]",
                name);
}

static int on_key(void *userdata, const char *key, const char *value, struct problem *problem)
{
        struct reader *reader = userdata;

        if (reader->server)
                return settings_set(&reader->fake->settings, key, value, problem);
        if (reader->spec)
                return job_spec_set(reader->spec, key, value, problem);
        if (reader->fault)
                return fault_set(reader->fault, key, value, problem);
        return problem_set(problem, "%s before the first section", key);
}

int scenario_apply_settings(struct fake *fake)
{
        jobs_advance(&fake->jobs, clock_now());
        fake->jobs.frozen = fake->settings.frozen;
        if (!fake->settings.limits_changed)
                return 0;
        fake->settings.limits_changed = false;
        fake->log.time_scale = fake->settings.limits.time_scale;
        return throttle_set(&fake->throttle, &fake->settings.limits);
}

static int read_text(struct reader *reader, const char *text, size_t size, struct problem *problem)
{
        static const struct ini_handler handler = { .section = on_section, .key = on_key };

        int r = ini_parse(text, size, &handler, reader, problem);
        if (r < 0) {
                job_spec_free(reader->spec);
                fault_unref(reader->fault);
                return r;
        }
        return finish_section(reader);
}

int scenario_read(struct fake *fake, const char *path, struct problem *problem)
{
        struct reader reader = { .fake = fake };
        struct buffer text = { 0 };

        int r = buffer_add_file(&text, path);
        if (r == 0)
                r = read_text(&reader, text.data, text.size, problem);
        buffer_release(&text);
        return r < 0 ? r : scenario_apply_settings(fake);
}

int scenario_add_jobs(struct fake *fake, const char *text, size_t size, struct problem *problem)
{
        struct reader reader = { .fake = fake, .jobs_only = true, .zero = clock_now() - fake->started };

        return read_text(&reader, text, size, problem);
}
