/*
 * Planning the reads of an answer, and handing the replies to its report.
 */

#include <stdlib.h>

#include "rum_plan.h"

#define RUM_PLAN_KEY           8192     /* more than the longest key */


static void rum_plan_span(rum_plan_t *plan, uint64_t now);
static int rum_plan_dimension(rum_plan_t *plan);
static int rum_plan_next_name(rum_plan_t *plan, rum_read_t *read);
static int rum_plan_next_index(rum_plan_t *plan, rum_read_t *read);
static int rum_plan_next_rollup(rum_plan_t *plan, rum_read_t *read);
static int rum_plan_next_session(rum_plan_t *plan, rum_read_t *read);
static int rum_plan_read_column(const rum_report_site_t *site,
    uint32_t column);
static int rum_plan_command(rum_plan_t *plan, const rum_read_t *read,
    rum_command_t *command);
static int rum_plan_sessions_command(rum_plan_t *plan,
    const rum_read_t *read, rum_key_t *key);
static int rum_plan_key(rum_plan_t *plan, const rum_key_t *key);
static void rum_plan_step(rum_plan_t *plan);
static int rum_plan_begin_index(rum_plan_t *plan);
static int rum_plan_begin_rollups(rum_plan_t *plan);
static int rum_plan_begin_sessions(rum_plan_t *plan);
static int rum_plan_metrics(rum_plan_t *plan, rum_report_site_t *site);
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
static int rum_plan_refuse(rum_plan_t *plan, const char *parameter,
    const char *error);
static int rum_plan_begins(const rum_str_t *str, const char *prefix);


static const char *const  rum_plan_commands[] = {
    "SMEMBERS", "HGETALL", "XINFO", "EXISTS", "SMEMBERS", "HGETALL",
    "PFCOUNT"
};

static const rum_key_e  rum_plan_keys[] = {
    RUM_KEY_SITES, RUM_KEY_HEALTH, RUM_KEY_EVENTS, RUM_KEY_LEASE,
    RUM_KEY_INDEX, RUM_KEY_ROLLUP, RUM_KEY_SESSIONS
};


rum_plan_t *
rum_plan_create(const rum_query_t *query, uint32_t partitions, uint64_t now)
{
    rum_plan_t  *plan;

    plan = calloc(1, sizeof(rum_plan_t));
    if (plan == NULL) {
        return NULL;
    }

    plan->query = query;
    plan->partitions = partitions;
    plan->health = query->overview;

    plan->report = rum_report_create(query);

    if (plan->report == NULL || rum_plan_dimension(plan) != RUM_OK) {
        rum_plan_destroy(plan);
        return NULL;
    }

    if (plan->health) {
        plan->report->health.partitions = partitions;
    }

    rum_plan_span(plan, now);

    return plan;
}


void
rum_plan_destroy(rum_plan_t *plan)
{
    if (plan->report != NULL) {
        rum_report_destroy(plan->report);
    }

    free(plan->keys);
    free(plan);
}


static void
rum_plan_span(rum_plan_t *plan, uint64_t now)
{
    uint64_t           begin;
    rum_report_t      *report;
    rum_resolution_e   res;

    report = plan->report;

    if (plan->query->format == RUM_QUERY_PROMETHEUS) {
        plan->windows[0].res = RUM_RES_TOTAL;
        plan->windows[0].start = 0;
        plan->nwindows = 1;
        return;
    }

    res = plan->query->seconds <= RUM_PLAN_MINUTES ? RUM_RES_MINUTE
          : plan->query->seconds <= RUM_PLAN_HOURS ? RUM_RES_HOUR
          : RUM_RES_DAY;

    begin = now > plan->query->seconds ? now - plan->query->seconds : 0;

    report->resolution = rum_resolution_seconds[res];
    report->from = rum_window_start(res, begin);
    report->to = rum_window_start(res, now) + report->resolution;

    /* the longest span in days is less than RUM_PLAN_WINDOWS */

    plan->nwindows = rum_plan_cover(report->from, report->to, res,
                                    plan->windows, RUM_PLAN_WINDOWS);
}


