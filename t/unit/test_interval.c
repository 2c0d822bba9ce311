/*
 * rum_interval: the ranks hold the true quantile as often as they say, and
 * the interval of a difference is that of its two sides.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rum_interval.h"


static void ranks_are_those_of_the_binomial_tables(void **state);
static void ranks_are_open_where_values_are_too_few(void **state);
static void ranks_of_the_extremes_have_one_side(void **state);
static void ranks_go_on_from_exact_to_normal(void **state);
static void quantile_is_within_its_interval(void **state);
static void interval_covers_as_often_as_it_says(void **state);
static void difference_is_of_both_sides(void **state);
static void difference_is_open_where_a_side_is(void **state);

static double uniform(void);


/* from the usual tables of binomial confidence limits for a median */

static void
ranks_are_those_of_the_binomial_tables(void **state)
{
    size_t    i;
    uint64_t  low, high;

    static const struct {
        uint64_t  n;
        double    q;
        uint64_t  low;
        uint64_t  high;
    } tables[] = {
        { 6, 0.5, 1, 6 }, { 10, 0.5, 2, 9 }, { 20, 0.5, 6, 15 },
        { 50, 0.5, 18, 33 }, { 100, 0.5, 40, 61 }
    };

    (void) state;

    for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        rum_interval_ranks(tables[i].n, tables[i].q, &low, &high);
        assert_int_equal(low, tables[i].low);
        assert_int_equal(high, tables[i].high);
    }
}


static void
ranks_are_open_where_values_are_too_few(void **state)
{
    uint64_t  low, high;

    (void) state;

    rum_interval_ranks(5, 0.5, &low, &high);
    assert_int_equal(low, 0);
    assert_int_equal(high, 6);

    rum_interval_ranks(100, 0.99, &low, &high);
    assert_true(low >= 1);
    assert_int_equal(high, 101);

    rum_interval_ranks(1, 0.75, &low, &high);
    assert_int_equal(low, 0);
    assert_int_equal(high, 2);
}


static void
ranks_of_the_extremes_have_one_side(void **state)
{
    uint64_t  low, high;

    (void) state;

    rum_interval_ranks(1000000, 0, &low, &high);
    assert_int_equal(low, 0);
    assert_int_equal(high, 1);

    rum_interval_ranks(1000000, 1, &low, &high);
    assert_int_equal(low, 1000000);
    assert_int_equal(high, 1000001);
}


/* no jump where the approximation begins, for any quantile */

static void
ranks_go_on_from_exact_to_normal(void **state)
{
    size_t    i;
    uint64_t  n, low, high, low_before, high_before;

    static const double  quantiles[] = { 0.5, 0.75, 0.95, 0.99, 0.99999 };

    (void) state;

    for (i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
        n = 250.0 / (quantiles[i] * (1 - quantiles[i]));

        rum_interval_ranks(n - 2, quantiles[i], &low_before, &high_before);
        rum_interval_ranks(n + 2, quantiles[i], &low, &high);

        assert_true(llabs((long long) (low - low_before)) <= 6);
        assert_true(llabs((long long) (high - high_before)) <= 6);
        assert_true(low >= 1 && high <= n + 2);
    }
}


static void
quantile_is_within_its_interval(void **state)
{
    int              i, k;
    double           q;
    rum_interval_t   interval;
    rum_histogram_t  h;

    (void) state;

    srand(9);

    for (i = 0; i < 50; i++) {
        rum_histogram_init(&h);

        for (k = rand() % 3000; k >= 0; k--) {
            rum_histogram_record(&h, exp(4 + 5 * uniform()), RUM_UNRATED);
        }

        for (k = 0; k <= 20; k++) {
            q = k / 20.0;
            rum_interval_quantile(&h, q, &interval);

            assert_true(interval.value == rum_histogram_quantile(&h, q));
            assert_true(!interval.has_low || interval.low <= interval.value);
            assert_true(!interval.has_high
                        || interval.high >= interval.value);
        }

        rum_histogram_free(&h);
    }
}


/* of values 0 .. 1 the quantile q is q */

static void
interval_covers_as_often_as_it_says(void **state)
{
    int              i, k, covered;
    rum_interval_t   interval;
    rum_histogram_t  h;

    (void) state;

    srand(4);
    covered = 0;

    for (i = 0; i < 2000; i++) {
        rum_histogram_init(&h);

        for (k = 0; k < 200; k++) {
            rum_histogram_record(&h, 1000 * uniform(), RUM_UNRATED);
        }

        rum_interval_quantile(&h, 0.75, &interval);
        covered += interval.low <= 750 && interval.high >= 750;
        rum_histogram_free(&h);
    }

    /* 95 % at least, and not by far more: 1900 with a deviation of 10 */

    assert_true(covered >= 1860);
    assert_true(covered <= 1970);
}


static void
difference_is_of_both_sides(void **state)
{
    rum_interval_t  a = { 100, 90, 130, 1, 1 }, b = { 60, 56, 100, 1, 1 }, d;

    (void) state;

    rum_interval_difference(&a, &b, &d);

    assert_true(d.value == 40);
    assert_true(fabs(d.low - (40 - sqrt(10 * 10 + 40 * 40))) < 1e-9);
    assert_true(fabs(d.high - (40 + sqrt(30 * 30 + 4 * 4))) < 1e-9);
    assert_true(d.has_low && d.has_high);

    rum_interval_difference(&a, &a, &d);
    assert_true(d.value == 0 && d.low < 0 && d.high > 0);
}


static void
difference_is_open_where_a_side_is(void **state)
{
    rum_interval_t  a = { 100, 90, 0, 1, 0 }, b = { 60, 56, 100, 1, 1 }, d;

    (void) state;

    rum_interval_difference(&a, &b, &d);
    assert_true(d.has_low);
    assert_false(d.has_high);

    rum_interval_difference(&b, &a, &d);
    assert_false(d.has_low);
    assert_true(d.has_high);
}


static double
uniform(void)
{
    return rand() / (RAND_MAX + 1.0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(ranks_are_those_of_the_binomial_tables),
        cmocka_unit_test(ranks_are_open_where_values_are_too_few),
        cmocka_unit_test(ranks_of_the_extremes_have_one_side),
        cmocka_unit_test(ranks_go_on_from_exact_to_normal),
        cmocka_unit_test(quantile_is_within_its_interval),
        cmocka_unit_test(interval_covers_as_often_as_it_says),
        cmocka_unit_test(difference_is_of_both_sides),
        cmocka_unit_test(difference_is_open_where_a_side_is)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
