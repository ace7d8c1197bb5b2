/* SPDX-License-Identifier: MIT */
#pragma once

#include "answer.h"
#include "exchange.h"
#include "record.h"

/* The answer of the API to a request. */
void endpoints_answer(struct exchange *exchange, struct answer *answer);

/*
 * Adds the record of a job in this shape, without the fields that `omit` lists (which may be NULL), modified
 * by the fault of the exchange.
 */
void endpoints_add_record(struct exchange *exchange, struct answer *answer, struct job *job,
                          enum record_shape shape, const char *omit);

/* The shape of records in a list. */
enum record_shape endpoints_list_shape(const struct settings *settings);
