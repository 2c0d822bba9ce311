/*
 * The sites of a partition and their names: see rum_site.h.
 */

#include "rum_site.h"

#include <stdlib.h>


static int rum_sites_add(rum_sites_t *s, const rum_str_t *name, uint64_t key,
    uint32_t *number);
static void rum_site_free(rum_site_t *site);
static int rum_site_own(rum_sites_t *s, rum_site_t *site,
    const rum_str_t *name, int force, uint32_t *own);
static int rum_site_add_metric(rum_site_t *site, const rum_str_t *name);
static uint32_t rum_site_rollup_dim(const rum_rollup_t *rollup,
    const rum_str_t *name);
static int rum_site_copy(rum_str_t *to, const rum_str_t *from);


void
rum_sites_init(rum_sites_t *s, const rum_config_t *config, uint64_t seed)
{
    uint32_t             i;
    const rum_metric_t  *metric;

    memset(s, 0, sizeof(rum_sites_t));

    s->config = config;
    s->seed = seed;

    while (rum_metrics[s->known].name.len != 0) {
        s->known++;
    }

    for (i = 0; i < RUM_DETAIL_LAST; i++) {
        metric = rum_metric_find(&rum_details[i].metric);

        s->traced[i] = metric != NULL
                       ? RUM_CELL_METRICS + (uint32_t) (metric - rum_metrics)
                       : RUM_NO_NUMBER;
    }
}


void
rum_sites_free(rum_sites_t *s)
{
    uint32_t  i;

    for (i = 0; i < s->n; i++) {
        rum_site_free(s->sites[i]);
    }

    free(s->sites);
    rum_map_free(&s->map);
    memset(s, 0, sizeof(rum_sites_t));
}


int
rum_sites_find(rum_sites_t *s, const rum_str_t *name, int force,
    uint32_t *number)
{
    int                     rc;
    uint64_t                key;

    static const rum_str_t  other = rum_string(RUM_OTHER);

    if (s->last < s->n && rum_str_eq(&s->sites[s->last]->name, name)) {
        *number = s->last;
        return RUM_OK;
    }

    for (key = rum_hash(name->data, name->len, s->seed); ; key++) {
        *number = rum_map_get(&s->map, key);

        if (*number == RUM_MAP_NONE) {
            break;
        }

        if (rum_str_eq(&s->sites[*number]->name, name)) {
            s->last = *number;
            return RUM_OK;
        }
    }

    if (!force && s->n >= s->config->limit_sites) {
        rc = rum_sites_find(s, &other, 1, number);
        return rc == RUM_OK ? RUM_DECLINED : rc;
    }

    return rum_sites_add(s, name, key, number);
}


static int
rum_sites_add(rum_sites_t *s, const rum_str_t *name, uint64_t key,
    uint32_t *number)
{
    uint32_t      size;
    rum_site_t   *site, **sites;

    if (s->n == s->size) {
        size = s->size ? 2 * s->size : 16;

        sites = realloc(s->sites, size * sizeof(rum_site_t *));
        if (sites == NULL) {
            return RUM_ERROR;
        }

        s->sites = sites;
        s->size = size;
    }

    site = calloc(1, sizeof(rum_site_t));

    if (site == NULL || rum_site_copy(&site->name, name) != RUM_OK
        || rum_map_set(&s->map, key, s->n) != RUM_OK)
    {
        rum_site_free(site);
        return RUM_ERROR;
    }

    *number = s->n;
    s->last = s->n;
    s->sites[s->n++] = site;

    return RUM_OK;
}


static void
rum_site_free(rum_site_t *site)
{
    uint32_t  i;

    if (site == NULL) {
        return;
    }

    for (i = 0; i < site->nown; i++) {
        free(site->own[i].data);
    }

    for (i = 0; i < site->nmetrics; i++) {
        free(site->metrics[i].data);
    }

    free(site->metrics);
    free(site->name.data);
    rum_map_free(&site->indexed);
    free(site);
}


