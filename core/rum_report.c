/*
 * The report's inside: names, the hash table of groups, adding up.  Series,
 * the earlier span and samples are in rum_report_series.c, the order of the
 * rows in rum_report_rows.c; rum_report_json.c, rum_report_csv.c and
 * rum_report_prometheus.c write them out.
 */

#include <stdlib.h>

#include "rum_report.h"

#define RUM_REPORT_CHAINS      64


static void rum_report_free_site(const rum_report_t *report,
    rum_report_site_t *site);
static void rum_report_free_histogram(rum_histogram_t *h);
static int rum_report_compare_index(const void *one, const void *two);
static int rum_report_compare_metric(const rum_report_metric_t *metric,
    const rum_metric_t *known, const rum_str_t *name);
static void rum_report_add(int64_t *sum, int64_t n);
static int rum_report_is_integer(const rum_str_t *packed);
static int rum_report_find_group(rum_report_t *report,
    rum_report_site_t *site, const rum_str_t *value,
    rum_report_group_t **group);
static int rum_report_new_group(rum_report_t *report,
    rum_report_site_t *site, const rum_str_t *value, uint32_t hash,
    rum_report_group_t **group);
static int rum_report_grow(rum_report_t *report, rum_report_site_t *site);
static uint32_t rum_report_hash(const rum_str_t *value);


rum_report_t *
rum_report_create(const rum_query_t *query)
{
    rum_report_t  *report;

    report = calloc(1, sizeof(rum_report_t));
    if (report == NULL) {
        return NULL;
    }

    report->query = query;
    rum_histogram_init(&report->scratch);
    msgpack_unpacked_init(&report->unpacked);

    if (query->site.len
        && rum_report_add_site(report, &query->site) != RUM_OK)
    {
        rum_report_destroy(report);
        return NULL;
    }

    return report;
}


void
rum_report_destroy(rum_report_t *report)
{
    uint32_t  i;

    for (i = 0; i < report->nsites; i++) {
        rum_report_free_site(report, &report->sites[i]);
    }

    free(report->sites);
    rum_histogram_free(&report->scratch);
    msgpack_unpacked_destroy(&report->unpacked);
    free(report);
}


static void
rum_report_free_site(const rum_report_t *report, rum_report_site_t *site)
{
    uint32_t  i;

    for (i = 0; i < site->ngroups; i++) {
        rum_report_free_group(site->groups[i], site->nmetrics,
                              report->nsteps);
    }

    for (i = 0; i < site->nindex; i++) {
        free(site->index[i].data);
    }

    for (i = 0; i < site->nmetrics; i++) {
        free(site->metrics[i].rows.groups);
        free(site->metrics[i].name.data);
    }

    free(site->name.data);
    free(site->metrics);
    free(site->groups);
    free(site->chains);
    free(site->rows.groups);
    free(site->index);
}


void
rum_report_free_group(rum_report_group_t *group, uint32_t nmetrics,
    uint32_t nsteps)
{
    uint32_t  i, k;

    for (i = 0; group->histograms != NULL && i < 2 * nmetrics; i++) {
        rum_report_free_histogram(group->histograms[i]);
    }

    for (i = 0; group->series != NULL && i < nmetrics; i++) {
        for (k = 0; group->series[i] != NULL && k < nsteps; k++) {
            rum_report_free_histogram(group->series[i]->points[k].histogram);
        }

        free(group->series[i]);
    }

    for (i = 0; i <= RUM_COUNTER_LAST; i++) {
        free(group->steps[i]);
    }

    for (i = 0; group->sample != NULL && i < RUM_SAMPLE_LAST; i++) {
        free(group->sample->fields[i].data);
    }

    if (group->slowest != NULL) {
        free(group->slowest->url.data);
    }

    free(group->sample);
    free(group->slowest);
    free(group->series);
    free(group->earlier);
    free(group->histograms);
    free(group->value.data);
    free(group);
}


static void
rum_report_free_histogram(rum_histogram_t *h)
{
    if (h != NULL) {
        rum_histogram_free(h);
        free(h);
    }
}


int
rum_report_add_site(rum_report_t *report, const rum_str_t *name)
{
    int                 cmp;
    uint32_t            i;
    rum_report_site_t  *sites;

    if (name->len == 0 || name->len > RUM_LEN_VALUE) {
        return RUM_DECLINED;
    }

    for (i = report->nsites; i > 0; i--) {
        cmp = rum_text_compare(&report->sites[i - 1].name, name);

        if (cmp == 0) {
            return RUM_OK;
        }

        if (cmp < 0) {
            break;
        }
    }

    if (report->nsites == RUM_REPORT_SITES) {
        return RUM_DECLINED;
    }

    sites = realloc(report->sites,
                    (report->nsites + 1) * sizeof(rum_report_site_t));
    if (sites == NULL) {
        return RUM_ERROR;
    }

    report->sites = sites;

    memmove(&sites[i + 1], &sites[i],
            (report->nsites - i) * sizeof(rum_report_site_t));
    memset(&sites[i], 0, sizeof(rum_report_site_t));
    report->nsites++;

    return rum_report_copy(report, &sites[i].name, name);
}


