/*
 * The metrics of an entry: their samples, what they are attributed to, and
 * what they replace.  See rum_record.h.
 *
 * A value is where it was counted: in the events of its own entry, or in one
 * of a later entry that took it back.
 */

#include "rum_record.h"


static int rum_record_interaction(rum_record_t *r,
    const rum_event_attribution_t *a);
static int rum_record_trace(rum_record_t *r, rum_detail_e detail,
    const rum_str_t *text, size_t max);
static int rum_record_has_cell(const rum_record_t *r, uint32_t cell);
static int rum_record_remember_ids(rum_record_t *r);
static int rum_record_removed(void *data, const rum_place_t *place,
    const rum_recent_value_t *values, uint32_t n);
static void rum_record_replaces(rum_record_t *r,
    const rum_recent_value_t *old, rum_sample_e kind);
static void rum_record_void(rum_record_t *r, uint32_t units,
    const rum_recent_value_t *values, uint32_t n);
static int rum_record_samples(rum_record_t *r, const rum_place_t *place,
    const rum_sample_t *samples, uint32_t n);
static int rum_record_traced(rum_record_t *r, const rum_place_t *place,
    const rum_sample_t *sample);


int
rum_record_metrics(rum_record_t *r)
{
    int                        rc;
    uint32_t                   i, cell;
    rum_site_t                *site;
    rum_partition_t           *p;
    const rum_event_metric_t  *m;

    p = r->p;
    site = p->sites.sites[r->place.site];

    for (i = 0; i < r->event->nmetrics; i++) {
        m = &r->event->metrics[i];

        rc = m->value >= 0 && m->value <= RUM_HISTOGRAM_MAX
             ? rum_site_cell(&p->sites, site, &m->name, m->metric, 0, &cell)
             : RUM_DECLINED;

        if (rc == RUM_DECLINED) {
            p->health.dropped += r->counting;
            continue;
        }

        if (rc != RUM_OK) {
            return rc;
        }

        rum_record_sample(p, cell, m->value, &r->samples[r->n]);
        r->values[r->n].value = m->value;
        r->values[r->n].cell = cell;
        r->values[r->n].minute = r->place.minute;
        r->kinds[r->n] = RUM_SAMPLE_ADDED;
        r->stale[r->n] = 0;
        r->ids[r->n] = m->id.len > 0 ? &m->id : NULL;
        r->n++;
    }

    return RUM_OK;
}


void
rum_record_sample(const rum_partition_t *p, uint32_t cell, double value,
    rum_sample_t *sample)
{
    uint32_t  known;

    known = cell - RUM_CELL_METRICS;

    sample->value = value;
    sample->bucket = value > RUM_HISTOGRAM_ZERO
                     ? (int16_t) rum_histogram_index(value)
                     : RUM_SAMPLE_ZERO;
    sample->cell = (uint16_t) cell;
    sample->rating = (uint8_t) rum_metric_rate(known < p->sites.known
                                               ? &rum_metrics[known] : NULL,
                                               value);
    sample->kind = RUM_SAMPLE_ADDED;
}


/*
 * What a metric is attributed to is remembered with the value, since it is
 * counted there, and taken back there.
 */

int
rum_record_attributions(rum_record_t *r)
{
    int                             rc;
    uint32_t                        i;
    const rum_event_attribution_t  *a;

    for (i = 0; i < r->event->nattributions; i++) {
        a = &r->event->attributions[i];
        rc = RUM_OK;

        if (rum_str_is(&a->metric, "lcp")) {
            rc = rum_record_trace(r, RUM_DETAIL_LCP_TARGET, &a->target,
                                  RUM_LEN_VALUE);

            if (rc == RUM_OK) {
                rc = rum_record_trace(r, RUM_DETAIL_LCP_URL, &a->url,
                                      RUM_LEN_PAGE);
            }

        } else if (rum_str_is(&a->metric, "inp")) {
            rc = rum_record_interaction(r, a);

        } else if (rum_str_is(&a->metric, "cls")) {
            rc = rum_record_trace(r, RUM_DETAIL_CLS_TARGET, &a->target,
                                  RUM_LEN_VALUE);
        }

        if (rc != RUM_OK) {
            return rc;
        }
    }

    return RUM_OK;
}


/*
 * What was touched, by a pointer or by the keyboard, and both together; and
 * the script that took longest.
 */

static int
rum_record_interaction(rum_record_t *r, const rum_event_attribution_t *a)
{
    int                     len;
    rum_str_t               target, type, pair;
    unsigned char           buf[3 * RUM_LEN_VALUE + 1 + RUM_LEN_NAME];

    static const rum_str_t  unknown = rum_string(RUM_UNKNOWN);

    if (rum_record_trace(r, RUM_DETAIL_INP_TARGET, &a->target, RUM_LEN_VALUE)
        != RUM_OK
        || rum_record_trace(r, RUM_DETAIL_INP_URL, &a->url, RUM_LEN_PAGE)
           != RUM_OK
        || rum_record_trace(r, RUM_DETAIL_INP_TYPE, &a->type, RUM_LEN_NAME)
           != RUM_OK)
    {
        return RUM_ERROR;
    }

    if (a->target.len == 0) {
        return RUM_OK;
    }

    target = a->target;
    target.len = rum_utf8_cut(target.data, target.len, RUM_LEN_VALUE);

    type = a->type.len > 0 ? a->type : unknown;
    type.len = rum_utf8_cut(type.data, type.len, RUM_LEN_NAME);

    len = rum_pair_write(&target, &type, buf, sizeof(buf));
    if (len < 0) {
        return RUM_ERROR;
    }

    pair.data = buf;
    pair.len = (size_t) len;

    return rum_record_trace(r, RUM_DETAIL_INP_TARGET_TYPE, &pair, pair.len);
}


