/* SPDX-License-Identifier: MIT */

/*
 * ResultData in the table `texts`: the first TEXT_HEAD_SIZE bytes in `head`, with a sum, and the others in
 * `rest`. Triggers (schema.c) delete a text that nothing refers to, and the rest of one that is history only.
 * Where nothing is missing, the digest is the checksum of the text.
 */

#include "state/sqlite/texts.h"

#include <errno.h>
#include <string.h>

#include "state/sqlite/row.h"

static void bind_digest(sqlite3_stmt *statement, uint64_t job, struct text_digest digest)
{
        (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)job);
        (void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)digest.hash);
        (void)sqlite3_bind_int64(statement, 3, (sqlite3_int64)digest.size);
}

/* Returns 1 if the whole text is stored, else 0. */
static int text_find(struct store *store, uint64_t job, struct text_digest digest)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;

        int r = store_statement(store, STATEMENT_TEXT_FIND, &statement);
        if (r < 0)
                return r;
        bind_digest(statement, job, digest);
        return store_step(store, statement);
}

int store_text_write(struct store *store, uint64_t job, const struct text *text, struct text_digest digest)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;
        size_t head = text_cut(text->data, text->size, TEXT_HEAD_SIZE);

        if (text->data == NULL)
                return 0;
        int r = text_find(store, job, digest);
        if (r != 0)
                return r < 0 ? r : 0;
        r = store_statement(store, STATEMENT_TEXT_PUT, &statement);
        if (r < 0)
                return r;

        struct row_writer row = row_write(statement);
        row_write_number(&row, job);
        row_write_number(&row, digest.hash);
        row_write_number(&row, digest.size);
        row_write_bytes(&row, text->data, head);
        row_write_sum(&row);
        row_write_bytes(&row, text->size > head ? text->data + head : NULL, text->size - head);
        return row_write_end(store, &row);
}

/* Appends the rest to the head. */
static int text_join(struct store *store, struct text *head, const struct text *rest)
{
        char *data = realloc(head->data, head->size + rest->size + 1);

        if (data == NULL)
                return store_fail(store, -ENOMEM, "out of memory");
        memcpy(data + head->size, rest->data, rest->size + 1);
        head->data = data;
        head->size += rest->size;
        return 0;
}

int store_text_read(struct store *store, uint64_t job, struct text_digest digest, struct text *ret_text,
                    uint64_t *ret_size)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;
        CLEANUP(text_clear) struct text text = TEXT_NULL;
        CLEANUP(text_clear) struct text rest = TEXT_NULL;

        *ret_size = 0;
        *ret_text = TEXT_NULL;
        if (text_digest_equal(digest, text_digest(&TEXT_NULL)))
                return 0;
        int r = store_statement(store, STATEMENT_TEXT_GET, &statement);
        if (r < 0)
                return r;
        bind_digest(statement, job, digest);
        r = store_step(store, statement);
        if (r < 0)
                return r;
        if (r == 0)
                return store_fail(store, -EUCLEAN, "a ResultData is missing in the database");

        struct row_reader row = row_read(statement);
        row_read_known_number(&row, job);
        row_read_known_number(&row, digest.hash);
        row_read_known_number(&row, digest.size);
        row_read_text(&row, &text);
        r = row_read_end(store, &row);
        if (r < 0)
                return r;
        row_read_text(&row, &rest);
        if (row.error == -ENOMEM)
                return store_fail(store, -ENOMEM, "out of memory");
        if (rest.data != NULL) {
                r = text_join(store, &text, &rest);
                if (r < 0)
                        return r;
        }
        bool cut = rest.data == NULL && text.size < digest.size;
        if (row.error < 0 || (!cut && !text_digest_equal(text_digest(&text), digest)))
                return store_fail(store, -EUCLEAN, "a ResultData in the database is damaged");

        if (cut)
                *ret_size = digest.size;
        *ret_text = text;
        text = TEXT_NULL;
        return 0;
}
