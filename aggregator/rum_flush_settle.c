/*
 * The part of a flush that is about values that may still be replaced: minutes
 * are opened for new ones, and those that have settled are merged into
 * "total".  See rum_settle.h.
 */

#include "rum_flush.h"

#include <stdio.h>


#define RUM_SETTLE_MARGIN  2000         /* ms that clocks may differ */
#define RUM_SETTLE_FIELD   (RUM_LEN_VALUE + 16)


static int rum_flush_settle_load(rum_flush_t *f,
    const rum_open_minute_t *minute);
static int rum_flush_settle_minute(rum_flush_t *f,
    const rum_open_minute_t *minute);
static int rum_flush_settle_dim(rum_flush_t *f,
    const rum_open_minute_t *minute, uint32_t dim);
static int rum_flush_settle_row(rum_flush_t *f, rum_window_t *total,
    const rum_row_t *from);
static int rum_flush_settle_windows(rum_flush_t *f,
    const rum_open_minute_t *minute, uint32_t dim, rum_window_t **from,
    rum_window_t **total);
static int rum_flush_settle_field(const rum_partition_t *p,
    const rum_open_minute_t *minute, char *buf);


/*
 * What comes will have an id past the last one read.  If nothing is left to
 * read, it will even have one of the present time.
 */

void
rum_flush_clock(rum_flush_t *f, uint64_t now, unsigned drained)
{
    uint64_t                at;
    const rum_partition_t  *p;

    p = f->p;

    at = rum_stream_id_cmp(&p->position, &p->checkpoint) > 0
         ? p->position.ms : p->checkpoint.ms;

    f->clock = at;

    if (drained && now > at + RUM_SETTLE_MARGIN) {
        f->clock = now - RUM_SETTLE_MARGIN;
    }
}


int
rum_flush_open_minutes(rum_flush_t *f)
{
    size_t              i;
    uint64_t            settle;
    rum_delta_t        *d;
    rum_settle_t       *s;
    const rum_group_t  *group;

    d = &f->p->delta;
    s = &f->p->settle;
    settle = f->p->config->settle;

    /* every value is in a group of "all", the first dimension */

    for (i = 0; i < d->ngroups; i++) {
        group = &d->groups[i];

        if (group->dim == 0
            && rum_settle_time(settle, group->minute) > f->clock
            && rum_settle_add(s, group->site, group->minute, 0) != RUM_OK)
        {
            return RUM_ERROR;
        }
    }

    for (i = 0; i < s->n; i++) {
        s->minutes[i].due = rum_settle_time(settle, s->minutes[i].minute)
                            <= f->clock;
    }

    return RUM_OK;
}


/* the windows of what is due are asked for */

int
rum_flush_settle_ask(rum_flush_t *f)
{
    uint32_t         i, dim;
    rum_settle_t    *s;
    rum_window_t    *from, *total;

    s = &f->p->settle;

    for (i = 0; i < s->n; i++) {
        for (dim = 0; s->minutes[i].due
             && dim < rum_site_dims(&f->p->sites, s->minutes[i].site); dim++)
        {
            if (rum_flush_settle_windows(f, &s->minutes[i], dim, &from,
                                         &total)
                != RUM_OK)
            {
                return RUM_ERROR;
            }
        }
    }

    return RUM_OK;
}


/* and when they are loaded, their rows */

int
rum_flush_settle_rows(rum_flush_t *f)
{
    uint32_t       i;
    rum_settle_t  *s;

    s = &f->p->settle;

    for (i = 0; i < s->n; i++) {
        if (s->minutes[i].due
            && rum_flush_settle_load(f, &s->minutes[i]) != RUM_OK)
        {
            return RUM_ERROR;
        }
    }

    return RUM_OK;
}


static int
rum_flush_settle_load(rum_flush_t *f, const rum_open_minute_t *minute)
{
    uint32_t       i, dim;
    unsigned       other;
    rum_store_t   *store;
    rum_window_t  *from, *total;

    store = &f->p->store;

    for (dim = 0; dim < rum_site_dims(&f->p->sites, minute->site); dim++) {

        if (rum_flush_settle_windows(f, minute, dim, &from, &total)
            != RUM_OK)
        {
            return RUM_ERROR;
        }

        for (i = 0; i < from->nrows; i++) {
            if (rum_store_row(store, from, from->rows[i].value, &other)
                == NULL
                || rum_store_row(store, total, from->rows[i].value, &other)
                   == NULL)
            {
                return RUM_ERROR;
            }
        }
    }

    return RUM_OK;
}


