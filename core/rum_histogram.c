/*
 * The exponential histogram: see rum_histogram.h.  The aggregator records
 * and merges into many thousands of them, the status location merges them, so
 * the paths of a single value and of a single bucket count.  Quantiles are in
 * rum_histogram_quantile.c, what they look like in Redis in
 * rum_histogram_pack.c.
 *
 * The window of buckets begins and ends at multiples of
 * RUM_HISTOGRAM_STEP; what is outside of it is empty.
 */

#include "rum_histogram.h"

#include <math.h>
#include <stdlib.h>

/* the windows that hold RUM_HISTOGRAM_FIRST and RUM_HISTOGRAM_LAST */
#define RUM_HISTOGRAM_LOW      (-1280)
#define RUM_HISTOGRAM_HIGH     3200


/* 16 bytes of counts, as aligned as malloc() and whole steps make them */
typedef uint64_t  rum_words_t __attribute__((vector_size(16), may_alias));

/* eight counts, narrow and wide */
typedef uint16_t  rum_8x16_t __attribute__((vector_size(16)));
typedef uint32_t  rum_8x32_t __attribute__((vector_size(32)));


static int rum_histogram_record_any(rum_histogram_t *h, double value,
    rum_rating_e rating) __attribute__((noinline));
static inline void rum_histogram_note(rum_histogram_t *h, double value,
    rum_rating_e rating);
static int rum_histogram_widen(rum_histogram_t *h);
static int rum_histogram_grow(rum_histogram_t *h, int32_t index);
static void rum_histogram_move(void *dst, uint32_t width,
    const rum_histogram_t *h);
static inline void rum_histogram_count(rum_histogram_t *h, uint32_t k,
    uint64_t n);
static void rum_histogram_clip(rum_histogram_t *h);
static int rum_histogram_holds(const rum_histogram_t *h, uint32_t k,
    const rum_histogram_t *src, uint32_t first, uint32_t n);
static int rum_histogram_merge_buckets(rum_histogram_t *dst,
    const rum_histogram_t *src, uint64_t count);
static void rum_histogram_add(rum_histogram_t *dst,
    const rum_histogram_t *src, uint32_t first, uint32_t n);
static void rum_histogram_add_narrow(rum_histogram_t *dst, uint32_t at,
    const rum_histogram_t *src, uint32_t first, uint32_t n);
static inline int64_t rum_histogram_sum_add(int64_t a, int64_t b);


/* by width, so many values can be counted */

static const uint64_t  rum_histogram_limits[] = {
    UINT16_MAX,
    UINT32_MAX,
    RUM_HISTOGRAM_COUNT_MAX
};


/* 2^(i/64), correctly rounded; times a power of two, a bucket's bound */

static const double  rum_histogram_bounds[65] = {
    0x1p0, 0x1.02c9a3e778061p0, 0x1.059b0d3158574p0,
    0x1.0874518759bc8p0, 0x1.0b5586cf9890fp0, 0x1.0e3ec32d3d1a2p0,
    0x1.11301d0125b51p0, 0x1.1429aaea92de0p0, 0x1.172b83c7d517bp0,
    0x1.1a35beb6fcb75p0, 0x1.1d4873168b9aap0, 0x1.2063b88628cd6p0,
    0x1.2387a6e756238p0, 0x1.26b4565e27cddp0, 0x1.29e9df51fdee1p0,
    0x1.2d285a6e4030bp0, 0x1.306fe0a31b715p0, 0x1.33c08b26416ffp0,
    0x1.371a7373aa9cbp0, 0x1.3a7db34e59ff7p0, 0x1.3dea64c123422p0,
    0x1.4160a21f72e2ap0, 0x1.44e086061892dp0, 0x1.486a2b5c13cd0p0,
    0x1.4bfdad5362a27p0, 0x1.4f9b2769d2ca7p0, 0x1.5342b569d4f82p0,
    0x1.56f4736b527dap0, 0x1.5ab07dd485429p0, 0x1.5e76f15ad2148p0,
    0x1.6247eb03a5585p0, 0x1.6623882552225p0, 0x1.6a09e667f3bcdp0,
    0x1.6dfb23c651a2fp0, 0x1.71f75e8ec5f74p0, 0x1.75feb564267c9p0,
    0x1.7a11473eb0187p0, 0x1.7e2f336cf4e62p0, 0x1.82589994cce13p0,
    0x1.868d99b4492edp0, 0x1.8ace5422aa0dbp0, 0x1.8f1ae99157736p0,
    0x1.93737b0cdc5e5p0, 0x1.97d829fde4e50p0, 0x1.9c49182a3f090p0,
    0x1.a0c667b5de565p0, 0x1.a5503b23e255dp0, 0x1.a9e6b5579fdbfp0,
    0x1.ae89f995ad3adp0, 0x1.b33a2b84f15fbp0, 0x1.b7f76f2fb5e47p0,
    0x1.bcc1e904bc1d2p0, 0x1.c199bdd85529cp0, 0x1.c67f12e57d14bp0,
    0x1.cb720dcef9069p0, 0x1.d072d4a07897cp0, 0x1.d5818dcfba487p0,
    0x1.da9e603db3285p0, 0x1.dfc97337b9b5fp0, 0x1.e502ee78b3ff6p0,
    0x1.ea4afa2a490dap0, 0x1.efa1bee615a27p0, 0x1.f50765b6e4540p0,
    0x1.fa7c1819e90d8p0, 0x1p1
};


