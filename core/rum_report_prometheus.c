/*
 * The report as Prometheus text, format 0.0.4 (docs/status-api.md).
 *
 * The lines of one name must stand together, so this goes by name first and
 * then through all sites and their rows.
 *
 * Bounds of the histograms ("le") are powers of the square root of 2, which
 * are bounds of our own buckets too (index 32 * k - 1 ends at 2^(k/2)), so
 * that the counts are exact, and they are the same in every answer.
 */

#include <stdlib.h>

#include "rum_report.h"

#define RUM_PROM_DIGITS        10       /* of a bound */
#define RUM_PROM_HALF_OCTAVE   32       /* buckets in a factor of sqrt(2) */

/* bounds 2^(first/2) .. 2^(last/2), every step */
typedef struct {
    int                    first;
    int                    last;
    int                    step;
} rum_prom_ladder_t;

typedef struct {
    rum_text_t            *text;
    rum_text_t             labels;      /* site="shop",country="DE" */
    rum_text_t             name;        /* rum_lcp_seconds */
    const rum_report_t    *report;
    unsigned char         *scratch;
    rum_str_t              names[2];    /* of the labels of "by" */
    unsigned char          label_names[2][RUM_LEN_NAME + 1];
    unsigned               milliseconds:1;
} rum_prom_t;


static int rum_prom_begin(rum_prom_t *prom, const rum_report_t *report,
    rum_text_t *text);
static void rum_prom_label_name(rum_prom_t *prom, unsigned n,
    const rum_str_t *dimension);
static void rum_prom_metric(rum_prom_t *prom, const rum_metric_t *known);
static void rum_prom_family(rum_prom_t *prom, const rum_metric_t *known);
static void rum_prom_ratings(rum_prom_t *prom, const rum_metric_t *known);
static void rum_prom_histogram(rum_prom_t *prom,
    const rum_prom_ladder_t *ladder, const rum_histogram_t *h);
static void rum_prom_counter(rum_prom_t *prom, rum_counter_e counter);
static void rum_prom_aggregator(rum_prom_t *prom,
    const rum_report_info_t *info);
static void rum_prom_module(rum_prom_t *prom, const rum_report_info_t *info);
static void rum_prom_help(rum_prom_t *prom, const char *suffix,
    const char *help, const char *type);
static void rum_prom_line(rum_prom_t *prom, const char *suffix,
    const char *extra, const unsigned char *value, size_t len);
static void rum_prom_integer(rum_prom_t *prom, const char *suffix,
    const char *extra, uint64_t n);
static void rum_prom_group(rum_prom_t *prom, const rum_report_site_t *site,
    const rum_report_group_t *group, const rum_str_t *metric);
static void rum_prom_label(rum_prom_t *prom, const char *name,
    const rum_str_t *value);
static void rum_prom_name(rum_prom_t *prom, const char *prefix,
    const rum_str_t *name, const char *suffix);


static const rum_prom_ladder_t  rum_prom_ms = { 6, 32, 1 };
static const rum_prom_ladder_t  rum_prom_plain = { -20, 10, 1 };
static const rum_prom_ladder_t  rum_prom_custom = { -20, 60, 4 };


static const struct {
    const char            *suffix;
    const char            *type;
    const char            *help;
} rum_prom_counters[RUM_COUNTER_LAST] = {
    { "_total", "counter", "Beacons counted." },
    { "_total", "counter", "Page views." },
    { "_total", "counter", "JavaScript errors." },
    { "_total", "counter", "Page views that began a session." },
    { "", "gauge", "Sessions of one page view so far: falls when a second "
                   "view comes." },
    { "_total", "counter", "Resources requested." },
    { "_total", "counter", "Bytes of resources." },
    { "_total", "counter", "Resources requested of another site." },
    { "_total", "counter", "Actions of visitors." },
    { "_total", "counter", "Custom events." },
    { "", "gauge", "Sessions by their speed so far." },
    { "", "gauge", "Custom events of sessions by their speed so far." }
};


