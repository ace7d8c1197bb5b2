/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/calls.h"
#include "bus/operations.h"

/* Where calls go: their userdata. */
struct bus_target {
        const struct bus_operations *operations;
        void *userdata; /* of the operations */
};

/* The methods that change something, and GetDelivery: they read the arguments and call the operation. */
void bus_start_add_jobs(struct bus_call *call);
void bus_start_remove_jobs(struct bus_call *call);
void bus_start_poll(struct bus_call *call);
void bus_start_retry(struct bus_call *call);
void bus_start_drop(struct bus_call *call);
void bus_start_test_hook(struct bus_call *call);
void bus_start_get_delivery(struct bus_call *call);
