/*
 * The report as JSON (docs/status-api.md), written with yajl_gen.
 */

#include <stdlib.h>
#include <yajl/yajl_gen.h>

#include "rum_report.h"

#define RUM_JSON_DIGITS        7        /* what a float32 of an event holds */
#define RUM_JSON_QUANTILE      6        /* far below the bucket's 0.54 % */

typedef struct {
    yajl_gen               gen;
    unsigned char         *scratch;     /* for repaired strings */
} rum_json_t;


static int rum_json_begin(rum_json_t *json, const rum_report_info_t *info,
    rum_text_t *text, size_t *stable);
static int rum_json_end(rum_json_t *json, rum_text_t *text);
static void rum_json_print(void *ctx, const char *str, size_t len);
static void rum_json_span(rum_json_t *json, const rum_report_t *report);
static void rum_json_module(rum_json_t *json, const rum_report_info_t *info);
static void rum_json_aggregator(rum_json_t *json,
    const rum_report_t *report, const rum_report_info_t *info);
static void rum_json_site(rum_json_t *json, const rum_report_t *report,
    const rum_report_site_t *site);
static int rum_json_has_counters(const rum_report_site_t *site);
static void rum_json_group(rum_json_t *json, const rum_report_t *report,
    const rum_report_metric_t *metric, const rum_str_t *value,
    const rum_histogram_t *h);
static void rum_json_buckets(rum_json_t *json, const rum_histogram_t *h);
static void rum_json_counters(rum_json_t *json,
    const rum_report_site_t *site, const rum_report_group_t *group);
static void rum_json_key(rum_json_t *json, const char *key);
static void rum_json_string(rum_json_t *json, const rum_str_t *str);
static void rum_json_integer(rum_json_t *json, const char *key, uint64_t n);
static void rum_json_count(rum_json_t *json, uint64_t n);
static void rum_json_bool(rum_json_t *json, const char *key, int value);
static void rum_json_double(rum_json_t *json, double value,
    unsigned digits);


int
rum_report_json(const rum_report_t *report, const rum_report_info_t *info,
    rum_text_t *text, size_t *stable)
{
    uint32_t            i;
    rum_json_t          json;
    const rum_query_t  *query;

    if (rum_json_begin(&json, info, text, stable) != RUM_OK) {
        return RUM_ERROR;
    }

    query = report->query;

    if (query->overview) {
        rum_json_key(&json, "version");
        yajl_gen_string(json.gen, (const unsigned char *) RUM_VERSION,
                        sizeof(RUM_VERSION) - 1);
    }

    if (query->site.len) {
        rum_json_key(&json, "site");
        rum_json_string(&json, &query->site);
    }

    rum_json_span(&json, report);

    if (query->overview) {
        rum_json_module(&json, info);
        rum_json_aggregator(&json, report, info);
    }

    if (query->site.len) {
        rum_json_site(&json, report, &report->sites[0]);

    } else {
        rum_json_integer(&json, "total_sites", report->total_sites);
        rum_json_key(&json, "sites");
        yajl_gen_array_open(json.gen);

        for (i = 0; i < report->nsites; i++) {
            yajl_gen_map_open(json.gen);
            rum_json_key(&json, "site");
            rum_json_string(&json, &report->sites[i].name);
            rum_json_site(&json, report, &report->sites[i]);
            yajl_gen_map_close(json.gen);
        }

        yajl_gen_array_close(json.gen);
    }

    return rum_json_end(&json, text);
}


int
rum_report_error(const rum_report_info_t *info, const rum_str_t *parameter,
    const char *error, rum_text_t *text)
{
    rum_str_t   name;
    rum_json_t  json;

    if (rum_json_begin(&json, info, text, NULL) != RUM_OK) {
        return RUM_ERROR;
    }

    rum_json_key(&json, "error");
    yajl_gen_string(json.gen, (const unsigned char *) error, strlen(error));

    if (parameter->len) {
        name = *parameter;

        if (name.len > RUM_LEN_NAME) {
            name.len = rum_utf8_cut(name.data, name.len, RUM_LEN_NAME);
        }

        rum_json_key(&json, "parameter");
        rum_json_string(&json, &name);
    }

    if (info->nfigures) {
        rum_json_module(&json, info);
    }

    return rum_json_end(&json, text);
}


/* every answer begins with its time */

static int
rum_json_begin(rum_json_t *json, const rum_report_info_t *info,
    rum_text_t *text, size_t *stable)
{
    json->scratch = malloc(3 * RUM_REPORT_VALUE_MAX);
    if (json->scratch == NULL) {
        return RUM_ERROR;
    }

    json->gen = yajl_gen_alloc(NULL);
    if (json->gen == NULL) {
        free(json->scratch);
        return RUM_ERROR;
    }

    yajl_gen_config(json->gen, yajl_gen_print_callback, rum_json_print, text);

    yajl_gen_map_open(json->gen);
    rum_json_integer(json, "generated_at", info->now);

    if (stable != NULL) {
        *stable = text->len;
    }

    return RUM_OK;
}


