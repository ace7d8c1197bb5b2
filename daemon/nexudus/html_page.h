/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>
#include <string.h>

#include "http/http.h"

/* Whether the body of a response that is no success begins as an HTML page, which the API does not send. */
static inline bool is_html_page(const struct http_end *end)
{
        size_t start = 0;

        while (start < end->excerpt_size && strchr(" \t\r\n", end->excerpt[start]) != NULL)
                start++;
        return start < end->excerpt_size && end->excerpt[start] == '<';
}
