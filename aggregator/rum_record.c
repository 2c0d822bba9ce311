/*
 * From an entry of the stream to what it counts: see rum_partition.h.
 *
 * Entries before the checkpoint are in the rollups already.  They come by
 * only to be remembered: what an event after it replaces may be among them.
 */

#include "rum_partition.h"


#define RUM_RECORD_FUTURE    86400000   /* ms; a clock cannot be so wrong */
#define RUM_RECORD_LATE      60000      /* ms after the end of its minute */
#define RUM_RECORD_SESSIONS  131072     /* remembered at once */


/* one event on its way */
typedef struct {
    rum_partition_t      *p;
    const rum_event_t    *event;
    uint64_t              time;         /* ms, when the entry was added */
    unsigned              counting;     /* 0: only to be remembered */
    unsigned              began;        /* a view that had not begun yet */
    rum_place_t           place;
    uint32_t              n;            /* metrics that count */
    rum_sample_t          samples[RUM_MAX_METRICS];
    rum_recent_value_t    values[RUM_MAX_METRICS];
    uint8_t               stale[RUM_MAX_METRICS];   /* a newer one is known */
    const rum_str_t      *ids[RUM_MAX_METRICS];
} rum_record_t;


static int rum_record_event(rum_partition_t *p, const rum_event_t *event,
    uint64_t time, unsigned counting);
static int rum_record_add(rum_record_t *r);
static int rum_record_place(rum_record_t *r);
static int rum_record_dims(rum_record_t *r, rum_site_t *site);
static uint32_t rum_record_value(rum_record_t *r, const rum_str_t *text,
    size_t max);
static void rum_record_own(rum_place_t *place, uint32_t dim, uint32_t value);
static int rum_record_metrics(rum_record_t *r);
static int rum_record_remember(rum_record_t *r);
static int rum_record_remember_ids(rum_record_t *r);
static uint64_t rum_record_key(const rum_record_t *r, const rum_str_t *id,
    unsigned kind);
static int rum_record_removed(void *data, const rum_place_t *place,
    const rum_recent_value_t *values, uint32_t n);
static void rum_record_void(rum_delta_t *d, uint32_t units,
    const rum_recent_value_t *values, uint32_t n);
static int rum_record_count(rum_record_t *r);
static int rum_record_bounce(rum_record_t *r);
static int rum_record_session(rum_record_t *r, rum_delta_event_t *counted);
static void rum_record_sample(const rum_partition_t *p, uint32_t cell,
    double value, rum_sample_t *sample);
static int rum_record_reject(rum_partition_t *p,
    const rum_batch_entry_t *entry, const char *error);


int
rum_partition_record(rum_partition_t *p, const rum_batch_entry_t *entry,
    uint64_t now)
{
    int            rc;
    uint64_t       sequence;
    unsigned       counting;
    rum_str_t      writer;
    rum_event_t   *event;
    const char    *error;

    p->position = entry->entry;
    counting = rum_stream_id_cmp(&entry->entry, &p->checkpoint) > 0;

    if (counting) {
        p->health.events++;

        if (p->entries_read >= 0) {
            p->entries_read++;
        }
    }

    if (entry->id.data == NULL
        || rum_entry_parse_id(&entry->id, &writer, &sequence) != RUM_OK)
    {
        return counting ? rum_record_reject(p, entry, "id") : RUM_OK;
    }

    if (counting) {
        rc = rum_writers_see(&p->writers, &writer, sequence,
                             entry->entry.ms / 1000, &p->health.lost);

        if (rc == RUM_DECLINED) {
            p->health.duplicates++;
            return RUM_OK;
        }

        if (rc != RUM_OK) {
            return rc;
        }
    }

    event = &p->scratch->event;

    if (entry->e.data == NULL) {
        rc = RUM_ERROR;
        error = "no e";

    } else {
        rc = rum_entry_decode(p->scratch->decoder, entry->e.data,
                              entry->e.len, event, &error);
    }

    if (rc == RUM_OK && event->time > now + RUM_RECORD_FUTURE) {
        rc = RUM_ERROR;
        error = "t is in the future";
    }

    if (rc != RUM_OK) {
        return counting ? rum_record_reject(p, entry, error) : RUM_OK;
    }

    if (counting
        && (event->time / 60000 + 1) * 60000 + RUM_RECORD_LATE < now)
    {
        p->health.late++;
    }

    return rum_record_event(p, event, entry->entry.ms, counting);
}