/*
 * For the upper 7 bits of a mantissa: the first of the bounds that is not
 * below the smallest such mantissa.  Bounds are at least 1/92 apart, so at
 * most one falls between that mantissa and the next one, 1/128 further.
 */

static const uint8_t  rum_histogram_guess[128] = {
     0,  1,  2,  3,  3,  4,  5,  5,  6,  7,  7,  8,  9,  9, 10, 11,
    11, 12, 13, 13, 14, 15, 15, 16, 16, 17, 18, 18, 19, 19, 20, 21,
    21, 22, 22, 23, 23, 24, 25, 25, 26, 26, 27, 27, 28, 28, 29, 29,
    30, 30, 31, 31, 32, 32, 33, 34, 34, 35, 35, 36, 36, 36, 37, 37,
    38, 38, 39, 39, 40, 40, 41, 41, 42, 42, 43, 43, 44, 44, 44, 45,
    45, 46, 46, 47, 47, 48, 48, 48, 49, 49, 50, 50, 51, 51, 51, 52,
    52, 53, 53, 53, 54, 54, 55, 55, 55, 56, 56, 57, 57, 57, 58, 58,
    59, 59, 59, 60, 60, 60, 61, 61, 62, 62, 62, 63, 63, 63, 64, 64
};


void
rum_histogram_init(rum_histogram_t *h)
{
    memset(h, 0, sizeof(rum_histogram_t));
}


void
rum_histogram_free(rum_histogram_t *h)
{
    free(h->counts);
    rum_histogram_init(h);
}


void
rum_histogram_reset(rum_histogram_t *h)
{
    void      *counts;
    uint32_t   size;

    counts = h->counts;
    size = h->size;

    rum_histogram_init(h);

    h->counts = counts;
    h->size = size;
}


int
rum_histogram_record(rum_histogram_t *h, double value, rum_rating_e rating)
{
    uint32_t  k;

    /* the common case, without a call; NaN fails both comparisons */

    if (value > RUM_HISTOGRAM_ZERO && value <= RUM_HISTOGRAM_MAX
        && h->count < rum_histogram_limits[h->width])
    {
        k = (uint32_t) (rum_histogram_index(value) - h->offset);

        if (k < h->n) {
            rum_histogram_count(h, k, 1);
            rum_histogram_note(h, value, rating);

            return RUM_OK;
        }
    }

    return rum_histogram_record_any(h, value, rating);
}


/* also zeroes, values that need more room, values to refuse */

