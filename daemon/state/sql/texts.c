/* SPDX-License-Identifier: MIT */

/*
 * ResultData in the table `texts`. Triggers (schema.c) delete a text that nothing refers to, and cut one that
 * is history only. TEXT_HEAD_SIZE bytes of it are left, and the next one, which shows whether a character
 * ends there.
 */

#include "state/sql/texts.h"

#include <errno.h>
#include <stdlib.h>

#include "state/sql/row.h"
#include "util/memory.h"

int store_text_write(struct store *store, uint64_t job, const struct text *text, struct text_digest digest)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_TEXT_PUT);

        if (text->data == NULL)
                return 0;
        row_write_number(&row, job);
        row_write_number(&row, digest.hash);
        row_write_number(&row, digest.size);
        row_write_text(&row, text);
        return row_step(&row);
}

void store_text_cut(struct text *text, size_t max)
{
        text->size = text_cut(text->data, text->size, max);
        text->data[text->size] = '\0';
}

int store_text_read(struct store *store, uint64_t job, struct text_digest digest, struct text *ret_text,
                    uint64_t *ret_size)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_TEXT_GET);
        CLEANUP(text_clear) struct text text = TEXT_NULL;

        *ret_size = 0;
        *ret_text = TEXT_NULL;
        if (text_digest_equal(digest, text_digest(&TEXT_NULL)))
                return 0;
        row_write_number(&row, job);
        row_write_number(&row, digest.hash);
        row_write_number(&row, digest.size);
        int r = row_step(&row);
        if (r < 0)
                return r;
        if (r == 0)
                return store_fail(store, -EUCLEAN, "a ResultData is missing in the database");

        row_read_text(&row, &text);
        r = row_read_end(&row);
        if (r < 0)
                return r;

        if (text.size == TEXT_HEAD_SIZE + 1 && text.size < digest.size) {
                *ret_size = digest.size;
                store_text_cut(&text, TEXT_HEAD_SIZE);
        } else if (text.data == NULL || text.size != digest.size) {
                return store_fail(store, -EUCLEAN, "a ResultData in the database is damaged");
        }
        *ret_text = text;
        text = TEXT_NULL;
        return 0;
}

/* ---- the beginning only ---- */

int store_text_read_row(struct store *store, uint64_t row, size_t max, struct text *ret_text)
{
        struct text text = TEXT_NULL;

        int r = store->engine->read_text(store, row, max, &text);
        if (r < 0)
                return r;
        store_text_cut(&text, max);
        *ret_text = text;
        return 0;
}

int store_text_read_head(struct store *store, uint64_t job, struct text_digest digest, size_t max,
                         struct text *ret_text)
{
        CLEANUP(row_release) struct row row = row_prepare(store, STATEMENT_TEXT_HEAD);

        if (digest.size == UINT64_MAX) /* null */
                return 0;
        row_write_number(&row, job);
        row_write_number(&row, digest.hash);
        row_write_number(&row, digest.size);
        int r = row_step(&row);
        if (r <= 0)
                return r;

        uint64_t text = row_read_number(&row);
        row_read_text(&row, ret_text);
        r = row_read_end(&row);
        if (r < 0)
                return r;
        if (ret_text->data == NULL)
                return store_text_read_row(store, text, max, ret_text);
        store_text_cut(ret_text, max);
        return 0;
}
