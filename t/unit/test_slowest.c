/*
 * The slowest resource: packed and back, from others' MessagePack, what is
 * none, and that the order of merging makes no difference.
 */

#include "rum_slowest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>


#define decode(slowest, bytes)                                                \
    decode_bytes(slowest, bytes, sizeof(bytes) - 1)


static int decode_bytes(rum_slowest_t *slowest, const char *bytes,
    size_t len);
static void it_comes_back(void **state);
static void too_little_room_is_told(void **state);
static void any_numbers_and_more_elements_are_read(void **state);
static void what_is_none_is_refused(void **state);
static void the_slower_one_is_before_or_the_first_url(void **state);


/* in memory of its own size, so that reading past it is noticed */

static int
decode_bytes(rum_slowest_t *slowest, const char *bytes, size_t len)
{
    int        rc;
    rum_str_t  packed;

    packed.len = len;
    packed.data = malloc(len + (len == 0));
    assert_non_null(packed.data);
    memcpy(packed.data, bytes, len);

    rc = rum_slowest_decode(slowest, &packed);
    free(packed.data);

    return rc;
}


static void
it_comes_back(void **state)
{
    int            n;
    size_t         i;
    rum_str_t      packed;
    rum_slowest_t  slowest, back;
    unsigned char  buf[RUM_SLOWEST_MAX], url[RUM_SLOWEST_URL];

    static const size_t  lens[] = { 1, 31, 32, 255, RUM_SLOWEST_URL };

    (void) state;

    memset(url, 'u', sizeof(url));
    slowest.duration = 1830.3;
    slowest.url.data = url;

    for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        slowest.url.len = lens[i];

        n = rum_slowest_encode(&slowest, buf, sizeof(buf));
        assert_true(n > 0);

        packed.data = buf;
        packed.len = (size_t) n;
        assert_int_equal(rum_slowest_decode(&back, &packed), RUM_OK);

        assert_true(back.duration == 1830.3);
        assert_true(rum_str_eq(&back.url, &slowest.url));
    }
}


static void
too_little_room_is_told(void **state)
{
    rum_slowest_t  slowest;
    unsigned char  buf[RUM_SLOWEST_MAX];

    (void) state;

    slowest.duration = 1;
    slowest.url.data = (unsigned char *) "/a";
    slowest.url.len = 2;

    assert_int_equal(rum_slowest_encode(&slowest, buf, 13), 13);
    assert_int_equal(rum_slowest_encode(&slowest, buf, 12), RUM_FULL);
}


static void
any_numbers_and_more_elements_are_read(void **state)
{
    rum_slowest_t  slowest;

    (void) state;

    assert_int_equal(decode(&slowest, "\x92\x05\xa2/a"), RUM_OK);
    assert_true(slowest.duration == 5);
    assert_int_equal(slowest.url.len, 2);

    assert_int_equal(decode(&slowest, "\xdc\x00\x02\xca\x3f\xc0\x00\x00"
                                      "\xd9\x01/"), RUM_OK);
    assert_true(slowest.duration == 1.5);

    assert_int_equal(decode(&slowest, "\x94\xcd\x07\x26\xa1/\x09\xa1x"),
                     RUM_OK);
    assert_true(slowest.duration == 1830);
}


static void
what_is_none_is_refused(void **state)
{
    char           longer[6 + RUM_SLOWEST_URL];
    rum_slowest_t  slowest;

    (void) state;

    assert_int_equal(decode(&slowest, ""), RUM_ERROR);
    assert_int_equal(decode(&slowest, "\x05"), RUM_ERROR);
    assert_int_equal(decode(&slowest, "\xa1/"), RUM_ERROR);
    assert_int_equal(decode(&slowest, "\x90"), RUM_ERROR);
    assert_int_equal(decode(&slowest, "\x91\x05"), RUM_ERROR);
    assert_int_equal(decode(&slowest, "\x92\x05\x06"), RUM_ERROR);
    assert_int_equal(decode(&slowest, "\x92\xa1/\xa1/"), RUM_ERROR);
    assert_int_equal(decode(&slowest, "\x92\x05\xa0"), RUM_ERROR);
    assert_int_equal(decode(&slowest, "\x92\xff\xa1/"), RUM_ERROR);
    assert_int_equal(decode(&slowest, "\x92\x05\xa1"), RUM_ERROR);
    assert_int_equal(decode(&slowest, "\x92\x05\xa1/\x00"), RUM_ERROR);
    assert_int_equal(decode(&slowest, "\x92\x05\x92\x05\xa1/"), RUM_ERROR);
    assert_int_equal(decode(&slowest, "\x92\x90\xa1/"), RUM_ERROR);
    assert_int_equal(decode(&slowest, "\x81\x05\xa1/"), RUM_ERROR);
    assert_int_equal(decode(&slowest, "\xdd\xff\xff\xff\xff"), RUM_ERROR);
    assert_int_equal(decode(&slowest, "\x92\xca\x7f\x80\x00\x00\xa1/"),
                     RUM_ERROR);
    assert_int_equal(decode(&slowest, "\x92\xca\xbf\x80\x00\x00\xa1/"),
                     RUM_ERROR);

    memset(longer, 'u', sizeof(longer));
    memcpy(longer, "\x92\x05\xda\x01\x01", 5);
    assert_int_equal(decode_bytes(&slowest, longer, sizeof(longer)),
                     RUM_ERROR);
}


static void
the_slower_one_is_before_or_the_first_url(void **state)
{
    size_t         i, k;

    /* in their order */

    static const rum_slowest_t  all[] = {
        { 9, rum_string("/z") }, { 2.5, rum_string("/") },
        { 2.5, rum_string("/a") }, { 2.5, rum_string("/ab") },
        { 2.5, rum_string("/b") }, { 2.5, rum_string("/\xc3\xa9") },
        { 0, rum_string("/a") }
    };

    (void) state;

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        for (k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
            assert_int_equal(rum_slowest_before(&all[i], &all[k]), i < k);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(it_comes_back),
        cmocka_unit_test(too_little_room_is_told),
        cmocka_unit_test(any_numbers_and_more_elements_are_read),
        cmocka_unit_test(what_is_none_is_refused),
        cmocka_unit_test(the_slower_one_is_before_or_the_first_url)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
