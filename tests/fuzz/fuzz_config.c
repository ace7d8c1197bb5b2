/* SPDX-License-Identifier: MIT */

/*
 * Reads arbitrary bytes as a configuration file. The result must be a configuration or at least one error,
 * and a configuration that is printed and read back must print the same.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_load.h"
#include "config/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct config *load(const char *data, size_t size)
{
        struct config_problems problems = { 0 };
        struct config *config = NULL;

        int r = config_load_memory("fuzz.ini", data, size, NULL, &problems, &config);
        if ((r == 0) != (problems.errors == 0) || (r == 0) != (config != NULL))
                abort();
        for (size_t i = 0; i < problems.count; i++)
                if (strncmp(problems.items[i].message, "fuzz.ini:", strlen("fuzz.ini:")) != 0)
                        abort();
        config_problems_clear(&problems);
        return config;
}

static char *print(const struct config *config, size_t *ret_size)
{
        char *text = NULL;

        FILE *file = open_memstream(&text, ret_size);
        if (file == NULL || config_print(config, file) < 0 || fclose(file) != 0)
                abort();
        return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t first_size, second_size;

        struct config *config = load(size > 0 ? (const char *)data : "", size);
        if (config == NULL)
                return 0;

        char *first = print(config, &first_size);
        struct config *again = load(first, first_size);
        if (again == NULL)
                abort();
        char *second = print(again, &second_size);
        if (first_size != second_size || memcmp(first, second, first_size) != 0)
                abort();

        free(first);
        free(second);
        config_free(config);
        config_free(again);
        return 0;
}
