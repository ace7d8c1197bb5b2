/* SPDX-License-Identifier: MIT */

/*
 * Calls are asynchronous and waited for in client_process(), so that signals are processed meanwhile, and
 * since only the reply itself says whether an error comes from the bus or from the service.
 */

#include "ctl/client.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl/polkit_agent.h"
#include "ctl/times.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/message.h"
#include "util/text.h"
#include "util/timespan.h"

/* The service replies at once, except where it asks the API. */
#define CALL_TIMEOUT_US (3 * USEC_PER_MIN)

/* The service gives polkit, and so the user, 5 minutes. What happens then must not have been reported as
 * failed. */
#define PERMISSION_TIMEOUT_US (6 * USEC_PER_MIN)

#define BUS_ERROR "org.freedesktop.DBus.Error."

DEFINE_CLEANUP(sd_bus_message, sd_bus_message_unref)
DEFINE_CLEANUP(sd_bus_slot, sd_bus_slot_unref)

void print_error(const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        CLEANUP(cleanup_free) char *message = format_message_list(format, arguments);
        va_end(arguments);
        (void)fprintf(stderr, "jobwatchctl: %s\n", message);
}

void client_need(int r)
{
        if (r < 0)
                memory_exhausted(); /* texts of the command line are checked before */
}

/* ---- connection ---- */

/* The label of an instance is escaped as in an object path: it may begin with a digit or contain a dash. */
static char *service_name(const char *instance)
{
        CLEANUP(cleanup_free) char *path = NULL;

        if (instance == NULL)
                return format_message("org.jobwatchd1");
        client_need(sd_bus_path_encode("/x", instance, &path));
        return format_message("org.jobwatchd1.%s", path + strlen("/x/"));
}

int client_connect(struct client *client, const char *instance, bool ask_password)
{
        *client = (struct client){
                .name = service_name(instance),
                .instance = instance,
                .deadline_us = USEC_NEVER,
                .ask_password = ask_password,
        };
        int r = sd_bus_open_system(&client->bus);
        if (r >= 0)
                r = sd_bus_set_allow_interactive_authorization(client->bus, ask_password);
        return r < 0 ? r : 0;
}

enum exit_status client_open(struct client *client, const char *instance, bool ask_password)
{
        int r = client_connect(client, instance, ask_password);

        if (r >= 0)
                return EXIT_STATUS_SUCCESS;
        print_error("cannot connect to the system bus: %s; check that dbus.service is running", strerror(-r));
        return EXIT_STATUS_SERVICE;
}

void client_close(struct client *client)
{
        polkit_agent_stop(client->agent);
        client->agent = 0;
        client->bus = sd_bus_flush_close_unref(client->bus);
        free(client->name);
        client->name = NULL;
}

void client_set_deadline(struct client *client, uint64_t span_us)
{
        uint64_t now = monotonic_now();

        client->deadline_us = span_us < USEC_NEVER - now ? now + span_us : USEC_NEVER;
}

void client_expect_polkit(struct client *client)
{
        client->asks_polkit = true;
        if (client->ask_password && client->agent == 0)
                client->agent = polkit_agent_start();
}

char *client_unit(const struct client *client)
{
        return client->instance != NULL ? format_message("jobwatchd@%s.service", client->instance)
                                        : format_message("jobwatchd.service");
}

int client_process(struct client *client)
{
        int r = sd_bus_process(client->bus, NULL);

        if (r != 0)
                return r < 0 ? r : 0;
        uint64_t now = monotonic_now(), left_us = USEC_NEVER;
        if (client->deadline_us != USEC_NEVER) {
                if (now >= client->deadline_us)
                        return -ETIME;
                left_us = client->deadline_us - now;
        }
        r = client->wait != NULL ? client->wait(client->wait_data, client->bus, left_us)
                                 : sd_bus_wait(client->bus, left_us);
        return r < 0 && r != -EINTR ? r : 0;
}

/* ---- building a call ---- */

sd_bus_message *client_message(struct client *client, const char *method)
{
        sd_bus_message *message = NULL;

        client_need(sd_bus_message_new_method_call(client->bus, &message, client->name, SERVICE_PATH,
                                                   SERVICE_INTERFACE, method));
        return message;
}

