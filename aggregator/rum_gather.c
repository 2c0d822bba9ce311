/*
 * Adds up the events of one group: see rum_gather.h.
 */

#include "rum_gather.h"

#include <stdlib.h>


#define RUM_GATHER_AHEAD   8            /* events */
#define RUM_GATHER_EVENT   256          /* bytes of a usual one */


/*
 * Buckets are of 32 bits.  What comes after a delta has become large is one
 * batch of entries, and that is less than heads of events take of it.
 */
_Static_assert(RUM_DELTA_LARGE / sizeof(rum_sample_t) * RUM_MAX_WEIGHT
               <= UINT32_MAX, "a bucket could overflow");


static void rum_gather_free_sums(rum_gather_sums_t *sums);
static void rum_gather_reset(rum_gather_sums_t *sums);
static int rum_gather_event(rum_gather_t *g,
    const rum_delta_event_t *event);
static inline int rum_gather_weighed(rum_gather_t *g,
    const rum_delta_event_t *event, uint32_t weight)
    __attribute__((always_inline));
static void rum_gather_counter(rum_gather_t *g, const rum_sample_t *sample,
    uint32_t weight);
static inline int rum_gather_sample(rum_gather_sums_t *sums,
    const rum_sample_t *sample, uint32_t weight)
    __attribute__((always_inline));
static rum_gather_cell_t *rum_gather_cell(rum_gather_sums_t *sums,
    uint32_t cell);
static int rum_gather_removed(rum_gather_t *g, const rum_sample_t *sample,
    uint32_t weight);
static int rum_gather_session(rum_gather_t *g,
    const rum_delta_event_t *event);
static uint32_t rum_gather_range(const rum_gather_cell_t *cell,
    uint32_t *first);


void
rum_gather_init(rum_gather_t *g)
{
    memset(g, 0, sizeof(rum_gather_t));
}


void
rum_gather_free(rum_gather_t *g)
{
    rum_gather_free_sums(&g->added);
    rum_gather_free_sums(&g->moved);
    rum_gather_free_sums(&g->removed);
    free(g->samples);
    free(g->sessions);
    rum_gather_init(g);
}


static void
rum_gather_free_sums(rum_gather_sums_t *sums)
{
    uint32_t  i;

    for (i = 0; i < sums->ncells; i++) {
        free(sums->cells[i]);
    }

    free(sums->cells);
    free(sums->touched);
}


int
rum_gather(rum_gather_t *g, const rum_delta_t *delta,
    const rum_group_t *group)
{
    size_t                k;
    uint32_t              i;
    const uint32_t       *list;
    const unsigned char  *ahead;

    rum_gather_reset(&g->added);
    rum_gather_reset(&g->moved);
    rum_gather_reset(&g->removed);
    memset(g->counters, 0, sizeof(g->counters));
    g->entries = 0;
    g->nsamples = 0;
    g->nsessions = 0;

    list = &delta->lists[group->list];

    for (i = 0; i < group->count; i++) {

        /* the events of a group lie far apart, and there are more of them
           than fit a cache: they are asked for some events before */

        if (i + RUM_GATHER_AHEAD < group->count) {
            ahead = (const unsigned char *)
                        rum_delta_event_at(delta, list[i + RUM_GATHER_AHEAD]);

            for (k = 0; k < RUM_GATHER_EVENT; k += 64) {
                __builtin_prefetch(ahead + k);
            }
        }

        if (rum_gather_event(g, rum_delta_event_at(delta, list[i]))
            != RUM_OK)
        {
            return RUM_ERROR;
        }
    }

    return RUM_OK;
}


static void
rum_gather_reset(rum_gather_sums_t *sums)
{
    uint32_t            i, first, n;
    rum_gather_cell_t  *cell;

    for (i = 0; i < sums->ntouched; i++) {
        cell = sums->cells[sums->touched[i]];

        n = rum_gather_range(cell, &first);
        memset(&cell->counts[first], 0, n * sizeof(uint32_t));
        memset(cell, 0, offsetof(rum_gather_cell_t, counts));
    }

    sums->ntouched = 0;
}


