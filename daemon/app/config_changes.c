/* SPDX-License-Identifier: MIT */

/* Compares the jobs and hooks of two configurations. */

#include "app/config_changes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/message.h"

#define NAMED_MAX 10

/* A job, or a hook, whose id is 0. Jobs are the same if their ids are, whatever their names. */
struct item {
        uint64_t id;
        const char *name; /* of a job perhaps NULL */
};

struct item_set {
        struct item *items, *sorted;
        size_t count;
};

static int compare_items(const void *left_pointer, const void *right_pointer)
{
        const struct item *left = left_pointer, *right = right_pointer;

        if (left->id != right->id)
                return left->id < right->id ? -1 : 1;
        return left->id == 0 ? strcmp(left->name, right->name) : 0;
}

/* The jobs or the hooks of a configuration. Without memory `items` or `sorted` is NULL. */
static struct item_set collect(const struct config *config, bool hooks)
{
        size_t count = hooks ? config->hook_count : config->job_count;
        struct item_set set = {
                .items = calloc(count + 1, sizeof(*set.items)),
                .sorted = calloc(count + 1, sizeof(*set.sorted)),
                .count = count,
        };

        if (set.items == NULL || set.sorted == NULL)
                return set;
        for (size_t i = 0; i < count; i++) {
                set.items[i].id = hooks ? 0 : config->jobs[i].id;
                set.items[i].name = hooks ? config->hooks[i].name : config->jobs[i].name;
        }
        memcpy(set.sorted, set.items, count * sizeof(*set.items));
        qsort(set.sorted, count, sizeof(*set.sorted), compare_items);
        return set;
}

static bool contains(const struct item_set *set, const struct item *item)
{
        return bsearch(item, set->sorted, set->count, sizeof(*set->sorted), compare_items) != NULL;
}

static void print_item(FILE *file, const struct item *item)
{
        if (item->id == 0)
                (void)fputs(item->name, file);
        else if (item->name == NULL)
                (void)fprintf(file, "%" PRIu64, item->id);
        else
                (void)fprintf(file, "%" PRIu64 " (%s)", item->id, item->name);
}

/* Prints what the other set lacks, as in "2 added: A, B" after `before`. Returns what to print before more.
 */
static const char *print_lacking(FILE *file, const char *before, const char *what, const struct item_set *set,
                                 const struct item_set *other)
{
        size_t lacking = 0, shown = 0;

        for (size_t i = 0; i < set->count; i++)
                lacking += !contains(other, &set->items[i]);
        if (lacking == 0)
                return before;
        (void)fprintf(file, "%s%zu %s: ", before, lacking, what);
        for (size_t i = 0; i < set->count && shown < NAMED_MAX; i++)
                if (!contains(other, &set->items[i])) {
                        (void)fputs(shown++ > 0 ? ", " : "", file);
                        print_item(file, &set->items[i]);
                }
        if (lacking > shown)
                (void)fprintf(file, " and %zu more", lacking - shown);
        return "; ";
}

/* Prints "4 jobs (1 added: 14)". Returns false when out of memory. */
static bool print_changes(FILE *file, const char *noun, struct item_set old, struct item_set new)
{
        static const char begin[] = " (";
        bool complete = old.items != NULL && old.sorted != NULL && new.items != NULL &&new.sorted != NULL;

        if (complete) {
                (void)fprintf(file, "%zu %s%s", new.count, noun, plural(new.count));
                const char *before = print_lacking(file, begin, "added", &new, &old);
                before = print_lacking(file, before, "removed", &old, &new);
                (void)fputs(before != begin ? ")" : "", file);
        }
        free(old.items);
        free(old.sorted);
        free(new.items);
        free(new.sorted);
        return complete;
}

char *config_changes_text(const struct config *old, const struct config *new)
{
        char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);

        if (file == NULL)
                return NULL;
        bool complete = print_changes(file, "job", collect(old, false), collect(new, false));
        (void)fputs(", ", file);
        complete = print_changes(file, "hook", collect(old, true), collect(new, true)) && complete;
        if (fclose(file) != 0 || !complete) {
                free(text);
                return NULL;
        }
        return text;
}
