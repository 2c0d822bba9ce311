/*
 * The histogram all percentiles come from: the exponential histogram of
 * OpenTelemetry (and Prometheus' native histogram) at scale 6.
 *
 * Bucket i holds the values in (base^i, base^(i+1)], base = 2^(1/64), so
 * merging is adding.  A quantile is answered with the bucket's midpoint in
 * the sense of relative error, 2 * lo * hi / (lo + hi), clamped into
 * [min, max]: off by at most (base - 1) / (base + 1) = 0.5415 %.
 *
 *        zero_count   counts[0]           counts[n-1]
 *      [0 .. 1e-6]  ( offset  ]  ...  ( offset + n - 1 ]
 *
 * count, zero_count, bucket counts and ratings are exact.  sum is kept in
 * units of 1/RUM_SUM_UNIT so that merging is associative and commutative bit
 * for bit (each value is rounded once, to 0.0001, when it is recorded).  It
 * saturates at 9.2e14 and stays there.
 * min and max are exact until the extreme value itself is subtracted; then
 * they are the bound of the outermost bucket that is still occupied (or stay,
 * where that bucket is the value's own and the value the narrower bound).
 *
 * Bucket counts are 16 bits wide while no more than 65,535 values are
 * counted, so that no bucket can overflow; then 32 bits, then 64.  The window
 * [offset, offset + n) grows in steps.  Read it with rum_histogram_bucket().
 *
 * Not thread-safe.  A histogram owns its counts; release with _free().
 */

#ifndef RUM_HISTOGRAM_H
#define RUM_HISTOGRAM_H

#include "rum.h"
#include "rum_metric.h"

#define RUM_HISTOGRAM_SCALE    6
#define RUM_SUM_UNIT           10000.0
#define RUM_HISTOGRAM_ZERO     1e-6     /* values up to this count as zero */
#define RUM_HISTOGRAM_MAX      1e15     /* larger values are refused */

/* what can be counted: more would not fit a double, as JSON readers have it */
#define RUM_HISTOGRAM_COUNT_MAX  (UINT64_C(1) << 53)

/* the buckets of the smallest and of the largest value */
#define RUM_HISTOGRAM_FIRST    (-1276)
#define RUM_HISTOGRAM_LAST     3189

typedef struct {
    uint64_t              count;        /* of all values, zeroes included */
    int64_t               sum;          /* in 1/RUM_SUM_UNIT; saturates */
    double                min;          /* both 0 while count is 0 */
    double                max;
    int32_t               offset;       /* index of the window's first bucket */
    uint32_t              n;            /* buckets in the window, some empty */
    void                 *counts;
    uint32_t              width;        /* counts are of 16 << width bits */
    uint32_t              size;         /* bytes allocated */
    uint64_t              ratings[3];   /* by rum_rating_e */
    uint64_t              zero_count;
} rum_histogram_t;

void rum_histogram_init(rum_histogram_t *h);
void rum_histogram_free(rum_histogram_t *h);

/* empties it and keeps its memory */
void rum_histogram_reset(rum_histogram_t *h);

/* the count of bucket offset + k, k < n */
static inline uint64_t
rum_histogram_bucket(const rum_histogram_t *h, uint32_t k)
{
    switch (h->width) {

    case 0:
        return ((const uint16_t *) h->counts)[k];

    case 1:
        return ((const uint32_t *) h->counts)[k];

    default:
        return ((const uint64_t *) h->counts)[k];
    }
}

/*
 * RUM_DECLINED for NaN, infinities, negatives and values above
 * RUM_HISTOGRAM_MAX; RUM_FULL past RUM_HISTOGRAM_COUNT_MAX values;
 * RUM_ERROR without memory.  Nothing changes then.
 */
int rum_histogram_record(rum_histogram_t *h, double value,
    rum_rating_e rating);

/*
 * Takes one recorded value back.  RUM_DECLINED, and nothing changes, if its
 * bucket holds no value or its rating was not counted.
 */
int rum_histogram_subtract(rum_histogram_t *h, double value,
    rum_rating_e rating);

/*
 * Adds src to dst, another histogram; src is unchanged.  RUM_FULL past
 * RUM_HISTOGRAM_COUNT_MAX values, RUM_ERROR without memory: dst is unchanged
 * then.
 */
int rum_histogram_merge(rum_histogram_t *dst, const rum_histogram_t *src);

/*
 * Takes all values of src, another histogram, back from dst.  RUM_DECLINED,
 * and nothing changes, if dst does not hold them all.
 */
int rum_histogram_unmerge(rum_histogram_t *dst, const rum_histogram_t *src);

/* 0 <= q <= 1, by nearest rank; 0 for an empty histogram */
double rum_histogram_quantile(const rum_histogram_t *h, double q);

/*
 * The share 0..1 of values <= value (the CDF): exact at the bounds of
 * buckets, linear between them; 0 for an empty histogram.
 */
double rum_histogram_rank(const rum_histogram_t *h, double value);

double rum_histogram_sum(const rum_histogram_t *h);

/* the bucket of a value above RUM_HISTOGRAM_ZERO; a bucket's upper bound */
int32_t rum_histogram_index(double value);
double rum_histogram_bound(int32_t index);

/*
 * MessagePack, the field value of a rollup (docs/redis-schema.md):
 *
 *   [1, scale, count, sum, min, max, zero_count, offset, [count, ...]]
 *   and a tenth element [good, needs_improvement, poor] if any is not 0.
 *
 * The encoding is canonical: equal histograms are equal bytes, whatever
 * windows they have.  A sum above 1.1e11 is rounded to a whole number, where
 * a double would not hold its 0.0001.
 *
 * Encoding writes at most "size" bytes and returns the length, or
 * RUM_FULL; rum_histogram_encoded_max() is always enough.
 * Decoding replaces h (initialised before) and keeps its memory; anything
 * that is not exactly such an array, or whose counts do not add up, or whose
 * min and max are not in its outer buckets, is RUM_ERROR; one of another
 * scale is RUM_DECLINED.  Both leave h empty.
 */
size_t rum_histogram_encoded_max(const rum_histogram_t *h);
int rum_histogram_encode(const rum_histogram_t *h, unsigned char *buf,
    size_t size);
int rum_histogram_decode(rum_histogram_t *h, const unsigned char *data,
    size_t len);

/* what the two files of the histogram share */

#define RUM_HISTOGRAM_STEP     16       /* windows are multiples of this */

/*
 * Extends the window to hold buckets low .. high - 1, and the counts to
 * 16 << width bits; RUM_ERROR without memory.
 */
int rum_histogram_cover(rum_histogram_t *h, int32_t low, int32_t high,
    uint32_t width);

/* the smallest width that holds so many values */
uint32_t rum_histogram_width(uint64_t count);

static inline void
rum_histogram_set(rum_histogram_t *h, uint32_t k, uint64_t count)
{
    switch (h->width) {

    case 0:
        ((uint16_t *) h->counts)[k] = (uint16_t) count;
        break;

    case 1:
        ((uint32_t *) h->counts)[k] = (uint32_t) count;
        break;

    default:
        ((uint64_t *) h->counts)[k] = count;
    }
}

/* the buckets between the outermost occupied ones, and where they begin */
uint32_t rum_histogram_trim(const rum_histogram_t *h, uint32_t *first);

/* a value >= 0 in 1/RUM_SUM_UNIT; INT64_MAX if it does not fit */
int64_t rum_histogram_units(double value);

#endif /* RUM_HISTOGRAM_H */
