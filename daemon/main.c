/* SPDX-License-Identifier: MIT */

/* Reads the command line, runs the requested command and returns its exit status. */

#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "app/command.h"
#include "app/copy_state.h"
#include "app/exit_status.h"
#include "config/config.h"
#include "config/types.h"
#include "util/id_list.h"
#include "util/memory.h"
#include "util/timespan.h"
#include "version.h"

#define DEFAULT_PATH "/etc/jobwatchd/jobwatchd.ini"
#define HELP_HINT    "Try 'jobwatchd --help' for more information.\n"

enum action {
        ACTION_RUN,
        ACTION_CHECK,
        ACTION_PRINT_CONFIG,
        ACTION_COPY_STATE,
        ACTION_HELP,
        ACTION_VERSION,
};

struct options {
        enum action action;
        struct daemon_options command;
        struct config_overrides overrides;
        struct id_list job_ids;
        const char *from, *to; /* of --copy-state */
};

static void print_help(void)
{
        (void)fputs("Usage: jobwatchd [OPTION]...\n"
                    "Watch Nexudus background jobs: log changes, run hooks when they have finished.\n"
                    "\n"
                    "  -c, --config FILE       configuration (default: " DEFAULT_PATH ")\n"
                    "      --job ID            also watch this job, even if finished; repeatable\n"
                    "      --exit-when-done    exit when all jobs have finished; see exit status\n"
                    "      --timeout SPAN      exit with status 124 after this time, such as 2h\n"
                    "      --once              poll each job once, print its status and exit\n"
                    "      --check             check the configuration and exit\n"
                    "      --reload            with --check: before a reload; skips credentials\n"
                    "      --print-config      print the effective configuration and exit\n"
                    "      --copy-state FROM TO  copy the state to a database or from one, and exit\n"
                    "      --instance NAME     offer the D-Bus API as org.jobwatchd1.NAME\n"
                    "      --state-dir DIR     keep the state in this directory\n"
                    "      --log-target WHERE  auto, journal or console\n"
                    "      --log-level LEVEL   err, warning, notice, info or debug\n"
                    "  -V, --version           print the version and exit\n"
                    "  -h, --help              print this help and exit\n"
                    "\n"
                    "Exit status: 0 all jobs succeeded, or normal stop; 1 a job failed or is gone,\n"
                    "or a delivery was abandoned; 64 invalid command line; 69 API unreachable;\n"
                    "70 out of memory; 74 state unusable; 77 credentials rejected;\n"
                    "78 invalid configuration; 124 --timeout expired.\n"
                    "\n"
                    "Full documentation: man 8 jobwatchd\n",
                    stdout);
}

static void print_version(void)
{
        (void)printf("jobwatchd %s\n%s\n" JOBWATCH_LICENSE_LINE, JOBWATCH_VERSION, curl_version());
}

/* ---- the command line ---- */

static int usage_error(const char *what, const char *advice)
{
        (void)fprintf(stderr, "jobwatchd: %s: %s\n" HELP_HINT, what, advice);
        return -EINVAL;
}

static int bad_value(const char *option, const char *value, const char *advice)
{
        (void)fprintf(stderr, "jobwatchd: %s %s: %s\n" HELP_HINT, option, value, advice);
        return -EINVAL;
}

static int add_job(struct id_list *job_ids, const char *value)
{
        uint64_t id;

        if (job_id_parse(value, &id) < 0)
                return bad_value("--job", value, "invalid job ID; use a number such as 87654321");
        if (!id_list_contains(job_ids, id))
                id_list_add(job_ids, id);
        return 0;
}

/* Reads a value of a key of [log]: the command line accepts the same values as the file. */
static int read_log_value(const char *name, const char *value, int *ret_value)
{
        const struct config_key *key = config_key_find(SECTION_LOG, name);
        struct value_fault fault;

        return key->type->parse(key, value, ret_value, &fault);
}

enum option_code {
        OPTION_JOB = 256,
        OPTION_EXIT_WHEN_DONE,
        OPTION_TIMEOUT,
        OPTION_ONCE,
        OPTION_CHECK,
        OPTION_RELOAD,
        OPTION_PRINT_CONFIG,
        OPTION_COPY_STATE,
        OPTION_INSTANCE,
        OPTION_STATE_DIR,
        OPTION_LOG_TARGET,
        OPTION_LOG_LEVEL,
};

