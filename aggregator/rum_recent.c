/*
 * The views and metric ids of the last while: see rum_recent.h.
 *
 * Records lie in blocks, one after the other and none across two.  A
 * position counts units of 8 bytes from the first record ever; it wraps
 * around, but the blocks that exist are always far less than that.
 */

#include "rum_recent.h"
#include "rum_settle.h"

#include <stdlib.h>


#define RUM_RECENT_UNIT    8
#define RUM_RECENT_BLOCK   32768        /* units: 256 KB */
#define RUM_RECENT_NONE    UINT32_MAX   /* no record begins there */


/* followed by values of attributes, own dimensions, what metrics are
   attributed to, padding, values */
typedef struct {
    uint64_t              key;
    uint64_t              time;
    uint64_t              order;        /* the event's time */
    uint32_t              prev;         /* older one of the key, or NONE */
    uint32_t              units;        /* length; 0: the block ends here */
    uint32_t              site;
    uint32_t              minute;
    uint32_t              serial;
    uint32_t              event;
    uint8_t               nattrs;
    uint8_t               nown;
    uint8_t               ntraced;
    uint8_t               nvalues;
    uint8_t               began;
    uint8_t               linked;       /* still in its key's chain */
    uint16_t              weight;
} rum_recent_record_t;


static int rum_recent_replace(rum_recent_t *r, uint64_t key, uint64_t time,
    uint64_t order, rum_recent_value_t *values, uint32_t nvalues,
    unsigned *begun, rum_recent_removed_pt removed, void *data,
    uint32_t *head);
static void rum_recent_settled(const rum_recent_t *r, uint64_t time,
    const rum_recent_value_t *picked, uint32_t n, rum_recent_value_t *values,
    uint32_t nvalues);
static void rum_recent_keep(rum_recent_t *r, rum_recent_record_t *rec,
    uint32_t *left);
static uint32_t rum_recent_pick(rum_recent_t *r, rum_recent_record_t *rec,
    rum_recent_value_t *picked, uint32_t *left);
static rum_recent_record_t *rum_recent_append(rum_recent_t *r,
    const rum_place_t *place, uint32_t n, uint32_t *position);
static int rum_recent_room(rum_recent_t *r, uint32_t units);
static void rum_recent_expire(rum_recent_t *r, uint64_t time,
    uint64_t *forgotten);
static void rum_recent_drop_oldest(rum_recent_t *r);
static void rum_recent_place(const rum_recent_record_t *rec,
    rum_place_t *place);
static int rum_recent_mark_cells(rum_recent_t *r,
    const rum_recent_value_t *values, uint32_t n);
static rum_recent_record_t *rum_recent_at(const rum_recent_t *r,
    uint32_t position);
static uint32_t *rum_recent_dims(const rum_recent_record_t *rec);
static rum_recent_value_t *rum_recent_values(const rum_recent_record_t *rec);
static uint32_t rum_recent_units(uint32_t nattrs, uint32_t nown, uint32_t n);


void
rum_recent_init(rum_recent_t *r, const rum_config_t *config)
{
    memset(r, 0, sizeof(rum_recent_t));

    r->rollup = &config->rollup;
    r->span = config->recent;
    r->settle = config->settle;
    r->max = config->recent_views;
}


void
rum_recent_free(rum_recent_t *r)
{
    uint32_t  i;

    for (i = 0; i < r->nblocks; i++) {
        free(r->blocks[i]);
    }

    free(r->blocks);
    free(r->marks);
    rum_map_free(&r->map);
    memset(r, 0, sizeof(rum_recent_t));
}


int
rum_recent_put(rum_recent_t *r, uint64_t key, uint64_t time,
    uint64_t order, const rum_place_t *place, rum_recent_value_t *values,
    uint32_t n, unsigned *began, uint64_t *forgotten,
    rum_recent_removed_pt removed, void *data)
{
    int                   rc;
    unsigned              begun;
    uint32_t              i, head, position;
    rum_recent_record_t  *rec;

    if (r->span == 0) {
        return RUM_OK;
    }

    rum_recent_expire(r, time, forgotten);

    rc = rum_recent_mark_cells(r, values, n);
    if (rc != RUM_OK) {
        return rc;
    }

    begun = 0;

    rc = rum_recent_replace(r, key, time, order, values, n, &begun, removed,
                            data, &head);
    if (rc != RUM_OK) {
        return rc;
    }

    for (i = 0; i < n; i++) {
        if (r->marks[values[i].cell] != r->serial) {
            values[i].cell = RUM_NO_NUMBER;
        }
    }

    rec = rum_recent_append(r, place, n, &position);
    if (rec == NULL || rum_map_set(&r->map, key, position) != RUM_OK) {
        return RUM_ERROR;
    }

    rec->key = key;
    rec->time = time;
    rec->order = order;
    rec->prev = head;

    /* the newest record knows for the whole chain that the view began */

    rec->began = (uint8_t) (*began | begun);
    *began = *began && !begun;

    if (n > 0) {
        memcpy(rum_recent_values(rec), values,
               n * sizeof(rum_recent_value_t));
    }

    return RUM_OK;
}


