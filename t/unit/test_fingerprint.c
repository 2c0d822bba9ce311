/*
 * Fingerprints of errors: what makes two of them one group, and that the
 * documented formula never changes.
 */

#include "rum_fingerprint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>


static rum_str_t
string(const char *text)
{
    rum_str_t  s;

    s.data = (unsigned char *) text;
    s.len = strlen(text);

    return s;
}


static uint64_t
of(const char *type, const char *message, const char *source, uint32_t line,
    const char *stack)
{
    rum_event_error_t  error;

    memset(&error, 0, sizeof(error));
    error.type = string(type);
    error.message = string(message);
    error.source = string(source);
    error.line = line;
    error.stack = string(stack);

    return rum_fingerprint(&error);
}


static void
the_formula_stays(void **state)
{
    unsigned char  hex[RUM_FINGERPRINT_LEN + 1];

    (void) state;

    hex[RUM_FINGERPRINT_LEN] = '\0';

    /* by an FNV-1a of "TypeError" 0xff "x 0" 0xff "/a.js:3" elsewhere */

    rum_fingerprint_write(of("TypeError", "x 12", "/a.js", 3, ""), hex);
    assert_string_equal((char *) hex, "33d1d3c612b7302f");

    rum_fingerprint_write(0x0123456789abcdef, hex);
    assert_string_equal((char *) hex, "0123456789abcdef");
}


static void
digits_of_the_message_are_folded(void **state)
{
    (void) state;

    assert_int_equal(of("E", "order 4711 is gone", "/a.js", 3, ""),
                     of("E", "order 12 is gone", "/a.js", 3, ""));
    assert_int_not_equal(of("E", "order 4711 is gone", "/a.js", 3, ""),
                         of("E", "order is gone", "/a.js", 3, ""));
    assert_int_not_equal(of("E", "1-2", "", 0, ""), of("E", "12", "", 0, ""));
}


static void
type_message_and_place_tell_apart(void **state)
{
    uint64_t  one;

    (void) state;

    one = of("E", "m", "/a.js", 3, "");

    assert_int_not_equal(of("F", "m", "/a.js", 3, ""), one);
    assert_int_not_equal(of("E", "n", "/a.js", 3, ""), one);
    assert_int_not_equal(of("E", "m", "/b.js", 3, ""), one);
    assert_int_not_equal(of("E", "m", "/a.js", 4, ""), one);
    assert_int_not_equal(of("Em", "", "/a.js", 3, ""), one);
    assert_int_equal(of("E", "m", "/a.js?v=8", 3, "anything"), one);
    assert_int_equal(of("E", "m", "/a.js#x", 3, ""), one);
}


static void
without_a_source_the_first_frame_counts(void **state)
{
    uint64_t  one;

    (void) state;

    one = of("E", "m", "", 0, "E: m\n    at f (https://x/a.js:3:4)\n"
             "    at g (https://x/a.js:9:9)");

    assert_int_equal(of("E", "m", "", 0,
                        "at f (https://x/a.js?v=1:3:4)\r\n    at h"), one);
    assert_int_not_equal(of("E", "m", "", 0, "at f (https://x/a.js:3:5)"),
                         one);
    assert_int_not_equal(of("E", "m", "", 0, ""), one);

    assert_int_equal(of("E", "m", "", 0, "f@/a.js#y:3:4\ng@/a.js:9:9"),
                     of("E", "m", "", 0, "\t f@/a.js:3:4"));
    assert_int_equal(of("E", "m", "", 0, "no place at all\n\n"),
                     of("E", "m", "", 0, ""));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(the_formula_stays),
        cmocka_unit_test(digits_of_the_message_are_folded),
        cmocka_unit_test(type_message_and_place_tell_apart),
        cmocka_unit_test(without_a_source_the_first_frame_counts)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
