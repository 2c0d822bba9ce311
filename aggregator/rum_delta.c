/*
 * What was counted since the last flush: see rum_delta.h.
 */

#define _GNU_SOURCE                     /* qsort_r() */

#include "rum_delta.h"
#include "rum_huge.h"

#include <stdlib.h>


#define RUM_DELTA_MIN      65536


static rum_delta_event_t *rum_delta_add_event(rum_delta_t *d,
    const rum_place_t *place, uint32_t samples);
static size_t rum_delta_event_size(const rum_delta_event_t *event);
static int rum_delta_add_member(rum_delta_t *d, const rum_place_t *place,
    uint32_t dim, uint32_t first, uint32_t second);
static uint32_t rum_delta_group(rum_delta_t *d, const rum_place_t *place,
    uint32_t dim, uint32_t first, uint32_t second);
static int rum_delta_string(rum_delta_t *d, const rum_str_t *s,
    size_t *offset);
static int rum_delta_compare(const void *one, const void *two, void *data);
static void *rum_delta_grow(void *array, size_t n, size_t *size,
    size_t width);


void
rum_delta_init(rum_delta_t *d, const rum_rollup_t *rollup)
{
    memset(d, 0, sizeof(rum_delta_t));
    d->rollup = rollup;
    d->serial = 1;
}


void
rum_delta_free(rum_delta_t *d)
{
    free(d->events);
    free(d->members);
    free(d->groups);
    free(d->strings);
    free(d->slowest);
    free(d->rejected);
    free(d->order);
    free(d->lists);
    rum_map_free(&d->map);
    rum_delta_init(d, d->rollup);
}


void
rum_delta_reset(rum_delta_t *d)
{
    d->nevents = 0;
    d->events_len = 0;
    d->nmembers = 0;
    d->ngroups = 0;
    d->nstrings = 0;
    d->nslowest = 0;
    d->nrejected = 0;
    d->serial++;
    rum_map_clear(&d->map);
}


int
rum_delta_large(const rum_delta_t *d)
{
    return d->events_len
           + d->nmembers * sizeof(uint32_t) * 2
           + d->nstrings
           > RUM_DELTA_LARGE;
}


int
rum_delta_empty(const rum_delta_t *d)
{
    return d->nevents == 0 && d->nrejected == 0;
}


rum_delta_event_t *
rum_delta_event(rum_delta_t *d, const rum_place_t *place, uint32_t samples)
{
    size_t                   before;
    uint32_t                 i, first, second;
    rum_delta_event_t       *event;
    const rum_rollup_dim_t  *dim;

    event = rum_delta_add_event(d, place, samples);
    if (event == NULL) {
        return NULL;
    }

    before = d->nmembers;

    for (i = 0; i < d->rollup->ndims; i++) {
        dim = &d->rollup->dims[i];

        first = dim->first == RUM_ATTR_NONE ? RUM_VALUE_ALL
                                            : place->values[dim->first];
        second = dim->second == RUM_ATTR_NONE ? RUM_VALUE_NONE
                                              : place->values[dim->second];

        if (rum_delta_add_member(d, place, i, first, second) != RUM_OK) {
            return NULL;
        }
    }

    for (i = 0; i < place->nown; i++) {
        if (rum_delta_add_member(d, place,
                                 d->rollup->ndims + place->own[i].dim,
                                 place->own[i].value, RUM_VALUE_NONE)
            != RUM_OK)
        {
            return NULL;
        }
    }

    event->nmembers = (uint8_t) (d->nmembers - before);

    return event;
}


rum_delta_event_t *
rum_delta_detail(rum_delta_t *d, const rum_place_t *place, uint32_t samples)
{
    return rum_delta_add_event(d, place, samples);
}


int
rum_delta_member(rum_delta_t *d, rum_delta_event_t *event,
    const rum_place_t *place, rum_detail_e detail, uint32_t first,
    uint32_t second)
{
    event->nmembers++;

    return rum_delta_add_member(d, place, RUM_DIM_DETAILS + detail, first,
                                second);
}


int
rum_delta_slowest(rum_delta_t *d, const rum_slowest_t *slowest)
{
    void                 *array;
    size_t                url;
    rum_group_t          *group;
    rum_slowest_t         known;
    rum_delta_slowest_t  *kept;

    group = &d->groups[d->members[d->nmembers - 1]];

    if (rum_delta_slowest_of(d, group, &known) == RUM_OK
        && !rum_slowest_before(slowest, &known))
    {
        return RUM_OK;
    }

    if (group->slowest == 0) {
        array = rum_delta_grow(d->slowest, d->nslowest, &d->slowest_size,
                               sizeof(rum_delta_slowest_t));
        if (array == NULL) {
            return RUM_ERROR;
        }

        d->slowest = array;
        group->slowest = (uint32_t) ++d->nslowest;
    }

    if (rum_delta_string(d, &slowest->url, &url) != RUM_OK) {
        return RUM_ERROR;
    }

    kept = &d->slowest[group->slowest - 1];
    kept->duration = slowest->duration;
    kept->url = url;
    kept->len = slowest->url.len;

    return RUM_OK;
}


