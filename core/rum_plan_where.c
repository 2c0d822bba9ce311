/*
 * From "by" and "where" to a rollup: which one holds the answer, which of its
 * fields count, and for which value.
 */

#include "rum_plan.h"


static int rum_plan_add_rollup(rum_plan_t *plan, const rum_str_t *first,
    const rum_str_t *second);
static const rum_query_where_t *rum_plan_where(const rum_query_t *query,
    const rum_str_t *dimension);
static int rum_plan_one(rum_plan_t *plan, const rum_str_t *dimension);
static int rum_plan_pair(rum_plan_t *plan, const rum_str_t *first,
    const rum_str_t *second);


int
rum_plan_rollups(rum_plan_t *plan)
{
    int                 rc;
    uint32_t            i, n;
    rum_str_t           dimensions[3], first, second;
    const rum_query_t  *query;

    query = plan->query;

    if (rum_query_pair(query, &first, &second)) {
        return rum_plan_add_rollup(plan, &query->by, NULL);
    }

    n = 0;

    if (!rum_str_is(&query->by, RUM_ALL) || query->nwheres == 0) {
        dimensions[n++] = query->by;
    }

    for (i = 0; i < query->nwheres; i++) {
        if (!rum_str_eq(&query->wheres[i].dimension, &query->by)) {
            dimensions[n++] = query->wheres[i].dimension;
        }
    }

    if (n == 1) {
        return rum_plan_add_rollup(plan, &dimensions[0], NULL);
    }

    rc = rum_plan_add_rollup(plan, &dimensions[1], &dimensions[0]);

    if (rc == RUM_OK) {
        rc = rum_plan_add_rollup(plan, &dimensions[0], &dimensions[1]);
    }

    return rc;
}


/* escaping is the same everywhere: take it from a key */

static int
rum_plan_add_rollup(rum_plan_t *plan, const rum_str_t *first,
    const rum_str_t *second)
{
    int                 len, prefix;
    rum_key_t           key;
    unsigned char      *p;
    rum_plan_rollup_t  *rollup;

    rollup = &plan->rollups[plan->nrollups++];
    p = rollup->data;

    memcpy(p, first->data, first->len);
    p += first->len;

    if (second != NULL) {
        *p++ = ',';
        memcpy(p, second->data, second->len);
        p += second->len;
    }

    rollup->name.data = rollup->data;
    rollup->name.len = p - rollup->data;

    memset(&key, 0, sizeof(rum_key_t));
    key.type = RUM_KEY_INDEX;

    prefix = rum_key_write(&key, p, sizeof(rollup->data) - rollup->name.len);

    key.site = rollup->name;

    len = rum_key_write(&key, p, sizeof(rollup->data) - rollup->name.len);

    if (prefix < 0 || len < 0) {
        return RUM_ERROR;
    }

    rollup->index.data = p + prefix;
    rollup->index.len = len - prefix;

    return RUM_OK;
}


int
rum_plan_choose(rum_plan_t *plan)
{
    uint32_t            i;
    rum_str_t           first, second;
    rum_detail_e        detail;
    rum_counter_e       lead;
    const rum_query_t  *query;

    query = plan->query;

    for (i = 0; i < plan->nrollups && plan->rollup == NULL; i++) {
        if (plan->rollups[i].found) {
            plan->rollup = &plan->rollups[i];
        }
    }

    /* nobody has sent such a detail yet: that is an answer */

    for (i = 0; i < plan->nrollups && plan->rollup == NULL; i++) {
        if (rum_detail_find(&plan->rollups[i].name) != RUM_DETAIL_LAST) {
            plan->rollup = &plan->rollups[i];
        }
    }

    if (plan->rollup == NULL && plan->indexed) {
        return query->nwheres
               ? rum_plan_refuse(plan, "where", "there is no rollup that has "
                                 "these dimensions")
               : rum_plan_refuse(plan, "by", "there is no rollup by this "
                                 "dimension");
    }

    if (plan->rollup == NULL) {
        plan->rollup = &plan->rollups[0];
    }

    detail = rum_detail_find(&plan->rollup->name);

    if (detail != RUM_DETAIL_LAST) {
        lead = rum_counter_find(&rum_details[detail].values);
        plan->report->lead = lead != RUM_COUNTER_LAST ? lead : 0;
    }

    if (query->format == RUM_QUERY_PROMETHEUS && detail != RUM_DETAIL_LAST) {
        return rum_plan_refuse(plan, "by", "is of details, which have no "
                               "totals");
    }

    if (query->nwheres == 0) {
        return RUM_OK;
    }

    if (rum_pair_split(&plan->rollup->name, &first, &second) == RUM_OK) {
        return rum_plan_pair(plan, &first, &second);
    }

    return rum_plan_one(plan, &plan->rollup->name);
}


