/* SPDX-License-Identifier: MIT */

/* Which proxy the environment names for a URL. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/http_proxy.h"

#define URL "https://spaces.nexudus.com/api"

static int forget(void **state)
{
        static const char *const names[] = { "https_proxy", "HTTPS_PROXY", "all_proxy",
                                             "ALL_PROXY",   "no_proxy",    "NO_PROXY" };
        (void)state;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                assert_int_equal(unsetenv(names[i]), 0);
        return 0;
}

/* `variable` is NULL if there is to be none. */
static void expect(const char *url, const char *variable, const char *address)
{
        struct http_proxy proxy = http_proxy_find(url);

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
        expect(URL, NULL, NULL);
        assert_int_equal(setenv("ALL_PROXY", "http://d:4", 1), 0);
        expect(URL, "ALL_PROXY", "d:4");
        assert_int_equal(setenv("all_proxy", "http://c:3", 1), 0);
        expect(URL, "all_proxy", "c:3");
        assert_int_equal(setenv("HTTPS_PROXY", "http://b:2", 1), 0);
        expect(URL, "HTTPS_PROXY", "b:2");
        assert_int_equal(setenv("https_proxy", "http://a:1", 1), 0);
        expect(URL, "https_proxy", "a:1");
        expect("http://127.0.0.1/api", NULL, NULL);
        assert_int_equal(setenv("https_proxy", "", 1), 0);
        expect(URL, NULL, NULL);
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
                expect(URL, "https_proxy", cases[i].address);
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
        assert_int_equal(strlen(http_proxy_find(URL).address), HTTP_PROXY_ADDRESS_SIZE - 1);
}

static void test_exempt_hosts(void **state)
{
        static const struct {
                const char *list;
                bool exempt;
        } cases[] = {
                { "", false },
                { "*", true },
                { "nexudus.com", true },
                { ".nexudus.com", true },
                { "NEXUDUS.com", true },
                { "spaces.nexudus.com", true },
                { "example.com, spaces.nexudus.com", true },
                { "example.com nexudus.com", true },
                { "dus.com", false },
                { "www.spaces.nexudus.com", false },
                { "example.com,", false },
                { ".", false },
        };
        (void)state;

        assert_int_equal(setenv("https_proxy", "http://a:1", 1), 0);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_int_equal(setenv("no_proxy", cases[i].list, 1), 0);
                expect(URL, cases[i].exempt ? NULL : "https_proxy", "a:1");
        }
        assert_int_equal(unsetenv("no_proxy"), 0);
        assert_int_equal(setenv("NO_PROXY", "nexudus.com", 1), 0);
        expect(URL, NULL, NULL);
}

/* The host is an address, and the list contains addresses and networks. */
static void test_exempt_networks(void **state)
{
        static const struct {
                const char *url, *list;
                bool exempt;
        } cases[] = {
                { "https://10.1.2.3/", "10.0.0.0/8", true },
                { "https://10.1.2.3/", "example.com,10.1.2.2/31", true },
                { "https://10.1.2.3/", "10.1.2.3", true },
                { "https://10.1.2.3/", "10.1.2.3/32", true },
                { "https://10.1.2.3/", "10.1.2.0/31", false },
                { "https://10.1.2.3/", "11.0.0.0/8", false },
                { "https://10.1.2.3/", "10.1.2.3/33", false },
                { "https://10.1.2.3/", "2001:db8::/32", false },
                { "https://10.example.com/", "10.0.0.0/8", false },
                { "https://[2001:db8::7]/", "2001:db8::/32", true },
                { "https://[2001:db8::7]:8443/", "2001:db8::7", true },
                { "https://[2001:db9::7]/", "2001:db8::/32", false },
                { "https://[2001:db8::7]/", "2001:db8::/129", false },
                { "https://[2001:db8::7]/", "10.0.0.0/8", false },
        };
        (void)state;

        assert_int_equal(setenv("https_proxy", "http://a:1", 1), 0);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_int_equal(setenv("no_proxy", cases[i].list, 1), 0);
                expect(cases[i].url, cases[i].exempt ? NULL : "https_proxy", "a:1");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_variables, forget),
                cmocka_unit_test_setup(test_addresses, forget),
                cmocka_unit_test_setup(test_a_long_address_is_cut, forget),
                cmocka_unit_test_setup(test_exempt_hosts, forget),
                cmocka_unit_test_setup(test_exempt_networks, forget),
        };

        return cmocka_run_group_tests_name("http_proxy", tests, NULL, NULL);
}
