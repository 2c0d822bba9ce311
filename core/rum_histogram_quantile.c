/*
 * What a histogram answers: the value at a quantile, the share of values up
 * to one, which part of the window is in use.  See rum_histogram.h.
 */

#include "rum_histogram.h"

static uint32_t rum_histogram_find(const rum_histogram_t *h, uint64_t rank);
static uint64_t rum_histogram_block(const rum_histogram_t *h, uint32_t k);


double
rum_histogram_quantile(const rum_histogram_t *h, double q)
{
    double    low, high, value;
    int32_t   index;
    uint64_t  rank;

    if (h->count == 0) {
        return 0;
    }

    /* nearest rank: the smallest whole number >= q * count, at least 1 */

    value = (q > 0) ? ((q < 1) ? q : 1) * (double) h->count : 0;
    rank = (uint64_t) value;
    rank += ((double) rank < value);
    rank = (rank > 0) ? rank : 1;

    if (rank <= h->zero_count) {
        return 0;
    }

    index = h->offset
            + (int32_t) rum_histogram_find(h, rank - h->zero_count);

    low = rum_histogram_bound(index - 1);
    high = rum_histogram_bound(index);
    value = 2 * low * high / (low + high);

    value = (value > h->min) ? value : h->min;
    return (value < h->max) ? value : h->max;
}


/* where in the window the value of that rank is, from 1, zeroes aside */

static uint32_t
rum_histogram_find(const rum_histogram_t *h, uint64_t rank)
{
    uint32_t  k;
    uint64_t  seen, block;

    seen = 0;

    for (k = 0; k < h->n; k += RUM_HISTOGRAM_STEP) {
        block = rum_histogram_block(h, k);

        if (seen + block >= rank) {
            break;
        }

        seen += block;
    }

    while (k < h->n) {
        seen += rum_histogram_bucket(h, k);

        if (seen >= rank) {
            break;
        }

        k++;
    }

    return k;
}


/* the values in RUM_HISTOGRAM_STEP buckets, from k on */

static uint64_t
rum_histogram_block(const rum_histogram_t *h, uint32_t k)
{
    uint32_t         i;
    uint64_t         sum;
    const uint16_t  *c16;
    const uint32_t  *c32;

    sum = 0;

    switch (h->width) {

    case 0:
        c16 = (const uint16_t *) h->counts + k;

        for (i = 0; i < RUM_HISTOGRAM_STEP; i++) {
            sum += c16[i];
        }

        break;

    case 1:
        c32 = (const uint32_t *) h->counts + k;

        for (i = 0; i < RUM_HISTOGRAM_STEP; i++) {
            sum += c32[i];
        }

        break;

    default:
        for (i = 0; i < RUM_HISTOGRAM_STEP; i++) {
            sum += rum_histogram_bucket(h, k + i);
        }
    }

    return sum;
}


uint32_t
rum_histogram_trim(const rum_histogram_t *h, uint32_t *first)
{
    uint32_t  low, high;

    low = 0;
    high = h->n;

    while (high > 0 && rum_histogram_block(h, high - RUM_HISTOGRAM_STEP) == 0)
    {
        high -= RUM_HISTOGRAM_STEP;
    }

    while (high > 0 && rum_histogram_bucket(h, high - 1) == 0) {
        high--;
    }

    while (low < high && rum_histogram_block(h, low) == 0) {
        low += RUM_HISTOGRAM_STEP;
    }

    while (low < high && rum_histogram_bucket(h, low) == 0) {
        low++;
    }

    *first = low;

    return high - low;
}


double
rum_histogram_rank(const rum_histogram_t *h, double value)
{
    double    seen, low, high;
    int32_t   index;
    uint32_t  k, n;

    if (h->count == 0 || !(value >= h->min)) {
        return 0;
    }

    if (value >= h->max) {
        return 1;
    }

    if (value <= RUM_HISTOGRAM_ZERO) {
        return (double) h->zero_count / (double) h->count;
    }

    index = rum_histogram_index(value);
    low = rum_histogram_bound(index - 1);
    high = rum_histogram_bound(index);
    n = (index > h->offset) ? (uint32_t) (index - h->offset) : 0;
    seen = (double) h->zero_count;

    for (k = 0; k < n && k < h->n; k++) {
        seen += (double) rum_histogram_bucket(h, k);
    }

    if (index >= h->offset && n < h->n) {
        seen += (double) rum_histogram_bucket(h, n)
                * ((value - low) / (high - low));
    }

    return seen / (double) h->count;
}
