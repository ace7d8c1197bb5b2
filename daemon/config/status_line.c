/* SPDX-License-Identifier: MIT */

/* A Status is escaped twice: for the pattern, then for the quotes around the item. */

#include "config/status_line.h"

#include <assert.h>
#include <string.h>

#include "config/value_syntax.h"
#include "util/cleanup.h"
#include "util/glob.h"
#include "util/message.h"

#define STATUS_BYTES_MAX 1000

char *status_line_write(const struct text *status)
{
        assert(status->data != NULL);

        size_t size = text_cut(status->data, status->size, STATUS_BYTES_MAX);
        CLEANUP(cleanup_free) char *literal = glob_escape(status->data, size);
        CLEANUP(cleanup_free)
        char *pattern = format_message("%s%s", literal, size < status->size ? "*" : "");
        CLEANUP(cleanup_free) char *item = list_item_quote(pattern, strlen(pattern));

        return format_message("success += %s", item);
}
