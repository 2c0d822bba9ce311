/*
 * The Redis keys of docs/redis-schema.md, written and read back.
 */

#include "rum_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define string(text)  (rum_str_t) rum_string(text)

static void assert_written(const rum_key_t *key, const char *text);
static void assert_both_ways(const rum_key_t *key, const char *text);
static void assert_equal(const rum_str_t *a, const rum_str_t *b);
static int parse(rum_key_t *key, const char *text, unsigned char *scratch);
static rum_key_t rollup(void);


static void
assert_written(const rum_key_t *key, const char *text)
{
    int            len;
    unsigned char  buf[RUM_KEY_MAX];

    len = rum_key_write(key, buf, sizeof(buf));

    assert_int_equal(len, strlen(text));
    assert_memory_equal(buf, text, (size_t) len);
}


static void
assert_both_ways(const rum_key_t *key, const char *text)
{
    rum_key_t      parsed;
    unsigned char  scratch[RUM_KEY_MAX];

    assert_written(key, text);

    assert_int_equal(parse(&parsed, text, scratch), RUM_OK);

    assert_int_equal(parsed.type, key->type);
    assert_int_equal(parsed.partition, key->partition);
    assert_int_equal(parsed.res, key->res);
    assert_int_equal(parsed.start, key->start);
    assert_equal(&parsed.site, &key->site);
    assert_equal(&parsed.dimension, &key->dimension);
    assert_equal(&parsed.metric, &key->metric);
    assert_equal(&parsed.value, &key->value);
}


static void
assert_equal(const rum_str_t *a, const rum_str_t *b)
{
    assert_true(rum_str_eq(a, b));
}


static int
parse(rum_key_t *key, const char *text, unsigned char *scratch)
{
    rum_str_t  s;

    s.data = (unsigned char *) text;
    s.len = strlen(text);

    return rum_key_parse(key, &s, scratch);
}


static rum_key_t
rollup(void)
{
    rum_key_t  key;

    memset(&key, 0, sizeof(rum_key_t));

    key.type = RUM_KEY_ROLLUP;
    key.partition = 3;
    key.res = RUM_RES_MINUTE;
    key.start = 1795318200;
    key.site = string("shop");
    key.dimension = string(RUM_ALL);
    key.metric = string("lcp");

    return key;
}


static void
test_keys_of_a_partition(void **state)
{
    int                 type;
    rum_key_t           key;
    static const char  *texts[] = {
        "rum:{1023}:events", "rum:{1023}:lease", "rum:{1023}:writers",
        "rum:{1023}:rejected", "rum:{1023}:health", "rum:{1023}:sites",
        "rum:{1023}:unsettled"
    };

    (void) state;

    memset(&key, 0, sizeof(rum_key_t));
    key.partition = RUM_MAX_PARTITIONS - 1;

    for (type = RUM_KEY_EVENTS; type <= RUM_KEY_UNSETTLED; type++) {
        key.type = (rum_key_e) type;
        assert_both_ways(&key, texts[type]);
    }
}


static void
test_key_of_an_index(void **state)
{
    rum_key_t  key;

    (void) state;

    memset(&key, 0, sizeof(rum_key_t));
    key.type = RUM_KEY_INDEX;
    key.site = string("shop");

    assert_both_ways(&key, "rum:{0}:index:shop");
}


static void
test_key_of_an_error(void **state)
{
    rum_key_t      key;
    rum_str_t      text;
    unsigned char  scratch[RUM_KEY_MAX];

    (void) state;

    memset(&key, 0, sizeof(rum_key_t));
    key.type = RUM_KEY_ERROR;
    key.site = string("a b");
    key.value = string("33d1d3c612b7302f");

    assert_both_ways(&key, "rum:{0}:error:a%20b:33d1d3c612b7302f");

    text = string("rum:{0}:error:shop");
    assert_int_equal(rum_key_parse(&key, &text, scratch), RUM_ERROR);
}


static void
test_key_of_a_rollup_at_each_resolution(void **state)
{
    rum_key_t  key;

    (void) state;

    key = rollup();
    assert_both_ways(&key, "rum:{3}:1m:1795318200:shop:all:lcp");

    key.res = RUM_RES_HOUR;
    key.start = 1795316400;
    assert_both_ways(&key, "rum:{3}:1h:1795316400:shop:all:lcp");

    key.res = RUM_RES_DAY;
    key.start = 1795305600;
    key.dimension = string("page,device");
    assert_both_ways(&key, "rum:{3}:1d:1795305600:shop:page,device:lcp");

    key.res = RUM_RES_TOTAL;
    key.start = 0;
    assert_both_ways(&key, "rum:{3}:total:0:shop:page,device:lcp");
}