int
rum_site_dim(rum_sites_t *s, rum_site_t *site, const rum_str_t *name,
    uint32_t position, rum_dim_ref_t *ref)
{
    int               rc;
    rum_dim_cache_t  *cache;

    cache = &site->cache[position];

    if (cache->len == name->len && name->len > 0
        && memcmp(cache->name, name->data, name->len) == 0)
    {
        *ref = cache->ref;
        return RUM_OK;
    }

    ref->attr = rum_rollup_attr(&s->config->rollup, name);
    ref->own = RUM_NO_NUMBER;

    if (ref->attr >= RUM_ROLLUP_BUILTIN) {
        rc = rum_site_own(s, site, name, 0, &ref->own);

        /* a pair of it counts even where it has no room alone */

        if (rc == RUM_ERROR
            || (rc == RUM_DECLINED && ref->attr == RUM_ATTR_NONE))
        {
            return rc;
        }
    }

    if (name->len <= RUM_LEN_NAME) {
        cache->len = name->len;
        memcpy(cache->name, name->data, name->len);
        cache->ref = *ref;
    }

    return RUM_OK;
}


/* finds or adds an own dimension */

static int
rum_site_own(rum_sites_t *s, rum_site_t *site, const rum_str_t *name,
    int force, uint32_t *own)
{
    uint32_t  i, limit;

    for (i = 0; i < site->nown; i++) {
        if (rum_str_eq(&site->own[i], name)) {
            *own = i;
            return RUM_OK;
        }
    }

    limit = force ? RUM_MAX_DIMS : s->config->limit_dimensions;

    if (site->nown >= limit || name->len == 0 || name->len > RUM_LEN_NAME
        || memchr(name->data, ',', name->len) != NULL
        || rum_str_is(name, RUM_ALL) || rum_detail_reserved(name))
    {
        return RUM_DECLINED;
    }

    if (rum_site_copy(&site->own[site->nown], name) != RUM_OK) {
        return RUM_ERROR;
    }

    *own = site->nown++;

    return RUM_OK;
}