void client_append_ids(sd_bus_message *message, const struct id_list *ids)
{
        client_need(sd_bus_message_append_array(message, 't', ids->ids, ids->count * sizeof(*ids->ids)));
}

void client_append_text(sd_bus_message *message, const char *key, const char *value)
{
        client_need(sd_bus_message_append(message, "{sv}", key, "s", value));
}

void client_append_texts(sd_bus_message *message, const char *key, char *const *values)
{
        union {
                char *const *texts;
                char **passed; /* sd-bus does not write to them */
        } list = { .texts = values };

        client_need(sd_bus_message_open_container(message, 'e', "sv"));
        client_need(sd_bus_message_append(message, "s", key));
        client_need(sd_bus_message_open_container(message, 'v', "as"));
        client_need(sd_bus_message_append_strv(message, list.passed));
        client_need(sd_bus_message_close_container(message));
        client_need(sd_bus_message_close_container(message));
}

void client_append_number(sd_bus_message *message, const char *key, uint64_t value)
{
        client_need(sd_bus_message_append(message, "{sv}", key, "t", value));
}

/* ---- calls ---- */

void call_failure_clear(struct call_failure *failure)
{
        free(failure->name);
        free(failure->message);
        *failure = (struct call_failure){ 0 };
}

static bool is_error(const struct call_failure *failure, const char *prefix, const char *name)
{
        size_t size = strlen(prefix);

        return failure->name != NULL && strncmp(failure->name, prefix, size) == 0 &&
               strcmp(failure->name + size, name) == 0;
}

bool call_failure_is_absence(const struct call_failure *failure)
{
        /* The last one: it is stopping, and has released its name before it replied. */
        static const char *const names[] = { "ServiceUnknown", "NameHasNoOwner", "NoReply", "UnknownObject" };

        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                if (is_error(failure, BUS_ERROR, names[i]))
                        return true;
        return false;
}

bool call_failure_is(const struct call_failure *failure, const char *name)
{
        return is_error(failure, SERVICE_ERROR, name);
}

bool call_failure_is_departure(const struct call_failure *failure)
{
        return failure->from_bus && is_error(failure, BUS_ERROR, "NoReply");
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
        (void)ret_error;
        sd_bus_message **ret_reply = userdata;

        *ret_reply = sd_bus_message_ref(reply);
        return 1;
}

static void note_error(sd_bus_message *reply, struct call_failure *failure)
{
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        const char *sender = sd_bus_message_get_sender(reply);

        assert(error != NULL && error->name != NULL);
        failure->name = memory_need(strdup(error->name));
        if (error->message != NULL && *error->message != '\0')
                failure->message = text_escape(error->message, strlen(error->message), 0);
        text_strip_full_stop(failure->message);
        failure->from_bus = sender != NULL && strcmp(sender, "org.freedesktop.DBus") == 0;
        failure->error = -sd_bus_message_get_errno(reply);
        if (failure->error == 0)
                failure->error = -EIO;
}

int client_try(struct client *client, sd_bus_message *call, sd_bus_message **ret_reply,
               struct call_failure *ret_failure)
{
        CLEANUP(cleanup_sd_bus_message_unref) sd_bus_message *message = call, *reply = NULL;
        CLEANUP(cleanup_sd_bus_slot_unref) sd_bus_slot *slot = NULL;

        *ret_failure = (struct call_failure){ 0 };
        int r = sd_bus_call_async(client->bus, &slot, message, on_reply, &reply,
                                  client->asks_polkit ? PERMISSION_TIMEOUT_US : CALL_TIMEOUT_US);
        while (r >= 0 && reply == NULL)
                r = client_process(client);
        if (r >= 0 && sd_bus_is_open(client->bus) <= 0)
                r = -ECONNRESET; /* the reply is what sd-bus makes up then */
        if (r < 0)
                ret_failure->error = r;
        else if (sd_bus_message_is_method_error(reply, NULL))
                note_error(reply, ret_failure);
        else
                *ret_reply = STEAL_POINTER(reply);
        return ret_failure->error;
}

enum exit_status client_call(struct client *client, sd_bus_message *call, sd_bus_message **ret_reply)
{
        struct call_failure failure;

