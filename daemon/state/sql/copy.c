/* SPDX-License-Identifier: MIT */

/*
 * Copies a state, table by table and column by column, as it is: engines store the same rows. A table is read
 * in pages, since an engine may hold all rows of a statement in memory.
 *
 * The order of the tables is that of the references between them. Texts are last, so that no trigger finds
 * one that is used by nothing yet.
 *
 * Both stores are used at least once a page. So the server keeps the session of the source, and with it the
 * lock, until the target is committed.
 */

#include "state/copy.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "state/sql/engine.h"
#include "state/sql/row.h"
#include "util/cleanup.h"
#include "util/message.h"

#define PAGE_ROWS 100
/* A text may be as large as a response of the API. */
#define PAGE_TEXTS 4

#define COLUMNS_MAX 25

/* The columns of a record, see row_write_record(). */
#define RECORD "nnbbbbbbbbb"

struct table {
        const char *name;
        enum statement read, write;
        /* The types of its columns, the key first: n number, s string, b bytes, w words (row_read_words()).
         * Each but the key may be null, as far as the table allows it. */
        const char *columns;
        uint64_t page;
        enum statement after_page; /* executed in the target; 0: nothing is */
};

static const struct table tables[] = {
        { "events", STATEMENT_COPY_READ_EVENTS, STATEMENT_COPY_WRITE_EVENTS, "nsssnnnb" RECORD "bnnnnb",
          PAGE_ROWS, STATEMENT_COPY_LOGGED },
        { "unlogged", STATEMENT_COPY_READ_UNLOGGED, STATEMENT_COPY_WRITE_UNLOGGED, "n", PAGE_ROWS, 0 },
        { "deliveries", STATEMENT_COPY_READ_DELIVERIES, STATEMENT_COPY_WRITE_DELIVERIES, "nnnssnnnw",
          PAGE_ROWS, 0 },
        { "jobs", STATEMENT_COPY_READ_JOBS, STATEMENT_COPY_WRITE_JOBS, "nsnnnnnn" RECORD, PAGE_ROWS, 0 },
        { "discovered", STATEMENT_COPY_READ_DISCOVERED, STATEMENT_COPY_WRITE_DISCOVERED, "nbnn", PAGE_ROWS,
          0 },
        { "manual", STATEMENT_COPY_READ_MANUAL, STATEMENT_COPY_WRITE_MANUAL, "nsbbnn", PAGE_ROWS, 0 },
        { "values", STATEMENT_COPY_READ_VALUES, STATEMENT_COPY_WRITE_VALUES, "sbn", PAGE_ROWS, 0 },
        { "pruned", STATEMENT_COPY_READ_PRUNED, STATEMENT_COPY_WRITE_PRUNED, "n", PAGE_ROWS, 0 },
        { "texts", STATEMENT_COPY_READ_TEXTS, STATEMENT_COPY_WRITE_TEXTS, "nnnnb", PAGE_TEXTS, 0 },
};

#define TABLE_COUNT (sizeof(tables) / sizeof(tables[0]))

/* What is compared. */
struct count {
        uint64_t rows, sum;
};

/* Where a page begins: after this key, which is a number or a string. */
struct position {
        uint64_t number;
        struct text string;
};

static void position_clear(struct position *position)
{
        text_clear(&position->string);
}

struct copy {
        const struct copy_side *from, *to;
        char **ret_message;
};

/* ---- errors ---- */

#define LEFT_EMPTY    "It was left without data."
#define KEY_SHOWN_MAX 100

static int fail_reading(const struct copy *copy, const struct copy_side *side, const struct table *table,
                        int r)
{
        return fail_with_message(r, copy->ret_message, "Cannot read table %s of %s: %s. %s has no data.",
                                 table->name, side->name, store_error(side->store), copy->to->name);
}

static int fail_writing(const struct copy *copy, int r)
{
        return fail_with_message(r, copy->ret_message, "Cannot write to %s: %s. " LEFT_EMPTY, copy->to->name,
                                 store_error(copy->to->store));
}

static int fail_damaged(const struct copy *copy, const struct copy_side *side, const struct table *table,
                        const struct position *row)
{
        CLEANUP(cleanup_free)
        char *key = row->string.data != NULL ? text_escape(row->string.data, row->string.size, KEY_SHOWN_MAX)
                                             : format_message("%" PRIu64, row->number);

        return fail_with_message(-EUCLEAN, copy->ret_message,
                                 "%s is damaged: table %s, row %s: a value has a wrong type. %s has no data.",
                                 side->name, table->name, key, copy->to->name);
}

