/*
 * The values of parameters: what forms escape comes back, what they would not
 * have written stays.
 */

#include "rum_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_unescaped(const char *in, const char *out);
static void test_what_forms_escape(void **state);
static void test_what_they_do_not_write(void **state);
static void test_any_byte(void **state);


static void
assert_unescaped(const char *in, const char *out)
{
    size_t         len;
    unsigned char  buf[64];

    len = rum_text_unescape((const unsigned char *) in, strlen(in), buf);

    assert_int_equal(len, strlen(out));
    assert_memory_equal(buf, out, len);

    /* in place as well */

    memcpy(buf, in, strlen(in));
    assert_int_equal(rum_text_unescape(buf, strlen(in), buf), len);
    assert_memory_equal(buf, out, len);
}


static void
test_what_forms_escape(void **state)
{
    (void) state;

    assert_unescaped("", "");
    assert_unescaped("a", "a");
    assert_unescaped("a+b", "a b");
    assert_unescaped("%7B%22v%22%3a1%7d", "{\"v\":1}");
    assert_unescaped("100%25+%2B1", "100% +1");
    assert_unescaped("%2541", "%41");
    assert_unescaped("%c3%A4", "\xc3\xa4");
}


static void
test_what_they_do_not_write(void **state)
{
    (void) state;

    assert_unescaped("%", "%");
    assert_unescaped("%4", "%4");
    assert_unescaped("%4+", "%4 ");
    assert_unescaped("%zz", "%zz");
    assert_unescaped("%%41", "%A");
    assert_unescaped("%4g%41", "%4gA");
    assert_unescaped("%`0%@1%G2%/3%:4", "%`0%@1%G2%/3%:4");
}


static void
test_any_byte(void **state)
{
    int            c;
    unsigned char  in[3], out[3];

    static const char  upper[] = "0123456789ABCDEF";

    (void) state;

    for (c = 0; c < 256; c++) {
        in[0] = '%';
        in[1] = (unsigned char) upper[c >> 4];
        in[2] = (unsigned char) upper[c & 15];

        assert_int_equal(rum_text_unescape(in, 3, out), 1);
        assert_int_equal(out[0], c);
    }
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_what_forms_escape),
        cmocka_unit_test(test_what_they_do_not_write),
        cmocka_unit_test(test_any_byte)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
