/* SPDX-License-Identifier: MIT */

/*
 * Every MESSAGE_ID has an entry in the catalog and vice versa, and the fields used in a catalog entry exist
 * in the journal entries.
 */

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "journal/event_message.h"
#include "journal/message_ids.h"
#include "journal_capture.h"

#define ENTRIES_MAX 100
#define ID_SIZE     32

struct id {
        char name[64];
        char id[ID_SIZE + 1];
};

struct explanation {
        char id[ID_SIZE + 1];
        char subject[200];
        char defined_by[200];
        char body[4000];
};

static struct id ids[ENTRIES_MAX];
static struct explanation explanations[ENTRIES_MAX];
static size_t id_count, explanation_count;

static int read_ids(void)
{
        FILE *file = fopen(SOURCE_ROOT "/daemon/journal/message_ids.h", "re");
        char line[512];

        if (file == NULL)
                return -1;
        while (fgets(line, sizeof(line), file) != NULL) {
                assert_true(id_count < ENTRIES_MAX);
                if (strncmp(line, "#define", 7) != 0)
                        continue;
                assert_int_equal(
                        sscanf(line, "#define %63s \"%32[0-9a-f]\"", ids[id_count].name, ids[id_count].id),
                        2);
                id_count++;
        }
        return fclose(file);
}

static void read_line(const char *line)
{
        if (strncmp(line, "-- ", 3) == 0) {
                assert_true(explanation_count < ENTRIES_MAX);
                struct explanation *next = &explanations[explanation_count++];
                assert_int_equal(sscanf(line, "-- %32[0-9a-f]", next->id), 1);
                assert_int_equal(strlen(line), 3 + ID_SIZE + 1); /* no language, nothing else */
                return;
        }
        if (explanation_count == 0)
                return; /* the comment at the top */

        struct explanation *now = &explanations[explanation_count - 1];
        size_t used = strlen(now->body);
        if (used == 0 && sscanf(line, "Subject: %199[^\n]", now->subject) == 1)
                return;
        if (used == 0 && sscanf(line, "Defined-By: %199[^\n]", now->defined_by) == 1)
                return;
        if (used == 0 && isupper((unsigned char)line[0]) && strchr(line, ':') != NULL &&
            (size_t)(strchr(line, ':') - line) == strcspn(line, " :"))
                return; /* Documentation: and the like */
        assert_true(used + strlen(line) < sizeof(now->body));
        if (used > 0 || line[0] != '\n')
                strcpy(now->body + used, line);
}

static int read_catalog(void)
{
        FILE *file = fopen(SOURCE_ROOT "/systemd/jobwatchd.catalog", "re");
        char line[512];

        if (file == NULL)
                return -1;
        while (fgets(line, sizeof(line), file) != NULL)
                read_line(line);
        return fclose(file);
}

static int group_setup(void **state)
{
        (void)state;
        return read_ids() < 0 || read_catalog() < 0 ? -1 : 0;
}

static const struct id *id_find(const char *id)
{
        for (size_t i = 0; i < id_count; i++)
                if (strcmp(ids[i].id, id) == 0)
                        return &ids[i];
        return NULL;
}

static const struct explanation *explanation_find(const char *id)
{
        const struct explanation *found = NULL;

        for (size_t i = 0; i < explanation_count; i++)
                if (strcmp(explanations[i].id, id) == 0) {
                        if (found != NULL)
                                fail_msg("%s is explained twice", id);
                        found = &explanations[i];
                }
        return found;
}

static void test_ids(void **state)
{
        (void)state;
        assert_true(id_count > EVENT_KIND_COUNT);
        for (size_t i = 0; i < id_count; i++) {
                assert_int_equal(strncmp(ids[i].name, "MESSAGE_ID_", 11), 0);
                assert_int_equal(strlen(ids[i].id), ID_SIZE);
                assert_ptr_equal(id_find(ids[i].id), &ids[i]); /* no duplicates */
        }
}

static void test_each_id_is_explained_once(void **state)
{
        (void)state;
        for (size_t i = 0; i < id_count; i++)
                if (explanation_find(ids[i].id) == NULL)
                        fail_msg("%s (%s) is not in the catalog", ids[i].name, ids[i].id);
        for (size_t i = 0; i < explanation_count; i++)
                if (id_find(explanations[i].id) == NULL)
                        fail_msg("nothing has the id %s of the catalog", explanations[i].id);
        assert_int_equal(explanation_count, id_count);
}

static void test_explanations_are_complete(void **state)
{
        (void)state;
        for (size_t i = 0; i < explanation_count; i++) {
                const struct explanation *explanation = &explanations[i];

                if (*explanation->subject == '\0' || strlen(explanation->body) < 40)
                        fail_msg("%s lacks a subject or a text", explanation->id);
                assert_string_equal(explanation->defined_by, "jobwatchd");
        }
}

/* Checks that each @FIELD@ of a text exists in the last captured entry. */
static void check_fields(const struct explanation *explanation, const char *text)
{
        for (const char *at = strchr(text, '@'); at != NULL;) {
                const char *end = strchr(at + 1, '@');
                char name[100];

                if (end == NULL || (size_t)(end - at) > sizeof(name)) {
                        fail_msg("%s: unpaired @", explanation->id);
                        return;
                }
                (void)snprintf(name, sizeof(name), "%.*s", (int)(end - at - 1), at + 1);
                if (capture_field(name, NULL) == NULL)
                        fail_msg("%s uses %s, which its entries do not have", explanation->id, name);
                at = strchr(end + 1, '@');
        }
}

static void test_fields_are_in_the_entries(void **state)
{
        const struct log_config settings = capture_settings();
        struct journal *journal = NULL;
        bool explained[ENTRIES_MAX] = { false };
        (void)state;

        assert_int_equal(journal_open(&settings, &journal), 0);
        for (unsigned kind = 0; kind < EVENT_KIND_COUNT; kind++) {
                const struct event event = capture_event((enum event_kind)kind);
                const struct explanation *explanation = explanation_find(event_message_id(event.kind));

                assert_non_null(explanation);
                assert_int_equal(journal_event(journal, &event), 0);
                check_fields(explanation, explanation->subject);
                check_fields(explanation, explanation->body);
                explained[explanation - explanations] = true;
        }

        /* All others are messages, with at most the fields of a job. */
        journal_print_about(journal, LOG_ERR, MESSAGE_ID_STARTED, 7, "name", "text");
        for (size_t i = 0; i < explanation_count; i++)
                if (!explained[i]) {
                        check_fields(&explanations[i], explanations[i].subject);
                        check_fields(&explanations[i], explanations[i].body);
                }
        journal_close(journal);
        capture_reset();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ids),
                cmocka_unit_test(test_each_id_is_explained_once),
                cmocka_unit_test(test_explanations_are_complete),
                cmocka_unit_test(test_fields_are_in_the_entries),
        };

        return cmocka_run_group_tests_name("catalog", tests, group_setup, NULL);
}