static void
test_key_of_sessions(void **state)
{
    rum_key_t  key;

    (void) state;

    key = rollup();
    key.type = RUM_KEY_SESSIONS;
    key.dimension = string("country");
    rum_str_null(&key.metric);
    key.value = string("DE");

    assert_both_ways(&key,
                     "rum:{3}:1m:1795318200:shop:country:sessions:DE");
}


static void
test_parts_are_escaped(void **state)
{
    rum_key_t  key;

    (void) state;

    key = rollup();
    key.type = RUM_KEY_SESSIONS;
    rum_str_null(&key.metric);
    key.site = string("a:b {c}");
    key.dimension = string("100%\x7f");
    key.value = string("\x01\t\xc3\xa4,*(x)");

    assert_both_ways(&key, "rum:{3}:1m:1795318200:a%3Ab%20%7Bc%7D:100%25%7F"
                           ":sessions:%01%09\xc3\xa4,*(x)");

    key.value.data = (unsigned char *) "\0";
    key.value.len = 1;
    assert_written(&key, "rum:{3}:1m:1795318200:a%3Ab%20%7Bc%7D:100%25%7F"
                         ":sessions:%00");
}


static void
test_every_byte_comes_back(void **state)
{
    int            len;
    unsigned       c;
    rum_str_t      text;
    rum_key_t      key, parsed;
    unsigned char  byte[1], buf[RUM_KEY_MAX], scratch[RUM_KEY_MAX];

    (void) state;

    for (c = 0; c < 256; c++) {
        byte[0] = (unsigned char) c;

        key = rollup();
        key.metric.data = byte;
        key.metric.len = 1;

        len = rum_key_write(&key, buf, sizeof(buf));
        assert_true(len > 0);

        text.data = buf;
        text.len = (size_t) len;

        assert_int_equal(rum_key_parse(&parsed, &text, scratch), RUM_OK);
        assert_equal(&parsed.metric, &key.metric);
    }
}


static void
test_a_key_that_does_not_fit_is_full(void **state)
{
    int             len;
    size_t          size;
    rum_key_t       key;
    unsigned char  *buf;

    (void) state;

    key = rollup();
    key.site = string("a:b");
    len = sizeof("rum:{3}:1m:1795318200:a%3Ab:all:lcp") - 1;

    for (size = 0; size < (size_t) len; size++) {
        buf = malloc(size + 1);
        assert_non_null(buf);

        assert_int_equal(rum_key_write(&key, buf, size), RUM_FULL);
        free(buf);
    }

    buf = malloc((size_t) len);
    assert_non_null(buf);

    assert_int_equal(rum_key_write(&key, buf, (size_t) len), len);
    free(buf);
}


static void
test_the_longest_key_fits(void **state)
{
    rum_key_t             key;
    unsigned char         buf[RUM_KEY_MAX];
    static unsigned char  colons[256];

    (void) state;

    memset(colons, ':', sizeof(colons));

    key = rollup();
    key.type = RUM_KEY_SESSIONS;
    key.partition = RUM_MAX_PARTITIONS - 1;
    key.res = RUM_RES_TOTAL;
    key.start = UINT64_MAX;
    key.site.data = colons;
    key.site.len = 128;
    key.dimension.data = colons;
    key.dimension.len = 65;
    key.value.data = colons;
    key.value.len = 256;

    assert_true(rum_key_write(&key, buf, sizeof(buf)) > 0);
}


