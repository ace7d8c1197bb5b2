/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

#include "app/control_state.h"
#include "monitor/diagnosis.h"

/* Shared by the files that make findings, see control_diagnose.c. */

#define OK      "ok"
#define WARNING "warning"
#define FAILURE "failure"
#define SKIPPED "skipped"

/* What findings are made of, and the call that gets them. */
struct findings {
        const struct control *control;
        struct bus_call *call;
        const struct diagnosis *diagnosis;
        struct diagnosis_seen seen;
        struct status_facts status;
};

/* `text` and `facts` are taken; `advice` and `facts` may be NULL. */
void finding_put(const struct findings *findings, const char *check, const char *verdict, char *text,
                 const char *advice, char *facts);

/* Whether pages of the search have been answered, if only those of the change feed. */
bool findings_search_works(const struct findings *findings);

/* What responses contain: see control_diagnose_rows.c. */
void finding_put_batches(const struct findings *findings);
void finding_put_order(const struct findings *findings);
void finding_put_updated_on(const struct findings *findings);
void finding_put_dates(const struct findings *findings);
