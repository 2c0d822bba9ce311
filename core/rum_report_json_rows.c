/*
 * What a site has, as JSON (docs/status-api.md): metrics and counters, a row
 * for each group, with its series and what it was in the earlier span.
 */

#include "rum_interval.h"
#include "rum_json.h"
#include "rum_report.h"


/* one metric of one group */
typedef struct {
    rum_json_t                 *json;
    const rum_report_t         *report;
    const rum_report_group_t   *group;
    const rum_histogram_t      *h;
    const rum_histogram_t      *earlier;    /* NULL: no value then */
    const rum_report_series_t  *series;
    unsigned                    rated;
} rum_json_row_t;


static void rum_json_metric(rum_json_t *json, const rum_report_t *report,
    const rum_report_site_t *site, uint32_t m);
static void rum_json_row(const rum_json_row_t *row);
static void rum_json_figures(const rum_json_row_t *row,
    const rum_histogram_t *h);
static void rum_json_compare(const rum_json_row_t *row);
static void rum_json_change(const rum_json_row_t *row);
static void rum_json_buckets(rum_json_t *json, const rum_histogram_t *h);
static void rum_json_series(const rum_json_row_t *row);
static void rum_json_points(const rum_json_row_t *row, const char *name,
    int rating);
static void rum_json_quantile_points(const rum_json_row_t *row, uint32_t q);
static void rum_json_bucket_points(const rum_json_row_t *row);
static void rum_json_quantile_key(rum_json_t *json, uint32_t quantile);
static int rum_json_has_counters(const rum_report_site_t *site);
static void rum_json_counters(rum_json_t *json, const rum_report_t *report,
    const rum_report_site_t *site, const rum_report_group_t *group);
static void rum_json_counts(rum_json_t *json, const rum_report_site_t *site,
    const int64_t *counters, uint64_t sessions);
static void rum_json_rate(rum_json_t *json, const rum_report_site_t *site,
    const int64_t *counters, const char *name, rum_counter_e part,
    rum_counter_e whole);
static void rum_json_counter_series(rum_json_t *json,
    const rum_report_t *report, const rum_report_site_t *site,
    const rum_report_group_t *group);
static void rum_json_counter_points(rum_json_t *json,
    const rum_report_t *report, const int64_t *steps);
static void rum_json_sample(rum_json_t *json,
    const rum_report_sample_t *sample);
static void rum_json_slowest(rum_json_t *json, const rum_slowest_t *slowest);


static const char *const  rum_json_ratings[] = {
    "good", "needs_improvement", "poor"
};


void
rum_report_json_site(rum_json_t *json, const rum_report_t *report,
    const rum_report_site_t *site)
{
    uint32_t  i;

    rum_json_bool(json, "limited", site->limited);
    rum_json_key(json, "metrics");
    rum_json_map(json);

    for (i = 0; i < site->nmetrics; i++) {
        rum_json_string(json, &site->metrics[i].name);
        rum_json_metric(json, report, site, i);
    }

    rum_json_map_end(json);

    if (!rum_json_has_counters(site)) {
        return;
    }

    rum_json_key(json, "counters");
    rum_json_map(json);
    rum_json_integer(json, "total_groups", site->rows.total);
    rum_json_key(json, "groups");
    rum_json_array(json);

    for (i = 0; i < site->rows.n; i++) {
        rum_json_counters(json, report, site, site->rows.groups[i]);
    }

    rum_json_array_end(json);
    rum_json_map_end(json);
}


static void
rum_json_metric(rum_json_t *json, const rum_report_t *report,
    const rum_report_site_t *site, uint32_t m)
{
    uint32_t                    i;
    rum_json_row_t              row;
    const rum_report_metric_t  *metric;
    static const rum_str_t      unit = rum_string("");

    metric = &site->metrics[m];

    rum_json_map(json);
    rum_json_key(json, "unit");
    rum_json_string(json, metric->metric ? &metric->metric->unit : &unit);
    rum_json_integer(json, "total_groups", metric->rows.total);
    rum_json_key(json, "groups");
    rum_json_array(json);

    for (i = 0; i < metric->rows.n; i++) {
        row.json = json;
        row.report = report;
        row.group = metric->rows.groups[i];
        row.h = row.group->histograms[m];
        row.earlier = row.group->histograms[site->nmetrics + m];
        row.series = row.group->series ? row.group->series[m] : NULL;
        row.rated = metric->metric != NULL && metric->metric->good > 0;

        if (row.earlier != NULL && row.earlier->count == 0) {
            row.earlier = NULL;
        }

        rum_json_row(&row);
    }

    rum_json_array_end(json);
    rum_json_map_end(json);
}


