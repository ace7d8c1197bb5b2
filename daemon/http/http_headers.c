/* SPDX-License-Identifier: MIT */

/* Headers may contain credentials: they are overwritten before they are freed. */

#include "http/http_headers.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

DEFINE_CLEANUP(struct http_headers, http_headers_free)

int http_headers_new(const char *const lines[], struct http_headers **ret_headers)
{
        CLEANUP(cleanup_http_headers_free) struct http_headers *headers = calloc(1, sizeof(*headers));

        if (headers == NULL)
                return -ENOMEM;
        headers->references = 1;
        for (; *lines != NULL; lines++) {
                struct curl_slist *list = curl_slist_append(headers->list, *lines);
                if (list == NULL)
                        return -ENOMEM;
                headers->list = list;
        }

        *ret_headers = STEAL_POINTER(headers);
        return 0;
}

struct http_headers *http_headers_free(struct http_headers *headers)
{
        if (headers == NULL || --headers->references > 0)
                return NULL;

        for (struct curl_slist *line = headers->list; line != NULL; line = line->next)
                explicit_bzero(line->data, strlen(line->data));
        curl_slist_free_all(headers->list);
        free(headers);
        return NULL;
}
