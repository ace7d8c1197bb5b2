/* SPDX-License-Identifier: MIT */

/* The part of --check that goes beyond the text of the configuration: secrets, certificates, hook programs.
 */

#include "app/check.h"

#include <errno.h>
#include <string.h>

#include "app/api_connection.h"
#include "delivery/exec/exec.h"
#include "delivery/exec/program.h"
#include "delivery/webhook/files.h"
#include "http/authorities.h"
#include "platform/credential.h"
#include "platform/machine.h"
#include "util/cleanup.h"
#include "util/text.h"

struct check {
        FILE *file;
        size_t errors;
};

static void report_secret(struct check *check, const char *where, int r, const char *message)
{
        if (r < 0)
                check->errors++;
        if (r < 0 || message != NULL)
                (void)fprintf(check->file, "%s: %s%s\n", where,
                              r < 0 ? "" : "warning: ", message != NULL ? message : strerror(-r));
}

static void check_api_secret(struct check *check, const struct config *config)
{
        const struct credential credential = api_credential(config);
        CLEANUP(cleanup_free) char *message = NULL;
        char *secret = NULL;

        int r = credential_read(&credential, &secret, &message);
        secret_free(secret);
        report_secret(check, config->api.where_secret, r, message);
}

static void report_problem(void *userdata, const char *where, bool is_warning, const char *message)
{
        report_secret(userdata, where, is_warning ? 0 : -EINVAL, message);
}

static void check_hook_files(struct check *check, const struct config *config, const struct hook_config *hook)
{
        const struct webhook_files_call call = {
                .config = config,
                .hook = hook,
                .on_problem = report_problem,
                .userdata = check,
        };
        CLEANUP(webhook_files_clear) struct webhook_files files = { .url = NULL };

        int r = webhook_files_read(&call, &files);
        if (r < 0 && r != -EINVAL)
                report_secret(check, hook->where, r, NULL);
}

static void check_authorities(struct check *check, const struct api_config *api)
{
        CLEANUP(cleanup_free) char *reason = NULL;
        struct http_authorities *authorities = NULL;

        if (*api->ca_file == '\0')
                return;
        int r = http_authorities_read(api->ca_file, false, &reason, &authorities);
        http_authorities_free(authorities);
        if (r < 0) {
                check->errors++;
                (void)fprintf(check->file, "%s: ca_file = %s: %s\n", api->where_ca_file, api->ca_file,
                              reason != NULL ? reason : strerror(-r));
        }
}

static void check_client_id(struct check *check, const struct api_config *api)
{
        char name[MACHINE_CLIENT_ID_SIZE];

        if (api->auth != AUTH_PASSWORD || *api->client_id != '\0')
                return;
        int r = machine_client_id(name);
        if (r < 0) {
                check->errors++;
                (void)fprintf(check->file, "%s: " MACHINE_ID_ADVICE "\n", api->where_secret, strerror(-r));
        }
}

static void check_hook(struct check *check, const struct config *config, const struct hook_config *hook)
{
        CLEANUP(cleanup_free) char *reason = NULL;

        switch (hook->kind) {
        case HOOK_EXEC: {
                int r = program_check(hook->target, &reason);
                if (r < 0) {
                        check->errors++;
                        (void)fprintf(check->file, "%s: [hook %s] exec = %s: %s\n", hook->where, hook->name,
                                      hook->target, reason != NULL ? reason : strerror(-r));
                }
                break;
        }
        case HOOK_URL:
                check_hook_files(check, config, hook);
                break;
        case HOOK_UNIT:
                break;
        }
}

int check_hook_programs(const struct config *config, char **ret_reason)
{
        for (size_t i = 0; i < config->hook_count; i++)
                if (config->hooks[i].kind == HOOK_EXEC)
                        return hook_exec_check(ret_reason);
        return 0;
}

static void check_installation(struct check *check, const struct config *config)
{
        CLEANUP(cleanup_free) char *reason = NULL;

        int r = check_hook_programs(config, &reason);
        if (r < 0) {
                check->errors++;
                (void)fprintf(check->file, "%s\n", reason != NULL ? reason : strerror(-r));
        }
}

size_t check_environment(const struct config *config, FILE *file)
{
        struct check check = { .file = file };

        check_api_secret(&check, config);
        check_client_id(&check, &config->api);
        check_authorities(&check, &config->api);
        for (size_t i = 0; i < config->hook_count; i++)
                check_hook(&check, config, &config->hooks[i]);
        check_installation(&check, config);
        return check.errors;
}
