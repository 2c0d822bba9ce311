/*
 * A small number for each of the keys of the last while: how fast a session
 * has been so far, which beacons have been seen.
 *
 * A key is remembered for "recent" after it was set last, at least, and twice
 * as long at most: there are two maps, and the older one is dropped from time
 * to time.  The time is that of the stream, so that reading again remembers
 * the same.
 */

#ifndef RUM_LATELY_H
#define RUM_LATELY_H

#include "rum_config.h"
#include "rum_map.h"

typedef struct {
    uint64_t              span;         /* ms; 0: nothing is remembered */
    uint32_t              max;          /* keys in a map */
    uint64_t              period;       /* time / span, of the newer map */
    rum_map_t             newer;
    rum_map_t             older;
} rum_lately_t;

void rum_lately_init(rum_lately_t *l, const rum_config_t *config);
void rum_lately_free(rum_lately_t *l);

/*
 * The number, or RUM_MAP_NONE; time is the entry's, in ms, and never goes
 * back.  What has to be forgotten early for want of room is added to
 * *forgotten.
 */
uint32_t rum_lately_get(rum_lately_t *l, uint64_t key, uint64_t time,
    uint64_t *forgotten);

/* RUM_ERROR without memory */
int rum_lately_set(rum_lately_t *l, uint64_t key, uint32_t value);

#endif /* RUM_LATELY_H */
