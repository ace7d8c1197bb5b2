/* SPDX-License-Identifier: MIT */

/*
 * Advice about the command lines of exec hooks. Only what stands outside of quotes is judged, since what is
 * quoted is meant as it stands, and nothing of `sh -c COMMAND`, which is for a shell.
 */

#include "app/hook_advice.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "util/argv.h"
#include "util/cleanup.h"
#include "util/message.h"
#include "util/text.h"

DEFINE_CLEANUP(char *, command_free)

#define BLANKS " \t"

/* A word as it is written, quotes and escapes included. */
struct raw_word {
        const char *text;
        size_t size;
        bool is_plain; /* without quotes and escapes */
};

/* Returns false at the end of the command. */
static bool next_word(const char **command, struct raw_word *ret_word)
{
        const char *at = *command + strspn(*command, BLANKS), *start = at;
        char quote = '\0';
        bool is_plain = true;

        if (*at == '\0')
                return false;
        for (; *at != '\0' && (quote != '\0' || strchr(BLANKS, *at) == NULL); at++) {
                is_plain = is_plain && strchr("\"'\\", *at) == NULL;
                if (*at == '\\' && at[1] != '\0')
                        at++;
                else if (quote != '\0' ? *at == quote : *at == '"' || *at == '\'')
                        quote = (char)(quote != '\0' ? '\0' : *at);
        }
        *ret_word = (struct raw_word){ .text = start, .size = (size_t)(at - start), .is_plain = is_plain };
        *command = at;
        return true;
}

/* Whether the program is a shell that gets its commands as an argument. */
static bool is_shell_command(const char *command)
{
        static const char *const shells[] = { "sh", "bash", "dash", "ksh", "mksh", "zsh", "busybox" };
        CLEANUP(cleanup_command_free) char **words = NULL;

        if (argv_split(command, &words) < 0)
                return false;
        const char *slash = strrchr(words[0], '/');
        const char *name = slash != NULL ? slash + 1 : words[0];
        bool is_shell = false;

        for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
                is_shell |= strcmp(name, shells[i]) == 0;
        for (size_t i = 1; is_shell && words[i] != NULL; i++)
                if (words[i][0] == '-' && strchr(words[i], 'c') != NULL)
                        return true;
        return false;
}

/* |, ||, &&, ;, (, >, >>FILE, 2>, 2>&1, <, ... */
static bool is_operator(const struct raw_word *word)
{
        size_t digits = strspn(word->text, "0123456789");
        size_t signs = strspn(word->text + digits, "|&;<>()");

        return signs > 0 &&
               (strchr("<>", word->text[digits]) != NULL || (digits == 0 && signs == word->size));
}

/* $NAME, ${, $( and ` */
static bool has_expansion(const struct raw_word *word)
{
        for (size_t i = 0; i < word->size; i++) {
                if (word->text[i] == '`')
                        return true;
                if (word->text[i] != '$' || i + 1 == word->size)
                        continue;
                char next = word->text[i + 1];
                if (isalpha((unsigned char)next) || strchr("_{(", next) != NULL)
                        return true;
        }
        return false;
}

char *hook_advice_shell(const char *command)
{
        const char *at = command;
        struct raw_word word;

        if (is_shell_command(command))
                return NULL;
        while (next_word(&at, &word)) {
                if (!word.is_plain || (!is_operator(&word) && !has_expansion(&word)))
                        continue;
                return format_message(
                        "\"%.*s\" is passed to the program unchanged, since no shell is involved; "
                        "for a shell, write /bin/sh -c '…'",
                        (int)word.size, word.text);
        }
        return NULL;
}

char *hook_advice_comment(const char *comment)
{
        if (comment == NULL)
                return NULL;
        return format_message("\"%.*s\" is a comment, which the program does not get; for a shell, write "
                              "/bin/sh -c '…'; a comment is better above the line",
                              (int)text_cut(comment, strlen(comment), 60), comment);
}

char *hook_advice_specifier(const char *key, const char *value)
{
        bool is_exec = strcmp(key, "exec") == 0;

        if (strstr(value, "%i") == NULL || (is_exec && is_shell_command(value)))
                return NULL;
        return format_message("%%i is not replaced in %s; %s", key,
                              is_exec ? "the program has the job ID in $JOBWATCH_JOB"
                                      : "the job ID is in the document that is sent");
}

/* The directory of `path` that the sandbox hides, or NULL. */
static const char *hidden_directory(const char *path)
{
        static const char *const hidden[] = { "/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/" };

        for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
                if (strncmp(path, hidden[i], strlen(hidden[i])) == 0)
                        return hidden[i];
        return NULL;
}

char *hook_advice_sandbox(const char *command)
{
        CLEANUP(cleanup_command_free) char **words = NULL;
        char target[PATH_MAX];

        if (argv_split(command, &words) < 0)
                return NULL;
        const char *directory = hidden_directory(words[0]);
        if (directory == NULL && realpath(words[0], target) != NULL)
                directory = hidden_directory(target);
        if (directory == NULL)
                return NULL;
        return format_message("%s is in %.*s, which the sandbox of the service hides; move it, for instance "
                              "to /usr/local/lib/jobwatchd",
                              words[0], (int)(strlen(directory) - 1), directory);
}
