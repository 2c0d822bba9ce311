/*
 * The histogram: its bounds, the error of its quantiles against exact ones,
 * that merging is adding, that taking back is never having recorded.
 */

#include "histogram_data.h"

#define VALUES      20000
#define MAX_ERROR   0.0055

typedef double (*test_source_pt)(unsigned i);

static const double  quantiles[] = {
    0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1
};

static double normal(unsigned i);
static double bimodal(unsigned i);
static double constant(unsigned i);
static double shifts(unsigned i);
static double bounds(unsigned i);
static double powers(unsigned i);
static double extremes(unsigned i);
static int compare(const void *a, const void *b);
static void assert_quantiles(test_source_pt source, unsigned n);


static double
normal(unsigned i)
{
    (void) i;
    return fabs(1000 + 200 * gauss());
}


static double
bimodal(unsigned i)
{
    return (i % 3 == 0) ? fabs(90 + 9 * gauss()) : 7000 * exp(0.3 * gauss());
}


static double
constant(unsigned i)
{
    (void) i;
    return 1234.5;
}


/* layout shifts: many zeroes, and small numbers */

static double
shifts(unsigned i)
{
    return (i % 2 == 0) ? 0 : pow(uniform(), 3);
}


/* on a bucket's bound, just below, just above */

static double
bounds(unsigned i)
{
    double   bound;
    int32_t  index;

    index = RUM_HISTOGRAM_FIRST
            + (int32_t) (uniform()
                         * (RUM_HISTOGRAM_LAST - RUM_HISTOGRAM_FIRST));
    bound = rum_histogram_bound(index);

    return nextafter(bound, (i % 3 == 0) ? bound : (i % 3 == 1) ? 0 : 1e16);
}


static double
powers(unsigned i)
{
    return ldexp(1, (int) (i % 69) - 19);
}


static double
extremes(unsigned i)
{
    return (i % 2 == 0) ? nextafter(RUM_HISTOGRAM_ZERO, 1)
                        : RUM_HISTOGRAM_MAX;
}


static int
compare(const void *a, const void *b)
{
    double  x, y;

    x = *(const double *) a;
    y = *(const double *) b;

    return (x > y) - (x < y);
}


static void
assert_quantiles(test_source_pt source, unsigned n)
{
    double           exact, answer, *values;
    size_t           i, rank;
    rum_histogram_t  h;

    rum_histogram_init(&h);

    values = malloc(n * sizeof(double));
    assert_non_null(values);

    for (i = 0; i < n; i++) {
        values[i] = source((unsigned) i);
        record(&h, values[i], RUM_UNRATED);
    }

    qsort(values, n, sizeof(double), compare);

    for (i = 0; i < sizeof(quantiles) / sizeof(double); i++) {
        rank = (size_t) ceil(quantiles[i] * n);
        exact = values[(rank > 0) ? rank - 1 : 0];
        answer = rum_histogram_quantile(&h, quantiles[i]);

        if (exact <= RUM_HISTOGRAM_ZERO) {
            assert_true(answer == 0);
            continue;
        }

        if (fabs(answer - exact) / exact > MAX_ERROR) {
            print_error("q %g: %.17g, exact %.17g\n", quantiles[i], answer,
                        exact);
        }

        assert_true(fabs(answer - exact) / exact <= MAX_ERROR);
    }

    assert_true(h.min == values[0] && h.max == values[n - 1]);

    free(values);
    rum_histogram_free(&h);
}


static void
test_bounds_are_correctly_rounded(void **state)
{
    int32_t  i;

    (void) state;

    for (i = RUM_HISTOGRAM_FIRST - 1; i <= RUM_HISTOGRAM_LAST; i++) {
        assert_true(rum_histogram_bound(i) == (double) exp2l((i + 1) / 64.0L));
    }
}


static void
test_every_bucket_is_open_below_and_closed_above(void **state)
{
    double   bound;
    int32_t  i;

    (void) state;

    for (i = RUM_HISTOGRAM_FIRST; i <= RUM_HISTOGRAM_LAST; i++) {
        bound = rum_histogram_bound(i);

        assert_int_equal(rum_histogram_index(bound), i);
        assert_int_equal(rum_histogram_index(nextafter(bound, 0)), i);
        assert_int_equal(rum_histogram_index(nextafter(bound, 1e300)), i + 1);
    }
}