static int
rum_record_trace(rum_record_t *r, rum_detail_e detail, const rum_str_t *text,
    size_t max)
{
    uint32_t      i, value;
    rum_place_t  *place;

    place = &r->place;

    if (!(r->p->config->details >> detail & 1) || text->len == 0
        || !rum_record_has_cell(r, r->p->sites.traced[detail]))
    {
        return RUM_OK;
    }

    value = rum_record_value(r, text, max);
    if (value == RUM_MAP_NONE) {
        return RUM_ERROR;
    }

    /* a list may name a metric twice: the last one counts */

    for (i = 0; i < place->ntraced; i++) {
        if (place->traced[i].dim == detail) {
            break;
        }
    }

    place->ntraced += i == place->ntraced;
    place->traced[i].dim = detail;
    place->traced[i].value = value;

    return RUM_OK;
}


static int
rum_record_has_cell(const rum_record_t *r, uint32_t cell)
{
    uint32_t  i;

    for (i = 0; i < r->n; i++) {
        if (r->values[i].cell == cell) {
            return 1;
        }
    }

    return 0;
}


/*
 * A metric with an id of its own is remembered under that, the others under
 * the view.  Own or not, what was counted before is taken back.
 */

int
rum_record_remember(rum_record_t *r)
{
    int                  rc;
    uint32_t             i, n, index[RUM_MAX_METRICS];
    rum_partition_t     *p;
    rum_recent_value_t   values[RUM_MAX_METRICS];

    p = r->p;

    if (r->event->view.len == 0) {
        return rum_record_remember_ids(r);
    }

    for (i = 0, n = 0; i < r->n; i++) {
        if (r->ids[i] == NULL) {
            index[n] = i;
            values[n++] = r->values[i];
        }
    }

    if (n < r->n && rum_record_remember_ids(r) != RUM_OK) {
        return RUM_ERROR;
    }

    rc = rum_recent_put(&p->recent, rum_record_key(r, &r->event->view, 0),
                        r->time, r->event->time, &r->place, values, n,
                        &r->began, &p->health.forgotten, rum_record_removed,
                        r);

    for (i = 0; i < n; i++) {
        r->stale[index[i]] = values[i].cell == RUM_NO_NUMBER;
        r->values[index[i]].minute = values[i].minute;
    }

    return rc;
}


static int
rum_record_remember_ids(rum_record_t *r)
{
    int               rc;
    uint32_t          i;
    unsigned          began;
    rum_partition_t  *p;

    p = r->p;

    for (i = 0; i < r->n; i++) {
        if (r->ids[i] == NULL) {
            continue;
        }

        began = 0;

        rc = rum_recent_put(&p->recent, rum_record_key(r, r->ids[i], 1),
                            r->time, r->event->time, &r->place,
                            &r->values[i], 1, &began, &p->health.forgotten,
                            rum_record_removed, r);
        if (rc != RUM_OK) {
            return rc;
        }

        r->stale[i] = r->values[i].cell == RUM_NO_NUMBER;
    }

    return RUM_OK;
}


/* an earlier event's values are replaced: they are taken back where it was */

static int
rum_record_removed(void *data, const rum_place_t *place,
    const rum_recent_value_t *values, uint32_t n)
{
    uint32_t          i, k, left;
    rum_place_t       where;
    rum_record_t     *r;
    rum_sample_t      samples[RUM_MAX_METRICS];
    rum_partition_t  *p;
    uint8_t           done[RUM_MAX_METRICS];

    r = data;
    p = r->p;

    if (!r->counting) {
        return RUM_OK;
    }

    p->health.replaced += n;

    if (place->serial == p->delta.serial) {
        rum_record_void(r, place->event, values, n);
        return RUM_OK;
    }

    memset(done, 0, n);
    where = *place;

    for (i = 0; i < n; i++) {
        rum_record_replaces(r, &values[i], RUM_SAMPLE_MOVED);

        if (done[i]) {
            continue;
        }

        where.minute = values[i].minute;

        for (k = i, left = 0; k < n; k++) {
            if (values[k].minute == where.minute) {
                rum_record_sample(p, values[k].cell, values[k].value,
                                  &samples[left]);
                samples[left++].kind = RUM_SAMPLE_REMOVED;
                done[k] = 1;
            }
        }

        if (rum_record_samples(r, &where, samples, left) != RUM_OK) {
            return RUM_ERROR;
        }
    }

    return RUM_OK;
}