static int
rum_record_reject(rum_partition_t *p, const rum_batch_entry_t *entry,
    const char *error)
{
    char  text[RUM_STREAM_ID_MAX];

    p->health.rejected++;
    (void) rum_stream_id_write(&entry->entry, text);

    return rum_delta_reject(&p->delta, text, &entry->id, &entry->e, error);
}


static int
rum_record_event(rum_partition_t *p, const rum_event_t *event, uint64_t time,
    unsigned counting)
{
    int           rc;
    rum_record_t  r;

    r.p = p;
    r.event = event;
    r.time = time;
    r.counting = counting;
    r.began = event->seq == 0;
    r.n = 0;

    rc = rum_record_place(&r);

    if (rc == RUM_OK) {
        rc = rum_record_metrics(&r);
    }

    if (rc == RUM_OK && counting) {
        rc = rum_record_add(&r);
    }

    if (rc == RUM_OK) {
        rc = rum_record_remember(&r);
    }

    if (rc == RUM_OK && counting) {
        rc = rum_record_count(&r);
    }

    return rc;
}


/* what is remembered of the event tells where it is */

static int
rum_record_add(rum_record_t *r)
{
    rum_delta_event_t  *event;

    event = rum_delta_event(&r->p->delta, &r->place, r->n);
    if (event == NULL) {
        return RUM_ERROR;
    }

    event->nsamples = (uint8_t) r->n;
    memcpy(event->samples, r->samples, r->n * sizeof(rum_sample_t));

    r->place.serial = r->p->delta.serial;
    r->place.event = r->p->delta.last;

    return RUM_OK;
}


static int
rum_record_place(rum_record_t *r)
{
    int                  rc;
    uint32_t             i;
    rum_str_t            name;
    rum_place_t         *place;
    rum_partition_t     *p;
    const rum_rollup_t  *rollup;

    p = r->p;
    place = &r->place;
    rollup = &p->config->rollup;

    name.data = r->event->site.data;
    name.len = rum_utf8_cut(name.data, r->event->site.len, RUM_LEN_VALUE);

    rc = rum_sites_find(&p->sites, &name, 0, &place->site);

    if (rc == RUM_DECLINED) {
        p->health.other += r->counting;

    } else if (rc != RUM_OK) {
        return rc;
    }

    place->minute = (uint32_t) (r->event->time / 60000);
    place->nown = 0;
    memset(place->values, 0, rollup->nattrs * sizeof(uint32_t));

    place->values[RUM_ATTR_PAGE] = rum_record_value(r, &r->event->page,
                                                    RUM_LEN_PAGE);

    rc = rum_record_dims(r, p->sites.sites[place->site]);
    if (rc != RUM_OK) {
        return rc;
    }

    for (i = 0; i < rollup->nattrs; i++) {
        if (place->values[i] == RUM_VALUE_NONE) {
            place->values[i] = rollup->attrs[i].assumed_yes
                               ? RUM_VALUE_YES : RUM_VALUE_UNKNOWN;

        } else if (place->values[i] == RUM_MAP_NONE) {
            return RUM_ERROR;
        }
    }

    return RUM_OK;
}


