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
 * for bit (each value is rounded once, to 0.0001, when it is recorded).
 * min and max are exact until the extreme value itself is subtracted; then
 * they are the bound of the outermost bucket that is still occupied.
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

typedef struct {
    uint64_t              count;        /* of all values, zeroes included */
    uint64_t              zero_count;
    uint64_t              ratings[3];   /* by rum_rating_e */
    int64_t               sum;          /* in 1/RUM_SUM_UNIT; saturates */
    double                min;          /* both 0 while count is 0 */
    double                max;
    int32_t               offset;       /* bucket index of counts[0] */
    uint32_t              n;            /* buckets in use from counts[0] */
    uint32_t              size;         /* buckets allocated */
    uint64_t             *counts;
} rum_histogram_t;

void rum_histogram_init(rum_histogram_t *h);
void rum_histogram_free(rum_histogram_t *h);

/* empties it and keeps its memory */
void rum_histogram_reset(rum_histogram_t *h);

/*
 * RUM_DECLINED for NaN, infinities, negatives and values above
 * RUM_HISTOGRAM_MAX; RUM_ERROR without memory.  Nothing changes then.
 */
int rum_histogram_record(rum_histogram_t *h, double value,
    rum_rating_e rating);

/* takes one recorded value back; RUM_DECLINED if its bucket is empty */
int rum_histogram_subtract(rum_histogram_t *h, double value,
    rum_rating_e rating);

/* adds src to dst; src is unchanged */
int rum_histogram_merge(rum_histogram_t *dst, const rum_histogram_t *src);

/* 0 <= q <= 1, by nearest rank; 0 for an empty histogram */
double rum_histogram_quantile(const rum_histogram_t *h, double q);

/* values <= value, as a share 0..1 (the CDF at value) */
double rum_histogram_rank(const rum_histogram_t *h, double value);

double rum_histogram_sum(const rum_histogram_t *h);

/* the bucket a positive value falls into, and a bucket's upper bound */
int32_t rum_histogram_index(double value);
double rum_histogram_bound(int32_t index);

/*
 * MessagePack, the field value of a rollup (docs/redis-schema.md):
 *
 *   [1, scale, count, sum, min, max, zero_count, offset, [count, ...]]
 *   and a tenth element [good, needs_improvement, poor] if any is not 0.
 *
 * Encoding writes at most "size" bytes and returns the length, or
 * RUM_FULL; rum_histogram_encoded_max() is always enough.
 * Decoding replaces h (initialised before); anything that is not exactly
 * such an array, or whose counts do not add up, is RUM_ERROR and leaves h
 * empty.  A histogram of a smaller scale (coarser) is RUM_DECLINED.
 */
size_t rum_histogram_encoded_max(const rum_histogram_t *h);
int rum_histogram_encode(const rum_histogram_t *h, unsigned char *buf,
    size_t size);
int rum_histogram_decode(rum_histogram_t *h, const unsigned char *data,
    size_t len);

#endif /* RUM_HISTOGRAM_H */
