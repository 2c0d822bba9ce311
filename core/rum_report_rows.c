/*
 * The report's rows: what is in the answer, in which order, cut at the limit.
 */

#include <stdlib.h>

#include "rum_report.h"


typedef struct {
    double                 key;         /* ascending */
    rum_report_group_t    *group;
} rum_report_order_t;


static int rum_report_rows(const rum_report_t *report,
    const rum_report_site_t *site, int metric, rum_report_rows_t *rows);
static double rum_report_metric_key(const rum_query_t *query,
    const rum_histogram_t *h);
static double rum_report_counter_key(const rum_report_t *report,
    const rum_report_site_t *site, const rum_report_group_t *group);
static int rum_report_counted(const rum_report_site_t *site,
    const rum_report_group_t *group);
static int rum_report_order(const void *one, const void *two);


int
rum_report_arrange(rum_report_t *report)
{
    int                 rc;
    uint32_t            i, m;
    rum_report_site_t  *site;

    for (i = 0; i < report->nsites; i++) {
        site = &report->sites[i];

        for (m = 0; m < site->nmetrics; m++) {
            rc = rum_report_rows(report, site, m, &site->metrics[m].rows);
            if (rc != RUM_OK) {
                return rc;
            }
        }

        rc = rum_report_rows(report, site, -1, &site->rows);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


/* metric -1 is the counters */

static int
rum_report_rows(const rum_report_t *report, const rum_report_site_t *site,
    int metric, rum_report_rows_t *rows)
{
    double                    key;
    uint32_t                  i, n;
    const rum_query_t        *query;
    const rum_histogram_t    *h;
    rum_report_order_t       *order;
    rum_report_group_t       *group;

    query = report->query;

    order = malloc((site->ngroups + 1) * sizeof(rum_report_order_t));
    if (order == NULL) {
        return RUM_ERROR;
    }

    n = 0;

    for (i = 0; i < site->ngroups; i++) {
        group = site->groups[i];

        if (metric < 0) {
            if (!rum_report_counted(site, group)) {
                continue;
            }

            key = rum_report_counter_key(report, site, group);

        } else {
            h = group->histograms[metric];

            if (h == NULL || h->count == 0) {
                continue;
            }

            key = rum_report_metric_key(query, h);
        }

        order[n].key = query->descending ? -key : key;
        order[n].group = group;
        n++;
    }

    qsort(order, n, sizeof(rum_report_order_t), rum_report_order);

    rows->total = n;
    rows->n = n < query->limit ? n : query->limit;

    rows->groups = malloc((rows->n + 1) * sizeof(rum_report_group_t *));
    if (rows->groups == NULL) {
        free(order);
        return RUM_ERROR;
    }

    /* by value, largest first, is the one order a key cannot say */

    for (i = 0; i < rows->n; i++) {
        rows->groups[i] = query->sort == RUM_SORT_VALUE && query->descending
                          ? order[n - 1 - i].group : order[i].group;
    }

    free(order);

    return RUM_OK;
}


static double
rum_report_metric_key(const rum_query_t *query, const rum_histogram_t *h)
{
    switch (query->sort) {

    case RUM_SORT_VALUE:
        return 0;

    case RUM_SORT_SUM:
        return rum_histogram_sum(h);

    case RUM_SORT_MEAN:
        return rum_histogram_sum(h) / h->count;

    case RUM_SORT_MIN:
        return h->min;

    case RUM_SORT_MAX:
        return h->max;

    case RUM_SORT_GOOD:
        return h->ratings[RUM_GOOD];

    case RUM_SORT_NEEDS_IMPROVEMENT:
        return h->ratings[RUM_NEEDS_IMPROVEMENT];

    case RUM_SORT_POOR:
        return h->ratings[RUM_POOR];

    case RUM_SORT_QUANTILE:
        return rum_histogram_quantile(h, query->sort_by / 100000.0);

    default:
        return h->count;
    }
}


/* without a counter in "sort" the one that leads, or the first one read */

static double
rum_report_counter_key(const rum_report_t *report,
    const rum_report_site_t *site, const rum_report_group_t *group)
{
    uint32_t            i;
    const rum_query_t  *query;

    query = report->query;

    if (query->sort == RUM_SORT_VALUE) {
        return 0;
    }

    if (query->sort == RUM_SORT_COUNTER) {
        return group->counters[query->sort_by];
    }

    if (site->counters[report->lead]) {
        return group->counters[report->lead];
    }

    for (i = 0; i < RUM_COUNTER_LAST; i++) {
        if (site->counters[i]) {
            return group->counters[i];
        }
    }

    return 0;
}


static int
rum_report_counted(const rum_report_site_t *site,
    const rum_report_group_t *group)
{
    uint32_t  i;

    if (rum_str_is(&group->value, RUM_ALL_VALUE)) {
        return 1;
    }

    for (i = 0; i < RUM_COUNTER_LAST; i++) {
        if (site->counters[i] && group->counters[i] != 0) {
            return 1;
        }
    }

    return 0;
}


static int
rum_report_order(const void *one, const void *two)
{
    const rum_report_order_t  *a, *b;

    a = one;
    b = two;

    if (a->key != b->key) {
        return a->key < b->key ? -1 : 1;
    }

    return rum_text_compare(&a->group->value, &b->group->value);
}