static void
rum_json_row(const rum_json_row_t *row)
{
    size_t                 len;
    unsigned char          number[RUM_NUMBER_MAX];
    rum_json_t            *json;
    const rum_histogram_t *h;

    json = row->json;
    h = row->h;

    rum_json_map(json);

    rum_json_key(json, "value");
    rum_json_string(json, &row->group->value);
    rum_json_integer(json, "count", h->count);

    /* the sum is kept in ten-thousandths and so written exactly */

    rum_json_key(json, "sum");
    len = rum_number_fixed(h->sum, 4, number);
    yajl_gen_number(json->gen, (const char *) number, len);

    rum_json_key(json, "min");
    rum_json_double(json, h->min, RUM_REPORT_DIGITS);
    rum_json_key(json, "max");
    rum_json_double(json, h->max, RUM_REPORT_DIGITS);

    rum_json_figures(row, h);

    if (row->report->query->buckets) {
        rum_json_key(json, "histogram");
        rum_json_buckets(json, h);
    }

    if (row->series != NULL) {
        rum_json_series(row);
    }

    if (row->report->query->compare) {
        rum_json_compare(row);
    }

    rum_json_map_end(json);
}


/* what both spans have */

static void
rum_json_figures(const rum_json_row_t *row, const rum_histogram_t *h)
{
    uint32_t            i;
    rum_json_t         *json;
    const rum_query_t  *query;

    json = row->json;
    query = row->report->query;

    rum_json_key(json, "mean");
    rum_json_double(json, rum_histogram_sum(h) / h->count,
                    RUM_REPORT_DIGITS);

    for (i = 0; i < query->nquantiles; i++) {
        rum_json_quantile_key(json, query->quantiles[i]);
        rum_json_double(json, rum_histogram_quantile(h, query->quantiles[i]
                                                        / 100000.0),
                        RUM_REPORT_QUANTILE);
    }

    for (i = 0; row->rated && i < RUM_UNRATED; i++) {
        rum_json_integer(json, rum_json_ratings[i], h->ratings[i]);
    }
}


static void
rum_json_compare(const rum_json_row_t *row)
{
    rum_json_t  *json;

    json = row->json;

    rum_json_key(json, "compare");

    if (row->earlier == NULL) {
        rum_json_null(json);

    } else {
        rum_json_map(json);
        rum_json_integer(json, "count", row->earlier->count);
        rum_json_figures(row, row->earlier);
        rum_json_map_end(json);
    }

    rum_json_key(json, "change");

    if (row->earlier == NULL) {
        rum_json_null(json);

    } else {
        rum_json_change(row);
    }
}


static void
rum_json_change(const rum_json_row_t *row)
{
    double              q;
    uint32_t            i;
    rum_json_t         *json;
    rum_interval_t      now, then, change;
    const rum_query_t  *query;

    json = row->json;
    query = row->report->query;

    rum_json_map(json);

    for (i = 0; i < query->nquantiles; i++) {
        q = query->quantiles[i] / 100000.0;

        rum_interval_quantile(row->h, q, &now);
        rum_interval_quantile(row->earlier, q, &then);
        rum_interval_difference(&now, &then, &change);

        rum_json_quantile_key(json, query->quantiles[i]);
        rum_json_map(json);
        rum_json_key(json, "value");
        rum_json_double(json, change.value, RUM_REPORT_QUANTILE);
        rum_json_key(json, "low");

        if (change.has_low) {
            rum_json_double(json, change.low, RUM_REPORT_QUANTILE);

        } else {
            rum_json_null(json);
        }

        rum_json_key(json, "high");

        if (change.has_high) {
            rum_json_double(json, change.high, RUM_REPORT_QUANTILE);

        } else {
            rum_json_null(json);
        }

        rum_json_map_end(json);
    }

    rum_json_map_end(json);
}