/*
 * Takes the marked cells out of the chain, and out of the chain what has
 * nothing left: it never gets longer than there are metrics.  Cells that a
 * newer event has stay there and lose their mark.  *begun becomes 1 if the
 * view had begun before; *head is what remains.
 */

static int
rum_recent_replace(rum_recent_t *r, uint64_t key, uint64_t time,
    uint64_t order, rum_recent_value_t *values, uint32_t nvalues,
    unsigned *begun, rum_recent_removed_pt removed, void *data,
    uint32_t *head)
{
    int                   rc;
    uint32_t              n, left, position, *link;
    rum_place_t           place;
    rum_recent_record_t  *rec;
    rum_recent_value_t    picked[RUM_MAX_METRICS];

    *head = rum_map_get(&r->map, key);
    link = head;

    for (position = *head; position != RUM_RECENT_NONE; position = *link) {
        rec = rum_recent_at(r, position);

        if (rec == NULL) {
            *link = RUM_RECENT_NONE;
            break;
        }

        *begun |= rec->began;

        n = 0;

        if (rec->order > order) {
            rum_recent_keep(r, rec, &left);

        } else {
            n = rum_recent_pick(r, rec, picked, &left);
        }

        if (n > 0) {
            rum_recent_settled(r, time, picked, n, values, nvalues);
            rum_recent_place(rec, &place);

            rc = removed(data, &place, picked, n);
            if (rc != RUM_OK) {
                return rc;
            }
        }

        if (left == 0) {
            rec->linked = 0;
            *link = rec->prev;

        } else {
            link = &rec->prev;
        }
    }

    return RUM_OK;
}


/* values that take the place of settled ones count in their minutes */

static void
rum_recent_settled(const rum_recent_t *r, uint64_t time,
    const rum_recent_value_t *picked, uint32_t n, rum_recent_value_t *values,
    uint32_t nvalues)
{
    uint32_t  i, k;

    for (i = 0; i < n; i++) {
        for (k = 0; k < nvalues; k++) {
            if (values[k].cell == picked[i].cell
                && time >= rum_settle_time(r->settle, picked[i].minute))
            {
                values[k].minute = picked[i].minute;
            }
        }
    }
}


static uint32_t
rum_recent_pick(rum_recent_t *r, rum_recent_record_t *rec,
    rum_recent_value_t *picked, uint32_t *left)
{
    uint32_t             i, n;
    rum_recent_value_t  *value;

    *left = 0;
    value = rum_recent_values(rec);

    for (i = 0, n = 0; i < rec->nvalues; i++) {
        if (value[i].cell == RUM_NO_NUMBER) {
            continue;
        }

        if (value[i].cell < r->nmarks
            && r->marks[value[i].cell] == r->serial)
        {
            picked[n++] = value[i];
            value[i].cell = RUM_NO_NUMBER;

        } else {
            (*left)++;
        }
    }

    return n;
}


static void
rum_recent_keep(rum_recent_t *r, rum_recent_record_t *rec, uint32_t *left)
{
    uint32_t             i;
    rum_recent_value_t  *value;

    *left = 0;
    value = rum_recent_values(rec);

    for (i = 0; i < rec->nvalues; i++) {
        if (value[i].cell == RUM_NO_NUMBER) {
            continue;
        }

        (*left)++;

        if (value[i].cell < r->nmarks) {
            r->marks[value[i].cell] = 0;
        }
    }
}