int
rum_report_add_metric(rum_report_t *report, rum_report_site_t *site,
    const rum_str_t *name)
{
    int                   cmp;
    uint32_t              i;
    rum_counter_e         counter;
    const rum_metric_t   *known;
    rum_report_metric_t  *metrics;

    counter = rum_counter_find(name);
    if (counter != RUM_COUNTER_LAST) {
        site->counters[counter] = 1;
        return RUM_OK;
    }

    if (!rum_metric_name_valid(name)) {
        return RUM_DECLINED;
    }

    known = rum_metric_find(name);

    for (i = site->nmetrics; i > 0; i--) {
        cmp = rum_report_compare_metric(&site->metrics[i - 1], known, name);

        if (cmp == 0) {
            return RUM_OK;
        }

        if (cmp < 0) {
            break;
        }
    }

    if (site->nmetrics == RUM_REPORT_METRICS) {
        return RUM_DECLINED;
    }

    metrics = realloc(site->metrics,
                      (site->nmetrics + 1) * sizeof(rum_report_metric_t));
    if (metrics == NULL) {
        return RUM_ERROR;
    }

    site->metrics = metrics;

    memmove(&metrics[i + 1], &metrics[i],
            (site->nmetrics - i) * sizeof(rum_report_metric_t));
    memset(&metrics[i], 0, sizeof(rum_report_metric_t));
    site->nmetrics++;

    metrics[i].metric = known;

    return rum_report_copy(report, &metrics[i].name, name);
}


void
rum_report_cut_sites(rum_report_t *report)
{
    report->total_sites = report->nsites;

    while (report->nsites > report->query->limit) {
        rum_report_free_site(report, &report->sites[--report->nsites]);
    }
}


