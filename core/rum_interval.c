/*
 * Confidence intervals of quantiles: see rum_interval.h.
 */

#include <math.h>

#include "rum_interval.h"

#define RUM_INTERVAL_TAIL      0.025
#define RUM_INTERVAL_Z         1.959963984540054

/*
 * From this variance on the normal distribution stands for the binomial:
 * ranks are off by one at most then, less than a bucket is wide.
 */
#define RUM_INTERVAL_NORMAL    250.0


static void rum_interval_exact(uint64_t n, double q, uint64_t *low,
    uint64_t *high);
static double rum_interval_at(const rum_histogram_t *h, uint64_t rank);


void
rum_interval_quantile(const rum_histogram_t *h, double q,
    rum_interval_t *interval)
{
    uint64_t  low, high;

    rum_interval_ranks(h->count, q, &low, &high);

    interval->value = rum_histogram_quantile(h, q);
    interval->has_low = low >= 1;
    interval->has_high = high <= h->count;
    interval->low = interval->has_low ? rum_interval_at(h, low) : 0;
    interval->high = interval->has_high ? rum_interval_at(h, high) : 0;
}


void
rum_interval_difference(const rum_interval_t *a, const rum_interval_t *b,
    rum_interval_t *difference)
{
    double  d;

    d = a->value - b->value;

    difference->value = d;
    difference->has_low = a->has_low && b->has_high;
    difference->has_high = a->has_high && b->has_low;
    difference->low = d - hypot(a->value - a->low, b->high - b->value);
    difference->high = d + hypot(a->high - a->value, b->value - b->low);
}


void
rum_interval_ranks(uint64_t n, double q, uint64_t *low, uint64_t *high)
{
    double  mean, deviation;

    mean = (double) n * q;
    deviation = mean * (1 - q);

    /* the extremes: all values are above the least, or below the largest */

    if (q <= 0) {
        *low = 0;
        *high = 1;

    } else if (q >= 1) {
        *low = n;
        *high = n + 1;

    } else if (deviation < RUM_INTERVAL_NORMAL) {
        rum_interval_exact(n, q, low, high);

    } else {
        deviation = RUM_INTERVAL_Z * sqrt(deviation);
        *low = (uint64_t) floor(mean - deviation);
        *high = (uint64_t) ceil(mean + deviation) + 1;
    }
}


/* adds up the binomial distribution where it is not next to nothing */

static void
rum_interval_exact(uint64_t n, double q, uint64_t *low, uint64_t *high)
{
    double    p, sum, spread;
    uint64_t  k;

    spread = 8 * sqrt((double) n * q * (1 - q)) + 8;
    k = ((double) n * q > spread) ? (uint64_t) ((double) n * q - spread) : 0;

    p = exp(lgamma((double) n + 1) - lgamma((double) k + 1)
            - lgamma((double) (n - k) + 1)
            + (double) k * log(q) + (double) (n - k) * log1p(-q));

    /* low: the last rank l with P(B <= l - 1) in the tail */

    *low = k;
    *high = n + 1;
    sum = 0;

    for ( /* void */ ; k <= n; k++) {
        sum += p;

        if (sum <= RUM_INTERVAL_TAIL) {
            *low = k + 1;
        }

        if (sum >= 1 - RUM_INTERVAL_TAIL) {
            *high = k + 1;
            break;
        }

        p *= (double) (n - k) / (double) (k + 1) * (q / (1 - q));
    }
}


/* half a rank less: a quotient may be rounded up into the next rank */

static double
rum_interval_at(const rum_histogram_t *h, uint64_t rank)
{
    return rum_histogram_quantile(h, ((double) rank - 0.5)
                                     / (double) h->count);
}
