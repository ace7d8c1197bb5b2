/* SPDX-License-Identifier: MIT */

/* Compares the jobs, [discover NAME] sections and hooks of two configurations. */

#include "app/config_changes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"
#include "util/message.h"

#define NAMED_MAX 10

enum item_kind {
        ITEM_JOB,
        ITEM_DISCOVER,
        ITEM_HOOK,
};

/* Only a job has an id, others 0. Jobs are the same if their ids are, whatever their names. */
struct item {
        uint64_t id;
        const char *name; /* of a job perhaps NULL */
};

struct item_set {
        struct item *items; /* sorted */
        size_t count;
};

static int compare_items(const void *left_pointer, const void *right_pointer)
{
        const struct item *left = left_pointer, *right = right_pointer;

        if (left->id != right->id)
                return left->id < right->id ? -1 : 1;
        return left->id == 0 ? strcmp(left->name, right->name) : 0;
}

static size_t count_items(const struct config *config, enum item_kind kind)
{
        switch (kind) {
        case ITEM_JOB:
                return config->job_count;
        case ITEM_DISCOVER:
                return config->discover_count;
        case ITEM_HOOK:
                return config->hook_count;
        }
        __builtin_unreachable();
}

static struct item item_at(const struct config *config, enum item_kind kind, size_t i)
{
        switch (kind) {
        case ITEM_JOB:
                return (struct item){ config->jobs[i].id, config->jobs[i].name };
        case ITEM_DISCOVER:
                return (struct item){ .name = config->discovers[i].name };
        case ITEM_HOOK:
                return (struct item){ .name = config->hooks[i].name };
        }
        __builtin_unreachable();
}

/* What a configuration has of a kind. */
static struct item_set collect(const struct config *config, enum item_kind kind)
{
        struct item_set set = { .count = count_items(config, kind) };

        set.items = memory_need(calloc(set.count + 1, sizeof(*set.items)));
        for (size_t i = 0; i < set.count; i++)
                set.items[i] = item_at(config, kind, i);
        qsort(set.items, set.count, sizeof(*set.items), compare_items);
        return set;
}

static bool contains(const struct item_set *set, const struct item *item)
{
        return bsearch(item, set->items, set->count, sizeof(*set->items), compare_items) != NULL;
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

/* Prints "4 jobs (1 added: 14)". */
static void print_changes(FILE *file, const char *noun, struct item_set old, struct item_set new)
{
        static const char begin[] = " (";

        (void)fprintf(file, "%zu %s%s", new.count, noun, plural(new.count));
        const char *before = print_lacking(file, begin, "added", &new, &old);
        before = print_lacking(file, before, "removed", &old, &new);
        (void)fputs(before != begin ? ")" : "", file);
        free(old.items);
        free(new.items);
}

char *config_changes_text(const struct config *old, const struct config *new)
{
        char *text = NULL;
        size_t size = 0;
        FILE *file = memory_need(open_memstream(&text, &size));

        print_changes(file, "job", collect(old, ITEM_JOB), collect(new, ITEM_JOB));
        if (old->discover_count > 0 || new->discover_count > 0) {
                (void)fputs(", ", file);
                print_changes(file, "[discover] section", collect(old, ITEM_DISCOVER),
                              collect(new, ITEM_DISCOVER));
        }
        (void)fputs(", ", file);
        print_changes(file, "hook", collect(old, ITEM_HOOK), collect(new, ITEM_HOOK));
        if (fclose(file) != 0)
                memory_exhausted();
        return text;
}
