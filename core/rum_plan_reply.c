/*
 * Handing the replies to a plan's reads to its report.
 */

#include "rum_plan.h"


static int rum_plan_take(rum_plan_t *plan, const rum_read_t *read,
    const rum_reply_t *reply);
static int rum_plan_take_sessions(rum_plan_t *plan, const rum_read_t *read,
    const rum_reply_t *reply);
static int rum_plan_take_sample(rum_plan_t *plan, const rum_read_t *read,
    const rum_reply_t *reply);
static int rum_plan_take_sites(rum_plan_t *plan, const rum_reply_t *reply);
static int rum_plan_take_index(rum_plan_t *plan, const rum_read_t *read,
    const rum_reply_t *reply);
static int rum_plan_unescape(const rum_str_t *text, rum_str_t *name,
    unsigned char *scratch);
static int rum_plan_take_member(rum_plan_t *plan, rum_report_site_t *site,
    rum_plan_rollup_t *rollup, const rum_str_t *member);
static int rum_plan_take_entry(rum_plan_t *plan, rum_report_site_t *site,
    const rum_str_t *member);
static int rum_plan_take_rollup(rum_plan_t *plan, const rum_read_t *read,
    const rum_reply_t *reply);
static int rum_plan_take_field(rum_plan_t *plan, const rum_read_t *read,
    const rum_report_place_t *place, const rum_reply_t *reply);
static int rum_plan_take_value(rum_plan_t *plan, const rum_read_t *read,
    const rum_report_place_t *place, const rum_str_t *field,
    const rum_str_t *packed);
static int rum_plan_take_step(rum_plan_t *plan, const rum_read_t *read);
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
    plan->answered++;

    if (plan->outcome != RUM_PLAN_RUNNING) {
        return plan->outcome;
    }

    rc = reply->error.len ? rum_plan_take_error(plan, read, &reply->error)
                          : rum_plan_take(plan, read, reply);

    if (rc == RUM_OK && read->type == RUM_READ_ROLLUP && plan->left != NULL) {
        rc = rum_plan_take_step(plan, read);
    }

    if (rc == RUM_OK && read->type == RUM_READ_ROLLUP) {
        rum_plan_note_sum(plan, read, reply);
    }

    if (rc == RUM_FULL || rc == RUM_ERROR) {
        rum_plan_fail(plan, rc);
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

    case RUM_READ_SESSIONS:
        return rum_plan_take_sessions(plan, read, reply);

    default:                            /* RUM_READ_SAMPLE */
        return rum_plan_take_sample(plan, read, reply);
    }
}


static int
rum_plan_take_sessions(rum_plan_t *plan, const rum_read_t *read,
    const rum_reply_t *reply)
{
    rum_report_group_t  *group;

    if (reply->integer <= 0) {
        return RUM_OK;
    }

    group = plan->report->sites[read->site].rows.groups[read->row];

    switch (read->part) {

    case RUM_PART_ALL:
        group->sessions += reply->integer;
        return RUM_OK;

    case RUM_PART_EARLIER:
        return rum_report_session_earlier(plan->report, group,
                                          reply->integer);

    default:
        return rum_report_session_step(plan->report, group,
                                       read->part - RUM_PART_STEPS,
                                       reply->integer);
    }
}


/* the sample of this partition, if it has one; "(other)" has none */

static int
rum_plan_take_sample(rum_plan_t *plan, const rum_read_t *read,
    const rum_reply_t *reply)
{
    size_t               i;
    uint32_t             k;
    rum_report_sample_t  sample;

    if (reply->nitems == 0) {
        return RUM_OK;
    }

    memset(&sample, 0, sizeof(rum_report_sample_t));

    for (i = 0; i + 1 < reply->nitems; i += 2) {
        for (k = 0; k < RUM_SAMPLE_LAST; k++) {
            if (rum_str_eq(&reply->items[i].text, &rum_sample_names[k])) {
                sample.fields[k] = reply->items[i + 1].text;
            }
        }
    }

    return rum_report_sample(plan->report,
                   plan->report->sites[read->site].rows.groups[read->row],
                   &sample);
}


