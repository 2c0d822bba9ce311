/*
 * The report as CSV (RFC 4180; docs/status-api.md): a header, then a row for
 * each metric or counter of each group, or for each step of it.
 */

#include <stdlib.h>

#include "rum_interval.h"
#include "rum_report.h"


typedef struct {
    rum_text_t                 *text;
    const rum_report_t         *report;
    const rum_report_site_t    *site;
    unsigned char              *scratch;
    unsigned                    rated;      /* of the current metric */
    unsigned                    urls;       /* there is a column of them */
} rum_csv_t;


static void rum_csv_header(rum_csv_t *csv);
static void rum_csv_quantiles(rum_csv_t *csv, const char *suffix);
static void rum_csv_site(rum_csv_t *csv);
static void rum_csv_metric(rum_csv_t *csv, uint32_t m);
static void rum_csv_group(rum_csv_t *csv, uint32_t m,
    const rum_report_group_t *group);
static void rum_csv_points(rum_csv_t *csv, uint32_t m,
    const rum_report_group_t *group);
static void rum_csv_figures(rum_csv_t *csv, const rum_histogram_t *h);
static void rum_csv_ratings(rum_csv_t *csv, const uint64_t *ratings);
static void rum_csv_change(rum_csv_t *csv, const rum_histogram_t *h,
    const rum_histogram_t *earlier);
static void rum_csv_counter(rum_csv_t *csv, const rum_str_t *name,
    uint32_t counter);
static void rum_csv_slowest(rum_csv_t *csv);
static void rum_csv_begin(rum_csv_t *csv, const rum_str_t *metric,
    const rum_str_t *value);
static void rum_csv_time(rum_csv_t *csv, uint32_t step);
static void rum_csv_end(rum_csv_t *csv, uint32_t columns);
static uint32_t rum_csv_columns(const rum_csv_t *csv);
static void rum_csv_string(rum_csv_t *csv, const rum_str_t *str);
static void rum_csv_integer(rum_csv_t *csv, int64_t n);
static void rum_csv_double(rum_csv_t *csv, double value, unsigned digits);


int
rum_report_csv(const rum_report_t *report, rum_text_t *text)
{
    uint32_t   i;
    rum_csv_t  csv;

    memset(&csv, 0, sizeof(rum_csv_t));
    csv.text = text;
    csv.report = report;

    csv.scratch = malloc(3 * RUM_REPORT_VALUE_MAX);
    if (csv.scratch == NULL) {
        return RUM_ERROR;
    }

    for (i = 0; !report->nsteps && i < report->nsites; i++) {
        csv.urls |= report->sites[i].slowest;
    }

    rum_csv_header(&csv);

    for (i = 0; i < report->nsites; i++) {
        csv.site = &report->sites[i];
        rum_csv_site(&csv);
    }

    free(csv.scratch);

    return rum_text_status(text);
}


static void
rum_csv_header(rum_csv_t *csv)
{
    rum_text_add_c(csv->text, "site,metric,value");

    if (csv->report->nsteps) {
        rum_text_add_c(csv->text, ",time,count,mean");

    } else {
        rum_text_add_c(csv->text, ",count,sum,min,max,mean");
    }

    rum_csv_quantiles(csv, "");
    rum_text_add_c(csv->text, ",good,needs_improvement,poor");

    if (csv->report->query->compare && !csv->report->nsteps) {
        rum_text_add_c(csv->text, ",earlier_count,earlier_mean");
        rum_csv_quantiles(csv, "_earlier");
        rum_csv_quantiles(csv, "_change");
        rum_csv_quantiles(csv, "_low");
        rum_csv_quantiles(csv, "_high");
    }

    if (csv->urls) {
        rum_text_add_c(csv->text, ",url");
    }

    rum_text_add_c(csv->text, "\r\n");
}


static void
rum_csv_quantiles(rum_csv_t *csv, const char *suffix)
{
    size_t         len;
    uint32_t       i;
    unsigned char  name[RUM_NUMBER_MAX];

    for (i = 0; i < csv->report->query->nquantiles; i++) {
        len = rum_report_quantile_name(csv->report->query->quantiles[i],
                                       name);
        rum_text_add_c(csv->text, ",");
        rum_text_add(csv->text, name, len);
        rum_text_add_c(csv->text, suffix);
    }
}


static void
rum_csv_site(rum_csv_t *csv)
{
    uint32_t                i;
    static const rum_str_t  sessions = rum_string(RUM_SESSIONS);

    for (i = 0; i < csv->site->nmetrics; i++) {
        rum_csv_metric(csv, i);
    }

    for (i = 0; i < RUM_COUNTER_LAST; i++) {
        if (csv->site->counters[i]) {
            rum_csv_counter(csv, &rum_counter_names[i], i);
        }
    }

    if (csv->report->nsteps ? csv->site->session_steps
                            : csv->site->sessions)
    {
        rum_csv_counter(csv, &sessions, RUM_COUNTER_LAST);
    }

    if (csv->urls && csv->site->slowest) {
        rum_csv_slowest(csv);
    }
}


