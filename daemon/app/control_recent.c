/* SPDX-License-Identifier: MIT */

/* Recent: the latest jobs of the account, which the API is asked for. */

#include <errno.h>
#include <stdlib.h>

#include "app/control_state.h"
#include "bus/reply.h"
#include "monitor/listing.h"
#include "monitor/recent.h"
#include "util/memory.h"

struct recent {
        const struct control *control;
        struct bus_call *call;
};

static void put_row(const struct recent *recent, const struct job_record *row)
{
        struct bus_call *call = recent->call;
        struct watched_job watched;

        bus_row_begin(call);
        bus_put_number(call, "Id", row->id);
        control_put_text(call, "Status", &row->status);
        control_put_text(call, "Description", &row->description);
        control_put_text(call, "Business", &row->business);
        if (row->business_id != 0)
                bus_put_number(call, "BusinessId", row->business_id);
        control_put_text(call, "CreatedOn", &row->created_on);
        control_put_text(call, "UpdatedOn", &row->updated_on);
        bus_put_flag(call, "Watched", monitor_find(recent->control->parts.monitor, row->id, &watched));
        bus_row_end(call);
}

static void on_rows(void *userdata, const char *error, const struct job_record rows[], size_t count)
{
        struct recent *recent = userdata;

        if (error != NULL) {
                bus_call_fail(recent->call, BUS_API_UNAVAILABLE, "the API cannot be asked: %s", error);
        } else {
                bus_rows_begin(recent->call);
                for (size_t i = 0; i < count; i++)
                        put_row(recent, &rows[i]);
                bus_rows_end(recent->call);
                bus_call_send(recent->call);
        }
        free(recent);
}

void control_recent(void *userdata, struct bus_call *call, const struct bus_recent *arguments)
{
        const struct control *control = userdata;
        struct recent *recent = memory_malloc(NULL, sizeof(*recent));
        const struct recent_query query = {
                .limit = arguments->limit,
                .business = arguments->business,
                .description = arguments->description,
        };

        *recent = (struct recent){ control, call };
        int r = monitor_search_recent(control->parts.monitor, &query, on_rows, recent);
        if (r >= 0)
                return;
        if (r == -EBUSY)
                bus_call_fail(call, BUS_BUSY, "too many searches are in progress");
        else
                bus_call_fail(call, BUS_API_UNAVAILABLE, "the service is stopping");
        free(recent);
}
