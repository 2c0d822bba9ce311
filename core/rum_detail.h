/*
 * Details: rollups of what a beacon lists (errors, resources, actions, events,
 * attribution) and not of the beacon as a whole.  They have the keys, windows
 * and limits of every rollup, but for "total", and their own counters.
 *
 * The aggregator writes them; the status location asks here which counters a
 * dimension has; who takes names of dimensions asks which are reserved.
 */

#ifndef RUM_DETAIL_H
#define RUM_DETAIL_H

#include "rum_counter.h"

typedef enum {
    RUM_DETAIL_ERROR = 0,
    RUM_DETAIL_ERROR_PAGE,
    RUM_DETAIL_ERROR_BROWSER,
    RUM_DETAIL_HOST,
    RUM_DETAIL_HOST_TYPE,
    RUM_DETAIL_FROM_PAGE,
    RUM_DETAIL_ACTION,
    RUM_DETAIL_ACTION_TARGET,
    RUM_DETAIL_EVENT,
    RUM_DETAIL_EVENT_PAGE,
    RUM_DETAIL_LCP_TARGET,
    RUM_DETAIL_LCP_URL,
    RUM_DETAIL_INP_TARGET,
    RUM_DETAIL_INP_URL,
    RUM_DETAIL_INP_TYPE,
    RUM_DETAIL_INP_TARGET_TYPE,
    RUM_DETAIL_CLS_TARGET,
    RUM_DETAIL_SPEED,
    RUM_DETAIL_LAST
} rum_detail_e;

typedef struct {
    rum_str_t             name;         /* the dimension */
    rum_str_t             values;       /* the counter or metric that every
                                           value has: its hash lists them */
    uint32_t              counters;     /* by rum_counter_bit() */
    rum_str_t             metric;       /* the one it has; empty: none */
} rum_detail_t;

extern const rum_detail_t  rum_details[RUM_DETAIL_LAST];

/* the detail that the dimension is, or RUM_DETAIL_LAST */
rum_detail_e rum_detail_find(const rum_str_t *dimension);

/* 1 if no own dimension can have the name, since details have it */
int rum_detail_reserved(const rum_str_t *name);

/* the counters that the dimension's rollups have, of details or not */
uint32_t rum_detail_counters(const rum_str_t *dimension);

#endif /* RUM_DETAIL_H */
