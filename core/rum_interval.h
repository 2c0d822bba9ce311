/*
 * How sure a quantile is: its confidence interval, and that of the difference
 * of two, computed from histograms alone, whatever the distribution.
 *
 * Of a quantile: between two order statistics (binomial interval).  Of n
 * values B are below the true quantile q, B ~ Bin(n, q), so the values of
 * ranks l and u hold it between them with 95 % where P(B < l) <= 2.5 % and
 * P(B >= u) <= 2.5 %.  Too few values have no such rank: that side is open.
 *
 * Of a difference: MOVER, the method of variance estimates recovery (Zou,
 * Donner 2008), from the two intervals:
 *
 *   low  = a - b - sqrt((a - a.low)^2  + (b.high - b)^2)
 *   high = a - b + sqrt((a.high - a)^2 + (b - b.low)^2)
 *
 * Used by rum_report for "compare".
 */

#ifndef RUM_INTERVAL_H
#define RUM_INTERVAL_H

#include "rum_histogram.h"

typedef struct {
    double                value;
    double                low;          /* if there is one ... */
    double                high;
    unsigned              has_low:1;    /* ... which this says */
    unsigned              has_high:1;
} rum_interval_t;

/* h is not empty; 0 <= q <= 1 */
void rum_interval_quantile(const rum_histogram_t *h, double q,
    rum_interval_t *interval);

/* a - b */
void rum_interval_difference(const rum_interval_t *a,
    const rum_interval_t *b, rum_interval_t *difference);

/* the two ranks, 1 .. n; 0 and n + 1 if there are none */
void rum_interval_ranks(uint64_t n, double q, uint64_t *low, uint64_t *high);

#endif /* RUM_INTERVAL_H */