/* compiled twice: what counts once, as all do without sampling, as it is */

static int
rum_gather_event(rum_gather_t *g, const rum_delta_event_t *event)
{
    return event->weight == 1 ? rum_gather_weighed(g, event, 1)
                              : rum_gather_weighed(g, event, event->weight);
}


static inline int
rum_gather_weighed(rum_gather_t *g, const rum_delta_event_t *event,
    uint32_t weight)
{
    int64_t              n;
    uint32_t             i;
    rum_gather_sums_t   *sums;
    const rum_sample_t  *sample;

    n = weight;

    g->entries += event->beacons;
    g->counters[RUM_COUNTER_BEACONS] += event->beacons * n;
    g->counters[RUM_COUNTER_VIEWS] += event->views * n;
    g->counters[RUM_COUNTER_ERRORS] += event->errors * n;
    g->counters[RUM_COUNTER_ENTRANCES] += event->entrances * n;
    g->counters[RUM_COUNTER_BOUNCES] += event->bounces * n;

    if (event->session_res != 0 && rum_gather_session(g, event) != RUM_OK) {
        return RUM_ERROR;
    }

    for (i = 0; i < event->nsamples; i++) {
        sample = &event->samples[i];
        sums = &g->added;

        if (sample->kind != RUM_SAMPLE_ADDED) {
            if (sample->kind == RUM_SAMPLE_VOID) {
                continue;
            }

            if (sample->kind == RUM_SAMPLE_COUNTER) {
                rum_gather_counter(g, sample, weight);
                continue;
            }

            sums = &g->moved;

            if (sample->kind == RUM_SAMPLE_REMOVED) {
                sums = &g->removed;

                if (rum_gather_removed(g, sample, weight) != RUM_OK) {
                    return RUM_ERROR;
                }
            }
        }

        if (rum_gather_sample(sums, sample, weight) != RUM_OK) {
            return RUM_ERROR;
        }
    }

    return RUM_OK;
}


/* up to 1e15 bytes of each resource: 1e18 when weighted, so the sum may end */

static void
rum_gather_counter(rum_gather_t *g, const rum_sample_t *sample,
    uint32_t weight)
{
    int64_t  *counter, n;

    counter = &g->counters[sample->cell];
    n = (int64_t) sample->value * weight;

    if (__builtin_add_overflow(*counter, n, counter)) {
        *counter = n < 0 ? INT64_MIN : INT64_MAX;
    }
}


static inline int
rum_gather_sample(rum_gather_sums_t *sums, const rum_sample_t *sample,
    uint32_t weight)
{
    int64_t             units;
    rum_gather_cell_t  *cell;

    cell = sample->cell < sums->ncells ? sums->cells[sample->cell] : NULL;

    if (cell == NULL) {
        cell = rum_gather_cell(sums, sample->cell);
        if (cell == NULL) {
            return RUM_ERROR;
        }
    }

    if (cell->count == 0) {
        sums->touched[sums->ntouched++] = sample->cell;
        cell->min = sample->value;
        cell->max = sample->value;
    }

    cell->count += weight;
    cell->min = sample->value < cell->min ? sample->value : cell->min;
    cell->max = sample->value > cell->max ? sample->value : cell->max;

    if (sample->bucket != RUM_SAMPLE_ZERO) {
        cell->counts[sample->bucket - RUM_GATHER_LOW] += weight;

    } else {
        cell->zero_count += weight;
    }

    cell->ratings[sample->rating] += weight;

    units = rum_histogram_units(sample->value);

    if (__builtin_mul_overflow(units, weight, &units)
        || __builtin_add_overflow(cell->sum, units, &cell->sum))
    {
        cell->sum = INT64_MAX;
    }

    return RUM_OK;
}