/* ---- rows ---- */

/* Null is of every type: the target does not take one where there must be none. */
static bool has_type(const struct column *column, char type)
{
        switch (column->type) {
        case COLUMN_NULL:
                return true;
        case COLUMN_NUMBER:
                return type == 'n';
        case COLUMN_STRING:
                return type == 's' || type == 'w';
        case COLUMN_BYTES:
                return type == 'b' || type == 'w';
        case COLUMN_INVALID:
                break;
        }
        return false;
}

static void move_to(struct position *position, const struct column *key)
{
        text_clear(&position->string);
        if (key->type == COLUMN_NUMBER)
                position->number = (uint64_t)key->number;
        else
                text_from(key->data, key->size, &position->string);
}

/* Reads the present row, and moves to it. Returns whether each value has the type of its column. */
static bool read_row(const struct row *rows, const struct table *table,
                     struct column ret_columns[COLUMNS_MAX], struct position *position)
{
        bool is_valid = true;

        for (int i = 0; table->columns[i] != '\0'; i++) {
                row_column(rows, i, &ret_columns[i]);
                is_valid &= has_type(&ret_columns[i], table->columns[i]);
        }
        move_to(position, &ret_columns[0]);
        return is_valid;
}

static uint64_t add_to_hash(uint64_t hash, struct text_digest digest)
{
        const uint64_t prime = UINT64_C(0x100000001b3);

        return ((hash ^ digest.hash) * prime ^ digest.size) * prime;
}

/* Of values, whatever types the engine has for them. Null, empty and 0 differ. */
static uint64_t hash_row(const struct table *table, const struct column columns[])
{
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        for (int i = 0; table->columns[i] != '\0'; i++) {
                struct text text = { .size = columns[i].size };
                struct text_digest digest = { (uint64_t)columns[i].number, sizeof(int64_t) };

                if (columns[i].type != COLUMN_NUMBER) {
                        if (columns[i].type != COLUMN_NULL) /* only read */
                                memcpy(&text.data, &columns[i].data, sizeof(text.data));
                        digest = text_digest(&text);
                }
                hash = add_to_hash(hash, digest);
        }
        return hash;
}

static int write_row(struct store *store, const struct table *table, const struct column columns[])
{
        CLEANUP(row_release) struct row row = row_prepare(store, table->write);

        for (int i = 0; table->columns[i] != '\0'; i++) {
                struct column column = columns[i];

                if (table->columns[i] == 'w' && column.type == COLUMN_BYTES)
                        column.type = COLUMN_STRING;
                row_write_column(&row, &column);
        }
        return row_step(&row);
}

/* ---- pages ---- */

static struct row read_page(struct store *store, const struct table *table, const struct position *after,
                            uint64_t max)
{
        struct row rows = row_prepare(store, table->read);

        if (table->columns[0] == 'n')
                row_write_number(&rows, after->number);
        else
                row_write_string(&rows, text_or_empty(&after->string));
        row_write_number(&rows, max);
        return rows;
}

/*
 * Reads the rows after a position, adds them to the count, and writes them to the target if `write`. Returns
 * 1 if there may be more, 0 at the end.
 */
static int do_page(const struct copy *copy, const struct copy_side *side, const struct table *table,
                   bool write, struct position *position, struct count *count)
{
        CLEANUP(row_release) struct row rows = read_page(side->store, table, position, table->page);
        struct column columns[COLUMNS_MAX] = { 0 };
        uint64_t read = 0;
        int r;

        for (; (r = row_step(&rows)) > 0; read++) {
                if (!read_row(&rows, table, columns, position))
                        return fail_damaged(copy, side, table, position);
                count->rows++;
                count->sum += hash_row(table, columns);
                if (write && (r = write_row(copy->to->store, table, columns)) < 0)
                        return fail_writing(copy, r);
        }
        if (r < 0)
                return fail_reading(copy, side, table, r);
        return read == table->page;
}

