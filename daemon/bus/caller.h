/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/calls.h"

#define POLKIT_NAME "org.freedesktop.PolicyKit1"

/*
 * Finds out who has made a call and whether he may: root and the user of this process may, others if polkit
 * says so for call->action. Then call->uid is set and the call is begun; otherwise it ends with an error.
 * Only asynchronous requests are made to the bus and to polkit.
 */
void bus_caller_check(struct bus_call *call);
