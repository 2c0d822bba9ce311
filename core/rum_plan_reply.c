/*
 * Handing the replies to a plan's reads to its report.
 */

#include "rum_plan.h"


static int rum_plan_take(rum_plan_t *plan, const rum_read_t *read,
    const rum_reply_t *reply);
static int rum_plan_take_sites(rum_plan_t *plan, const rum_reply_t *reply);
static int rum_plan_take_index(rum_plan_t *plan, const rum_read_t *read,
    const rum_reply_t *reply);
static int rum_plan_take_rollup(rum_plan_t *plan, const rum_read_t *read,
    const rum_reply_t *reply);
static void rum_plan_take_lag(rum_plan_t *plan, const rum_reply_t *reply);
static int rum_plan_take_error(rum_plan_t *plan, const rum_read_t *read,
    const rum_str_t *error);
static int rum_plan_begins(const rum_str_t *str, const char *prefix);


rum_plan_e
rum_plan_reply(rum_plan_t *plan, const rum_read_t *read,
    const rum_reply_t *reply)
{
    int  rc;

    plan->outstanding--;

    if (plan->outcome != RUM_PLAN_RUNNING) {
        return plan->outcome;
    }

    rc = reply->error.len ? rum_plan_take_error(plan, read, &reply->error)
                          : rum_plan_take(plan, read, reply);

    if (rc == RUM_FULL) {
        rum_plan_refuse(plan, plan->query->nmetrics == 1 ? "last" : "metric",
                        "is too wide, the answer would take too much memory");

    } else if (rc == RUM_ERROR) {
        plan->outcome = RUM_PLAN_FAILED;
    }

    if (plan->outcome == RUM_PLAN_RUNNING
        && plan->asked && plan->outstanding == 0)
    {
        rum_plan_step(plan);
    }

    return plan->outcome;
}


static int
rum_plan_take(rum_plan_t *plan, const rum_read_t *read,
    const rum_reply_t *reply)
{
    size_t               i;
    rum_report_t        *report;
    rum_report_site_t   *site;

    report = plan->report;

    switch (read->type) {

    case RUM_READ_SITES:
        return rum_plan_take_sites(plan, reply);

    case RUM_READ_HEALTH:
        for (i = 0; i + 1 < reply->nitems; i += 2) {
            rum_report_health(report, &reply->items[i].text,
                              &reply->items[i + 1].text);
        }

        return RUM_OK;

    case RUM_READ_LAG:
        rum_plan_take_lag(plan, reply);
        return RUM_OK;

    case RUM_READ_LEASE:
        report->health.owned += reply->integer == 1;
        return RUM_OK;

    case RUM_READ_INDEX:
        return rum_plan_take_index(plan, read, reply);

    case RUM_READ_ROLLUP:
        return rum_plan_take_rollup(plan, read, reply);

    default:                            /* RUM_READ_SESSIONS */
        site = &report->sites[read->site];

        if (reply->integer > 0) {
            site->rows.groups[read->row]->sessions += reply->integer;
        }

        return RUM_OK;
    }
}


/* the members are escaped as in keys: read them as part of one */

static int
rum_plan_take_sites(rum_plan_t *plan, const rum_reply_t *reply)
{
    int               rc;
    size_t            i, len;
    rum_str_t         text;
    rum_key_t         key;
    unsigned char     buf[RUM_KEY_MAX], scratch[RUM_KEY_MAX];
    const rum_str_t  *member;

    static const char  prefix[] = "rum:{0}:index:";

    len = sizeof(prefix) - 1;
    memcpy(buf, prefix, len);

    for (i = 0; i < reply->nitems; i++) {
        member = &reply->items[i].text;

        text.data = buf;
        text.len = len + member->len;

        if (text.len > sizeof(buf) || text.len == len) {
            plan->report->unreadable++;
            continue;
        }

        memcpy(buf + len, member->data, member->len);

        if (rum_key_parse(&key, &text, scratch) != RUM_OK) {
            plan->report->unreadable++;
            continue;
        }

        rc = rum_report_add_site(plan->report, &key.site);

        if (rc == RUM_ERROR) {
            return rc;
        }

        if (rc != RUM_OK) {
            plan->report->unreadable++;
        }
    }

    return RUM_OK;
}


