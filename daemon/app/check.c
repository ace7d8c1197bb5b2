/* SPDX-License-Identifier: MIT */

/*
 * What goes beyond the text of the configuration: secrets, certificates, hook programs. --check and the
 * daemon use the same code, so that what one refuses the other refuses, too.
 */

#include "app/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "app/advice.h"
#include "app/api_connection.h"
#include "delivery/exec/program.h"
#include "delivery/exec/spawn.h"
#include "delivery/webhook/files.h"
#include "http/authorities.h"
#include "journal/message_ids.h"
#include "platform/credential.h"
#include "platform/identity.h"
#include "platform/machine.h"
#include "state/store.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/text.h"

struct check {
        const struct config *config;
        enum check_purpose purpose;
        struct config_problems *problems;
};

/* Takes over `message`, which format_message() or the like have returned. */
static struct config_problem *add_problem(const struct check *check, bool warning, char *message)
{
        return config_problems_add(check->problems, warning, message);
}

/* ---- secrets ---- */

/*
 * A problem with the secret in `source`. `where` is the line of the key, or just the main file if the key is
 * not given; then the message says enough.
 */
static void report_secret(void *userdata, const char *where, const char *source, bool is_warning,
                          const char *message)
{
        const struct check *check = userdata;

        bool says_enough = strcmp(where, check->config->path) == 0;
        struct config_problem *problem = add_problem(
                check, is_warning, says_enough ? strdup(message) : format_message("%s: %s", where, message));

        problem->needs_restart = !is_warning && credential_is_passed(source);
}

/*
 * Whether the secret cannot be judged here: systemd passes it to the daemon only, or it is encrypted for
 * LoadCredentialEncrypted= as the unit suggests.
 */
static bool is_out_of_reach(void *userdata, const char *source)
{
        const struct check *check = userdata;
        CLEANUP(cleanup_free) char *file = NULL, *encrypted = NULL;

        if (*source == '/' || *source == '\0' || check->purpose == CHECK_USE)
                return false;
        if (check->purpose == CHECK_RELOAD)
                return true;
        file = credential_file(source, check->config->path);
        encrypted = format_message("%s.cred", file);
        identity_suspend();
        bool is_encrypted = access(file, F_OK) < 0 && access(encrypted, F_OK) == 0;
        identity_resume();
        return is_encrypted;
}

static void check_api_secret(struct check *check)
{
        const struct credential credential = api_credential(check->config);
        CLEANUP(cleanup_free) char *message = NULL;
        char *secret = NULL;

        if (check->config->api.auth == AUTH_LOGIN)
                return;
        if (is_out_of_reach(check, credential.source))
                return;
        int r = credential_read(&credential, &secret, &message);
        secret_free(secret);
        if (r < 0 || message != NULL)
                report_secret(check, check->config->api.where_secret, credential.source, r >= 0, message);
        if (r < 0)
                check->problems->items[check->problems->count - 1].message_id = MESSAGE_ID_MISSING_CREDENTIAL;
}

struct credential state_credential(const struct config *config)
{
        return (struct credential){
                .key = "[state] password_file",
                .source = config->state_password_file,
                .config_path = config->path,
                .form = CREDENTIAL_LINE,
        };
}

/* The password of the database, and the module for it. */
static void check_database_files(struct check *check)
{
        const struct credential credential = state_credential(check->config);
        CLEANUP(cleanup_free) char *message = NULL, *module = NULL;
        char *secret = NULL;

        if (check->config->state_database[0] == '\0')
                return;
        module = store_module_file();
        if (access(module, R_OK) < 0)
                (void)add_problem(
                        check, false,
                        format_message("%s: [state] database needs the package jobwatchd-postgresql; install "
                                       "it (%s: %s)",
                                       check->config->path, module, strerror(errno)));
        if (credential.source[0] == '\0' || is_out_of_reach(check, credential.source))
                return;
        int r = credential_read(&credential, &secret, &message);
        secret_free(secret);
        if (r < 0 || message != NULL)
                report_secret(check, check->config->path, credential.source, r >= 0, message);
}

static void check_hook_files(struct check *check, const struct hook_config *hook)
{
        const struct webhook_files_call call = {
                .config = check->config,
                .hook = hook,
                .leaves_out = is_out_of_reach,
                .on_problem = report_secret,
                .userdata = check,
        };
        CLEANUP(webhook_files_clear) struct webhook_files files = { .url = NULL };

        (void)webhook_files_read(&call, &files);
}

/* ---- [api] ---- */

