/* SPDX-License-Identifier: MIT */

/* The commands of the program: run the daemon, check or print the configuration, copy the state. */

#include "app/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "app/check.h"
#include "app/copy_state.h"
#include "app/daemon.h"
#include "app/signals.h"
#include "config/config.h"
#include "journal/journal.h"
#include "journal/target.h"
#include "platform/identity.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/message.h"

DEFINE_CLEANUP(struct config, config_free)
DEFINE_CLEANUP(struct journal, journal_close)

/* ---- configuration ---- */

/* With the level as systemd reads it at the beginning of a line, if that is where the line goes. */
static const char *level_prefix(const char *level)
{
        return target_is_standard_error() ? level : "";
}

static void print_problems(const struct config_problems *problems)
{
        for (size_t i = 0; i < problems->count; i++) {
                const struct config_problem *problem = &problems->items[i];

                (void)fprintf(stderr, "%s%s%s\n", level_prefix(problem->warning ? SD_WARNING : SD_ERR),
                              problem->warning ? "warning: " : "", problem->message);
        }
}

/*
 * There is no configuration yet, so the log target is that of the command line. Returns a negative errno if
 * the journal cannot be opened.
 */
static int log_problems(const struct daemon_options *options, const struct config_problems *problems)
{
        const int target = options->overrides->log_target;
        const struct log_config settings = {
                .level = LOG_INFO,
                .target = target >= 0 ? (enum log_target)target : LOG_TARGET_AUTO,
        };
        CLEANUP(cleanup_journal_close) struct journal *journal = NULL;

        int r = journal_open(&settings, &journal);
        if (r < 0)
                return r;
        problems_log(journal, problems);
        if (problems->errors > 0)
                refusal_log(journal, problems->errors, false);
        return 0;
}

/* To the log if `log`, else, or without a journal, to standard error. */
static void report_problems(const struct daemon_options *options, bool log,
                            const struct config_problems *problems)
{
        if (!log || log_problems(options, problems) < 0)
                print_problems(problems);
        if (options->for_reload && problems->errors > 0)
                (void)fprintf(stderr, "%s" RELOAD_REFUSED_FORMAT "\n", level_prefix(SD_ERR), problems->errors,
                              plural(problems->errors));
}

/* Reports errors and warnings. */
static enum exit_status load_config(const struct daemon_options *options, bool log,
                                    struct config **ret_config)
{
        struct config_problems problems = { .items = NULL };

        int r = config_load(options->path, options->overrides, &problems, ret_config);
        report_problems(options, log, &problems);
        config_problems_clear(&problems);
        return r < 0 ? EXIT_STATUS_CONFIG : EXIT_STATUS_SUCCESS;
}

/* ---- commands ---- */

/*
 * What the configuration refers to, checked for the daemon before it changes anything. Errors and warnings
 * are logged.
 */
static enum exit_status check_before_run(const struct config *config, struct journal *journal)
{
        struct config_problems problems = { .items = NULL };

        check_environment(config, CHECK_USE, &problems);
        problems_log(journal, &problems);
        size_t errors = problems.errors;
        config_problems_clear(&problems);
        if (errors == 0)
                return EXIT_STATUS_SUCCESS;
        refusal_log(journal, errors, false);
        return EXIT_STATUS_CONFIG;
}

enum exit_status command_run(const struct daemon_options *options)
{
        CLEANUP(cleanup_config_free) struct config *config = NULL;
        CLEANUP(cleanup_journal_close) struct journal *journal = NULL;

        signals_block();
        enum exit_status status = load_config(options, true, &config);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        int r = journal_open(&config->log, &journal);
        if (r < 0) {
                (void)fprintf(stderr,
                              "jobwatchd: cannot open the journal: %s; to log to standard error, use "
                              "--log-target=console\n",
                              strerror(-r));
                return EXIT_STATUS_CONFIG;
        }
        status = check_before_run(config, journal);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        return daemon_run(options, STEAL_POINTER(config), journal);
}

/* Root checks for the user of the service, who has to read the files and to run the programs. */
static bool assume_service_user(void)
{
        if (geteuid() != 0)
                return false;
        int r = identity_assume(SERVICE_USER);
        if (r < 0)
                (void)fprintf(stderr,
                              "warning: cannot check for the user " SERVICE_USER ": %s; checking as root\n",
                              r == -ENOENT ? "no such user (systemd-sysusers creates it)" : strerror(-r));
        return r >= 0;
}

static enum exit_status check_config(const struct daemon_options *options, struct config **ret_config)
{
        struct config_problems problems = { .items = NULL };

        enum exit_status status = load_config(options, false, ret_config);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        check_environment(*ret_config, options->for_reload ? CHECK_RELOAD : CHECK_FILES, &problems);
        report_problems(options, false, &problems);
        if (problems.errors > 0)
                status = EXIT_STATUS_CONFIG;
        config_problems_clear(&problems);
        return status;
}

enum exit_status command_check(const struct daemon_options *options)
{
        CLEANUP(cleanup_config_free) struct config *config = NULL;

        bool assumed = assume_service_user();
        enum exit_status status = check_config(options, &config);
        if (status == EXIT_STATUS_CONFIG && assumed && !options->for_reload)
                (void)fputs("This was checked for the user " SERVICE_USER " of the service.\n", stderr);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        if (options->for_reload) {
                /* From here on, the service manager waits for READY=1 of the daemon, which gets SIGHUP next.
                 */
                (void)sd_notify(false, "RELOADING=1");
                return EXIT_STATUS_SUCCESS;
        }
        (void)printf("%s: OK (%zu job%s, ", options->path, config->job_count, plural(config->job_count));
        if (config->discover_count > 0)
                (void)printf("%zu [discover] section%s, ", config->discover_count,
                             plural(config->discover_count));
        (void)printf("%zu hook%s)\n", config->hook_count, plural(config->hook_count));
        return EXIT_STATUS_SUCCESS;
}

enum exit_status command_print_config(const struct daemon_options *options)
{
        CLEANUP(cleanup_config_free) struct config *config = NULL;

        enum exit_status status = load_config(options, false, &config);
        if (status != EXIT_STATUS_SUCCESS)
                return status;
        int r = config_print(config, stdout);
        if (r < 0)
                (void)fprintf(stderr, "jobwatchd: cannot write to standard output: %s\n", strerror(-r));
        return r < 0 ? EXIT_STATUS_STATE : EXIT_STATUS_SUCCESS;
}

enum exit_status command_copy_state(const struct daemon_options *options, const char *from, const char *to)
{
        CLEANUP(cleanup_config_free) struct config *config = NULL;

        enum exit_status status = load_config(options, false, &config);
        return status == EXIT_STATUS_SUCCESS ? copy_state(config, options->instance, from, to) : status;
}
