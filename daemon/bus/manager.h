/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-bus.h>

/* The object of the D-Bus API, org.jobwatchd1(5). */
struct bus_calls;

#define MANAGER_PATH      "/org/jobwatchd1"
#define MANAGER_INTERFACE "org.jobwatchd1.Manager"

/*
 * Offers the object on a connection, until *ret_object is freed. What is called becomes one of `calls`, which
 * is borrowed. Returns 0 or a negative errno.
 */
int bus_manager_attach(struct bus_calls *calls, sd_bus *bus, sd_bus_slot **ret_object);
