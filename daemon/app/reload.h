/* SPDX-License-Identifier: MIT */
#pragma once

#include "app/parts.h"

/*
 * Loads the configuration again and puts it into effect. The previous one stays in effect until then, and if
 * it fails. Logs the outcome and sends RELOADING=1 and READY=1 to the service manager.
 */
struct reload;

/*
 * The parts are borrowed; a reload replaces the configuration, and the connection if [api] or its secret has
 * changed. `on_end` is called from the loop when one has ended, before READY=1 is sent.
 */
struct reload *reload_new(struct parts *parts, void (*on_end)(void *userdata, bool succeeded),
                          void *userdata);

/* No reload is in progress. Accepts NULL, returns NULL. */
struct reload *reload_free(struct reload *reload);

/*
 * Starts a reload. One that is requested while another is in progress follows that. Called from the loop,
 * never from a callback of one of the parts.
 */
void reload_request(struct reload *reload);

/* Abandons the reload in progress, and ignores requests. Accepts NULL. */
void reload_stop(struct reload *reload);
