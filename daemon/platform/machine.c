/* SPDX-License-Identifier: MIT */

/* A client id derived from the machine id. */

#include "platform/machine.h"

#include <stdio.h>
#include <systemd/sd-id128.h>

/* The application id for sd_id128_get_machine_app_specific(). */
#define APPLICATION_ID SD_ID128_MAKE(5d, 0e, 27, b4, 9a, 3c, 4e, 0f, 8f, 5e, 61, c2, 7b, 90, d4, a8)

int machine_client_id(char ret_name[static MACHINE_CLIENT_ID_SIZE])
{
        sd_id128_t id;

        int r = sd_id128_get_machine_app_specific(APPLICATION_ID, &id);
        if (r < 0)
                return r;
        (void)snprintf(ret_name, MACHINE_CLIENT_ID_SIZE, "jobwatchd-" SD_ID128_FORMAT_STR,
                       SD_ID128_FORMAT_VAL(id));
        return 0;
}
