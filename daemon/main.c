/* SPDX-License-Identifier: MIT */

/* The command line and the exit status, nothing else. */

#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "app/check.h"
#include "app/daemon.h"
#include "app/exit_status.h"
#include "config/config.h"
#include "config/keys.h"
#include "config/values.h"
#include "journal/journal.h"
#include "util/cleanup.h"
#include "util/timespan.h"
#include "version.h"

#define DEFAULT_PATH "/etc/jobwatchd/jobwatchd.ini"

enum action {
        ACTION_RUN,
        ACTION_CHECK,
        ACTION_PRINT_CONFIG,
        ACTION_HELP,
        ACTION_VERSION,
};

struct options {
        enum action action;
        const char *path;
        uint64_t *job_ids;
        size_t job_count;
        struct daemon_options daemon;
        struct config_overrides overrides;
};

static void print_help(void)
{
        (void)fputs(
                "Usage: jobwatchd [OPTION]...\n"
                "Watches Nexudus background jobs, logs every change, and runs hooks when they have ended.\n"
                "\n"
                "  -c, --config FILE       the configuration (" DEFAULT_PATH ")\n"
                "      --job ID            watch this job too, even if it has ended before; may be repeated\n"
                "      --exit-when-done    exit when every job has ended: 0 if all succeeded, else 1\n"
                "      --timeout SPAN      exit with 124 after this time, such as 30s or 2h\n"
                "      --once              poll each job once, report it on a line, and exit\n"
                "      --check             check the configuration and exit with 0 or 78\n"
                "      --print-config      print the effective configuration and exit\n"
                "      --state-dir DIR     where to keep what must survive\n"
                "      --log-target WHERE  auto, journal or console\n"
                "      --log-level LEVEL   err, warning, notice, info or debug\n"
                "      --version           print the version and exit\n"
                "  -h, --help              print this and exit\n"
                "\n"
                "Exit status: 0 all jobs succeeded or a normal stop, 1 a job failed, 64 wrong command line,\n"
                "69 API unreachable, 74 state directory unusable, 77 credentials refused, 78 wrong\n"
                "configuration, 124 time ran out.\n",
                stdout);
}

static void print_version(void)
{
        (void)printf("jobwatchd %s\n%s\n", JOBWATCH_VERSION, curl_version());
}

/* ---- the command line ---- */

static int usage(const char *what, const char *advice)
{
        (void)fprintf(stderr, "jobwatchd: %s: %s\nTry jobwatchd --help.\n", what, advice);
        return -EINVAL;
}

static int bad_value(const char *option, const char *value, const char *advice)
{
        (void)fprintf(stderr, "jobwatchd: %s %s: %s\nTry jobwatchd --help.\n", option, value, advice);
        return -EINVAL;
}

static int add_job(struct options *options, const char *value)
{
        uint64_t id;

        if (job_id_parse(value, &id) < 0)
                return bad_value("--job", value, "a job is a number from 1 up, such as 87654321");
        for (size_t i = 0; i < options->job_count; i++)
                if (options->job_ids[i] == id)
                        return 0;

        uint64_t *ids = reallocarray(options->job_ids, options->job_count + 1, sizeof(*ids));
        if (ids == NULL)
                return -ENOMEM;
        ids[options->job_count++] = id;
        options->job_ids = ids;
        return 0;
}

/* Looks up a value among the choices of a key of [log], so that file and command line understand the same. */
static int log_choice(const char *key, const char *value, int *ret_value)
{
        for (const struct config_choice *choice = config_key_find(SECTION_LOG, key)->choices;
             choice->text != NULL; choice++)
                if (strcmp(choice->text, value) == 0) {
                        *ret_value = choice->value;
                        return 0;
                }
        return -EINVAL;
}

enum option_code {
        OPTION_JOB = 256,
        OPTION_EXIT_WHEN_DONE,
        OPTION_TIMEOUT,
        OPTION_ONCE,
        OPTION_CHECK,
        OPTION_PRINT_CONFIG,
        OPTION_STATE_DIR,
        OPTION_LOG_TARGET,
        OPTION_LOG_LEVEL,
        OPTION_VERSION,
};

