/* SPDX-License-Identifier: MIT */

/*
 * The statements. They are prepared when a connection begins. Parameters and results are in their binary
 * form. The rows of a statement are read as a whole when it is executed, so that each that reads a table
 * which grows has a limit.
 */

#include "state/postgresql/queries.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"

/* Types of columns: their OIDs, which are the same everywhere. */
enum {
        TYPE_BOOL = 16,
        TYPE_BYTEA = 17,
        TYPE_INT8 = 20,
        TYPE_INT4 = 23,
        TYPE_TEXT = 25,
};

/* A row, beside its texts: see used_bytes in postgresql.c. */
#define ROW_SIZE 200

#define NAME_MAX_SIZE 16

/* What is not said as in every engine. */
static const char *own_sql(enum statement which)
{
        if (which == STATEMENT_TEXT_PUT)
                return "INSERT INTO texts (job, hash, size, data) VALUES (?1, ?2, ?3, ?4) "
                       "ON CONFLICT (job, hash, size) DO UPDATE SET id = DEFAULT, data = ?4 "
                       "WHERE length(texts.data) < ?3";
        if (which == STATEMENT_USAGE)
                return "SELECT (SELECT coalesce(sum(length(data)), 0)::bigint FROM texts) + 200 * "
                       "((SELECT count(*) FROM events) + (SELECT count(*) FROM jobs) "
                       "+ (SELECT count(*) FROM texts) + (SELECT count(*) FROM deliveries))";
        if (which == STATEMENT_COPY_END)
                return "SELECT setval('events_sequence_seq', (SELECT coalesce(max(sequence), 1) FROM "
                       "events)), "
                       "setval('deliveries_id_seq', (SELECT coalesce(max(id), 1) FROM deliveries)), "
                       "setval('texts_id_seq', (SELECT coalesce(max(id), 1) FROM texts))";
        return statement_sql(which);
}

/* The statement gives a number to a new row, which it returns. */
static const char *returned_column(enum statement which)
{
        return which == STATEMENT_EVENT_PUT ? "sequence" : which == STATEMENT_DELIVERY_PUT ? "id" : NULL;
}

static void query_name(enum statement which, char ret_name[static NAME_MAX_SIZE])
{
        (void)snprintf(ret_name, NAME_MAX_SIZE, "s%d", (int)which);
}

/* The SQL with $1 for ?1, malloc()ed, and the number of its parameters. */
static char *sql_of(enum statement which, int *ret_parameters)
{
        const char *column = returned_column(which);
        size_t size = strlen(own_sql(which)) + 32;
        char *sql = memory_malloc(NULL, size);
        int parameters = 0;

        (void)snprintf(sql, size, "%s%s%s", own_sql(which), column != NULL ? " RETURNING " : "",
                       column != NULL ? column : "");
        for (char *at = strchr(sql, '?'); at != NULL; at = strchr(at, '?')) {
                int number = (int)strtol(at + 1, NULL, 10);
                *at = '$';
                parameters = number > parameters ? number : parameters;
        }
        *ret_parameters = parameters;
        return sql;
}

static int prepare_one(struct postgresql *postgresql, enum statement which)
{
        struct query *query = &postgresql->queries[which];
        CLEANUP(cleanup_free) char *sql = sql_of(which, &query->parameters);
        CLEANUP(cleanup_result) PGresult *result = NULL;
        char name[NAME_MAX_SIZE];

        assert(query->parameters <= PARAMETERS_MAX);
        query->which = which;
        query_name(which, name);
        return postgresql_wait(postgresql,
                               PQsendPrepare(postgresql->connection, name, sql, query->parameters, NULL) == 1,
                               &result);
}

int queries_prepare(struct postgresql *postgresql)
{
        int r = 0;

        for (unsigned i = 0; r >= 0 && i < STATEMENT_COUNT; i++)
                r = prepare_one(postgresql, (enum statement)i);
        return r;
}

/* ---- parameters ---- */

int query_bind(struct store *store, struct query *query, int index, const struct column *column)
{
        int64_t *number = &query->numbers[index - 1];
        struct column value = *column;

        assert(index <= query->parameters);
        if (column->type == COLUMN_NUMBER) {
                *number = (int64_t)htobe64((uint64_t)column->number);
                value.data = number;
                value.size = sizeof(*number);
        }
        if (value.size > INT_MAX)
                return store_fail(store, -E2BIG, "too large");
        query->values[index - 1] = value.data;
        query->sizes[index - 1] = (int)value.size;
        return 0;
}

