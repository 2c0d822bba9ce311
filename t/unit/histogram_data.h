/*
 * What the tests of the histogram share: numbers at random that are the same
 * in every run, and two histograms held against each other.
 */

#ifndef HISTOGRAM_DATA_H
#define HISTOGRAM_DATA_H

#include "rum_histogram.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PACKED_MAX  50000

#define packed(bytes)  (const unsigned char *) bytes, sizeof(bytes) - 1

static uint64_t  seed;


static inline int
setup(void **state)
{
    (void) state;
    seed = 88172645463325252ULL;
    return 0;
}


static inline double
uniform(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return ((double) (seed >> 11) + 0.5) * 0x1p-53;
}


static inline double
gauss(void)
{
    double  radius;

    radius = sqrt(-2 * log(uniform()));

    return radius * cos(2 * M_PI * uniform());
}


static inline double
lognormal(unsigned i)
{
    (void) i;
    return 800 * exp(0.9 * gauss());
}


static inline void
record(rum_histogram_t *h, double value, rum_rating_e rating)
{
    assert_int_equal(rum_histogram_record(h, value, rating), RUM_OK);
}


/* values of all magnitudes, with zeroes and ratings */

static inline void
fill(rum_histogram_t *h, unsigned n)
{
    double  value;

    while (n-- > 0) {
        value = (n % 17 == 0) ? 0 : lognormal(n) * pow(10, n % 5 - 2.0);
        record(h, value, (rum_rating_e) (n % 4));
    }
}


static inline void
merge(rum_histogram_t *dst, const rum_histogram_t *src)
{
    assert_int_equal(rum_histogram_merge(dst, src), RUM_OK);
}


static inline void
decode(rum_histogram_t *h, const unsigned char *data, size_t len)
{
    assert_int_equal(rum_histogram_decode(h, data, len), RUM_OK);
}


static inline size_t
encode(const rum_histogram_t *h, unsigned char *buf)
{
    int  len;

    assert_true(rum_histogram_encoded_max(h) <= PACKED_MAX);

    len = rum_histogram_encode(h, buf, rum_histogram_encoded_max(h));
    assert_true(len > 0);

    return (size_t) len;
}


/* the encoding holds all there is to know of a histogram */

static inline void
assert_same(const rum_histogram_t *a, const rum_histogram_t *b)
{
    size_t                len;
    static unsigned char  one[PACKED_MAX], other[PACKED_MAX];

    len = encode(a, one);
    assert_int_equal(encode(b, other), len);
    assert_memory_equal(one, other, len);
}

#endif /* HISTOGRAM_DATA_H */
