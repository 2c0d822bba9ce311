/*
 * The frame of an answer as JSON (docs/status-api.md): the question, the
 * span, the overview, and errors.  What a site has is written in
 * rum_report_json_rows.c, lists in rum_report_json_list.c.
 */

#include "rum_json.h"
#include "rum_report.h"


static int rum_json_begin(rum_json_t *json, const rum_report_info_t *info,
    rum_text_t *text, size_t *stable);
static void rum_json_sites(rum_json_t *json, const rum_report_t *report);
static void rum_json_span(rum_json_t *json, const rum_report_t *report);
static void rum_json_wheres(rum_json_t *json, const rum_query_t *query);
static void rum_json_steps(rum_json_t *json, const rum_report_t *report);
static void rum_json_module(rum_json_t *json, const rum_report_info_t *info);
static void rum_json_aggregator(rum_json_t *json,
    const rum_report_t *report, const rum_report_info_t *info);


int
rum_report_json(const rum_report_t *report, const rum_report_info_t *info,
    rum_text_t *text, size_t *stable)
{
    rum_json_t          json;
    const rum_query_t  *query;

    if (rum_json_begin(&json, info, text, stable) != RUM_OK) {
        return RUM_ERROR;
    }

    query = report->query;

    if (query->overview) {
        rum_json_key(&json, "version");
        rum_json_text(&json, RUM_VERSION);
    }

    if (query->site.len) {
        rum_json_key(&json, "site");
        rum_json_string(&json, &query->site);
    }

    if (query->list != RUM_LIST_NONE) {
        rum_report_json_list(&json, report);
        return rum_json_close(&json, text);
    }

    rum_json_span(&json, report);

    if (query->overview) {
        rum_json_module(&json, info);
        rum_json_aggregator(&json, report, info);
    }

    if (query->site.len) {
        rum_report_json_site(&json, report, &report->sites[0]);

    } else {
        rum_json_sites(&json, report);
    }

    return rum_json_close(&json, text);
}


static void
rum_json_sites(rum_json_t *json, const rum_report_t *report)
{
    uint32_t  i;

    rum_json_integer(json, "total_sites", report->total_sites);
    rum_json_key(json, "sites");
    rum_json_array(json);

    for (i = 0; i < report->nsites; i++) {
        rum_json_map(json);
        rum_json_key(json, "site");
        rum_json_string(json, &report->sites[i].name);
        rum_report_json_site(json, report, &report->sites[i]);
        rum_json_map_end(json);
    }

    rum_json_array_end(json);
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
    rum_json_text(&json, error);

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

    return rum_json_close(&json, text);
}


/* every answer begins with its time */

static int
rum_json_begin(rum_json_t *json, const rum_report_info_t *info,
    rum_text_t *text, size_t *stable)
{
    if (rum_json_open(json, text) != RUM_OK) {
        return RUM_ERROR;
    }

    rum_json_integer(json, "generated_at", info->now);

    if (stable != NULL) {
        *stable = text->len;
    }

    return RUM_OK;
}


static void
rum_json_span(rum_json_t *json, const rum_report_t *report)
{
    const rum_query_t  *query;

    query = report->query;

    rum_json_key(json, "by");
    rum_json_string(json, &query->by);

    if (query->nwheres) {
        rum_json_wheres(json, query);
    }

    if (query->last.len) {
        rum_json_key(json, "last");
        rum_json_string(json, &query->last);
    }

    rum_json_integer(json, "from", report->from);
    rum_json_integer(json, "to", report->to);
    rum_json_integer(json, "resolution", report->resolution);

    if (report->nsteps) {
        rum_json_steps(json, report);
    }

    if (query->compare) {
        rum_json_key(json, "compare");
        rum_json_map(json);
        rum_json_integer(json, "from", report->earlier_from);
        rum_json_integer(json, "to", report->earlier_to);
        rum_json_map_end(json);
    }

    if (report->unreadable) {
        rum_json_integer(json, "unreadable", report->unreadable);
    }
}


static void
rum_json_wheres(rum_json_t *json, const rum_query_t *query)
{
    uint32_t  i;

    rum_json_key(json, "where");
    rum_json_array(json);

    for (i = 0; i < query->nwheres; i++) {
        rum_json_map(json);
        rum_json_key(json, "dimension");
        rum_json_string(json, &query->wheres[i].dimension);
        rum_json_key(json, "value");
        rum_json_string(json, &query->wheres[i].value);
        rum_json_map_end(json);
    }

    rum_json_array_end(json);
}


static void
rum_json_steps(rum_json_t *json, const rum_report_t *report)
{
    uint32_t  i;

    rum_json_integer(json, "step", report->query->step);
    rum_json_key(json, "steps");
    rum_json_array(json);

    for (i = 0; i < report->nsteps; i++) {
        rum_json_count(json, report->from
                             + (uint64_t) i * report->query->step);
    }

    rum_json_array_end(json);
}


static void
rum_json_module(rum_json_t *json, const rum_report_info_t *info)
{
    size_t                      i, k;
    const rum_report_figure_t  *figures;

    figures = info->figures;

    rum_json_key(json, "module");
    rum_json_map(json);

    for (i = 0; i < info->nfigures; i++) {

        /* a group is written where its first figure is */

        for (k = 0; !rum_str_eq(&figures[k].group, &figures[i].group); k++) {
            /* void */
        }

        if (k < i) {
            continue;
        }

        rum_json_string(json, &figures[i].group);
        rum_json_map(json);

        for (k = i; k < info->nfigures; k++) {
            if (rum_str_eq(&figures[k].group, &figures[i].group)) {
                rum_json_string(json, &figures[k].name);
                rum_json_count(json, figures[k].value);
            }
        }

        rum_json_map_end(json);
    }

    rum_json_map_end(json);
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
    rum_json_map(json);

    rum_json_bool(json, "running", health->partitions > 0
                                   && health->owned == health->partitions);
    rum_json_integer(json, "partitions", health->partitions);
    rum_json_integer(json, "owned", health->owned);

    /* null: at least one partition does not say */

    rum_json_key(json, "lag");

    if (health->lagging == health->partitions) {
        rum_json_count(json, health->lag);

    } else {
        rum_json_null(json);
    }

    rum_json_key(json, "last_flush_age");

    if (health->flushed == health->partitions) {
        age = (int64_t) info->now - (int64_t) (health->flushed_at / 1000);
        rum_json_signed(json, age > 0 ? age : 0);

    } else {
        rum_json_null(json);
    }

    rum_json_key(json, "events_per_second");
    rum_json_double(json, health->events_per_second, RUM_REPORT_QUANTILE);

    for (i = 0; i < RUM_HEALTH_LAST; i++) {
        rum_json_string(json, &rum_health_names[i]);
        rum_json_count(json, health->counts[i]);
    }

    rum_json_map_end(json);
}
