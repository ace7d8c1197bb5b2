/* SPDX-License-Identifier: MIT */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "bus/operations.h"

/* The object of the D-Bus API, org.jobwatchd1(5), and the calls of its methods. */
struct bus_manager;

#define MANAGER_PATH      "/org/jobwatchd1"
#define MANAGER_INTERFACE "org.jobwatchd1.Manager"

/* The operations are borrowed, by enum bus_method; `userdata` is for them. */
struct bus_manager *bus_manager_new(sd_event *event, bus_operation *const operations[], void *userdata);

/* No operation is in progress any more. Accepts NULL, returns NULL. */
struct bus_manager *bus_manager_free(struct bus_manager *manager);

/* Offers the object on a connection, until bus_manager_detach(). Returns 0 or a negative errno. */
int bus_manager_attach(struct bus_manager *manager, sd_bus *bus);

/* The connection is lost, or there is none. Calls that were not started are dropped. */
void bus_manager_detach(struct bus_manager *manager);
