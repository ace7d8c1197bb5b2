/* SPDX-License-Identifier: MIT */
#pragma once

#include "ctl/client.h"

/* The call of AddJobs for client_call(). `name` may be NULL; `hooks` is NULL-terminated or NULL. */
sd_bus_message *add_jobs_call(struct client *client, const struct id_list *ids, const char *name,
                              char *const *hooks);
