/* SPDX-License-Identifier: MIT */

/* GetStatus: the state of the service as a whole, and what is wrong with it. */

#include <stdlib.h>

#include "app/control_state.h"
#include "app/status_text.h"
#include "bus/reply.h"
#include "util/cleanup.h"
#include "util/message.h"
#include "util/string_list.h"
#include "util/timespan.h"
#include "version.h"

static void cleanup_list(struct string_list *list)
{
        string_list_clear(list);
}

/* Takes the sentence. */
static void add_problem(struct string_list *problems, char *sentence)
{
        string_list_add(problems, sentence);
        free(sentence);
}

static void list_problems(const struct status_facts *facts, struct string_list *problems)
{
        const struct monitor_counts *jobs = &facts->jobs;

        if (jobs->login != NULL)
                add_problem(
                        problems,
                        jobs->login_is_due
                                ? format_message("The API token expires soon and cannot be renewed. "
                                                 "Run \"%s\" before that.",
                                                 jobs->login)
                                : format_message("Nobody is signed in to the API. Run \"%s\".", jobs->login));
        else if (jobs->failure != FAILURE_NONE)
                add_problem(problems,
                            format_message("The API cannot be used: %s.", status_failure_text(jobs)));
        if (jobs->feed_problem != NULL)
                add_problem(problems, format_message("The change feed is off: %s.", jobs->feed_problem));
        if (jobs->discovery_problem != NULL)
                add_problem(problems, format_message("New jobs are not found: %s.", jobs->discovery_problem));
        if (jobs->failing > 0)
                add_problem(problems, format_message("%zu job%s cannot be polled.", jobs->failing,
                                                     plural(jobs->failing)));
        if (facts->deliveries.abandoned > 0)
                add_problem(problems,
                            format_message("%zu deliver%s failed.", facts->deliveries.abandoned,
                                           facts->deliveries.abandoned == 1 ? "y has" : "ies have"));
        if (facts->state_error != NULL)
                add_problem(problems, format_message("The state cannot be written: %s.", facts->state_error));
        if (facts->state_slow)
                add_problem(problems, format_message("The disk of the state does not respond."));
        if (facts->deliveries.state_error)
                add_problem(problems, format_message("Results of hooks cannot be recorded."));
        if (facts->state_disk_is_low)
                add_problem(problems, format_message("The disk of the state is almost full."));
        if (facts->journal_stuck)
                add_problem(problems, format_message("Log entries cannot be written at present."));
        if (facts->reload_failed)
                add_problem(problems,
                            format_message("The last reload failed; the configuration before is in effect."));
}

static void put_jobs(const struct control *control, struct bus_call *call, const struct monitor_counts *jobs)
{
        bus_put_number(call, "Watched", jobs->watched);
        bus_put_number(call, "Open", jobs->open);
        bus_put_number(call, "Succeeded", jobs->succeeded);
        bus_put_number(call, "Failed", jobs->failed);
        bus_put_number(call, "FailingJobs", jobs->failing);
        bus_put_string(call, "Api", jobs->failure == FAILURE_NONE ? "ok" : failure_to_string(jobs->failure));
        if (jobs->failure != FAILURE_NONE)
                bus_put_number(call, "ApiRetryUSec", control_wall_us(control, jobs->retry_us));
        if (jobs->failure == FAILURE_NONE && jobs->next_us != USEC_NEVER)
                bus_put_number(call, "NextPollUSec", control_wall_us(control, jobs->next_us));
        bus_put_count(call, "RequestsHour", jobs->spent_hour);
}

static void put_tokens(struct bus_call *call, const struct status_facts *facts)
{
        const struct monitor_counts *jobs = &facts->jobs;

        bus_put_string(call, "Auth", config_auth_to_string(facts->config->api.auth));
        if (jobs->token_expires_us > 0)
                bus_put_number(call, "TokenExpiresUSec", jobs->token_expires_us);
        if (jobs->refresh_expires_us > 0)
                bus_put_number(call, "RefreshExpiresUSec", jobs->refresh_expires_us);
        bus_put_string(call, "Login", jobs->login);
}

static void put_feed(struct bus_call *call, const struct monitor_counts *jobs)
{
        if (jobs->feed_problem != NULL) {
                CLEANUP(cleanup_free) char *text = format_message("off: %s", jobs->feed_problem);
                bus_put_string(call, "Feed", text);
        } else {
                bus_put_string(call, "Feed", jobs->feed_works ? "on" : "off");
        }
        bus_put_string(call, "DiscoveryProblem", jobs->discovery_problem);
}

static void put_active_host(struct bus_call *call, const struct store_active_host *host)
{
        bus_put_string(call, "Role", "active");
        bus_put_string(call, "ActiveHost", host->name);
        bus_put_number(call, "ActiveSinceUSec", host->since_us);
}

void control_get_status(struct bus_call *call)
{
        const struct control *control = bus_call_userdata(call);
        const struct status_facts facts = control->parts->describe(control->parts->userdata);
        CLEANUP(cleanup_list) struct string_list problems = { .items = NULL };
        CLEANUP(cleanup_free) char *text = status_text(&facts);
        char *const none[] = { NULL };

        list_problems(&facts, &problems);
        bus_row_begin(call);
        bus_put_string(call, "Version", JOBWATCH_VERSION);
        bus_put_string(call, "Instance", control->parts->options->instance);
        bus_put_number(call, "StartedUSec", control->started_us);
        if (facts.host != NULL)
                put_active_host(call, facts.host);
        put_jobs(control, call, &facts.jobs);
        bus_put_count(call, "RequestsHourLimit", facts.config->limits.per_hour);
        put_tokens(call, &facts);
        put_feed(call, &facts.jobs);
        bus_put_number(call, "DeliveriesPending", facts.deliveries.pending);
        bus_put_number(call, "DeliveriesFailed", facts.deliveries.abandoned);
        bus_put_string(call, "StateError", facts.state_error);
        bus_put_flag(call, "StateSlow", facts.state_slow);
        bus_put_flag(call, "DiskLow", facts.state_disk_is_low);
        bus_put_flag(call, "JournalStuck", facts.journal_stuck);
        bus_put_flag(call, "ReloadFailed", facts.reload_failed);
        bus_put_string(call, "Text", text);
        bus_put_strings(call, "Problems", problems.items != NULL ? problems.items : none);
        bus_row_end(call);
        bus_call_send(call);
}
