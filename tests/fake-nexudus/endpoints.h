/* SPDX-License-Identifier: MIT */
#pragma once

#include "answer.h"
#include "exchange.h"
#include "record.h"

/* What the API says to a request. */
void endpoints_answer(struct exchange *exchange, struct answer *answer);

/* A read of a job: adds its record as the exchange's fault and the shape want it. */
void endpoints_add_record(struct exchange *exchange, struct answer *answer, struct job *job,
                          enum record_shape shape);

/* The shape of records that stand in a list. */
enum record_shape endpoints_list_shape(const struct settings *settings);