static void
rum_json_buckets(rum_json_t *json, const rum_histogram_t *h)
{
    uint32_t  i, n, first;

    n = rum_histogram_trim(h, &first);

    rum_json_map(json);

    rum_json_integer(json, "scale", RUM_HISTOGRAM_SCALE);
    rum_json_integer(json, "zero_count", h->zero_count);
    rum_json_key(json, "offset");
    rum_json_signed(json, n ? h->offset + (int32_t) first : 0);
    rum_json_key(json, "counts");
    rum_json_array(json);

    for (i = 0; i < n; i++) {
        rum_json_count(json, rum_histogram_bucket(h, first + i));
    }

    rum_json_array_end(json);
    rum_json_map_end(json);
}


static void
rum_json_series(const rum_json_row_t *row)
{
    uint32_t     i;
    rum_json_t  *json;

    json = row->json;

    rum_json_key(json, "series");
    rum_json_map(json);

    rum_json_points(row, "count", -1);
    rum_json_quantile_points(row, row->report->query->nquantiles);

    for (i = 0; i < row->report->query->nquantiles; i++) {
        rum_json_quantile_points(row, i);
    }

    for (i = 0; row->rated && i < RUM_UNRATED; i++) {
        rum_json_points(row, rum_json_ratings[i], i);
    }

    if (row->report->query->buckets) {
        rum_json_bucket_points(row);
    }

    rum_json_map_end(json);
}


/* rating -1 is all of them */

static void
rum_json_points(const rum_json_row_t *row, const char *name, int rating)
{
    uint32_t                   i;
    const rum_report_point_t  *point;

    rum_json_key(row->json, name);
    rum_json_array(row->json);

    for (i = 0; i < row->report->nsteps; i++) {
        point = &row->series->points[i];
        rum_json_count(row->json, rating < 0 ? point->count
                                             : point->ratings[rating]);
    }

    rum_json_array_end(row->json);
}


/* the quantile past the last one is the mean; null where there is no value */

static void
rum_json_quantile_points(const rum_json_row_t *row, uint32_t q)
{
    double              value;
    uint32_t            i, n;
    rum_json_t         *json;
    const rum_query_t  *query;

    json = row->json;
    query = row->report->query;
    n = query->nquantiles;

    if (q == n) {
        rum_json_key(json, "mean");

    } else {
        rum_json_quantile_key(json, query->quantiles[q]);
    }

    rum_json_array(json);

    for (i = 0; i < row->report->nsteps; i++) {

        if (row->series->points[i].count == 0) {
            rum_json_null(json);
            continue;
        }

        value = q == n ? row->series->points[i].mean
                       : row->series->quantiles[(size_t) i * n + q];
        rum_json_double(json, value, RUM_REPORT_QUANTILE);
    }

    rum_json_array_end(json);
}


static void
rum_json_bucket_points(const rum_json_row_t *row)
{
    uint32_t                   i;
    const rum_report_point_t  *point;

    rum_json_key(row->json, "histogram");
    rum_json_array(row->json);

    for (i = 0; i < row->report->nsteps; i++) {
        point = &row->series->points[i];

        if (point->histogram == NULL || point->count == 0) {
            rum_json_null(row->json);

        } else {
            rum_json_buckets(row->json, point->histogram);
        }
    }

    rum_json_array_end(row->json);
}


static void
rum_json_quantile_key(rum_json_t *json, uint32_t quantile)
{
    size_t         len;
    unsigned char  name[RUM_NUMBER_MAX];

    len = rum_report_quantile_name(quantile, name);
    yajl_gen_string(json->gen, name, len);
}


static int
rum_json_has_counters(const rum_report_site_t *site)
{
    uint32_t  i;

    for (i = 0; i < RUM_COUNTER_LAST; i++) {
        if (site->counters[i]) {
            return 1;
        }
    }

    return site->sessions;
}


