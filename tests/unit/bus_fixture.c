/* SPDX-License-Identifier: MIT */

/* See bus_fixture.h. */

#include "bus_fixture.h"

#define MANAGER_PATH      "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"

/* ---- the bus ---- */

static void write_settings(const struct bus_fixture *fixture, const char *path)
{
        FILE *file = fopen(path, "we");

        assert_non_null(file);
        (void)fprintf(file,
                      "<busconfig><type>session</type><listen>%s</listen><auth>EXTERNAL</auth>"
                      "<policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/>"
                      "<allow send_type=\"method_call\"/><allow send_type=\"signal\"/>"
                      "<allow send_requested_reply=\"true\" send_type=\"method_return\"/>"
                      "<allow send_requested_reply=\"true\" send_type=\"error\"/>"
                      "<allow receive_type=\"method_call\"/><allow receive_type=\"method_return\"/>"
                      "<allow receive_type=\"error\"/><allow receive_type=\"signal\"/>"
                      "</policy></busconfig>\n",
                      fixture->address);
        assert_int_equal(fclose(file), 0);
}

/* It does not outlive the test, even if that is killed. */
static pid_t start_daemon(char *const words[])
{
        sigset_t none;
        pid_t parent = getpid(), pid = fork();

        assert_return_code(pid, errno);
        if (pid > 0)
                return pid;
        sigemptyset(&none);
        if (sigprocmask(SIG_SETMASK, &none, NULL) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
            getppid() == parent)
                (void)execvp(words[0], words);
        _exit(127);
}

void bus_begin(struct bus_fixture *fixture)
{
        char settings[96], option[128], print[32], line[256];
        int ends[2];

        (void)snprintf(settings, sizeof(settings), "%s/bus.conf", fixture->hook->directory);
        write_settings(fixture, settings);
        assert_return_code(pipe2(ends, O_CLOEXEC), errno);
        int passed_on = dup(ends[1]); /* not closed by exec */
        assert_return_code(passed_on, errno);
        close(ends[1]);

        (void)snprintf(option, sizeof(option), "--config-file=%s", settings);
        (void)snprintf(print, sizeof(print), "--print-address=%d", passed_on);
        char program[] = "dbus-daemon", nofork[] = "--nofork", nopidfile[] = "--nopidfile",
             nosyslog[] = "--nosyslog";
        char *const words[] = { program, option, nofork, nopidfile, nosyslog, print, NULL };
        fixture->daemon = start_daemon(words);
        close(passed_on);
        assert_true(read(ends[0], line, sizeof(line)) > 0); /* it accepts connections */
        close(ends[0]);
        assert_return_code(unlink(settings), errno);
}

void bus_kill(struct bus_fixture *fixture)
{
        assert_return_code(kill(fixture->daemon, SIGKILL), errno);
        (void)hook_reap(fixture->daemon);
        fixture->daemon = 0;
        (void)unlink(fixture->address + strlen("unix:path="));
}

/* ---- systemd ---- */

static char *unit_path(const char *unit)
{
        char *path = NULL;

        assert_true(sd_bus_path_encode(MANAGER_PATH "/unit", unit, &path) >= 0);
        return path;
}

static void job_path(unsigned job, char path[static 64])
{
        (void)snprintf(path, 64, MANAGER_PATH "/job/%u", job);
}

static void send_properties(struct fake_systemd *systemd, const char *unit, const char *interface,
                            int (*append)(sd_bus_message *message, const struct unit_change *change),
                            const struct unit_change *change)
{
        sd_bus_message *message = NULL;
        char *path = unit_path(unit);

        assert_true(sd_bus_message_new_signal(systemd->bus, &message, path, "org.freedesktop.DBus.Properties",
                                              "PropertiesChanged") >= 0);
        assert_true(sd_bus_message_append(message, "s", interface) >= 0);
        assert_true(append(message, change) >= 0);
        assert_true(sd_bus_message_append(message, "as", 0) >= 0);
        assert_true(sd_bus_send(systemd->bus, message, NULL) >= 0);
        sd_bus_message_unref(message);
        free(path);
}