int
rum_plan_cover(uint64_t from, uint64_t to, rum_resolution_e res,
    rum_window_t *windows, int max)
{
    int       n;
    uint32_t  width;
    unsigned  wide;

    for (n = 0; from < to; n++) {

        if (n == max) {
            return RUM_FULL;
        }

        for (wide = RUM_RES_DAY; wide > res; wide--) {
            width = rum_resolution_seconds[wide];

            if (from % width == 0 && to - from >= width) {
                break;
            }
        }

        windows[n].res = wide;
        windows[n].start = from;

        from += rum_resolution_seconds[wide];
    }

    return n;
}


/* escaping is the same everywhere: take it from a key */

static int
rum_plan_dimension(rum_plan_t *plan)
{
    int        len, prefix;
    rum_key_t  key;

    memset(&key, 0, sizeof(rum_key_t));
    key.type = RUM_KEY_INDEX;

    prefix = rum_key_write(&key, plan->dimension_data,
                           sizeof(plan->dimension_data));

    key.site = plan->query->by;

    len = rum_key_write(&key, plan->dimension_data,
                        sizeof(plan->dimension_data));

    if (prefix < 0 || len < 0) {
        return RUM_ERROR;
    }

    plan->dimension.data = plan->dimension_data + prefix;
    plan->dimension.len = len - prefix;

    return RUM_OK;
}


int
rum_plan_next(rum_plan_t *plan, rum_read_t *read, rum_command_t *command)
{
    int                  rc;
    static int  (*const  next[])(rum_plan_t *plan, rum_read_t *read) = {
        rum_plan_next_name,
        rum_plan_next_index,
        rum_plan_next_rollup,
        rum_plan_next_session
    };

    while (plan->outcome == RUM_PLAN_RUNNING && !plan->asked) {

        rc = next[plan->step](plan, read);

        if (rc == RUM_OK) {
            rc = rum_plan_command(plan, read, command);

            if (rc != RUM_OK) {
                plan->outcome = RUM_PLAN_FAILED;
                return RUM_DECLINED;
            }

            plan->outstanding++;
            return RUM_OK;
        }

        plan->asked = 1;

        if (plan->outstanding == 0) {
            rum_plan_step(plan);
        }
    }

    return RUM_DECLINED;
}


/* per partition: the sites unless one is asked for, and the three of health */

static int
rum_plan_next_name(rum_plan_t *plan, rum_read_t *read)
{
    rum_read_t  *next;

    next = &plan->next;

    while (next->partition < plan->partitions) {
        *read = *next;

        if (next->type++ == RUM_READ_LEASE) {
            next->type = RUM_READ_SITES;
            next->partition++;
        }

        if (read->type == RUM_READ_SITES ? plan->query->site.len == 0
                                         : plan->health)
        {
            return RUM_OK;
        }
    }

    return RUM_DECLINED;
}


static int
rum_plan_next_index(rum_plan_t *plan, rum_read_t *read)
{
    rum_read_t  *next;

    next = &plan->next;

    if (next->site == plan->report->nsites) {
        return RUM_DECLINED;
    }

    *read = *next;
    read->type = RUM_READ_INDEX;

    if (++next->partition == plan->partitions) {
        next->partition = 0;
        next->site++;
    }

    return RUM_OK;
}


static int
rum_plan_next_rollup(rum_plan_t *plan, rum_read_t *read)
{
    rum_read_t         *next;
    rum_report_site_t  *site;

    next = &plan->next;

    while (next->site < plan->report->nsites) {
        site = &plan->report->sites[next->site];

        if (next->column == site->nmetrics + RUM_COUNTER_LAST) {
            next->column = 0;
            next->site++;
            continue;
        }

        if (!rum_plan_read_column(site, next->column)) {
            next->column++;
            continue;
        }

        *read = *next;
        read->type = RUM_READ_ROLLUP;

        if (++next->partition == plan->partitions) {
            next->partition = 0;

            if (++next->window == plan->nwindows) {
                next->window = 0;
                next->column++;
            }
        }

        return RUM_OK;
    }

    return RUM_DECLINED;
}


static int
rum_plan_read_column(const rum_report_site_t *site, uint32_t column)
{
    return column < site->nmetrics || site->counters[column - site->nmetrics];
}


