/*
 * The rollups' part of a flush: see rum_flush.h.  Group by group, the events
 * are added up and merged into the windows of all resolutions.
 */

#include "rum_flush.h"

#include <stdio.h>


#define RUM_FLUSH_UNION      32         /* more of them: PFMERGE */


static int rum_flush_windows(rum_flush_t *f, rum_group_t *group,
    rum_window_t **windows);
static int rum_flush_value(rum_partition_t *p, rum_group_t *group);
static int rum_flush_group(rum_flush_t *f, rum_group_t *group);
static int rum_flush_counters(rum_flush_t *f, const rum_group_t *group,
    rum_window_t *window, rum_row_t *row);
static int rum_flush_metrics(rum_flush_t *f, const rum_group_t *group,
    rum_window_t *window, rum_row_t *row, const rum_window_t *minute);
static int rum_flush_add(rum_flush_t *f, const rum_group_t *group,
    rum_window_t *window, rum_row_t *row, const rum_gather_sums_t *sums,
    const rum_window_t *minute);
static int rum_flush_slowest(rum_flush_t *f, const rum_group_t *group,
    rum_window_t *window, rum_row_t *row);
static int rum_flush_change(rum_flush_t *f, const rum_group_t *group,
    rum_window_t *window, rum_row_t *row, uint32_t cell,
    const rum_change_t *change);
static int rum_flush_sessions(rum_flush_t *f, const rum_group_t *group,
    rum_window_t **windows, rum_row_t **rows);
static int rum_flush_add_sessions(rum_flush_t *f, rum_window_t *window,
    rum_row_t *row);
static int rum_flush_member(rum_flush_t *f, const rum_delta_event_t *event,
    uint32_t number);
static int rum_flush_has_sessions(const rum_partition_t *p, uint32_t dim);
static int rum_flush_names(rum_flush_t *f, const rum_group_t *group,
    uint32_t cell);
static void rum_flush_tail(unsigned char *key, int len, unsigned colons,
    rum_str_t *tail);


/* everything that the rollups will touch is in memory after this */

int
rum_flush_load(rum_flush_t *f)
{
    int               rc;
    size_t            i;
    unsigned          other;
    uint32_t          res;
    rum_group_t      *group;
    rum_window_t     *windows[RUM_RES_LAST];
    rum_partition_t  *p;

    p = f->p;

    rc = rum_delta_sort(&p->delta);

    if (rc == RUM_OK) {
        rc = rum_flush_open_minutes(f);
    }

    if (rc != RUM_OK) {
        return rc;
    }

    for (i = 0; i < p->delta.ngroups; i++) {
        group = &p->delta.groups[i];

        if (rum_flush_value(p, group) != RUM_OK
            || rum_flush_windows(f, group, windows) != RUM_OK)
        {
            return RUM_ERROR;
        }
    }

    rc = rum_flush_settle_ask(f);

    if (rc == RUM_OK) {
        rc = rum_store_load_windows(&p->store, f->redis);
    }

    if (rc != RUM_OK) {
        return rc;
    }

    for (i = 0; i < p->delta.ngroups; i++) {
        group = &p->delta.groups[p->delta.order[i]];

        rc = rum_flush_windows(f, group, windows);
        if (rc != RUM_OK) {
            return rc;
        }

        for (res = 0; res < RUM_RES_LAST; res++) {
            if (windows[res] != NULL
                && rum_store_row(&p->store, windows[res], group->value,
                                 &other)
                   == NULL)
            {
                return RUM_ERROR;
            }
        }
    }

    rc = rum_flush_settle_rows(f);

    if (rc == RUM_OK) {
        rc = rum_flush_load_errors(f);
    }

    return rc == RUM_OK ? rum_store_load_rows(&p->store, f->redis) : rc;
}


/* the value as the rollup names it: a pair's two are put together */

static int
rum_flush_value(rum_partition_t *p, rum_group_t *group)
{
    int              len;
    rum_str_t        text;
    unsigned char    buf[4 * RUM_LEN_PAGE + 2];

    if (group->second == RUM_VALUE_NONE) {
        group->value = group->first;
        return RUM_OK;
    }

    len = rum_pair_write(rum_intern_text(&p->intern, group->first),
                         rum_intern_text(&p->intern, group->second),
                         buf, sizeof(buf));
    if (len < 0) {
        return len;
    }

    text.data = buf;
    text.len = (size_t) len;
    group->value = rum_intern(&p->intern, &text);

    return group->value != RUM_MAP_NONE ? RUM_OK : RUM_ERROR;
}


/* the windows of a group; NULL for one that would have expired already */

