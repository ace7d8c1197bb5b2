/* SPDX-License-Identifier: MIT */
#pragma once

#include "state/sql/engine.h"

/*
 * A write: everything between the two calls happens completely or not at all. store_write_end() receives the
 * result so far and returns it, or the error of the commit. In a batch, a failed write is undone alone.
 */
int store_write_begin(struct store *store);
int store_write_end(struct store *store, int r);

/* Evaluates an expression, a result, as one write. */
#define STORE_WRITE(store, expression)                                                                       \
        __extension__({                                                                                      \
                int result_ = store_write_begin(store);                                                      \
                result_ < 0 ? result_ : store_write_end(store, (expression));                                \
        })
