/* SPDX-License-Identifier: MIT */

/* Which proxy the environment names, and which failures are its own. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <curl/curl.h>

#include "http/http_proxy.h"

static int forget(void **state)
{
        static const char *const names[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" };
        (void)state;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                assert_int_equal(unsetenv(names[i]), 0);
        return 0;
}

/* `variable` is NULL if there is to be none. */
static void expect(const char *variable, const char *address)
{
        struct http_proxy proxy = http_proxy_find();

        if (variable == NULL) {
                assert_null(proxy.variable);
                return;
        }
        assert_non_null(proxy.variable);
        assert_string_equal(proxy.variable, variable);
        assert_string_equal(proxy.address, address);
}

static void test_variables(void **state)
{
        (void)state;
        expect(NULL, NULL);
        assert_int_equal(setenv("ALL_PROXY", "http://d:4", 1), 0);
        expect("ALL_PROXY", "d:4");
        assert_int_equal(setenv("all_proxy", "http://c:3", 1), 0);
        expect("all_proxy", "c:3");
        assert_int_equal(setenv("HTTPS_PROXY", "http://b:2", 1), 0);
        expect("HTTPS_PROXY", "b:2");
        assert_int_equal(setenv("https_proxy", "http://a:1", 1), 0);
        expect("https_proxy", "a:1");
}

static void test_addresses(void **state)
{
        static const struct {
                const char *proxy, *address;
        } cases[] = {
                { "http://proxy.example:3128", "proxy.example:3128" },
                { "http://user:PASSWORD@proxy.example:3128", "proxy.example:3128" },
                { "http://user:PASS%40WORD@proxy.example:3128/", "proxy.example:3128" },
                { "proxy.example", "proxy.example:1080" },
                { "user:PASSWORD@proxy.example:1", "proxy.example:1" },
                { "https://proxy.example", "proxy.example:443" },
                { "socks5h://user:PASSWORD@127.0.0.1:9050", "127.0.0.1:9050" },
                { "http://[::1]:3128", "[::1]:3128" },
                { "http://user:PASSWORD@127.0.0.1:99999", "" },
                { "http://user:PASSWORD@127.0.0.1:port", "" },
                { "http://user:PASSWORD@", "" },
        };
        (void)state;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_int_equal(setenv("https_proxy", cases[i].proxy, 1), 0);
                expect("https_proxy", cases[i].address);
        }
}

static void test_a_long_address_is_cut(void **state)
{
        static const char before[] = "http://";
        char proxy[1000];
        (void)state;

        memset(proxy, 'a', sizeof(proxy));
        proxy[sizeof(proxy) - 1] = '\0';
        memcpy(proxy, before, strlen(before));
        assert_int_equal(setenv("https_proxy", proxy, 1), 0);
        assert_int_equal(strlen(http_proxy_find().address), HTTP_PROXY_ADDRESS_SIZE - 1);
}

/* What libcurl connected to shows whether there was a proxy. */
static void test_failures(void **state)
{
        static const struct {
                struct http_curl_result result;
                long connect_status;
                bool failed;
        } cases[] = {
                { { .code = CURLE_COULDNT_CONNECT, .port = 3128 }, 0, true },
                { { .code = CURLE_OPERATION_TIMEDOUT, .port = 3128 }, 0, true },
                { { .code = CURLE_COULDNT_CONNECT, .port = 443 }, 0, false }, /* no_proxy */
                { { .code = CURLE_COULDNT_RESOLVE_HOST }, 0, false },
                { { .code = CURLE_COULDNT_RESOLVE_PROXY }, 0, true },
                { { .code = CURLE_RECV_ERROR, .port = 3128 }, 407, true },
                { { .code = CURLE_SSL_CONNECT_ERROR, .port = 3128 }, 200, false },
                { { .code = CURLE_SSL_CONNECT_ERROR, .port = 3128 }, 0, false },
                { { .code = CURLE_RECV_ERROR, .port = 3128, .sent = true }, 200, false },
        };
        (void)state;

        assert_int_equal(setenv("https_proxy", "http://proxy.example:3128", 1), 0);
        struct http_proxy proxy = http_proxy_find();
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                if (http_proxy_has_failed(&proxy, &cases[i].result, cases[i].connect_status) !=
                    cases[i].failed)
                        fail_msg("case %zu", i);

        assert_int_equal(unsetenv("https_proxy"), 0);
        proxy = http_proxy_find();
        assert_false(http_proxy_has_failed(&proxy, &cases[0].result, 0));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_variables, forget),
                cmocka_unit_test_setup(test_addresses, forget),
                cmocka_unit_test_setup(test_a_long_address_is_cut, forget),
                cmocka_unit_test_setup(test_failures, forget),
        };

        return cmocka_run_group_tests_name("http_proxy", tests, NULL, NULL);
}