static int
rum_json_end(rum_json_t *json, rum_text_t *text)
{
    yajl_gen_status  status;

    status = yajl_gen_map_close(json->gen);

    yajl_gen_free(json->gen);
    free(json->scratch);

    rum_text_add(text, "\n", 1);

    return status == yajl_gen_status_ok ? rum_text_status(text) : RUM_ERROR;
}


static void
rum_json_print(void *ctx, const char *str, size_t len)
{
    rum_text_add(ctx, str, len);
}


static void
rum_json_span(rum_json_t *json, const rum_report_t *report)
{
    rum_json_key(json, "by");
    rum_json_string(json, &report->query->by);
    rum_json_key(json, "last");
    rum_json_string(json, &report->query->last);
    rum_json_integer(json, "from", report->from);
    rum_json_integer(json, "to", report->to);
    rum_json_integer(json, "resolution", report->resolution);

    if (report->unreadable) {
        rum_json_integer(json, "unreadable", report->unreadable);
    }
}


static void
rum_json_module(rum_json_t *json, const rum_report_info_t *info)
{
    size_t                      i, k;
    const rum_report_figure_t  *figures;

    figures = info->figures;

    rum_json_key(json, "module");
    yajl_gen_map_open(json->gen);

    for (i = 0; i < info->nfigures; i++) {

        /* a group is written where its first figure is */

        for (k = 0; !rum_str_eq(&figures[k].group, &figures[i].group); k++) {
            /* void */
        }

        if (k < i) {
            continue;
        }

        rum_json_string(json, &figures[i].group);
        yajl_gen_map_open(json->gen);

        for (k = i; k < info->nfigures; k++) {
            if (rum_str_eq(&figures[k].group, &figures[i].group)) {
                rum_json_string(json, &figures[k].name);
                rum_json_count(json, figures[k].value);
            }
        }

        yajl_gen_map_close(json->gen);
    }

    yajl_gen_map_close(json->gen);
}


static void
rum_json_aggregator(rum_json_t *json, const rum_report_t *report,
    const rum_report_info_t *info)
{
    int64_t                     age;
    uint32_t                    i;
    const rum_report_health_t  *health;

    health = &report->health;

    rum_json_key(json, "aggregator");
    yajl_gen_map_open(json->gen);

    rum_json_bool(json, "running", health->partitions > 0
                                   && health->owned == health->partitions);
    rum_json_integer(json, "partitions", health->partitions);
    rum_json_integer(json, "owned", health->owned);

    /* null: at least one partition does not say */

    rum_json_key(json, "lag");

    if (health->lagging == health->partitions) {
        rum_json_count(json, health->lag);

    } else {
        yajl_gen_null(json->gen);
    }

    rum_json_key(json, "last_flush_age");

    if (health->flushed == health->partitions) {
        age = (int64_t) info->now - (int64_t) (health->flushed_at / 1000);
        yajl_gen_integer(json->gen, age > 0 ? age : 0);

    } else {
        yajl_gen_null(json->gen);
    }

    rum_json_key(json, "events_per_second");
    rum_json_double(json, health->events_per_second, RUM_JSON_QUANTILE);

    for (i = 0; i < RUM_HEALTH_LAST; i++) {
        rum_json_string(json, &rum_health_names[i]);
        rum_json_count(json, health->counts[i]);
    }

    yajl_gen_map_close(json->gen);
}


