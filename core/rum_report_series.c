/*
 * What a report has beside sums: series by step, the earlier span, samples
 * of errors.
 *
 * A step's histogram lives while values may come to it.  Then its figures
 * are taken and it is freed, so that a long series by a dimension of many
 * values does not hold a histogram for each of its points.
 */

#include <stdlib.h>

#include "rum_report.h"


static rum_report_series_t *rum_report_series(rum_report_t *report,
    rum_report_group_t *group, uint32_t metric);
static int rum_report_take(rum_report_t *report, rum_report_group_t *group,
    uint32_t metric, uint32_t step, const rum_histogram_t *h);
static double rum_report_seen(const rum_report_sample_t *sample,
    rum_sample_e field);
static int rum_report_replace(rum_report_t *report, rum_str_t *dst,
    const rum_str_t *src);


const rum_str_t  rum_sample_names[RUM_SAMPLE_LAST] = {
    rum_string("type"),
    rum_string("message"),
    rum_string("source"),
    rum_string("line"),
    rum_string("col"),
    rum_string("stack"),
    rum_string("page"),
    rum_string("browser"),
    rum_string("first_seen"),
    rum_string("last_seen")
};


int
rum_report_point(rum_report_t *report, rum_report_group_t *group,
    uint32_t metric, const rum_report_place_t *place)
{
    rum_report_series_t  *series;

    series = rum_report_series(report, group, metric);
    if (series == NULL) {
        return report->memory > RUM_REPORT_MEMORY ? RUM_FULL : RUM_ERROR;
    }

    if (place->alone && !report->query->buckets) {
        return rum_report_take(report, group, metric, place->step,
                               &report->scratch);
    }

    return rum_report_merge(report, &series->points[place->step].histogram,
                            &report->scratch);
}


static rum_report_series_t *
rum_report_series(rum_report_t *report, rum_report_group_t *group,
    uint32_t metric)
{
    size_t                size, points;
    rum_report_series_t  *series;

    if (group->series[metric] != NULL) {
        return group->series[metric];
    }

    points = sizeof(rum_report_series_t)
             + report->nsteps * sizeof(rum_report_point_t);
    size = points + (size_t) report->nsteps * report->query->nquantiles
                    * sizeof(float);

    report->memory += size;

    if (report->memory > RUM_REPORT_MEMORY) {
        return NULL;
    }

    series = calloc(1, size);
    if (series == NULL) {
        return NULL;
    }

    series->quantiles = (float *) ((char *) series + points);
    group->series[metric] = series;

    return series;
}


int
rum_report_step(rum_report_t *report, rum_report_site_t *site,
    uint32_t metric, uint32_t step)
{
    int                   rc;
    uint32_t              i;
    rum_histogram_t      *h;
    rum_report_group_t   *group;
    rum_report_point_t   *point;

    for (i = 0; i < site->ngroups; i++) {
        group = site->groups[i];

        if (group->series == NULL || group->series[metric] == NULL) {
            continue;
        }

        point = &group->series[metric]->points[step];
        h = point->histogram;

        if (h == NULL) {
            continue;
        }

        rc = rum_report_take(report, group, metric, step, h);
        if (rc != RUM_OK) {
            return rc;
        }

        if (!report->query->buckets) {
            report->memory -= sizeof(rum_histogram_t) + h->size;
            rum_histogram_free(h);
            free(h);
            point->histogram = NULL;
        }
    }

    return RUM_OK;
}


/* the figures of a step are those of this histogram */

static int
rum_report_take(rum_report_t *report, rum_report_group_t *group,
    uint32_t metric, uint32_t step, const rum_histogram_t *h)
{
    float                *quantiles;
    uint32_t              i;
    const rum_query_t    *query;
    rum_report_point_t   *point;
    rum_report_series_t  *series;

    if (h->count == 0) {
        return RUM_OK;
    }

    query = report->query;
    series = group->series[metric];
    point = &series->points[step];
    quantiles = series->quantiles + (size_t) step * query->nquantiles;

    point->count = h->count;
    point->mean = rum_histogram_sum(h) / h->count;

    for (i = 0; i < RUM_UNRATED; i++) {
        point->ratings[i] = h->ratings[i];
    }

    for (i = 0; i < query->nquantiles; i++) {
        quantiles[i] = rum_histogram_quantile(h, query->quantiles[i]
                                                 / 100000.0);
    }

    return rum_report_merge(report, &group->histograms[metric], h);
}


