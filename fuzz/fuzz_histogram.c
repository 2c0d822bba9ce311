/*
 * The histogram's decoder under any input.  What it takes must encode to
 * bytes that mean the same, keep its invariants, merge in either order to
 * the same, and give back a value that is recorded and subtracted.
 */

#include "rum_histogram.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t encode(const rum_histogram_t *h, unsigned char *buf);
static void check(const rum_histogram_t *h);
static void check_merge(const rum_histogram_t *h);
static void check_subtract(rum_histogram_t *h, double value);
static void same(const rum_histogram_t *a, const rum_histogram_t *b);

/* one of every kind of value, to merge with */
static const double  values[] = { 0, 1e-5, 0.1, 1, 88, 2310.2, 1e9 };

#define must(condition)                                                       \
    if (!(condition)) {                                                       \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);       \
        abort();                                                              \
    }


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                len;
    rum_histogram_t       h, again;
    static unsigned char  buf[50000];

    rum_histogram_init(&h);
    rum_histogram_init(&again);

    if (rum_histogram_decode(&h, data, size) == RUM_OK) {
        check(&h);

        len = encode(&h, buf);
        must(rum_histogram_decode(&again, buf, len) == RUM_OK)
        must(again.sum == h.sum)
        same(&h, &again);

        check_merge(&h);
        check_subtract(&h, values[size % (sizeof(values) / sizeof(double))]);

    } else {
        must(h.count == 0 && h.n == 0 && h.sum == 0 && h.max == 0)
    }

    rum_histogram_free(&h);
    rum_histogram_free(&again);

    return 0;
}


static size_t
encode(const rum_histogram_t *h, unsigned char *buf)
{
    int     len;
    size_t  max;

    max = rum_histogram_encoded_max(h);
    must(max <= 50000)

    len = rum_histogram_encode(h, buf, max);
    must(len > 0)
    must(rum_histogram_encode(h, buf, (size_t) len) == len)
    must(rum_histogram_encode(h, buf, (size_t) len - 1) == RUM_FULL)

    return (size_t) len;
}


static void
check(const rum_histogram_t *h)
{
    int       i;
    double    answer, last;
    uint32_t  k;
    uint64_t  total;

    must(h->min >= 0 && h->min <= h->max && h->max <= RUM_HISTOGRAM_MAX)
    must(h->sum >= 0)
    must(h->ratings[0] + h->ratings[1] + h->ratings[2] <= h->count)

    for (k = 0, total = h->zero_count; k < h->n; k++) {
        total += rum_histogram_bucket(h, k);
    }

    must(total == h->count)

    for (i = 0, last = 0; i <= 100; i++) {
        answer = rum_histogram_quantile(h, i / 100.0);
        must(answer >= last && answer <= h->max)
        last = answer;
    }

    must(h->count == 0 || rum_histogram_rank(h, h->max) == 1)
}


static void
check_merge(const rum_histogram_t *h)
{
    int              rc;
    size_t           i;
    rum_histogram_t  a, b, other;

    rum_histogram_init(&a);
    rum_histogram_init(&b);
    rum_histogram_init(&other);

    for (i = 0; i < sizeof(values) / sizeof(double); i++) {
        must(rum_histogram_record(&other, values[i], RUM_POOR) == RUM_OK)
    }

    must(rum_histogram_merge(&a, h) == RUM_OK)
    same(&a, h);

    rc = rum_histogram_merge(&a, &other);
    must(rum_histogram_merge(&b, &other) == RUM_OK)
    must(rum_histogram_merge(&b, h) == rc)

    if (rc == RUM_OK) {
        check(&a);
        same(&a, &b);

    } else {
        must(rc == RUM_FULL)
        must(h->count + other.count > RUM_HISTOGRAM_COUNT_MAX)
        same(&a, h);
        same(&b, &other);
    }

    rum_histogram_free(&a);
    rum_histogram_free(&b);
    rum_histogram_free(&other);
}


static void
check_subtract(rum_histogram_t *h, double value)
{
    int       rc;
    int64_t   sum;
    uint64_t  count;

    sum = h->sum;
    count = h->count;

    rc = rum_histogram_record(h, value, RUM_GOOD);
    must(rc == RUM_OK || count >= RUM_HISTOGRAM_COUNT_MAX)

    if (rc != RUM_OK) {
        return;
    }

    must(rum_histogram_subtract(h, value, RUM_GOOD) == RUM_OK)
    must(h->count == count)
    must(h->sum == sum || h->sum == INT64_MAX)

    check(h);
}


static void
same(const rum_histogram_t *a, const rum_histogram_t *b)
{
    size_t                len;
    static unsigned char  one[50000], other[50000];

    len = encode(a, one);
    must(encode(b, other) == len)
    must(memcmp(one, other, len) == 0)
}
