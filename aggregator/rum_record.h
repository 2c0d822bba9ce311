/*
 * An entry on its way into the delta: what the files that record it share.
 * rum_record.c finds where it counts and counts it, rum_record_values.c does
 * its metrics and what they replace, rum_record_details.c what it lists.
 */

#ifndef RUM_RECORD_H
#define RUM_RECORD_H

#include "rum_partition.h"

typedef struct {
    rum_partition_t      *p;
    const rum_event_t    *event;
    uint64_t              time;         /* ms, when the entry was added */
    unsigned              counting;     /* 0: only to be remembered */
    unsigned              began;        /* a view that had not begun yet */
    unsigned              again;        /* a beacon that came before: what it
                                           lists is counted */
    rum_place_t           place;
    uint32_t              n;            /* metrics that count */
    rum_sample_t          samples[RUM_MAX_METRICS];
    rum_recent_value_t    values[RUM_MAX_METRICS];
    uint8_t               stale[RUM_MAX_METRICS];   /* a newer one is known */
    uint8_t               kinds[RUM_MAX_METRICS];   /* rum_sample_e */
    const rum_str_t      *ids[RUM_MAX_METRICS];
} rum_record_t;

/* the number of a text cut to so many bytes; NONE of the empty one */
uint32_t rum_record_value(rum_record_t *r, const rum_str_t *text,
    size_t max);

/* the same, and "(unknown)" of the empty one */
uint32_t rum_record_known(rum_record_t *r, const rum_str_t *text,
    size_t max);

/* of a view, a metric id, a session: kind keeps them apart */
uint64_t rum_record_key(const rum_record_t *r, const rum_str_t *id,
    unsigned kind);

/* metrics that count, and what they are attributed to */
int rum_record_metrics(rum_record_t *r);
int rum_record_attributions(rum_record_t *r);

/* takes back what they replace, and keeps them for what replaces them */
int rum_record_remember(rum_record_t *r);

/* after that: what was replaced before it came counts nowhere */
int rum_record_values(rum_record_t *r);

void rum_record_sample(const rum_partition_t *p, uint32_t cell,
    double value, rum_sample_t *sample);

/* finds out whether the beacon came before; e are the bytes of the event */
int rum_record_again(rum_record_t *r, const rum_str_t *e);

/* errors, resources, actions, events, and where the view came from */
int rum_record_details(rum_record_t *r);

/* how fast the session is; what was counted is remembered too */
int rum_record_speed(rum_record_t *r);

#endif /* RUM_RECORD_H */