static int
rum_plan_next_session(rum_plan_t *plan, rum_read_t *read)
{
    rum_read_t  *next;

    next = &plan->next;

    while (next->site < plan->report->nsites) {

        if (!plan->report->sites[next->site].sessions
            || next->row == plan->report->sites[next->site].rows.n)
        {
            next->row = 0;
            next->site++;
            continue;
        }

        *read = *next;
        read->type = RUM_READ_SESSIONS;

        if (++next->partition == plan->partitions) {
            next->partition = 0;
            next->row++;
        }

        return RUM_OK;
    }

    return RUM_DECLINED;
}


static int
rum_plan_command(rum_plan_t *plan, const rum_read_t *read,
    rum_command_t *command)
{
    int                 i, first, rc;
    rum_key_t           key;
    rum_report_site_t  *site;

    memset(&key, 0, sizeof(rum_key_t));
    key.type = rum_plan_keys[read->type];
    key.partition = read->partition;

    if (read->type >= RUM_READ_INDEX) {
        site = &plan->report->sites[read->site];
        key.site = site->name;
        key.dimension = plan->query->by;
        key.res = plan->windows[read->window].res;
        key.start = plan->windows[read->window].start;

        if (read->type == RUM_READ_ROLLUP) {
            key.metric = read->column < site->nmetrics
                         ? site->metrics[read->column].name
                         : rum_counter_names[read->column - site->nmetrics];
        }
    }

    plan->used = 0;

    command->argc = 0;
    command->argv = plan->argv;
    command->argvlen = plan->argvlen;

    plan->argv[command->argc++] = rum_plan_commands[read->type];

    if (read->type == RUM_READ_LAG) {
        plan->argv[command->argc++] = "GROUPS";
    }

    first = command->argc;

    for (i = 0; i < first; i++) {
        plan->argvlen[i] = strlen(plan->argv[i]);
    }

    if (read->type == RUM_READ_SESSIONS) {
        rc = rum_plan_sessions_command(plan, read, &key);
        command->argc += plan->nwindows;

    } else {
        plan->argvlen[first] = 0;
        rc = rum_plan_key(plan, &key);
        plan->argvlen[first] = plan->used;
        command->argc++;
    }

    /* the keys may have moved while they grew */

    for (i = first, plan->used = 0; i < command->argc; i++) {
        plan->argv[i] = plan->keys + plan->used;
        plan->used += plan->argvlen[i];
    }

    return rc;
}


static int
rum_plan_sessions_command(rum_plan_t *plan, const rum_read_t *read,
    rum_key_t *key)
{
    int       rc;
    size_t    before;
    uint32_t  i;

    key->value = plan->report->sites[read->site].rows.groups[read->row]->value;

    for (i = 0; i < plan->nwindows; i++) {
        key->res = plan->windows[i].res;
        key->start = plan->windows[i].start;

        before = plan->used;

        rc = rum_plan_key(plan, key);
        if (rc != RUM_OK) {
            return rc;
        }

        plan->argvlen[i + 1] = plan->used - before;
    }

    return RUM_OK;
}


/* appends a key to keys */

static int
rum_plan_key(rum_plan_t *plan, const rum_key_t *key)
{
    int    len;
    char  *keys;

    if (plan->size - plan->used < RUM_PLAN_KEY) {
        keys = realloc(plan->keys, plan->size * 2 + RUM_PLAN_KEY);
        if (keys == NULL) {
            return RUM_ERROR;
        }

        plan->keys = keys;
        plan->size = plan->size * 2 + RUM_PLAN_KEY;
    }

    len = rum_key_write(key, (unsigned char *) plan->keys + plan->used,
                        RUM_PLAN_KEY);
    if (len < 0) {
        return RUM_ERROR;
    }

    plan->used += len;

    return RUM_OK;
}


/* all replies of a step are in: on to the next */

static void
rum_plan_step(rum_plan_t *plan)
{
    int  rc;

    memset(&plan->next, 0, sizeof(rum_read_t));
    plan->asked = 0;

    switch (plan->step) {

    case RUM_STEP_NAMES:
        rc = rum_plan_begin_index(plan);
        break;

    case RUM_STEP_INDEX:
        rc = rum_plan_begin_rollups(plan);
        break;

    case RUM_STEP_ROLLUPS:
        rc = rum_plan_begin_sessions(plan);
        break;

    default:
        plan->outcome = RUM_PLAN_DONE;
        return;
    }

    if (rc == RUM_OK) {
        plan->step++;

    } else if (rc == RUM_ERROR) {
        plan->outcome = RUM_PLAN_FAILED;
    }
}


