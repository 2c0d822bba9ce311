/*
 * The sites of a partition and their names: own dimensions, metrics, and
 * which (dimension, metric) pairs the index in Redis has.  Names get small
 * numbers, which everything after the decoding of an event goes by:
 *
 *   dimension   0 .. rollup.ndims - 1      all, built-in ones, pairs
 *               rollup.ndims + k           own dimension k of the site
 *               RUM_DIM_DETAILS + k        detail k, of errors, resources ...
 *   cell        0 .. RUM_COUNTERS - 1      beacons, views, errors, ...
 *               RUM_CELL_SLOWEST           the slowest resource
 *               RUM_CELL_METRICS + k       metric k of core's table
 *               RUM_CELL_METRICS + known + k   own metric k of the site
 *
 * What is past the limits gets no number: a site counts as "(other)", a
 * dimension or metric is left out.
 */

#ifndef RUM_SITE_H
#define RUM_SITE_H

#include "rum_config.h"
#include "rum_map.h"
#include "rum_slowest.h"

#define RUM_COUNTERS           RUM_COUNTER_LAST
#define RUM_CELL_SLOWEST       RUM_COUNTERS
#define RUM_CELL_METRICS       (RUM_COUNTERS + 1)

#define RUM_DIM_DETAILS        128

#define RUM_NO_NUMBER          UINT32_MAX

typedef struct {
    uint32_t              attr;         /* RUM_ATTR_NONE: not used by one */
    uint32_t              own;          /* RUM_NO_NUMBER: not an own one */
} rum_dim_ref_t;

/* the name at one position of the last event, and what it means */
typedef struct {
    size_t                len;
    unsigned char         name[RUM_LEN_NAME];
    rum_dim_ref_t         ref;
} rum_dim_cache_t;

typedef struct {
    rum_str_t             name;
    unsigned              stored:1;     /* in the set of sites in Redis */
    uint32_t              nown;
    rum_str_t             own[RUM_MAX_DIMS];
    uint32_t              nmetrics;     /* own ones */
    uint32_t              metrics_size;
    rum_str_t            *metrics;
    rum_map_t             indexed;      /* dimension and cell -> 1 */
    rum_dim_cache_t       cache[RUM_MAX_DIMS];
} rum_site_t;

typedef struct {
    const rum_config_t   *config;
    rum_map_t             map;
    rum_site_t          **sites;
    uint32_t              n;
    uint32_t              size;
    uint32_t              known;        /* metrics of core's table */
    uint32_t              traced[RUM_DETAIL_LAST];  /* the cell of a detail's
                                           metric, or RUM_NO_NUMBER */
    uint32_t              last;         /* the site found last */
    uint64_t              seed;
} rum_sites_t;

void rum_sites_init(rum_sites_t *s, const rum_config_t *config,
    uint64_t seed);
void rum_sites_free(rum_sites_t *s);

/*
 * The number of the site, a new one if there is none.  force: past the limit
 * too, for what Redis already has.  Else RUM_DECLINED past it, with the
 * number of "(other)".  RUM_ERROR without memory.
 */
int rum_sites_find(rum_sites_t *s, const rum_str_t *name, int force,
    uint32_t *number);

/* position: of the name in the event.  RUM_DECLINED past the limit. */
int rum_site_dim(rum_sites_t *s, rum_site_t *site, const rum_str_t *name,
    uint32_t position, rum_dim_ref_t *ref);

/*
 * The cell of a metric; known may be NULL.  RUM_DECLINED for a name that
 * cannot be one, and past the limit unless force.
 */
int rum_site_cell(rum_sites_t *s, rum_site_t *site, const rum_str_t *name,
    const rum_metric_t *known, int force, uint32_t *cell);

/* the way back */
rum_str_t rum_site_dim_name(const rum_sites_t *s, const rum_site_t *site,
    uint32_t dim);
rum_str_t rum_site_cell_name(const rum_sites_t *s, const rum_site_t *site,
    uint32_t cell);

/* cells that are numbered */
uint32_t rum_site_cells(const rum_sites_t *s, const rum_site_t *site);

/* dimensions of the site, without details */
uint32_t rum_site_dims(const rum_sites_t *s, uint32_t site);

/* the cell that each row of the dimension has */
uint32_t rum_site_row_cell(const rum_sites_t *s, uint32_t dim);

/* the counters of the dimension, by bit, and whether it has metrics */
uint32_t rum_site_counters(uint32_t dim);
int rum_site_has_metrics(uint32_t dim);

/* whether the dimension has the cell that no index lists */
int rum_site_has_slowest(uint32_t dim);

/* whether the index in Redis has the pair; 1 from now on */
int rum_site_indexed(const rum_site_t *site, uint32_t dim, uint32_t cell);
int rum_site_set_indexed(rum_site_t *site, uint32_t dim, uint32_t cell);

/*
 * Takes over a member of the index ("DIMENSION:METRIC", unescaped parts);
 * dimensions that are not rolled up any more are passed over.
 */
int rum_site_load(rum_sites_t *s, rum_site_t *site,
    const rum_str_t *dimension, const rum_str_t *metric);

#endif /* RUM_SITE_H */
