/*
 * What was counted since the last flush.  An event is written down once,
 * with the list of groups it belongs to; a group is one value of one
 * dimension in one minute.  Nothing is added up before the flush, which then
 * goes through one group after the other, its histograms in the cache:
 *
 *   events    [counters | session | n members | sample, sample, ...] ...
 *   members   group, group, ...             as each event has them
 *   groups    [site, dimension, minute, value(s)]
 *
 * A value that a later one replaces becomes void, if its event is still here;
 * if not, it is taken back by an event of its own, a removed sample in the
 * groups of the old event.
 */

#ifndef RUM_DELTA_H
#define RUM_DELTA_H

#include "rum_histogram.h"
#include "rum_intern.h"
#include "rum_site.h"

#define RUM_MAX_TRACED         7        /* lcp_target, lcp_url, ... */

/* where an event counts */
typedef struct {
    uint32_t              dim;          /* number of the own dimension, or a
                                           detail */
    uint32_t              value;
} rum_own_value_t;

typedef struct {
    uint32_t              site;
    uint32_t              minute;       /* Unix time / 60 */
    uint32_t              serial;       /* of the delta it was added to; 0:
                                           none */
    uint32_t              event;        /* and where in it: units */
    uint32_t              weight;       /* how often it counts */
    uint32_t              nown;
    uint32_t              ntraced;
    uint32_t              values[RUM_ROLLUP_ATTRS];     /* interned */
    rum_own_value_t       own[RUM_MAX_DIMS];
    rum_own_value_t       traced[RUM_MAX_TRACED];   /* what its metrics are
                                           attributed to, by rum_detail_e */
} rum_place_t;

#define RUM_SAMPLE_ZERO        INT16_MIN    /* up to RUM_HISTOGRAM_ZERO */

typedef enum {
    RUM_SAMPLE_ADDED = 0,
    RUM_SAMPLE_MOVED,                   /* instead of one that "total" has */
    RUM_SAMPLE_REMOVED,                 /* of an earlier delta: taken back */
    RUM_SAMPLE_VOID,                    /* replaced before it was stored */
    RUM_SAMPLE_COUNTER                  /* so much is added to a counter */
} rum_sample_e;

typedef struct {
    double                value;
    int16_t               bucket;       /* or RUM_SAMPLE_ZERO */
    uint16_t              cell;
    uint8_t               rating;
    uint8_t               kind;         /* rum_sample_e */
} rum_sample_t;

/* one to be taken back, as often as it was counted */
typedef struct {
    const rum_sample_t   *sample;
    uint32_t              weight;
} rum_removed_t;

/* events lie one after the other, at multiples of RUM_DELTA_UNIT */
#define RUM_DELTA_UNIT         16       /* bytes */
#define RUM_DELTA_LARGE        67108864 /* bytes; to be flushed */

typedef struct {
    uint32_t              errors;
    uint32_t              session;      /* offset in strings */
    uint16_t              weight;       /* of all that it counts */
    uint8_t               session_len;
    uint8_t               session_res;  /* resolutions to add it to, by bit */
    uint8_t               beacons:1;
    uint8_t               views:1;
    uint8_t               entrances:1;
    uint8_t               begins:1;     /* an entry's first event */
    uint8_t               values:1;     /* samples are its metrics' values */
    uint8_t               traced:1;     /* the same again, as attributed */
    int8_t                bounces;
    uint8_t               nmembers;     /* <= RUM_ROLLUP_DIMS + own ones */
    uint8_t               nsamples;     /* <= RUM_MAX_METRICS */
    rum_sample_t          samples[];
} rum_delta_event_t;

typedef struct {
    uint32_t              site;
    uint32_t              dim;
    uint32_t              minute;
    uint32_t              first;        /* value, or the pair's first */
    uint32_t              second;       /* RUM_VALUE_NONE unless a pair */
    uint32_t              count;        /* events */
    uint32_t              list;         /* the first of them in lists */
    uint32_t              value;        /* of the rollup, for the flush */
    uint32_t              slowest;      /* its number + 1; 0: none */
} rum_group_t;

