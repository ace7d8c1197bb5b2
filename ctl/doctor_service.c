/* SPDX-License-Identifier: MIT */

/* Whether the service runs, and what it says of itself. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "ctl/doctor.h"
#include "ctl/doctor_units.h"
#include "util/cleanup.h"
#include "util/message.h"
#include "util/timespan.h"

/* The service replies at once, unless it is stuck. */
#define REPLY_US (25 * USEC_PER_SEC)

static void explain_absence(struct doctor *doctor)
{
        CLEANUP(cleanup_free) char *load = doctor_unit_property(doctor, doctor->unit, "LoadState");
        CLEANUP(cleanup_free) char *active = doctor_unit_property(doctor, doctor->unit, "ActiveState");

        if (load != NULL && strcmp(load, "not-found") == 0)
                doctor_add(doctor, VERDICT_FAILURE, format_message("there is no unit %s", doctor->unit),
                           format_message("install the package again"), NULL);
        else if (active != NULL && strcmp(active, "failed") == 0)
                doctor_add(doctor, VERDICT_FAILURE, format_message("%s has failed", doctor->unit),
                           format_message("see 'journalctl -u %s', then run 'systemctl restart %s'",
                                          doctor->unit, doctor->unit),
                           format_message("service: failed"));
        else
                doctor_add(doctor, VERDICT_FAILURE, format_message("%s is not running", doctor->unit),
                           format_message("run 'systemctl start %s'", doctor->unit),
                           format_message("service: not running"));
}

static void explain_failure(struct doctor *doctor, const struct call_failure *failure)
{
        if (call_failure_is_absence(failure))
                explain_absence(doctor);
        else if (failure->from_bus && failure->error == -EACCES)
                doctor_add(doctor, VERDICT_SKIPPED,
                           format_message("only root and members of the group jobwatchd may ask the service"),
                           format_message("run 'sudo %s doctor'", doctor->tool), NULL);
        else
                doctor_add(doctor, VERDICT_FAILURE,
                           format_message("%s does not reply: %s", doctor->unit,
                                          failure->message != NULL ? failure->message
                                                                   : strerror(-failure->error)),
                           format_message("run 'systemctl restart %s'", doctor->unit), NULL);
}

static void check_status(struct doctor *doctor)
{
        const struct row *status = &doctor->status;
        const uint64_t failed = row_number(status, "DeliveriesFailed"),
                       failing = row_number(status, "FailingJobs");
        const char *version = row_text(status, "Version"), *login = row_text(status, "Login");
        char *facts = format_message(
                "service: version %s, %" PRIu64 " open, %" PRIu64 " succeeded, %" PRIu64 " failed, %" PRIu64
                " cannot be polled; %" PRIu64 " deliveries pending, %" PRIu64 " failed; %" PRIu64
                " requests in the last hour",
                version != NULL ? version : "", row_number(status, "Open"), row_number(status, "Succeeded"),
                row_number(status, "Failed"), failing, row_number(status, "DeliveriesPending"), failed,
                row_number(status, "RequestsHour"));

        if (login != NULL)
                doctor_add(doctor, VERDICT_FAILURE,
                           format_message("the service has no valid tokens, and polls nothing"),
                           format_message("run '%s'", login), NULL);
        if (failed > 0)
                doctor_add(doctor, VERDICT_WARNING,
                           format_message("%" PRIu64 " deliver%s to hooks failed", failed,
                                          failed == 1 ? "y" : "ies"),
                           format_message("see '%s deliveries --failed', then run '%s retry --failed'",
                                          doctor->tool, doctor->tool),
                           NULL);
        if (failing > 0)
                doctor_add(doctor, VERDICT_WARNING,
                           format_message("%" PRIu64 " job%s cannot be polled", failing, plural(failing)),
                           format_message("see '%s list --failing'", doctor->tool), NULL);
        if (row_flag(status, "ReloadFailed"))
                doctor_add(
                        doctor, VERDICT_WARNING,
                        format_message("the last reload failed, and the configuration before is in effect"),
                        format_message("correct the configuration, then run 'systemctl reload %s'",
                                       doctor->unit),
                        NULL);
        doctor_add(doctor, VERDICT_OK, format_message("%s is running", doctor->unit), NULL, facts);
}

void doctor_check_service(struct doctor *doctor)
{
        struct client *client = doctor->client;
        struct call_failure failure;

        if (client->bus == NULL) {
                doctor_add(doctor, VERDICT_FAILURE, format_message("cannot connect to the system bus"),
                           format_message("run 'systemctl start dbus.service'"), NULL);
                return;
        }
        client_set_deadline(client, REPLY_US);
        if (client_try(client, client_message(client, "GetStatus"), &doctor->status_reply, &failure) < 0) {
                explain_failure(doctor, &failure);
                call_failure_clear(&failure);
        } else if (row_read(doctor->status_reply, &doctor->status) < 0) {
                doctor_add(doctor, VERDICT_FAILURE,
                           format_message("jobwatchd and jobwatchctl are not of the same version"),
                           format_message("run 'systemctl restart %s'", doctor->unit), NULL);
        } else {
                doctor->running = true;
                check_status(doctor);
        }
}
