/*
 * Page groups: the rules of docs/beacon.md, example by example.
 */

#include "rum_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void group_is(const char *path, const char *group);
static void path_is(const char *url, const char *path, const char *host);


static void
group_is(const char *path, const char *group)
{
    size_t          n;
    rum_str_t       str;
    unsigned char  *copy, buf[RUM_LEN_PAGE];

    /* exactly as long, so that a look beyond it is seen */

    str.len = strlen(path);
    copy = malloc(str.len ? str.len : 1);
    assert_non_null(copy);
    memcpy(copy, path, str.len);
    str.data = copy;

    n = rum_page_group(&str, buf, sizeof(buf));

    if (n != strlen(group) || memcmp(buf, group, n) != 0) {
        print_error("%s: %.*s, not %s\n", path, (int) n, buf, group);
        fail();
    }

    free(copy);
}


static void
path_is(const char *url, const char *path, const char *host)
{
    rum_str_t  str, got, at;

    str.len = strlen(url);
    str.data = (unsigned char *) url;

    got = rum_page_path(&str, &at);

    if (!rum_str_is(&got, path) || !rum_str_is(&at, host)) {
        print_error("%s: path %.*s, host %.*s\n", url, (int) got.len,
                    got.data, (int) at.len, at.data);
        fail();
    }

    got = rum_page_path(&str, NULL);
    assert_true(rum_str_is(&got, path));
}


static void
the_path_is_between_host_and_query(void **state)
{
    (void) state;

    path_is("https://shop.example/p/1?utm=x#top", "/p/1", "shop.example");
    path_is("https://shop.example", "/", "shop.example");
    path_is("https://shop.example?x=/y", "/", "shop.example");
    path_is("https://shop.example#/y", "/", "shop.example");
    path_is("/p/1?x", "/p/1", "");
    path_is("/p/1#x?y", "/p/1", "");
    path_is("/a:b//c@d", "/a:b//c@d", "");
    path_is("//cdn.example/x", "/x", "cdn.example");
    path_is("", "/", "");
    path_is("?x=1", "/", "");
    path_is("about:blank", "/", "");
    path_is("file:///home/x.html", "/home/x.html", "");
    path_is("checkout", "/", "");
}


static void
the_host_has_no_port_and_no_user(void **state)
{
    (void) state;

    path_is("http://a.test:8080/x", "/x", "a.test");
    path_is("http://me:secret@a.test:1/x", "/x", "a.test");
    path_is("http://a@b@a.test/x@y", "/x@y", "a.test");
    path_is("http://[::1]:8080/x", "/x", "[::1]");
    path_is("http://[::1/x", "/x", "[::1");
    path_is("android-app://com.example.app/", "/", "com.example.app");
    path_is("http://:80/x", "/x", "");
    path_is("http:///x", "/x", "");
}


static void
numbers_are_ids(void **state)
{
    (void) state;

    group_is("/p/18231", "/p/:id");
    group_is("/1/2/3", "/:id/:id/:id");
    group_is("/p/7", "/p/:id");
    group_is("/p18231", "/p18231");
    group_is("/v1.2", "/v1.2");
    group_is("/-5", "/-5");
}


static void
uuids_and_long_hex_are_ids(void **state)
{
    (void) state;

    group_is("/o/550e8400-e29b-41d4-a716-446655440000", "/o/:id");
    group_is("/o/550E8400-E29B-41D4-A716-446655440000", "/o/:id");
    group_is("/o/550e8400-e29b-41d4-a716-44665544000g",
             "/o/550e8400-e29b-41d4-a716-44665544000g");
    group_is("/c/9fceb02d0ae598e95dc970b74767f19372d61af8", "/c/:id");
    group_is("/c/9fceb02d", "/c/:id");
    group_is("/c/DEADBEEFDEADBEEF", "/c/:id");
    group_is("/c/deadbeef", "/c/deadbeef");
    group_is("/c/facade", "/c/facade");
    group_is("/c/9fceb0", "/c/9fceb0");
}


static void
random_letters_and_digits_are_ids(void **state)
{
    (void) state;

    group_is("/s/dQw4w9WgXcQ0Yz3mK1pA", "/s/:id");
    group_is("/s/V1StGXR8_Z5jdHi6B-myT", "/s/:id");
    group_is("/s/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/s/:id");
    group_is("/s/cjld2cjxh0000qzrmn831i7rn", "/s/:id");
    group_is("/s/dQw4w9WgXcQ", "/s/dQw4w9WgXcQ");
}


