/* SPDX-License-Identifier: MIT */
#pragma once

#include "answer.h"
#include "exchange.h"
#include "record.h"

/* The answer of the API to a request. */
void endpoints_answer(struct exchange *exchange, struct answer *answer);

/* A read of a job: adds its record in this shape, modified by the fault of the exchange. */
void endpoints_add_record(struct exchange *exchange, struct answer *answer, struct job *job,
                          enum record_shape shape);

/* The shape of records in a list. */
enum record_shape endpoints_list_shape(const struct settings *settings);