static void
rum_csv_metric(rum_csv_t *csv, uint32_t m)
{
    uint32_t                    i;
    const rum_report_metric_t  *metric;

    metric = &csv->site->metrics[m];
    csv->rated = metric->metric != NULL && metric->metric->good > 0;

    for (i = 0; i < metric->rows.n; i++) {
        if (csv->report->nsteps) {
            rum_csv_points(csv, m, metric->rows.groups[i]);

        } else {
            rum_csv_group(csv, m, metric->rows.groups[i]);
        }
    }
}


static void
rum_csv_group(rum_csv_t *csv, uint32_t m, const rum_report_group_t *group)
{
    size_t                  len;
    unsigned char           number[RUM_NUMBER_MAX];
    const rum_histogram_t  *h, *earlier;

    h = group->histograms[m];
    earlier = group->histograms[csv->site->nmetrics + m];

    rum_csv_begin(csv, &csv->site->metrics[m].name, &group->value);
    rum_csv_integer(csv, h->count);

    rum_text_add_c(csv->text, ",");
    len = rum_number_fixed(h->sum, 4, number);
    rum_text_add(csv->text, number, len);

    rum_csv_double(csv, h->min, RUM_REPORT_DIGITS);
    rum_csv_double(csv, h->max, RUM_REPORT_DIGITS);
    rum_csv_figures(csv, h);
    rum_csv_ratings(csv, h->ratings);

    if (csv->report->query->compare) {
        rum_csv_change(csv, h, earlier);
    }

    rum_csv_end(csv, 0);
}


static void
rum_csv_points(rum_csv_t *csv, uint32_t m, const rum_report_group_t *group)
{
    uint32_t                    i, k, n;
    const rum_report_point_t   *point;
    const rum_report_series_t  *series;

    n = csv->report->query->nquantiles;
    series = group->series ? group->series[m] : NULL;

    for (i = 0; series != NULL && i < csv->report->nsteps; i++) {
        point = &series->points[i];

        rum_csv_begin(csv, &csv->site->metrics[m].name, &group->value);
        rum_csv_time(csv, i);
        rum_csv_integer(csv, point->count);

        if (point->count == 0) {
            rum_csv_end(csv, n + 4);
            continue;
        }

        rum_csv_double(csv, point->mean, RUM_REPORT_DIGITS);

        for (k = 0; k < n; k++) {
            rum_csv_double(csv, series->quantiles[(size_t) i * n + k],
                           RUM_REPORT_QUANTILE);
        }

        rum_csv_ratings(csv, point->ratings);
        rum_csv_end(csv, 0);
    }
}


static void
rum_csv_figures(rum_csv_t *csv, const rum_histogram_t *h)
{
    uint32_t            i;
    const rum_query_t  *query;

    query = csv->report->query;

    rum_csv_double(csv, rum_histogram_sum(h) / h->count, RUM_REPORT_DIGITS);

    for (i = 0; i < query->nquantiles; i++) {
        rum_csv_double(csv, rum_histogram_quantile(h, query->quantiles[i]
                                                      / 100000.0),
                       RUM_REPORT_QUANTILE);
    }
}


/* empty where a metric has no thresholds */

static void
rum_csv_ratings(rum_csv_t *csv, const uint64_t *ratings)
{
    uint32_t  i;

    for (i = 0; i < RUM_UNRATED; i++) {
        if (csv->rated) {
            rum_csv_integer(csv, ratings[i]);

        } else {
            rum_text_add_c(csv->text, ",");
        }
    }
}


static void
rum_csv_change(rum_csv_t *csv, const rum_histogram_t *h,
    const rum_histogram_t *earlier)
{
    double              q;
    uint32_t            i, k;
    rum_interval_t      now, then, changes[RUM_QUERY_QUANTILES];
    const rum_query_t  *query;

    query = csv->report->query;

    if (earlier == NULL || earlier->count == 0) {
        rum_csv_integer(csv, 0);

        for (i = 0; i < 1 + 4 * query->nquantiles; i++) {
            rum_text_add_c(csv->text, ",");
        }

        return;
    }

    rum_csv_integer(csv, earlier->count);
    rum_csv_figures(csv, earlier);

    for (i = 0; i < query->nquantiles; i++) {
        q = query->quantiles[i] / 100000.0;

        rum_interval_quantile(h, q, &now);
        rum_interval_quantile(earlier, q, &then);
        rum_interval_difference(&now, &then, &changes[i]);

        rum_csv_double(csv, changes[i].value, RUM_REPORT_QUANTILE);
    }

    for (k = 0; k < 2; k++) {
        for (i = 0; i < query->nquantiles; i++) {
            if (k == 0 ? changes[i].has_low : changes[i].has_high) {
                rum_csv_double(csv, k == 0 ? changes[i].low : changes[i].high,
                               RUM_REPORT_QUANTILE);

            } else {
                rum_text_add_c(csv->text, ",");
            }
        }
    }
}


/* past the last one are the sessions */