static const char *const  rum_prom_health[RUM_HEALTH_LAST] = {
    "Stream entries read.",
    "Stream entries dropped because they had been read before.",
    "Sequence numbers of writers that never came.",
    "Events that came after their minute was over.",
    "Stream entries that could not be understood.",
    "Metric values that replaced an earlier one.",
    "Views and metric ids forgotten for want of room.",
    "Values counted under (other)."
};


int
rum_report_prometheus(const rum_report_t *report,
    const rum_report_info_t *info, rum_text_t *text)
{
    int                  rc;
    uint32_t             i;
    rum_prom_t           prom;
    const rum_metric_t  *metric;

    if (rum_prom_begin(&prom, report, text) != RUM_OK) {
        return RUM_ERROR;
    }

    for (metric = rum_metrics; metric->name.len; metric++) {
        rum_prom_metric(&prom, metric);
    }

    rum_prom_metric(&prom, NULL);

    for (i = 0; i < RUM_COUNTER_LAST; i++) {
        rum_prom_counter(&prom, i);
    }

    prom.labels.len = 0;

    if (report->query->overview) {
        rum_prom_aggregator(&prom, info);
        rum_prom_module(&prom, info);
    }

    rc = rum_text_status(text);

    if (rum_text_status(&prom.labels) != RUM_OK
        || rum_text_status(&prom.name) != RUM_OK)
    {
        rc = RUM_ERROR;
    }

    rum_text_free(&prom.labels);
    rum_text_free(&prom.name);
    free(prom.scratch);

    return rc;
}


static int
rum_prom_begin(rum_prom_t *prom, const rum_report_t *report,
    rum_text_t *text)
{
    rum_str_t           first, second;
    const rum_query_t  *query;

    memset(prom, 0, sizeof(rum_prom_t));

    prom->text = text;
    prom->report = report;

    prom->scratch = malloc(3 * RUM_REPORT_VALUE_MAX);
    if (prom->scratch == NULL) {
        return RUM_ERROR;
    }

    query = report->query;

    if (rum_query_pair(query, &first, &second)) {
        rum_prom_label_name(prom, 0, &first);
        rum_prom_label_name(prom, 1, &second);

    } else if (!rum_str_is(&query->by, RUM_ALL)) {
        rum_prom_label_name(prom, 0, &query->by);
    }

    return RUM_OK;
}


/*
 * [a-zA-Z_][a-zA-Z0-9_]*, and not one of the names that are ours or already
 * taken: "_" is appended then.  What begins with "__" is Prometheus's own: one
 * "_" is left of those.
 */

static void
rum_prom_label_name(rum_prom_t *prom, unsigned n, const rum_str_t *dimension)
{
    size_t         i, k, len;
    rum_str_t     *name;
    unsigned char  c, *p;

    name = &prom->names[n];
    p = prom->label_names[n];
    len = dimension->len < RUM_LEN_NAME ? dimension->len : RUM_LEN_NAME;

    for (i = 0, k = 0; i < len; i++) {
        c = dimension->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9' && k > 0)))
        {
            c = '_';
        }

        if (c != '_' || k != 1 || p[0] != '_') {
            p[k++] = c;
        }
    }

    name->data = p;
    name->len = k;

    if (rum_str_is(name, "site") || rum_str_is(name, "le")
        || rum_str_is(name, "rating") || rum_str_is(name, "metric")
        || (n == 1 && rum_str_eq(name, &prom->names[0])))
    {
        p[name->len++] = '_';
    }
}


/* known is NULL for all custom metrics: one name, a label says which */

static void
rum_prom_metric(rum_prom_t *prom, const rum_metric_t *known)
{
    static const rum_str_t  custom = rum_string("custom");

    prom->milliseconds = 0;

    if (known == NULL) {
        rum_prom_name(prom, "rum_", &custom, "");

    } else if (rum_str_is(&known->unit, "ms")) {
        prom->milliseconds = 1;
        rum_prom_name(prom, "rum_", &known->name, "_seconds");

    } else {
        rum_prom_name(prom, "rum_", &known->name, "");
    }

    rum_prom_family(prom, known);

    if (known != NULL && known->good > 0) {
        rum_prom_name(prom, "rum_", &known->name, "_ratings");
        rum_prom_ratings(prom, known);
    }
}