static int
rum_plan_begin_index(rum_plan_t *plan)
{
    rum_report_cut_sites(plan->report);

    return RUM_OK;
}


static int
rum_plan_begin_rollups(rum_plan_t *plan)
{
    int                  rc;
    uint64_t             reads;
    uint32_t             i, k;
    rum_report_t        *report;
    rum_report_site_t   *site;

    report = plan->report;

    if (plan->indexed && !plan->found) {
        return rum_plan_refuse(plan, "by",
                               "there is no rollup by this dimension");
    }

    reads = 0;

    for (i = 0; i < report->nsites; i++) {
        site = &report->sites[i];

        rc = rum_plan_metrics(plan, site);
        if (rc != RUM_OK) {
            return rc;
        }

        for (k = 0; k < site->nmetrics + RUM_COUNTER_LAST; k++) {
            reads += rum_plan_read_column(site, k);
        }
    }

    reads *= (uint64_t) plan->nwindows * plan->partitions;

    if (reads > RUM_PLAN_READS_MAX) {
        return rum_plan_refuse(plan, report->nsites > 1 ? "site"
                                     : plan->query->nmetrics == 0 ? "metric"
                                     : "last",
                               "is too wide, more than 20000 keys would "
                               "have to be read");
    }

    return rum_report_begin(report);
}


/*
 * Metrics asked for by name are in the answer even if nobody has sent them
 * yet; counters always are.
 */

static int
rum_plan_metrics(rum_plan_t *plan, rum_report_site_t *site)
{
    int                 rc;
    uint32_t            i, counters;
    rum_str_t           sessions = rum_string(RUM_SESSIONS);
    rum_str_t           first, second;
    const rum_query_t  *query;

    query = plan->query;

    for (i = 0; i < query->nmetrics; i++) {
        rc = rum_report_add_metric(plan->report, site, &query->metrics[i]);
        if (rc == RUM_ERROR) {
            return rc;
        }
    }

    counters = 0;

    for (i = 0; i < RUM_COUNTER_LAST; i++) {
        site->counters[i] = rum_query_wants(query, &rum_counter_names[i]);
        counters += site->counters[i];
    }

    site->sessions = query->format == RUM_QUERY_JSON
                     && rum_query_wants(query, &sessions)
                     && !rum_str_is(&query->by, "page")
                     && !rum_query_pair(query, &first, &second);

    /* the values of the dimension come from a rollup */

    if (site->sessions && counters == 0) {
        site->counters[RUM_COUNTER_BEACONS] = 1;
    }

    return RUM_OK;
}


static int
rum_plan_begin_sessions(rum_plan_t *plan)
{
    int       rc;
    uint32_t  i;
    uint64_t  reads;

    rc = rum_report_arrange(plan->report);
    if (rc != RUM_OK) {
        return rc;
    }

    reads = 0;

    for (i = 0; i < plan->report->nsites; i++) {
        if (plan->report->sites[i].sessions) {
            reads += plan->report->sites[i].rows.n;
        }
    }

    reads *= (uint64_t) plan->nwindows * plan->partitions;

    if (reads > RUM_PLAN_READS_MAX) {
        return rum_plan_refuse(plan, "limit", "is too high, the sessions of "
                               "more than 20000 keys would have to be read");
    }

    return RUM_OK;
}


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
rum_plan_refuse(rum_plan_t *plan, const char *parameter, const char *error)
{
    plan->outcome = RUM_PLAN_REFUSED;
    plan->parameter.data = (unsigned char *) parameter;
    plan->parameter.len = strlen(parameter);

    strncpy(plan->error, error, sizeof(plan->error) - 1);

    return RUM_DECLINED;
}


static int
rum_plan_begins(const rum_str_t *str, const char *prefix)
{
    size_t  len;

    len = strlen(prefix);

    return str->len >= len && memcmp(str->data, prefix, len) == 0;
}
