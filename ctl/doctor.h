/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "ctl/context.h"
#include "ctl/doctor_settings.h"
#include "ctl/row.h"

/*
 * doctor: checks of this machine and of what the service has seen of the API. A check adds one finding, or
 * several if there are several problems. What the findings have in common for a report to the developers are
 * facts: texts without names, addresses, secrets and contents of jobs.
 */

enum verdict {
        VERDICT_OK,
        VERDICT_WARNING,
        VERDICT_FAILURE,
        VERDICT_SKIPPED, /* it could not be checked */
};

#define VERDICT_COUNT (VERDICT_SKIPPED + 1)

/* "ok", "warning", … */
const char *verdict_to_string(enum verdict verdict);

/* All texts are owned. */
struct finding {
        char *check;
        enum verdict verdict;
        char *text;
        char *advice; /* what to do; NULL: nothing */
        char *facts;  /* for a report; NULL: none */
};

/* The user of the services. */
#define SERVICE_USER "jobwatchd"

struct doctor {
        struct context *context;
        struct client *client; /* its bus may be NULL */
        const char *check;     /* the name of the present one */
        char *unit;            /* of the service */
        char *tool;            /* this program, with the instance: for advice */
        char *config_path;     /* of the main file */
        struct settings settings;
        bool configured; /* the settings are known */

        bool running; /* the service has replied: */
        struct row status;
        sd_bus_message *status_reply;

        char *host, *port; /* of the API, if the settings are known */
        bool is_plain;     /* http */
        bool unresolved;   /* the host */

        struct finding *findings;
        size_t count;
};

/* Adds a finding of the present check. `advice` and `facts` may be NULL; all are taken over. */
void doctor_add(struct doctor *doctor, enum verdict verdict, char *text, char *advice, char *facts);

/* Whether the present check has added one that is neither "ok" nor skipped. */
bool doctor_has_problem(const struct doctor *doctor);

/* ---- the checks ---- */

void doctor_check_configuration(struct doctor *doctor); /* and reads the settings */
void doctor_check_secrets(struct doctor *doctor);
void doctor_check_service(struct doctor *doctor); /* and asks for its status */
void doctor_check_units(struct doctor *doctor);
void doctor_check_polkit(struct doctor *doctor);
void doctor_check_journal(struct doctor *doctor);
void doctor_check_state(struct doctor *doctor);
void doctor_check_name(struct doctor *doctor);
void doctor_check_connection(struct doctor *doctor); /* proxy, TLS */
void doctor_check_api(struct doctor *doctor);        /* by the service: its findings have their own names */

/* ---- the report ---- */

/* Prints the facts, and the verdicts without their texts. */
void doctor_print_report(const struct doctor *doctor);