static void check_client_id(struct check *check)
{
        const struct api_config *api = &check->config->api;
        char name[MACHINE_CLIENT_ID_SIZE];

        if (!config_has_session(check->config) || *api->client_id != '\0')
                return;
        int r = machine_client_id(config_state_directory(check->config), name);
        if (r < 0)
                (void)config_problems_add(
                        check->problems, false,
                        format_message("%s: " MACHINE_ID_ADVICE, api->where_secret, strerror(-r)));
}

static void check_certificates(struct check *check)
{
        struct http_authorities *authorities = NULL;
        char *message = NULL;

        if (api_authorities_read(check->config, &authorities, &message) < 0)
                (void)add_problem(check, false, message);
        http_authorities_free(authorities);
}

/* ---- hooks ---- */

/* Takes over `advice`, which may be NULL. */
static void add_advice(struct check *check, const struct hook_config *hook, char *advice)
{
        if (advice != NULL)
                (void)config_problems_add(
                        check->problems, true,
                        format_message("%s: [hook %s] %s", hook->where, hook->name, advice));
        free(advice);
}

static void check_program(struct check *check, const struct hook_config *hook)
{
        CLEANUP(cleanup_free) char *reason = NULL;

        int r = program_split(hook->target, NULL, &reason);
        if (r < 0)
                (void)add_problem(check, check->purpose == CHECK_USE,
                                  format_message("%s: [hook %s] exec = %s: %s", hook->where, hook->name,
                                                 hook->target, reason != NULL ? reason : strerror(-r)));
        if (check->purpose == CHECK_USE)
                return;
        add_advice(check, hook, hook_advice_shell(hook->target));
        add_advice(check, hook, hook_advice_comment(hook->comment));
        add_advice(check, hook, hook_advice_specifier("exec", hook->target));
        if (check->purpose == CHECK_FILES)
                add_advice(check, hook, hook_advice_sandbox(hook->target));
}

static void check_hook(struct check *check, const struct hook_config *hook)
{
        switch (hook->kind) {
        case HOOK_EXEC:
                check_program(check, hook);
                break;
        case HOOK_URL:
                check_hook_files(check, hook);
                if (check->purpose != CHECK_USE && hook->url_file == NULL)
                        add_advice(check, hook, hook_advice_specifier("url", hook->target));
                break;
        case HOOK_UNIT:
                break;
        }
}

static void check_metrics(struct check *check)
{
        const char *textfile = check->config->metrics_textfile;
        CLEANUP(cleanup_free) char *unit = NULL, *advice = NULL;

        if (*textfile == '\0' || check->purpose != CHECK_FILES)
                return;
        unit = memory_need(credential_unit(check->config->path));
        advice = metrics_advice(textfile, unit);
        if (advice != NULL)
                (void)add_problem(check, true,
                                  format_message("%s: [metrics] textfile: %s", check->config->path, advice));
}

/* Exec hooks need a program of this package. */
static void check_installation(struct check *check)
{
        CLEANUP(cleanup_free) char *reason = NULL;

        for (size_t i = 0; i < check->config->hook_count; i++) {
                if (check->config->hooks[i].kind != HOOK_EXEC)
                        continue;
                int r = spawn_check(&reason);
                if (r < 0)
                        (void)add_problem(check, false, strdup(reason != NULL ? reason : strerror(-r)));
                break;
        }
}

void check_environment(const struct config *config, enum check_purpose purpose,
                       struct config_problems *problems)
{
        struct check check = { .config = config, .purpose = purpose, .problems = problems };

        check_api_secret(&check);
        check_database_files(&check);
        check_client_id(&check);
        check_certificates(&check);
        for (size_t i = 0; i < config->hook_count; i++)
                check_hook(&check, &config->hooks[i]);
        check_metrics(&check);
        check_installation(&check);
}

void problems_log(struct journal *journal, const struct config_problems *problems)
{
        for (size_t i = 0; i < problems->count; i++) {
                const struct config_problem *problem = &problems->items[i];
                journal_print_about(journal, problem->warning ? LOG_WARNING : LOG_ERR, problem->message_id, 0,
                                    NULL, "%s", problem->message);
        }
}

void refusal_log(struct journal *journal, size_t errors, bool for_reload)
{
        if (for_reload)
                journal_print_about(journal, LOG_ERR, MESSAGE_ID_RELOAD_REFUSED, 0, NULL,
                                    RELOAD_REFUSED_FORMAT, errors, plural(errors));
        else
                journal_print_about(journal, LOG_ERR, MESSAGE_ID_INVALID_CONFIGURATION, 0, NULL,
                                    "Invalid configuration (%zu error%s), exiting.", errors, plural(errors));
}