int64_t *
rum_report_steps(rum_report_t *report, rum_report_group_t *group,
    uint32_t counter)
{
    if (group->steps[counter] == NULL) {
        group->steps[counter] = calloc(report->nsteps, sizeof(int64_t));
        report->memory += report->nsteps * sizeof(int64_t);
    }

    return group->steps[counter];
}


int
rum_report_session_step(rum_report_t *report, rum_report_group_t *group,
    uint32_t step, uint64_t n)
{
    int64_t  *steps;

    steps = rum_report_steps(report, group, RUM_COUNTER_LAST);
    if (steps == NULL) {
        return RUM_ERROR;
    }

    steps[step] += n;

    return report->memory > RUM_REPORT_MEMORY ? RUM_FULL : RUM_OK;
}


rum_report_counts_t *
rum_report_earlier(rum_report_t *report, rum_report_group_t *group)
{
    if (group->earlier == NULL) {
        group->earlier = calloc(1, sizeof(rum_report_counts_t));
        report->memory += sizeof(rum_report_counts_t);
    }

    return group->earlier;
}


int
rum_report_session_earlier(rum_report_t *report, rum_report_group_t *group,
    uint64_t n)
{
    rum_report_counts_t  *counts;

    counts = rum_report_earlier(report, group);
    if (counts == NULL) {
        return RUM_ERROR;
    }

    counts->sessions += n;

    return RUM_OK;
}


int
rum_report_sample(rum_report_t *report, rum_report_group_t *group,
    const rum_report_sample_t *sample)
{
    int                   rc;
    double                first, last;
    uint32_t              i;
    rum_report_sample_t  *known;

    known = group->sample;
    last = known ? rum_report_seen(known, RUM_SAMPLE_LAST_SEEN) : -1;

    if (known == NULL) {
        known = calloc(1, sizeof(rum_report_sample_t));
        if (known == NULL) {
            return RUM_ERROR;
        }

        group->sample = known;
        report->memory += sizeof(rum_report_sample_t);
    }

    /* first_seen is the least of all partitions */

    first = rum_report_seen(known, RUM_SAMPLE_FIRST_SEEN);

    if (rum_report_seen(sample, RUM_SAMPLE_FIRST_SEEN) > 0
        && (first == 0
            || rum_report_seen(sample, RUM_SAMPLE_FIRST_SEEN) < first))
    {
        rc = rum_report_replace(report, &known->fields[RUM_SAMPLE_FIRST_SEEN],
                                &sample->fields[RUM_SAMPLE_FIRST_SEEN]);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    if (last >= rum_report_seen(sample, RUM_SAMPLE_LAST_SEEN)) {
        return RUM_OK;
    }

    for (i = 0; i < RUM_SAMPLE_LAST; i++) {
        if (i == RUM_SAMPLE_FIRST_SEEN) {
            continue;
        }

        rc = rum_report_replace(report, &known->fields[i],
                                &sample->fields[i]);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    return report->memory > RUM_REPORT_MEMORY ? RUM_FULL : RUM_OK;
}


int
rum_report_slowest(rum_report_t *report, rum_report_site_t *site,
    const rum_str_t *value, const rum_str_t *packed)
{
    int                  rc;
    rum_slowest_t        slowest;
    rum_report_group_t  *group;

    if (rum_slowest_decode(&slowest, packed) != RUM_OK) {
        report->unreadable++;
        return RUM_OK;
    }

    rc = rum_report_group(report, site, value, &group);
    if (rc != RUM_OK) {
        return rc;
    }

    if (group->slowest == NULL) {
        group->slowest = calloc(1, sizeof(rum_slowest_t));
        if (group->slowest == NULL) {
            return RUM_ERROR;
        }

        report->memory += sizeof(rum_slowest_t);

    } else if (!rum_slowest_before(&slowest, group->slowest)) {
        return RUM_OK;
    }

    group->slowest->duration = slowest.duration;

    rc = rum_report_replace(report, &group->slowest->url, &slowest.url);
    if (rc != RUM_OK) {
        return rc;
    }

    return report->memory > RUM_REPORT_MEMORY ? RUM_FULL : RUM_OK;
}


static double
rum_report_seen(const rum_report_sample_t *sample, rum_sample_e field)
{
    double  seen;

    return rum_report_number(&sample->fields[field], &seen) == RUM_OK ? seen
                                                                      : 0;
}


static int
rum_report_replace(rum_report_t *report, rum_str_t *dst,
    const rum_str_t *src)
{
    free(dst->data);
    report->memory -= dst->data ? dst->len + 1 : 0;
    rum_str_null(dst);

    return src->len ? rum_report_copy(report, dst, src) : RUM_OK;
}