static void
rum_prom_family(rum_prom_t *prom, const rum_metric_t *known)
{
    uint32_t                    i, m, r, n;
    const rum_report_site_t    *site;
    const rum_prom_ladder_t    *ladder;
    const rum_report_metric_t  *metric;

    ladder = known == NULL ? &rum_prom_custom
             : prom->milliseconds ? &rum_prom_ms : &rum_prom_plain;
    n = 0;

    for (i = 0; i < prom->report->nsites; i++) {
        site = &prom->report->sites[i];

        for (m = 0; m < site->nmetrics; m++) {
            metric = &site->metrics[m];

            if (metric->metric != known) {
                continue;
            }

            for (r = 0; r < metric->rows.n; r++) {
                if (n++ == 0) {
                    rum_prom_help(prom, "", known ? known->description
                                  : "Custom metrics, in the unit they were "
                                    "sent in.", "histogram");
                }

                rum_prom_group(prom, site, metric->rows.groups[r],
                               known ? NULL : &metric->name);
                rum_prom_histogram(prom, ladder,
                                   metric->rows.groups[r]->histograms[m]);
            }
        }
    }
}


static void
rum_prom_ratings(rum_prom_t *prom, const rum_metric_t *known)
{
    uint32_t                    i, m, r, n, k;
    const rum_histogram_t      *h;
    const rum_report_site_t    *site;
    const rum_report_metric_t  *metric;
    static const char *const    ratings[] = {
        "rating=\"good\"", "rating=\"needs_improvement\"", "rating=\"poor\""
    };

    n = 0;

    for (i = 0; i < prom->report->nsites; i++) {
        site = &prom->report->sites[i];

        for (m = 0; m < site->nmetrics; m++) {
            metric = &site->metrics[m];

            for (r = 0; metric->metric == known && r < metric->rows.n; r++) {
                if (n++ == 0) {
                    rum_prom_help(prom, "_total", "Values by the thresholds "
                                  "of Web Vitals.", "counter");
                }

                h = metric->rows.groups[r]->histograms[m];
                rum_prom_group(prom, site, metric->rows.groups[r], NULL);

                for (k = 0; k < 3; k++) {
                    rum_prom_integer(prom, "_total", ratings[k],
                                     h->ratings[k]);
                }
            }
        }
    }
}


static void
rum_prom_histogram(rum_prom_t *prom, const rum_prom_ladder_t *ladder,
    const rum_histogram_t *h)
{
    int            k;
    double         bound;
    size_t         len;
    int64_t        index;
    uint32_t       i;
    uint64_t       count;
    unsigned char  le[RUM_NUMBER_MAX + 8], number[RUM_NUMBER_MAX];

    count = h->zero_count;
    i = 0;

    for (k = ladder->first; k <= ladder->last; k += ladder->step) {
        index = k * RUM_PROM_HALF_OCTAVE - 1;

        while (i < h->n && (int64_t) h->offset + i <= index) {
            count += rum_histogram_bucket(h, i++);
        }

        bound = rum_histogram_bound(index);
        if (prom->milliseconds) {
            bound /= 1000;
        }

        memcpy(le, "le=\"", 4);
        len = 4 + rum_number_double(bound, RUM_PROM_DIGITS, le + 4);
        le[len++] = '"';
        le[len] = '\0';

        rum_prom_integer(prom, "_bucket", (const char *) le, count);
    }

    rum_prom_integer(prom, "_bucket", "le=\"+Inf\"", h->count);

    len = rum_number_fixed(h->sum, prom->milliseconds ? 7 : 4, number);
    rum_prom_line(prom, "_sum", NULL, number, len);
    rum_prom_integer(prom, "_count", NULL, h->count);
}