static void
rum_json_site(rum_json_t *json, const rum_report_t *report,
    const rum_report_site_t *site)
{
    uint32_t                    i, m;
    static const rum_str_t      unit = rum_string("");
    const rum_report_rows_t    *rows;
    const rum_report_metric_t  *metric;

    rum_json_bool(json, "limited", site->limited);
    rum_json_key(json, "metrics");
    yajl_gen_map_open(json->gen);

    for (m = 0; m < site->nmetrics; m++) {
        metric = &site->metrics[m];
        rows = &metric->rows;

        rum_json_string(json, &metric->name);
        yajl_gen_map_open(json->gen);

        rum_json_key(json, "unit");
        rum_json_string(json, metric->metric ? &metric->metric->unit : &unit);
        rum_json_integer(json, "total_groups", rows->total);
        rum_json_key(json, "groups");
        yajl_gen_array_open(json->gen);

        for (i = 0; i < rows->n; i++) {
            rum_json_group(json, report, metric, &rows->groups[i]->value,
                           rows->groups[i]->histograms[m]);
        }

        yajl_gen_array_close(json->gen);
        yajl_gen_map_close(json->gen);
    }

    yajl_gen_map_close(json->gen);

    if (!rum_json_has_counters(site)) {
        return;
    }

    rum_json_key(json, "counters");
    yajl_gen_map_open(json->gen);
    rum_json_integer(json, "total_groups", site->rows.total);
    rum_json_key(json, "groups");
    yajl_gen_array_open(json->gen);

    for (i = 0; i < site->rows.n; i++) {
        rum_json_counters(json, site, site->rows.groups[i]);
    }

    yajl_gen_array_close(json->gen);
    yajl_gen_map_close(json->gen);
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
rum_json_group(rum_json_t *json, const rum_report_t *report,
    const rum_report_metric_t *metric, const rum_str_t *value,
    const rum_histogram_t *h)
{
    size_t              len;
    uint32_t            i, quantile;
    unsigned char       number[RUM_NUMBER_MAX];
    const rum_query_t  *query;

    query = report->query;

    yajl_gen_map_open(json->gen);

    rum_json_key(json, "value");
    rum_json_string(json, value);
    rum_json_integer(json, "count", h->count);

    /* the sum is kept in ten-thousandths and so written exactly */

    rum_json_key(json, "sum");
    len = rum_number_fixed(h->sum, 4, number);
    yajl_gen_number(json->gen, (const char *) number, len);

    rum_json_key(json, "min");
    rum_json_double(json, h->min, RUM_JSON_DIGITS);
    rum_json_key(json, "max");
    rum_json_double(json, h->max, RUM_JSON_DIGITS);
    rum_json_key(json, "mean");
    rum_json_double(json, rum_histogram_sum(h) / h->count, RUM_JSON_DIGITS);

    for (i = 0; i < query->nquantiles; i++) {
        quantile = query->quantiles[i];

        len = rum_report_quantile_name(quantile, number);
        yajl_gen_string(json->gen, number, len);
        rum_json_double(json, rum_histogram_quantile(h, quantile / 100000.0),
                        RUM_JSON_QUANTILE);
    }

    if (metric->metric != NULL && metric->metric->good > 0) {
        rum_json_integer(json, "good", h->ratings[RUM_GOOD]);
        rum_json_integer(json, "needs_improvement",
                         h->ratings[RUM_NEEDS_IMPROVEMENT]);
        rum_json_integer(json, "poor", h->ratings[RUM_POOR]);
    }

    if (query->buckets) {
        rum_json_buckets(json, h);
    }

    yajl_gen_map_close(json->gen);
}


static void
rum_json_buckets(rum_json_t *json, const rum_histogram_t *h)
{
    uint32_t  i, n, first;

    n = rum_histogram_trim(h, &first);

    rum_json_key(json, "histogram");
    yajl_gen_map_open(json->gen);

    rum_json_integer(json, "scale", RUM_HISTOGRAM_SCALE);
    rum_json_integer(json, "zero_count", h->zero_count);
    rum_json_key(json, "offset");
    yajl_gen_integer(json->gen, n ? h->offset + (int32_t) first : 0);
    rum_json_key(json, "counts");
    yajl_gen_array_open(json->gen);

    for (i = 0; i < n; i++) {
        rum_json_count(json, rum_histogram_bucket(h, first + i));
    }

    yajl_gen_array_close(json->gen);
    yajl_gen_map_close(json->gen);
}


static void
rum_json_counters(rum_json_t *json, const rum_report_site_t *site,
    const rum_report_group_t *group)
{
    double    entrances, bounces;
    uint32_t  i;

    yajl_gen_map_open(json->gen);

    rum_json_key(json, "value");
    rum_json_string(json, &group->value);

    for (i = 0; i < RUM_COUNTER_LAST; i++) {
        if (site->counters[i]) {
            rum_json_string(json, &rum_counter_names[i]);
            yajl_gen_integer(json->gen, group->counters[i]);
        }
    }

    entrances = group->counters[RUM_COUNTER_ENTRANCES];
    bounces = group->counters[RUM_COUNTER_BOUNCES];

    if (site->counters[RUM_COUNTER_BOUNCES]
        && site->counters[RUM_COUNTER_ENTRANCES])
    {
        rum_json_key(json, "bounce_rate");

        if (entrances > 0) {
            rum_json_double(json, bounces / entrances, RUM_JSON_QUANTILE);

        } else {
            yajl_gen_null(json->gen);
        }
    }

    if (site->sessions) {
        rum_json_integer(json, "sessions", group->sessions);
    }

    yajl_gen_map_close(json->gen);
}


static void
rum_json_key(rum_json_t *json, const char *key)
{
    yajl_gen_string(json->gen, (const unsigned char *) key, strlen(key));
}


/* names and values come from clients' headers too, as any bytes */

static void
rum_json_string(rum_json_t *json, const rum_str_t *str)
{
    rum_str_t  clean;

    clean = rum_text_utf8(str, json->scratch);
    yajl_gen_string(json->gen, clean.len ? clean.data
                                         : (const unsigned char *) "",
                    clean.len);
}


static void
rum_json_integer(rum_json_t *json, const char *key, uint64_t n)
{
    rum_json_key(json, key);
    rum_json_count(json, n);
}


static void
rum_json_count(rum_json_t *json, uint64_t n)
{
    size_t         len;
    unsigned char  number[RUM_NUMBER_MAX];

    len = rum_number_integer(n, number);
    yajl_gen_number(json->gen, (const char *) number, len);
}


static void
rum_json_bool(rum_json_t *json, const char *key, int value)
{
    rum_json_key(json, key);
    yajl_gen_bool(json->gen, value);
}


static void
rum_json_double(rum_json_t *json, double value, unsigned digits)
{
    size_t         len;
    unsigned char  number[RUM_NUMBER_MAX];

    len = rum_number_double(value, digits, number);
    yajl_gen_number(json->gen, (const char *) number, len);
}