static int
rum_flush_windows(rum_flush_t *f, rum_group_t *group, rum_window_t **windows)
{
    uint64_t                 start;
    uint32_t                 res;
    unsigned                 open;
    const rum_config_t      *config;

    config = f->p->config;

    /* a minute that may still change is not in "total", and kept for it */

    open = group->dim < RUM_DIM_DETAILS
           && rum_settle_open(&f->p->settle, group->site, group->minute);

    for (res = 0; res < RUM_RES_LAST; res++) {
        start = rum_window_start((rum_resolution_e) res,
                                 (uint64_t) group->minute * 60);
        windows[res] = NULL;

        if (res == RUM_RES_TOTAL) {
            if (group->dim >= RUM_DIM_DETAILS) {
                continue;
            }

        } else if (start + rum_resolution_seconds[res]
                   + config->retention[res] / 1000 <= f->now
                   && !(open && res == RUM_RES_MINUTE))
        {
            continue;
        }

        windows[res] = rum_store_window(&f->p->store, group->site,
                                        group->dim, (rum_resolution_e) res,
                                        start);
        if (windows[res] == NULL) {
            return RUM_ERROR;
        }
    }

    if (windows[RUM_RES_MINUTE] != NULL) {
        windows[RUM_RES_MINUTE]->open = open & 1;
    }

    return RUM_OK;
}


/* each site's dimensions one after the other, and each sent when complete */

