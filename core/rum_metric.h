/*
 * The metrics the system knows by name: unit, accepted range, thresholds.
 * A metric that is not in the table is a custom metric of its site: unit
 * unknown (""), range 0 .. RUM_METRIC_CUSTOM_MAX, no rating.
 *
 * Thresholds are those of web.dev/articles/vitals: a value <= good is good,
 * <= poor needs improvement, above is poor.
 */

#ifndef RUM_METRIC_H
#define RUM_METRIC_H

#include "rum.h"

#define RUM_METRIC_NAME_MAX    32       /* bytes, [a-z0-9_.]+ */
#define RUM_METRIC_CUSTOM_MAX  1e9

typedef enum {
    RUM_GOOD = 0,
    RUM_NEEDS_IMPROVEMENT,
    RUM_POOR,
    RUM_UNRATED
} rum_rating_e;

typedef struct {
    rum_str_t             name;         /* as in beacons, keys and status */
    rum_str_t             unit;         /* "ms", or "1" for a plain number */
    double                max;          /* larger values are out of range */
    double                good;         /* thresholds; both 0: not rated */
    double                poor;
    const char           *description;
} rum_metric_t;

/* the table, in a fixed order; ends with an empty name */
extern const rum_metric_t  rum_metrics[];

/* the metric of that name, or NULL for a custom one */
const rum_metric_t *rum_metric_find(const rum_str_t *name);

/*
 * 1 if the name may be that of a metric: length, character set, and not one
 * of the counters of docs/redis-schema.md (views, errors, sessions ...),
 * whose keys would be the same.
 */
int rum_metric_name_valid(const rum_str_t *name);

/* metric may be NULL: RUM_UNRATED */
rum_rating_e rum_metric_rate(const rum_metric_t *metric, double value);

#endif /* RUM_METRIC_H */
