/* SPDX-License-Identifier: MIT */

/*
 * A text that the user may send to the developers: versions, verdicts, and how the API behaves. Texts of
 * findings are not part of it, since they name files, hosts, units and what the API says; facts name none of
 * these.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ctl/doctor.h"
#include "ctl/doctor_child.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "version.h"

#define OS_RELEASE_MAX 16384

#define PUBLIC_URL "https://spaces.nexudus.com"

/* ID and VERSION_ID of os-release(5). */
static void print_system(void)
{
        static const char *const keys[] = { "ID=", "VERSION_ID=" };
        CLEANUP(cleanup_free) char *text = NULL;
        struct utsname kernel;
        size_t size;

        (void)printf("system:");
        if (file_read("/usr/lib/os-release", OS_RELEASE_MAX, &text, &size) >= 0)
                for (const char *line = text; *line != '\0';) {
                        size = strcspn(line, "\n");
                        for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
                                if (strncmp(line, keys[i], strlen(keys[i])) == 0)
                                        (void)printf(" %.*s", (int)(size - strlen(keys[i])),
                                                     line + strlen(keys[i]));
                        line += size + (line[size] != '\0');
                }
        if (uname(&kernel) >= 0)
                (void)printf(" %s %s", kernel.release, kernel.machine);
        (void)putchar('\n');
}

/* As `jobwatchd --version` names them: the line of libcurl. */
static void print_libraries(void)
{
        const char *const words[] = { child_daemon(), "--version", NULL };
        CLEANUP(cleanup_free) char *text = NULL;

        const char *line = child_run(words, STDOUT_FILENO, &text) == 0 ? strstr(text, "\nlibcurl/") : NULL;
        if (line != NULL)
                (void)printf("libraries: %.*s\n", (int)strcspn(line + 1, "\n"), line + 1);
}

static bool is_on(const struct doctor *doctor, const char *section, const char *key)
{
        return *settings_get(&doctor->settings, section, key) != '\0';
}

static size_t count_hooks(const struct doctor *doctor, const char *key)
{
        size_t count = 0;

        for (size_t i = 0; i < doctor->settings.count; i++)
                count += setting_hook(&doctor->settings.items[i], key) != NULL;
        return count;
}

/* What is configured, but for names, addresses and patterns. */
static void print_settings(const struct doctor *doctor)
{
        static const struct {
                const char *section, *key;
        } shown[] = {
                { "api", "auth" },           { "poll", "interval" },     { "poll", "max_interval" },
                { "poll", "feed" },          { "poll", "batch" },        { "poll", "batch_size" },
                { "limits", "min_spacing" }, { "limits", "per_minute" }, { "limits", "per_hour" },
                { "limits", "per_day" },
        };

        if (!doctor->configured)
                return;
        (void)printf("settings:");
        for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++)
                (void)printf(" %s=%s", shown[i].key,
                             settings_get(&doctor->settings, shown[i].section, shown[i].key));
        (void)printf(" base_url=%s ca_file=%s\n",
                     strcmp(settings_get(&doctor->settings, "api", "base_url"), PUBLIC_URL) == 0 ? "default"
                                                                                                 : "other",
                     is_on(doctor, "api", "ca_file") ? "yes" : "no");
        (void)printf("hooks: %zu unit, %zu exec, %zu url\n", count_hooks(doctor, "unit"),
                     count_hooks(doctor, "exec"),
                     count_hooks(doctor, "url") + count_hooks(doctor, "url_file"));
}

void doctor_print_report(const struct doctor *doctor)
{
        (void)printf("jobwatchctl doctor --report\nversion: %s\n", JOBWATCH_VERSION);
        print_libraries();
        print_system();
        print_settings(doctor);
        for (size_t i = 0; i < doctor->count; i++) {
                const struct finding *finding = &doctor->findings[i];
                (void)printf("%-7s  %s\n", verdict_to_string(finding->verdict), finding->check);
        }
        for (size_t i = 0; i < doctor->count; i++)
                if (doctor->findings[i].facts != NULL)
                        (void)printf("%s\n", doctor->findings[i].facts);
}
