/*
 * Which minutes have values that may still be replaced.  A value enters
 * "total" only when that is over, so that nothing in it ever falls.
 *
 * The clock of this is the stream: a value of a minute has settled for every
 * entry that was added "settle" after the minute's end or later.  An entry's
 * id alone decides, so that reading again decides the same.  Until then the
 * minute of the site is written down, in Redis too, and its windows "1m" are
 * what "total" still lacks; then they are merged into it, in the transaction
 * that crosses the minute out.
 *
 *   a value comes       its minute is still open, or gets opened: it counts
 *                       there.  Else it enters "total" at once.
 *   and replaces one    that has not settled: the old one is taken back;
 *                       that has: the new one stands where the old one
 *                       stood, and "total" keeps the old one
 */

#ifndef RUM_SETTLE_H
#define RUM_SETTLE_H

#include "rum_map.h"

typedef struct {
    uint32_t              site;
    uint32_t              minute;
    unsigned              stored:1;     /* Redis has it */
    unsigned              due:1;        /* in this flush */
} rum_open_minute_t;

typedef struct {
    rum_map_t             map;
    rum_open_minute_t    *minutes;
    uint32_t              n;
    uint32_t              size;
} rum_settle_t;

/* Unix ms from which on the values of the minute have settled */
static inline uint64_t
rum_settle_time(uint64_t settle, uint32_t minute)
{
    return settle == 0 ? 0 : ((uint64_t) minute + 1) * 60000 + settle;
}

void rum_settle_init(rum_settle_t *s);
void rum_settle_free(rum_settle_t *s);

/* 1 if the minute of the site is open */
int rum_settle_open(const rum_settle_t *s, uint32_t site, uint32_t minute);

/* opens it, if it is not; RUM_ERROR without memory */
int rum_settle_add(rum_settle_t *s, uint32_t site, uint32_t minute,
    unsigned stored);

/* drops those that are due, and takes the others as stored */
int rum_settle_stored(rum_settle_t *s);

#endif /* RUM_SETTLE_H */