static void
test_first_and_last_bucket_are_those_of_the_limits(void **state)
{
    (void) state;

    assert_int_equal(rum_histogram_index(nextafter(RUM_HISTOGRAM_ZERO, 1)),
                     RUM_HISTOGRAM_FIRST);
    assert_int_equal(rum_histogram_index(RUM_HISTOGRAM_MAX),
                     RUM_HISTOGRAM_LAST);
}


static void
test_quantiles_of_usual_data(void **state)
{
    (void) state;

    assert_quantiles(normal, VALUES);
    assert_quantiles(lognormal, VALUES);
    assert_quantiles(bimodal, VALUES);
    assert_quantiles(constant, VALUES);
    assert_quantiles(shifts, VALUES);
}


static void
test_quantiles_of_adversarial_data(void **state)
{
    (void) state;

    assert_quantiles(bounds, VALUES);
    assert_quantiles(powers, VALUES);
    assert_quantiles(extremes, VALUES);
}


static void
test_quantiles_of_few_values(void **state)
{
    unsigned  n;

    (void) state;

    for (n = 1; n <= 100; n++) {
        assert_quantiles(lognormal, n);
        assert_quantiles(bounds, n);
        assert_quantiles(shifts, n);
    }
}


static void
test_quantiles_past_16_bits(void **state)
{
    (void) state;

    assert_quantiles(lognormal, 200000);
    assert_quantiles(constant, 200000);
}


static void
test_quantile_of_nothing_and_beyond_the_ends(void **state)
{
    rum_histogram_t  h;

    (void) state;

    rum_histogram_init(&h);
    assert_true(rum_histogram_quantile(&h, 0.5) == 0);

    record(&h, 10, RUM_UNRATED);
    record(&h, 20, RUM_UNRATED);

    assert_true(rum_histogram_quantile(&h, -1)
                == rum_histogram_quantile(&h, 0));
    assert_true(rum_histogram_quantile(&h, 2)
                == rum_histogram_quantile(&h, 1));
    assert_true(rum_histogram_quantile(&h, NAN)
                == rum_histogram_quantile(&h, 0));

    rum_histogram_free(&h);
}


static void
test_rank_is_exact_at_bounds(void **state)
{
    double           bound;
    unsigned         i, below;
    static double    values[1000];
    rum_histogram_t  h;

    (void) state;

    rum_histogram_init(&h);

    for (i = 0; i < 1000; i++) {
        values[i] = shifts(i) * 100;
        record(&h, values[i], RUM_UNRATED);
    }

    bound = rum_histogram_bound(100);

    for (i = 0, below = 0; i < 1000; i++) {
        below += (values[i] <= bound);
    }

    assert_true(rum_histogram_rank(&h, bound) == below / 1000.0);
    assert_true(rum_histogram_rank(&h, 0) == 0.5);
    assert_true(rum_histogram_rank(&h, -1) == 0);
    assert_true(rum_histogram_rank(&h, NAN) == 0);
    assert_true(rum_histogram_rank(&h, h.max) == 1);
    assert_true(rum_histogram_rank(&h, 1e300) == 1);
    assert_true(rum_histogram_rank(&h, h.max * 0.999) < 1);

    rum_histogram_free(&h);
}


static void
test_rank_rises_with_the_value(void **state)
{
    double           value, rank, last;
    rum_histogram_t  h;

    (void) state;

    rum_histogram_init(&h);
    fill(&h, 300);

    for (value = 1e-7, last = 0; value < 1e9; value *= 1.003) {
        rank = rum_histogram_rank(&h, value);

        assert_true(rank >= last && rank <= 1);
        last = rank;
    }

    assert_true(last == 1);

    rum_histogram_free(&h);
}


static void
test_counts_sum_and_extremes_are_exact(void **state)
{
    rum_histogram_t  h;

    (void) state;

    rum_histogram_init(&h);

    record(&h, 0.1, RUM_GOOD);
    record(&h, 0.2, RUM_NEEDS_IMPROVEMENT);
    record(&h, 0, RUM_GOOD);
    record(&h, -0.0, RUM_UNRATED);
    record(&h, RUM_HISTOGRAM_ZERO, RUM_POOR);
    record(&h, 99.7, RUM_POOR);

    assert_int_equal(h.count, 6);
    assert_int_equal(h.zero_count, 3);
    assert_true(h.min == 0 && !signbit(h.min) && h.max == 99.7);
    assert_true(rum_histogram_sum(&h) == 100.0);
    assert_int_equal(h.ratings[RUM_GOOD], 2);
    assert_int_equal(h.ratings[RUM_NEEDS_IMPROVEMENT], 1);
    assert_int_equal(h.ratings[RUM_POOR], 2);

    rum_histogram_free(&h);
}


