/* SPDX-License-Identifier: MIT */

/*
 * The command line. Options may be anywhere in it. One table has all of them: how they are read, which
 * command takes them (command.c), and what --help says.
 */

#include "ctl/arguments.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/times.h"
#include "util/digits.h"
#include "util/memory.h"
#include "util/suggestion.h"
#include "util/timespan.h"
#include "util/utf8.h"

#define HELP_HINT "Try 'jobwatchctl --help' for more information.\n"

enum option_code {
        CODE_JSON = 256,
        CODE_NO_LEGEND,
        CODE_NO_PAGER,
        CODE_NO_ASK_PASSWORD,
        CODE_OF_COMMAND, /* and more, for the rows with a bit */
};

static const struct option_row {
        const char *name;
        int code;             /* a letter, if there is a short form */
        const char *argument; /* NULL: none */
        unsigned bit;         /* 0: of all commands */
        const char *help;
} option_rows[] = {
        { "instance", 'i', "INSTANCE", 0, "jobwatchd@INSTANCE.service instead of jobwatchd.service" },
        { "json", CODE_JSON, "off|short|pretty", 0, "JSON instead of a table" },
        { "no-legend", CODE_NO_LEGEND, NULL, 0, "no headings, and no number of rows" },
        { "no-pager", CODE_NO_PAGER, NULL, 0, "do not use a pager" },
        { "no-ask-password", CODE_NO_ASK_PASSWORD, NULL, 0, "do not ask for authentication" },
        { "help", 'h', NULL, 0, "print this help and exit" },
        { "version", 'V', NULL, 0, "print the version and exit" },
        { "check", CODE_OF_COMMAND, NULL, OPTION_CHECK, "one line for monitoring; exits with 0 to 3" },
        { "open", CODE_OF_COMMAND, NULL, OPTION_OPEN, "jobs that have not ended" },
        { "ended", CODE_OF_COMMAND, NULL, OPTION_ENDED, "jobs that have ended" },
        { "failed", CODE_OF_COMMAND, NULL, OPTION_FAILED, "jobs or deliveries that failed" },
        { "failing", CODE_OF_COMMAND, NULL, OPTION_FAILING, "jobs that cannot be polled" },
        { "lines", 'n', "N", OPTION_LINES, "the last N (recent: at most 100)" },
        { "since", CODE_OF_COMMAND, "TIME", OPTION_SINCE, "later than this, such as 2h or yesterday" },
        { "add", CODE_OF_COMMAND, NULL, OPTION_ADD, "watch jobs that are not watched yet" },
        { "any", CODE_OF_COMMAND, NULL, OPTION_ANY, "until one of them has ended" },
        { "timeout", CODE_OF_COMMAND, "SPAN", OPTION_TIMEOUT, "exit with 124 after this time, such as 2h" },
        { "business", CODE_OF_COMMAND, "ID", OPTION_BUSINESS, "of this location" },
        { "description", CODE_OF_COMMAND, "GLOB", OPTION_DESCRIPTION, "with such a description" },
        { "name", CODE_OF_COMMAND, "NAME", OPTION_NAME, "name of the job, if it is one" },
        { "hook", CODE_OF_COMMAND, "HOOK", OPTION_HOOK, "this hook for its events; repeatable" },
        { "pending", CODE_OF_COMMAND, NULL, OPTION_PENDING, "deliveries that will be tried" },
        { "event", CODE_OF_COMMAND, "EVENT", OPTION_EVENT, "kind of the event (default: succeeded)" },
        { "job", CODE_OF_COMMAND, "ID", OPTION_JOB, "make it up from this job" },
        { "output", 'o', "FILE", OPTION_OUTPUT, "the file to write; -: standard output" },
        { "follow", CODE_OF_COMMAND, NULL, OPTION_FOLLOW, "write it again at each event" },
        { "report", CODE_OF_COMMAND, NULL, OPTION_REPORT,
          "a text for the developers, without names and secrets" },
};

#define OPTION_COUNT (sizeof(option_rows) / sizeof(*option_rows))

