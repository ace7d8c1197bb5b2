/* SPDX-License-Identifier: MIT */

/* The digest is made of the configuration as --print-config prints it, line by line. */

#include "config/config_digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"
#include "util/text.h"

#define NAMED_MAX 10

static bool begins_with(const char *text, const char *beginning)
{
        return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* Hosts may differ in this. `key` is a line. */
static bool is_of_host(const char *section, const char *key)
{
        static const char *const keys[] = { "directory ", "database ", "client_id ", "textfile " };
        const char *end = strchrnul(key, ' ');

        if (begins_with(section, "[log]") || (end - key >= 5 && memcmp(end - 5, "_file", 5) == 0))
                return true;
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
                if (begins_with(key, keys[i]))
                        return true;
        return false;
}

/* One line of the configuration, of a job, of another section, or of neither. */
static void digest_line(FILE *digest, const char *section, const char *line, FILE *jobs)
{
        if (begins_with(section, "[job"))
                (void)fprintf(jobs, "%s\n", line);
        else if (*line != '[' && *line != '\0' && !is_of_host(section, line))
                (void)fprintf(digest, "%s %.*s\t%016" PRIx64 "\n", section, (int)strcspn(line, " ="), line,
                              text_digest_of(line).hash);
}

/* A text that is written as a file. */
struct memory_file {
        FILE *file;
        char *text;
        size_t size;
};

static void file_open(struct memory_file *file)
{
        file->file = memory_need(open_memstream(&file->text, &file->size));
}

static void file_close(struct memory_file *file)
{
        if (fclose(file->file) != 0)
                memory_exhausted();
}

/* Joins the lines of a value. */
static void join_lines(char *text)
{
        for (char *at = strstr(text, "\n "); at != NULL; at = strstr(at, "\n "))
                *at = ' ';
}

char *config_digest(const struct config *config)
{
        struct memory_file printed, jobs, digest;
        const char *section = "";

        file_open(&printed);
        (void)config_print(config, printed.file);
        file_close(&printed);
        join_lines(printed.text);

        file_open(&jobs);
        file_open(&digest);
        for (char *rest = printed.text, *line; (line = strsep(&rest, "\n")) != NULL;) {
                if (*line == '[')
                        section = line;
                digest_line(digest.file, section, line, jobs.file);
        }
        file_close(&jobs);
        (void)fprintf(digest.file, "[jobs]\t%016" PRIx64 "\n", text_digest_of(jobs.text).hash);
        file_close(&digest);
        free(jobs.text);
        free(printed.text);
        return digest.text;
}

/* ---- comparing ---- */

/* Whether one of the lines begins with these bytes, which end with the end of a name or of a line. */
static bool has_line(const char *lines, const char *wanted, size_t size)
{
        for (const char *at = lines; at != NULL && *at != '\0';) {
                const char *end = strchrnul(at, '\n');

                if ((size_t)(end - at) >= size && memcmp(at, wanted, size) == 0)
                        return true;
                at = *end != '\0' ? end + 1 : NULL;
        }
        return false;
}

/* Adds the names of lines that `known` lacks: as they are, or with `by_name`, with any value. */
static void add_missing(FILE *file, size_t *count, const char *lines, const char *known, bool by_name)
{
        for (const char *at = lines; *at != '\0';) {
                const char *end = strchrnul(at, '\n'), *name_end = at + strcspn(at, "\t\n");
                size_t compared = (size_t)((by_name ? name_end + (*name_end == '\t') : end) - at);

                if (!has_line(known, at, compared) && (*count)++ < NAMED_MAX)
                        (void)fprintf(file, "%s%.*s", *count > 1 ? ", " : "", (int)(name_end - at), at);
                at = *end != '\0' ? end + 1 : end;
        }
}

char *config_difference(const char *ours, const char *theirs)
{
        struct memory_file names;
        size_t count = 0;

        file_open(&names);
        add_missing(names.file, &count, ours, theirs, false);
        add_missing(names.file, &count, theirs, ours, true);
        if (count > NAMED_MAX)
                (void)fprintf(names.file, " and %zu more", count - NAMED_MAX);
        file_close(&names);
        if (count > 0)
                return names.text;
        free(names.text);
        return NULL;
}
