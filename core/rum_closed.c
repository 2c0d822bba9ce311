/*
 * Sums over closed windows: see rum_closed.h.
 *
 *   newest <-> ... <-> oldest       each: key, fields
 *
 *   fields: [value's length][packed length] value packed, and so on
 */

#include <stdlib.h>

#include "rum_closed.h"
#include "rum_pack.h"

#define RUM_CLOSED_NUMBER      9        /* bytes of the longest */


typedef struct rum_closed_entry_s  rum_closed_entry_t;

struct rum_closed_entry_s {
    rum_closed_entry_t    *newer;
    rum_closed_entry_t    *older;
    rum_closed_sum_t       sum;
    uint64_t               until;       /* Unix seconds */
    size_t                 size;
};

struct rum_closed_s {
    rum_closed_entry_t    *newest;
    rum_closed_entry_t    *oldest;
    uint32_t               n;
    size_t                 size;
    size_t                 max;
};


static rum_closed_entry_t *rum_closed_entry(rum_closed_t *closed,
    const rum_str_t *key);
static void rum_closed_link(rum_closed_t *closed, rum_closed_entry_t *entry);
static void rum_closed_unlink(rum_closed_t *closed,
    rum_closed_entry_t *entry);
static void rum_closed_drop(rum_closed_t *closed, rum_closed_entry_t *entry);


rum_closed_t *
rum_closed_create(size_t max)
{
    rum_closed_t  *closed;

    closed = calloc(1, sizeof(rum_closed_t));

    if (closed != NULL) {
        closed->max = max;
    }

    return closed;
}


void
rum_closed_destroy(rum_closed_t *closed)
{
    while (closed->newest != NULL) {
        rum_closed_drop(closed, closed->newest);
    }

    free(closed);
}


int
rum_closed_find(rum_closed_t *closed, const rum_str_t *key, uint64_t now,
    rum_closed_sum_t *sum)
{
    rum_closed_entry_t  *entry;

    entry = rum_closed_entry(closed, key);
    if (entry == NULL) {
        return RUM_DECLINED;
    }

    if (now >= entry->until) {
        entry->until = now + RUM_CLOSED_RENEWAL;
        return RUM_DECLINED;
    }

    rum_closed_unlink(closed, entry);
    rum_closed_link(closed, entry);

    *sum = entry->sum;

    return RUM_OK;
}


void
rum_closed_put(rum_closed_t *closed, const rum_closed_sum_t *sum,
    uint64_t now)
{
    size_t               size;
    unsigned char       *p;
    rum_closed_entry_t  *entry;

    entry = rum_closed_entry(closed, &sum->key);

    if (entry != NULL) {
        rum_closed_drop(closed, entry);
    }

    size = sizeof(rum_closed_entry_t) + sum->key.len + sum->fields.len;

    if (size > closed->max) {
        return;
    }

    while (closed->n == RUM_CLOSED_SUMS || closed->size + size > closed->max) {
        rum_closed_drop(closed, closed->oldest);
    }

    entry = malloc(size);
    if (entry == NULL) {
        return;
    }

    p = (unsigned char *) (entry + 1);

    entry->sum = *sum;
    entry->sum.key.data = p;
    entry->sum.fields.data = p + sum->key.len;
    entry->until = now + RUM_CLOSED_AGE;
    entry->size = size;

    rum_bytes_copy(p, sum->key.data, sum->key.len);
    rum_bytes_copy(p + sum->key.len, sum->fields.data, sum->fields.len);

    rum_closed_link(closed, entry);
    closed->n++;
    closed->size += size;
}


static rum_closed_entry_t *
rum_closed_entry(rum_closed_t *closed, const rum_str_t *key)
{
    rum_closed_entry_t  *entry;

    for (entry = closed->newest; entry != NULL; entry = entry->older) {
        if (rum_str_eq(&entry->sum.key, key)) {
            break;
        }
    }

    return entry;
}


/* as the newest */

static void
rum_closed_link(rum_closed_t *closed, rum_closed_entry_t *entry)
{
    entry->newer = NULL;
    entry->older = closed->newest;

    if (closed->newest != NULL) {
        closed->newest->newer = entry;

    } else {
        closed->oldest = entry;
    }

    closed->newest = entry;
}


static void
rum_closed_unlink(rum_closed_t *closed, rum_closed_entry_t *entry)
{
    if (entry->newer != NULL) {
        entry->newer->older = entry->older;

    } else {
        closed->newest = entry->older;
    }

    if (entry->older != NULL) {
        entry->older->newer = entry->newer;

    } else {
        closed->oldest = entry->newer;
    }
}


static void
rum_closed_drop(rum_closed_t *closed, rum_closed_entry_t *entry)
{
    rum_closed_unlink(closed, entry);

    closed->n--;
    closed->size -= entry->size;

    free(entry);
}


void
rum_closed_add(rum_text_t *fields, const rum_str_t *value,
    const rum_str_t *packed)
{
    uint32_t  lens[2];

    lens[0] = (uint32_t) value->len;
    lens[1] = (uint32_t) packed->len;

    rum_text_add(fields, lens, sizeof(lens));
    rum_text_add_str(fields, value);
    rum_text_add_str(fields, packed);
}


void
rum_closed_add_histogram(rum_text_t *fields, const rum_str_t *value,
    const rum_histogram_t *h)
{
    int        len;
    size_t     size;
    rum_str_t  packed;

    size = rum_histogram_encoded_max(h);

    packed.data = malloc(size);
    if (packed.data == NULL) {
        fields->status = RUM_ERROR;
        return;
    }

    len = rum_histogram_encode(h, packed.data, size);
    packed.len = len > 0 ? len : 0;

    rum_closed_add(fields, value, &packed);
    free(packed.data);
}


void
rum_closed_add_number(rum_text_t *fields, const rum_str_t *value, int64_t n)
{
    rum_str_t      packed;
    rum_pack_t     p;
    unsigned char  buf[RUM_CLOSED_NUMBER];

    p.pos = buf;
    p.end = buf + sizeof(buf);
    p.full = 0;

    msgpack_pack_int64(&p, n);

    packed.data = buf;
    packed.len = p.pos - buf;

    rum_closed_add(fields, value, &packed);
}


void
rum_closed_add_slowest(rum_text_t *fields, const rum_str_t *value,
    const rum_slowest_t *slowest)
{
    int            len;
    rum_str_t      packed;
    unsigned char  buf[RUM_SLOWEST_MAX];

    len = rum_slowest_encode(slowest, buf, sizeof(buf));

    packed.data = buf;
    packed.len = len > 0 ? len : 0;

    rum_closed_add(fields, value, &packed);
}


int
rum_closed_next(rum_str_t *fields, rum_str_t *value, rum_str_t *packed)
{
    uint32_t  lens[2];

    if (fields->len < sizeof(lens)) {
        return RUM_DECLINED;
    }

    memcpy(lens, fields->data, sizeof(lens));

    value->data = fields->data + sizeof(lens);
    value->len = lens[0];
    packed->data = value->data + value->len;
    packed->len = lens[1];

    fields->data = packed->data + packed->len;
    fields->len -= sizeof(lens) + value->len + packed->len;

    return RUM_OK;
}
