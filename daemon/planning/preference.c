/* SPDX-License-Identifier: MIT */

/* A host that has trouble with the database would not stay active for long. */

#include "planning/preference.h"

bool preference_asks(struct preference *preference, bool is_well, uint64_t now_us)
{
        if (!is_well) {
                preference->since_us = 0;
                return false;
        }
        if (preference->since_us == 0)
                preference->since_us = now_us;
        if (now_us < preference->since_us + PREFERENCE_WAIT_US)
                return false;
        preference->since_us = now_us;
        return true;
}
