/*
 * Lists as JSON (docs/status-api.md): the metrics there are, the sites, and
 * what each site is rolled up by.
 */

#include <stdlib.h>

#include "rum_json.h"
#include "rum_report.h"


static void rum_json_list_sites(rum_json_t *json, const rum_report_t *report);
static void rum_json_list_metrics(rum_json_t *json,
    const rum_report_t *report);
static void rum_json_list_metric(rum_json_t *json, const rum_str_t *name,
    const rum_metric_t *known);
static uint32_t rum_json_customs(const rum_report_t *report,
    rum_str_t *names, uint32_t max);
static int rum_json_compare_names(const void *one, const void *two);
static void rum_json_list_dimensions(rum_json_t *json,
    const rum_report_site_t *site);
static void rum_json_dimension(rum_json_t *json,
    const rum_report_site_t *site, uint32_t first, uint32_t last);
static void rum_json_entry(const rum_str_t *entry, rum_str_t *dimension,
    rum_str_t *metric);


static const char *const  rum_json_counter_texts[RUM_COUNTER_LAST] = {
    "Beacons",
    "Page views",
    "JavaScript errors",
    "Page views that begin a session",
    "Sessions of one page view",
    "Requests for resources",
    "Bytes of resources",
    "Requests to another site than the page's",
    "Actions of visitors",
    "Custom events",
    "Sessions, by their speed",
    "Custom events of sessions, by their speed"
};


void
rum_report_json_list(rum_json_t *json, const rum_report_t *report)
{
    uint32_t  i;

    switch (report->query->list) {

    case RUM_LIST_SITES:
        rum_json_list_sites(json, report);
        return;

    case RUM_LIST_METRICS:
        rum_json_list_metrics(json, report);
        return;

    default:
        break;
    }

    if (report->query->site.len) {
        rum_json_list_dimensions(json, &report->sites[0]);
        return;
    }

    rum_json_integer(json, "total_sites", report->total_sites);
    rum_json_key(json, "sites");
    rum_json_array(json);

    for (i = 0; i < report->nsites; i++) {
        rum_json_map(json);
        rum_json_key(json, "site");
        rum_json_string(json, &report->sites[i].name);
        rum_json_list_dimensions(json, &report->sites[i]);
        rum_json_map_end(json);
    }

    rum_json_array_end(json);
}


static void
rum_json_list_sites(rum_json_t *json, const rum_report_t *report)
{
    uint32_t  i;

    rum_json_integer(json, "total_sites", report->total_sites);
    rum_json_key(json, "sites");
    rum_json_array(json);

    for (i = 0; i < report->nsites; i++) {
        rum_json_string(json, &report->sites[i].name);
    }

    rum_json_array_end(json);
}


/* all known ones, and the custom ones that the sites have */

static void
rum_json_list_metrics(rum_json_t *json, const rum_report_t *report)
{
    uint32_t             i, n;
    rum_str_t           *customs;
    const rum_metric_t  *metric;
    static const rum_str_t  sessions = rum_string(RUM_SESSIONS);

    rum_json_key(json, "metrics");
    rum_json_array(json);

    for (metric = rum_metrics; metric->name.len; metric++) {
        rum_json_list_metric(json, &metric->name, metric);
    }

    for (i = 0, n = 0; i < report->nsites; i++) {
        n += report->sites[i].nindex;
    }

    customs = malloc((n + 1) * sizeof(rum_str_t));

    if (customs != NULL) {
        n = rum_json_customs(report, customs, n);

        for (i = 0; i < n; i++) {
            rum_json_list_metric(json, &customs[i], NULL);
        }

        free(customs);
    }

    rum_json_array_end(json);

    rum_json_key(json, "counters");
    rum_json_array(json);

    for (i = 0; i <= RUM_COUNTER_LAST; i++) {
        rum_json_map(json);
        rum_json_key(json, "name");
        rum_json_string(json, i < RUM_COUNTER_LAST ? &rum_counter_names[i]
                                                   : &sessions);
        rum_json_key(json, "description");
        rum_json_text(json, i < RUM_COUNTER_LAST ? rum_json_counter_texts[i]
                            : "Different sessions, estimated");
        rum_json_map_end(json);
    }

    rum_json_array_end(json);
}


