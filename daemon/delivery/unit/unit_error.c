/* SPDX-License-Identifier: MIT */

/*
 * Errors of systemd and the bus, in the words of an administrator. systemd reports a missing polkit as
 * "access denied", and a masked polkit.service like a masked unit. So the unit's own LoadState decides what
 * is wrong with the unit, and a call of polkit shows what is wrong with polkit.
 */

#include "delivery/unit/unit_error.h"

#include <string.h>

#include "util/cleanup.h"
#include "util/message.h"
#include "version.h"

#define SYSTEMD "org.freedesktop.systemd1."

#define EXAMPLE_RULE JOBWATCH_DATADIR "/50-jobwatchd.rules"

static bool is(const char *text, const char *word)
{
        return strcmp(text, word) == 0;
}

static const char *words_of(const sd_bus_error *error)
{
        return error->message != NULL ? error->message : "unknown error";
}

char *unit_explain_load(const char *unit, const struct unit_state *state)
{
        if (is(state->load, "") || is(state->load, "loaded"))
                return NULL;
        if (is(state->load, "not-found"))
                return format_message(
                        "unit %s does not exist; create it, or correct unit = in the configuration", unit);
        if (is(state->load, "masked"))
                return format_message("unit %s is masked; run \"systemctl unmask %s\"", unit, unit);
        if (is(state->load, "bad-setting"))
                return format_message("unit %s has an invalid setting; see \"systemctl status %s\"", unit,
                                      unit);
        return format_message("unit %s cannot be loaded; see \"systemctl status %s\"", unit, unit);
}

/* ---- permission ---- */

bool unit_error_is_denial(const sd_bus_error *error)
{
        return is(error->name, SD_BUS_ERROR_ACCESS_DENIED) ||
               is(error->name, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED) ||
               is(error->name, SYSTEMD "UnitMasked"); /* the unit itself was found to be loaded */
}

/* The line of the example rule: instances of a template are allowed together. */
static char *pattern_of(const char *unit)
{
        const char *at = strchr(unit, '@'), *dot = strrchr(unit, '.');

        if (at == NULL || dot == NULL || dot < at)
                return format_message("%s", unit);
        return format_message("%.*s@*%s", (int)(at - unit), unit, dot);
}

char *unit_explain_denial(const char *unit, const sd_bus_error *error, const sd_bus_error *polkit)
{
        CLEANUP(cleanup_free) char *pattern = pattern_of(unit);

        if (polkit == NULL && is(error->name, SYSTEMD "UnitMasked"))
                return format_message("unit %s not started: %s", unit, words_of(error)); /* one it requires */
        if (polkit == NULL)
                return format_message(
                        "not permitted to start unit %s: no polkit rule allows it; copy " EXAMPLE_RULE
                        " to /etc/polkit-1/rules.d/ and add the line \"%s\", to "
                        "its list",
                        unit, pattern);
        if (is(polkit->name, SD_BUS_ERROR_SERVICE_UNKNOWN))
                return format_message("not permitted to start unit %s: polkit is not installed; install "
                                      "polkitd and add a rule like " EXAMPLE_RULE,
                                      unit);
        if (is(polkit->name, SYSTEMD "UnitMasked"))
                return format_message("not permitted to start unit %s: polkit.service is masked; run "
                                      "\"systemctl unmask polkit.service\"",
                                      unit);
        return format_message("not permitted to start unit %s: polkit cannot be started: %s", unit,
                              words_of(polkit));
}

/* ---- other errors ---- */

bool unit_error_is_no_reply(const sd_bus_error *error)
{
        return is(error->name, SD_BUS_ERROR_NO_REPLY) || is(error->name, SD_BUS_ERROR_TIMEOUT) ||
               is(error->name, SD_BUS_ERROR_DISCONNECTED);
}

static char *explain_error(const char *unit, const sd_bus_error *error)
{
        static const struct {
                const char *name, *words;
        } known[] = {
                { SYSTEMD "NoSuchUnit", "does not exist; create it, or correct unit = in the configuration" },
                { SYSTEMD "LoadFailed", "cannot be loaded; see \"systemctl status\"" },
                { SYSTEMD "BadUnitSetting", "has an invalid setting; see \"systemctl status\"" },
                { SYSTEMD "OnlyByDependency", "cannot be started directly (RefuseManualStart=)" },
                { SYSTEMD "TransactionIsDestructive",
                  "not started: the system is shutting down, or a conflicting unit has a pending job" },
                { SYSTEMD "ShuttingDown", "not started: the system is shutting down" },
        };

        for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
                if (is(error->name, known[i].name))
                        return format_message("unit %s %s", unit, known[i].words);
        if (is(error->name, SD_BUS_ERROR_SERVICE_UNKNOWN) || is(error->name, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
                return format_message("cannot start unit %s: systemd is not on the system bus", unit);
        if (unit_error_is_no_reply(error))
                return format_message("no reply from systemd about unit %s: %s", unit, words_of(error));
        return format_message("systemd refused to start unit %s: %s (%s)", unit, words_of(error),
                              error->name);
}

char *unit_explain_reply(const char *unit, sd_bus_message *reply, int r)
{
        const sd_bus_error *error = sd_bus_message_get_error(reply);

        if (error != NULL)
                return explain_error(unit, error);
        return format_message("invalid reply from systemd about unit %s: %s", unit, strerror(-r));
}
