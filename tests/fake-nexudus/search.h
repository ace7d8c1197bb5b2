/* SPDX-License-Identifier: MIT */
#pragma once

#include "answer.h"
#include "exchange.h"

/* Answers the search: filters, order, page, envelope. The caller has checked the role. */
void search_answer(struct exchange *exchange, struct answer *answer);