/* the first sample of the cell ever */

static rum_gather_cell_t *
rum_gather_cell(rum_gather_sums_t *sums, uint32_t cell)
{
    uint32_t             i, n, *touched;
    rum_gather_cell_t  **cells;

    if (cell >= sums->ncells) {
        n = cell + 32;

        touched = realloc(sums->touched, n * sizeof(uint32_t));
        if (touched == NULL) {
            return NULL;
        }

        sums->touched = touched;

        cells = realloc(sums->cells, n * sizeof(rum_gather_cell_t *));
        if (cells == NULL) {
            return NULL;
        }

        sums->cells = cells;

        for (i = sums->ncells; i < n; i++) {
            sums->cells[i] = NULL;
        }

        sums->ncells = n;
    }

    sums->cells[cell] = aligned_alloc(RUM_GATHER_ALIGN,
                                   sizeof(rum_gather_cell_t));

    if (sums->cells[cell] != NULL) {
        memset(sums->cells[cell], 0, sizeof(rum_gather_cell_t));
    }

    return sums->cells[cell];
}


static int
rum_gather_removed(rum_gather_t *g, const rum_sample_t *sample,
    uint32_t weight)
{
    size_t          size;
    rum_removed_t  *samples, *removed;

    if (g->nsamples == g->samples_size) {
        size = g->samples_size ? 2 * g->samples_size : 256;

        samples = realloc(g->samples, size * sizeof(rum_removed_t));
        if (samples == NULL) {
            return RUM_ERROR;
        }

        g->samples = samples;
        g->samples_size = size;
    }

    removed = &g->samples[g->nsamples++];
    removed->sample = sample;
    removed->weight = weight;

    return RUM_OK;
}


static int
rum_gather_session(rum_gather_t *g, const rum_delta_event_t *event)
{
    size_t                     size;
    const rum_delta_event_t  **sessions;

    if (g->nsessions == g->sessions_size) {
        size = g->sessions_size ? 2 * g->sessions_size : 256;

        sessions = realloc(g->sessions, size * sizeof(rum_delta_event_t *));
        if (sessions == NULL) {
            return RUM_ERROR;
        }

        g->sessions = sessions;
        g->sessions_size = size;
    }

    g->sessions[g->nsessions++] = event;

    return RUM_OK;
}


void
rum_gather_histogram(const rum_gather_sums_t *sums, uint32_t cell,
    rum_histogram_t *h)
{
    uint32_t            i, first;
    rum_gather_cell_t  *c;

    c = sums->cells[cell];
    rum_histogram_init(h);

    h->count = c->count;
    h->zero_count = c->zero_count;
    h->sum = c->sum;
    h->min = c->min;
    h->max = c->max;
    h->width = 1;                       /* 32 bits */

    for (i = 0; i < RUM_UNRATED; i++) {
        h->ratings[i] = c->ratings[i];
    }

    h->n = rum_gather_range(c, &first);
    h->offset = (int32_t) first + RUM_GATHER_LOW;
    h->counts = &c->counts[first];
}


/* the buckets between min and max, in whole steps; how many, and the first */

static uint32_t
rum_gather_range(const rum_gather_cell_t *cell, uint32_t *first)
{
    uint32_t  low, high;

    *first = 0;

    if (cell->max <= RUM_HISTOGRAM_ZERO) {
        return 0;
    }

    /* with zeroes among the values, min does not tell the first bucket */

    low = cell->min > RUM_HISTOGRAM_ZERO
          ? (uint32_t) (rum_histogram_index(cell->min) - RUM_GATHER_LOW) : 0;
    high = (uint32_t) (rum_histogram_index(cell->max) - RUM_GATHER_LOW);

    *first = low - low % RUM_GATHER_STEP;

    return high - high % RUM_GATHER_STEP + RUM_GATHER_STEP - *first;
}
