/* SPDX-License-Identifier: MIT */

/*
 * What systemd and polkit say about the units of hooks. Whether polkit lets the service
 * start a unit is asked for the service itself if it runs, else for a process of its user; polkit answers
 * such questions to root only.
 */

#include "ctl/doctor_units.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/doctor.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/string_list.h"
#include "version.h"

#define SYSTEMD        "org.freedesktop.systemd1"
#define POLKIT         "org.freedesktop.PolicyKit1"
#define POLKIT_PATH    "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_METHODS POLKIT ".Authority"

DEFINE_CLEANUP(sd_bus_message, sd_bus_message_unref)

static void cleanup_list(struct string_list *list)
{
        string_list_clear(list);
}

/* ---- systemd ---- */

static char *unit_path(const char *unit)
{
        char *path = NULL;

        client_need(sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path));
        return path;
}

char *doctor_unit_property(const struct doctor *doctor, const char *unit, const char *name)
{
        CLEANUP(cleanup_free) char *path = unit_path(unit);
        char *value = NULL;

        if (doctor->client->bus == NULL ||
            sd_bus_get_property_string(doctor->client->bus, SYSTEMD, path, SYSTEMD ".Unit", name, NULL,
                                       &value) < 0)
                return NULL;
        return value;
}

char **doctor_unit_environment(const struct doctor *doctor)
{
        CLEANUP(cleanup_free) char *path = unit_path(doctor->unit);
        char **list = NULL;

        if (doctor->client->bus == NULL ||
            sd_bus_get_property_strv(doctor->client->bus, SYSTEMD, path, SYSTEMD ".Service", "Environment",
                                     NULL, &list) < 0)
                return NULL;
        return list;
}

/* ---- units of hooks ---- */

/* Each specifier becomes `value`, as they do in any unit that is started. */
static char *replace_specifiers(const char *pattern, const char *value)
{
        char *name = format_message("%s", "");

        for (const char *at = pattern; *at != '\0'; at++) {
                CLEANUP(cleanup_free) char *before = name;

                if (*at == '%' && at[1] != '\0') {
                        at++;
                        name = format_message("%s%s", before, value);
                } else {
                        name = format_message("%s%c", before, *at);
                }
        }
        return name;
}

/* The file that a unit is in: that of its template. */
static char *unit_file(const char *pattern)
{
        const char *at = strchr(pattern, '@'), *dot = strrchr(pattern, '.');

        if (at == NULL || dot == NULL || dot < at)
                return format_message("%s", pattern);
        return format_message("%.*s%s", (int)(at + 1 - pattern), pattern, dot);
}

static void list_units(const struct doctor *doctor, struct string_list *patterns)
{
        for (size_t i = 0; i < doctor->settings.count; i++) {
                const struct setting *setting = &doctor->settings.items[i];
                if (setting_hook(setting, "unit") != NULL && !string_list_contains(patterns, setting->value))
                        string_list_add(patterns, setting->value);
        }
}

/* Takes `load`. Returns whether systemd can load the unit. */
static void check_unit(struct doctor *doctor, const char *pattern, const char *load)
{
        CLEANUP(cleanup_free) char *file = unit_file(pattern);

        if (strcmp(load, "not-found") == 0)
                doctor_add(doctor, VERDICT_FAILURE, format_message("there is no unit %s", file),
                           format_message("write /etc/systemd/system/%s, then run 'systemctl daemon-reload'",
                                          file),
                           NULL);
        else if (strcmp(load, "masked") == 0)
                doctor_add(doctor, VERDICT_FAILURE, format_message("the unit %s is masked", file),
                           format_message("run 'systemctl unmask %s'", file), NULL);
        else if (strcmp(load, "loaded") != 0)
                doctor_add(doctor, VERDICT_FAILURE,
                           format_message("the unit %s cannot be loaded (%s)", file, load),
                           format_message("see 'systemd-analyze verify /etc/systemd/system/%s'", file), NULL);
}

/* The patterns of the units; returns false, with a finding, if there is nothing to check. */
static bool begin_units(struct doctor *doctor, struct string_list *patterns)
{
        const char *reason = !doctor->configured           ? "the configuration is not valid"
                             : doctor->client->bus == NULL ? "the system bus is not there"
                                                           : NULL;

        if (reason != NULL) {
                doctor_add(doctor, VERDICT_SKIPPED, format_message("%s", reason), NULL, NULL);
                return false;
        }
        list_units(doctor, patterns);
        if (patterns->count == 0)
                doctor_add(doctor, VERDICT_OK, format_message("no hook starts a unit"), NULL, NULL);
        return patterns->count > 0;
}

void doctor_check_units(struct doctor *doctor)
{
        CLEANUP(cleanup_list) struct string_list patterns = { .items = NULL };

        if (!begin_units(doctor, &patterns))
                return;
        for (size_t i = 0; i < patterns.count; i++) {
                CLEANUP(cleanup_free) char *unit = replace_specifiers(patterns.items[i], "1");
                CLEANUP(cleanup_free) char *load = doctor_unit_property(doctor, unit, "LoadState");

                if (load == NULL) {
                        doctor_add(doctor, VERDICT_SKIPPED, format_message("systemd does not reply"), NULL,
                                   NULL);
                        return;
                }
                check_unit(doctor, patterns.items[i], load);
        }
        if (!doctor_has_problem(doctor))
                doctor_add(doctor, VERDICT_OK,
                           format_message("%zu unit%s of hooks", patterns.count, plural(patterns.count)),
                           NULL, format_message("hook units: %zu", patterns.count));
}

