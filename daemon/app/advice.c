/* SPDX-License-Identifier: MIT */

/*
 * Advice about the command lines of exec hooks. Only what stands outside of quotes is judged, since what is
 * quoted is meant as it stands, and nothing of `sh -c COMMAND`, which is for a shell.
 */

#include "app/advice.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/argv.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/text.h"

DEFINE_CLEANUP(char *, command_free)

#define BLANKS " \t"

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
static bool is_operator(const char *word)
{
        size_t digits = strspn(word, "0123456789");
        size_t signs = strspn(word + digits, "|&;<>()");

        return signs > 0 &&
               (strchr("<>", word[digits]) != NULL || (digits == 0 && signs == strcspn(word, BLANKS)));
}

/* $NAME, ${, $( and ` */
static bool is_expansion(const char *text)
{
        return *text == '`' || (*text == '$' && text[1] != '\0' &&
                                (isalpha((unsigned char)text[1]) || strchr("_{(", text[1]) != NULL));
}

char *hook_advice_shell(const char *command)
{
        const char *word = command;
        char quote = '\0';

        if (is_shell_command(command))
                return NULL;
        for (const char *at = command; *at != '\0'; at++) {
                if (*at == '\\' && at[1] != '\0')
                        at++;
                else if (quote != '\0' ? *at == quote : *at == '"' || *at == '\'')
                        quote = (char)(quote != '\0' ? '\0' : *at);
                else if (quote == '\0' && strchr(BLANKS, *at) != NULL)
                        word = at + 1;
                else if (quote == '\0' && ((at == word && is_operator(word)) || is_expansion(at)))
                        return format_message(
                                "\"%.*s\" is passed to the program unchanged, since no shell is involved; "
                                "for a shell, write /bin/sh -c '…'",
                                (int)strcspn(word, BLANKS), word);
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

/* ---- metrics ---- */

#define DROP_IN_MAX ((size_t)64 * 1024)

/* Whether a line of the file is ReadWritePaths= with this directory. */
static bool allows(const char *path, const char *directory)
{
        CLEANUP(cleanup_free) char *data = NULL;
        size_t size;

        if (file_read(path, DROP_IN_MAX, &data, &size) < 0)
                return false;
        char *rest = data;
        for (char *line; (line = strsep(&rest, "\n")) != NULL;)
                if (strncmp(line, "ReadWritePaths=", strlen("ReadWritePaths=")) == 0 &&
                    strstr(line, directory) != NULL)
                        return true;
        return false;
}

/* By a drop-in of the unit or of its template. */
static bool sandbox_allows(const char *unit, const char *directory)
{
        const int template_size = (int)(strcspn(unit, "@") + 1);
        CLEANUP(cleanup_free)
        char *pattern =
                format_message("/etc/systemd/system/{%s,%.*s.service}.d/*.conf", unit, template_size, unit);
        glob_t files = { .gl_pathc = 0 };
        bool found = false;

        if (glob(pattern, GLOB_BRACE, NULL, &files) == 0)
                for (size_t i = 0; i < files.gl_pathc && !found; i++)
                        found = allows(files.gl_pathv[i], directory);
        globfree(&files);
        return found;
}

char *metrics_advice(const char *textfile, const char *unit)
{
        CLEANUP(cleanup_free) char *directory = memory_need(strdup(textfile));
        char *name = strrchr(directory, '/'); /* the path is absolute */

        name[name == directory ? 1 : 0] = '\0';
        if (faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) < 0)
                return errno == EACCES
                               ? format_message("the service may not write to %s; run \"chgrp " SERVICE_USER
                                                " %s && chmod g+w %s\"",
                                                directory, directory, directory)
                               : format_message("cannot write to %s: %s", directory, strerror(errno));
        if (sandbox_allows(unit, directory))
                return NULL;
        return format_message("the sandbox of the service does not let it write to %s; add ReadWritePaths=%s "
                              "under [Service] with \"systemctl edit %s\", then restart the service",
                              directory, directory, unit);
}