/* ---- help ---- */

static void print_options_of(const struct command *command)
{
        const char *separator = "; ";

        for (size_t i = 0; i < OPTION_COUNT; i++) {
                const struct option_row *row = &option_rows[i];
                if ((row->bit & command->options) == 0)
                        continue;
                (void)printf("%s--%s", separator, row->name);
                separator = ", ";
        }
        (void)putchar('\n');
}

void print_help(void)
{
        (void)printf("Usage: jobwatchctl [OPTION...] COMMAND ...\n"
                     "Query and control jobwatchd.\n"
                     "\n"
                     "Commands (default: list):\n");
        for (size_t i = 0; i < command_count; i++) {
                int width = printf("  %s %s", commands[i].name, commands[i].synopsis);
                (void)printf("%*s%s", width < 24 ? 24 - width : 1, "", commands[i].help);
                print_options_of(&commands[i]);
        }
        (void)printf("\nOptions:\n");
        for (size_t i = 0; i < OPTION_COUNT; i++) {
                const struct option_row *row = &option_rows[i];
                int width = row->code < 256 ? printf("  -%c, --%s", row->code, row->name)
                                            : printf("      --%s", row->name);
                if (row->argument != NULL)
                        width += printf("=%s", row->argument);
                (void)printf("%*s%s\n", width < 30 ? 30 - width : 1, "", row->help);
        }
        (void)printf("\nExit status: 0 done, well, or succeeded; 1 a job failed or is gone, a delivery\n"
                     "failed, a login was refused, status names problems, or doctor found a failure;\n"
                     "status --check: 1 warning; 2 critical;\n"
                     "3 unknown; 64 invalid command line; 66 no such job, hook or delivery;\n"
                     "69 service not available; 70 out of memory, or unexpected reply;\n"
                     "74 output or state not written; 77 not permitted; 124 --timeout expired;\n"
                     "143 wait was terminated.\n"
                     "\n"
                     "Full documentation: man 1 jobwatchctl\n");
}

/* ---- errors ---- */

static int usage_error(const char *what, const char *advice)
{
        (void)fprintf(stderr, "jobwatchctl: %s: %s\n" HELP_HINT, what, advice);
        return -EINVAL;
}

static int bad_value(const char *option, const char *value, const char *advice)
{
        (void)fprintf(stderr, "jobwatchctl: --%s %s: %s\n" HELP_HINT, option, value, advice);
        return -EINVAL;
}

static int unknown_word(const char *kind, const char *typed, const char *prefix, const char *nearest)
{
        (void)fprintf(stderr, "jobwatchctl: unknown %s '%s'", kind, typed);
        if (nearest != NULL)
                (void)fprintf(stderr, ": did you mean '%s%s'?", prefix, nearest);
        (void)fputs("\n" HELP_HINT, stderr);
        return -EINVAL;
}

static bool is_code(int code)
{
        for (size_t i = 0; i < OPTION_COUNT; i++)
                if (option_rows[i].code == code)
                        return true;
        return false;
}

/*
 * Of what getopt_long() does not know: `argument` is the word it stopped at, or the one before if it is a
 * letter that more letters follow.
 */
static int unknown_option(const char *argument)
{
        char typed[64];

        if (optopt != 0 && !is_code(optopt)) {
                const char letter[] = { '-', (char)optopt, '\0' };
                return unknown_word("option", letter, "", NULL);
        }
        (void)snprintf(typed, sizeof(typed), "%.*s", (int)strcspn(argument + 2, "="), argument + 2);
        for (size_t i = 0; i < OPTION_COUNT; i++)
                if (strcmp(option_rows[i].name, typed) == 0)
                        return usage_error(argument, "this option takes no value");
        return unknown_word("option", argument, "--",
                            nearest_word(typed, &option_rows[0].name, sizeof(option_rows[0]), OPTION_COUNT));
}

/* ---- options ---- */

