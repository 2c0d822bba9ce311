/*
 * Adds up the events of one group of a delta: what a flush does for each
 * value of each dimension in turn, and the most work of all per event.
 *
 * A cell's sum has all buckets there are, so that a sample is counted without
 * a question; the few dozen cells in use keep to the cache between groups.
 * Here, and nowhere else, what an event counts is multiplied by its weight.
 */

#ifndef RUM_GATHER_H
#define RUM_GATHER_H

#include "rum_delta.h"

/* all buckets there are, in whole steps of what histograms grow by */
#define RUM_GATHER_STEP        64
#define RUM_GATHER_LOW         (-20 * RUM_GATHER_STEP)
#define RUM_GATHER_HIGH        (50 * RUM_GATHER_STEP)
#define RUM_GATHER_ALIGN       64       /* as malloc() aligns, or better */
#define RUM_GATHER_BUCKETS     (RUM_GATHER_HIGH - RUM_GATHER_LOW)

/* the samples of one cell */
typedef struct {
    uint64_t              count;
    uint64_t              zero_count;
    uint64_t              ratings[RUM_UNRATED + 1];
    int64_t               sum;
    double                min;
    double                max;
    _Alignas(RUM_GATHER_ALIGN)
    uint32_t              counts[RUM_GATHER_BUCKETS];
} rum_gather_cell_t;

typedef struct {
    rum_gather_cell_t   **cells;        /* NULL until it has had a sample */
    uint32_t              ncells;
    uint32_t             *touched;      /* cells with samples */
    uint32_t              ntouched;
} rum_gather_sums_t;

typedef struct {
    int64_t                    counters[RUM_COUNTERS];
    uint64_t                   entries;     /* that count here, unweighted */

    rum_gather_sums_t          added;
    rum_gather_sums_t          moved;
    rum_gather_sums_t          removed;

    rum_removed_t             *samples;     /* the removed ones, each */
    size_t                     nsamples;
    size_t                     samples_size;

    const rum_delta_event_t  **sessions;    /* events with one to add */
    size_t                     nsessions;
    size_t                     sessions_size;
} rum_gather_t;

void rum_gather_init(rum_gather_t *g);
void rum_gather_free(rum_gather_t *g);

/* RUM_ERROR without memory; what was gathered before is gone */
int rum_gather(rum_gather_t *g, const rum_delta_t *delta,
    const rum_group_t *group);

/*
 * The samples of a cell as a histogram that can be merged into another, as
 * long as nothing else is gathered.  Its counts are not its own: it is not
 * to be freed.
 */
void rum_gather_histogram(const rum_gather_sums_t *sums, uint32_t cell,
    rum_histogram_t *h);

#endif /* RUM_GATHER_H */