/* in the transaction, after what is new went into the windows */

int
rum_flush_settle(rum_flush_t *f)
{
    int                 rc, len;
    char                field[RUM_SETTLE_FIELD];
    uint32_t            i;
    rum_settle_t       *s;
    rum_partition_t    *p;
    rum_open_minute_t  *minute;

    p = f->p;
    s = &p->settle;

    for (i = 0; i < s->n; i++) {
        minute = &s->minutes[i];
        rc = RUM_OK;

        if (minute->due) {
            rc = rum_flush_settle_minute(f, minute);
        }

        if (rc != RUM_OK) {
            return rc;
        }

        if (minute->due == minute->stored) {
            len = rum_flush_settle_field(p, minute, field);

            rc = minute->due
                 ? rum_redis_send(f->redis, "HDEL %s %b", p->open_key, field,
                                  (size_t) len)
                 : rum_redis_send(f->redis, "HSET %s %b 1", p->open_key,
                                  field, (size_t) len);
            if (rc != RUM_OK) {
                return rc;
            }

            f->commands++;
        }
    }

    return RUM_OK;
}


static int
rum_flush_settle_minute(rum_flush_t *f, const rum_open_minute_t *minute)
{
    int       rc;
    uint32_t  dim;

    for (dim = 0; dim < rum_site_dims(&f->p->sites, minute->site); dim++) {
        rc = rum_flush_settle_dim(f, minute, dim);

        if (rc == RUM_OK) {
            rc = rum_store_write(&f->p->store, f->redis, &f->commands);
        }

        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


static int
rum_flush_settle_dim(rum_flush_t *f, const rum_open_minute_t *minute,
    uint32_t dim)
{
    int            rc;
    uint32_t       i;
    rum_window_t  *from, *total;

    rc = rum_flush_settle_windows(f, minute, dim, &from, &total);

    for (i = 0; rc == RUM_OK && i < from->nrows; i++) {
        rc = rum_flush_settle_row(f, total, &from->rows[i]);
    }

    if (rc == RUM_OK && from->nrows > 0) {
        rc = rum_store_close(&f->p->store, f->redis, from, &f->commands);
    }

    return rc;
}


/* counters are in "total" already */

static int
rum_flush_settle_row(rum_flush_t *f, rum_window_t *total,
    const rum_row_t *from)
{
    int               rc;
    uint32_t          cell;
    unsigned          other;
    rum_row_t        *row;
    rum_store_t      *store;
    rum_change_t      change;
    rum_histogram_t  *h;

    store = &f->p->store;
    h = &f->p->scratch->histogram;

    for (cell = RUM_CELL_METRICS; cell < from->ncells; cell++) {

        if (from->cells[cell].data == NULL) {
            continue;
        }

        rum_histogram_reset(h);

        if (rum_histogram_decode(h, from->cells[cell].data,
                                 from->cells[cell].len)
            != RUM_OK
            || h->count == 0)
        {
            continue;
        }

        row = rum_store_row(store, total, from->value, &other);
        if (row == NULL) {
            return RUM_ERROR;
        }

        memset(&change, 0, sizeof(change));

        if (!row->stored) {
            rc = rum_store_change(store, total, row, RUM_COUNTER_BEACONS,
                                  &change);
            if (rc != RUM_OK) {
                return rc;
            }
        }

        change.added = h;

        rc = rum_store_change(store, total, row, cell, &change);
        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


static int
rum_flush_settle_windows(rum_flush_t *f, const rum_open_minute_t *minute,
    uint32_t dim, rum_window_t **from, rum_window_t **total)
{
    rum_store_t  *store;

    store = &f->p->store;

    *from = rum_store_window(store, minute->site, dim, RUM_RES_MINUTE,
                             (uint64_t) minute->minute * 60);
    *total = rum_store_window(store, minute->site, dim, RUM_RES_TOTAL, 0);

    return *from != NULL && *total != NULL ? RUM_OK : RUM_ERROR;
}


/* "MINUTE SITE": digits cannot be mistaken, so the site stands as it is */

static int
rum_flush_settle_field(const rum_partition_t *p,
    const rum_open_minute_t *minute, char *buf)
{
    int               len;
    const rum_str_t  *site;

    site = &p->sites.sites[minute->site]->name;

    len = snprintf(buf, RUM_SETTLE_FIELD, "%lu ",
                   (unsigned long) minute->minute * 60);
    memcpy(buf + len, site->data, site->len);

    return len + (int) site->len;
}
