/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "ctl/exit_status.h"
#include "util/id_list.h"

#define SERVICE_PATH      "/org/jobwatchd1"
#define SERVICE_INTERFACE "org.jobwatchd1.Manager"
#define SERVICE_ERROR     "org.jobwatchd1.Error."

/* The connection to the bus, and the service on it that is asked. */
struct client {
        sd_bus *bus;
        char *name;           /* of the service on the bus */
        const char *instance; /* borrowed; NULL: jobwatchd.service */
        uint64_t deadline_us; /* CLOCK_MONOTONIC; no call and no wait lasts longer; USEC_NEVER: none */
        bool ask_password;    /* polkit may ask the user to authenticate */
        bool asks_polkit;     /* see client_expect_polkit() */
        pid_t agent;          /* of polkit, 0: not started */

        /* Instead of sd_bus_wait(), which it does and more; -ECANCELED ends what the client does. NULL: none.
         */
        int (*wait)(void *userdata, sd_bus *bus, uint64_t timeout_us);
        void *wait_data;
};

/*
 * Connects to the system bus. `instance` may be NULL. Prints an error. The client has to be closed even if
 * this fails.
 */
enum exit_status client_open(struct client *client, const char *instance, bool ask_password);

/* The same without a message: returns 0 or a negative errno. */
int client_connect(struct client *client, const char *instance, bool ask_password);

void client_close(struct client *client);

/* From now on, calls and waiting take at most this time together. */
void client_set_deadline(struct client *client, uint64_t span_us);

/*
 * To be called before what polkit decides: starts its agent for terminals if the user may be asked, and lets
 * calls take as long as that.
 */
void client_expect_polkit(struct client *client);

/* "jobwatchd.service" or "jobwatchd@NAME.service", owned by the caller. */
char *client_unit(const struct client *client);

/* ---- calls ---- */

/*
 * A method call to fill with the two functions below or sd_bus_message_append(), for client_call(), which
 * takes it.
 */
sd_bus_message *client_message(struct client *client, const char *method);

/* Append an array of ids; an entry of a dictionary, while an "a{sv}" is open. Lists are NULL-terminated. */
void client_append_ids(sd_bus_message *message, const struct id_list *ids);
void client_append_text(sd_bus_message *message, const char *key, const char *value);
void client_append_texts(sd_bus_message *message, const char *key, char *const *values);
void client_append_number(sd_bus_message *message, const char *key, uint64_t value);

/* Ends the process with a message if building a message has failed: there is no memory. */
void client_need(int r);

/* Why a call failed. */
struct call_failure {
        char *name;    /* of the D-Bus error, owned; NULL: the connection, see `error` */
        char *message; /* of the D-Bus error, owned, one line that is safe on a terminal; may be NULL */
        bool from_bus; /* the bus refused the call, not the service */
        int error;     /* negative errno; -ETIME: the deadline of the client; -ECANCELED: its wait() */
};

void call_failure_clear(struct call_failure *failure);

/* Whether the service is not there, or has gone before it replied. */
bool call_failure_is_absence(const struct call_failure *failure);

/* Whether it is this error of the service, named without its prefix. */
bool call_failure_is(const struct call_failure *failure, const char *name);

/* Whether it has got the call and left the bus before it replied. */
bool call_failure_is_departure(const struct call_failure *failure);

/*
 * Sends the call, which it takes, and processes messages until the reply arrives. Returns 0 and the reply, or
 * a negative errno and the failure, to be cleared.
 */
int client_try(struct client *client, sd_bus_message *call, sd_bus_message **ret_reply,
               struct call_failure *ret_failure);

/* The same, but prints the failure. */
enum exit_status client_call(struct client *client, sd_bus_message *call, sd_bus_message **ret_reply);

/*
 * Print an error: of a call (none and EXIT_STATUS_SUCCESS if it was cancelled); of a reply that has another
 * type than is documented.
 */
enum exit_status client_explain(const struct client *client, const struct call_failure *failure);
enum exit_status client_wrong_reply(void);

/*
 * Processes what has arrived, or waits for more. Returns 0; -ETIME if the deadline has passed; what wait() of
 * the client returns; or another negative errno if the connection is lost.
 */
int client_process(struct client *client);

/* "jobwatchctl: …" on standard error. */
void print_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