static void
rum_json_list_metric(rum_json_t *json, const rum_str_t *name,
    const rum_metric_t *known)
{
    rum_json_map(json);
    rum_json_key(json, "name");
    rum_json_string(json, name);
    rum_json_key(json, "unit");
    rum_json_text(json, known ? (const char *) known->unit.data : "");
    rum_json_key(json, "description");
    rum_json_text(json, known ? known->description
                              : "A metric of the site's own");

    if (known != NULL && known->good > 0) {
        rum_json_key(json, "good");
        rum_json_double(json, known->good, RUM_REPORT_DIGITS);
        rum_json_key(json, "poor");
        rum_json_double(json, known->poor, RUM_REPORT_DIGITS);
    }

    rum_json_map_end(json);
}


/* the names that no table has, in order, each once; returns their number */

static uint32_t
rum_json_customs(const rum_report_t *report, rum_str_t *names, uint32_t max)
{
    uint32_t                  i, k, n;
    rum_str_t                 dimension, metric;
    const rum_report_site_t  *site;

    n = 0;

    for (i = 0; i < report->nsites; i++) {
        site = &report->sites[i];

        for (k = 0; k < site->nindex && n < max; k++) {
            rum_json_entry(&site->index[k], &dimension, &metric);

            if (rum_metric_name_valid(&metric)
                && rum_metric_find(&metric) == NULL
                && rum_counter_find(&metric) == RUM_COUNTER_LAST)
            {
                names[n++] = metric;
            }
        }
    }

    if (n > 1) {
        qsort(names, n, sizeof(rum_str_t), rum_json_compare_names);
    }

    for (i = 0, k = 0; i < n; i++) {
        if (k == 0 || !rum_str_eq(&names[k - 1], &names[i])) {
            names[k++] = names[i];
        }
    }

    return k;
}


static int
rum_json_compare_names(const void *one, const void *two)
{
    return rum_text_compare(one, two);
}


/* the index is in order: entries of one dimension stand together */

static void
rum_json_list_dimensions(rum_json_t *json, const rum_report_site_t *site)
{
    uint32_t   i, first;
    rum_str_t  dimension, metric, last;

    rum_json_key(json, "dimensions");
    rum_json_array(json);

    rum_str_null(&last);
    first = 0;

    for (i = 0; i < site->nindex; i++) {
        rum_json_entry(&site->index[i], &dimension, &metric);

        if (i > 0 && !rum_str_eq(&dimension, &last)) {
            rum_json_dimension(json, site, first, i);
            first = i;
        }

        last = dimension;
    }

    if (site->nindex > 0) {
        rum_json_dimension(json, site, first, i);
    }

    rum_json_array_end(json);
}


static void
rum_json_dimension(rum_json_t *json, const rum_report_site_t *site,
    uint32_t first, uint32_t last)
{
    int        counters;
    uint32_t   i;
    rum_str_t  dimension, metric;

    rum_json_entry(&site->index[first], &dimension, &metric);

    rum_json_map(json);
    rum_json_key(json, "name");
    rum_json_string(json, &dimension);

    for (counters = 0; counters < 2; counters++) {
        rum_json_key(json, counters ? "counters" : "metrics");
        rum_json_array(json);

        for (i = first; i < last; i++) {
            rum_json_entry(&site->index[i], &dimension, &metric);

            if ((rum_counter_find(&metric) != RUM_COUNTER_LAST) == counters) {
                rum_json_string(json, &metric);
            }
        }

        rum_json_array_end(json);
    }

    rum_json_map_end(json);
}


/* a metric's name has no colon */

static void
rum_json_entry(const rum_str_t *entry, rum_str_t *dimension,
    rum_str_t *metric)
{
    size_t  i;

    for (i = entry->len; i > 0 && entry->data[i - 1] != ':'; i--) {
        /* void */
    }

    dimension->data = entry->data;
    dimension->len = i ? i - 1 : 0;
    metric->data = entry->data + i;
    metric->len = entry->len - i;
}
