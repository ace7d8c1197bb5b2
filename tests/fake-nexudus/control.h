/* SPDX-License-Identifier: MIT */
#pragma once

#include "answer.h"
#include "exchange.h"

/* Answers a request under /_control/. One that waits is suspended, and asked again when it goes on. */
void control_answer(struct exchange *exchange, struct answer *answer);
