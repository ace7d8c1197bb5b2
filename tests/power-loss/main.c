/* SPDX-License-Identifier: MIT */

/*
 * power-loss [--seed N] [--seeds FIRST-LAST] [--losses N] [--seconds BUDGET]
 *
 * A state directory on a disk whose cache is lost with the power, again and again. With each seed a directory
 * begins, and sees ten losses,
 * the first of them early; a process uses it until the power is lost, and another looks at a copy of what
 * is left. Ends at the first fault, or when the seeds, the losses or the processor time are used up. Without
 * options there are as many losses as POWER_LOSSES in the environment says, or 300.
 */

#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lossy_disk.h"
#include "names.h"
#include "told.h"

#include "../unit/random.h"
#include "util/file.h"

#define LOSSES_PER_SEED 10

struct options {
        uint64_t first, last, losses;
        double seconds; /* of the processor; 0: until the seeds are used up */
};

/* What is done in a directory of its own. */
static struct {
        char root[PATH_MAX - 64];
        char disk[PATH_MAX], state[PATH_MAX]; /* the state is in a directory that is made on the disk */
        char saved[PATH_MAX], copy[PATH_MAX];
} places;

static struct {
        uint64_t losses, while_opening, reported, kept, lost;
} figures;

static bool parse_options(int argc, char *argv[], struct options *options)
{
        static const struct option known[] = {
                { "seed", required_argument, NULL, 's' },
                { "seeds", required_argument, NULL, 'r' },
                { "losses", required_argument, NULL, 'l' },
                { "seconds", required_argument, NULL, 't' },
                { NULL, 0, NULL, 0 },
        };
        const char *losses = getenv("POWER_LOSSES");
        int option;

        *options = (struct options){
                .first = 1,
                .last = UINT64_MAX,
                .losses = argc > 1         ? UINT64_MAX
                          : losses != NULL ? strtoull(losses, NULL, 10)
                                           : 300,
        };
        while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0) {
                char *end = NULL;

                if (option == 's' || option == 'r')
                        options->first = options->last = strtoull(optarg, &end, 10);
                if (option == 'r' && *end == '-')
                        options->last = end[1] != '\0' ? strtoull(end + 1, NULL, 10) : UINT64_MAX;
                if (option == 'l')
                        options->losses = strtoull(optarg, NULL, 10);
                if (option == 't')
                        options->seconds = strtod(optarg, NULL);
                if (option == '?')
                        return false;
        }
        return optind == argc && options->first > 0;
}

static double processor_seconds(void)
{
        struct rusage own, children;

        (void)getrusage(RUSAGE_SELF, &own);
        (void)getrusage(RUSAGE_CHILDREN, &children);
        return (double)(own.ru_utime.tv_sec + own.ru_stime.tv_sec + children.ru_utime.tv_sec +
                        children.ru_stime.tv_sec);
}

static void check(bool is_done, const char *what)
{
        if (!is_done) {
                perror(what);
                exit(70);
        }
}

/* ---- places ---- */

static void make_places(void)
{
        const char *parent = getenv("TMPDIR");

        (void)snprintf(places.root, sizeof(places.root), "%s/power-loss-XXXXXX",
                       parent != NULL ? parent : "/tmp");
        check(mkdtemp(places.root) != NULL, places.root);
        (void)snprintf(places.disk, sizeof(places.disk), "%s/disk", places.root);
        (void)snprintf(places.state, sizeof(places.state), "%s/disk/state", places.root);
        (void)snprintf(places.saved, sizeof(places.saved), "%s/saved", places.root);
        (void)snprintf(places.copy, sizeof(places.copy), "%s/copy", places.root);
        check(mkdir(places.disk, 0700) == 0 && mkdir(places.saved, 0700) == 0, places.root);
}

static void copy_file(const char *path)
{
        char to[2 * PATH_MAX], *data = NULL;
        size_t size = 0;

        (void)snprintf(to, sizeof(to), "%s%s", places.copy, strrchr(path, '/'));
        check(file_read(path, SIZE_MAX / 2, &data, &size) == 0, path);
        int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        check(fd >= 0 && file_write(fd, data, size) == 0 && close(fd) == 0, to);
        free(data);
}

/* ---- losses ---- */

/* Returns the status of a process that does one of both. */
static int run(void (*function)(uint64_t), uint64_t argument)
{
        int status = 0;

        (void)fflush(stdout);
        pid_t pid = fork();
        check(pid >= 0, "fork");
        if (pid == 0) {
                function(argument);
                _exit(0);
        }
        check(waitpid(pid, &status, 0) == pid, "waitpid");
        return status;
}

static void live_there(uint64_t seed)
{
        static const unsigned longest[] = { 100, 1000, 4000 };
        uint64_t random = seed;
        bool is_new = told->count == 1, of_syncs = !is_new && random_next(&random) % 2 == 0;
        unsigned calls = is_new ? 150 : of_syncs ? 60 : longest[random_next(&random) % 3];
        unsigned at = 1 + (unsigned)(random_next(&random) % calls);

        lossy_disk_begin(places.disk, places.saved, at, of_syncs, random_next(&random));
        live(places.state, random_next(&random));
}

static void verify_copy(uint64_t unused)
{
        (void)unused;
        check(mkdir(places.copy, 0700) == 0, places.copy);
        if (access(places.state, F_OK) == 0)
                names_each(places.state, copy_file);
        lossy_disk_begin(places.copy, places.saved, 0, false, 1); /* it need not be synced */
        verify(places.copy);
}

static bool lose_power(uint64_t seed)
{
        int status = run(live_there, seed);

        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
                (void)printf("The process ended by itself: status %#x\n", (unsigned)status);
                return false;
        }
        figures.while_opening += !told->is_open;
        status = run(verify_copy, 0);
        names_remove(places.copy);
        if (status != 0)
                (void)printf("The test ended with status %#x\n", (unsigned)status);
        return status == 0;
}

static bool run_seed(uint64_t seed, uint64_t losses_max)
{
        uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

        memset(told, 0, sizeof(*told));
        told->count = 1;
        names_remove(places.state);
        for (unsigned loss = 1; loss <= LOSSES_PER_SEED && figures.losses < losses_max; loss++) {
                figures.losses++;
                if (!lose_power(random_next(&random))) {
                        (void)printf("FAILED: seed %" PRIu64 ", loss %u\n", seed, loss);
                        return false;
                }
        }
        figures.reported += told->reported;
        figures.kept += told->kept;
        figures.lost += told->lost;
        return true;
}

int main(int argc, char *argv[])
{
        struct options options;
        bool is_well = true;

        if (!parse_options(argc, argv, &options)) {
                (void)fprintf(stderr, "usage: power-loss [--seed N] [--seeds FIRST-LAST] [--losses N] "
                                      "[--seconds BUDGET]\n");
                return 64;
        }
        told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        check(told != MAP_FAILED, "mmap");
        make_places();
        for (uint64_t seed = options.first; is_well; seed++) {
                is_well = run_seed(seed, options.losses);
                if (seed == options.last || figures.losses >= options.losses ||
                    (options.seconds > 0 && processor_seconds() >= options.seconds))
                        break;
        }
        names_remove(places.root);
        (void)printf("%" PRIu64 " power losses in %.0f s, %" PRIu64 " of them while the state was opened: "
                     "%" PRIu64 " events were reported; of what was written at that moment, %" PRIu64
                     " transactions are there and %" PRIu64 " are not\n",
                     figures.losses, processor_seconds(), figures.while_opening, figures.reported,
                     figures.kept, figures.lost);
        return is_well ? 0 : 1;
}