static const rum_query_where_t *
rum_plan_where(const rum_query_t *query, const rum_str_t *dimension)
{
    uint32_t  i;

    for (i = 0; i < query->nwheres; i++) {
        if (rum_str_eq(&query->wheres[i].dimension, dimension)) {
            return &query->wheres[i];
        }
    }

    return NULL;
}


static int
rum_plan_one(rum_plan_t *plan, const rum_str_t *dimension)
{
    plan->filter.field = rum_plan_where(plan->query, dimension)->value;
    plan->filter.show = rum_str_is(&plan->query->by, RUM_ALL)
                        ? RUM_SHOW_ALL : RUM_SHOW_FIELD;

    return RUM_OK;
}


static int
rum_plan_pair(rum_plan_t *plan, const rum_str_t *first,
    const rum_str_t *second)
{
    int                       len;
    rum_str_t                 none;
    rum_plan_filter_t        *filter;
    const rum_query_t        *query;
    const rum_query_where_t  *one, *two;

    query = plan->query;
    filter = &plan->filter;

    one = rum_plan_where(query, first);
    two = rum_plan_where(query, second);

    filter->show = rum_str_is(&query->by, RUM_ALL) ? RUM_SHOW_ALL
                   : rum_str_eq(&query->by, first) ? RUM_SHOW_FIRST
                   : rum_str_eq(&query->by, second) ? RUM_SHOW_SECOND
                   : RUM_SHOW_FIELD;

    if (one == NULL) {
        filter->second = &two->value;
        return RUM_OK;
    }

    rum_str_null(&none);

    len = rum_pair_write(&one->value, two ? &two->value : &none,
                         filter->data, sizeof(filter->data));
    if (len < 0) {
        return RUM_ERROR;
    }

    filter->first.data = filter->data;
    filter->first.len = len;

    if (two != NULL) {
        filter->field = filter->first;
        rum_str_null(&filter->first);
    }

    return RUM_OK;
}


int
rum_plan_value(const rum_plan_t *plan, const rum_str_t *field,
    rum_str_t *value, unsigned char *scratch)
{
    size_t                    i, n;
    rum_str_t                 first, second;
    const rum_plan_filter_t  *filter;

    filter = &plan->filter;
    *value = *field;

    if (filter->show == RUM_SHOW_ALL) {
        rum_str_set(value, RUM_ALL_VALUE);

    } else if (filter->show == RUM_SHOW_FIELD
               && filter->first.len == 0 && filter->second == NULL)
    {
        return RUM_OK;
    }

    if (filter->field.len && filter->show == RUM_SHOW_ALL) {
        return RUM_OK;
    }

    /* the rest is of pairs; "(other)" is none */

    if (rum_pair_split(field, &first, &second) != RUM_OK
        || field->len > RUM_REPORT_VALUE_MAX
        || (filter->second != NULL && !rum_str_eq(&second, filter->second))
        || (filter->first.len
            && (field->len < filter->first.len
                || memcmp(field->data, filter->first.data, filter->first.len)
                   != 0)))
    {
        return RUM_DECLINED;
    }

    switch (filter->show) {

    case RUM_SHOW_SECOND:
        *value = second;
        break;

    case RUM_SHOW_FIRST:
        for (i = 0, n = 0; i < first.len; n++) {
            if (first.len - i >= 3 && memcmp(first.data + i, "%2C", 3) == 0) {
                scratch[n] = ',';
                i += 3;

            } else {
                scratch[n] = first.data[i++];
            }
        }

        value->data = scratch;
        value->len = n;
        break;

    default:
        break;
    }

    return RUM_OK;
}