void query_release(struct query *query)
{
        PQclear(query->result);
        query->result = NULL;
        memset(query->values, 0, sizeof(query->values));
}

/* ---- rows ---- */

/* Whether a statement makes the state smaller. */
static bool deletes(enum statement which)
{
        return which == STATEMENT_EVENT_PRUNE || which == STATEMENT_EVENT_PRUNE_TENTH ||
               which == STATEMENT_TEXT_CUT;
}

static void note_change(struct postgresql *postgresql, const struct query *query)
{
        uint64_t size = ROW_SIZE;

        postgresql->store.changes = strtoull(PQcmdTuples(query->result), NULL, 10);
        if (deletes(query->which) && postgresql->store.changes > 0)
                postgresql->used_is_stale = true;
        for (int i = 0; i < query->parameters; i++)
                size += query->values[i] != NULL ? (uint64_t)query->sizes[i] : 0;
        postgresql->written += size;
        postgresql->transaction += size;
}

static int execute(struct postgresql *postgresql, struct query *query)
{
        static const int binary[PARAMETERS_MAX] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                                    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
        char name[NAME_MAX_SIZE];

        query_name(query->which, name);
        int r = postgresql_wait(postgresql,
                                PQsendQueryPrepared(postgresql->connection, name, query->parameters,
                                                    query->values, query->sizes, binary, 1) == 1,
                                &query->result);
        if (r < 0)
                return r;
        query->row = -1;
        if (PQresultStatus(query->result) == PGRES_COMMAND_OK || returned_column(query->which) != NULL)
                note_change(postgresql, query);
        return 0;
}

int query_step(struct store *store, struct query *query)
{
        struct postgresql *postgresql = postgresql_of(store);

        if (query->result == NULL) {
                int r = execute(postgresql, query);
                if (r < 0)
                        return r;
        }
        if (query->row < PQntuples(query->result))
                query->row++;
        bool has_row = query->row < PQntuples(query->result);
        if (!has_row || returned_column(query->which) == NULL)
                return has_row;
        struct column column;
        query_read_column(query, 0, &column);
        store->last_id = (uint64_t)column.number;
        return 0;
}

static int64_t number_of(const char *data, size_t size)
{
        uint64_t number = 0;

        for (size_t i = 0; i < size; i++)
                number = number << 8 | (unsigned char)data[i];
        return size == 4 ? (int32_t)(uint32_t)number : (int64_t)number;
}

void query_read_column(struct query *query, int index, struct column *ret_column)
{
        const char *data = PQgetvalue(query->result, query->row, index);
        size_t size = (size_t)PQgetlength(query->result, query->row, index);

        *ret_column = (struct column){ .type = COLUMN_NULL, .data = data, .size = size };
        if (PQgetisnull(query->result, query->row, index) != 0)
                return;
        switch (PQftype(query->result, index)) {
        case TYPE_BOOL:
        case TYPE_INT4:
        case TYPE_INT8:
                ret_column->type = COLUMN_NUMBER;
                ret_column->number = number_of(data, size);
                return;
        case TYPE_TEXT:
                ret_column->type = COLUMN_STRING;
                return;
        case TYPE_BYTEA:
                ret_column->type = COLUMN_BYTES;
                return;
        default:
                ret_column->type = COLUMN_INVALID;
                return;
        }
}

int query_read_text(struct store *store, uint64_t row, size_t max, struct text *ret_text)
{
        struct postgresql *postgresql = postgresql_of(store);
        CLEANUP(cleanup_result) PGresult *result = NULL;
        char sql[128];

        (void)snprintf(sql, sizeof(sql), "SELECT substr(data, 1, %zu) FROM texts WHERE id = %lld", max + 1,
                       (long long)row);
        int r = postgresql_wait(
                postgresql, PQsendQueryParams(postgresql->connection, sql, 0, NULL, NULL, NULL, NULL, 1) == 1,
                &result);
        if (r < 0)
                return r;
        if (PQntuples(result) != 1)
                return store_fail(store, -EUCLEAN, "a ResultData is missing in the database");
        text_from(PQgetvalue(result, 0, 0), (size_t)PQgetlength(result, 0, 0), ret_text);
        return 0;
}
