/* SPDX-License-Identifier: MIT */

/*
 * Reads secrets from systemd credentials and files. Each message names the key and the file that the
 * administrator has to change: a credential is a read-only copy of it.
 */

#include "platform/credential.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include "platform/identity.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/text.h"

/* ---- the form: how secrets are often stored by mistake, and what to store instead ---- */

/* Tokens, passwords and URLs are much shorter. */
#define CREDENTIAL_BYTES_MAX (64 * 1024)

#define ONLY "; write only the secret to it, on one line"

/*
 * Drops the newline at the end of a secret of at most CREDENTIAL_BYTES_MAX bytes, and with CREDENTIAL_LINES
 * the \r at the end of each line. `secret` has a byte more, for the NUL. Returns the new size, 0 if there is
 * nothing but that newline; a secret that is too large keeps its size.
 */
static size_t trim(enum credential_form form, char *secret, size_t size)
{
        size_t kept = 0;

        if (size > CREDENTIAL_BYTES_MAX)
                return size;
        if (size > 0 && secret[size - 1] == '\n')
                size--;
        if (size > 0 && secret[size - 1] == '\r')
                size--;
        secret[size] = '\0';
        if (form != CREDENTIAL_LINES)
                return size;

        for (size_t i = 0; i < size; i++)
                if (secret[i] != '\r' || secret[i + 1] != '\n')
                        secret[kept++] = secret[i];
        secret[kept] = '\0';
        return kept;
}

static const char *word_problem(const char *secret, size_t size)
{
        if (strncasecmp(secret, "Bearer ", strlen("Bearer ")) == 0)
                return "begins with \"Bearer\"; write only the token to it";
        if (strchr("\"'", secret[0]) != NULL || strchr("\"'", secret[size - 1]) != NULL)
                return "contains quotes; write the secret to it without them";
        if (secret[0] == ' ' || secret[size - 1] == ' ')
                return "has blanks at the beginning or end; write the secret to it without them";
        if (strchr(secret, ' ') != NULL)
                return "contains blanks" ONLY;
        return NULL;
}

/*
 * What is wrong with a trimmed secret, and what to write instead; continues a sentence that begins with the
 * name of the file. NULL if nothing is wrong. Static.
 */
static const char *form_problem(enum credential_form form, const char *secret, size_t size)
{
        bool has_control = false;

        if (size > CREDENTIAL_BYTES_MAX)
                return "is larger than 64 KiB" ONLY;
        if (strncmp(secret, "\xef\xbb\xbf", 3) == 0)
                return "begins with a byte order mark; save it as UTF-8 without one";
        if (strncmp(secret, "\xff\xfe", 2) == 0 || strncmp(secret, "\xfe\xff", 2) == 0)
                return "is in UTF-16; save it as UTF-8";
        for (size_t i = 0; i < size; i++) {
                if ((secret[i] == '\n' || secret[i] == '\r') && form != CREDENTIAL_LINES)
                        return "has more than one line" ONLY;
                has_control |= ((unsigned char)secret[i] < 0x20 && secret[i] != '\n') || secret[i] == 0x7f;
        }
        if (has_control)
                return "contains control characters" ONLY;
        return form == CREDENTIAL_WORD ? word_problem(secret, size) : NULL;
}

#define TOKEN    "nexudus.token"
#define PASSWORD "nexudus.password"

static const char *credentials_directory(void)
{
        const char *directory = getenv("CREDENTIALS_DIRECTORY");

        return directory != NULL && *directory != '\0' ? directory : NULL;
}

bool credential_is_passed(const char *source)
{
        return *source != '/' && credentials_directory() != NULL;
}

/* ---- files and units ---- */

struct config_name {
        int directory_size; /* of the path, with the last slash; 0: the current directory */
        const char *name;   /* without ".ini" */
        int name_size;
};

static struct config_name config_name_of(const char *config_path)
{
        const char *slash = strrchr(config_path, '/');
        const char *name = slash != NULL ? slash + 1 : config_path;
        const char *suffix = strrchr(name, '.');
        bool is_ini = suffix != NULL && suffix != name && strcmp(suffix, ".ini") == 0;

        return (struct config_name){
                .directory_size = (int)(name - config_path),
                .name = name,
                .name_size = (int)(is_ini ? (size_t)(suffix - name) : strlen(name)),
        };
}

static bool name_is(const struct config_name *config, const char *name)
{
        return (size_t)config->name_size == strlen(name) &&
               strncmp(config->name, name, (size_t)config->name_size) == 0;
}

char *credential_file(const char *source, const char *config_path)
{
        const struct config_name config = config_name_of(config_path);
        bool is_token = strcmp(source, TOKEN) == 0, is_password = strcmp(source, PASSWORD) == 0;

        if (*source == '/')
                return format_message("%s", source);
        if ((!is_token && !is_password) || name_is(&config, "jobwatchd"))
                return format_message("%.*s%s", config.directory_size, config_path, source);
        return format_message("%.*s%.*s.%s", config.directory_size, config_path, config.name_size,
                              config.name, is_token ? "token" : "password");
}

char *credential_unit(const char *config_path)
{
        const struct config_name config = config_name_of(config_path);
        char *unit = NULL;

        if (credentials_directory() != NULL && sd_pid_get_unit(0, &unit) >= 0)
                return unit;
        if (name_is(&config, "jobwatchd"))
                return format_message("%s", "jobwatchd.service");
        return format_message("jobwatchd@%.*s.service", config.name_size, config.name);
}