static const struct option long_options[] = {
        { "config", required_argument, NULL, 'c' },
        { "job", required_argument, NULL, OPTION_JOB },
        { "exit-when-done", no_argument, NULL, OPTION_EXIT_WHEN_DONE },
        { "timeout", required_argument, NULL, OPTION_TIMEOUT },
        { "once", no_argument, NULL, OPTION_ONCE },
        { "check", no_argument, NULL, OPTION_CHECK },
        { "reload", no_argument, NULL, OPTION_RELOAD },
        { "print-config", no_argument, NULL, OPTION_PRINT_CONFIG },
        { "copy-state", required_argument, NULL, OPTION_COPY_STATE },
        { "instance", required_argument, NULL, OPTION_INSTANCE },
        { "state-dir", required_argument, NULL, OPTION_STATE_DIR },
        { "log-target", required_argument, NULL, OPTION_LOG_TARGET },
        { "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
        { "version", no_argument, NULL, 'V' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
};

static int apply_option(struct options *options, int code, const char *value)
{
        switch (code) {
        case 'c':
                options->command.path = value;
                return 0;
        case 'h':
                options->action = ACTION_HELP;
                return 0;
        case OPTION_JOB:
                return add_job(&options->job_ids, value);
        case OPTION_EXIT_WHEN_DONE:
                options->overrides.exit_when_done = true;
                return 0;
        case OPTION_TIMEOUT:
                if (timespan_parse(value, &options->command.timeout_us) < 0 ||
                    options->command.timeout_us == 0)
                        return bad_value("--timeout", value,
                                         "invalid time span; use a form such as 90s, 15min or 2h");
                return 0;
        case OPTION_ONCE:
                options->command.once = true;
                return 0;
        case OPTION_CHECK:
                options->action = ACTION_CHECK;
                return 0;
        case OPTION_RELOAD:
                options->command.for_reload = true;
                return 0;
        case OPTION_PRINT_CONFIG:
                options->action = ACTION_PRINT_CONFIG;
                return 0;
        case OPTION_COPY_STATE:
                options->action = ACTION_COPY_STATE;
                options->from = value;
                return 0;
        case OPTION_INSTANCE:
                if (*value == '\0')
                        return bad_value("--instance", "''", "empty name; use one such as branch-office");
                options->command.instance = value;
                return 0;
        case OPTION_STATE_DIR:
                if (*value != '/')
                        return bad_value("--state-dir", value,
                                         "not an absolute path; use one such as /var/lib/jobwatchd");
                options->overrides.state_directory = value;
                return 0;
        case OPTION_LOG_TARGET:
                if (read_log_value("target", value, &options->overrides.log_target) < 0)
                        return bad_value("--log-target", value, "use auto, journal or console");
                return 0;
        case OPTION_LOG_LEVEL:
                if (read_log_value("level", value, &options->overrides.log_level) < 0)
                        return bad_value("--log-level", value, "use err, warning, notice, info or debug");
                return 0;
        case 'V':
                options->action = ACTION_VERSION;
                return 0;
        default:
                (void)fputs(HELP_HINT, stderr); /* getopt_long() has printed the error */
                return -EINVAL;
        }
}

/* The second argument of --copy-state. Returns what is wrong with them, or NULL. */
static const char *read_copy(int argc, char *argv[], struct options *options)
{
        if (optind >= argc)
                return "write two arguments: FROM and TO";
        options->to = argv[optind++];
        return copy_state_check(options->from, options->to);
}

static int read_command_line(int argc, char *argv[], struct options *options)
{
        int code;

        while ((code = getopt_long(argc, argv, "c:hV", long_options, NULL)) >= 0) {
                int r = apply_option(options, code, optarg);
                if (r < 0)
                        return r;
                if (options->action == ACTION_HELP || options->action == ACTION_VERSION)
                        return 0;
        }
        if (options->action == ACTION_COPY_STATE) {
                const char *advice = read_copy(argc, argv, options);
                if (advice != NULL)
                        return usage_error("--copy-state", advice);
        }
        if (optind < argc)
                return usage_error(argv[optind], "unexpected argument; to watch a job, use --job ID");

        if (options->command.for_reload && options->action != ACTION_CHECK)
                return usage_error("--reload",
                                   "only with --check; to reload the service, use systemctl reload");

        options->overrides.job_ids = options->job_ids.ids;
        options->overrides.job_count = options->job_ids.count;
        return 0;
}

/* ---- actions ---- */

static enum exit_status run(const struct daemon_options *command)
{
        /* Its buffers have contained passwords and tokens. */
        if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, memory_free_wiping, memory_realloc_wiping,
                                 strdup, calloc) != 0) {
                (void)fputs("jobwatchd: cannot initialise libcurl\n", stderr);
                return EXIT_STATUS_SOFTWARE;
        }
        enum exit_status status = command_run(command);
        curl_global_cleanup();
        return status;
}

static enum exit_status run_action(const struct options *options)
{
        switch (options->action) {
        case ACTION_RUN:
                return run(&options->command);
        case ACTION_CHECK:
                return command_check(&options->command);
        case ACTION_PRINT_CONFIG:
                return command_print_config(&options->command);
        case ACTION_COPY_STATE:
                return command_copy_state(&options->command, options->from, options->to);
        case ACTION_HELP:
                print_help();
                break;
        case ACTION_VERSION:
                print_version();
                break;
        }
        return EXIT_STATUS_SUCCESS;
}

/* What was printed must have been written. A failure that is the result already stays. */
static enum exit_status close_output(enum exit_status status)
{
        errno = 0;
        if (status != EXIT_STATUS_SUCCESS ||
            (fflush(stdout) == 0 && ferror(stdout) == 0 && fclose(stdout) == 0))
                return status;
        (void)fprintf(stderr, "jobwatchd: cannot write to standard output: %s\n",
                      strerror(errno > 0 ? errno : EIO));
        return EXIT_STATUS_STATE;
}

int main(int argc, char *argv[])
{
        struct options options = {
                .command = { .path = DEFAULT_PATH, .overrides = &options.overrides },
                .overrides = { .log_level = -1, .log_target = -1 },
        };

#ifdef JOBWATCH_NO_DUMPS
        /* Memory holds tokens and passwords: no core dumps, no tracing by other processes of this user. */
        (void)prctl(PR_SET_DUMPABLE, 0);
#endif

        enum exit_status status =
                read_command_line(argc, argv, &options) < 0 ? EXIT_STATUS_USAGE : run_action(&options);
        id_list_clear(&options.job_ids);
        return (int)close_output(status);
}