int
rum_flush_rollups(rum_flush_t *f)
{
    int           rc;
    size_t        i;
    rum_delta_t  *delta;
    rum_group_t  *group, *next;

    delta = &f->p->delta;

    rc = rum_flush_errors(f);
    if (rc != RUM_OK) {
        return rc;
    }

    for (i = 0; i < delta->ngroups; i++) {
        group = &delta->groups[delta->order[i]];

        rc = rum_flush_group(f, group);
        if (rc != RUM_OK) {
            return rc;
        }

        next = i + 1 < delta->ngroups ? &delta->groups[delta->order[i + 1]]
                                      : NULL;

        if (next != NULL && next->site == group->site
            && next->dim == group->dim)
        {
            continue;
        }

        rc = rum_store_write(&f->p->store, f->redis, &f->commands);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


static int
rum_flush_group(rum_flush_t *f, rum_group_t *group)
{
    int               rc;
    unsigned          open, other;
    uint32_t          res;
    rum_row_t        *row, *rows[RUM_RES_LAST];
    rum_gather_t     *g;
    rum_window_t     *minute, *windows[RUM_RES_LAST];
    rum_partition_t  *p;

    p = f->p;
    g = &p->scratch->gather;

    rc = rum_gather(g, &p->delta, group);
    if (rc != RUM_OK) {
        return rc;
    }

    rc = rum_flush_windows(f, group, windows);
    if (rc != RUM_OK) {
        return rc;
    }

    open = windows[RUM_RES_MINUTE] != NULL && windows[RUM_RES_MINUTE]->open;

    for (res = 0; res < RUM_RES_LAST; res++) {
        if (windows[res] == NULL) {
            continue;
        }

        row = rum_store_row(&p->store, windows[res], group->value, &other);
        if (row == NULL) {
            return RUM_ERROR;
        }

        rows[res] = row;

        if (other) {
            p->health.other += group->dim < RUM_DIM_DETAILS
                               ? g->entries : group->count;
        }

        rc = rum_flush_counters(f, group, windows[res], row);

        /* what an open minute cannot hold is in "total" at once */

        minute = res == RUM_RES_TOTAL && open ? windows[RUM_RES_MINUTE]
                                              : NULL;

        if (rc == RUM_OK && rum_site_has_metrics(group->dim)
            && (minute == NULL || minute->refused))
        {
            rc = rum_flush_metrics(f, group, windows[res], row, minute);
        }

        if (rc == RUM_OK && group->slowest != 0) {
            rc = rum_flush_slowest(f, group, windows[res], row);
        }

        if (rc != RUM_OK) {
            return rc;
        }
    }

    return rum_flush_sessions(f, group, windows, rows);
}


static int
rum_flush_counters(rum_flush_t *f, const rum_group_t *group,
    rum_window_t *window, rum_row_t *row)
{
    int            rc;
    uint32_t       i, row_cell, counters;
    rum_change_t   change;
    rum_gather_t  *g;

    g = &f->p->scratch->gather;

    counters = rum_site_counters(group->dim);
    row_cell = rum_site_row_cell(&f->p->sites, group->dim);

    /* a row that is new gets its beacons, 0 or not: that makes it a row */

    for (i = 0; i < RUM_COUNTERS; i++) {
        if (!(counters >> i & 1)
            || (g->counters[i] == 0 && (i != row_cell || row->stored)))
        {
            continue;
        }

        memset(&change, 0, sizeof(change));
        change.counter = g->counters[i];

        rc = rum_flush_change(f, group, window, row, i, &change);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


/*
 * What takes the place of another does that not in "total".  minute: only what
 * that one cannot hold; NULL: all.
 */

static int
rum_flush_metrics(rum_flush_t *f, const rum_group_t *group,
    rum_window_t *window, rum_row_t *row, const rum_window_t *minute)
{
    int               rc;
    uint32_t          i, cell;
    rum_change_t      change;
    rum_gather_t     *g;
    rum_histogram_t   sum;

    g = &f->p->scratch->gather;

    rc = rum_flush_add(f, group, window, row, &g->added, minute);

    if (rc != RUM_OK || window->res == RUM_RES_TOTAL) {
        return rc;
    }

    rc = rum_flush_add(f, group, window, row, &g->moved, NULL);
    if (rc != RUM_OK) {
        return rc;
    }

    for (i = 0; i < g->removed.ntouched; i++) {
        cell = g->removed.touched[i];
        rum_gather_histogram(&g->removed, cell, &sum);

        memset(&change, 0, sizeof(change));
        change.removed = &sum;
        change.samples = g->samples;
        change.nsamples = g->nsamples;

        rc = rum_flush_change(f, group, window, row, cell, &change);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


static int
rum_flush_add(rum_flush_t *f, const rum_group_t *group, rum_window_t *window,
    rum_row_t *row, const rum_gather_sums_t *sums,
    const rum_window_t *minute)
{
    int              rc;
    uint32_t         i;
    rum_change_t     change;
    rum_histogram_t  sum;

    memset(&change, 0, sizeof(change));
    change.added = &sum;

    for (i = 0; i < sums->ntouched; i++) {
        if (minute != NULL && !rum_window_refused(minute, sums->touched[i])) {
            continue;
        }

        rum_gather_histogram(sums, sums->touched[i], &sum);

        rc = rum_flush_change(f, group, window, row, sums->touched[i],
                              &change);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


static int
rum_flush_slowest(rum_flush_t *f, const rum_group_t *group,
    rum_window_t *window, rum_row_t *row)
{
    rum_change_t   change;
    rum_slowest_t  slowest;

    memset(&change, 0, sizeof(change));
    change.slowest = &slowest;
    (void) rum_delta_slowest_of(&f->p->delta, group, &slowest);

    return rum_store_change(&f->p->store, window, row, RUM_CELL_SLOWEST,
                            &change);
}


static int
rum_flush_change(rum_flush_t *f, const rum_group_t *group,
    rum_window_t *window, rum_row_t *row, uint32_t cell,
    const rum_change_t *change)
{
    int  rc;

    rc = rum_store_change(&f->p->store, window, row, cell, change);

    if (rc == RUM_OK && row->cells[cell].dirty) {
        rc = rum_flush_names(f, group, cell);
    }

    return rc;
}


/*
 * A few sessions are added to the windows of each resolution.  Many are added
 * to the minute, and the minute to the others: one union costs Redis as much
 * as some tens of additions, and says the same.
 */

static int
rum_flush_sessions(rum_flush_t *f, const rum_group_t *group,
    rum_window_t **windows, rum_row_t **rows)
{
    int            rc;
    size_t         i, n;
    uint32_t       res;
    rum_row_t     *minute;
    rum_gather_t  *g;

    if (!rum_flush_has_sessions(f->p, group->dim)) {
        return RUM_OK;
    }

    g = &f->p->scratch->gather;

    /* a minute that is kept for its values only has none */

    if (windows[RUM_RES_MINUTE] != NULL
        && windows[RUM_RES_MINUTE]->expiry <= f->now)
    {
        windows[RUM_RES_MINUTE] = NULL;
    }

    /* the minute's row may be that of "(other)", and then holds more */

    minute = (windows[RUM_RES_MINUTE] != NULL) ? rows[RUM_RES_MINUTE] : NULL;

    if (minute != NULL
        && (minute->value != group->value
            || rum_store_refused_sessions(&f->p->store,
                                          windows[RUM_RES_MINUTE], minute)))
    {
        minute = NULL;
    }

    for (res = 0; res < RUM_RES_LAST; res++) {
        if (windows[res] == NULL) {
            continue;
        }

        n = 0;

        for (i = 0; i < g->nsessions; i++) {
            n += (g->sessions[i]->session_res >> res & 1)
                 * g->sessions[i]->weight;
        }

        if (n == 0) {
            continue;
        }

        if (n > RUM_FLUSH_UNION && minute != NULL && res != RUM_RES_MINUTE) {
            rc = rum_store_unite_sessions(&f->p->store, f->redis,
                                          windows[res], rows[res],
                                          windows[RUM_RES_MINUTE], minute,
                                          &f->commands);

        } else {
            rc = rum_flush_add_sessions(f, windows[res], rows[res]);
        }

        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


static int
rum_flush_add_sessions(rum_flush_t *f, rum_window_t *window, rum_row_t *row)
{
    int                       rc;
    size_t                    i;
    uint32_t                  k;
    rum_args_t               *args;
    rum_gather_t             *g;
    const rum_delta_event_t  *event;

    g = &f->p->scratch->gather;
    args = &f->p->scratch->args;
    args->n = 0;

    for (i = 0; i < g->nsessions; i++) {
        event = g->sessions[i];

        if (!(event->session_res & 1 << window->res)) {
            continue;
        }

        for (k = 1; k <= event->weight; k++) {
            rc = rum_flush_member(f, event, k);

            if (rc == RUM_OK && args->n == RUM_SESSIONS) {
                rc = rum_store_write_sessions(&f->p->store, f->redis, window,
                                              row, args, &f->commands);
                args->n = 0;
            }

            if (rc != RUM_OK) {
                return rc;
            }
        }
    }

    if (args->n == 0) {
        return RUM_OK;
    }

    return rum_store_write_sessions(&f->p->store, f->redis, window, row, args,
                                    &f->commands);
}


/*
 * A session that stands for several is as many members: its id, and "ID/2",
 * "ID/3" and so on.
 */

static int
rum_flush_member(rum_flush_t *f, const rum_delta_event_t *event,
    uint32_t number)
{
    int                   len;
    rum_args_t           *args;
    const unsigned char  *id;
    rum_session_t        *member;

    args = &f->p->scratch->args;
    id = f->p->delta.strings + event->session;

    /* room for the command and the key */

    if (args->n == 0
        && (rum_args_text(args, "") != RUM_OK
            || rum_args_text(args, "") != RUM_OK))
    {
        return RUM_ERROR;
    }

    if (number == 1) {
        return rum_args_add(args, id, event->session_len);
    }

    member = &f->p->scratch->members[args->n];
    memcpy(member->text, id, event->session_len);
    len = snprintf(member->text + event->session_len, RUM_SESSION_NUMBER,
                   "/%u", number);

    return rum_args_add(args, member->text,
                        event->session_len + (size_t) len);
}


/* all, single dimensions but the page, own dimensions */

static int
rum_flush_has_sessions(const rum_partition_t *p, uint32_t dim)
{
    const rum_rollup_dim_t  *rolled;

    if (dim >= p->config->rollup.ndims) {
        return dim < RUM_DIM_DETAILS;
    }

    rolled = &p->config->rollup.dims[dim];

    return rolled->first != RUM_ATTR_PAGE && rolled->second == RUM_ATTR_NONE;
}


/*
 * The first of a site, or of a pair of dimension and metric, is entered in
 * the sets.  Members are written as in keys, so they are cut out of one.
 */

static int
rum_flush_names(rum_flush_t *f, const rum_group_t *group, uint32_t cell)
{
    int               len;
    rum_key_t         key;
    rum_str_t         member, name;
    rum_site_t       *site;
    rum_partition_t  *p;
    unsigned char     index[RUM_KEY_MAX], rollup[RUM_KEY_MAX];

    p = f->p;
    site = p->sites.sites[group->site];

    if (rum_site_indexed(site, group->dim, cell)) {
        return RUM_OK;
    }

    memset(&key, 0, sizeof(key));
    key.partition = p->number;
    key.res = RUM_RES_TOTAL;
    key.site = site->name;
    key.dimension = rum_site_dim_name(&p->sites, site, group->dim);
    key.metric = rum_site_cell_name(&p->sites, site, cell);

    key.type = RUM_KEY_ROLLUP;
    len = rum_key_write(&key, rollup, sizeof(rollup));
    rum_flush_tail(rollup, len, 5, &member);

    key.type = RUM_KEY_INDEX;
    len = rum_key_write(&key, index, sizeof(index));
    rum_flush_tail(index, len, 3, &name);

    if (member.len == 0 || name.len == 0
        || rum_site_set_indexed(site, group->dim, cell) != RUM_OK)
    {
        return RUM_ERROR;
    }

    f->commands++;

    if (rum_redis_send(f->redis, "SADD %b %b", index, (size_t) len,
                       member.data, member.len)
        != RUM_OK)
    {
        return RUM_ERROR;
    }

    if (site->stored) {
        return RUM_OK;
    }

    site->stored = 1;
    f->commands++;

    return rum_redis_send(f->redis, "SADD %s %b", p->sites_key, name.data,
                          name.len);
}


/* what comes after so many colons of a key; empty if there are less */

static void
rum_flush_tail(unsigned char *key, int len, unsigned colons, rum_str_t *tail)
{
    tail->data = key;
    tail->len = len > 0 ? (size_t) len : 0;

    while (tail->len > 0 && colons > 0) {
        colons -= *tail->data == ':';
        tail->data++;
        tail->len--;
    }
}
