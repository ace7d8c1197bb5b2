/* SPDX-License-Identifier: MIT */

/*
 * The command: the table of checks, which are made one after another, and how findings are printed. A check
 * needs neither the network nor the service, unless it is about these; what it needs and is not there is a
 * finding of another one, and it is skipped.
 */

#include "ctl/doctor.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/command.h"
#include "ctl/json.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "version.h"

static const struct {
        const char *name;
        void (*run)(struct doctor *doctor);
} checks[] = {
        { "configuration", doctor_check_configuration },
        { "secrets", doctor_check_secrets },
        { "service", doctor_check_service },
        { "units", doctor_check_units },
        { "polkit", doctor_check_polkit },
        { "journal", doctor_check_journal },
        { "state", doctor_check_state },
        { "name", doctor_check_name },
        { "connection", doctor_check_connection },
        { "API", doctor_check_api },
};

#define CHECK_COUNT (sizeof(checks) / sizeof(*checks))

const char *verdict_to_string(enum verdict verdict)
{
        static const char *const names[VERDICT_COUNT] = {
                [VERDICT_OK] = "ok",
                [VERDICT_WARNING] = "warning",
                [VERDICT_FAILURE] = "failure",
                [VERDICT_SKIPPED] = "skipped",
        };

        return names[verdict];
}

void doctor_add(struct doctor *doctor, enum verdict verdict, char *text, char *advice, char *facts)
{
        doctor->findings =
                memory_need(reallocarray(doctor->findings, doctor->count + 1, sizeof(*doctor->findings)));
        doctor->findings[doctor->count++] =
                (struct finding){ text_of(doctor->check), verdict, text_of(text), text_of(advice), facts };
        free(text);
        free(advice);
}

bool doctor_has_problem(const struct doctor *doctor)
{
        for (size_t i = 0; i < doctor->count; i++)
                if (strcmp(doctor->findings[i].check, doctor->check) == 0 &&
                    (doctor->findings[i].verdict == VERDICT_WARNING ||
                     doctor->findings[i].verdict == VERDICT_FAILURE))
                        return true;
        return false;
}

/* ---- printing ---- */

static void print_finding(const struct output *output, const struct finding *finding)
{
        static const char *const colours[VERDICT_COUNT] = {
                [VERDICT_OK] = "green",
                [VERDICT_WARNING] = "yellow",
                [VERDICT_FAILURE] = "red",
                [VERDICT_SKIPPED] = NULL,
        };
        const char *colour = colours[finding->verdict];

        (void)printf("%s%-7s%s  %-13s  %s%s%s\n", colour_begin(output, colour),
                     verdict_to_string(finding->verdict), colour_end(output, colour), finding->check,
                     finding->text, finding->advice != NULL ? "; " : "",
                     finding->advice != NULL ? finding->advice : "");
}

static struct field text_field(const char *key, const char *text)
{
        return (struct field){ .key = key, .value = { .type = 's', .text = text } };
}

#define FIELDS_MAX 4

static void print_json(const struct doctor *doctor, bool pretty)
{
        struct rows rows = { .items = memory_need(calloc(doctor->count, sizeof(*rows.items))),
                             .count = doctor->count };
        struct field *fields = memory_need(calloc(doctor->count, FIELDS_MAX * sizeof(*fields)));

        for (size_t i = 0; i < doctor->count; i++) {
                const struct finding *finding = &doctor->findings[i];
                struct row *row = &rows.items[i];

                row->fields = fields + i * FIELDS_MAX;
                row->fields[row->count++] = text_field("Check", finding->check);
                row->fields[row->count++] = text_field("Verdict", verdict_to_string(finding->verdict));
                row->fields[row->count++] = text_field("Text", finding->text);
                if (finding->advice != NULL)
                        row->fields[row->count++] = text_field("Advice", finding->advice);
        }
        json_print_rows(&rows, pretty);
        free(fields);
        free(rows.items);
}

static enum exit_status print(const struct doctor *doctor)
{
        const struct output *output = &doctor->context->output;
        enum exit_status status = EXIT_STATUS_SUCCESS;

        for (size_t i = 0; i < doctor->count; i++)
                if (doctor->findings[i].verdict == VERDICT_FAILURE)
                        status = EXIT_STATUS_FAILED;
        if ((doctor->context->arguments->given & OPTION_REPORT) != 0)
                doctor_print_report(doctor);
        else if (output->json != JSON_OFF)
                print_json(doctor, output->json == JSON_PRETTY);
        else
                for (size_t i = 0; i < doctor->count; i++)
                        print_finding(output, &doctor->findings[i]);
        return status;
}

/* ---- the command ---- */

static char *config_path_of(const char *instance)
{
        const char *path = getenv("JOBWATCHD_CONFIG"); /* see docs/hacking.md */

        if (path != NULL)
                return format_message("%s", path);
        return format_message(JOBWATCH_CONFIG_DIR "/%s.ini", instance != NULL ? instance : "jobwatchd");
}

static void doctor_clear(struct doctor *doctor)
{
        for (size_t i = 0; i < doctor->count; i++) {
                free(doctor->findings[i].check);
                free(doctor->findings[i].text);
                free(doctor->findings[i].advice);
                free(doctor->findings[i].facts);
        }
        free(doctor->findings);
        if (doctor->running)
                row_clear(&doctor->status);
        sd_bus_message_unref(doctor->status_reply);
        settings_clear(&doctor->settings);
        free(doctor->unit);
        free(doctor->tool);
        free(doctor->config_path);
        free(doctor->host);
        free(doctor->port);
}

enum exit_status command_doctor(struct context *context)
{
        struct client *client = &context->client;
        struct doctor doctor = {
                .context = context,
                .client = client,
                .unit = client_unit(client),
                .tool = format_message("jobwatchctl%s%s", client->instance != NULL ? " -i " : "",
                                       client->instance != NULL ? client->instance : ""),
                .config_path = config_path_of(client->instance),
        };

        if ((context->arguments->given & OPTION_REPORT) != 0 && context->output.json != JSON_OFF) {
                print_error("--report and --json exclude each other");
                doctor_clear(&doctor);
                return EXIT_STATUS_USAGE;
        }
        for (size_t i = 0; i < CHECK_COUNT; i++) {
                doctor.check = checks[i].name;
                checks[i].run(&doctor);
        }
        enum exit_status status = print(&doctor);
        doctor_clear(&doctor);
        return status;
}
