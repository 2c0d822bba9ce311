/*
 * From an entry of the stream to what it counts: see rum_partition.h.
 *
 * Entries before the checkpoint are in the rollups already.  They come by
 * only to be remembered: what an event after it replaces may be among them.
 * What was no new entry then is none now.
 */

#include "rum_record.h"


#define RUM_RECORD_FUTURE    86400000   /* ms; a clock cannot be so wrong */
#define RUM_RECORD_LATE      60000      /* ms after the end of its minute */
#define RUM_RECORD_SESSIONS  131072     /* remembered at once */


static int rum_record_event(rum_partition_t *p, const rum_event_t *event,
    const rum_str_t *e, uint64_t time, unsigned counting);
static int rum_record_add(rum_record_t *r);
static int rum_record_place(rum_record_t *r);
static int rum_record_dims(rum_record_t *r, rum_site_t *site);
static void rum_record_own(rum_place_t *place, uint32_t dim, uint32_t value);
static int rum_record_count(rum_record_t *r);
static int rum_record_bounce(rum_record_t *r);
static int rum_record_session(rum_record_t *r, rum_delta_event_t *counted);
static int rum_record_reject(rum_partition_t *p,
    const rum_batch_entry_t *entry, const char *error);


int
rum_partition_record(rum_partition_t *p, const rum_batch_entry_t *entry,
    uint64_t now)
{
    int            rc;
    uint64_t       sequence, *lost, again;
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

    again = 0;
    lost = counting ? &p->health.lost : &again;

    rc = rum_writers_see(counting ? &p->writers : &p->reread, &writer,
                         sequence, entry->entry.ms / 1000, lost);

    if (rc == RUM_DECLINED) {
        p->health.duplicates += counting;
        return RUM_OK;
    }

    if (rc != RUM_OK) {
        return rc;
    }

    event = &p->scratch->event;

    if (entry->e.data == NULL) {
        rc = RUM_ERROR;
        error = "no e";

    } else {
        rc = rum_entry_decode(p->scratch->decoder, entry->e.data,
                              entry->e.len, event, &error);
    }

    /* not by the time of now: reading again decides the same */

    if (rc == RUM_OK && event->time > entry->entry.ms + RUM_RECORD_FUTURE) {
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

    return rum_record_event(p, event, &entry->e, entry->entry.ms, counting);
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
rum_record_event(rum_partition_t *p, const rum_event_t *event,
    const rum_str_t *e, uint64_t time, unsigned counting)
{
    int           rc;
    uint64_t      forgotten;
    rum_record_t  r;

    forgotten = p->health.forgotten;

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

    if (rc == RUM_OK && event->nattributions > 0) {
        rc = rum_record_attributions(&r);
    }

    if (rc == RUM_OK) {
        rc = rum_record_again(&r, e);
    }

    if (rc == RUM_OK && counting) {
        rc = rum_record_add(&r);
    }

    if (rc == RUM_OK) {
        rc = rum_record_remember(&r);
    }

    if (rc == RUM_OK && counting) {
        rc = rum_record_values(&r);
    }

    if (rc == RUM_OK && counting) {
        rc = rum_record_count(&r);
    }

    if (rc == RUM_OK && counting) {
        rc = rum_record_details(&r);
    }

    if (rc == RUM_OK) {
        rc = rum_record_speed(&r);
    }

    /* what had to be forgotten before the checkpoint was counted then */

    if (!counting) {
        p->health.forgotten = forgotten;
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

    event->begins = 1;
    event->values = 1;
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
    place->serial = 0;                  /* in no delta */
    place->event = 0;
    place->weight = r->event->weight;
    place->nown = 0;
    place->ntraced = 0;
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


uint32_t
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


uint32_t
rum_record_known(rum_record_t *r, const rum_str_t *text, size_t max)
{
    return text->len > 0 ? rum_record_value(r, text, max)
                         : RUM_VALUE_UNKNOWN;
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


/* 64 bits, seeded: among a million keys, one in 30 million is mistaken */

uint64_t
rum_record_key(const rum_record_t *r, const rum_str_t *id, unsigned kind)
{
    return rum_hash(id->data, id->len,
                    r->p->seed ^ rum_hash_pair(r->place.site, kind));
}


static int
rum_record_count(rum_record_t *r)
{
    uint32_t            i, errors;
    rum_delta_event_t  *counted;
    const rum_event_t  *event;

    event = r->event;
    counted = rum_delta_event_at(&r->p->delta, r->place.event);

    for (i = 0, errors = 0; !r->again && i < event->nerrors; i++) {
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
    place.values[RUM_ATTR_PAGE] = rum_record_known(r, &r->event->from,
                                                   RUM_LEN_PAGE);

    if (place.values[RUM_ATTR_PAGE] == RUM_MAP_NONE) {
        return RUM_ERROR;
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
