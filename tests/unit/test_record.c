/* SPDX-License-Identifier: MIT */

/* A record owns all of its texts. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/record.h"

static void test_clear_frees_every_text(void **state)
{
        const struct text source = TEXT_LITERAL("text");
        struct job_record record = { .id = 1, .business_id = 2, .has_status = true, .has_result = true };
        struct text *const texts[] = {
                &record.status,   &record.result, &record.guid,  &record.description, &record.files,
                &record.business, &record.user,   &record.email, &record.created_on,  &record.updated_on,
        };
        const size_t count = sizeof(texts) / sizeof(texts[0]);
        (void)state;

        /* Fails if a text is added to the record but not here: no other member has this size. */
        assert_int_equal((sizeof(record) - 3 * sizeof(uint64_t)) / sizeof(struct text), count);

        /* The leak checker finds what is not freed. */
        for (size_t i = 0; i < count; i++)
                text_copy(&source, texts[i]);
        job_record_clear(&record);

        for (size_t i = 0; i < count; i++) {
                assert_null(texts[i]->data);
                assert_int_equal(texts[i]->size, 0);
        }
        assert_int_equal(record.id, 0);
        assert_int_equal(record.business_id, 0);
        assert_false(record.has_status);
        assert_false(record.has_result);
}

static void test_clear_accepts_an_empty_record(void **state)
{
        struct job_record record = { 0 };
        (void)state;

        job_record_clear(&record);
        job_record_clear(&record);
        assert_null(record.status.data);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_clear_frees_every_text),
                cmocka_unit_test(test_clear_accepts_an_empty_record),
        };

        return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