int
rum_delta_slowest_of(const rum_delta_t *d, const rum_group_t *group,
    rum_slowest_t *slowest)
{
    const rum_delta_slowest_t  *kept;

    if (group->slowest == 0) {
        return RUM_DECLINED;
    }

    kept = &d->slowest[group->slowest - 1];
    slowest->duration = kept->duration;
    slowest->url.data = d->strings + kept->url;
    slowest->url.len = kept->len;

    return RUM_OK;
}


rum_delta_event_t *
rum_delta_next(const rum_delta_t *d, uint32_t *units)
{
    if (*units == d->last) {
        return NULL;
    }

    *units += (uint32_t) (rum_delta_event_size(rum_delta_event_at(d, *units))
                          / RUM_DELTA_UNIT);

    return rum_delta_event_at(d, *units);
}


/* after the last one, whose samples are all there by now */

static rum_delta_event_t *
rum_delta_add_event(rum_delta_t *d, const rum_place_t *place,
    uint32_t samples)
{
    size_t              size, needed;
    unsigned char      *events;
    rum_delta_event_t  *event;

    if (d->nevents > 0) {
        event = rum_delta_event_at(d, d->last);
        d->events_len += rum_delta_event_size(event);
    }

    needed = d->events_len + sizeof(rum_delta_event_t)
             + samples * sizeof(rum_sample_t);

    if (d->events_size < needed) {
        size = d->events_size ? 2 * d->events_size : RUM_DELTA_MIN;
        size = size > needed ? size : 2 * needed;

        events = rum_huge_alloc(size);
        if (events == NULL) {
            return NULL;
        }

        if (d->events_len > 0) {
            memcpy(events, d->events, d->events_len);
        }

        free(d->events);
        d->events = events;
        d->events_size = size;
    }

    d->last = (uint32_t) (d->events_len / RUM_DELTA_UNIT);
    d->nevents++;

    event = rum_delta_event_at(d, d->last);
    memset(event, 0, sizeof(rum_delta_event_t));
    event->weight = (uint16_t) place->weight;

    return event;
}


static size_t
rum_delta_event_size(const rum_delta_event_t *event)
{
    return sizeof(rum_delta_event_t)
           + event->nsamples * sizeof(rum_sample_t);
}


static int
rum_delta_add_member(rum_delta_t *d, const rum_place_t *place, uint32_t dim,
    uint32_t first, uint32_t second)
{
    void      *array;
    uint32_t   group;

    group = rum_delta_group(d, place, dim, first, second);
    if (group == RUM_MAP_NONE) {
        return RUM_ERROR;
    }

    array = rum_delta_grow(d->members, d->nmembers, &d->members_size,
                           sizeof(uint32_t));
    if (array == NULL) {
        return RUM_ERROR;
    }

    d->members = array;
    d->members[d->nmembers++] = group;
    d->groups[group].count++;

    return RUM_OK;
}


/* finds or makes the group */

static uint32_t
rum_delta_group(rum_delta_t *d, const rum_place_t *place, uint32_t dim,
    uint32_t first, uint32_t second)
{
    void         *array;
    uint32_t      i;
    uint64_t      key;
    rum_group_t  *group;

    key = rum_hash_pair((uint64_t) place->minute << 32
                        | place->site << 8 | dim,
                        (uint64_t) first << 32 | second);

    for ( ;; ) {
        i = rum_map_get(&d->map, key);

        if (i == RUM_MAP_NONE) {
            break;
        }

        group = &d->groups[i];

        if (group->first == first && group->second == second
            && group->dim == dim && group->minute == place->minute
            && group->site == place->site)
        {
            return i;
        }

        key++;
    }

    array = rum_delta_grow(d->groups, d->ngroups, &d->groups_size,
                           sizeof(rum_group_t));
    if (array == NULL) {
        return RUM_MAP_NONE;
    }

    d->groups = array;
    i = (uint32_t) d->ngroups;

    if (rum_map_set(&d->map, key, i) != RUM_OK) {
        return RUM_MAP_NONE;
    }

    group = &d->groups[d->ngroups++];
    memset(group, 0, sizeof(rum_group_t));

    group->site = place->site;
    group->dim = dim;
    group->minute = place->minute;
    group->first = first;
    group->second = second;

    return i;
}