/*
 * Members are DIMENSION:METRIC; a metric's name has nothing to escape.
 * Counters are read whether the index has them or not.
 */

static int
rum_plan_take_index(rum_plan_t *plan, const rum_read_t *read,
    const rum_reply_t *reply)
{
    int                  rc;
    size_t               i, len;
    rum_str_t            metric;
    const rum_str_t     *member;
    rum_report_site_t   *site;

    site = &plan->report->sites[read->site];
    len = plan->dimension.len;

    for (i = 0; i < reply->nitems; i++) {
        member = &reply->items[i].text;
        plan->indexed = 1;

        if (member->len <= len || member->data[len] != ':'
            || memcmp(member->data, plan->dimension.data, len) != 0)
        {
            continue;
        }

        plan->found = 1;

        metric.data = member->data + len + 1;
        metric.len = member->len - len - 1;

        if (rum_str_is(&metric, RUM_SESSIONS)
            || !rum_query_wants(plan->query, &metric))
        {
            continue;
        }

        rc = rum_report_add_metric(plan->report, site, &metric);

        if (rc == RUM_ERROR) {
            return rc;
        }

        if (rc != RUM_OK) {
            plan->report->unreadable++;
        }
    }

    return RUM_OK;
}


static int
rum_plan_take_rollup(rum_plan_t *plan, const rum_read_t *read,
    const rum_reply_t *reply)
{
    int                 rc;
    size_t              i;
    rum_report_site_t  *site;

    site = &plan->report->sites[read->site];

    for (i = 0; i + 1 < reply->nitems; i += 2) {

        if (read->column < site->nmetrics) {
            rc = rum_report_histogram(plan->report, site, read->column,
                                      &reply->items[i].text,
                                      &reply->items[i + 1].text);

        } else {
            rc = rum_report_counter(plan->report, site,
                                    read->column - site->nmetrics,
                                    &reply->items[i].text,
                                    &reply->items[i + 1].text);
        }

        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


/* a map for each group, "name" first; the aggregator's group is "rum" */

static void
rum_plan_take_lag(rum_plan_t *plan, const rum_reply_t *reply)
{
    int                      ours;
    size_t                   i;
    const rum_reply_item_t  *item;

    ours = 0;

    for (i = 0; i + 1 < reply->nitems; i += 2) {
        item = &reply->items[i];

        if (rum_str_is(&item->text, "name")) {
            ours = rum_str_is(&item[1].text, "rum");

        } else if (ours && rum_str_is(&item->text, "lag")) {
            rum_report_lag(plan->report, item[1].integer);
        }
    }
}


/*
 * No stream yet is no lag; a key of a wrong type is passed over and counted;
 * anything else (-LOADING, -NOAUTH, -NOPERM ...) is the end.
 */

static int
rum_plan_take_error(rum_plan_t *plan, const rum_read_t *read,
    const rum_str_t *error)
{
    size_t             len;
    static const char  says[] = "redis says: ";

    if (read->type == RUM_READ_LAG && rum_plan_begins(error, "ERR no such")) {
        rum_report_lag(plan->report, 0);
        return RUM_OK;
    }

    if (rum_plan_begins(error, "WRONGTYPE")) {
        plan->report->unreadable++;
        return RUM_OK;
    }

    plan->outcome = RUM_PLAN_UNAVAILABLE;

    len = rum_utf8_cut(error->data, error->len,
                       sizeof(plan->error) - sizeof(says));

    memcpy(plan->error, says, sizeof(says) - 1);
    memcpy(plan->error + sizeof(says) - 1, error->data, len);
    plan->error[sizeof(says) - 1 + len] = '\0';

    return RUM_DECLINED;
}


static int
rum_plan_begins(const rum_str_t *str, const char *prefix)
{
    size_t  len;

    len = strlen(prefix);

    return str->len >= len && memcmp(str->data, prefix, len) == 0;
}