static int
rum_recent_mark_cells(rum_recent_t *r, const rum_recent_value_t *values,
    uint32_t n)
{
    uint32_t  i, size, *marks;

    if (++r->serial == 0) {
        if (r->nmarks > 0) {
            memset(r->marks, 0, r->nmarks * sizeof(uint32_t));
        }

        r->serial = 1;
    }

    for (i = 0; i < n; i++) {
        if (values[i].cell >= r->nmarks) {
            size = values[i].cell + 64;

            marks = realloc(r->marks, size * sizeof(uint32_t));
            if (marks == NULL) {
                return RUM_ERROR;
            }

            memset(marks + r->nmarks, 0,
                   (size - r->nmarks) * sizeof(uint32_t));
            r->marks = marks;
            r->nmarks = size;
        }

        r->marks[values[i].cell] = r->serial;
    }

    return RUM_OK;
}


static rum_recent_record_t *
rum_recent_append(rum_recent_t *r, const rum_place_t *place, uint32_t n,
    uint32_t *position)
{
    uint32_t              i, units, nattrs, *dims;
    rum_recent_record_t  *rec;

    nattrs = r->rollup->nattrs;
    units = rum_recent_units(nattrs, place->nown + place->ntraced, n);

    if (rum_recent_room(r, units) != RUM_OK) {
        return NULL;
    }

    *position = r->next;
    r->next += units;
    r->count++;

    rec = rum_recent_at(r, *position);
    rec->units = units;
    rec->site = place->site;
    rec->minute = place->minute;
    rec->serial = place->serial;
    rec->event = place->event;
    rec->weight = (uint16_t) place->weight;
    rec->nattrs = (uint8_t) nattrs;
    rec->nown = (uint8_t) place->nown;
    rec->ntraced = (uint8_t) place->ntraced;
    rec->nvalues = (uint8_t) n;
    rec->linked = 1;

    dims = rum_recent_dims(rec);
    memcpy(dims, place->values, nattrs * sizeof(uint32_t));
    dims += nattrs;

    for (i = 0; i < place->nown; i++) {
        *dims++ = place->own[i].dim;
        *dims++ = place->own[i].value;
    }

    for (i = 0; i < place->ntraced; i++) {
        *dims++ = place->traced[i].dim;
        *dims++ = place->traced[i].value;
    }

    return rec;
}


/* makes sure that the next record lies in one block that exists */

static int
rum_recent_room(rum_recent_t *r, uint32_t units)
{
    uint32_t              left, block, size;
    unsigned char       **blocks;
    rum_recent_record_t  *end;

    if (r->count == 0) {
        r->first = 0;
        r->next = 0;
    }

    left = RUM_RECENT_BLOCK - r->next % RUM_RECENT_BLOCK;

    if (r->nblocks > 0 && left < units) {

        /* a record without length ends the block, if there is room for it */

        if (left * RUM_RECENT_UNIT >= sizeof(rum_recent_record_t)) {
            end = (rum_recent_record_t *)
                      (r->blocks[r->nblocks - 1]
                       + (size_t) (RUM_RECENT_BLOCK - left)
                         * RUM_RECENT_UNIT);
            end->units = 0;
        }

        r->next += left;
    }

    block = r->next / RUM_RECENT_BLOCK - r->first / RUM_RECENT_BLOCK;
    block &= UINT32_MAX / RUM_RECENT_BLOCK;

    if (block < r->nblocks) {
        return RUM_OK;
    }

    if (r->nblocks == r->blocks_size) {
        size = r->blocks_size ? 2 * r->blocks_size : 16;

        blocks = realloc(r->blocks, size * sizeof(unsigned char *));
        if (blocks == NULL) {
            return RUM_ERROR;
        }

        r->blocks = blocks;
        r->blocks_size = size;
    }

    r->blocks[r->nblocks] = malloc((size_t) RUM_RECENT_BLOCK
                                   * RUM_RECENT_UNIT);
    if (r->blocks[r->nblocks] == NULL) {
        return RUM_ERROR;
    }

    r->nblocks++;

    return RUM_OK;
}


static void
rum_recent_expire(rum_recent_t *r, uint64_t time, uint64_t *forgotten)
{
    rum_recent_record_t  *rec;

    while (r->count > 0) {
        rec = rum_recent_at(r, r->first);

        if (rec->time + r->span >= time) {
            if (r->count < r->max) {
                break;
            }

            *forgotten += rec->linked;
        }

        if (rum_map_get(&r->map, rec->key) == r->first) {
            rum_map_remove(&r->map, rec->key);
        }

        rum_recent_drop_oldest(r);
    }
}


