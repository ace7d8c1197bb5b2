/* SPDX-License-Identifier: MIT */
#pragma once

#include "answer.h"
#include "exchange.h"

/* Answers a request under /_control/. A waiting request is suspended and handled again when it resumes. */
void control_answer(struct exchange *exchange, struct answer *answer);