int
rum_site_cell(rum_sites_t *s, rum_site_t *site, const rum_str_t *name,
    const rum_metric_t *known, int force, uint32_t *cell)
{
    int       rc;
    uint32_t  i;

    if (known != NULL) {
        *cell = RUM_CELL_METRICS + (uint32_t) (known - rum_metrics);
        return RUM_OK;
    }

    for (i = 0; i < site->nmetrics; i++) {
        if (rum_str_eq(&site->metrics[i], name)) {
            break;
        }
    }

    if (i == site->nmetrics) {
        if (!rum_metric_name_valid(name)
            || (!force && i >= s->config->limit_metrics))
        {
            return RUM_DECLINED;
        }

        rc = rum_site_add_metric(site, name);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    *cell = RUM_CELL_METRICS + s->known + i;

    return RUM_OK;
}


static int
rum_site_add_metric(rum_site_t *site, const rum_str_t *name)
{
    uint32_t    size;
    rum_str_t  *metrics;

    if (site->nmetrics == site->metrics_size) {
        size = site->metrics_size ? 2 * site->metrics_size : 8;

        metrics = realloc(site->metrics, size * sizeof(rum_str_t));
        if (metrics == NULL) {
            return RUM_ERROR;
        }

        site->metrics = metrics;
        site->metrics_size = size;
    }

    if (rum_site_copy(&site->metrics[site->nmetrics], name) != RUM_OK) {
        return RUM_ERROR;
    }

    site->nmetrics++;

    return RUM_OK;
}


rum_str_t
rum_site_dim_name(const rum_sites_t *s, const rum_site_t *site, uint32_t dim)
{
    rum_str_t                name;
    const rum_rollup_dim_t  *rolled;

    if (dim >= RUM_DIM_DETAILS) {
        return rum_details[dim - RUM_DIM_DETAILS].name;
    }

    if (dim >= s->config->rollup.ndims) {
        return site->own[dim - s->config->rollup.ndims];
    }

    rolled = &s->config->rollup.dims[dim];
    name.len = rolled->len;
    name.data = (unsigned char *) rolled->text;

    return name;
}


rum_str_t
rum_site_cell_name(const rum_sites_t *s, const rum_site_t *site,
    uint32_t cell)
{
    static const rum_str_t  slowest = rum_string(RUM_SLOWEST);

    if (cell < RUM_COUNTERS) {
        return rum_counter_names[cell];
    }

    if (cell == RUM_CELL_SLOWEST) {
        return slowest;
    }

    cell -= RUM_CELL_METRICS;

    if (cell < s->known) {
        return rum_metrics[cell].name;
    }

    return site->metrics[cell - s->known];
}


uint32_t
rum_site_cells(const rum_sites_t *s, const rum_site_t *site)
{
    return RUM_CELL_METRICS + s->known + site->nmetrics;
}


uint32_t
rum_site_dims(const rum_sites_t *s, uint32_t site)
{
    return s->config->rollup.ndims + s->sites[site]->nown;
}


uint32_t
rum_site_row_cell(const rum_sites_t *s, uint32_t dim)
{
    rum_counter_e        counter;
    const rum_detail_t  *detail;

    if (dim < RUM_DIM_DETAILS) {
        return RUM_COUNTER_BEACONS;
    }

    detail = &rum_details[dim - RUM_DIM_DETAILS];
    counter = rum_counter_find(&detail->values);

    return counter != RUM_COUNTER_LAST ? counter
                                       : s->traced[dim - RUM_DIM_DETAILS];
}


uint32_t
rum_site_counters(uint32_t dim)
{
    static const rum_str_t  all = rum_string(RUM_ALL);

    return dim < RUM_DIM_DETAILS ? rum_detail_counters(&all)
                                 : rum_details[dim - RUM_DIM_DETAILS].counters;
}


int
rum_site_has_metrics(uint32_t dim)
{
    return dim < RUM_DIM_DETAILS
           || rum_details[dim - RUM_DIM_DETAILS].metric.len > 0;
}


int
rum_site_has_slowest(uint32_t dim)
{
    return dim == RUM_DIM_DETAILS + RUM_DETAIL_SLOWEST;
}


int
rum_site_indexed(const rum_site_t *site, uint32_t dim, uint32_t cell)
{
    return rum_map_get(&site->indexed, rum_hash_pair(dim, cell))
           != RUM_MAP_NONE;
}


int
rum_site_set_indexed(rum_site_t *site, uint32_t dim, uint32_t cell)
{
    return rum_map_set(&site->indexed, rum_hash_pair(dim, cell), 1);
}


int
rum_site_load(rum_sites_t *s, rum_site_t *site, const rum_str_t *dimension,
    const rum_str_t *metric)
{
    int       rc;
    uint32_t  dim, own, cell;

    dim = rum_site_rollup_dim(&s->config->rollup, dimension);

    if (dim == RUM_NO_NUMBER) {
        if (memchr(dimension->data, ',', dimension->len) != NULL
            || rum_rollup_attr(&s->config->rollup, dimension)
               < RUM_ROLLUP_BUILTIN)
        {
            return RUM_OK;
        }

        rc = rum_site_own(s, site, dimension, 1, &own);
        if (rc != RUM_OK) {
            return rc == RUM_DECLINED ? RUM_OK : rc;
        }

        dim = s->config->rollup.ndims + own;
    }

    for (cell = 0; cell < RUM_COUNTERS; cell++) {
        if (rum_str_eq(&rum_counter_names[cell], metric)) {
            return rum_site_set_indexed(site, dim, cell);
        }
    }

    rc = rum_site_cell(s, site, metric, rum_metric_find(metric), 1, &cell);
    if (rc != RUM_OK) {
        return rc == RUM_DECLINED ? RUM_OK : rc;
    }

    return rum_site_set_indexed(site, dim, cell);
}


static uint32_t
rum_site_rollup_dim(const rum_rollup_t *rollup, const rum_str_t *name)
{
    uint32_t      i;
    rum_detail_e  detail;

    detail = rum_detail_find(name);

    if (detail != RUM_DETAIL_LAST) {
        return RUM_DIM_DETAILS + detail;
    }

    for (i = 0; i < rollup->ndims; i++) {
        if (rollup->dims[i].len == name->len
            && memcmp(rollup->dims[i].text, name->data, name->len) == 0)
        {
            return i;
        }
    }

    return RUM_NO_NUMBER;
}


static int
rum_site_copy(rum_str_t *to, const rum_str_t *from)
{
    to->data = malloc(from->len + 1);
    if (to->data == NULL) {
        return RUM_ERROR;
    }

    memcpy(to->data, from->data, from->len);
    to->len = from->len;

    return RUM_OK;
}