static int
rum_histogram_record_any(rum_histogram_t *h, double value,
    rum_rating_e rating)
{
    int       rc;
    int32_t   index;
    uint32_t  k;

    if (!(value >= 0 && value <= RUM_HISTOGRAM_MAX)) {
        return RUM_DECLINED;
    }

    if (h->count >= rum_histogram_limits[h->width]) {
        rc = rum_histogram_widen(h);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    if (value > RUM_HISTOGRAM_ZERO) {
        index = rum_histogram_index(value);
        k = (uint32_t) (index - h->offset);

        if (k >= h->n) {
            rc = rum_histogram_grow(h, index);
            if (rc != RUM_OK) {
                return rc;
            }

            k = (uint32_t) (index - h->offset);
        }

        rum_histogram_count(h, k, 1);

    } else {
        h->zero_count++;
        value = fabs(value);            /* -0.0 */
    }

    rum_histogram_note(h, value, rating);

    return RUM_OK;
}


/* all of a value but its bucket */

static inline void
rum_histogram_note(rum_histogram_t *h, double value, rum_rating_e rating)
{
    if (h->count == 0) {
        h->min = value;
        h->max = value;
    }

    /* not always stored: the next value need not wait for it */

    if (value < h->min) {
        h->min = value;
    }

    if (value > h->max) {
        h->max = value;
    }

    h->count++;
    h->sum = rum_histogram_sum_add(h->sum, rum_histogram_units(value));

    if (rating < RUM_UNRATED) {
        h->ratings[rating]++;
    }
}


static inline void
rum_histogram_count(rum_histogram_t *h, uint32_t k, uint64_t n)
{
    switch (h->width) {

    case 0:
        ((uint16_t *) h->counts)[k] += (uint16_t) n;
        break;

    case 1:
        ((uint32_t *) h->counts)[k] += (uint32_t) n;
        break;

    default:
        ((uint64_t *) h->counts)[k] += n;
    }
}


static int
rum_histogram_widen(rum_histogram_t *h)
{
    if (h->count >= RUM_HISTOGRAM_COUNT_MAX) {
        return RUM_FULL;
    }

    return rum_histogram_cover(h, h->offset, h->offset + (int32_t) h->n,
                               rum_histogram_width(h->count + 1));
}


uint32_t
rum_histogram_width(uint64_t count)
{
    return (count > UINT16_MAX) + (count > UINT32_MAX);
}


/* makes room for one more bucket, and some slack on its side */

static int
rum_histogram_grow(rum_histogram_t *h, int32_t index)
{
    int32_t  low, high;

    low = index;
    high = index + 1;

    if (h->n != 0) {
        if (index < h->offset) {
            low -= (h->offset + (int32_t) h->n - index) / 8;

        } else {
            high += (index - h->offset) / 8;
        }
    }

    return rum_histogram_cover(h, low, high, h->width);
}


int
rum_histogram_cover(rum_histogram_t *h, int32_t low, int32_t high,
    uint32_t width)
{
    char      *counts;
    size_t     bytes, size, before, used;

    if (h->n != 0) {
        low = (low < h->offset) ? low : h->offset;
        high = (high > h->offset + (int32_t) h->n)
               ? high : h->offset + (int32_t) h->n;
    }

    low &= ~(RUM_HISTOGRAM_STEP - 1);
    high = (high + RUM_HISTOGRAM_STEP - 1) & ~(RUM_HISTOGRAM_STEP - 1);

    low = (low < RUM_HISTOGRAM_LOW) ? RUM_HISTOGRAM_LOW : low;
    high = (high > RUM_HISTOGRAM_HIGH) ? RUM_HISTOGRAM_HIGH : high;

    if (low == high) {
        h->width = width;
        return RUM_OK;
    }

    bytes = (size_t) 2 << width;
    size = (size_t) (high - low) * bytes;
    before = (h->n != 0) ? (size_t) (h->offset - low) * bytes : 0;
    used = h->n * bytes;

    if (size <= h->size && (width == h->width || h->n == 0)) {
        counts = h->counts;

    } else {
        counts = malloc(size);
        if (counts == NULL) {
            return RUM_ERROR;
        }
    }

    rum_histogram_move(counts + before, width, h);
    memset(counts, 0, before);
    memset(counts + before + used, 0, size - before - used);

    if (counts != h->counts) {
        free(h->counts);
        h->counts = counts;
        h->size = (uint32_t) size;
    }

    h->offset = low;
    h->n = (uint32_t) (high - low);
    h->width = width;

    return RUM_OK;
}


/* moves the counts of h to dst, which may overlap if the width stays */

static void
rum_histogram_move(void *dst, uint32_t width, const rum_histogram_t *h)
{
    uint32_t   k;
    uint32_t  *d32;
    uint64_t  *d64;

    if (h->n == 0) {
        return;
    }

    if (width == h->width) {
        memmove(dst, h->counts, (size_t) h->n << (width + 1));
        return;
    }

    d32 = dst;
    d64 = dst;

    for (k = 0; k < h->n; k++) {
        if (width == 1) {
            d32[k] = (uint32_t) rum_histogram_bucket(h, k);

        } else {
            d64[k] = rum_histogram_bucket(h, k);
        }
    }
}


int
rum_histogram_subtract(rum_histogram_t *h, double value, rum_rating_e rating)
{
    int       emptied;
    int32_t   index;
    uint32_t  k;

    if (!(value >= 0 && value <= RUM_HISTOGRAM_MAX)
        || (rating < RUM_UNRATED && h->ratings[rating] == 0))
    {
        return RUM_DECLINED;
    }

    if (value > RUM_HISTOGRAM_ZERO) {
        index = rum_histogram_index(value);
        k = (uint32_t) (index - h->offset);

        if (k >= h->n || rum_histogram_bucket(h, k) == 0) {
            return RUM_DECLINED;
        }

        rum_histogram_count(h, k, (uint64_t) -1);
        emptied = (rum_histogram_bucket(h, k) == 0);

    } else {
        if (h->zero_count == 0) {
            return RUM_DECLINED;
        }

        h->zero_count--;
        emptied = (h->zero_count == 0);
    }

    if (rating < RUM_UNRATED) {
        h->ratings[rating]--;
    }

    h->count--;

    if (h->sum != INT64_MAX) {
        h->sum -= rum_histogram_units(value);
        h->sum = (h->sum < 0) ? 0 : h->sum;
    }

    if (emptied || value <= h->min || value >= h->max) {
        rum_histogram_clip(h);
    }

    return RUM_OK;
}


/* values were taken out: moves min and max to the outer buckets, if need be */

static void
rum_histogram_clip(rum_histogram_t *h)
{
    double    low, high;
    int32_t   index;
    uint32_t  n, first;

    if (h->count == 0) {
        h->min = 0;
        h->max = 0;
        h->sum = 0;
        return;
    }

    n = rum_histogram_trim(h, &first);
    index = h->offset + (int32_t) first;

    low = (h->zero_count != 0) ? 0 : rum_histogram_bound(index - 1);
    high = (n == 0) ? RUM_HISTOGRAM_ZERO
                    : rum_histogram_bound(index + (int32_t) n - 1);

    h->min = (low > h->min) ? low : h->min;
    h->max = (high < h->max) ? high : h->max;
}


int
rum_histogram_merge(rum_histogram_t *dst, const rum_histogram_t *src)
{
    int        rc;
    uint32_t   i;
    uint64_t   count;

    if (src->count == 0) {
        return RUM_OK;
    }

    count = dst->count + src->count;

    if (count > RUM_HISTOGRAM_COUNT_MAX) {
        return RUM_FULL;
    }

    rc = rum_histogram_merge_buckets(dst, src, count);
    if (rc != RUM_OK) {
        return rc;
    }

    if (dst->count == 0) {
        dst->min = src->min;
        dst->max = src->max;

    } else {
        dst->min = (src->min < dst->min) ? src->min : dst->min;
        dst->max = (src->max > dst->max) ? src->max : dst->max;
    }

    for (i = 0; i < RUM_UNRATED; i++) {
        dst->ratings[i] += src->ratings[i];
    }

    dst->count = count;
    dst->zero_count += src->zero_count;
    dst->sum = rum_histogram_sum_add(dst->sum, src->sum);

    return RUM_OK;
}


int
rum_histogram_unmerge(rum_histogram_t *dst, const rum_histogram_t *src)
{
    uint32_t  i, k, n, first;

    if (src->count == 0) {
        return RUM_OK;
    }

    n = rum_histogram_trim(src, &first);

    /* where they begin in dst; what lies before it wraps around */

    k = (uint32_t) (src->offset + (int32_t) first - dst->offset);

    if (!rum_histogram_holds(dst, k, src, first, n)) {
        return RUM_DECLINED;
    }

    for (i = 0; i < n; i++) {
        rum_histogram_count(dst, k + i,
                            0 - rum_histogram_bucket(src, first + i));
    }

    for (i = 0; i < RUM_UNRATED; i++) {
        dst->ratings[i] -= src->ratings[i];
    }

    dst->count -= src->count;
    dst->zero_count -= src->zero_count;

    if (dst->sum != INT64_MAX) {
        dst->sum -= src->sum;
        dst->sum = (dst->sum < 0) ? 0 : dst->sum;
    }

    rum_histogram_clip(dst);

    return RUM_OK;
}


/* 1 if the n buckets of src from "first" on are in those of h from k on */

static int
rum_histogram_holds(const rum_histogram_t *h, uint32_t k,
    const rum_histogram_t *src, uint32_t first, uint32_t n)
{
    uint32_t  i;

    if (n != 0 && (k >= h->n || n > h->n - k)) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        if (rum_histogram_bucket(h, k + i)
            < rum_histogram_bucket(src, first + i))
        {
            return 0;
        }
    }

    for (i = 0; i < RUM_UNRATED; i++) {
        if (h->ratings[i] < src->ratings[i]) {
            return 0;
        }
    }

    return h->zero_count >= src->zero_count;
}


