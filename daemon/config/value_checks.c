/* SPDX-License-Identifier: MIT */

/*
 * These checks open no files and resolve no names, so that a configuration can be checked on any machine.
 */

#include "config/value_checks.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LETTERS_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* Visible ASCII has no spaces. */
static bool is_visible_ascii(const char *text)
{
        while (*text > ' ' && *text <= '~')
                text++;
        return *text == '\0';
}

static const char encode_hint[] = "percent-encode spaces, non-ASCII characters and any of \"<>\\^`{|}";

static bool host_is_loopback(const char *host, size_t size)
{
        char name[16] = "";
        struct in_addr address;

        if (size == 5 && memcmp(host, "[::1]", 5) == 0)
                return true;
        if (size >= sizeof(name))
                return false;
        memcpy(name, host, size);
        if (strcasecmp(name, "localhost") == 0)
                return true;
        return inet_pton(AF_INET, name, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

static bool host_is_valid(const char *host, size_t size)
{
        char address[INET6_ADDRSTRLEN] = "";
        struct in6_addr parsed;

        if (size == 0 || size > 255)
                return false;
        if (host[0] != '[')
                return strspn(host, LETTERS_DIGITS "-._") >= size && host[0] != '.' && host[0] != '-';
        if (host[size - 1] != ']' || size - 2 >= sizeof(address))
                return false;
        memcpy(address, host + 1, size - 2);
        return inet_pton(AF_INET6, address, &parsed) == 1;
}

static bool port_is_valid(const char *port, size_t size)
{
        if (size == 0 || size > 5 || strspn(port, "0123456789") < size)
                return false;
        unsigned long number = strtoul(port, NULL, 10);
        return number >= 1 && number <= 65535;
}

static const char *check_url(const char *value, bool query_allowed)
{
        bool encrypted = strncasecmp(value, "https://", 8) == 0;

        if (!encrypted && strncasecmp(value, "http://", 7) != 0)
                return "write a URL that begins with https://";
        if (!is_visible_ascii(value) || strpbrk(value, "\"<>\\^`{|}") != NULL)
                return encode_hint;

        const char *authority = value + (encrypted ? 8 : 7);
        size_t size = strcspn(authority, "/?#");
        if (memchr(authority, '@', size) != NULL)
                return "remove the user name and password; secrets do not belong in this file";

        size_t host = authority[0] == '[' ? strcspn(authority, "]") + 1 : strcspn(authority, ":/?#");
        if (host > size || !host_is_valid(authority, host))
                return "missing or invalid host; write a URL such as https://spaces.nexudus.com";
        if (host < size && (authority[host] != ':' || !port_is_valid(authority + host + 1, size - host - 1)))
                return "write a port from 1 to 65535";
        if (!encrypted && !host_is_loopback(authority, host))
                return "plain http sends secrets unencrypted; write https://, or a loopback address";
        if (strchr(authority, '#') != NULL)
                return "remove the # and what follows it";
        if (!query_allowed && strchr(authority, '?') != NULL)
                return "remove the ? and what follows it";
        return NULL;
}

const char *check_base_url(const char *value)
{
        return check_url(value, false);
}

/* Whether a URI has the parameter, such as "password=". */
static bool has_parameter(const char *uri, const char *parameter)
{
        size_t size = strlen(parameter);

        for (const char *at = strchr(uri, '?'); at != NULL; at = strchr(at + 1, '&'))
                if (strncasecmp(at + 1, parameter, size) == 0)
                        return true;
        return false;
}

const char *check_database(const char *value)
{
        size_t scheme = strncmp(value, "postgresql://", 13) == 0 ? 13
                        : strncmp(value, "postgres://", 11) == 0 ? 11
                                                                 : 0;

        if (value[0] == '\0')
                return NULL;
        if (scheme == 0)
                return "write a URI such as postgresql://jobwatchd@db.example.org/jobwatchd";
        if (!is_visible_ascii(value) || strpbrk(value, "\"<>\\^`{|}") != NULL)
                return encode_hint;

        size_t size = strcspn(value + scheme, "/?");
        const char *user_end = memchr(value + scheme, '@', size);
        if ((user_end != NULL && memchr(value + scheme, ':', (size_t)(user_end - value) - scheme) != NULL) ||
            has_parameter(value, "password=") || has_parameter(value, "sslpassword="))
                return "remove the password and set password_file; secrets do not belong in this file";
        return NULL;
}

const char *check_host(const char *value)
{
        if (!is_visible_ascii(value))
                return "write the name of a host, as hostname prints it";
        return strlen(value) > 64 ? "write the name of a host, of at most 64 characters" : NULL;
}

const char *check_hook_url(const char *value)
{
        return check_url(value, true);
}

const char *check_secret_file(const char *value)
{
        if (value[0] == '/' || value[0] == '\0')
                return NULL;
        if (strchr(value, '/') != NULL)
                return "write an absolute path, or the name of a credential without a slash";
        if (strcmp(value, ".") == 0 || strcmp(value, "..") == 0 || strlen(value) > 255 ||
            strpbrk(value, " \t:") != NULL)
                return "invalid credential name; write one such as nexudus.token, or an absolute path";
        return NULL;
}

const char *check_absolute_path(const char *value)
{
        return value[0] == '/' || value[0] == '\0' ? NULL : "write an absolute path";
}

const char *check_textfile(const char *value)
{
        const char *name = strrchr(value, '/'), *end = strrchr(value, '.');

        if (value[0] == '\0')
                return NULL;
        if (value[0] != '/' || name[1] == '.' || end == NULL || strcmp(end, ".prom") != 0)
                return "write an absolute path that ends in .prom, such as "
                       "/var/lib/prometheus/node-exporter/jobwatchd.prom";
        return NULL;
}

const char *check_client_id(const char *value)
{
        return is_visible_ascii(value) ? NULL
                                       : "use printable ASCII without spaces, such as riverside-jobwatchd";
}

const char *check_unit(const char *value)
{
        static const char *const kinds[] = { ".service", ".target", ".timer", ".path", ".socket", ".mount" };
        static const char hooks_unit[] = "jobwatch-hook@";
        const char *kind = strrchr(value, '.');
        bool startable = false;

        for (size_t i = 0; kind != NULL && i < sizeof(kinds) / sizeof(*kinds); i++)
                startable |= strcmp(kind, kinds[i]) == 0;
        if (!startable)
                return "write the full name of a unit that can be started, such as "
                       "import-finished@%i.service";
        if (kind == value || value[0] == '@' || strlen(value) > 255 ||
            value[strspn(value, LETTERS_DIGITS ":_.\\@%-")] != '\0')
                return "use letters, digits and :_.\\@- only, as in import-finished@%i.service";
        if (kind[-1] == '@')
                return "a template cannot be started; write an instance such as import-finished@%i.service";
        for (const char *at = value; (at = strchr(at, '%')) != NULL; at += 2)
                if (at[1] == '\0' || strchr("ineo%", at[1]) == NULL)
                        return "unknown specifier; use %i (job ID), %n (name), "
                               "%e (event ID), %o (outcome) or %%";
        if (strncmp(value, hooks_unit, strlen(hooks_unit)) == 0 &&
            strcmp(value + strlen(hooks_unit), "%e.service") != 0)
                return "the instance of this unit is the event ID; write jobwatch-hook@%e.service";
        return NULL;
}

const char *check_exec(const char *value)
{
        if (value[strspn(value, "\"'")] != '/')
                return "begin with the absolute path of the program, such as /usr/local/bin/notify";
        return NULL;
}

const char *check_name(const char *value)
{
        size_t length = strlen(value);

        if (length == 0 || length > CONFIG_NAME_BYTES || value[strspn(value, LETTERS_DIGITS "_.-")] != '\0')
                return "use 1 to 40 letters, digits, \"_\", \".\" or \"-\"";
        return NULL;
}
