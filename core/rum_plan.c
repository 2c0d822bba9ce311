/*
 * Planning the reads of an answer, step by step.  Which windows a span takes
 * is in rum_plan_span.c, which rollup a question in rum_plan_where.c, what
 * is done with the replies in rum_plan_reply.c, and what need not be read
 * again in rum_plan_closed.c.
 */

#include <stdlib.h>

#include "rum_plan.h"

#define RUM_PLAN_KEY           8192     /* more than the longest key */


static int rum_plan_next_name(rum_plan_t *plan, rum_read_t *read);
static int rum_plan_next_index(rum_plan_t *plan, rum_read_t *read);
static int rum_plan_next_rollup(rum_plan_t *plan, rum_read_t *read);
static int rum_plan_next_session(rum_plan_t *plan, rum_read_t *read);
static int rum_plan_next_sample(rum_plan_t *plan, rum_read_t *read);
static uint32_t rum_plan_parts(const rum_plan_t *plan, uint32_t site);
static int rum_plan_read_column(const rum_report_site_t *site,
    uint32_t column);
static int rum_plan_command(rum_plan_t *plan, const rum_read_t *read,
    rum_command_t *command);
static int rum_plan_sessions_command(rum_plan_t *plan,
    const rum_read_t *read, rum_key_t *key, int *argc);
static int rum_plan_key(rum_plan_t *plan, const rum_key_t *key);
static int rum_plan_begin_index(rum_plan_t *plan);
static int rum_plan_begin_rollups(rum_plan_t *plan);
static int rum_plan_begin_steps(rum_plan_t *plan, uint32_t columns);
static int rum_plan_begin_sessions(rum_plan_t *plan);
static int rum_plan_metrics(rum_plan_t *plan, rum_report_site_t *site);


static const char *const  rum_plan_commands[] = {
    "SMEMBERS", "HGETALL", "XINFO", "EXISTS", "SMEMBERS", "HGETALL",
    "PFCOUNT", "HGETALL"
};

static const rum_key_e  rum_plan_keys[] = {
    RUM_KEY_SITES, RUM_KEY_HEALTH, RUM_KEY_EVENTS, RUM_KEY_LEASE,
    RUM_KEY_INDEX, RUM_KEY_ROLLUP, RUM_KEY_SESSIONS, RUM_KEY_ERROR
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

    if (plan->report == NULL || rum_plan_rollups(plan) != RUM_OK) {
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

    free(plan->left);
    free(plan->sums);
    free(plan->keys);
    free(plan);
}


int
rum_plan_next(rum_plan_t *plan, rum_read_t *read, rum_command_t *command)
{
    int                  rc;
    static int  (*const  next[])(rum_plan_t *plan, rum_read_t *read) = {
        rum_plan_next_name,
        rum_plan_next_index,
        rum_plan_next_rollup,
        rum_plan_next_session,
        rum_plan_next_sample
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

        if (plan->outcome != RUM_PLAN_RUNNING) {
            return RUM_DECLINED;
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

        if (next->column == rum_plan_columns(site)) {
            next->column = 0;
            next->site++;
            continue;
        }

        if (!rum_plan_read_column(site, next->column)) {
            next->column++;
            continue;
        }

        /* there is always another window behind closed ones */

        next->window += rum_plan_take_sum(plan, next);

        if (plan->outcome != RUM_PLAN_RUNNING) {
            return RUM_DECLINED;
        }

        *read = *next;
        read->type = RUM_READ_ROLLUP;

        if (++next->partition == plan->partitions) {
            next->partition = 0;

            if (++next->window == plan->nwindows) {
                next->window = 0;
                next->column++;
                next->sequence++;
            }
        }

        /* of the earlier span none is shown */

        if (!rum_plan_is_slowest(site, read->column)
            || !plan->windows[read->window].earlier)
        {
            return RUM_OK;
        }
    }

    return RUM_DECLINED;
}


static int
rum_plan_read_column(const rum_report_site_t *site, uint32_t column)
{
    if (rum_plan_is_slowest(site, column)) {
        return site->slowest;
    }

    return column < site->nmetrics || site->counters[column - site->nmetrics];
}


rum_str_t
rum_plan_column_name(const rum_report_site_t *site, uint32_t column)
{
    static const rum_str_t  slowest = rum_string(RUM_SLOWEST);

    if (rum_plan_is_slowest(site, column)) {
        return slowest;
    }

    return column < site->nmetrics ? site->metrics[column].name
                                   : rum_counter_names[column
                                                       - site->nmetrics];
}


/* for each row all of the span, then the parts of it that are wanted */

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

            if (++next->part == rum_plan_parts(plan, read->site)) {
                next->part = 0;
                next->row++;
            }
        }

        if (read->part != RUM_PART_EARLIER || plan->query->compare) {
            return RUM_OK;
        }
    }

    return RUM_DECLINED;
}


