/*
 * The event: reset, dimensions and their limit, strings cut and checked as
 * UTF-8.
 */

#include "rum_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define string(text)  (rum_str_t) rum_string(text)

static rum_event_t  event;

static int setup(void **state);
static void assert_cut(const char *text, size_t max, const char *cut);
static int valid(const char *text);


static int
setup(void **state)
{
    (void) state;
    rum_event_reset(&event);
    return 0;
}


static void
assert_cut(const char *text, size_t max, const char *cut)
{
    assert_int_equal(rum_utf8_cut((const unsigned char *) text, strlen(text),
                                  max),
                     strlen(cut));
    assert_memory_equal(text, cut, strlen(cut));
}


static int
valid(const char *text)
{
    return rum_utf8_valid((const unsigned char *) text, strlen(text));
}


static void
test_reset_clears_all_scalars_and_counts(void **state)
{
    size_t  i;

    (void) state;

    memset(&event, 0xff, sizeof(rum_event_t));
    rum_event_reset(&event);

    assert_int_equal(event.time, 0);
    assert_int_equal(event.site.len + event.page.len + event.from.len, 0);
    assert_int_equal(event.view.len + event.session.len, 0);
    assert_int_equal(event.trace.len + event.url.len + event.path.len, 0);
    assert_int_equal(event.n + event.seq, 0);
    assert_int_equal(event.weight, 1);
    assert_int_equal(event.nmetrics + event.ndims + event.nerrors, 0);
    assert_int_equal(event.nactions + event.nresources + event.nevents, 0);
    assert_int_equal(event.nattributions, 0);

    for (i = 0; i < RUM_CUT_LAST; i++) {
        assert_int_equal(event.cut[i], 0);
    }
}


static void
test_every_cut_has_a_name(void **state)
{
    size_t  i, k;

    (void) state;

    for (i = 0; i < RUM_CUT_LAST; i++) {
        assert_true(rum_cut_names[i].len > 0);

        for (k = 0; k < i; k++) {
            assert_false(rum_str_eq(&rum_cut_names[i], &rum_cut_names[k]));
        }
    }
}


static void
test_dimensions_are_added_and_replaced(void **state)
{
    (void) state;

    assert_int_equal(rum_event_set_dim(&event, &string("country"),
                                       &string("DE")), RUM_OK);
    assert_int_equal(rum_event_set_dim(&event, &string("device"),
                                       &string("mobile")), RUM_OK);
    assert_int_equal(rum_event_set_dim(&event, &string("country"),
                                       &string("FR")), RUM_OK);

    assert_int_equal(event.ndims, 2);
    assert_true(rum_str_is(rum_event_dim(&event, &string("country")), "FR"));
    assert_true(rum_str_is(rum_event_dim(&event, &string("device")),
                           "mobile"));
    assert_null(rum_event_dim(&event, &string("os")));
}


static void
test_empty_values_are_not_added(void **state)
{
    (void) state;

    assert_int_equal(rum_event_set_dim(&event, &string("os"), &string("")),
                     RUM_OK);

    assert_int_equal(event.ndims, 0);
    assert_null(rum_event_dim(&event, &string("os")));
}


static void
test_the_page_is_a_dimension(void **state)
{
    (void) state;

    event.page = string("/p/:id");

    assert_true(rum_str_is(rum_event_dim(&event, &string("page")),
                           "/p/:id"));
}


static void
test_dimensions_past_the_limit_are_counted_as_cut(void **state)
{
    int        i;
    rum_str_t  name;
    char       names[RUM_MAX_DIMS + 1][8];

    (void) state;

    for (i = 0; i <= RUM_MAX_DIMS; i++) {
        name.data = (unsigned char *) names[i];
        name.len = (size_t) snprintf(names[i], sizeof(names[i]), "d%d", i);

        assert_int_equal(rum_event_set_dim(&event, &name, &string("x")),
                         i < RUM_MAX_DIMS ? RUM_OK : RUM_FULL);
    }

    assert_int_equal(event.ndims, RUM_MAX_DIMS);
    assert_int_equal(event.cut[RUM_CUT_TAGS], 1);
    assert_null(rum_event_dim(&event, &name));

    /* one that is there can still be replaced */

    assert_int_equal(rum_event_set_dim(&event, &string("d0"), &string("y")),
                     RUM_OK);
    assert_true(rum_str_is(rum_event_dim(&event, &string("d0")), "y"));
}


static void
test_strings_are_cut_between_characters(void **state)
{
    (void) state;

    assert_cut("abc", 3, "abc");
    assert_cut("abc", 9, "abc");
    assert_cut("abc", 2, "ab");
    assert_cut("abc", 0, "");

    assert_cut("a\xc3\xa4" "b", 4, "a\xc3\xa4" "b");
    assert_cut("a\xc3\xa4" "b", 3, "a\xc3\xa4");
    assert_cut("a\xc3\xa4" "b", 2, "a");

    assert_cut("\xf0\x9f\x9a\x80x", 4, "\xf0\x9f\x9a\x80");
    assert_cut("\xf0\x9f\x9a\x80x", 3, "");

    /* nothing but continuations: nothing is left */

    assert_cut("\x80\x80\x80", 2, "");
}


static void
test_utf8_is_told_from_other_bytes(void **state)
{
    (void) state;

    assert_true(valid(""));
    assert_true(valid("plain"));
    assert_true(valid("\xc3\xa4\xe2\x82\xac\xf0\x9f\x9a\x80"));
    assert_true(valid("\xf4\x8f\xbf\xbf"));

    assert_false(valid("\x80"));                /* a lone continuation */
    assert_false(valid("a\xc3"));               /* ends too early */
    assert_false(valid("\xc3" "a"));
    assert_false(valid("\xe2\x82"));
    assert_false(valid("\xc0\xaf"));            /* longer than need be */
    assert_false(valid("\xe0\x80\xaf"));
    assert_false(valid("\xed\xa0\x80"));        /* a surrogate */
    assert_false(valid("\xf4\x90\x80\x80"));    /* past U+10FFFF */
    assert_false(valid("\xff"));
}


int
main(void)
{
#define test(name)  cmocka_unit_test_setup(test_ ## name, setup)

    static const struct CMUnitTest  tests[] = {
        test(reset_clears_all_scalars_and_counts),
        test(every_cut_has_a_name),
        test(dimensions_are_added_and_replaced),
        test(empty_values_are_not_added),
        test(the_page_is_a_dimension),
        test(dimensions_past_the_limit_are_counted_as_cut),
        test(strings_are_cut_between_characters),
        test(utf8_is_told_from_other_bytes)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
