/* SPDX-License-Identifier: MIT */

/* The search: which request is sent for a page, and what is a page. */

#include "http_fixture.h"

#include "nexudus/nexudus.h"

/* What the server replies. */
static const char *reply_status, *reply_body;

static void reply_script(struct loopback_peer *peer, const char *head, const char *body, void *userdata)
{
        (void)head;
        (void)body;
        (void)userdata;
        loopback_answer(peer, reply_status, "", reply_body, strlen(reply_body));
}

/* What a search got: the ids of its rows, and the page. */
struct found {
        unsigned responses;
        enum failure failure;
        char rows[200];
        bool has_page;
        struct search_page page;
        char explanation[512];
};

static void on_found_row(void *userdata, struct job_record *row)
{
        struct found *found = userdata;
        size_t size = strlen(found->rows);

        assert_int_equal(found->responses, 0);
        (void)snprintf(found->rows + size, sizeof(found->rows) - size, "%ju %s %s;", (uintmax_t)row->id,
                       row->updated_on.data != NULL ? row->updated_on.data : "-",
                       row->created_on.data != NULL ? row->created_on.data : "-");
}

static void on_found(void *userdata, const struct nexudus_response *response)
{
        struct found *found = userdata;

        found->responses++;
        found->failure = response->failure;
        assert_null(response->record);
        found->has_page = response->page != NULL;
        if (response->page != NULL)
                found->page = *response->page;
        (void)snprintf(found->explanation, sizeof(found->explanation), "%s", response->explanation);
}

static struct found search(struct http_fixture *fixture, const struct nexudus_search *search,
                           const char *status, const char *body)
{
        const struct nexudus_settings settings = { .base_url = loopback_url(fixture->server, ""),
                                                   .token = "s3cret",
                                                   .response_max = BODY_MAX };
        struct nexudus *nexudus = NULL;
        struct found found = { 0 };

        reply_status = status;
        reply_body = body;
        fixture->handler = reply_script;
        nexudus = nexudus_new(fixture->client, &settings);
        (void)nexudus_search(nexudus, search, on_found, &found);
        loop_until(fixture->event, &found.responses, 1);
        assert_int_equal(found.responses, 1);
        nexudus_free(nexudus);
        return found;
}

static void test_search_request(void **state)
{
        struct http_fixture *fixture = *state;
        struct nexudus_search wanted = {
                .order = NEXUDUS_BY_UPDATED_ON, .direction = -1, .page = 1, .size = 25, .on_row = on_found_row
        };

        search(fixture, &wanted, "200 OK", "{\"Records\":[]}");
        assert_memory_equal(
                fixture->head,
                "GET /api/sys/businessbackgroundjobs?page=1&size=25&orderBy=UpdatedOn&dir=-1 HTTP/1.1\r\n",
                86);
        assert_non_null(strstr(fixture->head, "\r\nAuthorization: Bearer s3cret\r\n"));
        wanted.order = NEXUDUS_BY_CREATED_ON;
        wanted.direction = 0;
        wanted.page = 200;
        wanted.size = 100;
        search(fixture, &wanted, "200 OK", "{\"Records\":[]}");
        assert_memory_equal(
                fixture->head,
                "GET /api/sys/businessbackgroundjobs?page=200&size=100&orderBy=CreatedOn&dir=0 HTTP/1.1\r\n",
                88);
}

static void test_search_page(void **state)
{
        static const char body[] = "{\"Records\":[{\"Id\":7,\"UpdatedOn\":\"b\",\"CreatedOn\":\"a\"},{\"Id\":"
                                   "5}],\"CurrentPage\":3,"
                                   "\"TotalItems\":77,\"HasNextPage\":true}";
        struct nexudus_search wanted = { .page = 3, .size = 2, .on_row = on_found_row };
        struct found found = search(*state, &wanted, "200 OK", body);

        assert_int_equal(found.failure, FAILURE_NONE);
        assert_string_equal(found.rows, "7 b a;5 - -;");
        assert_true(found.has_page);
        assert_int_equal(found.page.number, 3);
        assert_int_equal(found.page.total, 77);
        assert_true(found.page.has_total && found.page.has_next);
}

static void test_search_failures(void **state)
{
        static const struct {
                const char *status, *body;
                enum failure failure;
                const char *part;
        } replies[] = {
                { "200 OK", "{\"Message\":\"No\",\"WasSuccessful\":false}", FAILURE_UNEXPECTED,
                  "HTTP 200, not a page of job records: an object without an array of Records; it has "
                  "WasSuccessful: 'false', Message: 'No'" },
                { "200 OK", "[{\"Id\":1}]", FAILURE_UNEXPECTED, "an array where a page" },
                { "200 OK", "{\"Records\":[{\"Id\":1}]", FAILURE_UNEXPECTED, "truncated" },
                { "200 OK", "{\"Records\":[{\"Id\":1},{\"Id\":2},{\"Id\":3}]}", FAILURE_UNEXPECTED,
                  "more than 2 records" },
                { "401 Unauthorized", "{\"Records\":[]}", FAILURE_REFUSED, "401" },
                { "404 Not Found", "", FAILURE_NOT_FOUND, "404" },
                { "500 Oops", "{\"Records\":[]}", FAILURE_SERVER_ERROR, "500" },
        };
        const struct nexudus_search wanted = { .page = 1, .size = 1, .on_row = on_found_row };

        for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
                struct found found = search(*state, &wanted, replies[i].status, replies[i].body);
                if (found.failure != replies[i].failure ||
                    strstr(found.explanation, replies[i].part) == NULL || found.has_page)
                        fail_msg("%s: %s, %s", replies[i].body, failure_to_string(found.failure),
                                 found.explanation);
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_search_request),
                TEST(test_search_page),
                TEST(test_search_failures),
        };

        return cmocka_run_group_tests_name("nexudus_search", tests, NULL, NULL);
}