static void
rum_csv_counter(rum_csv_t *csv, const rum_str_t *name, uint32_t counter)
{
    int64_t                    n;
    uint32_t                   i, k;
    const rum_report_group_t  *group;

    for (i = 0; i < csv->site->rows.n; i++) {
        group = csv->site->rows.groups[i];

        for (k = 0; k < csv->report->nsteps; k++) {
            rum_csv_begin(csv, name, &group->value);
            rum_csv_time(csv, k);
            rum_csv_integer(csv, group->steps[counter]
                                 ? group->steps[counter][k] : 0);
            rum_csv_end(csv, csv->report->query->nquantiles + 4);
        }

        if (csv->report->nsteps) {
            continue;
        }

        rum_csv_begin(csv, name, &group->value);
        rum_csv_integer(csv, counter < RUM_COUNTER_LAST
                             ? group->counters[counter]
                             : (int64_t) group->sessions);

        if (!csv->report->query->compare) {
            rum_csv_end(csv, rum_csv_columns(csv) - 4);
            continue;
        }

        n = group->earlier == NULL ? 0
            : counter < RUM_COUNTER_LAST ? group->earlier->counters[counter]
            : (int64_t) group->earlier->sessions;

        for (k = 0; k < csv->report->query->nquantiles + 7; k++) {
            rum_text_add_c(csv->text, ",");
        }

        rum_csv_integer(csv, n);
        rum_csv_end(csv, 1 + 4 * csv->report->query->nquantiles);
    }
}


/* how long it took is the "max" */

static void
rum_csv_slowest(rum_csv_t *csv)
{
    uint32_t                   i, k, empty;
    const rum_report_group_t  *group;
    static const rum_str_t     name = rum_string(RUM_SLOWEST);

    empty = 1 + 3 + csv->report->query->nquantiles;

    if (csv->report->query->compare) {
        empty += 2 + 4 * csv->report->query->nquantiles;
    }

    for (i = 0; i < csv->site->rows.n; i++) {
        group = csv->site->rows.groups[i];

        if (group->slowest == NULL) {
            continue;
        }

        rum_csv_begin(csv, &name, &group->value);
        rum_text_add_c(csv->text, ",,,");
        rum_csv_double(csv, group->slowest->duration, RUM_REPORT_DIGITS);

        for (k = 0; k < empty; k++) {
            rum_text_add_c(csv->text, ",");
        }

        rum_text_add_c(csv->text, ",");
        rum_csv_string(csv, &group->slowest->url);
        rum_text_add_c(csv->text, "\r\n");
    }
}


static void
rum_csv_begin(rum_csv_t *csv, const rum_str_t *metric,
    const rum_str_t *value)
{
    rum_csv_string(csv, &csv->site->name);
    rum_text_add_c(csv->text, ",");
    rum_csv_string(csv, metric);
    rum_text_add_c(csv->text, ",");
    rum_csv_string(csv, value);
}


static void
rum_csv_time(rum_csv_t *csv, uint32_t step)
{
    rum_csv_integer(csv, csv->report->from
                         + (uint64_t) step * csv->report->query->step);
}


/* so many columns are empty, and that of the URL */

static void
rum_csv_end(rum_csv_t *csv, uint32_t columns)
{
    for (columns += csv->urls; columns > 0; columns--) {
        rum_text_add_c(csv->text, ",");
    }

    rum_text_add_c(csv->text, "\r\n");
}


/* of a row without steps and comparison */

static uint32_t
rum_csv_columns(const rum_csv_t *csv)
{
    return 3 + 5 + csv->report->query->nquantiles + 3;
}


/* in quotes where it must be; a quote is doubled */

static void
rum_csv_string(rum_csv_t *csv, const rum_str_t *str)
{
    size_t     i, begin;
    unsigned   quoted;
    rum_str_t  clean;

    clean = rum_text_utf8(str, csv->scratch);

    for (i = 0, quoted = 0; i < clean.len; i++) {
        quoted |= clean.data[i] == '"' || clean.data[i] == ','
                  || clean.data[i] == '\r' || clean.data[i] == '\n';
    }

    rum_text_add_c(csv->text, quoted ? "\"" : "");

    for (i = 0, begin = 0; i < clean.len; i++) {
        if (clean.data[i] == '"') {
            rum_text_add(csv->text, clean.data + begin, i + 1 - begin);
            begin = i;
        }
    }

    if (begin < clean.len) {
        rum_text_add(csv->text, clean.data + begin, clean.len - begin);
    }

    rum_text_add_c(csv->text, quoted ? "\"" : "");
}


static void
rum_csv_integer(rum_csv_t *csv, int64_t n)
{
    size_t         len;
    unsigned char  number[RUM_NUMBER_MAX];

    len = rum_number_fixed(n, 0, number);
    rum_text_add_c(csv->text, ",");
    rum_text_add(csv->text, number, len);
}


static void
rum_csv_double(rum_csv_t *csv, double value, unsigned digits)
{
    size_t         len;
    unsigned char  number[RUM_NUMBER_MAX];

    len = rum_number_double(value, digits, number);
    rum_text_add_c(csv->text, ",");
    rum_text_add(csv->text, number, len);
}