static void
dates_are_one(void **state)
{
    (void) state;

    group_is("/news/2024-05-17", "/news/:date");
    group_is("/news/2024-05-17/", "/news/:date");
    group_is("/2024-5-7", "/:date");
    group_is("/2024_05_17", "/:date");
    group_is("/17.05.2024", "/:date");
    group_is("/05-17-2024", "/:date");
    group_is("/archive/1999-12", "/archive/:date");
    group_is("/log/2024-05-17.html", "/log/:date.html");
    group_is("/2024-05-17T10:00:00Z", "/:date");
    group_is("/2024-05-17T10:00:00.000Z", "/:date");
    group_is("/2024-05-17T10%3A00%3A00%2B02%3A00", "/:date");
    group_is("/2024/05/17/", "/:id/:id/:id");
    group_is("/20240517", "/:id");

    group_is("/2024-13-01", "/2024-13-01");
    group_is("/2024-05-32", "/2024-05-32");
    group_is("/2024-00-10", "/2024-00-10");
    group_is("/32-01-2024", "/32-01-2024");
    group_is("/13-13-2024", "/13-13-2024");
    group_is("/2024-05_17", "/2024-05_17");
    group_is("/2024-05-", "/2024-05-");
    group_is("/2024-05-17-", "/2024-05-17-");
    group_is("/2024-05-1700", "/2024-05-1700");
    group_is("/2024-05-17T", "/2024-05-17T");
    group_is("/2024-05-17T1x", "/2024-05-17T1x");
    group_is("/2024-25", "/2024-25");
    group_is("/2024.05", "/2024.05");
    group_is("/1024-12", "/1024-12");
    group_is("/top-10-2024", "/top-10-2024");
    group_is("/2024-05-17-a-title", "/2024-05-17-a-title");
    group_is("/2023-2024", "/2023-2024");
    group_is("/2.15.10", "/2.15.10");
}


static void
emails_go(void **state)
{
    (void) state;

    group_is("/user/john.doe@example.com", "/user/:email");
    group_is("/user/john.doe@example.com/edit", "/user/:email/edit");
    group_is("/user/John+tag%40Example.CO.UK", "/user/:email");
    group_is("/user/john%40example%2Ecom", "/user/:email");
    group_is("/unsubscribe/a@b-c.de.html", "/unsubscribe/:email");
    group_is("/mail=a@b.io,list=5", "/:email");
    group_is("/@john@mastodon.social", "/:email");
    group_is("/a@b@c.org", "/:email");
    group_is("/j@b\xc3\xbc" "cher.example", "/:email");
    group_is("/j@b%C3%BCcher.\xd1\x80\xd1\x84", "/:email");
    group_is("/j@b.%D1%80%D1%84", "/:email");
    group_is("/@john", "/@john");
    group_is("/@john.doe", "/@john.doe");
    group_is("/a@b", "/a@b");
    group_is("/a@.com", "/a@.com");
    group_is("/a@b.c", "/a@b.c");
    group_is("/a@b.", "/a@b.");
    group_is("/a@", "/a@");
    group_is("/a%40", "/a%40");
    group_is("/a%4", "/a%4");
    group_is("/a%", "/a%");
    group_is("/react@18.2.0", "/react@18.2.0");
    group_is("/react@18.2.0-rc.1", "/react@18.2.0-rc.1");
    group_is("/@48.8566,2.3522,15z", "/@48.8566,2.3522,15z");
    group_is("/a%2540b.com", "/a%2540b.com");
}


static void
phone_numbers_go(void **state)
{
    (void) state;

    group_is("/call/+4915112345678", "/call/:phone");
    group_is("/call/%2B49%20151%2012345678", "/call/:phone");
    group_is("/call/%2b49-151-1234567", "/call/:phone");
    group_is("/0151-1234567", "/:phone");
    group_is("/030 901820", "/:phone");
    group_is("/01.23.45.67.89", "/:phone");
    group_is("/(555)%20123-4567", "/:phone");
    group_is("/555-123-4567", "/:phone");
    group_is("/1.555.123.4567", "/:phone");
    group_is("/612 345 678", "/:phone");
    group_is("/+4915112345678.vcf", "/:phone.vcf");
    group_is("/4915112345678", "/:id");

    group_is("/1000-2000", "/1000-2000");
    group_is("/978-3-16-148410-0", "/978-3-16-148410-0");
    group_is("/0-306-40615-2", "/0-306-40615-2");
    group_is("/10.0.19041.1234", "/10.0.19041.1234");
    group_is("/0.12.3.45678", "/0.12.3.45678");
    group_is("/+123456", "/+123456");
    group_is("/12 34 56", "/12 34 56");
    group_is("/+1234567890123456", "/+1234567890123456");
    group_is("/12+34567890", "/12+34567890");
    group_is("/(12345", "/(12345");
    group_is("/v1.2", "/v1.2");
    group_is("/3-2-1", "/3-2-1");
}