/* ---- polkit ---- */

/* Whom polkit is asked about. */
struct subject {
        char *name; /* of the service on the bus; NULL: a process of its user */
        pid_t child;
        uid_t uid;
};

static void subject_clear(struct subject *subject)
{
        free(subject->name);
        if (subject->child > 0) {
                (void)kill(subject->child, SIGKILL);
                while (waitpid(subject->child, NULL, 0) < 0 && errno == EINTR)
                        ;
        }
}

static _Noreturn void wait_as(const struct passwd *user, int ready)
{
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || setgroups(0, NULL) < 0 || setgid(user->pw_gid) < 0 ||
            setuid(user->pw_uid) < 0)
                _exit(EXIT_FAILURE);
        close(ready); /* the parent goes on */
        for (;;)
                (void)pause();
}

static int start_child(struct subject *subject)
{
        const struct passwd *user = getpwnam(SERVICE_USER);
        int ends[2];
        char byte;

        if (user == NULL)
                return -ENOENT;
        if (pipe(ends) < 0)
                return -errno;
        subject->uid = user->pw_uid;
        subject->child = fork();
        if (subject->child == 0)
                wait_as(user, ends[1]);
        close(ends[1]);
        ssize_t size = read(ends[0], &byte, sizeof(byte)); /* the end of the pipe */
        close(ends[0]);
        return subject->child < 0 || size < 0 ? -EAGAIN : 0;
}

static int find_subject(const struct doctor *doctor, struct subject *subject)
{
        CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
        const char *name;

        if (!doctor->running)
                return start_child(subject);
        int r = sd_bus_call_method(doctor->client->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                   "org.freedesktop.DBus", "GetNameOwner", NULL, &reply, "s",
                                   doctor->client->name);
        if (r < 0 || sd_bus_message_read(reply, "s", &name) < 0)
                return start_child(subject);
        subject->name = memory_need(strdup(name));
        return 0;
}

/* Returns 1 if the unit may be started, 0 if not, or a negative errno. */
static int ask_polkit(const struct doctor *doctor, const struct subject *subject, const char *unit)
{
        CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *call = NULL, *reply = NULL;
        int authorized;

        client_need(sd_bus_message_new_method_call(doctor->client->bus, &call, POLKIT, POLKIT_PATH,
                                                   POLKIT_METHODS, "CheckAuthorization"));
        if (subject->name != NULL)
                client_need(sd_bus_message_append(call, "(sa{sv})", "system-bus-name", 1, "name", "s",
                                                  subject->name));
        else
                client_need(sd_bus_message_append(call, "(sa{sv})", "unix-process", 3, "pid", "u",
                                                  (uint32_t)subject->child, "start-time", "t", UINT64_C(0),
                                                  "uid", "i", (int32_t)subject->uid));
        client_need(sd_bus_message_append(call, "sa{ss}us", "org.freedesktop.systemd1.manage-units", 2,
                                          "unit", unit, "verb", "start", 0U, ""));
        int r = sd_bus_call(doctor->client->bus, call, 0, NULL, &reply);
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'r', "bba{ss}");
        if (r >= 0)
                r = sd_bus_message_read_basic(reply, 'b', &authorized);
        return r < 0 ? r : authorized;
}

#define RULES "50-jobwatchd.rules"

static void check_permission(struct doctor *doctor, const struct subject *subject, const char *pattern)
{
        CLEANUP(cleanup_free) char *unit = replace_specifiers(pattern, "1");
        CLEANUP(cleanup_free) char *allowed = replace_specifiers(pattern, "*");

        int r = ask_polkit(doctor, subject, unit);
        if (r < 0)
                doctor_add(doctor, VERDICT_FAILURE, format_message("polkit does not reply: %s", strerror(-r)),
                           format_message("run 'apt install polkitd' if it is missing, or 'systemctl restart "
                                          "polkit'"),
                           NULL);
        else if (r == 0)
                doctor_add(doctor, VERDICT_FAILURE,
                           format_message("polkit does not let the service start %s", allowed),
                           format_message("run 'cp -n " JOBWATCH_DATADIR "/" RULES
                                          " /etc/polkit-1/rules.d/', and "
                                          "add \"%s\" to the list in /etc/polkit-1/rules.d/" RULES,
                                          allowed),
                           NULL);
}

void doctor_check_polkit(struct doctor *doctor)
{
        CLEANUP(cleanup_list) struct string_list patterns = { .items = NULL };
        CLEANUP(subject_clear) struct subject subject = { .child = 0 };

        if (!begin_units(doctor, &patterns))
                return;
        if (geteuid() != 0) {
                doctor_add(doctor, VERDICT_SKIPPED,
                           format_message("polkit answers questions about others to root"),
                           format_message("run 'sudo %s doctor'", doctor->tool), NULL);
                return;
        }
        int r = find_subject(doctor, &subject);
        if (r < 0) {
                doctor_add(doctor, VERDICT_SKIPPED,
                           format_message("no process of the user " SERVICE_USER ": %s", strerror(-r)), NULL,
                           NULL);
                return;
        }
        for (size_t i = 0; i < patterns.count; i++)
                check_permission(doctor, &subject, patterns.items[i]);
        if (!doctor_has_problem(doctor))
                doctor_add(doctor, VERDICT_OK, format_message("the service may start the units of its hooks"),
                           NULL, NULL);
}
