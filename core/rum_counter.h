/*
 * What a rollup counts beside metrics (docs/redis-schema.md).  The aggregator
 * writes the counters, the status location reads them; which dimension has
 * which is in rum_detail.h.
 */

#ifndef RUM_COUNTER_H
#define RUM_COUNTER_H

#include "rum.h"

typedef enum {
    RUM_COUNTER_BEACONS = 0,
    RUM_COUNTER_VIEWS,
    RUM_COUNTER_ERRORS,
    RUM_COUNTER_ENTRANCES,
    RUM_COUNTER_BOUNCES,
    RUM_COUNTER_REQUESTS,               /* from here on only in details */
    RUM_COUNTER_BYTES,
    RUM_COUNTER_THIRD_PARTY,
    RUM_COUNTER_ACTIONS,
    RUM_COUNTER_EVENTS,
    RUM_COUNTER_VISITS,
    RUM_COUNTER_CONVERSIONS,
    RUM_COUNTER_LAST
} rum_counter_e;

/* a set of counters */
#define rum_counter_bit(counter)  (1u << RUM_COUNTER_ ## counter)

extern const rum_str_t  rum_counter_names[RUM_COUNTER_LAST];

/* the counter of that name, or RUM_COUNTER_LAST */
rum_counter_e rum_counter_find(const rum_str_t *name);

#endif /* RUM_COUNTER_H */