        if (client_try(client, call, ret_reply, &failure) >= 0)
                return EXIT_STATUS_SUCCESS;
        enum exit_status status = client_explain(client, &failure);
        call_failure_clear(&failure);
        return status;
}

/* ---- messages ---- */

/* Errors of the service, whose messages are complete, and what they mean for the exit status. */
static const struct {
        const char *prefix, *name;
        enum exit_status status;
} service_errors[] = {
        { SERVICE_ERROR, "NoSuchJob", EXIT_STATUS_UNKNOWN },
        { SERVICE_ERROR, "NoSuchHook", EXIT_STATUS_UNKNOWN },
        { SERVICE_ERROR, "NoSuchDelivery", EXIT_STATUS_UNKNOWN },
        { SERVICE_ERROR, "Standby", EXIT_STATUS_SERVICE },
        { SERVICE_ERROR, "Busy", EXIT_STATUS_SERVICE },
        { SERVICE_ERROR, "StateUnavailable", EXIT_STATUS_IO },
        { SERVICE_ERROR, "ApiUnavailable", EXIT_STATUS_SERVICE },
        { SERVICE_ERROR, "SignInRefused", EXIT_STATUS_FAILED },
        { SERVICE_ERROR, "CodeRequired", EXIT_STATUS_FAILED },
        { BUS_ERROR, "InvalidArgs", EXIT_STATUS_USAGE },
        { BUS_ERROR, "NotSupported", EXIT_STATUS_SERVICE },
};

static enum exit_status explain_denial(const struct call_failure *failure)
{
        if (failure->from_bus)
                print_error("access denied by the system bus: only root and members of the group jobwatchd "
                            "may use jobwatchd");
        else if (is_error(failure, BUS_ERROR, "InteractiveAuthorizationRequired"))
                print_error(
                        "not permitted: polkit asks for authentication; run this as root, or on a terminal "
                        "without --no-ask-password");
        else
                print_error("not permitted: %s; run this as root, or see polkit(8)",
                            failure->message != NULL ? failure->message : "refused by polkit");
        return EXIT_STATUS_NOT_PERMITTED;
}

static enum exit_status explain_absence(const struct client *client, const struct call_failure *failure)
{
        CLEANUP(cleanup_free) char *unit = client_unit(client);

        if (is_error(failure, BUS_ERROR, "NoReply"))
                print_error("jobwatchd did not reply: it has stopped or is stuck; see 'systemctl status %s'",
                            unit);
        else
                print_error("jobwatchd is not running: start it with 'systemctl start %s'", unit);
        return EXIT_STATUS_SERVICE;
}

enum exit_status client_explain(const struct client *client, const struct call_failure *failure)
{
        if (failure->error == -ETIME && failure->name == NULL) {
                print_error("the time of --timeout has passed");
                return EXIT_STATUS_TIMEOUT;
        }
        if (failure->error == -ECANCELED && failure->name == NULL)
                return EXIT_STATUS_SUCCESS;
        if (failure->name == NULL) {
                print_error("the connection to the system bus was lost: %s", strerror(-failure->error));
                return EXIT_STATUS_SERVICE;
        }
        if (is_error(failure, BUS_ERROR, "AccessDenied") ||
            is_error(failure, BUS_ERROR, "InteractiveAuthorizationRequired"))
                return explain_denial(failure);
        for (size_t i = 0; i < sizeof(service_errors) / sizeof(*service_errors); i++)
                if (is_error(failure, service_errors[i].prefix, service_errors[i].name)) {
                        print_error("%s", failure->message != NULL ? failure->message : failure->name);
                        return service_errors[i].status;
                }
        if (call_failure_is_absence(failure))
                return explain_absence(client, failure);
        if (is_error(failure, BUS_ERROR, "UnknownMethod")) {
                print_error("this jobwatchd does not know the command: it is older; restart it after an "
                            "upgrade");
                return EXIT_STATUS_SERVICE;
        }
        print_error("jobwatchd failed: %s%s%s", failure->name, failure->message != NULL ? ": " : "",
                    failure->message != NULL ? failure->message : "");
        return EXIT_STATUS_SERVICE;
}

enum exit_status client_wrong_reply(void)
{
        print_error("unexpected reply: jobwatchd and jobwatchctl are not of the same version");
        return EXIT_STATUS_SOFTWARE;
}
