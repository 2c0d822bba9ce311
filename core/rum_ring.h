/*
 * Where in one piece of memory the next entry of a queue goes: each in one
 * piece, freed in the order in which they came.  Knows offsets and numbers
 * only; the entries are their owner's (the module's ring of events).
 *
 * As long as what is held is little, only the first RUM_RING_WARM bytes are
 * used again and again: they stay in the processor's cache, and the rest is
 * never touched.
 */

#ifndef RUM_RING_H
#define RUM_RING_H

#include "rum.h"

#define RUM_RING_WARM          262144
#define RUM_RING_FULL          ((size_t) -1)

typedef struct {
    size_t                size;
    size_t                head;         /* behind the newest entry */
    size_t                warm;         /* go round before here if possible */
    size_t                end;          /* where it last went round */
    uint64_t              jump;         /* the first entry behind "end" again,
                                           or older than all that are held */
} rum_ring_t;

void rum_ring_init(rum_ring_t *ring, size_t size);

/*
 * The offset of len bytes for the entry number "next", or RUM_RING_FULL.
 * Entries first .. next-1 are held; first_at is the offset of the first, if
 * there is one.  Numbers only grow.  What is reserved is taken: an entry of
 * that number must follow.
 */
size_t rum_ring_reserve(rum_ring_t *ring, uint64_t first, size_t first_at,
    uint64_t next, size_t len);

#endif /* RUM_RING_H */