static void
rum_prom_counter(rum_prom_t *prom, rum_counter_e counter)
{
    size_t                    len;
    int64_t                   value;
    uint32_t                  i, r, n;
    unsigned char             number[RUM_NUMBER_MAX];
    const rum_report_site_t  *site;

    n = 0;

    rum_prom_name(prom, "rum_", &rum_counter_names[counter], "");

    for (i = 0; i < prom->report->nsites; i++) {
        site = &prom->report->sites[i];

        for (r = 0; site->counters[counter] && r < site->rows.n; r++) {
            if (n++ == 0) {
                rum_prom_help(prom, rum_prom_counters[counter].suffix,
                              rum_prom_counters[counter].help,
                              rum_prom_counters[counter].type);
            }

            rum_prom_group(prom, site, site->rows.groups[r], NULL);

            value = site->rows.groups[r]->counters[counter];
            len = rum_number_fixed(value, 0, number);
            rum_prom_line(prom, rum_prom_counters[counter].suffix, NULL,
                          number, len);
        }
    }
}


static void
rum_prom_aggregator(rum_prom_t *prom, const rum_report_info_t *info)
{
    size_t                      len;
    int64_t                     age;
    uint32_t                    i;
    unsigned char               number[RUM_NUMBER_MAX];
    const rum_report_health_t  *health;
    static const rum_str_t      none = rum_string("");

    health = &prom->report->health;

    for (i = 0; i < RUM_HEALTH_LAST; i++) {
        rum_prom_name(prom, "rum_aggregator_", &rum_health_names[i], "");
        rum_prom_help(prom, "_total", rum_prom_health[i], "counter");
        rum_prom_integer(prom, "_total", NULL, health->counts[i]);
    }

    rum_prom_name(prom, "rum_aggregator", &none, "");

    rum_prom_help(prom, "_running", "1 if every partition has an aggregator.",
                  "gauge");
    rum_prom_integer(prom, "_running", NULL, health->partitions > 0
                                   && health->owned == health->partitions);

    rum_prom_help(prom, "_events_per_second", "Over the last flush.",
                  "gauge");
    len = rum_number_double(health->events_per_second, 6, number);
    rum_prom_line(prom, "_events_per_second", NULL, number, len);

    if (health->lagging == health->partitions) {
        rum_prom_help(prom, "_lag_entries", "Stream entries not read yet.",
                      "gauge");
        rum_prom_integer(prom, "_lag_entries", NULL, health->lag);
    }

    if (health->flushed == health->partitions) {
        age = (int64_t) info->now - (int64_t) (health->flushed_at / 1000);
        rum_prom_help(prom, "_last_flush_age_seconds",
                      "Since the last flush, of the oldest partition.",
                      "gauge");
        rum_prom_integer(prom, "_last_flush_age_seconds", NULL,
                         age > 0 ? age : 0);
    }
}


/* counters of one group are one name with a label, a gauge is a name */

static void
rum_prom_module(rum_prom_t *prom, const rum_report_info_t *info)
{
    size_t                      i, k, n;
    const rum_report_figure_t  *figures;

    figures = info->figures;

    for (i = 0; i < info->nfigures; i++) {
        rum_prom_name(prom, "rum_module_", &figures[i].group,
                      figures[i].gauge ? "_" : "");

        if (figures[i].gauge) {
            rum_text_add_str(&prom->name, &figures[i].name);
            rum_prom_help(prom, "", "Of the nginx module, all workers.",
                          "gauge");
            rum_prom_integer(prom, "", NULL, figures[i].value);
            continue;
        }

        for (k = 0, n = 0; k < info->nfigures; k++) {

            if (figures[k].gauge
                || !rum_str_eq(&figures[k].group, &figures[i].group))
            {
                continue;
            }

            if (n++ == 0) {
                if (k < i) {
                    break;              /* written already */
                }

                rum_prom_help(prom, "_total", "Counted by the nginx module, "
                              "by result.", "counter");
            }

            prom->labels.len = 0;
            rum_prom_label(prom, "result", &figures[k].name);
            rum_prom_integer(prom, "_total", NULL, figures[k].value);
        }

        prom->labels.len = 0;
    }
}