static int
rum_histogram_merge_buckets(rum_histogram_t *dst, const rum_histogram_t *src,
    uint64_t count)
{
    int       rc;
    int32_t   low, high;
    uint32_t  n, width, first;

    first = 0;
    n = src->n;
    low = src->offset;
    high = low + (int32_t) n;

    width = rum_histogram_width(count);
    width = (width > src->width) ? width : src->width;
    width = (width > dst->width) ? width : dst->width;

    if (width != dst->width || low < dst->offset
        || high > dst->offset + (int32_t) dst->n)
    {
        /* room for whole steps, as windows begin and end at them */

        n = rum_histogram_trim(src, &first);
        n += first % RUM_HISTOGRAM_STEP;
        first -= first % RUM_HISTOGRAM_STEP;

        low += (int32_t) first;
        high = low + (int32_t) n;

        rc = (n == 0) ? RUM_OK : rum_histogram_cover(dst, low, high, width);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    if (n != 0) {
        rum_histogram_add(dst, src, first, n);
    }

    return RUM_OK;
}


/*
 * Adds n buckets of src, from "first" on, to those of dst, in whole steps;
 * dst has room for them and is at least as wide.  No count overflows, so
 * that counts of one width are added many at a time, whatever the width.
 */

static void
rum_histogram_add(rum_histogram_t *dst, const rum_histogram_t *src,
    uint32_t first, uint32_t n)
{
    size_t              i, words;
    uint32_t            at;
    rum_words_t        *d;
    const rum_words_t  *s;

    at = (uint32_t) (src->offset + (int32_t) first - dst->offset);

    if (dst->width != src->width) {
        rum_histogram_add_narrow(dst, at, src, first, n);
        return;
    }

    d = dst->counts;
    s = src->counts;

    d += ((size_t) at << (dst->width + 1)) / sizeof(rum_words_t);
    s += ((size_t) first << (dst->width + 1)) / sizeof(rum_words_t);

    words = (((size_t) n << (dst->width + 1)) + sizeof(rum_words_t) - 1)
            / sizeof(rum_words_t);

    for (i = 0; i < words; i++) {
        d[i] += s[i];
    }
}


/* the same from a narrower histogram, most often from 16 bits to 32 */

static void
rum_histogram_add_narrow(rum_histogram_t *dst, uint32_t at,
    const rum_histogram_t *src, uint32_t first, uint32_t n)
{
    uint32_t         k;
    uint32_t        *d;
    rum_8x16_t       narrow;
    rum_8x32_t       wide;
    const uint16_t  *s;

    if (dst->width != 1) {
        for (k = 0; k < n; k++) {
            rum_histogram_count(dst, at + k,
                                rum_histogram_bucket(src, first + k));
        }

        return;
    }

    d = (uint32_t *) dst->counts + at;
    s = (const uint16_t *) src->counts + first;

    for (k = 0; k < n; k += 8) {
        memcpy(&narrow, s + k, sizeof(rum_8x16_t));
        memcpy(&wide, d + k, sizeof(rum_8x32_t));

        wide += __builtin_convertvector(narrow, rum_8x32_t);

        memcpy(d + k, &wide, sizeof(rum_8x32_t));
    }
}


double
rum_histogram_sum(const rum_histogram_t *h)
{
    return (double) h->sum / RUM_SUM_UNIT;
}


int32_t
rum_histogram_index(double value)
{
    int32_t   exponent, below;
    uint64_t  bits, bound;

    memcpy(&bits, &value, sizeof(double));

    exponent = (int32_t) (bits >> 52) - 1023;
    below = rum_histogram_guess[(bits >> 45) & 127];

    /* the mantissa as a double in [1, 2); such compare as their bits do */

    bits = (bits & UINT64_C(0xfffffffffffff)) | UINT64_C(0x3ff0000000000000);
    memcpy(&bound, &rum_histogram_bounds[below], sizeof(double));

    return exponent * 64 + below - (bits <= bound);
}


double
rum_histogram_bound(int32_t index)
{
    int64_t  i;

    i = (int64_t) index + 1;

    return ldexp(rum_histogram_bounds[i & 63], (int) (i >> 6));
}


int64_t
rum_histogram_units(double value)
{
    value = value * RUM_SUM_UNIT + 0.5;

    return (value < 9.2e18) ? (int64_t) value : INT64_MAX;
}


/* of numbers that are not negative; INT64_MAX is "too much", and stays */

static inline int64_t
rum_histogram_sum_add(int64_t a, int64_t b)
{
    int64_t  sum;

    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}
