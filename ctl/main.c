/* SPDX-License-Identifier: MIT */

/* jobwatchctl: reads the command line, runs the command and returns its exit status. */

#include <locale.h>
#include <stdio.h>

#include "ctl/arguments.h"
#include "ctl/check.h"
#include "ctl/command.h"
#include "ctl/context.h"
#include "version.h"

static enum exit_status open_client(struct context *context)
{
        const struct arguments *arguments = context->arguments;
        const bool ask_password = !arguments->no_ask_password;

        if (!arguments->command->without_bus)
                return client_open(&context->client, arguments->instance, ask_password);
        if (client_connect(&context->client, arguments->instance, ask_password) < 0)
                context->client.bus = sd_bus_unref(context->client.bus);
        return EXIT_STATUS_SUCCESS;
}

static enum exit_status run(const struct arguments *arguments)
{
        struct context context = { .arguments = arguments };

        output_init(&context.output, arguments->json, !arguments->no_legend, !arguments->no_pager);
        enum exit_status status = open_client(&context);
        if (status == EXIT_STATUS_SUCCESS)
                status = arguments->command->run(&context);
        else if ((arguments->given & OPTION_CHECK) != 0)
                status = check_without_bus();
        client_close(&context.client);
        return output_finish(&context.output, status);
}

int main(int argc, char *argv[])
{
        struct arguments arguments;
        struct output output = { .pager = 0 };
        enum exit_status status;

        /* For the widths of characters: texts are UTF-8, whatever the locale. */
        (void)setlocale(LC_CTYPE, "C.UTF-8");
        if (arguments_read(argc, argv, &arguments) < 0) {
                status = EXIT_STATUS_USAGE;
        } else if (arguments.help) {
                print_help();
                status = output_finish(&output, EXIT_STATUS_SUCCESS);
        } else if (arguments.version) {
                (void)printf("jobwatchctl %s\n" JOBWATCH_LICENSE_LINE, JOBWATCH_VERSION);
                status = output_finish(&output, EXIT_STATUS_SUCCESS);
        } else {
                status = run(&arguments);
        }
        arguments_clear(&arguments);
        return (int)status;
}