static void
words_are_not_ids(void **state)
{
    (void) state;

    group_is("/product/espresso-machine-x1", "/product/espresso-machine-x1");
    group_is("/top-10-best-headphones-of-2024",
             "/top-10-best-headphones-of-2024");
    group_is("/Summer-Sale-2024-All-Items", "/Summer-Sale-2024-All-Items");
    group_is("/iPhone-15-Pro-Max-Case-Black",
             "/iPhone-15-Pro-Max-Case-Black");
    group_is("/internationalizationConfig", "/internationalizationConfig");
    group_is("/windows11installationguide2024",
             "/windows11installationguide2024");
    group_is("/a_very_long_name_with_underscores_1",
             "/a_very_long_name_with_underscores_1");
}


static void
slashes_are_tidied(void **state)
{
    (void) state;

    group_is("/", "/");
    group_is("", "/");
    group_is("//", "/");
    group_is("/a/", "/a");
    group_is("//a///b//", "/a/b");
    group_is("/a/./../b", "/a/./../b");
    group_is("a/b", "/a/b");
}


static void
parameters_go(void **state)
{
    (void) state;

    group_is("/a;jsessionid=1/b;x=1;y=2", "/a/b");
    group_is("/;jsessionid=1", "/");
    group_is("/a;", "/a");
    group_is("/12;v=1", "/:id");
}


static void
extensions_stay(void **state)
{
    (void) state;

    group_is("/article/12345.html", "/article/:id.html");
    group_is("/img/550e8400-e29b-41d4-a716-446655440000.jpg",
             "/img/:id.jpg");
    group_is("/x/12.mp3", "/x/:id.mp3");
    group_is("/x/12.34", "/x/12.34");
    group_is("/index.html", "/index.html");
    group_is("/.env", "/.env");
    group_is("/12.", "/12.");
    group_is("/12.toolong", "/12.toolong");
}


static void
case_and_percent_encoding_stay(void **state)
{
    (void) state;

    group_is("/P/CamelCase", "/P/CamelCase");
    group_is("/caf%C3%A9/%31", "/caf%C3%A9/%31");
    group_is("/caf\xc3\xa9", "/caf\xc3\xa9");
    group_is("/a b", "/a b");
}


static void
what_is_not_printable_is_encoded(void **state)
{
    (void) state;

    group_is("/a\nb\x7f", "/a%0Ab%7F");
    group_is("/\xff\xc3", "/%FF%C3");
    group_is("/\xed\xa0\x80", "/%ED%A0%80");
    group_is("/12\x01", "/12%01");
}


static void
long_groups_are_cut_between_characters(void **state)
{
    size_t          n, size;
    rum_str_t       path;
    unsigned char   text[2048], buf[2048];

    (void) state;

    memset(text, 'x', sizeof(text));
    text[0] = '/';
    path.data = text;
    path.len = sizeof(text);
    assert_int_equal(rum_page_group(&path, buf, sizeof(buf)), RUM_LEN_PAGE);

    for (n = 1; n + 1 < sizeof(text); n += 2) {
        memcpy(text + n, "\xc3\xa9", 2);
    }

    assert_int_equal(rum_page_group(&path, buf, sizeof(buf)),
                     RUM_LEN_PAGE - 1);

    memset(text, '\x01', sizeof(text));
    text[0] = '/';
    n = rum_page_group(&path, buf, sizeof(buf));
    assert_int_equal(n, 1 + RUM_LEN_PAGE / 3 * 3);

    /* small buffers are kept to */

    path.len = sizeof("/ab/123456/\xc3\xa9.html") - 1;
    memcpy(text, "/ab/123456/\xc3\xa9.html", path.len);

    for (size = 0; size < 16; size++) {
        memset(buf, '#', sizeof(buf));
        n = rum_page_group(&path, buf, size);
        assert_true(n <= size);
        assert_int_equal(buf[size], '#');
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(the_path_is_between_host_and_query),
        cmocka_unit_test(the_host_has_no_port_and_no_user),
        cmocka_unit_test(numbers_are_ids),
        cmocka_unit_test(uuids_and_long_hex_are_ids),
        cmocka_unit_test(random_letters_and_digits_are_ids),
        cmocka_unit_test(dates_are_one),
        cmocka_unit_test(emails_go),
        cmocka_unit_test(phone_numbers_go),
        cmocka_unit_test(words_are_not_ids),
        cmocka_unit_test(slashes_are_tidied),
        cmocka_unit_test(parameters_go),
        cmocka_unit_test(extensions_stay),
        cmocka_unit_test(case_and_percent_encoding_stay),
        cmocka_unit_test(what_is_not_printable_is_encoded),
        cmocka_unit_test(long_groups_are_cut_between_characters)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
