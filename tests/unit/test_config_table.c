/* SPDX-License-Identifier: MIT */

/* The table of keys, and the example file compared with it. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/ini_reader.h"
#include "config/types.h"
#include "config/value_syntax.h"

#ifndef CONF_DIR
#define CONF_DIR "conf"
#endif

/* What was found in the example file, where text begins with "#" and settings to uncomment with ";". */
struct example {
        bool in_section;
        enum config_section section;
        size_t keys;
        const struct config_key *last;
        char value[4096];
        bool seen[128];
};

/* The value of the last key is complete; it must be the default of the table. */
static void end_value(struct example *example)
{
        const struct config_key *key = example->last;

        if (key != NULL && key->default_text != NULL)
                assert_string_equal(example->value, key->default_text);
        example->last = NULL;
        example->value[0] = '\0';
}

static void example_section(void *userdata, unsigned line, const char *header)
{
        struct example *example = userdata;

        (void)line;
        end_value(example);
        example->in_section = false;
        for (unsigned i = 0; i < SECTION_COUNT; i++) {
                const char *name = config_section_names[i];
                size_t length = strlen(name);
                if (strncmp(header, name, length) == 0 && (header[length] == '\0' || header[length] == ' ')) {
                        example->in_section = true;
                        example->section = (enum config_section)i;
                }
        }
        assert_true(example->in_section);
}

static void example_value(void *userdata, const char *name, const struct ini_line *lines, size_t count)
{
        struct example *example = userdata;

        assert_true(example->in_section);
        end_value(example);
        const struct config_key *key = config_key_find(example->section, name);
        if (key == NULL)
                fail_msg("the example has %s in [%s]", name, config_section_names[example->section]);
        size_t index = (size_t)(key - config_keys);
        assert_false(example->seen[index]);
        example->seen[index] = true;
        example->keys++;
        example->last = key;
        for (size_t i = 0; i < count; i++) {
                const char *value;
                size_t size;
                char quote = '\0';
                assert_null(value_text_read(lines[i].text, &quote, &value, &size));
                size_t used = strlen(example->value);
                snprintf(example->value + used, sizeof(example->value) - used, i > 0 ? " %.*s" : "%.*s",
                         (int)size, value);
        }
}

static void example_problem(void *userdata, unsigned line, const char *message)
{
        (void)userdata;
        fail_msg("line %u: %s", line, message);
}

static void test_example(void **state)
{
        static const struct ini_handlers handlers = { example_section, example_value, example_problem };
        struct example example = { 0 };
        char text[32768] = "", line[512];
        size_t used = 0;

        (void)state;
        assert_true(config_key_count <= sizeof(example.seen));
        FILE *file = fopen(CONF_DIR "/jobwatchd.ini", "re");
        assert_non_null(file);
        while (fgets(line, sizeof(line), file) != NULL) {
                const char *start = line[0] == ';' ? line + 1 : line;
                /* Text that begins with ";" by mistake is neither a key nor a header nor a continuation. */
                used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", start);
                assert_true(used < sizeof(text));
        }
        fclose(file);

        ini_read(text, used, &handlers, &example);
        end_value(&example);
        for (size_t i = 0; i < config_key_count; i++)
                if (!example.seen[i])
                        fail_msg("the example lacks %s", config_keys[i].name);
        assert_int_equal(example.keys, config_key_count);

        /* As shipped, only a job is missing. */
        struct config_problems problems = { 0 };
        struct config *config = NULL;
        assert_int_equal(config_load(CONF_DIR "/jobwatchd.ini", NULL, &problems, &config), -EINVAL);
        assert_int_equal(problems.count, 1);
        assert_non_null(strstr(problems.items[0].message, "no jobs to watch"));
        config_problems_clear(&problems);
}

/* Every row is consistent. */
static void test_table(void **state)
{
        (void)state;
        for (size_t i = 0; i < config_key_count; i++) {
                const struct config_key *key = &config_keys[i];
                /* Also that the rows of a section are next to each other. */
                assert_ptr_equal(config_key_find(key->section, key->name), key);
                assert_true(key->minimum <= key->maximum);
                assert_true((key->type == &config_type_choice || key->type == &config_type_events) ==
                            (key->choices != NULL));
                assert_true(strlen(key->name) <= INI_NAME_BYTES);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_example),
                cmocka_unit_test(test_table),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