static int copy_table(const struct copy *copy, const struct table *table, struct count *count)
{
        CLEANUP(position_clear) struct position position = { .string = TEXT_NULL };
        int more;

        do {
                more = do_page(copy, copy->from, table, true, &position, count);
                int r = more >= 0 && table->after_page != 0
                                ? store_run(copy->to->store, table->after_page, NULL)
                                : 0;
                if (r < 0)
                        return fail_writing(copy, r);
        } while (more > 0);
        return more;
}

/* ---- before and after ---- */

/* Returns 1 and *ret_table if there is data in the store, 0 if there is none. */
static int find_data(const struct copy *copy, const struct copy_side *side, const char **ret_table)
{
        static const struct position start = { .string = TEXT_NULL };

        for (size_t i = 0; i < TABLE_COUNT; i++) {
                CLEANUP(row_release) struct row rows = read_page(side->store, &tables[i], &start, 1);

                int r = row_step(&rows);
                if (r < 0)
                        return fail_reading(copy, side, &tables[i], r);
                if (r > 0) {
                        *ret_table = tables[i].name;
                        return 1;
                }
        }
        return 0;
}

static int check_sides(const struct copy *copy)
{
        const char *table = NULL;

        int r = find_data(copy, copy->to, &table);
        if (r < 0)
                return r;
        if (r > 0)
                return fail_with_message(-EEXIST, copy->ret_message,
                                         "%s has data, in table %s. It was not changed. Copy to a state "
                                         "without data.",
                                         copy->to->name, table);
        r = find_data(copy, copy->from, &table);
        if (r < 0)
                return r;
        if (r == 0)
                return fail_with_message(
                        -ENODATA, copy->ret_message,
                        "%s has no data. Nothing was copied. Check its name, and --instance.",
                        copy->from->name);
        return 0;
}

/* The lock of the source is kept by using it. */
static int verify_table(const struct copy *copy, const struct table *table, const struct count *expected)
{
        CLEANUP(position_clear) struct position position = { .string = TEXT_NULL };
        struct count found = { 0 };
        int more;

        do {
                more = do_page(copy, copy->to, table, false, &position, &found);
                if (more < 0)
                        return more;
                int r = store_run(copy->from->store, STATEMENT_EVENT_NEWEST, NULL);
                if (r < 0)
                        return fail_reading(copy, copy->from, table, r);
        } while (more > 0);
        if (found.rows == expected->rows && found.sum == expected->sum)
                return 0;
        return fail_with_message(-EUCLEAN, copy->ret_message,
                                 "Table %s of %s is not as it was written: %" PRIu64 " rows with the sum "
                                 "%016" PRIx64 " instead of %" PRIu64 " with %016" PRIx64 ". " LEFT_EMPTY,
                                 table->name, copy->to->name, found.rows, found.sum, expected->rows,
                                 expected->sum);
}

static int copy_tables(const struct copy *copy, struct count counts[TABLE_COUNT])
{
        int r = check_sides(copy);

        for (size_t i = 0; r >= 0 && i < TABLE_COUNT; i++)
                r = copy_table(copy, &tables[i], &counts[i]);
        if (r >= 0) {
                r = store_run(copy->to->store, STATEMENT_COPY_END, NULL);
                if (r < 0)
                        return fail_writing(copy, r);
        }
        for (size_t i = 0; r >= 0 && i < TABLE_COUNT; i++)
                r = verify_table(copy, &tables[i], &counts[i]);
        return r;
}

int store_copy(const struct copy_side *from, const struct copy_side *to, copy_handler handler, void *userdata,
               char **ret_message)
{
        const struct copy copy = { .from = from, .to = to, .ret_message = ret_message };
        struct count counts[TABLE_COUNT] = { 0 };

        int r = store_batch_begin(to->store);
        if (r < 0)
                return fail_writing(&copy, r);
        r = copy_tables(&copy, counts);
        if (r < 0) {
                (void)store_batch_end(to->store, false);
                return r;
        }
        r = store_batch_end(to->store, true);
        if (r < 0)
                return fail_with_message(
                        r, ret_message,
                        "Cannot end the transaction in %s: %s. Copy again: if it is complete "
                        "nevertheless, it has data.",
                        to->name, store_error(to->store));
        for (size_t i = 0; i < TABLE_COUNT; i++)
                handler(userdata, tables[i].name, counts[i].rows, counts[i].sum);
        return 0;
}