/*
 * Where the old value has settled, "total" has it if it was stored, and shall
 * not have the new one as well.
 */

static void
rum_record_replaces(rum_record_t *r, const rum_recent_value_t *old,
    rum_sample_e kind)
{
    uint32_t  i;

    if (r->time < rum_settle_time(r->p->config->settle, old->minute)) {
        return;
    }

    for (i = 0; i < r->n; i++) {
        if (r->samples[i].cell == old->cell) {
            r->kinds[i] = (uint8_t) kind;
        }
    }
}


/*
 * The entry has not been stored yet: it never had these values, neither in
 * its first event nor in those that follow.  The new ones are what they were.
 */

static void
rum_record_void(rum_record_t *r, uint32_t units,
    const rum_recent_value_t *values, uint32_t n)
{
    uint32_t            i, k;
    rum_delta_t        *d;
    rum_sample_t       *sample;
    rum_delta_event_t  *event;

    d = &r->p->delta;
    event = rum_delta_event_at(d, units);

    do {
        for (i = 0; event->values && i < n; i++) {
            for (k = 0; k < event->nsamples; k++) {
                sample = &event->samples[k];

                if (sample->cell == values[i].cell
                    && (sample->kind == RUM_SAMPLE_ADDED
                        || sample->kind == RUM_SAMPLE_MOVED))
                {
                    if (!event->traced) {
                        rum_record_replaces(r, &values[i], sample->kind);
                    }

                    sample->kind = RUM_SAMPLE_VOID;
                    break;
                }
            }
        }

        event = rum_delta_next(d, &units);

    } while (event != NULL && !event->begins);
}


int
rum_record_values(rum_record_t *r)
{
    uint32_t            i, k, n;
    rum_place_t         where;
    rum_sample_t       *sample, moved[RUM_MAX_METRICS];
    rum_delta_event_t  *event;
    uint8_t             done[RUM_MAX_METRICS];

    /* most are in the event of the entry already */

    event = rum_delta_event_at(&r->p->delta, r->place.event);

    for (i = 0; i < r->n; i++) {
        sample = &event->samples[i];

        if (r->stale[i]) {
            sample->kind = RUM_SAMPLE_VOID;
            r->p->health.replaced++;
            done[i] = 1;

        } else if (r->values[i].minute == r->place.minute) {
            sample->kind = r->kinds[i];
            r->samples[i].kind = r->kinds[i];
            done[i] = 1;

        } else {
            sample->kind = RUM_SAMPLE_VOID;
            done[i] = 0;
        }
    }

    for (i = 0; r->place.ntraced > 0 && i < r->n; i++) {
        if (!r->stale[i] && r->values[i].minute == r->place.minute
            && rum_record_traced(r, &r->place, &r->samples[i]) != RUM_OK)
        {
            return RUM_ERROR;
        }
    }

    /* the others stand where older ones stood */

    for (i = 0; i < r->n; i++) {
        if (done[i]) {
            continue;
        }

        where = r->place;
        where.minute = r->values[i].minute;

        for (k = i, n = 0; k < r->n; k++) {
            if (!done[k] && r->values[k].minute == where.minute) {
                moved[n] = r->samples[k];
                moved[n++].kind = r->kinds[k];
                done[k] = 1;
            }
        }

        if (rum_record_samples(r, &where, moved, n) != RUM_OK) {
            return RUM_ERROR;
        }
    }

    return RUM_OK;
}


/* an event that has only these values */

static int
rum_record_samples(rum_record_t *r, const rum_place_t *place,
    const rum_sample_t *samples, uint32_t n)
{
    uint32_t            i;
    rum_delta_event_t  *event;

    event = rum_delta_event(&r->p->delta, place, n);
    if (event == NULL) {
        return RUM_ERROR;
    }

    event->values = 1;
    event->nsamples = (uint8_t) n;
    memcpy(event->samples, samples, n * sizeof(rum_sample_t));

    for (i = 0; place->ntraced > 0 && i < n; i++) {
        if (rum_record_traced(r, place, &samples[i]) != RUM_OK) {
            return RUM_ERROR;
        }
    }

    return RUM_OK;
}


/* the sample counts in what the place attributes its metric to, too */

static int
rum_record_traced(rum_record_t *r, const rum_place_t *place,
    const rum_sample_t *sample)
{
    uint32_t                i;
    rum_delta_t            *d;
    rum_delta_event_t      *event;
    const rum_own_value_t  *traced;

    d = &r->p->delta;
    event = NULL;

    for (i = 0; i < place->ntraced; i++) {
        traced = &place->traced[i];

        if (r->p->sites.traced[traced->dim] != sample->cell) {
            continue;
        }

        if (event == NULL) {
            event = rum_delta_detail(d, place, 1);
            if (event == NULL) {
                return RUM_ERROR;
            }

            event->values = 1;
            event->traced = 1;
            event->nsamples = 1;
            event->samples[0] = *sample;
        }

        if (rum_delta_member(d, event, place, traced->dim, traced->value,
                             RUM_VALUE_NONE)
            != RUM_OK)
        {
            return RUM_ERROR;
        }
    }

    return RUM_OK;
}
