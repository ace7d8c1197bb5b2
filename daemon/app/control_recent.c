/* SPDX-License-Identifier: MIT */

/* Recent: the latest jobs of the account, which the API is asked for. */

#include <errno.h>

#include "app/control_state.h"
#include "bus/reply.h"
#include "monitor/listing.h"
#include "monitor/recent.h"

static void put_row(struct bus_call *call, const struct job_record *row)
{
        const struct control *control = bus_call_userdata(call);
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
        bus_put_flag(call, "Watched", monitor_find(control->parts->monitor, row->id, &watched));
        bus_row_end(call);
}

static void on_rows(void *userdata, const char *error, const struct job_record rows[], size_t count)
{
        struct bus_call *call = userdata;

        if (error != NULL) {
                bus_call_fail(call, BUS_API_UNAVAILABLE, "the API cannot be asked: %s", error);
                return;
        }
        bus_rows_begin(call);
        for (size_t i = 0; i < count; i++)
                put_row(call, &rows[i]);
        bus_rows_end(call);
        bus_call_send(call);
}

void control_recent(struct bus_call *call)
{
        const struct control *control = bus_call_userdata(call);
        const struct bus_recent *arguments = &bus_call_arguments(call)->recent;
        const struct recent_query query = {
                .limit = arguments->limit,
                .business = arguments->business,
                .description = arguments->description,
        };

        int r = monitor_search_recent(control->parts->monitor, &query, on_rows, call);
        if (r == -EBUSY)
                bus_call_fail(call, BUS_BUSY, "too many searches are in progress");
        else if (r < 0)
                bus_call_fail(call, BUS_API_UNAVAILABLE, "the service is stopping");
}