int
rum_delta_session(rum_delta_t *d, rum_delta_event_t *event,
    const rum_str_t *session, unsigned resolutions)
{
    size_t  offset;

    if (rum_delta_string(d, session, &offset) != RUM_OK) {
        return RUM_ERROR;
    }

    event->session = (uint32_t) offset;
    event->session_len = (uint8_t) session->len;
    event->session_res = (uint8_t) resolutions;

    return RUM_OK;
}


int
rum_delta_reject(rum_delta_t *d, const char *entry, const rum_str_t *id,
    const rum_str_t *e, const char *error)
{
    rum_rejected_t  *r;

    if (d->rejected == NULL) {
        d->rejected = malloc(RUM_DELTA_REJECTED * sizeof(rum_rejected_t));
        if (d->rejected == NULL) {
            return RUM_ERROR;
        }
    }

    if (d->nrejected == RUM_DELTA_REJECTED) {
        d->nrejected--;
        memmove(d->rejected, d->rejected + 1,
                d->nrejected * sizeof(rum_rejected_t));
    }

    r = &d->rejected[d->nrejected];
    memset(r, 0, sizeof(rum_rejected_t));

    if (rum_delta_string(d, id, &r->id) != RUM_OK
        || rum_delta_string(d, e, &r->e) != RUM_OK)
    {
        return RUM_ERROR;
    }

    strncpy(r->entry, entry, sizeof(r->entry) - 1);
    r->id_len = (uint32_t) id->len;
    r->e_len = (uint32_t) e->len;
    r->has_id = id->data != NULL;
    r->has_e = e->data != NULL;
    r->error = error;

    d->nrejected++;

    return RUM_OK;
}


static int
rum_delta_string(rum_delta_t *d, const rum_str_t *s, size_t *offset)
{
    size_t          size;
    unsigned char  *strings;

    *offset = d->nstrings;

    if (s->len == 0) {
        return RUM_OK;
    }

    if (d->strings_size - d->nstrings < s->len) {
        for (size = d->strings_size ? 2 * d->strings_size : 4096;
             size - d->nstrings < s->len;
             size *= 2)
        {
            /* void */
        }

        strings = realloc(d->strings, size);
        if (strings == NULL) {
            return RUM_ERROR;
        }

        d->strings = strings;
        d->strings_size = size;
    }

    memcpy(d->strings + d->nstrings, s->data, s->len);
    d->nstrings += s->len;

    return RUM_OK;
}


int
rum_delta_sort(rum_delta_t *d)
{
    void               *array;
    size_t              i, total;
    uint32_t            k, units, *member;
    rum_group_t        *group;
    rum_delta_event_t  *event;

    if (d->order_size < d->ngroups) {
        array = realloc(d->order, d->groups_size * sizeof(uint32_t));
        if (array == NULL) {
            return RUM_ERROR;
        }

        d->order = array;
        d->order_size = d->groups_size;
    }

    if (d->lists_size < d->nmembers) {
        array = realloc(d->lists, d->members_size * sizeof(uint32_t));
        if (array == NULL) {
            return RUM_ERROR;
        }

        d->lists = array;
        d->lists_size = d->members_size;
    }

    for (i = 0, total = 0; i < d->ngroups; i++) {
        group = &d->groups[i];
        group->list = (uint32_t) total;
        total += group->count;
        group->count = 0;
        d->order[i] = (uint32_t) i;
    }

    member = d->members;

    for (i = 0, units = 0; i < d->nevents; i++) {
        event = rum_delta_event_at(d, units);

        for (k = 0; k < event->nmembers; k++) {
            group = &d->groups[*member++];
            d->lists[group->list + group->count++] = units;
        }

        units += (uint32_t) (rum_delta_event_size(event) / RUM_DELTA_UNIT);
    }

    if (d->ngroups > 0) {
        qsort_r(d->order, d->ngroups, sizeof(uint32_t), rum_delta_compare,
                d);
    }

    return RUM_OK;
}


/* by site, dimension, and then as they came */

static int
rum_delta_compare(const void *one, const void *two, void *data)
{
    uint32_t            i, k;
    rum_delta_t        *d;
    const rum_group_t  *a, *b;

    d = data;
    i = *(const uint32_t *) one;
    k = *(const uint32_t *) two;
    a = &d->groups[i];
    b = &d->groups[k];

    if (a->site != b->site) {
        return a->site < b->site ? -1 : 1;
    }

    if (a->dim != b->dim) {
        return a->dim < b->dim ? -1 : 1;
    }

    return i < k ? -1 : i > k;
}


/* room for one more element; NULL without memory */

static void *
rum_delta_grow(void *array, size_t n, size_t *size, size_t width)
{
    size_t  wanted;

    if (n < *size) {
        return array;
    }

    wanted = *size ? 2 * *size : 256;

    array = realloc(array, wanted * width);
    if (array != NULL) {
        *size = wanted;
    }

    return array;
}