static void
test_no_numbers_and_negative_numbers_are_refused(void **state)
{
    size_t               i;
    rum_histogram_t      h, before;
    static const double  bad[] = {
        NAN, -NAN, INFINITY, -INFINITY, -1, -1e-300, 1.0000001e15, 1e300
    };

    (void) state;

    rum_histogram_init(&h);
    rum_histogram_init(&before);
    record(&h, 5, RUM_GOOD);
    record(&before, 5, RUM_GOOD);

    for (i = 0; i < sizeof(bad) / sizeof(double); i++) {
        assert_int_equal(rum_histogram_record(&h, bad[i], RUM_GOOD),
                         RUM_DECLINED);
        assert_int_equal(rum_histogram_subtract(&h, bad[i], RUM_GOOD),
                         RUM_DECLINED);
    }

    assert_same(&h, &before);

    rum_histogram_free(&h);
    rum_histogram_free(&before);
}


static void
test_merge_is_the_same_in_any_order_and_grouping(void **state)
{
    unsigned         round, i, n;
    rum_histogram_t  all, parts[3], left, right, other;

    (void) state;

    for (round = 0; round < 60; round++) {
        rum_histogram_init(&all);
        rum_histogram_init(&left);
        rum_histogram_init(&right);
        rum_histogram_init(&other);

        for (i = 0; i < 3; i++) {
            rum_histogram_init(&parts[i]);

            /* some past 16 bits, some empty */

            n = (round % 20 == i) ? 70000 : (unsigned) (uniform() * 300);
            n = (round % 7 == i) ? 0 : n;

            fill(&parts[i], n);
            merge(&all, &parts[i]);
        }

        merge(&left, &parts[0]);            /* (a + b) + c */
        merge(&left, &parts[1]);
        merge(&left, &parts[2]);

        merge(&other, &parts[2]);           /* a + (c + b) */
        merge(&other, &parts[1]);
        merge(&right, &parts[0]);
        merge(&right, &other);

        assert_same(&left, &right);
        assert_same(&left, &all);

        rum_histogram_free(&all);
        rum_histogram_free(&left);
        rum_histogram_free(&right);
        rum_histogram_free(&other);

        for (i = 0; i < 3; i++) {
            rum_histogram_free(&parts[i]);
        }
    }
}


static void
test_merge_is_recording_all_in_one(void **state)
{
    double           value;
    unsigned         i;
    rum_histogram_t  one, parts[5], merged;

    (void) state;

    rum_histogram_init(&one);
    rum_histogram_init(&merged);

    for (i = 0; i < 5; i++) {
        rum_histogram_init(&parts[i]);
    }

    for (i = 0; i < VALUES; i++) {
        value = bounds(i);
        record(&one, value, (rum_rating_e) (i % 4));
        record(&parts[i % 5], value, (rum_rating_e) (i % 4));
    }

    for (i = 0; i < 5; i++) {
        merge(&merged, &parts[4 - i]);
        rum_histogram_free(&parts[4 - i]);
    }

    assert_same(&one, &merged);

    rum_histogram_free(&one);
    rum_histogram_free(&merged);
}


static void
test_subtract_is_never_having_recorded(void **state)
{
    double           *values;
    unsigned          i, round;
    rum_histogram_t   all, kept;

    (void) state;

    values = malloc(VALUES * sizeof(double));
    assert_non_null(values);

    for (round = 0; round < 4; round++) {
        rum_histogram_init(&all);
        rum_histogram_init(&kept);

        for (i = 0; i < VALUES; i++) {
            values[i] = (round % 2) ? shifts(i) : lognormal(i);
            record(&all, values[i], (rum_rating_e) (i % 4));

            if (i % 3 == 0) {
                record(&kept, values[i], (rum_rating_e) (i % 4));
            }
        }

        for (i = 0; i < VALUES; i++) {
            if (i % 3 != 0) {
                assert_int_equal(rum_histogram_subtract(&all, values[i],
                                                    (rum_rating_e) (i % 4)),
                                 RUM_OK);
            }
        }

        /* min and max within the bucket of the true ones; the rest equal */

        assert_true(all.min <= kept.min && all.max >= kept.max);
        assert_true(all.max <= kept.max * 1.0109);
        assert_true(kept.min == 0 || all.min * 1.0109 >= kept.min);

        all.min = kept.min;
        all.max = kept.max;
        assert_same(&all, &kept);

        rum_histogram_free(&all);
        rum_histogram_free(&kept);
    }

    free(values);
}


