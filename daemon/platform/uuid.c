/* SPDX-License-Identifier: MIT */

/* Names that nothing else has. */

#include "platform/uuid.h"

#include <stdio.h>
#include <systemd/sd-id128.h>

int uuid_new(char ret_uuid[static UUID_SIZE])
{
        sd_id128_t id;
        int r = sd_id128_randomize(&id);

        if (r < 0)
                return r;
        (void)snprintf(ret_uuid, UUID_SIZE, SD_ID128_UUID_FORMAT_STR, SD_ID128_FORMAT_VAL(id));
        return 0;
}