/* of the rows that are errors */

static int
rum_plan_next_sample(rum_plan_t *plan, rum_read_t *read)
{
    rum_read_t  *next;

    next = &plan->next;

    while (plan->samples && next->site < plan->report->nsites) {

        if (next->row == plan->report->sites[next->site].rows.n) {
            next->row = 0;
            next->site++;
            continue;
        }

        *read = *next;
        read->type = RUM_READ_SAMPLE;

        if (++next->partition == plan->partitions) {
            next->partition = 0;
            next->row++;
        }

        return RUM_OK;
    }

    return RUM_DECLINED;
}


static uint32_t
rum_plan_parts(const rum_plan_t *plan, uint32_t site)
{
    return plan->report->sites[site].session_steps
           ? RUM_PART_STEPS + plan->report->nsteps : RUM_PART_STEPS;
}


static int
rum_plan_command(rum_plan_t *plan, const rum_read_t *read,
    rum_command_t *command)
{
    int                 i, first, fields, rc;
    rum_key_t           key;
    rum_report_site_t  *site;

    memset(&key, 0, sizeof(rum_key_t));
    key.type = rum_plan_keys[read->type];
    key.partition = read->partition;

    if (read->type >= RUM_READ_INDEX) {
        site = &plan->report->sites[read->site];
        key.site = site->name;
        key.dimension = plan->rollup ? plan->rollup->name : plan->query->by;
        key.res = plan->windows[read->window].res;
        key.start = plan->windows[read->window].start;

        if (read->type == RUM_READ_SAMPLE) {
            key.value = site->rows.groups[read->row]->value;
        }

        if (read->type == RUM_READ_ROLLUP) {
            key.metric = rum_plan_column_name(site, read->column);
        }
    }

    plan->used = 0;

    command->argc = 0;
    command->argv = plan->argv;
    command->argvlen = plan->argvlen;

    fields = read->type == RUM_READ_ROLLUP && plan->filter.field.len;

    plan->argv[command->argc++] = fields ? "HMGET"
                                         : rum_plan_commands[read->type];

    if (read->type == RUM_READ_LAG) {
        plan->argv[command->argc++] = "GROUPS";
    }

    first = command->argc;

    for (i = 0; i < first; i++) {
        plan->argvlen[i] = strlen(plan->argv[i]);
    }

    if (read->type == RUM_READ_SESSIONS) {
        rc = rum_plan_sessions_command(plan, read, &key, &command->argc);

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

    /* one value, and whether there are more than are counted one by one */

    if (fields) {
        plan->argv[i] = (const char *) plan->filter.field.data;
        plan->argvlen[i++] = plan->filter.field.len;
        plan->argv[i] = RUM_OTHER;
        plan->argvlen[i++] = sizeof(RUM_OTHER) - 1;
        command->argc = i;
    }

    return rc;
}


static int
rum_plan_sessions_command(rum_plan_t *plan, const rum_read_t *read,
    rum_key_t *key, int *argc)
{
    int                  rc;
    size_t               before;
    uint32_t             i;
    const rum_window_t  *window;

    key->value = plan->report->sites[read->site].rows.groups[read->row]->value;

    /* by the values of another dimension there are none */

    if (plan->filter.field.len) {
        key->value = plan->filter.field;
    }

    for (i = 0; i < plan->nwindows; i++) {
        window = &plan->windows[i];

        if (window->earlier != (read->part == RUM_PART_EARLIER)
            || (read->part >= RUM_PART_STEPS
                && window->step != read->part - RUM_PART_STEPS))
        {
            continue;
        }

        key->res = window->res;
        key->start = window->start;

        before = plan->used;

        rc = rum_plan_key(plan, key);
        if (rc != RUM_OK) {
            return rc;
        }

        plan->argvlen[(*argc)++] = plan->used - before;
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

void
rum_plan_step(rum_plan_t *plan)
{
    int  rc;

    memset(&plan->next, 0, sizeof(rum_read_t));
    plan->asked = 0;

    switch (plan->step) {

    case RUM_STEP_NAMES:
        rc = rum_plan_begin_index(plan);

        if (plan->query->list == RUM_LIST_SITES) {
            plan->outcome = RUM_PLAN_DONE;
            return;
        }

        break;

    case RUM_STEP_INDEX:
        if (plan->query->list != RUM_LIST_NONE) {
            plan->outcome = RUM_PLAN_DONE;
            return;
        }

        rc = rum_plan_begin_rollups(plan);
        break;

    case RUM_STEP_ROLLUPS:
        rc = rum_plan_begin_sessions(plan);
        break;

    case RUM_STEP_SESSIONS:
        rc = RUM_OK;
        break;

    default:                            /* RUM_STEP_SAMPLES */
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
    uint32_t             i, k, columns;
    rum_report_t        *report;
    rum_report_site_t   *site;

    report = plan->report;

    rc = rum_plan_choose(plan);
    if (rc != RUM_OK) {
        return rc;
    }

    columns = 0;

    for (i = 0; i < report->nsites; i++) {
        site = &report->sites[i];

        rc = rum_plan_metrics(plan, site);
        if (rc != RUM_OK) {
            return rc;
        }

        for (k = 0; k < rum_plan_columns(site); k++) {
            columns += rum_plan_read_column(site, k);
        }
    }

    reads = columns;
    reads *= (uint64_t) plan->nwindows * plan->partitions;

    if (reads > RUM_PLAN_READS_MAX) {
        return rum_plan_refuse(plan, report->nsites > 1 ? "site"
                                     : plan->query->nmetrics == 0 ? "metric"
                                     : "last",
                               "is too wide, more than 20000 keys would "
                               "have to be read");
    }

    rc = rum_plan_begin_steps(plan, columns);

    if (rc == RUM_OK) {
        rc = rum_plan_begin_sums(plan, columns);
    }

    if (rc != RUM_OK) {
        return rc;
    }

    return rum_report_begin(report);
}


/* how many reads make a step of a column whole */

static int
rum_plan_begin_steps(rum_plan_t *plan, uint32_t columns)
{
    uint32_t  i, k, steps;

    steps = plan->report->nsteps;

    if (steps == 0 || columns == 0) {
        return RUM_OK;
    }

    plan->left = malloc((size_t) columns * steps * sizeof(uint32_t));
    if (plan->left == NULL) {
        return RUM_ERROR;
    }

    for (i = 0; i < columns; i++) {
        for (k = 0; k < steps; k++) {
            plan->left[i * steps + k] = plan->step_windows[k]
                                        * plan->partitions;
        }
    }

    return RUM_OK;
}


/*
 * Metrics asked for by name are in the answer even if nobody has sent them
 * yet; counters always are.
 */

static int
rum_plan_metrics(rum_plan_t *plan, rum_report_site_t *site)
{
    int                 rc;
    uint32_t            i, counters, held;
    rum_str_t           sessions = rum_string(RUM_SESSIONS);
    rum_str_t           slowest = rum_string(RUM_SLOWEST);
    rum_str_t           first, second;
    const rum_str_t    *dimension;
    const rum_query_t  *query;

    query = plan->query;

    /* without an index there is no rollup, but there may be one day */

    dimension = plan->rollup ? &plan->rollup->name : &query->by;

    site->slowest = query->format != RUM_QUERY_PROMETHEUS
                    && rum_query_wants(query, &slowest)
                    && rum_detail_find(dimension) == RUM_DETAIL_SLOWEST;

    for (i = 0; i < query->nmetrics; i++) {
        if (site->slowest && rum_str_eq(&query->metrics[i], &slowest)) {
            continue;
        }

        rc = rum_report_add_metric(plan->report, site, &query->metrics[i]);
        if (rc == RUM_ERROR) {
            return rc;
        }
    }

    counters = 0;
    held = rum_detail_counters(dimension);

    for (i = 0; i < RUM_COUNTER_LAST; i++) {
        site->counters[i] = (held >> i & 1)
                            && rum_query_wants(query, &rum_counter_names[i]);
        counters += site->counters[i];
    }

    site->sessions = query->format != RUM_QUERY_PROMETHEUS
                     && rum_query_wants(query, &sessions)
                     && !rum_str_is(dimension, "page")
                     && rum_pair_split(dimension, &first, &second) != RUM_OK
                     && rum_detail_find(dimension) == RUM_DETAIL_LAST;

    /* of each step only where there is one row: the others are too many */

    site->session_steps = site->sessions && plan->report->nsteps > 0
                          && rum_str_is(&query->by, RUM_ALL);

    /* the values of the dimension come from a rollup */

    if (site->sessions && counters == 0) {
        site->counters[RUM_COUNTER_BEACONS] = 1;
    }

    if (site->slowest && counters == 0) {
        site->counters[RUM_COUNTER_REQUESTS] = 1;
    }

    return RUM_OK;
}


static int
rum_plan_begin_sessions(rum_plan_t *plan)
{
    int       rc;
    uint32_t  i;
    uint64_t  reads, samples;

    rc = rum_report_arrange(plan->report);
    if (rc != RUM_OK) {
        return rc;
    }

    reads = 0;
    samples = 0;

    for (i = 0; i < plan->report->nsites; i++) {
        if (plan->report->sites[i].sessions) {
            reads += plan->report->sites[i].rows.n;
        }

        samples += plan->report->sites[i].rows.n;
    }

    /* the windows of a step are read once for it and once for the span */

    reads *= (uint64_t) plan->nwindows * plan->partitions
             * (plan->report->nsteps ? 2 : 1);

    plan->samples = plan->query->format == RUM_QUERY_JSON
                    && rum_detail_find(&plan->query->by) == RUM_DETAIL_ERROR;

    if (plan->samples && samples * plan->partitions > RUM_PLAN_READS_MAX) {
        return rum_plan_refuse(plan, "limit", "is too high, the samples of "
                               "more than 20000 errors would have to be read");
    }

    if (reads > RUM_PLAN_READS_MAX) {
        return rum_plan_refuse(plan, "limit", "is too high, the sessions of "
                               "more than 20000 keys would have to be read");
    }

    return RUM_OK;
}


void
rum_plan_fail(rum_plan_t *plan, int rc)
{
    if (rc == RUM_FULL) {
        rum_plan_refuse(plan, plan->query->nmetrics != 1 ? "metric"
                              : plan->report->nsteps ? "step"
                              : plan->query->last.len ? "last" : "from",
                        "is too wide, the answer would take too much memory");

    } else {
        plan->outcome = RUM_PLAN_FAILED;
    }
}


int
rum_plan_refuse(rum_plan_t *plan, const char *parameter, const char *error)
{
    plan->outcome = RUM_PLAN_REFUSED;
    plan->parameter.data = (unsigned char *) parameter;
    plan->parameter.len = strlen(parameter);

    strncpy(plan->error, error, sizeof(plan->error) - 1);

    return RUM_DECLINED;
}
