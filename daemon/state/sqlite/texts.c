/* SPDX-License-Identifier: MIT */

/*
 * ResultData in the table `texts`: the first TEXT_HEAD_SIZE bytes in `head`, and the others in `rest`.
 * Triggers (schema.c) delete a text that nothing refers to, and the rest of one that is history only.
 */

#include "state/sqlite/texts.h"

#include <errno.h>
#include <string.h>

#include "state/sqlite/row.h"

int store_text_write(struct store *store, uint64_t job, const struct text *text, struct text_digest digest)
{
        CLEANUP(cleanup_statement) sqlite3_stmt *statement = NULL;
        size_t head = text_cut(text->data, text->size, TEXT_HEAD_SIZE);

        if (text->data == NULL)
                return 0;
        int r = store_statement(store, STATEMENT_TEXT_PUT, &statement);
        if (r < 0)
                return r;

        struct row_writer row = row_write(statement);
        row_write_number(&row, job);
        row_write_number(&row, digest.hash);
        row_write_number(&row, digest.size);
        row_write_bytes(&row, text->data, head);
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
        (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)job);
        (void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)digest.hash);
        (void)sqlite3_bind_int64(statement, 3, (sqlite3_int64)digest.size);
        r = store_step(store, statement);
        if (r < 0)
                return r;
        if (r == 0)
                return store_fail(store, -EUCLEAN, "a ResultData is missing in the database");

        struct row_reader row = row_read(statement);
        row_read_text(&row, &text);
        row_read_text(&row, &rest);
        r = row_read_end(store, &row);
        if (r >= 0 && rest.data != NULL)
                r = text_join(store, &text, &rest);
        if (r < 0)
                return r;

        bool cut = rest.data == NULL && text.size < digest.size;
        if (text.data == NULL || (!cut && text.size != digest.size))
                return store_fail(store, -EUCLEAN, "a ResultData in the database is damaged");
        if (cut)
                *ret_size = digest.size;
        *ret_text = text;
        text = TEXT_NULL;
        return 0;
}
