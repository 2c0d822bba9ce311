/*
 * Sampling by session: which ones are kept, and for how many each stands.
 * Used by the module (rum_sample); docs/directives.md says what users see.
 *
 * Both follow from a hash of the session's id and nothing else, so that all
 * beacons of a session fare alike, wherever and whenever they come, and what
 * replaces an earlier value weighs as much.  A session that is kept at some
 * rate is kept at any higher one.
 *
 *   hash   [ kept if this is below the rate | one more if this is ... ]
 *           upper 32 bits                     lower 32 bits
 *
 * A weight is a whole number: 1 / rate rounded down, and one more for so many
 * of those kept that the mean is 1 / rate exactly.
 */

#ifndef RUM_WEIGHT_H
#define RUM_WEIGHT_H

#include "rum_event.h"

#define RUM_RATE_ALL           1000000  /* rates are in millionths */
#define RUM_RATE_MIN           (RUM_RATE_ALL / RUM_MAX_WEIGHT)

/* the same on every machine: FNV-1a, 64 bits, with its bits mixed */
uint64_t rum_weight_hash(const rum_str_t *id);

/*
 * 0: not to be kept, else 1 .. RUM_MAX_WEIGHT.  The rate is at least
 * RUM_RATE_MIN; with RUM_RATE_ALL it is always 1.
 */
uint32_t rum_weight(uint64_t hash, uint32_t rate);

#endif /* RUM_WEIGHT_H */