static void
rum_json_counters(rum_json_t *json, const rum_report_t *report,
    const rum_report_site_t *site, const rum_report_group_t *group)
{
    static const rum_report_counts_t   none;
    const rum_report_counts_t         *earlier;

    rum_json_map(json);

    rum_json_key(json, "value");
    rum_json_string(json, &group->value);

    rum_json_counts(json, site, group->counters, group->sessions);

    if (report->nsteps) {
        rum_json_counter_series(json, report, site, group);
    }

    if (report->query->compare) {
        earlier = group->earlier ? group->earlier : &none;

        rum_json_key(json, "compare");
        rum_json_map(json);
        rum_json_counts(json, site, earlier->counters, earlier->sessions);
        rum_json_map_end(json);
    }

    if (group->sample != NULL) {
        rum_json_sample(json, group->sample);
    }

    if (group->slowest != NULL) {
        rum_json_slowest(json, group->slowest);
    }

    rum_json_map_end(json);
}


static void
rum_json_counts(rum_json_t *json, const rum_report_site_t *site,
    const int64_t *counters, uint64_t sessions)
{
    uint32_t  i;

    for (i = 0; i < RUM_COUNTER_LAST; i++) {
        if (site->counters[i]) {
            rum_json_string(json, &rum_counter_names[i]);
            rum_json_signed(json, counters[i]);
        }
    }

    rum_json_rate(json, site, counters, "bounce_rate", RUM_COUNTER_BOUNCES,
                  RUM_COUNTER_ENTRANCES);
    rum_json_rate(json, site, counters, "conversion_rate",
                  RUM_COUNTER_CONVERSIONS, RUM_COUNTER_VISITS);

    if (site->sessions) {
        rum_json_integer(json, "sessions", sessions);
    }
}


static void
rum_json_rate(rum_json_t *json, const rum_report_site_t *site,
    const int64_t *counters, const char *name, rum_counter_e part,
    rum_counter_e whole)
{
    if (!site->counters[part] || !site->counters[whole]) {
        return;
    }

    rum_json_key(json, name);

    if (counters[whole] > 0) {
        rum_json_double(json, (double) counters[part] / counters[whole],
                        RUM_REPORT_QUANTILE);

    } else {
        rum_json_null(json);
    }
}


static void
rum_json_counter_series(rum_json_t *json, const rum_report_t *report,
    const rum_report_site_t *site, const rum_report_group_t *group)
{
    uint32_t  i;

    rum_json_key(json, "series");
    rum_json_map(json);

    for (i = 0; i < RUM_COUNTER_LAST; i++) {
        if (site->counters[i]) {
            rum_json_string(json, &rum_counter_names[i]);
            rum_json_counter_points(json, report, group->steps[i]);
        }
    }

    if (site->session_steps) {
        rum_json_key(json, RUM_SESSIONS);
        rum_json_counter_points(json, report, group->steps[i]);
    }

    rum_json_map_end(json);
}


static void
rum_json_counter_points(rum_json_t *json, const rum_report_t *report,
    const int64_t *steps)
{
    uint32_t  i;

    rum_json_array(json);

    for (i = 0; i < report->nsteps; i++) {
        rum_json_signed(json, steps ? steps[i] : 0);
    }

    rum_json_array_end(json);
}


/* texts as they are, numbers as numbers; what the sample lacks is null */

static void
rum_json_sample(rum_json_t *json, const rum_report_sample_t *sample)
{
    double            number;
    uint32_t          i;
    const rum_str_t  *field;

    rum_json_key(json, "error");
    rum_json_map(json);

    for (i = 0; i < RUM_SAMPLE_LAST; i++) {
        field = &sample->fields[i];

        rum_json_string(json, &rum_sample_names[i]);

        if (field->data == NULL) {
            rum_json_null(json);

        } else if (i != RUM_SAMPLE_LINE && i != RUM_SAMPLE_COL
                   && i != RUM_SAMPLE_FIRST_SEEN && i != RUM_SAMPLE_LAST_SEEN)
        {
            rum_json_string(json, field);

        } else if (rum_report_number(field, &number) == RUM_OK) {
            rum_json_count(json, (uint64_t) number);

        } else {
            rum_json_null(json);
        }
    }

    rum_json_map_end(json);
}


static void
rum_json_slowest(rum_json_t *json, const rum_slowest_t *slowest)
{
    rum_json_key(json, RUM_SLOWEST);
    rum_json_map(json);
    rum_json_key(json, "url");
    rum_json_string(json, &slowest->url);
    rum_json_key(json, "duration");
    rum_json_double(json, slowest->duration, RUM_REPORT_DIGITS);
    rum_json_map_end(json);
}