static int
rum_plan_take_sites(rum_plan_t *plan, const rum_reply_t *reply)
{
    int            rc;
    size_t         i;
    rum_str_t      name;
    unsigned char  scratch[RUM_KEY_MAX];

    for (i = 0; i < reply->nitems; i++) {

        rc = rum_plan_unescape(&reply->items[i].text, &name, scratch);

        if (rc == RUM_OK) {
            rc = rum_report_add_site(plan->report, &name);
        }

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
 * Names are escaped as in keys: read as part of one.  RUM_DECLINED if it is
 * none; the name is in scratch, of RUM_KEY_MAX bytes.
 */

static int
rum_plan_unescape(const rum_str_t *text, rum_str_t *name,
    unsigned char *scratch)
{
    size_t         len;
    rum_str_t      str;
    rum_key_t      key;
    unsigned char  buf[RUM_KEY_MAX];

    static const char  prefix[] = "rum:{0}:index:";

    len = sizeof(prefix) - 1;

    if (text->len == 0 || len + text->len > sizeof(buf)) {
        return RUM_DECLINED;
    }

    memcpy(buf, prefix, len);
    memcpy(buf + len, text->data, text->len);

    str.data = buf;
    str.len = len + text->len;

    if (rum_key_parse(&key, &str, scratch) != RUM_OK) {
        return RUM_DECLINED;
    }

    *name = key.site;

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
    size_t               i;
    uint32_t             k;
    rum_report_site_t   *site;

    site = &plan->report->sites[read->site];

    for (i = 0; i < reply->nitems; i++) {

        if (plan->query->list != RUM_LIST_NONE) {
            rc = rum_plan_take_entry(plan, site, &reply->items[i].text);

        } else {
            plan->indexed = 1;
            rc = RUM_OK;

            for (k = 0; k < plan->nrollups && rc == RUM_OK; k++) {
                rc = rum_plan_take_member(plan, site, &plan->rollups[k],
                                          &reply->items[i].text);
            }
        }

        if (rc == RUM_ERROR) {
            return rc;
        }

        if (rc != RUM_OK) {
            plan->report->unreadable++;
        }
    }

    if (plan->query->list != RUM_LIST_NONE
        && read->partition + 1 == plan->partitions)
    {
        rum_report_order_index(site);
    }

    return RUM_OK;
}


static int
rum_plan_take_member(rum_plan_t *plan, rum_report_site_t *site,
    rum_plan_rollup_t *rollup, const rum_str_t *member)
{
    size_t     len;
    rum_str_t  metric;

    len = rollup->index.len;

    if (member->len <= len || member->data[len] != ':'
        || memcmp(member->data, rollup->index.data, len) != 0)
    {
        return RUM_OK;
    }

    rollup->found = 1;

    metric.data = member->data + len + 1;
    metric.len = member->len - len - 1;

    if (rum_str_is(&metric, RUM_SESSIONS)
        || !rum_query_wants(plan->query, &metric))
    {
        return RUM_OK;
    }

    return rum_report_add_metric(plan->report, site, &metric);
}


/* for a list: the dimension as it is, not as the key writes it */

static int
rum_plan_take_entry(rum_plan_t *plan, rum_report_site_t *site,
    const rum_str_t *member)
{
    size_t         len;
    rum_str_t      dimension, entry;
    unsigned char  scratch[RUM_KEY_MAX], buf[RUM_KEY_MAX];

    for (len = member->len; len > 0 && member->data[len - 1] != ':'; len--) {
        /* void */
    }

    if (len < 2) {
        return RUM_DECLINED;
    }

    dimension.data = member->data;
    dimension.len = len - 1;

    if (member->len >= sizeof(scratch)
        || rum_plan_unescape(&dimension, &dimension, scratch) != RUM_OK)
    {
        return RUM_DECLINED;
    }

    /* the name is not longer than it was escaped: the rest has room */

    memcpy(buf, dimension.data, dimension.len);
    memcpy(buf + dimension.len, member->data + len - 1,
           member->len - len + 1);

    entry.data = buf;
    entry.len = dimension.len + member->len - len + 1;

    return rum_report_add_index(plan->report, site, &entry);
}


static int
rum_plan_take_rollup(rum_plan_t *plan, const rum_read_t *read,
    const rum_reply_t *reply)
{
    int                  rc;
    size_t               i;
    rum_report_place_t   place;
    const rum_window_t  *window;

    window = &plan->windows[read->window];

    place.step = window->step;
    place.earlier = window->earlier;
    place.alone = plan->step_windows[window->step] * plan->partitions == 1;

    if (plan->filter.field.len) {
        return rum_plan_take_field(plan, read, &place, reply);
    }

    for (i = 0; i + 1 < reply->nitems; i += 2) {
        rc = rum_plan_take_value(plan, read, &place, &reply->items[i].text,
                                 &reply->items[i + 1].text);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


/* HMGET: the value of the field, and that of "(other)" */

static int
rum_plan_take_field(rum_plan_t *plan, const rum_read_t *read,
    const rum_report_place_t *place, const rum_reply_t *reply)
{
    if (reply->nitems > 1 && reply->items[1].text.len) {
        plan->report->sites[read->site].limited = 1;
    }

    if (reply->nitems == 0 || reply->items[0].text.len == 0) {
        return RUM_OK;
    }

    return rum_plan_take_value(plan, read, place, &plan->filter.field,
                               &reply->items[0].text);
}


static int
rum_plan_take_value(rum_plan_t *plan, const rum_read_t *read,
    const rum_report_place_t *place, const rum_str_t *field,
    const rum_str_t *packed)
{
    rum_str_t           value;
    rum_report_site_t  *site;
    unsigned char       scratch[RUM_REPORT_VALUE_MAX];

    site = &plan->report->sites[read->site];

    if (rum_str_is(field, RUM_OTHER)) {
        site->limited = 1;
    }

    if (rum_plan_value(plan, field, &value, scratch) != RUM_OK) {
        return RUM_OK;
    }

    if (read->column < site->nmetrics) {
        return rum_report_histogram(plan->report, site, read->column, place,
                                    &value, packed);
    }

    if (rum_plan_is_slowest(site, read->column)) {
        return rum_report_slowest(plan->report, site, &value, packed);
    }

    return rum_report_counter(plan->report, site,
                              read->column - site->nmetrics, place, &value,
                              packed);
}


/* one read of a step less to come; after the last its figures are taken */

static int
rum_plan_take_step(rum_plan_t *plan, const rum_read_t *read)
{
    uint32_t            *left;
    rum_report_site_t   *site;
    const rum_window_t  *window;

    site = &plan->report->sites[read->site];
    window = &plan->windows[read->window];

    if (window->earlier) {
        return RUM_OK;
    }

    left = &plan->left[read->sequence * plan->report->nsteps + window->step];

    if (--*left > 0 || read->column >= site->nmetrics) {
        return RUM_OK;
    }

    return rum_report_step(plan->report, site, read->column, window->step);
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
