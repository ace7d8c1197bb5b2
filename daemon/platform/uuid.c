/* SPDX-License-Identifier: MIT */

/* Names that nothing else has. */

#include "platform/uuid.h"

#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-id128.h>

void uuid_new(char ret_uuid[static UUID_SIZE])
{
        sd_id128_t id;

        if (sd_id128_randomize(&id) < 0) /* the kernel has no randomness: it never says so */
                abort();
        (void)snprintf(ret_uuid, UUID_SIZE, SD_ID128_UUID_FORMAT_STR, SD_ID128_FORMAT_VAL(id));
}