static int append_service(sd_bus_message *message, const struct unit_change *change)
{
        return sd_bus_message_append(message, "a{sv}", 5, "Type", "s", "oneshot", "Result", "s",
                                     change->result, "ExecMainCode", "i", change->code, "ExecMainStatus", "i",
                                     change->status, "MainPID", "u", 7);
}

static int append_unit(sd_bus_message *message, const struct unit_change *change)
{
        char path[64];

        job_path(change->job, path);
        return sd_bus_message_append(message, "a{sv}", 4, "ActiveState", "s", change->active, "SubState", "s",
                                     "some", "ConditionResult", "b", !change->condition_failed, "Job", "(uo)",
                                     change->job, path);
}

void fake_send_change(struct fake_systemd *systemd, const char *unit, const struct unit_change *change)
{
        send_properties(systemd, unit, "org.freedesktop.systemd1.Service", append_service, change);
        send_properties(systemd, unit, "org.freedesktop.systemd1.Unit", append_unit, change);
}

void fake_send_removed(struct fake_systemd *systemd, unsigned job, const char *unit, const char *result)
{
        char path[64];

        job_path(job, path);
        assert_true(sd_bus_emit_signal(systemd->bus, MANAGER_PATH, MANAGER_INTERFACE, "JobRemoved", "uoss",
                                       job, path, unit, result) >= 0);
}

void fake_end_unit(struct fake_systemd *systemd, unsigned job, const char *unit)
{
        const struct unit_change change = { .active = "inactive", .result = "success", .code = CLD_EXITED };

        fake_send_change(systemd, unit, &change);
        fake_send_removed(systemd, job, unit, "done");
}

static void note_call(struct fake_systemd *systemd, const char *call, const char *what)
{
        size_t size = strlen(systemd->calls);

        (void)snprintf(systemd->calls + size, sizeof(systemd->calls) - size, "%s%s%s;", call,
                       *what != '\0' ? " " : "", what);
}

static int reply_to_start(struct fake_systemd *systemd, sd_bus_message *message, const char *unit)
{
        char path[64];

        systemd->starts++;
        if (systemd->on_start != NULL)
                systemd->on_start(systemd->userdata);
        if (systemd->error != NULL)
                return sd_bus_reply_method_errorf(message, systemd->error, "Message of systemd.");
        job_path(++systemd->jobs, path);
        int r = sd_bus_reply_method_return(message, "o", path);
        if (systemd->hurries) {
                const struct unit_change change = { .active = "inactive", .result = "success" };
                fake_send_change(systemd, unit, &change);
                fake_send_removed(systemd, systemd->jobs, unit, "done");
                fake_send_removed(systemd, 4711, "other.service", "failed");
        }
        return r;
}

static int reply_to_manager(struct fake_systemd *systemd, sd_bus_message *message, const char *member)
{
        const char *unit = "", *mode = "";

        if (strcmp(member, "StartUnit") == 0) {
                assert_true(sd_bus_message_read(message, "ss", &unit, &mode) >= 0);
                assert_string_equal(mode, "replace");
                note_call(systemd, member, unit);
                return reply_to_start(systemd, message, unit);
        }
        if (strcmp(member, "LoadUnit") == 0) {
                assert_true(sd_bus_message_read(message, "s", &unit) >= 0);
                note_call(systemd, member, unit);
                char *path = unit_path(unit);
                int r = sd_bus_reply_method_return(message, "o", path);
                free(path);
                return r;
        }
        assert_string_equal(member, "Subscribe");
        systemd->subscribed = true;
        return sd_bus_reply_method_return(message, "");
}

