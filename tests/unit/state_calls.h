/* SPDX-License-Identifier: MIT */
#pragma once

#include "state_fixture.h"

/*
 * Every function of the state as a repeatable call, for tests in which it fails. Each returns the result of
 * the function, and checks its output if it succeeded.
 */

/* The number of the event and the job of a call. Calls that record an event increment it. */
extern unsigned call_number;

/* Leaves a single event, with deliveries, and no prepared statement. */
void calls_prepare(struct fixture *fixture);

/* Records an event of that number. */
int call_record_number(struct fixture *fixture, unsigned number);

int call_record(struct fixture *fixture);
int call_record_known(struct fixture *fixture);
int call_batch(struct fixture *fixture);
int call_batch_dropped(struct fixture *fixture);
int call_get_event(struct fixture *fixture);
int call_each_unlogged(struct fixture *fixture);
int call_mark_logged(struct fixture *fixture);
int call_mark_logged_in_batch(struct fixture *fixture);
int call_prune(struct fixture *fixture);
int call_pending_deliveries(struct fixture *fixture);
int call_each_failed_delivery(struct fixture *fixture);
int call_delivery_done(struct fixture *fixture);
int call_delivery_retry(struct fixture *fixture);
int call_each_pending_hook(struct fixture *fixture);
int call_put_value(struct fixture *fixture);
int call_delete_value(struct fixture *fixture);
int call_get_value(struct fixture *fixture);
int call_update_job(struct fixture *fixture);
int call_reopen(struct fixture *fixture);
int call_get_job(struct fixture *fixture);
int call_fill_event(struct fixture *fixture);
