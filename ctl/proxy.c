/* SPDX-License-Identifier: MIT */

/* The variables of the environment that libcurl takes the proxy of https URLs from. */

#include "ctl/proxy.h"

#include <stddef.h>
#include <stdlib.h>

static const char *const variables[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" };

#define VARIABLES (sizeof(variables) / sizeof(*variables))

const char *proxy_url(void)
{
        for (size_t i = 0; i < VARIABLES; i++) {
                const char *value = getenv(variables[i]);
                if (value != NULL && *value != '\0')
                        return value;
        }
        return NULL;
}

void proxy_forget(void)
{
        for (size_t i = 0; i < VARIABLES; i++)
                (void)unsetenv(variables[i]);
        (void)unsetenv("no_proxy");
        (void)unsetenv("NO_PROXY");
}
