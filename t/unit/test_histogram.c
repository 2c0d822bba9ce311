/*
 * The histogram: its bounds, the error of its quantiles against exact ones,
 * that merging is adding, that taking back is never having recorded, and
 * what its encoding takes and refuses.
 */

#include "rum_histogram.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define VALUES      20000
#define MAX_ERROR   0.0055
#define PACKED_MAX  50000

#define packed(bytes)  (const unsigned char *) bytes, sizeof(bytes) - 1

typedef double (*test_source_pt)(unsigned i);

static uint64_t  seed;

static const double  quantiles[] = {
    0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1
};

static int setup(void **state);
static double uniform(void);
static double gauss(void);
static double normal(unsigned i);
static double lognormal(unsigned i);
static double bimodal(unsigned i);
static double constant(unsigned i);
static double shifts(unsigned i);
static double bounds(unsigned i);
static double powers(unsigned i);
static double extremes(unsigned i);
static int compare(const void *a, const void *b);
static void assert_quantiles(test_source_pt source, unsigned n);
static void record(rum_histogram_t *h, double value, rum_rating_e rating);
static void fill(rum_histogram_t *h, unsigned n);
static void merge(rum_histogram_t *dst, const rum_histogram_t *src);
static void decode(rum_histogram_t *h, const unsigned char *data, size_t len);
static size_t encode(const rum_histogram_t *h, unsigned char *buf);
static void assert_same(const rum_histogram_t *a, const rum_histogram_t *b);
static void assert_refused(const unsigned char *data, size_t len, int rc);


static int
setup(void **state)
{
    (void) state;
    seed = 88172645463325252ULL;
    return 0;
}


static double
uniform(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return ((double) (seed >> 11) + 0.5) * 0x1p-53;
}


static double
gauss(void)
{
    double  radius;

    radius = sqrt(-2 * log(uniform()));

    return radius * cos(2 * M_PI * uniform());
}


static double
normal(unsigned i)
{
    (void) i;
    return fabs(1000 + 200 * gauss());
}