static int
rum_record_dims(rum_record_t *r, rum_site_t *site)
{
    int                     rc;
    uint32_t                i, value;
    rum_place_t            *place;
    rum_dim_ref_t           ref;
    rum_partition_t        *p;
    const rum_rollup_t     *rollup;
    const rum_event_dim_t  *dim;

    p = r->p;
    place = &r->place;
    rollup = &p->config->rollup;

    for (i = 0; i < r->event->ndims; i++) {
        dim = &r->event->dims[i];

        if (dim->value.len == 0) {
            continue;
        }

        rc = rum_site_dim(&p->sites, site, &dim->name, i, &ref);

        if (rc == RUM_DECLINED) {
            p->health.dropped += r->counting;
            continue;
        }

        if (rc != RUM_OK) {
            return rc;
        }

        /* the page is a key of its own, and most others are not rolled up */

        if (ref.own == RUM_NO_NUMBER
            && (ref.attr == RUM_ATTR_PAGE || !rollup->attrs[ref.attr].needed))
        {
            continue;
        }

        value = rum_record_value(r, &dim->value, RUM_LEN_VALUE);
        if (value == RUM_MAP_NONE) {
            return RUM_ERROR;
        }

        if (ref.attr != RUM_ATTR_NONE) {
            place->values[ref.attr] = value;
        }

        if (ref.own != RUM_NO_NUMBER) {
            rum_record_own(place, ref.own, value);
        }
    }

    return RUM_OK;
}


static uint32_t
rum_record_value(rum_record_t *r, const rum_str_t *text, size_t max)
{
    rum_str_t  cut;

    if (text->len == 0) {
        return RUM_VALUE_NONE;
    }

    cut.data = text->data;
    cut.len = rum_utf8_cut(text->data, text->len, max);

    return rum_intern(&r->p->intern, &cut);
}


/* a map may hold a key twice: the last one counts, once */

static void
rum_record_own(rum_place_t *place, uint32_t dim, uint32_t value)
{
    uint32_t  i;

    for (i = 0; i < place->nown; i++) {
        if (place->own[i].dim == dim) {
            place->own[i].value = value;
            return;
        }
    }

    place->own[place->nown].dim = dim;
    place->own[place->nown].value = value;
    place->nown++;
}


static int
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
        r->stale[r->n] = 0;
        r->ids[r->n] = m->id.len > 0 ? &m->id : NULL;
        r->n++;
    }

    return RUM_OK;
}


