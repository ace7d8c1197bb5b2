/* SPDX-License-Identifier: MIT */

/*
 * Reads arbitrary bytes as a configuration file. The result must be a configuration or at least one error,
 * and a configuration that is printed and read back must have the same values and print the same.
 *
 * The same bytes are then taken for a Status: the line that is suggested for it must make it a success, and
 * be kept when the configuration is printed.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/value_syntax.h"
#include "util/text.h"

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

static void check(bool condition)
{
        if (!condition)
                abort();
}

static void check_texts(const char *left, const char *right)
{
        check(left == NULL || right == NULL ? left == right : strcmp(left, right) == 0);
}

static void check_lists(const struct string_list *left, const struct string_list *right)
{
        check(left->count == right->count);
        for (size_t i = 0; i < left->count; i++)
                check(strcmp(left->items[i], right->items[i]) == 0);
}

static void check_discover(const struct discover_config *left, const struct discover_config *right)
{
        check(strcmp(left->name, right->name) == 0);
        check(left->business.count == right->business.count);
        for (size_t i = 0; i < left->business.count; i++)
                check(left->business.ids[i] == right->business.ids[i]);
        check_lists(&left->description, &right->description);
        check_lists(&left->files, &right->files);
        check_lists(&left->user, &right->user);
        check_lists(&left->hooks, &right->hooks);
        check(left->since_us == right->since_us && left->hooks_given == right->hooks_given);
        check(left->poll.interval_us == right->poll.interval_us);
        check(left->poll.max_interval_us == right->poll.max_interval_us);
        check(left->poll.stalled_after_us == right->poll.stalled_after_us);
        check(left->poll.result_wait_us == right->poll.result_wait_us);
}

static void check_values(const struct config *left, const struct config *right)
{
        check(strcmp(left->api.base_url, right->api.base_url) == 0);
        check(strcmp(left->api.username, right->api.username) == 0);
        check(strcmp(left->api.token_file, right->api.token_file) == 0);
        check(strcmp(left->api.ca_file, right->api.ca_file) == 0);
        check(strcmp(left->state_directory, right->state_directory) == 0);
        check_lists(&left->status.failure, &right->status.failure);
        check_lists(&left->status.success, &right->status.success);
        check_lists(&left->status.running, &right->status.running);
        check_lists(&left->status.failed_result, &right->status.failed_result);

        check(left->job_count == right->job_count);
        for (size_t i = 0; i < left->job_count; i++)
                check(left->jobs[i].id == right->jobs[i].id);
        check(left->discover_count == right->discover_count);
        for (size_t i = 0; i < left->discover_count; i++)
                check_discover(&left->discovers[i], &right->discovers[i]);
        check(left->hook_count == right->hook_count);
        for (size_t i = 0; i < left->hook_count; i++) {
                check(left->hooks[i].kind == right->hooks[i].kind && left->hooks[i].on == right->hooks[i].on);
                check_texts(left->hooks[i].target, right->hooks[i].target); /* NULL with url_file */
                check_texts(left->hooks[i].url_file, right->hooks[i].url_file);
        }
}

/* Prints the configuration, reads it back and compares. Takes the configuration. */
static void check_round_trip(struct config *config)
{
        size_t first_size, second_size;

        char *first = print(config, &first_size);
        struct config *again = load(first, first_size);
        check(again != NULL);
        check_values(config, again);
        char *second = print(again, &second_size);
        check(first_size == second_size && memcmp(first, second, first_size) == 0);

        free(first);
        free(second);
        config_free(config);
        config_free(again);
}

static void check_status(const char *data, size_t size)
{
        static const char head[] = "[jobs]\nids = 1\n[status]\nfailure =\n";
        struct text status = { 0 };

        text_from(data, size, &status);
        char *line = status_line_write(&status);
        check(line != NULL);
        char *text = malloc(sizeof(head) + strlen(line));
        check(text != NULL);
        strcpy(stpcpy(text, head), line);

        struct config *config = load(text, strlen(text));
        check(config != NULL);
        check(status_classify(&config->status, &status, &TEXT_NULL).outcome == OUTCOME_SUCCESS);
        check_round_trip(config);
        free(text);
        free(line);
        text_clear(&status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *text = size > 0 ? (const char *)data : "";
        struct config *config = load(text, size);

        if (config != NULL)
                check_round_trip(config);
        check_status(text, size);
        return 0;
}
