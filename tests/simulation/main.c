/* SPDX-License-Identifier: MIT */

/*
 * simulation [--seed N] [--seeds FIRST-LAST] [--seconds BUDGET] [--verbose]
 * simulation --jobs N [--hours N] [--seed N]
 *
 * Runs worlds one after the other, each from a seed of its own, until the first one fails, the seeds are used
 * up or the processor time is over. SIMULATION_SECONDS in the environment stands for --seconds. That time
 * only decides how many worlds are run, never what happens in one.
 *
 * With --jobs it runs a single world that is well: an account of so many jobs with the limits as published,
 * of which one changes every 30 s. It says how soon changes were reported, and what that took.
 */

#include "sim.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct options {
        uint64_t first, last;
        double seconds; /* of the processor; 0: until the seeds are used up */
        bool verbose;
        size_t jobs; /* of a world that is well; 0: worlds are drawn */
        uint64_t hours;
};

static double processor_seconds(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool parse_options(int argc, char *argv[], struct options *options)
{
        static const struct option known[] = {
                { "seed", required_argument, NULL, 's' },
                { "seeds", required_argument, NULL, 'r' },
                { "seconds", required_argument, NULL, 't' },
                { "verbose", no_argument, NULL, 'v' },
                { "jobs", required_argument, NULL, 'j' },
                { "hours", required_argument, NULL, 'h' },
                { NULL, 0, NULL, 0 },
        };
        const char *seconds = getenv("SIMULATION_SECONDS");
        int option;

        *options = (struct options){
                .first = 1, .last = UINT64_MAX, .hours = 1, .seconds = seconds != NULL ? atof(seconds) : 0
        };
        while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0) {
                char *end = NULL;

                if (option == 's' || option == 'r')
                        options->first = options->last = strtoull(optarg, &end, 10);
                if (option == 'r' && *end == '-')
                        options->last = strtoull(end + 1, &end, 10);
                if (option == 't')
                        options->seconds = strtod(optarg, &end);
                if (option == 'v')
                        options->verbose = true;
                if (option == 'j')
                        options->jobs = strtoull(optarg, &end, 10);
                if (option == 'h')
                        options->hours = strtoull(optarg, &end, 10);
                if (option == '?' || (end != NULL && *end != '\0'))
                        return false;
        }
        if (options->seconds <= 0 && options->last == UINT64_MAX)
                options->seconds = 100;
        return optind == argc;
}

/* The least span that so many of a thousand delays do not exceed, in seconds. */
static double delay_at(const struct account *account, uint64_t permille)
{
        uint64_t count = 0, seen = 0;
        size_t i = 0;

        for (size_t j = 0; j < DELAYS; j++)
                count += account->delays[j];
        while (i < DELAYS - 1 && (seen += account->delays[i]) * 1000 < count * permille)
                i++;
        return (double)(i + 1) * DELAY_US / 1e6;
}

static bool run_well(const struct options *options)
{
        struct sim *sim = calloc(1, sizeof(*sim));
        double start = processor_seconds();

        if (sim == NULL || world_draw_well(sim, options->first, options->jobs, options->hours) < 0) {
                printf("out of memory\n");
                abort();
        }
        sim->verbose = options->verbose;
        simulate(sim);

        const struct figures *one = &sim->figures;
        double hours = (double)(sim->now_us - sim->start_us) / 3.6e9;
        printf("%zu jobs, %.0f h: %" PRIu64
               " events; changes were reported after %.1f s (median), %.1f s (p95), %.1f s (p99), "
               "%.1f s (maximum); %.0f requests an hour (%" PRIu64 " batches, %" PRIu64
               " pages); %.0f s of processor time\n",
               sim->job_count, hours, one->reported, delay_at(&sim->account, 500),
               delay_at(&sim->account, 950), delay_at(&sim->account, 990), delay_at(&sim->account, 1000),
               (double)one->requests / hours, one->batches, one->pages, processor_seconds() - start);
        bool failed = sim->failed;
        world_clear(sim);
        free(sim);
        return !failed;
}

static bool run(uint64_t seed, bool verbose, struct figures *figures)
{
        struct sim *sim = calloc(1, sizeof(*sim));

        if (sim == NULL || world_draw(sim, seed) < 0) {
                printf("out of memory\n");
                abort();
        }
        sim->verbose = verbose;
        simulate(sim);

        const struct figures *one = &sim->figures;
        if (verbose)
                printf("seed %" PRIu64 ": %zu jobs, %.1f h, rows of kind %d: %" PRIu64 " requests, %" PRIu64
                       " batches, %" PRIu64 " polls, %" PRIu64 " events\n",
                       seed, sim->job_count, (double)(sim->now_us - sim->start_us) / 3.6e9,
                       (int)sim->batch_kind, one->requests, one->batches, one->polls, one->reported);
        figures->requests += one->requests;
        figures->batches += one->batches;
        figures->polls += one->polls;
        figures->reported += one->reported;
        figures->throttled += one->throttled;
        figures->starts += one->starts;
        figures->outages += one->outages;
        figures->partial += one->partial;
        figures->read += one->read;
        figures->broken += one->broken;
        figures->gone += one->gone;
        figures->returned += one->returned;
        figures->api_events += one->api_events;

        bool failed = sim->failed;
        world_clear(sim);
        free(sim);
        return !failed;
}

int main(int argc, char *argv[])
{
        struct options options;
        struct figures figures = { 0 };
        double start = processor_seconds();
        uint64_t seeds = 0;

        if (!parse_options(argc, argv, &options)) {
                fprintf(stderr,
                        "usage: simulation [--seed N] [--seeds FIRST-LAST] [--seconds BUDGET] [--verbose]\n"
                        "       simulation --jobs N [--hours N] [--seed N]\n");
                return 64;
        }
        if (options.jobs > 0)
                return run_well(&options) ? 0 : 1;
        for (uint64_t seed = options.first;; seed++) {
                if (!run(seed, options.verbose, &figures)) {
                        printf("Seed %" PRIu64 " was number %" PRIu64 ". To run it alone: %s --seed %" PRIu64
                               " --verbose\n",
                               seed, seeds + 1, argv[0], seed);
                        return 1;
                }
                seeds++;
                if (seed == options.last ||
                    (options.seconds > 0 && processor_seconds() - start >= options.seconds))
                        break;
        }
        printf("%" PRIu64 " seeds in %.1f s: %" PRIu64 " requests (%" PRIu64 " batches, %" PRIu64
               " polls), %" PRIu64 " events, %" PRIu64 " outages, %" PRIu64 " starts, %" PRIu64
               " times throttled without limits of ours, %" PRIu64
               " first observations without ResultData, %" PRIu64 " of which had one, %" PRIu64
               " broken jobs, %" PRIu64 " gone, %" PRIu64 " returned, %" PRIu64 " events of the API\n",
               seeds, processor_seconds() - start, figures.requests, figures.batches, figures.polls,
               figures.reported, figures.outages, figures.starts, figures.throttled, figures.partial,
               figures.read, figures.broken, figures.gone, figures.returned, figures.api_events);
        return 0;
}