static int read_json(const char *value, enum json_form *ret_json)
{
        static const char *const names[] = {
                [JSON_OFF] = "off", [JSON_SHORT] = "short", [JSON_PRETTY] = "pretty"
        };

        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                if (strcmp(value, names[i]) == 0) {
                        *ret_json = (enum json_form)i;
                        return 0;
                }
        return bad_value("json", value, "use off, short or pretty");
}

static int apply_general(struct arguments *arguments, int code, const char *value)
{
        switch (code) {
        case 'i':
                arguments->instance = *value != '\0' ? value : NULL;
                return 0;
        case CODE_JSON:
                return read_json(value, &arguments->json);
        case CODE_NO_LEGEND:
                arguments->no_legend = true;
                return 0;
        case CODE_NO_PAGER:
                arguments->no_pager = true;
                return 0;
        case CODE_NO_ASK_PASSWORD:
                arguments->no_ask_password = true;
                return 0;
        case 'h':
                arguments->help = true;
                return 0;
        default:
                arguments->version = true;
                return 0;
        }
}

static int read_number(const struct option_row *row, const char *value, uint64_t *ret_number)
{
        uint64_t number;

        if (digits_parse(value, &number) < 0 || number == 0 || number > INT64_MAX)
                return bad_value(row->name, value, "use a number such as 25");
        *ret_number = number;
        return 0;
}

static int apply_of_command(struct arguments *arguments, const struct option_row *row, const char *value)
{
        arguments->given |= row->bit;
        switch ((enum option_bit)row->bit) {
        case OPTION_LINES:
                return read_number(row, value, &arguments->lines);
        case OPTION_BUSINESS:
                return read_number(row, value, &arguments->business);
        case OPTION_JOB:
                return read_number(row, value, &arguments->job);
        case OPTION_SINCE:
                if (time_parse(value, realtime_now(), &arguments->since_us) < 0)
                        return bad_value(row->name, value,
                                         "use a form such as 2h, today, 10:30 or \"2026-01-15 10:30\"");
                return 0;
        case OPTION_TIMEOUT:
                if (timespan_parse(value, &arguments->timeout_us) < 0 || arguments->timeout_us == 0)
                        return bad_value(row->name, value,
                                         "invalid time span; use a form such as 90s, 15min or 2h");
                return 0;
        case OPTION_NAME:
                arguments->name = value;
                return 0;
        case OPTION_EVENT:
                arguments->event = value;
                return 0;
        case OPTION_DESCRIPTION:
                arguments->description = value;
                return 0;
        case OPTION_OUTPUT:
                arguments->output = value;
                return 0;
        case OPTION_HOOK:
                string_list_add(&arguments->hooks, value);
                return 0;
        case OPTION_CHECK:
        case OPTION_OPEN:
        case OPTION_ENDED:
        case OPTION_FAILED:
        case OPTION_FAILING:
        case OPTION_ADD:
        case OPTION_ANY:
        case OPTION_PENDING:
        case OPTION_FOLLOW:
        case OPTION_REPORT:
                return 0;
        }
        return 0;
}

/* Returns 0 when the options are read, or -EINVAL. */
static int read_options(int argc, char *argv[], struct arguments *arguments)
{
        struct option long_options[OPTION_COUNT + 1] = { { NULL, 0, NULL, 0 } };
        char letters[2 * OPTION_COUNT + 2] = ":"; /* a missing value is reported as ':' */
        int code, index = -1;

        for (size_t i = 0; i < OPTION_COUNT; i++) {
                const struct option_row *row = &option_rows[i];
                long_options[i] =
                        (struct option){ row->name, row->argument != NULL ? required_argument : no_argument,
                                         NULL, row->code };
                if (row->code < 256)
                        (void)sprintf(letters + strlen(letters), "%c%s", row->code,
                                      row->argument != NULL ? ":" : "");
        }

        opterr = 0;
        while ((code = getopt_long(argc, argv, letters, long_options, &index)) >= 0) {
                if (code == ':')
                        return usage_error(argv[optind - 1], "the value of this option is missing");
                if (code == '?')
                        return unknown_option(argv[optind - 1]);
                const struct option_row *row = option_rows;
                if (index >= 0)
                        row += index;
                else
                        while (row->code != code)
                                row++;
                index = -1;
                int r = row->bit == 0 ? apply_general(arguments, code, optarg)
                                      : apply_of_command(arguments, row, optarg);
                if (r < 0)
                        return r;
                if (arguments->help || arguments->version)
                        return 0;
        }
        return 0;
}

