/* SPDX-License-Identifier: MIT */

/* A client id derived from the machine id and the state directory. */

#include "platform/machine.h"

#include <stdio.h>
#include <systemd/sd-id128.h>

#include "util/text.h"

/* The application id for sd_id128_get_machine_app_specific(). */
#define APPLICATION_ID SD_ID128_MAKE(5d, 0e, 27, b4, 9a, 3c, 4e, 0f, 8f, 5e, 61, c2, 7b, 90, d4, a8)

int machine_client_id(const char *state_directory, char ret_name[static MACHINE_CLIENT_ID_SIZE])
{
        const struct text_digest digest = text_digest_of(state_directory);
        sd_id128_t application = APPLICATION_ID, id;

        /* Each state directory is an application of its own. */
        for (size_t i = 0; i < sizeof(digest.hash); i++)
                application.bytes[i] ^= (uint8_t)(digest.hash >> (8 * i));
        int r = sd_id128_get_machine_app_specific(application, &id);
        if (r < 0)
                return r;
        (void)snprintf(ret_name, MACHINE_CLIENT_ID_SIZE, "jobwatchd-" SD_ID128_FORMAT_STR,
                       SD_ID128_FORMAT_VAL(id));
        return 0;
}