static void
rum_prom_help(rum_prom_t *prom, const char *suffix, const char *help,
    const char *type)
{
    rum_text_add_c(prom->text, "# HELP ");
    rum_text_add(prom->text, prom->name.data, prom->name.len);
    rum_text_add_c(prom->text, suffix);
    rum_text_add_c(prom->text, " ");
    rum_text_add_c(prom->text, help);
    rum_text_add_c(prom->text, "\n# TYPE ");
    rum_text_add(prom->text, prom->name.data, prom->name.len);
    rum_text_add_c(prom->text, suffix);
    rum_text_add_c(prom->text, " ");
    rum_text_add_c(prom->text, type);
    rum_text_add_c(prom->text, "\n");
}


/* extra is one more label, or NULL */

static void
rum_prom_line(rum_prom_t *prom, const char *suffix, const char *extra,
    const unsigned char *value, size_t len)
{
    rum_text_add(prom->text, prom->name.data, prom->name.len);
    rum_text_add_c(prom->text, suffix);

    if (prom->labels.len || extra != NULL) {
        rum_text_add_c(prom->text, "{");
        rum_text_add(prom->text, prom->labels.data, prom->labels.len);

        if (extra != NULL) {
            rum_text_add_c(prom->text, prom->labels.len ? "," : "");
            rum_text_add_c(prom->text, extra);
        }

        rum_text_add_c(prom->text, "}");
    }

    rum_text_add_c(prom->text, " ");
    rum_text_add(prom->text, value, len);
    rum_text_add_c(prom->text, "\n");
}


static void
rum_prom_integer(rum_prom_t *prom, const char *suffix, const char *extra,
    uint64_t n)
{
    size_t         len;
    unsigned char  number[RUM_NUMBER_MAX];

    len = rum_number_integer(n, number);
    rum_prom_line(prom, suffix, extra, number, len);
}


static void
rum_prom_group(rum_prom_t *prom, const rum_report_site_t *site,
    const rum_report_group_t *group, const rum_str_t *metric)
{
    rum_str_t  first, second;

    prom->labels.len = 0;
    rum_prom_label(prom, "site", &site->name);

    if (metric != NULL) {
        rum_prom_label(prom, "metric", metric);
    }

    if (prom->names[0].len == 0) {
        return;
    }

    /* "(other)" of a pair stands for both */

    first = group->value;
    second = group->value;

    if (prom->names[1].len) {
        rum_pair_split(&group->value, &first, &second);
        rum_prom_label(prom, (char *) prom->label_names[0], &first);
        rum_prom_label(prom, (char *) prom->label_names[1], &second);
        return;
    }

    rum_prom_label(prom, (char *) prom->label_names[0], &first);
}


static void
rum_prom_label(rum_prom_t *prom, const char *name, const rum_str_t *value)
{
    size_t     i;
    rum_str_t  clean;

    clean = rum_text_utf8(value, prom->scratch);

    rum_text_add_c(&prom->labels, prom->labels.len ? "," : "");
    rum_text_add_c(&prom->labels, name);
    rum_text_add_c(&prom->labels, "=\"");

    for (i = 0; i < clean.len; i++) {
        switch (clean.data[i]) {

        case '\n':
            rum_text_add_c(&prom->labels, "\\n");
            break;

        case '"':
        case '\\':
            rum_text_add_c(&prom->labels, "\\");

            /* fall through */

        default:
            rum_text_add(&prom->labels, &clean.data[i], 1);
        }
    }

    rum_text_add_c(&prom->labels, "\"");
}


/* prefix, name and suffix, with what a name may not hold as "_" */

static void
rum_prom_name(rum_prom_t *prom, const char *prefix, const rum_str_t *name,
    const char *suffix)
{
    size_t          i;
    unsigned char  *p;

    prom->name.len = 0;
    rum_text_add_c(&prom->name, prefix);
    rum_text_add_str(&prom->name, name);
    rum_text_add_c(&prom->name, suffix);

    for (i = 0; i < prom->name.len; i++) {
        p = &prom->name.data[i];

        if (*p == '.' || *p == '-') {
            *p = '_';
        }
    }
}