/* ---- messages ---- */

/* What is missing, for a message that begins with it. */
static char *missing_text(const struct credential *credential)
{
        if (strcmp(credential->key, "token_file") == 0)
                return format_message("%s", "No API token");
        if (strcmp(credential->key, "password_file") == 0)
                return format_message("%s", "No API password");
        return format_message("%s = %s", credential->key, credential->source);
}

static int fail_missing(const struct credential *credential, const char *file, int error, const char *what,
                        char **ret_message)
{
        CLEANUP(cleanup_free) char *subject = missing_text(credential);

        return fail_with_message(error, ret_message, "%s: %s %s", subject, file, what);
}

/* The service has credentials, but not this one, so the unit does not load it. */
static int fail_not_passed(const struct credential *credential, const char *file, char **ret_message)
{
        CLEANUP(cleanup_free) char *unit = credential_unit(credential->config_path);

        return fail_with_message(
                -ENOENT, ret_message,
                "%s = %s: the service was not given this credential; add LoadCredential=%s:%s under "
                "[Service] with \"systemctl edit %s\", then restart the service",
                credential->key, credential->source, credential->source, file, unit);
}

static int fail_unreadable(const struct credential *credential, const char *file, int error,
                           char **ret_message)
{
        bool passed = credential_is_passed(credential->source);

        if (error == -ENOENT && passed)
                return fail_not_passed(credential, file, ret_message);
        if (error == -ENOENT)
                return fail_missing(credential, file, error, "is missing or empty", ret_message);
        return fail_with_message(error, ret_message, "%s = %s: cannot read %s: %s", credential->key,
                                 credential->source, passed ? "the credential" : file, strerror(-error));
}

/*
 * The units pass an empty line in place of a file that is missing or is no file. Which of these it is can be
 * seen if the file is where the units of the package expect it.
 */
static int fail_empty(const struct credential *credential, const char *file, char **ret_message)
{
        struct stat st;

        if (credential_is_passed(credential->source) && stat(file, &st) == 0 && !S_ISREG(st.st_mode))
                return fail_missing(credential, file, -EINVAL, "is not a regular file", ret_message);
        return fail_missing(credential, file, -EINVAL, "is missing or empty", ret_message);
}

/* ---- reading ---- */

static int open_secret(const struct credential *credential, const char *file, char **ret_message)
{
        CLEANUP(cleanup_free) char *copy = NULL;
        CLEANUP(cleanup_descriptor) int fd = -1;
        const char *path = file;
        struct stat st;

        if (credential_is_passed(credential->source)) {
                copy = format_message("%s/%s", credentials_directory(), credential->source);
                path = copy;
        }
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) < 0)
                return fail_unreadable(credential, file, -errno, ret_message);
        if (!S_ISREG(st.st_mode))
                return fail_missing(credential, file, -EINVAL, "is not a regular file", ret_message);
        return STEAL_DESCRIPTOR(fd);
}

/* Reads into the zeroed `buffer` and checks the form. */
static int read_secret(const struct credential *credential, const char *file,
                       char buffer[static CREDENTIAL_BYTES_MAX + 2], char **ret_message)
{
        size_t size = 0;

        CLEANUP(cleanup_descriptor) int fd = open_secret(credential, file, ret_message);
        if (fd < 0)
                return fd;
        int r = file_read_into(fd, buffer, CREDENTIAL_BYTES_MAX + 1, &size);
        if (r < 0)
                return fail_unreadable(credential, file, r, ret_message);

        size = trim(credential->form, buffer, size);
        if (size == 0)
                return fail_empty(credential, file, ret_message);
        const char *problem = form_problem(credential->form, buffer, size);
        if (problem != NULL)
                return fail_with_message(-EINVAL, ret_message, "%s = %s: %s %s", credential->key,
                                         credential->source, *credential->source == '/' ? "the file" : file,
                                         problem);
        return 0;
}

/* Under systemd this concerns the file that was passed, if it is where the units expect it. */
static void warn_if_readable_by_all(const struct credential *credential, const char *file, char **ret_message)
{
        struct stat st;

        if (stat(file, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_IROTH) != 0)
                *ret_message =
                        format_message("%s = %s: all users can read this secret; run \"chmod 0600 %s\"",
                                       credential->key, credential->source, file);
}

int credential_read(const struct credential *credential, char **ret_secret, char **ret_message)
{
        CLEANUP(cleanup_free) char *file = NULL;
        char *buffer;

        assert(*credential->source != '\0');
        *ret_message = NULL;
        file = credential_file(credential->source, credential->config_path);
        buffer = memory_need(calloc(1, CREDENTIAL_BYTES_MAX + 2));
        /* A credential is read as root by systemd, whoever the check is for. */
        if (*credential->source != '/')
                identity_suspend();
        int r = read_secret(credential, file, buffer, ret_message);
        if (*credential->source != '/')
                identity_resume();
        if (r >= 0)
                *ret_secret = memory_need(strdup(buffer));
        explicit_bzero(buffer, CREDENTIAL_BYTES_MAX + 2);
        free(buffer);

        if (r >= 0)
                warn_if_readable_by_all(credential, file, ret_message);
        return r;
}
