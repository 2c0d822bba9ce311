/*
 * The metric table: each name is found, thresholds rate as web.dev says,
 * names that are not a metric's are told apart.
 */

#include "rum_metric.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const rum_metric_t *find(const char *name);
static int valid(const char *name);
static rum_rating_e rate(const char *name, double value);
static void assert_thresholds(const char *name, double good, double poor);


static const rum_metric_t *
find(const char *name)
{
    rum_str_t  s;

    s.data = (unsigned char *) name;
    s.len = strlen(name);

    return rum_metric_find(&s);
}


static int
valid(const char *name)
{
    rum_str_t  s;

    s.data = (unsigned char *) name;
    s.len = strlen(name);

    return rum_metric_name_valid(&s);
}


static rum_rating_e
rate(const char *name, double value)
{
    assert_non_null(find(name));

    return rum_metric_rate(find(name), value);
}


static void
assert_thresholds(const char *name, double good, double poor)
{
    assert_int_equal(rate(name, 0), RUM_GOOD);
    assert_int_equal(rate(name, good), RUM_GOOD);
    assert_int_equal(rate(name, good + 0.001), RUM_NEEDS_IMPROVEMENT);
    assert_int_equal(rate(name, poor), RUM_NEEDS_IMPROVEMENT);
    assert_int_equal(rate(name, poor + 0.001), RUM_POOR);
}


static void
test_every_metric_of_the_table_is_found(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; rum_metrics[i].name.len != 0; i++) {
        assert_ptr_equal(rum_metric_find(&rum_metrics[i].name),
                         &rum_metrics[i]);
    }

    assert_true(i >= 19);
}


static void
test_every_metric_of_the_table_is_whole(void **state)
{
    const rum_metric_t  *m;

    (void) state;

    for (m = rum_metrics; m->name.len != 0; m++) {
        assert_true(rum_metric_name_valid(&m->name));
        assert_true(m->unit.len != 0);
        assert_true(m->max > 0 && m->max > m->poor);
        assert_true((m->good == 0 && m->poor == 0) || m->good < m->poor);
        assert_true(m->description[0] != '\0');
    }
}


static void
test_other_names_of_a_metrics_length_are_not_found(void **state)
{
    size_t       i, k;
    rum_str_t    s;
    char         name[RUM_METRIC_NAME_MAX];

    (void) state;

    for (i = 0; rum_metrics[i].name.len != 0; i++) {
        s = rum_metrics[i].name;

        for (k = 0; k < s.len; k++) {
            memcpy(name, s.data, s.len);
            name[k] = (char) (name[k] - 'a' + 'A');

            s.data = (unsigned char *) name;
            assert_null(rum_metric_find(&s));
            s.data = rum_metrics[i].name.data;
        }

        s.len--;
        assert_null(rum_metric_find(&s));
    }

    assert_null(find(""));
    assert_null(find("my.own_metric"));
}


static void
test_web_vitals_have_their_thresholds(void **state)
{
    (void) state;

    assert_thresholds("lcp", 2500, 4000);
    assert_thresholds("inp", 200, 500);
    assert_thresholds("cls", 0.1, 0.25);
    assert_thresholds("fcp", 1800, 3000);
    assert_thresholds("ttfb", 800, 1800);
}


static void
test_units_and_limits(void **state)
{
    (void) state;

    assert_true(rum_str_is(&find("lcp")->unit, "ms"));
    assert_true(find("lcp")->max == 3600000);
    assert_true(rum_str_is(&find("cls")->unit, "1"));
    assert_true(find("cls")->max == 1000);
}


static void
test_metrics_without_thresholds_are_not_rated(void **state)
{
    (void) state;

    assert_int_equal(rate("load", 0), RUM_UNRATED);
    assert_int_equal(rate("load", 1e6), RUM_UNRATED);
    assert_int_equal(rum_metric_rate(NULL, 1), RUM_UNRATED);
}


static void
test_names_of_custom_metrics(void **state)
{
    (void) state;

    assert_true(valid("a"));
    assert_true(valid("checkout.step_2"));
    assert_true(valid("01234567890123456789012345678901"));

    assert_false(valid("012345678901234567890123456789012"));
    assert_false(valid(""));
    assert_false(valid("Lcp"));
    assert_false(valid("a-b"));
    assert_false(valid("a b"));
    assert_false(valid("a:b"));
    assert_false(valid("\xc3\xa4"));
}


static void
test_a_metric_may_not_be_named_like_a_counter(void **state)
{
    (void) state;

    assert_false(valid("beacons"));
    assert_false(valid("views"));
    assert_false(valid("requests"));
    assert_false(valid("conversions"));
    assert_false(valid("errors"));
    assert_false(valid("entrances"));
    assert_false(valid("bounces"));
    assert_false(valid("sessions"));
    assert_true(valid("session"));
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_every_metric_of_the_table_is_found),
        cmocka_unit_test(test_every_metric_of_the_table_is_whole),
        cmocka_unit_test(test_other_names_of_a_metrics_length_are_not_found),
        cmocka_unit_test(test_web_vitals_have_their_thresholds),
        cmocka_unit_test(test_units_and_limits),
        cmocka_unit_test(test_metrics_without_thresholds_are_not_rated),
        cmocka_unit_test(test_names_of_custom_metrics),
        cmocka_unit_test(test_a_metric_may_not_be_named_like_a_counter)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
