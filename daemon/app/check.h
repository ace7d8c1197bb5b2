/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "journal/journal.h"
#include "platform/credential.h"

/* Why a configuration is checked. */
enum check_purpose {
        CHECK_FILES,  /* --check: everything, for the service */
        CHECK_RELOAD, /* --check --reload, run by systemd before the daemon reloads: as above, but without
                         credentials, which systemd passes to the daemon only */
        CHECK_USE,    /* the daemon at its start or reload, for itself: hook programs that cannot be run are
                         warnings, since they are needed only when an event occurs */
};

/*
 * Checks what the configuration refers to, as far as possible without the network: secrets, certificates, the
 * machine ID, and programs and targets of hooks. What is an error here and in CHECK_USE is the same, except
 * for hook programs.
 *
 * Appends to `problems` messages of the form "FILE:LINE: what is wrong; what to write instead". Blocks while
 * it reads files.
 */
void check_environment(const struct config *config, enum check_purpose purpose,
                       struct config_problems *problems);

/* The password of the database; its source is "" if there is none. Borrowed from the configuration. */
struct credential state_credential(const struct config *config);

/* Logs errors and warnings, here and from config_load(). */
void problems_log(struct journal *journal, const struct config_problems *problems);

/* The number of errors, and its plural. */
#define RELOAD_REFUSED_FORMAT "Configuration not reloaded: %zu error%s. Keeping the previous configuration."

/* Logs after them that the configuration is not used, at a start or at a reload. */
void refusal_log(struct journal *journal, size_t errors, bool for_reload);