/* leaves "first" at the next record, past the end of a block */

static void
rum_recent_drop_oldest(rum_recent_t *r)
{
    uint32_t  block, left;

    block = r->first / RUM_RECENT_BLOCK;
    r->first += rum_recent_at(r, r->first)->units;
    r->count--;

    left = RUM_RECENT_BLOCK - r->first % RUM_RECENT_BLOCK;

    if (r->first != r->next && left < RUM_RECENT_BLOCK
        && (left * RUM_RECENT_UNIT < sizeof(rum_recent_record_t)
            || rum_recent_at(r, r->first)->units == 0))
    {
        r->first += left;
    }

    if (r->first / RUM_RECENT_BLOCK != block) {
        free(r->blocks[0]);
        r->nblocks--;
        memmove(r->blocks, r->blocks + 1,
                r->nblocks * sizeof(unsigned char *));
    }
}


static void
rum_recent_place(const rum_recent_record_t *rec, rum_place_t *place)
{
    uint32_t         i;
    const uint32_t  *dims;

    place->site = rec->site;
    place->minute = rec->minute;
    place->serial = rec->serial;
    place->event = rec->event;
    place->weight = rec->weight;
    place->nown = rec->nown;
    place->ntraced = rec->ntraced;

    dims = rum_recent_dims(rec);
    memcpy(place->values, dims, rec->nattrs * sizeof(uint32_t));
    dims += rec->nattrs;

    for (i = 0; i < rec->nown; i++) {
        place->own[i].dim = *dims++;
        place->own[i].value = *dims++;
    }

    for (i = 0; i < rec->ntraced; i++) {
        place->traced[i].dim = *dims++;
        place->traced[i].value = *dims++;
    }
}


void
rum_recent_mark(const rum_recent_t *r, rum_intern_t *in)
{
    uint32_t                    i, n, position, left;
    const uint32_t             *dims;
    const rum_recent_record_t  *rec;

    position = r->first;

    for (n = 0; n < r->count; n++) {
        rec = rum_recent_at(r, position);

        left = RUM_RECENT_BLOCK - position % RUM_RECENT_BLOCK;

        if (left * RUM_RECENT_UNIT < sizeof(rum_recent_record_t)
            || rec->units == 0)
        {
            position += left;
            rec = rum_recent_at(r, position);
        }

        dims = rum_recent_dims(rec);

        for (i = 0; i < rec->nattrs; i++) {
            rum_intern_mark(in, dims[i]);
        }

        for (i = 0; i < (uint32_t) rec->nown + rec->ntraced; i++) {
            rum_intern_mark(in, dims[rec->nattrs + 2 * i + 1]);
        }

        position += rec->units;
    }
}


/* NULL if the position is that of a record forgotten by now */

static rum_recent_record_t *
rum_recent_at(const rum_recent_t *r, uint32_t position)
{
    uint32_t  block;

    if (position - r->first >= r->next - r->first) {
        return NULL;
    }

    block = position / RUM_RECENT_BLOCK - r->first / RUM_RECENT_BLOCK;
    block &= UINT32_MAX / RUM_RECENT_BLOCK;

    return (rum_recent_record_t *)
               (r->blocks[block]
                + (size_t) (position % RUM_RECENT_BLOCK) * RUM_RECENT_UNIT);
}


static uint32_t *
rum_recent_dims(const rum_recent_record_t *rec)
{
    return (uint32_t *) (rec + 1);
}


static rum_recent_value_t *
rum_recent_values(const rum_recent_record_t *rec)
{
    size_t  size;

    size = (rec->nattrs + 2 * ((size_t) rec->nown + rec->ntraced))
           * sizeof(uint32_t);
    size = (size + RUM_RECENT_UNIT - 1) / RUM_RECENT_UNIT * RUM_RECENT_UNIT;

    return (rum_recent_value_t *) ((unsigned char *) (rec + 1) + size);
}


static uint32_t
rum_recent_units(uint32_t nattrs, uint32_t nown, uint32_t n)
{
    size_t  size;

    size = (nattrs + 2 * (size_t) nown) * sizeof(uint32_t);
    size = (size + RUM_RECENT_UNIT - 1) / RUM_RECENT_UNIT * RUM_RECENT_UNIT;
    size += sizeof(rum_recent_record_t) + n * sizeof(rum_recent_value_t);

    return (uint32_t) (size / RUM_RECENT_UNIT);
}