/* the slowest resource of a group; the URL is in strings */
typedef struct {
    double                duration;
    size_t                url;
    size_t                len;
} rum_delta_slowest_t;

/* an entry that was not understood; all in strings */
typedef struct {
    char                  entry[44];    /* its id in the stream */
    size_t                id;
    size_t                e;
    uint32_t              id_len;
    uint32_t              e_len;
    unsigned              has_id:1;
    unsigned              has_e:1;
    const char           *error;        /* static */
} rum_rejected_t;

#define RUM_DELTA_REJECTED     1000     /* more in one flush push out the
                                           oldest, as in the stream */

typedef struct {
    const rum_rollup_t   *rollup;

    unsigned char        *events;
    uint32_t             *members;
    rum_group_t          *groups;
    unsigned char        *strings;
    rum_delta_slowest_t  *slowest;
    rum_rejected_t       *rejected;

    size_t                nevents;
    size_t                events_len;   /* bytes, without the last one */
    size_t                events_size;
    uint32_t              last;         /* the last one: units */
    uint32_t              serial;       /* one more with each reset */
    size_t                nmembers, members_size;
    size_t                ngroups, groups_size;
    size_t                nstrings, strings_size;
    size_t                nslowest, slowest_size;
    size_t                nrejected;

    rum_map_t             map;          /* of groups */

    /* made by rum_delta_sort() */
    uint32_t             *order;        /* groups by site and dimension */
    uint32_t             *lists;        /* events of each group: units */
    size_t                order_size, lists_size;
} rum_delta_t;

void rum_delta_init(rum_delta_t *d, const rum_rollup_t *rollup);
void rum_delta_free(rum_delta_t *d);

/* empties it, keeps its memory */
void rum_delta_reset(rum_delta_t *d);

/*
 * An event at the place, to which up to that many samples are going to be
 * added; all else of it is 0.  NULL without memory.  Valid until the next.
 */
rum_delta_event_t *rum_delta_event(rum_delta_t *d, const rum_place_t *place,
    uint32_t samples);

/*
 * An event that counts in details only, in those of the place that it is made
 * a member of.
 * NULL or RUM_ERROR without memory.
 */
rum_delta_event_t *rum_delta_detail(rum_delta_t *d, const rum_place_t *place,
    uint32_t samples);
int rum_delta_member(rum_delta_t *d, rum_delta_event_t *event,
    const rum_place_t *place, rum_detail_e detail, uint32_t first,
    uint32_t second);

/*
 * The group that a member was added of last had such a resource: the slowest
 * one is kept.  RUM_ERROR without memory.
 */
int rum_delta_slowest(rum_delta_t *d, const rum_slowest_t *slowest);

/* that of the group; RUM_DECLINED if it has none.  Valid until the next. */
int rum_delta_slowest_of(const rum_delta_t *d, const rum_group_t *group,
    rum_slowest_t *slowest);

/*
 * The event after the one at that position, or NULL; *units becomes its own.
 */
rum_delta_event_t *rum_delta_next(const rum_delta_t *d, uint32_t *units);

/* the event has a session to be added */
int rum_delta_session(rum_delta_t *d, rum_delta_event_t *event,
    const rum_str_t *session, unsigned resolutions);

static inline rum_delta_event_t *
rum_delta_event_at(const rum_delta_t *d, uint32_t units)
{
    return (rum_delta_event_t *)
               (d->events + (size_t) units * RUM_DELTA_UNIT);
}

/* id and e may have data NULL: absent */
int rum_delta_reject(rum_delta_t *d, const char *entry, const rum_str_t *id,
    const rum_str_t *e, const char *error);

/* 1 when it takes so much memory that a flush should not wait */
int rum_delta_large(const rum_delta_t *d);

/* 1 if there is nothing to store */
int rum_delta_empty(const rum_delta_t *d);

/* fills order and lists */
int rum_delta_sort(rum_delta_t *d);

#endif /* RUM_DELTA_H */
