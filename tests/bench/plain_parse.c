/* SPDX-License-Identifier: MIT */

/* A minimal user of yajl. */

#include "plain_parse.h"

#include <string.h>

static int on_string(void *userdata, const unsigned char *data, size_t size)
{
        struct plain_parse *parse = userdata;

        (void)data;
        if (parse->target != NULL)
                *parse->target = size;
        parse->target = NULL;
        return 1;
}

static int on_number(void *userdata, const char *digits, size_t size)
{
        return on_string(userdata, (const unsigned char *)digits, size);
}

static int on_null(void *userdata)
{
        return on_string(userdata, NULL, 0);
}

static int on_boolean(void *userdata, int value)
{
        (void)value;
        return on_string(userdata, NULL, 0);
}

static int on_key(void *userdata, const unsigned char *data, size_t size)
{
        struct plain_parse *parse = userdata;

        parse->target = NULL;
        if (size == 2 && memcmp(data, "Id", 2) == 0)
                parse->target = &parse->id;
        else if (size == 6 && memcmp(data, "Status", 6) == 0)
                parse->target = &parse->status;
        else if (size == 10 && memcmp(data, "ResultData", 10) == 0)
                parse->target = &parse->result;
        else if (size == 9 && memcmp(data, "UpdatedOn", 9) == 0)
                parse->target = &parse->updated;
        return 1;
}

static int on_object_end(void *userdata)
{
        struct plain_parse *parse = userdata;

        parse->records++;
        return 1;
}

yajl_handle plain_parse_new(struct plain_parse *parse)
{
        static const yajl_callbacks callbacks = {
                .yajl_null = on_null,
                .yajl_boolean = on_boolean,
                .yajl_number = on_number,
                .yajl_string = on_string,
                .yajl_map_key = on_key,
                .yajl_end_map = on_object_end,
        };

        return yajl_alloc(&callbacks, NULL, parse);
}