static void
test_subtract_of_everything_leaves_nothing(void **state)
{
    unsigned         i;
    rum_histogram_t  h, empty;

    (void) state;

    rum_histogram_init(&h);
    rum_histogram_init(&empty);

    for (i = 0; i < 10; i++) {
        record(&h, i, RUM_POOR);
    }

    for (i = 0; i < 10; i++) {
        assert_int_equal(rum_histogram_subtract(&h, i, RUM_POOR), RUM_OK);
    }

    assert_same(&h, &empty);

    record(&h, 7, RUM_UNRATED);
    assert_true(h.min == 7 && h.max == 7);

    rum_histogram_free(&h);
    rum_histogram_free(&empty);
}


static void
test_subtract_keeps_the_extremes_that_remain(void **state)
{
    rum_histogram_t  h;

    (void) state;

    rum_histogram_init(&h);

    record(&h, 100, RUM_UNRATED);
    record(&h, 500, RUM_UNRATED);
    record(&h, 500, RUM_UNRATED);
    record(&h, 900, RUM_UNRATED);

    assert_int_equal(rum_histogram_subtract(&h, 500, RUM_UNRATED), RUM_OK);
    assert_true(h.min == 100 && h.max == 900);

    assert_int_equal(rum_histogram_subtract(&h, 900, RUM_UNRATED), RUM_OK);
    assert_true(h.max == rum_histogram_bound(rum_histogram_index(500)));

    assert_int_equal(rum_histogram_subtract(&h, 100, RUM_UNRATED), RUM_OK);
    assert_true(h.min == rum_histogram_bound(rum_histogram_index(500) - 1));

    rum_histogram_free(&h);
}


static void
test_subtract_declines_what_was_not_recorded(void **state)
{
    rum_histogram_t  h, before;

    (void) state;

    rum_histogram_init(&h);
    rum_histogram_init(&before);

    assert_int_equal(rum_histogram_subtract(&h, 0, RUM_UNRATED),
                     RUM_DECLINED);
    assert_int_equal(rum_histogram_subtract(&h, 5, RUM_UNRATED),
                     RUM_DECLINED);

    record(&h, 5, RUM_GOOD);
    record(&before, 5, RUM_GOOD);

    assert_int_equal(rum_histogram_subtract(&h, 0, RUM_UNRATED),
                     RUM_DECLINED);
    assert_int_equal(rum_histogram_subtract(&h, 5.1, RUM_GOOD), RUM_DECLINED);
    assert_int_equal(rum_histogram_subtract(&h, 1e9, RUM_GOOD), RUM_DECLINED);
    assert_int_equal(rum_histogram_subtract(&h, 5, RUM_POOR), RUM_DECLINED);

    assert_same(&h, &before);

    rum_histogram_free(&h);
    rum_histogram_free(&before);
}


static void
test_reset_empties_and_keeps_the_memory(void **state)
{
    void             *counts;
    uint32_t          size;
    rum_histogram_t   h, fresh;

    (void) state;

    rum_histogram_init(&h);
    rum_histogram_init(&fresh);

    fill(&h, 70000);
    counts = h.counts;
    size = h.size;

    rum_histogram_reset(&h);
    assert_same(&h, &fresh);

    seed = 1;
    fill(&h, 500);
    seed = 1;
    fill(&fresh, 500);

    assert_same(&h, &fresh);
    assert_ptr_equal(h.counts, counts);
    assert_int_equal(h.size, size);

    rum_histogram_free(&h);
    rum_histogram_free(&fresh);
}


static void
test_a_single_value_costs_little(void **state)
{
    rum_histogram_t  h;

    (void) state;

    rum_histogram_init(&h);
    record(&h, 2500, RUM_GOOD);
    assert_true(h.size <= 64);

    rum_histogram_free(&h);
}