static double
lognormal(unsigned i)
{
    (void) i;
    return 800 * exp(0.9 * gauss());
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
record(rum_histogram_t *h, double value, rum_rating_e rating)
{
    assert_int_equal(rum_histogram_record(h, value, rating), RUM_OK);
}


/* values of all magnitudes, with zeroes and ratings */

static void
fill(rum_histogram_t *h, unsigned n)
{
    double  value;

    while (n-- > 0) {
        value = (n % 17 == 0) ? 0 : lognormal(n) * pow(10, n % 5 - 2.0);
        record(h, value, (rum_rating_e) (n % 4));
    }
}


static void
merge(rum_histogram_t *dst, const rum_histogram_t *src)
{
    assert_int_equal(rum_histogram_merge(dst, src), RUM_OK);
}


static void
decode(rum_histogram_t *h, const unsigned char *data, size_t len)
{
    assert_int_equal(rum_histogram_decode(h, data, len), RUM_OK);
}


static size_t
encode(const rum_histogram_t *h, unsigned char *buf)
{
    int  len;

    assert_true(rum_histogram_encoded_max(h) <= PACKED_MAX);

    len = rum_histogram_encode(h, buf, rum_histogram_encoded_max(h));
    assert_true(len > 0);

    return (size_t) len;
}


/* the encoding holds all there is to know of a histogram */

static void
assert_same(const rum_histogram_t *a, const rum_histogram_t *b)
{
    size_t                len;
    static unsigned char  one[PACKED_MAX], other[PACKED_MAX];

    len = encode(a, one);
    assert_int_equal(encode(b, other), len);
    assert_memory_equal(one, other, len);
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
test_encoding_is_the_documented_array(void **state)
{
    size_t               len;
    unsigned char        buf[200];
    rum_histogram_t      h;
    static const char    empty[] = "\x99\x01\x06\x00\x00\x00\x00\x00\x00\x90";
    static const char    rated[] =
        "\x9a\x01\x06\x04\xcb\x40\x12\x00\x00\x00\x00\x00\x00\x00\x02\x01"
        "\xff\xdc\x00\x41\x01"
        "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
        "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
        "\x00\x00\x00\x00\x00\x01"
        "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
        "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
        "\x93\x01\x00\x02";

    (void) state;

    rum_histogram_init(&h);

    len = encode(&h, buf);
    assert_int_equal(len, sizeof(empty) - 1);
    assert_memory_equal(buf, empty, len);

    /* 1.5 is in bucket 37, 1 and 2 are upper bounds of -1 and 63 */

    record(&h, 0, RUM_GOOD);
    record(&h, 1, RUM_POOR);
    record(&h, 1.5, RUM_POOR);
    record(&h, 2, RUM_UNRATED);

    len = encode(&h, buf);
    assert_int_equal(len, sizeof(rated) - 1);
    assert_memory_equal(buf, rated, len);

    rum_histogram_free(&h);
}


static void
test_decoding_brings_everything_back(void **state)
{
    unsigned              round;
    size_t                len;
    rum_histogram_t       h, back;
    static unsigned char  buf[PACKED_MAX];

    (void) state;

    rum_histogram_init(&back);

    for (round = 0; round < 200; round++) {
        rum_histogram_init(&h);
        fill(&h, (round % 50 == 3) ? 100000 : round * 3);

        len = encode(&h, buf);
        decode(&back, buf, len);

        assert_same(&h, &back);
        assert_int_equal(back.sum, h.sum);
        assert_true(back.min == h.min && back.max == h.max);
        assert_true(rum_histogram_quantile(&h, 0.75)
                    == rum_histogram_quantile(&back, 0.75));

        rum_histogram_free(&h);
    }

    rum_histogram_free(&back);
}


static void
test_encoding_that_does_not_fit_is_full(void **state)
{
    size_t           len, size;
    unsigned char    buf[2000];
    rum_histogram_t  h;

    (void) state;

    rum_histogram_init(&h);
    fill(&h, 200);
    len = encode(&h, buf);

    for (size = 0; size < len; size++) {
        assert_int_equal(rum_histogram_encode(&h, buf, size), RUM_FULL);
    }

    assert_int_equal(rum_histogram_encode(&h, buf, len), len);

    rum_histogram_free(&h);
}


static void
test_other_forms_of_the_same_numbers_are_decoded(void **state)
{
    rum_histogram_t  h;

    (void) state;

    rum_histogram_init(&h);

    /* 8 bytes long, signed, float32, an array of 16 bits length */

    decode(&h, packed("\xdc\x00\x09\x01\xd0\x06"
                      "\xcf\x00\x00\x00\x00\x00\x00\x00\x03"
                      "\xca\x40\x40\x00\x00\xd1\x00\x01\x01\xcc\x00"
                      "\xd2\xff\xff\xff\xff\x91\xd0\x03"));

    assert_int_equal(h.count, 3);
    assert_true(rum_histogram_sum(&h) == 3);
    assert_true(rum_histogram_quantile(&h, 0.5) == 1);

    rum_histogram_free(&h);
}


static void
assert_refused(const unsigned char *data, size_t len, int rc)
{
    rum_histogram_t  h, empty;

    rum_histogram_init(&h);
    rum_histogram_init(&empty);
    record(&h, 5, RUM_GOOD);

    assert_int_equal(rum_histogram_decode(&h, data, len), rc);
    assert_same(&h, &empty);

    rum_histogram_free(&h);
}


static void
test_what_is_no_histogram_is_refused(void **state)
{
    (void) state;

#define refused(bytes)  assert_refused(packed(bytes), RUM_ERROR)

    refused("");
    refused("\xc0");
    refused("\x01");
    refused("\xa3" "abc");
    refused("\x80");
    refused("\xdd\xff\xff\xff\xff");
    refused("\x98\x01\x06\x01\x05\x05\x05\x00\x00");
    refused("\x9b\x01\x06\x00\x00\x00\x00\x00\x00\x90\x90\x90");

    /* version, scale, count, offset of another type or another value */

    refused("\x99\x02\x06\x00\x00\x00\x00\x00\x00\x90");
    refused("\x99\xff\x06\x00\x00\x00\x00\x00\x00\x90");
    refused("\x99\x01\xc3\x00\x00\x00\x00\x00\x00\x90");
    refused("\x99\x01\x06\xff\x00\x00\x00\x00\x00\x90");
    refused("\x99\x01\x06\x00\x00\x00\x00\x00\xa0\x90");
    refused("\x99\x01\x06\x00\x00\x00\x00\x00\x00\x00");

    /* an element too many, a byte too many */

    refused("\x9a\x01\x06\x00\x00\x00\x00\x00\x00\x90\x94\x00\x00\x00\x00");
    refused("\x9a\x01\x06\x00\x00\x00\x00\x00\x00\x90\x90");
    refused("\x99\x01\x06\x00\x00\x00\x00\x00\x00\x90\x00");
}


static void
test_counts_that_do_not_add_up_are_refused(void **state)
{
    rum_histogram_t  h;

    (void) state;

    rum_histogram_init(&h);
    decode(&h, packed("\x99\x01\x06\x03\x02\x00\x01\x01\xff\x91\x02"));
    rum_histogram_free(&h);

    /* the same with another count, other zeroes, another bucket count */

    refused("\x99\x01\x06\x04\x02\x00\x01\x01\xff\x91\x02");
    refused("\x99\x01\x06\x02\x02\x00\x01\x01\xff\x91\x02");
    refused("\x99\x01\x06\x03\x02\x00\x01\x00\xff\x91\x02");
    refused("\x99\x01\x06\x03\x02\x00\x01\x01\xff\x91\x03");
    refused("\x99\x01\x06\x03\x02\x00\x01\x01\xff\x90");

    /* sums that only add up modulo 2^64 */

    refused("\x99\x01\x06\x02\x03\x01\x01\x00\x00\x92"
            "\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x03");
    refused("\x99\x01\x06\x01\x03\x01\x01"
            "\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x00\x91\x02");

    /* ratings above the count, values where there is no count */

    refused("\x9a\x01\x06\x03\x02\x00\x01\x01\xff\x91\x02\x93\x02\x01\x01");
    refused("\x99\x01\x06\x00\x01\x00\x00\x00\x00\x90");
    refused("\x99\x01\x06\x00\x00\x00\x01\x00\x00\x90");
}


static void
test_impossible_numbers_are_refused(void **state)
{
    (void) state;

    /* min above max; negative, infinite, no number; too large */

    refused("\x99\x01\x06\x01\x01\x02\x01\x00\xff\x91\x01");
    refused("\x99\x01\x06\x01\x01\xff\x01\x00\xff\x91\x01");
    refused("\x99\x01\x06\x01\xff\x01\x01\x00\xff\x91\x01");
    refused("\x99\x01\x06\x01\xca\x7f\xc0\x00\x00\x01\x01\x00\xff\x91\x01");
    refused("\x99\x01\x06\x01\x01\xca\x7f\xc0\x00\x00\x01\x00\xff\x91\x01");
    refused("\x99\x01\x06\x01\x01\x01\xca\x7f\x80\x00\x00\x00\xff\x91\x01");
    refused("\x99\x01\x06\x01\x01\x01\xcf\x00\x04\x00\x00\x00\x00\x00\x00"
            "\x00\xff\x91\x01");

    /* buckets outside of the range */

    refused("\x99\x01\x06\x01\x01\x01\x01\x00\xd1\xfb\x03\x91\x01");
    refused("\x99\x01\x06\x01\x01\x01\x01\x00\xcd\x0c\x76\x91\x01");
    refused("\x99\x01\x06\x01\x01\x01\x01\x00\xcd\x0c\x75\x92\x00\x01");
    refused("\x99\x01\x06\x01\x01\x01\x01\x00"
            "\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x91\x01");
}


static void
test_extremes_outside_of_the_outer_buckets_are_refused(void **state)
{
    rum_histogram_t  h;

    (void) state;

    /* 1 and 2; 1 alone; a zero alone */

    rum_histogram_init(&h);
    decode(&h, packed("\x99\x01\x06\x02\x03\x01\x02\x00\xff\xdc\x00\x41\x01"
                      "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                      "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                      "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                      "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                      "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                      "\x00\x00\x00\x00\x00\x00\x00\x00\x01"));
    rum_histogram_free(&h);

    decode(&h, packed("\x99\x01\x06\x01\x01\x01\x01\x00\xff\x91\x01"));
    rum_histogram_free(&h);
    decode(&h, packed("\x99\x01\x06\x01\x00\x00\x00\x01\x00\x90"));
    rum_histogram_free(&h);

    refused("\x99\x01\x06\x01\x01\x01\x02\x00\xff\x91\x01");
    refused("\x99\x01\x06\x01\x01\x00\x01\x00\xff\x91\x01");
    refused("\x99\x01\x06\x01\x01\x02\x02\x00\xff\x91\x01");
    refused("\x99\x01\x06\x01\x00\x00\x01\x01\x00\x90");
    refused("\x99\x01\x06\x02\x01\x01\x01\x01\xff\x91\x01");
}


static void
test_another_scale_is_declined(void **state)
{
    (void) state;

    assert_refused(packed("\x99\x01\x05\x01\x01\x01\x01\x00\xff\x91\x01"),
                   RUM_DECLINED);
    assert_refused(packed("\x99\x01\xff\x01\x01\x01\x01\x00\xff\x91\x01"),
                   RUM_DECLINED);
}


static void
test_a_cut_encoding_is_refused_at_every_byte(void **state)
{
    size_t           len, cut;
    unsigned char    buf[2000];
    rum_histogram_t  h;

    (void) state;

    rum_histogram_init(&h);
    fill(&h, 300);
    len = encode(&h, buf);

    for (cut = 0; cut < len; cut++) {
        assert_refused(buf, cut, RUM_ERROR);
    }

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


static void
test_the_sum_saturates_and_stays(void **state)
{
    size_t           len;
    unsigned char    buf[PACKED_MAX];
    rum_histogram_t  h, back;

    (void) state;

    rum_histogram_init(&h);
    rum_histogram_init(&back);

    record(&h, 9e14, RUM_UNRATED);
    assert_true(rum_histogram_sum(&h) == 9e14);

    record(&h, 9e14, RUM_UNRATED);
    record(&h, 1, RUM_UNRATED);
    assert_int_equal(h.sum, INT64_MAX);

    len = encode(&h, buf);
    decode(&back, buf, len);
    assert_int_equal(back.sum, INT64_MAX);

    assert_int_equal(rum_histogram_subtract(&h, 1, RUM_UNRATED), RUM_OK);
    assert_int_equal(h.sum, INT64_MAX);

    rum_histogram_free(&h);
    rum_histogram_free(&back);
}


static void
test_large_sums_are_encoded_whole(void **state)
{
    size_t           len;
    unsigned char    buf[PACKED_MAX];
    rum_histogram_t  h, back;

    (void) state;

    rum_histogram_init(&h);
    rum_histogram_init(&back);

    record(&h, 1e11, RUM_UNRATED);
    record(&h, 0.0001, RUM_UNRATED);
    len = encode(&h, buf);
    decode(&back, buf, len);
    assert_int_equal(back.sum, 1000000000000001);

    record(&h, 1e12, RUM_UNRATED);
    record(&h, 0.6, RUM_UNRATED);
    len = encode(&h, buf);
    decode(&back, buf, len);
    assert_true(rum_histogram_sum(&back) == 1100000000001.0);

    rum_histogram_free(&h);
    rum_histogram_free(&back);
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
        test(encoding_is_the_documented_array),
        test(decoding_brings_everything_back),
        test(encoding_that_does_not_fit_is_full),
        test(other_forms_of_the_same_numbers_are_decoded),
        test(what_is_no_histogram_is_refused),
        test(counts_that_do_not_add_up_are_refused),
        test(impossible_numbers_are_refused),
        test(extremes_outside_of_the_outer_buckets_are_refused),
        test(another_scale_is_declined),
        test(a_cut_encoding_is_refused_at_every_byte),
        test(counts_grow_past_16_and_32_bits),
        test(zeroes_alone_grow_past_16_bits_too),
        test(no_more_than_the_limit_is_counted),
        test(the_sum_saturates_and_stays),
        test(large_sums_are_encoded_whole)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