int
rum_report_begin(rum_report_t *report)
{
    int                     rc;
    uint32_t                i;
    rum_report_group_t     *group;
    static const rum_str_t  all = rum_string(RUM_ALL_VALUE);

    if (!rum_str_is(&report->query->by, RUM_ALL)) {
        return RUM_OK;
    }

    for (i = 0; i < report->nsites; i++) {
        rc = rum_report_group(report, &report->sites[i], &all, &group);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


int
rum_report_add_index(rum_report_t *report, rum_report_site_t *site,
    const rum_str_t *entry)
{
    uint32_t    size;
    rum_str_t  *index;

    if (site->nindex == RUM_REPORT_INDEX
        || entry->len > RUM_REPORT_VALUE_MAX
        || report->memory > RUM_REPORT_MEMORY)
    {
        return RUM_DECLINED;
    }

    if (site->nindex == site->index_size) {
        size = site->index_size ? 2 * site->index_size : RUM_REPORT_CHAINS;

        index = realloc(site->index, size * sizeof(rum_str_t));
        if (index == NULL) {
            return RUM_ERROR;
        }

        site->index = index;
        site->index_size = size;
    }

    return rum_report_copy(report, &site->index[site->nindex++], entry);
}


/* partitions say the same: in order, each once */

void
rum_report_order_index(rum_report_site_t *site)
{
    uint32_t  i, n;

    if (site->nindex > 1) {
        qsort(site->index, site->nindex, sizeof(rum_str_t),
              rum_report_compare_index);
    }

    for (i = 0, n = 0; i < site->nindex; i++) {
        if (n > 0 && rum_str_eq(&site->index[n - 1], &site->index[i])) {
            free(site->index[i].data);
            continue;
        }

        site->index[n++] = site->index[i];
    }

    site->nindex = n;
}


static int
rum_report_compare_index(const void *one, const void *two)
{
    return rum_text_compare(one, two);
}


/* as the index and the answer are ordered: known metrics, then by name */

static int
rum_report_compare_metric(const rum_report_metric_t *metric,
    const rum_metric_t *known, const rum_str_t *name)
{
    if (metric->metric == NULL && known == NULL) {
        return rum_text_compare(&metric->name, name);
    }

    if (metric->metric == NULL || known == NULL) {
        return metric->metric == NULL ? 1 : -1;
    }

    return (metric->metric > known) - (metric->metric < known);
}


int
rum_report_copy(rum_report_t *report, rum_str_t *dst, const rum_str_t *src)
{
    dst->len = 0;

    dst->data = malloc(src->len + 1);
    if (dst->data == NULL) {
        return RUM_ERROR;
    }

    if (src->len) {
        memcpy(dst->data, src->data, src->len);
    }

    dst->len = src->len;
    report->memory += src->len + 1;

    return RUM_OK;
}


int
rum_report_histogram(rum_report_t *report, rum_report_site_t *site,
    uint32_t metric, const rum_report_place_t *place, const rum_str_t *value,
    const rum_str_t *packed)
{
    int                  rc;
    rum_report_group_t  *group;

    rc = rum_histogram_decode(&report->scratch, packed->data, packed->len);
    if (rc != RUM_OK) {
        report->unreadable++;
        return RUM_OK;
    }

    rc = rum_report_group(report, site, value, &group);
    if (rc != RUM_OK) {
        return rc;
    }

    if (place->earlier) {
        metric += site->nmetrics;

    } else if (report->nsteps > 0) {
        if (group->series == NULL) {
            group->series = calloc(site->nmetrics,
                                   sizeof(rum_report_series_t *));
            if (group->series == NULL) {
                return RUM_ERROR;
            }

            report->memory += site->nmetrics * sizeof(rum_report_series_t *);
        }

        return rum_report_point(report, group, metric, place);
    }

    return rum_report_merge(report, &group->histograms[metric],
                            &report->scratch);
}


int
rum_report_merge(rum_report_t *report, rum_histogram_t **h,
    const rum_histogram_t *src)
{
    int     rc;
    size_t  size;

    if (*h == NULL) {
        *h = malloc(sizeof(rum_histogram_t));
        if (*h == NULL) {
            return RUM_ERROR;
        }

        rum_histogram_init(*h);
        report->memory += sizeof(rum_histogram_t);
    }

    size = (*h)->size;

    rc = rum_histogram_merge(*h, src);

    if (rc == RUM_ERROR) {
        return rc;
    }

    if (rc != RUM_OK) {
        report->unreadable++;
    }

    report->memory += (*h)->size - size;

    return report->memory > RUM_REPORT_MEMORY ? RUM_FULL : RUM_OK;
}


int
rum_report_counter(rum_report_t *report, rum_report_site_t *site,
    rum_counter_e counter, const rum_report_place_t *place,
    const rum_str_t *value, const rum_str_t *packed)
{
    int                    rc;
    size_t                 off;
    int64_t                n, *steps;
    msgpack_object        *object;
    rum_report_group_t    *group;
    rum_report_counts_t   *counts;
    msgpack_unpack_return  status;

    off = 0;
    status = MSGPACK_UNPACK_PARSE_ERROR;

    if (rum_report_is_integer(packed)) {
        status = msgpack_unpack_next(&report->unpacked,
                                     (const char *) packed->data,
                                     packed->len, &off);
    }

    object = &report->unpacked.data;

    if (status != MSGPACK_UNPACK_SUCCESS || off != packed->len
        || (object->type != MSGPACK_OBJECT_POSITIVE_INTEGER
            && object->type != MSGPACK_OBJECT_NEGATIVE_INTEGER)
        || (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER
            && object->via.u64 > INT64_MAX))
    {
        report->unreadable++;
        return RUM_OK;
    }

    n = object->via.i64;

    rc = rum_report_group(report, site, value, &group);
    if (rc != RUM_OK) {
        return rc;
    }

    if (place->earlier) {
        counts = rum_report_earlier(report, group);
        if (counts == NULL) {
            return RUM_ERROR;
        }

        rum_report_add(&counts->counters[counter], n);

        return RUM_OK;
    }

    rum_report_add(&group->counters[counter], n);

    if (report->nsteps == 0) {
        return RUM_OK;
    }

    steps = rum_report_steps(report, group, counter);
    if (steps == NULL) {
        return RUM_ERROR;
    }

    rum_report_add(&steps[place->step], n);

    return report->memory > RUM_REPORT_MEMORY ? RUM_FULL : RUM_OK;
}


static void
rum_report_add(int64_t *sum, int64_t n)
{
    if (__builtin_add_overflow(*sum, n, sum)) {
        *sum = n > 0 ? INT64_MAX : INT64_MIN;
    }
}


/*
 * Looked at first, as msgpack-c would allocate whatever an array or a map
 * claims to hold: fixint, uint 8 .. int 64.
 */

static int
rum_report_is_integer(const rum_str_t *packed)
{
    unsigned char  c;

    if (packed->len == 0) {
        return 0;
    }

    c = packed->data[0];

    return c <= 0x7f || c >= 0xe0 || (c >= 0xcc && c <= 0xd3);
}


/*
 * Hashes of one dimension have their fields in much the same order: most
 * often a value comes after the same one as in the window before.
 */

int
rum_report_group(rum_report_t *report, rum_report_site_t *site,
    const rum_str_t *value, rum_report_group_t **group)
{
    int                  rc;
    rum_report_group_t  *last;

    last = site->last;

    if (last != NULL && last->after != NULL
        && rum_str_eq(&last->after->value, value))
    {
        site->last = last->after;
        *group = site->last;
        return RUM_OK;
    }

    rc = rum_report_find_group(report, site, value, group);

    if (rc == RUM_OK) {
        if (last != NULL) {
            last->after = *group;
        }

        site->last = *group;
    }

    return rc;
}


static int
rum_report_find_group(rum_report_t *report, rum_report_site_t *site,
    const rum_str_t *value, rum_report_group_t **group)
{
    uint32_t                i, hash;
    static const rum_str_t  other = rum_string(RUM_OTHER);

    if (value->len > RUM_REPORT_VALUE_MAX) {
        value = &other;
    }

    for ( ;; ) {
        hash = rum_report_hash(value);
        i = site->nchains ? site->chains[hash & (site->nchains - 1)] : 0;

        while (i > 0) {
            *group = site->groups[i - 1];

            if ((*group)->hash == hash
                && rum_str_eq(&(*group)->value, value))
            {
                return RUM_OK;
            }

            i = (*group)->next;
        }

        if (site->ngroups < RUM_REPORT_GROUPS
            || rum_str_eq(value, &other))
        {
            break;
        }

        value = &other;
    }

    if (rum_str_eq(value, &other)) {
        site->limited = 1;
    }

    return rum_report_new_group(report, site, value, hash, group);
}


static int
rum_report_new_group(rum_report_t *report, rum_report_site_t *site,
    const rum_str_t *value, uint32_t hash, rum_report_group_t **group)
{
    int                  rc;
    size_t               size;
    uint32_t            *chain;
    rum_report_group_t  *g;

    if (report->memory > RUM_REPORT_MEMORY) {
        return RUM_FULL;
    }

    if (site->ngroups == site->size) {
        rc = rum_report_grow(report, site);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    g = calloc(1, sizeof(rum_report_group_t));
    if (g == NULL) {
        return RUM_ERROR;
    }

    size = (2 * site->nmetrics + 1) * sizeof(rum_histogram_t *);
    g->histograms = calloc(1, size);

    if (g->histograms == NULL
        || rum_report_copy(report, &g->value, value) != RUM_OK)
    {
        rum_report_free_group(g, 0, 0);
        return RUM_ERROR;
    }

    report->memory += sizeof(rum_report_group_t) + size;

    chain = &site->chains[hash & (site->nchains - 1)];

    g->hash = hash;
    g->next = *chain;

    site->groups[site->ngroups++] = g;
    *chain = site->ngroups;

    *group = g;

    return RUM_OK;
}


/* one chain per place for a group, so that chains stay short */

static int
rum_report_grow(rum_report_t *report, rum_report_site_t *site)
{
    uint32_t              i, n, *chains, *chain;
    rum_report_group_t  **groups;

    n = site->size ? site->size * 2 : RUM_REPORT_CHAINS;

    groups = realloc(site->groups, n * sizeof(rum_report_group_t *));
    if (groups == NULL) {
        return RUM_ERROR;
    }

    site->groups = groups;

    chains = calloc(n, sizeof(uint32_t));
    if (chains == NULL) {
        return RUM_ERROR;
    }

    for (i = 0; i < site->ngroups; i++) {
        chain = &chains[groups[i]->hash & (n - 1)];
        groups[i]->next = *chain;
        *chain = i + 1;
    }

    free(site->chains);
    site->chains = chains;
    site->nchains = n;

    report->memory += (n - site->size)
                      * (sizeof(rum_report_group_t *) + sizeof(uint32_t));
    site->size = n;

    return RUM_OK;
}


/* FNV-1a */

static uint32_t
rum_report_hash(const rum_str_t *value)
{
    size_t    i;
    uint32_t  hash;

    hash = 2166136261u;

    for (i = 0; i < value->len; i++) {
        hash = (hash ^ value->data[i]) * 16777619u;
    }

    return hash;
}


size_t
rum_report_quantile_name(uint32_t quantile, unsigned char *buf)
{
    buf[0] = 'p';

    return 1 + rum_number_fixed(quantile, 3, buf + 1);
}