/* ---- words ---- */

static int find_command(const char *name, const struct command **ret_command)
{
        for (size_t i = 0; i < command_count; i++)
                if (strcmp(commands[i].name, name) == 0) {
                        *ret_command = &commands[i];
                        return 0;
                }
        return unknown_word("command", name, "",
                            nearest_word(name, &commands[0].name, sizeof(commands[0]), command_count));
}

static int check_options(const struct arguments *arguments)
{
        unsigned wrong = arguments->given & ~arguments->command->options;

        for (size_t i = 0; i < OPTION_COUNT; i++)
                if ((option_rows[i].bit & wrong) != 0) {
                        (void)fprintf(stderr, "jobwatchctl: %s: this command has no option --%s\n" HELP_HINT,
                                      arguments->command->name, option_rows[i].name);
                        return -EINVAL;
                }
        return 0;
}

static int read_ids(struct arguments *arguments)
{
        bool jobs = arguments->command->words == WORDS_JOBS;
        uint64_t id;

        for (size_t i = 0; i < arguments->word_count; i++) {
                if (job_id_parse(arguments->words[i], &id) < 0)
                        return usage_error(
                                arguments->words[i],
                                jobs ? "invalid job ID; use a number such as 87654321, see 'jobwatchctl list'"
                                     : "invalid delivery ID; use a number from 'jobwatchctl "
                                       "deliveries'");
                if (!id_list_contains(&arguments->ids, id))
                        id_list_add(&arguments->ids, id);
        }
        return 0;
}

static int read_words(struct arguments *arguments)
{
        const struct command *command = arguments->command;
        bool instead = (arguments->given & command->instead) != 0;

        if (arguments->word_count < command->least && !instead) {
                (void)fprintf(stderr, "jobwatchctl: %s: %s is missing\n" HELP_HINT, command->name,
                              command->synopsis);
                return -EINVAL;
        }
        size_t most = command->words == WORDS_NONE || instead ? 0
                      : command->most > 0                     ? command->most
                                                              : SIZE_MAX;
        if (arguments->word_count > most)
                return usage_error(arguments->words[most], "unexpected argument");
        return command->words == WORDS_JOBS || command->words == WORDS_DELIVERIES ? read_ids(arguments) : 0;
}

/* The bus closes the connection of a sender of texts that are not UTF-8. */
static int check_texts(int argc, char *argv[])
{
        for (int i = 1; i < argc; i++)
                if (utf8_valid_size(argv[i], strlen(argv[i])) < strlen(argv[i]))
                        return usage_error("command line", "it is not valid UTF-8");
        return 0;
}

int arguments_read(int argc, char *argv[], struct arguments *arguments)
{
        *arguments = (struct arguments){ .command = NULL };
        int r = check_texts(argc, argv);
        if (r >= 0)
                r = read_options(argc, argv, arguments);
        if (r < 0 || arguments->help || arguments->version)
                return r;
        if (optind < argc && strcmp(argv[optind], "help") == 0) {
                arguments->help = true;
                return 0;
        }
        r = find_command(optind < argc ? argv[optind] : "list", &arguments->command);
        if (r < 0)
                return r;
        arguments->words = argv + (optind < argc ? optind + 1 : argc);
        arguments->word_count = optind < argc ? (size_t)(argc - optind - 1) : 0;
        r = check_options(arguments);
        return r < 0 ? r : read_words(arguments);
}

void arguments_clear(struct arguments *arguments)
{
        string_list_clear(&arguments->hooks);
        id_list_clear(&arguments->ids);
}