static void
test_counts_grow_past_16_and_32_bits(void **state)
{
    rum_histogram_t  h, part, copy;

    (void) state;

    rum_histogram_init(&h);
    rum_histogram_init(&part);
    rum_histogram_init(&copy);

    /* 65,535 times 1, then once more, and another value */

    decode(&h, packed("\x99\x01\x06\xcd\xff\xff\xcd\xff\xff\x01\x01\x00\xff"
                      "\x91\xcd\xff\xff"));
    record(&h, 1, RUM_UNRATED);
    record(&h, 2, RUM_UNRATED);

    assert_int_equal(rum_histogram_bucket(&h, (uint32_t) (-1 - h.offset)),
                     65536);
    assert_true(rum_histogram_quantile(&h, 0.5) == 1);

    /* 4,294,967,295 times 1, then what is above is merged into it */

    decode(&part, packed("\x99\x01\x06\xce\xff\xff\xff\xff\xce\xff\xff\xff"
                         "\xff\x01\x01\x00\xff\x91\xce\xff\xff\xff\xff"));
    merge(&copy, &part);
    record(&copy, 1, RUM_UNRATED);
    merge(&part, &h);
    merge(&h, &copy);

    assert_int_equal(part.count, 4295032832);
    assert_int_equal(h.count, 4295032833);
    assert_int_equal(
        rum_histogram_bucket(&part, (uint32_t) (-1 - part.offset)),
        4295032831);
    assert_int_equal(rum_histogram_bucket(&h, (uint32_t) (-1 - h.offset)),
                     4295032832);

    assert_int_equal(rum_histogram_subtract(&h, 1, RUM_UNRATED), RUM_OK);
    assert_same(&h, &part);

    rum_histogram_free(&h);
    rum_histogram_free(&part);
    rum_histogram_free(&copy);
}


static void
test_zeroes_alone_grow_past_16_bits_too(void **state)
{
    unsigned         i;
    rum_histogram_t  h;

    (void) state;

    rum_histogram_init(&h);

    for (i = 0; i < 70000; i++) {
        record(&h, 0, RUM_UNRATED);
    }

    record(&h, 3, RUM_UNRATED);

    assert_int_equal(h.zero_count, 70000);
    assert_int_equal(h.count, 70001);
    assert_true(rum_histogram_quantile(&h, 1) == 3);

    rum_histogram_free(&h);
}


static void
test_no_more_than_the_limit_is_counted(void **state)
{
    rum_histogram_t  h, one;

    (void) state;

    rum_histogram_init(&h);
    rum_histogram_init(&one);
    record(&one, 1, RUM_UNRATED);

    decode(&h, packed("\x99\x01\x06\xcf\x00\x20\x00\x00\x00\x00\x00\x00\x01"
                      "\x01\x01\x00\xff\x91"
                      "\xcf\x00\x20\x00\x00\x00\x00\x00\x00"));

    assert_int_equal(rum_histogram_record(&h, 1, RUM_UNRATED), RUM_FULL);
    assert_int_equal(rum_histogram_merge(&h, &one), RUM_FULL);
    assert_int_equal(rum_histogram_merge(&one, &h), RUM_FULL);

    assert_int_equal(h.count, RUM_HISTOGRAM_COUNT_MAX);
    assert_int_equal(one.count, 1);

    rum_histogram_free(&h);
    rum_histogram_free(&one);
}


int
main(void)
{
#define test(name)  cmocka_unit_test_setup(test_ ## name, setup)

    static const struct CMUnitTest  tests[] = {
        test(bounds_are_correctly_rounded),
        test(every_bucket_is_open_below_and_closed_above),
        test(first_and_last_bucket_are_those_of_the_limits),
        test(quantiles_of_usual_data),
        test(quantiles_of_adversarial_data),
        test(quantiles_of_few_values),
        test(quantiles_past_16_bits),
        test(quantile_of_nothing_and_beyond_the_ends),
        test(rank_is_exact_at_bounds),
        test(rank_rises_with_the_value),
        test(counts_sum_and_extremes_are_exact),
        test(no_numbers_and_negative_numbers_are_refused),
        test(merge_is_the_same_in_any_order_and_grouping),
        test(merge_is_recording_all_in_one),
        test(subtract_is_never_having_recorded),
        test(subtract_of_everything_leaves_nothing),
        test(subtract_keeps_the_extremes_that_remain),
        test(subtract_declines_what_was_not_recorded),
        test(reset_empties_and_keeps_the_memory),
        test(a_single_value_costs_little),
        test(counts_grow_past_16_and_32_bits),
        test(zeroes_alone_grow_past_16_bits_too),
        test(no_more_than_the_limit_is_counted)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