static int on_call(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        struct fake_systemd *systemd = userdata;
        const char *member = sd_bus_message_get_member(message);
        uint8_t type;
        int r;

        assert_true(sd_bus_message_get_type(message, &type) >= 0);
        if (type != SD_BUS_MESSAGE_METHOD_CALL)
                return 0;
        if (strcmp(member, "GetAll") == 0) {
                systemd->checks++;
                r = sd_bus_reply_method_return(message, "a{sv}", 7, "Wants", "as", 1, "x.target", "LoadState",
                                               "s", systemd->load, "ActiveState", "s", systemd->active,
                                               "SubState", "s", systemd->sub, "ConditionResult", "b", 0,
                                               "Result", "s", "success", "ExecMainCode", "i", 0);
        } else if (strcmp(member, "Ping") == 0) {
                r = sd_bus_reply_method_return(message, "");
        } else if (strcmp(member, "Cancel") == 0) {
                systemd->cancels++;
                note_call(systemd, member, sd_bus_message_get_path(message));
                r = sd_bus_reply_method_return(message, "");
        } else {
                r = reply_to_manager(systemd, message, member);
        }
        assert_true(r >= 0);
        return 1;
}

void fake_connect(struct bus_fixture *fixture)
{
        struct fake_systemd *systemd = &fixture->systemd;

        assert_true(sd_bus_open_system(&systemd->bus) >= 0);
        assert_true(sd_bus_add_filter(systemd->bus, NULL, on_call, systemd) >= 0);
        assert_true(sd_bus_request_name(systemd->bus, "org.freedesktop.systemd1", 0) > 0);
        assert_true(sd_bus_attach_event(systemd->bus, fixture->hook->event, 0) >= 0);
}

void fake_add_polkit(struct fake_systemd *systemd)
{
        assert_true(sd_bus_request_name(systemd->bus, "org.freedesktop.PolicyKit1", 0) > 0);
}

void fake_disconnect(struct bus_fixture *fixture)
{
        /* After the reply nothing that is sent to this name arrives. */
        if (fixture->systemd.bus != NULL)
                (void)sd_bus_release_name(fixture->systemd.bus, "org.freedesktop.systemd1");
        fixture->systemd.bus = sd_bus_flush_close_unref(fixture->systemd.bus);
}

/* ---- the fixture ---- */

int bus_setup(void **state)
{
        struct bus_fixture *fixture = calloc(1, sizeof(*fixture));
        void *hook = NULL;

        assert_non_null(fixture);
        assert_int_equal(hook_setup(&hook), 0);
        fixture->hook = hook;
        fixture->hook->hook.kind = HOOK_UNIT;
        (void)snprintf(fixture->address, sizeof(fixture->address), "unix:path=%s/bus",
                       fixture->hook->directory);
        assert_return_code(setenv("DBUS_SYSTEM_BUS_ADDRESS", fixture->address, 1), errno);
        assert_return_code(setenv("RUNTIME_DIRECTORY", fixture->hook->directory, 1), errno);
        bus_begin(fixture);
        fixture->systemd.load = "loaded";
        fixture->systemd.active = "inactive";
        fixture->systemd.sub = "dead";
        fake_connect(fixture);
        fixture->connection = bus_connection_new(fixture->hook->event);
        assert_int_equal(unit_hooks_new(&fixture->hook->context, fixture->connection, &fixture->unit_hooks),
                         0);
        *state = fixture;
        return 0;
}

int bus_teardown(void **state)
{
        struct bus_fixture *fixture = *state;
        char events[96];
        void *hook = fixture->hook;

        assert_null(unit_hooks_free(fixture->unit_hooks));
        assert_null(bus_connection_free(fixture->connection));
        fake_disconnect(fixture);
        if (fixture->daemon != 0)
                bus_kill(fixture);
        (void)snprintf(events, sizeof(events), "%s/events", fixture->hook->directory);
        assert_true(rmdir(events) == 0 || errno == ENOENT); /* it is empty */
        free(fixture);
        return hook_teardown(&hook);
}