static const struct option long_options[] = {
        { "config", required_argument, NULL, 'c' },
        { "job", required_argument, NULL, OPTION_JOB },
        { "exit-when-done", no_argument, NULL, OPTION_EXIT_WHEN_DONE },
        { "timeout", required_argument, NULL, OPTION_TIMEOUT },
        { "once", no_argument, NULL, OPTION_ONCE },
        { "check", no_argument, NULL, OPTION_CHECK },
        { "print-config", no_argument, NULL, OPTION_PRINT_CONFIG },
        { "state-dir", required_argument, NULL, OPTION_STATE_DIR },
        { "log-target", required_argument, NULL, OPTION_LOG_TARGET },
        { "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
        { "version", no_argument, NULL, OPTION_VERSION },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
};

static int take_option(struct options *options, int code, const char *value)
{
        switch (code) {
        case 'c':
                options->path = value;
                return 0;
        case 'h':
                options->action = ACTION_HELP;
                return 0;
        case OPTION_JOB:
                return add_job(options, value);
        case OPTION_EXIT_WHEN_DONE:
                options->overrides.exit_when_done = true;
                return 0;
        case OPTION_TIMEOUT:
                if (timespan_parse(value, &options->daemon.timeout_us) < 0 || options->daemon.timeout_us == 0)
                        return bad_value("--timeout", value, "a time is written like 90s, 15min or 2h");
                return 0;
        case OPTION_ONCE:
                options->daemon.once = true;
                return 0;
        case OPTION_CHECK:
                options->action = ACTION_CHECK;
                return 0;
        case OPTION_PRINT_CONFIG:
                options->action = ACTION_PRINT_CONFIG;
                return 0;
        case OPTION_STATE_DIR:
                if (*value != '/')
                        return bad_value("--state-dir", value, "the directory must be an absolute path");
                options->overrides.state_directory = value;
                return 0;
        case OPTION_LOG_TARGET:
                if (log_choice("target", value, &options->overrides.log_target) < 0)
                        return bad_value("--log-target", value, "choose auto, journal or console");
                return 0;
        case OPTION_LOG_LEVEL:
                if (log_choice("level", value, &options->overrides.log_level) < 0)
                        return bad_value("--log-level", value, "choose err, warning, notice, info or debug");
                return 0;
        case OPTION_VERSION:
                options->action = ACTION_VERSION;
                return 0;
        default:
                (void)fputs("Try jobwatchd --help.\n", stderr); /* getopt has said what is wrong */
                return -EINVAL;
        }
}

static int read_command_line(int argc, char *argv[], struct options *options)
{
        int code;

        while ((code = getopt_long(argc, argv, "c:h", long_options, NULL)) >= 0) {
                int r = take_option(options, code, optarg);
                if (r < 0)
                        return r;
                if (options->action == ACTION_HELP || options->action == ACTION_VERSION)
                        return 0;
        }
        if (optind < argc)
                return usage(argv[optind],
                             "there are no arguments but options; a job is watched with --job ID");

        options->overrides.job_ids = options->job_ids;
        options->overrides.job_count = options->job_count;
        return 0;
}

/* ---- what was asked for ---- */

/* Before there is a configuration, its problems are told where the command line says. */
static void log_problems(const struct options *options, const struct config_problems *problems)
{
        const struct log_config settings = {
                .level = LOG_INFO,
                .target = options->overrides.log_target >= 0 ? (enum log_target)options->overrides.log_target
                                                             : LOG_TARGET_AUTO,
        };
        struct journal *journal = NULL;

        int r = options->action == ACTION_RUN ? journal_open(&settings, &journal) : -ENOENT;
        for (size_t i = 0; i < problems->count; i++) {
                const struct config_problem *problem = &problems->items[i];

                if (r >= 0)
                        journal_print(journal, problem->warning ? LOG_WARNING : LOG_ERR, "%s",
                                      problem->message);
                else
                        (void)fprintf(stderr, "%s%s\n", problem->warning ? "warning: " : "",
                                      problem->message);
        }
        if (r >= 0 && problems->errors > 0)
                journal_print(journal, LOG_ERR,
                              "The configuration is wrong (%zu problem%s). Exiting; nothing is watched.",
                              problems->errors, problems->errors == 1 ? "" : "s");
        journal_close(journal);
}

static enum exit_status run(struct options *options, struct config *config)
{
        struct journal *journal = NULL;

        if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
                (void)fputs("jobwatchd: libcurl cannot be initialised\n", stderr);
                return EXIT_STATUS_SOFTWARE;
        }
        int r = journal_open(&config->log, &journal);
        if (r < 0) {
                (void)fprintf(
                        stderr,
                        "jobwatchd: cannot log to the journal (%s); start it, or use --log-target=console\n",
                        strerror(-r));
                curl_global_cleanup();
                return EXIT_STATUS_CONFIG;
        }

        options->daemon.path = options->path;
        options->daemon.overrides = &options->overrides;
        enum exit_status status = daemon_run(&options->daemon, config, journal);
        journal_close(journal);
        curl_global_cleanup();
        return status;
}

static enum exit_status check(const struct options *options, const struct config *config)
{
        if (check_surroundings(config, stderr) > 0)
                return EXIT_STATUS_CONFIG;
        (void)printf("%s is right: %zu job%s, %zu hook%s.\n", options->path, config->job_count,
                     config->job_count == 1 ? "" : "s", config->hook_count,
                     config->hook_count == 1 ? "" : "s");
        return EXIT_STATUS_SUCCESS;
}

static enum exit_status act_on_config(struct options *options)
{
        struct config_problems problems = { .items = NULL };
        struct config *config = NULL;
        enum exit_status status = EXIT_STATUS_SUCCESS;

        int r = config_load(options->path, &options->overrides, &problems, &config);
        log_problems(options, &problems);
        config_problems_clear(&problems);
        if (r == -ENOMEM) {
                (void)fputs("jobwatchd: out of memory while reading the configuration\n", stderr);
                return EXIT_STATUS_SOFTWARE;
        }
        if (r < 0)
                return EXIT_STATUS_CONFIG;

        if (options->action == ACTION_CHECK)
                status = check(options, config);
        else if (options->action == ACTION_PRINT_CONFIG)
                status = config_print(config, stdout) < 0 ? EXIT_STATUS_STATE : EXIT_STATUS_SUCCESS;
        else
                status = run(options, config);
        config_free(config);
        return status;
}

int main(int argc, char *argv[])
{
        struct options options = {
                .path = DEFAULT_PATH,
                .overrides = { .log_level = -1, .log_target = -1 },
        };
        enum exit_status status = EXIT_STATUS_SUCCESS;

#ifdef JOBWATCH_NO_DUMPS
        /*
         * Tokens and passwords are in memory: neither a core dump nor another process of our user may see
         * them.
         */
        (void)prctl(PR_SET_DUMPABLE, 0);
#endif

        if (read_command_line(argc, argv, &options) < 0)
                status = EXIT_STATUS_USAGE;
        else if (options.action == ACTION_HELP)
                print_help();
        else if (options.action == ACTION_VERSION)
                print_version();
        else {
                if (options.action == ACTION_RUN)
                        daemon_block_signals();
                status = act_on_config(&options);
        }

        free(options.job_ids);
        return (int)status;
}
