/*
 * How fast the sessions of the last while have been: the worst LCP rating of
 * a session so far, and its conversions, for the detail "speed".
 *
 * A session is remembered for "recent" after it was last seen, at least, and
 * twice as long at most: there are two maps, and the older one is dropped
 * from time to time.  The time is that of the stream, so that reading again
 * remembers the same.
 */

#ifndef RUM_SPEED_H
#define RUM_SPEED_H

#include "rum_config.h"
#include "rum_map.h"

typedef struct {
    rum_rating_e          rating;       /* RUM_UNRATED: no LCP so far */
    uint32_t              conversions;
} rum_session_t;

typedef struct {
    uint64_t              span;         /* ms */
    uint32_t              max;          /* sessions in a map */
    uint64_t              period;       /* time / span, of the newer map */
    rum_map_t             newer;
    rum_map_t             older;
} rum_speed_t;

void rum_speed_init(rum_speed_t *s, const rum_config_t *config);
void rum_speed_free(rum_speed_t *s);

/* what is known of the session with that key; time is the entry's, in ms */
rum_session_t rum_speed_get(rum_speed_t *s, uint64_t key, uint64_t time,
    uint64_t *forgotten);

/* RUM_ERROR without memory */
int rum_speed_set(rum_speed_t *s, uint64_t key,
    const rum_session_t *session);

#endif /* RUM_SPEED_H */