static void
rum_record_sample(const rum_partition_t *p, uint32_t cell, double value,
    rum_sample_t *sample)
{
    uint32_t  known;

    known = cell - RUM_COUNTERS;

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
 * A metric with an id of its own is remembered under that, the others under
 * the view.  Own or not, what was counted before is taken back.
 */

static int
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


/* 64 bits, seeded: among a million keys, one in 30 million is mistaken */

static uint64_t
rum_record_key(const rum_record_t *r, const rum_str_t *id, unsigned kind)
{
    return rum_hash(id->data, id->len,
                    r->p->seed ^ rum_hash_pair(r->place.site, kind));
}


/* an earlier event's values are replaced: they are taken back where it was */

static int
rum_record_removed(void *data, const rum_place_t *place,
    const rum_recent_value_t *values, uint32_t n)
{
    uint32_t            i;
    rum_record_t       *r;
    rum_partition_t    *p;
    rum_delta_event_t  *event;

    r = data;
    p = r->p;

    if (!r->counting) {
        return RUM_OK;
    }

    p->health.replaced += n;

    if (place->serial == p->delta.serial) {
        rum_record_void(&p->delta, place->event, values, n);
        return RUM_OK;
    }

    event = rum_delta_event(&p->delta, place, n);
    if (event == NULL) {
        return RUM_ERROR;
    }

    for (i = 0; i < n; i++) {
        rum_record_sample(p, values[i].cell, values[i].value,
                          &event->samples[i]);
        event->samples[i].kind = RUM_SAMPLE_REMOVED;
    }

    event->nsamples = (uint8_t) n;

    return RUM_OK;
}


/* the event has not been stored yet: it never had these values */

static void
rum_record_void(rum_delta_t *d, uint32_t units,
    const rum_recent_value_t *values, uint32_t n)
{
    uint32_t            i, k;
    rum_sample_t       *sample;
    rum_delta_event_t  *event;

    event = rum_delta_event_at(d, units);

    for (i = 0; i < n; i++) {
        for (k = 0; k < event->nsamples; k++) {
            sample = &event->samples[k];

            if (sample->cell == values[i].cell
                && sample->kind == RUM_SAMPLE_ADDED)
            {
                sample->kind = RUM_SAMPLE_VOID;
                break;
            }
        }
    }
}


static int
rum_record_count(rum_record_t *r)
{
    uint32_t            i, errors;
    rum_delta_event_t  *counted;
    const rum_event_t  *event;

    event = r->event;
    counted = rum_delta_event_at(&r->p->delta, r->place.event);

    for (i = 0, errors = 0; i < event->nerrors; i++) {
        errors += event->errors[i].count < RUM_MAX_COUNT
                  ? event->errors[i].count : RUM_MAX_COUNT;
    }

    counted->beacons = 1;
    counted->views = r->began != 0;
    counted->errors = errors;

    if (r->began && event->n == 1) {
        counted->entrances = 1;
        counted->bounces = 1;
    }

    /* what was replaced before it came is not counted */

    for (i = 0; i < r->n; i++) {
        if (r->stale[i]) {
            counted->samples[i].kind = RUM_SAMPLE_VOID;
            r->p->health.replaced++;
        }
    }

    if (event->session.len > 0 && rum_record_session(r, counted) != RUM_OK) {
        return RUM_ERROR;
    }

    return r->began && event->n == 2 ? rum_record_bounce(r) : RUM_OK;
}


/* the second view of a session: the first one, where it came from, was none */

static int
rum_record_bounce(rum_record_t *r)
{
    rum_place_t         place;
    rum_delta_event_t  *counted;

    place = r->place;
    place.values[RUM_ATTR_PAGE] = rum_record_value(r, &r->event->from,
                                                   RUM_LEN_PAGE);

    if (place.values[RUM_ATTR_PAGE] == RUM_MAP_NONE) {
        return RUM_ERROR;
    }

    if (place.values[RUM_ATTR_PAGE] == RUM_VALUE_NONE) {
        place.values[RUM_ATTR_PAGE] = RUM_VALUE_UNKNOWN;
    }

    counted = rum_delta_event(&r->p->delta, &place, 0);
    if (counted == NULL) {
        return RUM_ERROR;
    }

    counted->bounces = -1;

    return RUM_OK;
}


/*
 * A session is added to the HyperLogLogs of its windows.  Adding it again
 * changes nothing, so it is enough to do that once in each window and place;
 * to forget what was done only costs doing it again.
 */

static int
rum_record_session(rum_record_t *r, rum_delta_event_t *counted)
{
    uint32_t              i, minute, before;
    uint64_t              key;
    unsigned              resolutions;
    rum_str_t             session;
    rum_partition_t      *p;
    const rum_place_t    *place;

    p = r->p;
    place = &r->place;

    session.data = r->event->session.data;
    session.len = rum_utf8_cut(session.data, r->event->session.len,
                               RUM_LEN_ID);

    key = rum_record_key(r, &session, 2);

    for (i = RUM_ATTR_PAGE + 1; i < p->config->rollup.nattrs; i++) {
        key = rum_hash_pair(key, place->values[i]);
    }

    for (i = 0; i < place->nown; i++) {
        key = rum_hash_pair(key, (uint64_t) place->own[i].dim << 32
                                 | place->own[i].value);
    }

    minute = place->minute;
    before = rum_map_get(&p->sessions, key);

    if (before == minute) {
        return RUM_OK;
    }

    resolutions = 1 << RUM_RES_MINUTE;

    if (before == RUM_MAP_NONE || before / 60 != minute / 60) {
        resolutions |= 1 << RUM_RES_HOUR;
    }

    if (before == RUM_MAP_NONE || before / 1440 != minute / 1440) {
        resolutions |= 1 << RUM_RES_DAY;
    }

    if (before == RUM_MAP_NONE) {
        resolutions |= 1 << RUM_RES_TOTAL;
    }

    if (p->sessions.used >= RUM_RECORD_SESSIONS) {
        rum_map_clear(&p->sessions);
    }

    if (rum_map_set(&p->sessions, key, minute) != RUM_OK) {
        return RUM_ERROR;
    }

    return rum_delta_session(&p->delta, counted, &session, resolutions);
}
