/*
 * rum_host: which hosts are of one site.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rum_host.h"


static void hosts_of_one_domain_are_of_one_site(void **state);
static void other_hosts_are_third_parties(void **state);
static int same(const char *a, const char *b);


typedef struct {
    const char  *a;
    const char  *b;
} hosts_t;


static void
hosts_of_one_domain_are_of_one_site(void **state)
{
    size_t  i;

    static const hosts_t  hosts[] = {
        { "shop.example", "shop.example" },
        { "www.shop.example", "shop.example" },
        { "www.shop.example", "cdn.img.shop.example" },
        { "Shop.Example", "cdn.SHOP.example" },
        { "shop.example:8443", "cdn.shop.example" },
        { "shop.example", "shop.example." },
        { "abc.de", "cdn.abc.de" },
        { "www.shop.co.uk", "img.shop.co.uk" },
        { "shop.com.au", "cdn.shop.com.au" },
        { "localhost", "localhost:8080" },
        { "192.0.2.1:80", "192.0.2.1:8080" },
        { "[2001:db8::1]", "[2001:db8::1]:8080" },
        { "", "" }
    };

    (void) state;

    for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        assert_int_equal(same(hosts[i].a, hosts[i].b), 1);
    }
}


static void
other_hosts_are_third_parties(void **state)
{
    size_t  i;

    static const hosts_t  hosts[] = {
        { "shop.example", "cdn.example" },
        { "shop.example", "notshop.example" },
        { "shop.example", "example" },
        { "shop.example", "" },
        { "shop.example", "shop.example.evil.test" },
        { "shop.co.uk", "ads.co.uk" },
        { "shop.com.au", "ads.com.au" },
        { "co.uk", "shop.co.uk" },
        { "192.0.2.1", "192.0.3.1" },
        { "1.192.0.2", "3.192.0.2" },
        { "[2001:db8::1]", "[2001:db8::2]" },
        { "localhost", "otherhost" },
        { ".", "shop.example" },
        { "..", "a.." }
    };

    (void) state;

    for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        assert_int_equal(same(hosts[i].a, hosts[i].b), 0);
    }
}


/* either way, and with nothing behind the strings to read on */

static int
same(const char *a, const char *b)
{
    int        rc;
    rum_str_t  one, two;

    one.len = strlen(a);
    two.len = strlen(b);
    one.data = one.len ? memcpy(malloc(one.len), a, one.len) : NULL;
    two.data = two.len ? memcpy(malloc(two.len), b, two.len) : NULL;

    rc = rum_host_same_site(&one, &two);
    assert_int_equal(rum_host_same_site(&two, &one), rc);

    free(one.data);
    free(two.data);

    return rc;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(hosts_of_one_domain_are_of_one_site),
        cmocka_unit_test(other_hosts_are_third_parties)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