static void
test_what_is_no_key_is_refused(void **state)
{
    size_t              i;
    rum_key_t           key;
    unsigned char       scratch[RUM_KEY_MAX];
    static const char  *texts[] = {
        "", "rum", "rum:{", "rum:{}:events", "rum:{x}:events",
        "rum:{1:events", "rum:{1}", "rum:{1}events", "rum:{1}:",
        "rum:{1}:event", "rum:{1}:events:", "rum:{1}:events:x",
        "sum:{1}:events", "RUM:{1}:events",

        "rum:{01}:events", "rum:{-1}:events", "rum:{1024}:events",
        "rum:{18446744073709551617}:events",

        "rum:{1}:index", "rum:{1}:index:", "rum:{1}:index:a:b",

        "rum:{1}:1m", "rum:{1}:1m:", "rum:{1}:1m:60", "rum:{1}:1m:60:",
        "rum:{1}:1m:60:a", "rum:{1}:1m:60:a:b", "rum:{1}:1m:60:a:b:",
        "rum:{1}:1m:60::b:c", "rum:{1}:1m:60:a::c", "rum:{1}:1m:60:a:b:c:d",
        "rum:{1}:2m:60:a:b:c", "rum:{1}:1m:x:a:b:c", "rum:{1}:1m::a:b:c",
        "rum:{1}:1m:060:a:b:c", "rum:{1}:1m:61:a:b:c",
        "rum:{1}:1h:60:a:b:c", "rum:{1}:1d:3600:a:b:c",
        "rum:{1}:total:60:a:b:c", "rum:{1}:total:00:a:b:c",
        "rum:{1}:1m:18446744073709551660:a:b:c",

        "rum:{1}:1m:60:a:b:sessions:", "rum:{1}:1m:60:a:b:sessions:c:d",

        "rum:{1}:index:%", "rum:{1}:index:%3", "rum:{1}:index:%3a",
        "rum:{1}:index:%zz", "rum:{1}:index:%41", "rum:{1}:index:a b",
        "rum:{1}:index:{a}", "rum:{1}:index:a\n"
    };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(char *); i++) {
        if (parse(&key, texts[i], scratch) != RUM_ERROR) {
            print_error("not refused: \"%s\"\n", texts[i]);
            fail();
        }
    }
}


static void
test_windows_start_at_multiples(void **state)
{
    (void) state;

    assert_int_equal(rum_window_start(RUM_RES_MINUTE, 1795318259), 1795318200);
    assert_int_equal(rum_window_start(RUM_RES_MINUTE, 1795318260), 1795318260);
    assert_int_equal(rum_window_start(RUM_RES_HOUR, 1795318259), 1795316400);
    assert_int_equal(rum_window_start(RUM_RES_DAY, 1795318259), 1795305600);
    assert_int_equal(rum_window_start(RUM_RES_TOTAL, 1795318259), 0);
}


static void
test_pairs_separate_at_the_first_comma(void **state)
{
    int            len;
    rum_str_t      pair, first, second;
    unsigned char  buf[64];

    (void) state;

    len = rum_pair_write(&string("/a,b,"), &string("mobile,x"), buf,
                         sizeof(buf));

    pair.data = buf;
    pair.len = (size_t) len;
    assert_true(rum_str_is(&pair, "/a%2Cb%2C,mobile,x"));

    assert_int_equal(rum_pair_split(&pair, &first, &second), RUM_OK);
    assert_true(rum_str_is(&first, "/a%2Cb%2C"));
    assert_true(rum_str_is(&second, "mobile,x"));

    while (len-- > 0) {
        assert_int_equal(rum_pair_write(&string("/a,b,"), &string("mobile,x"),
                                        buf, (size_t) len), RUM_FULL);
    }
}


static void
test_pairs_of_nothing(void **state)
{
    int            len;
    rum_str_t      empty, pair, first, second;
    unsigned char  buf[4];

    (void) state;

    rum_str_null(&empty);

    len = rum_pair_write(&empty, &empty, buf, sizeof(buf));
    assert_int_equal(len, 1);

    pair.data = buf;
    pair.len = 1;
    assert_int_equal(rum_pair_split(&pair, &first, &second), RUM_OK);
    assert_int_equal(first.len + second.len, 0);

    assert_int_equal(rum_pair_split(&empty, &first, &second), RUM_ERROR);
    assert_int_equal(rum_pair_split(&string("ab"), &first, &second),
                     RUM_ERROR);
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_keys_of_a_partition),
        cmocka_unit_test(test_key_of_an_index),
        cmocka_unit_test(test_key_of_an_error),
        cmocka_unit_test(test_key_of_a_rollup_at_each_resolution),
        cmocka_unit_test(test_key_of_sessions),
        cmocka_unit_test(test_parts_are_escaped),
        cmocka_unit_test(test_every_byte_comes_back),
        cmocka_unit_test(test_a_key_that_does_not_fit_is_full),
        cmocka_unit_test(test_the_longest_key_fits),
        cmocka_unit_test(test_what_is_no_key_is_refused),
        cmocka_unit_test(test_windows_start_at_multiples),
        cmocka_unit_test(test_pairs_separate_at_the_first_comma),
        cmocka_unit_test(test_pairs_of_nothing)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
